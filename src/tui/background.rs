//! The terminal's answer to what colour its background has (OSC 11 of xterm) to dark or light.

use super::theme::{THEMES, Theme};

/// What background a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Darker than half.
    Dark,
    /// Lighter.
    Light,
}

impl Background {
    /// Asks for the colour, and then for what every terminal answers: so one that does not know colours is not waited for.
    pub const QUESTION: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";

    /// Whether the second answer (`ESC [ ? … c`) has come, behind which no other one comes.
    pub fn is_answered(bytes: &[u8]) -> bool {
        let start = bytes.windows(3).position(|start| start == b"\x1b[?");
        start.is_some_and(|start| bytes[start..].contains(&b'c'))
    }

    /// Reads `ESC ] 11 ; rgb:R/G/B` with one to four hexadecimal digits each.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (_, colour) = text.split_once("]11;rgb:")?;
        let mut parts =
            colour.split(|c: char| !c.is_ascii_hexdigit()).filter(|digits| !digits.is_empty()).map(|digits| {
                let most = 16_f64.powi(digits.len().min(4) as i32) - 1.0;
                Some(f64::from(u16::from_str_radix(digits, 16).ok()?) / most)
            });
        let mut next = || parts.next().flatten();
        // As bright as it looks (ITU-R BT.601).
        let brightness = 0.299 * next()? + 0.587 * next()? + 0.114 * next()?;
        Some(if brightness < 0.5 { Self::Dark } else { Self::Light })
    }

    /// The theme for it.
    pub fn theme(self) -> &'static Theme {
        let name = match self {
            Self::Dark => "dark",
            Self::Light => "light",
        };
        Theme::named(name).unwrap_or(&THEMES[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_terminals() {
        for (answer, background) in [
            ("\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62;c", Some(Background::Dark)),
            ("\x1b]11;rgb:ffff/ffff/f000\x07\x1b[?1;2c", Some(Background::Light)),
            ("\x1b]11;rgb:1e/1e/2e\x07\x1b[?1;2c", Some(Background::Dark)),
            ("j\x1b]11;rgb:fd/f6/e3\x07\x1b[?1;2c", Some(Background::Light)),
            ("\x1b[?1;2c", None),
        ] {
            assert_eq!(Background::parse(answer.as_bytes()), background, "{answer:?}");
            assert!(Background::is_answered(answer.as_bytes()), "{answer:?}");
        }
        assert_eq!(Background::parse(b"\x1b]11;rgb:12/34"), None);
        assert!(!Background::is_answered(b"\x1b]11;rgb:0000/0000/0000\x07\x1b[?6"));
    }
}

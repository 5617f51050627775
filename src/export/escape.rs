//! Keeps payload from talking to the terminal.

use std::fmt::Write as _;

/// Whether a character could move, colour, hide or reorder what a terminal shows.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Adds `text` with what is unsafe, and the backslash, written as in a Rust literal.
pub fn push_escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(c)).expect("a String takes all"),
            c if is_unsafe(c) => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a String takes all"),
            c => out.push(c),
        }
    }
}

/// Rewrites JSON so that no string in it holds an unsafe character; its meaning stays the same.
pub fn escape_json(json: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(json.len());
    for c in String::from_utf8_lossy(json).chars() {
        // JSON itself has escaped C0, and line ends stand between records.
        if c != '\n' && is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a String takes all");
            }
        } else {
            out.push(c);
        }
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unsafe_is_left() {
        let mut out = String::new();
        push_escaped("a\\b\n\x1b[2J\u{9b}31m\u{202e}ok €", &mut out);
        assert_eq!(out, "a\\\\b\\n\\x1b[2J\\u{9b}31m\\u{202e}ok €");
        assert!(!out.chars().any(is_unsafe));
    }

    #[test]
    fn escaped_json_means_the_same() {
        let json = "{\"text\":\"\u{7f}\u{9b}\u{202e}€\u{e0041}\"}\n";
        let escaped = escape_json(json.as_bytes());
        let value = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).expect("JSON");
        assert_eq!(value(&escaped), value(json.as_bytes()));
        assert!(!String::from_utf8(escaped).expect("UTF-8").trim_end().chars().any(is_unsafe));
    }
}

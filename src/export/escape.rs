//! Keeps payload from talking to the terminal.

use std::fmt::Write as _;

use crate::payload::Payload;

/// Stands in a readable line for a byte that is not known; where payload holds the character, it is escaped.
pub const UNKNOWN: char = '░';

/// So many bytes that are not known stand in a line one by one; of more their number stands there.
const COUNTED: u64 = 8;

/// Whether a character could move, colour, hide or reorder what a terminal shows.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Adds `text` with what is unsafe, and the backslash and [`UNKNOWN`], written as in a Rust literal.
pub fn push_escaped(text: &str, out: &mut String) {
    // Nearly all there is, which is copied as it stands.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\') {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(c)).expect("a String takes all"),
            c if is_unsafe(c) || c == UNKNOWN => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a String takes all"),
            c => out.push(c),
        }
    }
}

/// Adds the first `most` bytes of a payload of which some are not known: `{"price":░░,"name":"░120 bytes░`; how many
/// they are with all that the last mark stands for.
///
/// What is no UTF-8 is written as bytes, `\xff`.
pub fn push_broken(payload: &Payload, most: usize, out: &mut String) -> usize {
    let most = most.min(payload.bytes.len());
    let mut shown = 0;
    for ((position, count), absent) in breaks(payload) {
        let position = (position as usize).min(most);
        push_bytes(&payload.bytes[shown..position], out);
        shown = position;
        if position == most && most < payload.bytes.len() {
            return most;
        }
        if count <= COUNTED {
            out.extend((0..count).map(|_| UNKNOWN));
        } else {
            write!(out, "{UNKNOWN}{count} bytes{UNKNOWN}").expect("a String takes all");
        }
        if !absent {
            shown = position + count as usize;
        }
        if shown >= most {
            return shown;
        }
    }
    push_bytes(&payload.bytes[shown..most], out);
    most
}

/// What is not known of a payload, in order: a position and how many bytes, and whether they are absent there.
fn breaks(payload: &Payload) -> Vec<((u64, u64), bool)> {
    let unknown = payload.unknown.iter().map(|&range| (range, false));
    let mut breaks: Vec<_> = unknown.chain(payload.holes.iter().map(|&range| (range, true))).collect();
    breaks.sort_by_key(|((position, _), _)| *position);
    breaks
}

fn push_bytes(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        push_escaped(chunk.valid(), out);
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").expect("a String takes all");
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
    fn what_is_not_known_is_seen_and_cannot_be_feigned() {
        let bytes = b"ab\0\0cd\xe2\x96\x91\xff...............end".to_vec();
        let mut payload = Payload::default();
        (payload.bytes, payload.holes, payload.unknown) = (bytes, vec![(5, 1000)], vec![(2, 2), (10, 15)]);
        let mut out = String::new();
        assert_eq!(push_broken(&payload, 99, &mut out), 28);
        assert_eq!(out, "ab░░c░1000 bytes░d\\u{2591}\\xff░15 bytes░end");
        out.clear();
        assert_eq!(push_broken(&payload, 5, &mut out), 5);
        assert_eq!(out, "ab░░c");
        out.clear();
        assert_eq!(push_broken(&payload, 12, &mut out), 25);
        assert!(out.ends_with("\\xff░15 bytes░"), "{out}");
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

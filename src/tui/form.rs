//! Bytes of a payload to lines, in the forms that need no knowledge of what they mean: text, hex, one escaped string.

use crate::export::escape::is_unsafe;

use super::ink::{Ink, Inked, end_within};
use super::show;

/// The form in which a payload is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// As a tree, where it is JSON or was decoded; as text or bytes where it was not.
    #[default]
    Tree,
    /// As text, line by line.
    Text,
    /// As bytes.
    Hex,
    /// As one string with all that is odd written out.
    Raw,
    /// Not at all: the headers of the frames, bit by bit.
    Frames,
}

impl Form {
    /// All of them, in the order in which `v` goes through them.
    pub const ALL: [Self; 5] = [Self::Tree, Self::Text, Self::Hex, Self::Raw, Self::Frames];

    /// `tree`, `text`, `hex`, `raw` or `frames`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Text => "text",
            Self::Hex => "hex",
            Self::Raw => "raw",
            Self::Frames => "frames",
        }
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|&form| form == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// Bytes of a line of hex where there is room for them, and columns that they take then.
const HEX: usize = 16;
const HEX_COLUMNS: usize = 74;
/// Wrapped lines of one payload at most; behind them it is said how much more there is.
const LINES: usize = 1 << 20;

/// Bytes of a line of hex in so many columns.
pub fn hex_bytes(columns: usize) -> usize {
    if columns < HEX_COLUMNS { HEX / 2 } else { HEX }
}

/// Whether bytes are text that a person can read.
pub fn is_readable(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| !text.chars().take(512).any(|c| is_unsafe(c) && !c.is_ascii_whitespace()))
}

/// Where each line of a text begins and ends, wrapped at so many columns.
pub fn text_lines(bytes: &[u8], columns: usize) -> Vec<(usize, usize)> {
    let columns = columns.max(8);
    let mut lines = Vec::new();
    let mut start = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let end = start + line.len();
        let mut visible = end - usize::from(line.ends_with(b"\n"));
        visible -= usize::from(bytes[start..visible].ends_with(b"\r"));
        let mut at = start;
        loop {
            let cut = wrap(&bytes[at..visible], columns);
            lines.push((at, at + cut));
            at += cut;
            if at >= visible || lines.len() >= LINES {
                break;
            }
        }
        start = end;
        if lines.len() >= LINES {
            break;
        }
    }
    lines
}

/// Bytes of the line that fit in the columns, written as `show::line` does.
fn wrap(line: &[u8], columns: usize) -> usize {
    // Each byte takes at least a quarter of a column, as no character has more than four.
    let beginning = &line[..line.len().min(columns * 4 + 4)];
    let text = match str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default(),
        // Bytes that are no text are shown by one replacement character each.
        Err(_) => return 1.min(line.len()),
    };
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let mut bytes = [0; 4];
        used += show::columns(&show::line(c.encode_utf8(&mut bytes)));
        if used > columns && at > 0 {
            return at;
        }
    }
    text.len()
}

/// One string with all that is odd written out, cut to lines.
pub fn raw_lines(bytes: &[u8], columns: usize) -> Vec<Inked> {
    let mut escaped = String::new();
    for chunk in bytes.utf8_chunks() {
        escaped.push_str(&show::escaped(chunk.valid()));
        for byte in chunk.invalid() {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    let mut lines = Vec::new();
    let mut rest = escaped.as_str();
    while !rest.is_empty() && lines.len() < LINES {
        let (line, behind) = rest.split_at(end_within(rest, columns.max(8)));
        lines.push(Inked::of(Ink::Plain, line));
        rest = behind;
    }
    lines
}

/// A line of so many bytes by its number: offset, bytes, characters.
pub fn hex_line(bytes: &[u8], number: usize, each: usize) -> Option<Inked> {
    let start = number * each;
    let row = bytes.get(start..bytes.len().min(start + each)).filter(|row| !row.is_empty())?;
    let mut hex = String::new();
    for at in 0..each {
        if at == HEX / 2 {
            hex.push(' ');
        }
        hex.push_str(&row.get(at).map_or_else(|| "   ".to_owned(), |byte| format!("{byte:02x} ")));
    }
    let ascii: String =
        row.iter().map(|&byte| if matches!(byte, 0x20..0x7f) { char::from(byte) } else { '.' }).collect();
    Some(Inked::of(Ink::Dim, format!("{start:06x}  ")).and(Ink::Number, hex).and(Ink::Plain, format!(" {ascii}")))
}

//! The header section of a head: its lines, and what is asked of them (RFC 9110 §5, RFC 9112 §5).

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Header lines in their order, names and values as sent; folded lines are joined with a space (RFC 9112 §5.2).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Headers {
    /// Where the lines stand: the section as it was sent, and what was put together behind it.
    text: String,
    lines: Vec<Line>,
    /// The first line that is not HTTP syntax.
    pub malformed: Option<Box<str>>,
    /// How many fields are not known whole: over HTTP/2 they may refer to what was not captured.
    pub unknown: usize,
}

/// A header line, in the text of its section.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    known: Option<Name>,
    name: Range<usize>,
    value: Range<usize>,
}

/// The names that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Name {
    /// `:authority` of HTTP/2 (RFC 9113 §8.3.1).
    Authority,
    /// `Connection` (RFC 9110 §7.6.1).
    Connection,
    /// `Content-Length` (RFC 9110 §8.6).
    ContentLength,
    /// `Host` (RFC 9110 §7.2).
    Host,
    /// `Origin` (RFC 6454 §7).
    Origin,
    /// `:scheme` of HTTP/2 (RFC 9113 §8.3.1).
    Scheme,
    /// `Sec-WebSocket-Accept` (RFC 6455 §11.3.3).
    SecWebSocketAccept,
    /// `Sec-WebSocket-Extensions` (RFC 6455 §11.3.2).
    SecWebSocketExtensions,
    /// `Sec-WebSocket-Key` (RFC 6455 §11.3.1).
    SecWebSocketKey,
    /// `Sec-WebSocket-Protocol` (RFC 6455 §11.3.4).
    SecWebSocketProtocol,
    /// `Sec-WebSocket-Version` (RFC 6455 §11.3.5).
    SecWebSocketVersion,
    /// `Transfer-Encoding` (RFC 9112 §6.1).
    TransferEncoding,
    /// `Upgrade` (RFC 9110 §7.8).
    Upgrade,
    /// `User-Agent` (RFC 9110 §10.1.5).
    UserAgent,
}

impl Name {
    /// The name that is written so, in any case.
    fn of(name: &[u8]) -> Option<Self> {
        // As long as the longest of them, and two vectors.
        let mut lower = [0; 32];
        lower.get_mut(..name.len())?.copy_from_slice(name);
        lower.make_ascii_lowercase();
        Some(match &lower[..name.len()] {
            b":authority" => Self::Authority,
            b"connection" => Self::Connection,
            b"content-length" => Self::ContentLength,
            b"host" => Self::Host,
            b"origin" => Self::Origin,
            b":scheme" => Self::Scheme,
            b"sec-websocket-accept" => Self::SecWebSocketAccept,
            b"sec-websocket-extensions" => Self::SecWebSocketExtensions,
            b"sec-websocket-key" => Self::SecWebSocketKey,
            b"sec-websocket-protocol" => Self::SecWebSocketProtocol,
            b"sec-websocket-version" => Self::SecWebSocketVersion,
            b"transfer-encoding" => Self::TransferEncoding,
            b"upgrade" => Self::Upgrade,
            b"user-agent" => Self::UserAgent,
            _ => return None,
        })
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.lines().eq(other.lines()) && self.malformed == other.malformed && self.unknown == other.unknown
    }
}

impl Eq for Headers {}

impl Headers {
    /// Reads a header section (RFC 9112 §5); any bytes are one.
    pub fn read(bytes: &[u8]) -> Self {
        // Nearly always all of it is text, and then so are its parts: they begin and end beside ASCII.
        let whole = str::from_utf8(bytes).ok();
        let text = whole.unwrap_or_default().to_owned();
        let mut headers = Self { text, lines: Vec::with_capacity(1 + bytes.len() / 32), ..Self::default() };
        let mut start = 0;
        while start < bytes.len() {
            let line = &bytes[start..];
            let name = line.iter().position(|byte| !is_token(*byte)).unwrap_or(line.len());
            let length = memchr::memchr(b'\n', &line[name..]).map_or(line.len(), |length| name + length);
            let end = start + length;
            match &bytes[start..end] {
                b"" | b"\r" => {}
                line if name > 0 && line.get(name) == Some(&b':') => {
                    let (name, value) = (start..start + name, trimmed(bytes, start + name + 1..end));
                    match whole {
                        Some(_) => headers.add(name, value),
                        None => headers.push(&self::text(&bytes[name]), &self::text(&bytes[value])),
                    }
                }
                [b' ' | b'\t', ..] if headers.fold(&self::text(&bytes[trimmed(bytes, start..end)])) => {}
                line => {
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    headers.malformed.get_or_insert_with(|| self::text(line).into());
                }
            }
            start = end + 1;
        }
        headers
    }

    /// Bytes of all names and values.
    pub fn size(&self) -> usize {
        self.lines.iter().map(|line| line.name.len() + line.value.len()).sum()
    }

    /// Name and value of each line.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| (&self.text[line.name.clone()], &self.text[line.value.clone()]))
    }

    /// Adds a line.
    pub fn push(&mut self, name: &str, value: &str) {
        let name = self.append(name);
        let value = self.append(value);
        self.add(name, value);
    }

    fn append(&mut self, part: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(part);
        start..self.text.len()
    }

    /// Adds a line that stands in the text already.
    fn add(&mut self, name: Range<usize>, value: Range<usize>) {
        self.lines.push(Line { known: Name::of(&self.text.as_bytes()[name.clone()]), name, value });
    }

    /// Writes other values in the place of those for which `replace` has one.
    pub fn rewrite(&mut self, mut replace: impl FnMut(&str, &str) -> Option<String>) {
        let mut rewritten = Self { malformed: self.malformed.take(), unknown: self.unknown, ..Self::default() };
        for (name, value) in self.lines() {
            rewritten.push(name, replace(name, value).as_deref().unwrap_or(value));
        }
        *self = rewritten;
    }

    /// Adds a folded line to the value of the last one; whether there is one.
    fn fold(&mut self, more: &str) -> bool {
        let Some(Line { value, .. }) = self.lines.last_mut() else { return false };
        if value.end != self.text.len() {
            // Once a line, as what is put together stands at the end.
            let start = self.text.len();
            self.text.extend_from_within(value.clone());
            value.start = start;
        }
        self.text.push(' ');
        self.text.push_str(more);
        value.end = self.text.len();
        true
    }

    /// Values of all lines of this name.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().filter(move |line| line.known == Some(name));
        lines.map(|line| &self.text[line.value.clone()])
    }

    /// Value of the first line of this name.
    pub fn first(&self, name: Name) -> Option<&str> {
        self.all(name).next()
    }

    /// Elements of the comma-separated lists of all lines of this name, empty ones left out (RFC 9110 §5.6.1).
    pub fn elements(&self, name: Name) -> impl Iterator<Item = &str> {
        self.all(name).flat_map(split_list).map(str::trim).filter(|element| !element.is_empty())
    }

    /// Whether a list header has this token, any case.
    pub fn has_token(&self, name: Name, token: &str) -> bool {
        let is_it = |element: &str| element.eq_ignore_ascii_case(token);
        // Nearly always it is the only one.
        self.first(name).is_some_and(is_it) || self.elements(name).any(is_it)
    }

    /// Values of all lines of this name joined with a comma, which means the same (RFC 9110 §5.3).
    pub fn joined(&self, name: Name) -> Option<Box<str>> {
        let mut values = self.all(name);
        let first = values.next()?;
        Some(values.fold(first.to_owned(), |joined, value| joined + ", " + value).into())
    }

    /// Bytes of memory that they take.
    pub fn held(&self) -> usize {
        self.text.capacity() + self.lines.capacity() * size_of::<Line>()
    }

    /// Names, values, and which of those that are asked for each name is.
    pub fn known(&self) -> impl Iterator<Item = (Option<Name>, &str, &str)> {
        self.lines.iter().zip(self.lines()).map(|(line, (name, value))| (line.known, name, value))
    }
}

/// Splits at commas that are not inside a quoted string (RFC 9110 §5.6.4).
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    split_unquoted(value, ',')
}

/// Splits at `separator` where it is not inside a quoted string.
pub fn split_unquoted(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c: char| {
        let split = c == separator && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        split
    })
}

/// A range of bytes without the white space around them.
fn trimmed(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let behind = bytes[range.clone()].trim_ascii_start();
    let start = range.end - behind.len();
    start..start + behind.trim_ascii_end().len()
}

/// Text of header bytes: UTF-8 where it is, else ISO 8859-1 (RFC 9110 §5.5).
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
pub fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let others = b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    let mut byte = 0;
    while byte < table.len() {
        table[byte] |= (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::request;

    #[test]
    fn names_are_known_in_any_case_and_by_nothing_less_than_all_of_them() {
        let names = [
            (":authority", Name::Authority),
            ("Connection", Name::Connection),
            ("Content-Length", Name::ContentLength),
            ("Host", Name::Host),
            ("Origin", Name::Origin),
            (":scheme", Name::Scheme),
            ("Sec-WebSocket-Accept", Name::SecWebSocketAccept),
            ("Sec-WebSocket-Extensions", Name::SecWebSocketExtensions),
            ("Sec-WebSocket-Key", Name::SecWebSocketKey),
            ("Sec-WebSocket-Protocol", Name::SecWebSocketProtocol),
            ("Sec-WebSocket-Version", Name::SecWebSocketVersion),
            ("Transfer-Encoding", Name::TransferEncoding),
            ("Upgrade", Name::Upgrade),
            ("User-Agent", Name::UserAgent),
        ];
        for (text, name) in names {
            assert_eq!(Name::of(text.as_bytes()), Some(name));
            assert_eq!(Name::of(text.to_ascii_uppercase().as_bytes()), Some(name));
            assert_eq!(Name::of(format!("{text}s").as_bytes()), None);
            assert_eq!(Name::of(&text.as_bytes()[1..]), None);
        }
        assert_eq!(Name::of(b""), None);
        assert_eq!(Name::of(&[b'x'; 1000]), None);
    }

    #[test]
    fn folded_lines_are_joined_wherever_they_stand() {
        for (before, after) in [("", ""), ("B: c\r\n", ""), ("", "B: c\r\n"), ("B: \u{e9}\r\n", "B: c\r\n")] {
            let head = format!("GET / HTTP/1.1\r\n{before}X: one\r\n  two\r\n\tthree\r\n{after}\r\n");
            let latin: Vec<u8> = head.chars().map(|char| char as u8).collect();
            for bytes in [head.as_bytes(), &latin] {
                let headers = request(bytes).headers;
                let others = before.len().min(1) + after.len().min(1);
                assert_eq!(headers.lines().len(), 1 + others, "{headers:?}");
                assert!(headers.lines().any(|line| line == ("X", "one two three")), "{headers:?}");
                assert_eq!(
                    headers.size(),
                    headers.lines().map(|(name, value)| name.len() + value.len()).sum::<usize>()
                );
            }
        }
    }
}

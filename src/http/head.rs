//! Bytes of a request or response head to its parts (RFC 9112 §2-5).
//!
//! Total: any bytes give a head. What is not HTTP syntax is left out of the headers and told.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A request line and its header section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Request {
    /// As sent; case matters.
    pub method: Box<str>,
    /// Request target, as sent.
    pub target: Box<str>,
    /// `1.1` of `HTTP/1.1`.
    pub version: Box<str>,
    /// The header section.
    pub headers: Headers,
}

/// A status line and its header section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Response {
    /// Status code, 0-999; 0 where there is none.
    pub status: u16,
    /// Reason phrase, often empty.
    pub reason: Box<str>,
    /// `1.1` of `HTTP/1.1`.
    pub version: Box<str>,
    /// The header section.
    pub headers: Headers,
}

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

impl Request {
    /// Who is asked: the target's where it is a URI, as a proxy is asked (RFC 9112 §3.2.2), else Host, or over HTTP/2
    /// `:authority` (RFC 9113 §8.3.1).
    pub fn authority(&self) -> Option<&str> {
        let authority = || behind_scheme(&self.target)?.split(['/', '?', '#']).next();
        authority().or_else(|| self.headers.first(Name::Authority)).or_else(|| self.headers.first(Name::Host))
    }

    /// Whether it came over HTTP/2.
    pub fn is_http2(&self) -> bool {
        &*self.version == "2"
    }
}

/// What follows `://` in a URI (RFC 3986 §3); `None` where its scheme is followed by anything else.
fn behind_scheme(uri: &str) -> Option<&str> {
    let end = uri.find(['/', '?'])?;
    let (start, rest) = uri.split_at(end);
    start.strip_suffix(':').filter(|scheme| !scheme.is_empty())?;
    rest.strip_prefix("//")
}

impl Response {
    /// Whether it opens the WebSocket that was asked for: 101, over HTTP/2 any 2xx (RFC 8441 §5).
    pub fn is_acceptance(&self) -> bool {
        if &*self.version == "2" { (200..=299).contains(&self.status) } else { self.status == 101 }
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.lines().eq(other.lines()) && self.malformed == other.malformed && self.unknown == other.unknown
    }
}

impl Eq for Headers {}

impl Headers {
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

/// Length of the head that begins `bytes`, with its empty line; `None` while that has not come.
///
/// `searched` is how far an earlier call looked in vain, and is moved on.
pub fn length(bytes: &[u8], searched: &mut usize) -> Option<usize> {
    let from = searched.saturating_sub(2);
    for newline in memchr::memchr_iter(b'\n', bytes.get(from..)?) {
        let after = from + newline + 1;
        match &bytes[after..] {
            [b'\n', ..] => return Some(after + 1),
            [b'\r', b'\n', ..] => return Some(after + 2),
            _ => {}
        }
    }
    *searched = bytes.len();
    None
}

/// Whether `bytes` can begin a request; `None` while the first line is not whole but nothing speaks against it.
pub fn looks_like_request(bytes: &[u8]) -> Option<bool> {
    // The longest registered method has 17 characters.
    const METHOD: usize = 24;
    if is_short_tls(bytes) {
        return None;
    }
    let token = bytes.iter().take_while(|byte| is_token(**byte)).count();
    if token == bytes.len() && token <= METHOD {
        return None;
    }
    if token == 0 || token > METHOD || bytes[token] != b' ' {
        return Some(false);
    }
    // Only of the first line: behind the head a body or frames may stand already.
    let end = memchr::memchr(b'\n', bytes);
    let line = bytes[..end.unwrap_or(bytes.len())].trim_ascii_end();
    if line.iter().take(1024).any(|byte| *byte < b' ' && *byte != b'\t') {
        return Some(false);
    }
    end?;
    let version = line.rsplit(|byte| *byte == b' ').next()?;
    Some(version.starts_with(b"HTTP/1."))
}

/// Whether bytes begin with a TLS record (RFC 8446 §5.1): content type and version.
pub fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 3, 0..=4, ..])
}

/// Whether these are too few bytes to tell a TLS record from anything else that is not HTTP.
fn is_short_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17] | [0x14..=0x17, 3])
}

/// Length of the first line of HTTP/2's preface, with which it is told from HTTP/1.1 (RFC 9113 §3.4).
pub const PREFACE_LINE: usize = b"PRI * HTTP/2.0\r\n".len();

/// Whether bytes begin with the frame that an HTTP/2 server sends first, SETTINGS (RFC 9113 §3.4, §6.5); `None` while
/// there are too few of them.
pub fn is_http2_settings(bytes: &[u8]) -> Option<bool> {
    // Length below 2^16, type, no flag, stream 0.
    let common =
        |expected: &[u8], from: usize| bytes.iter().skip(from).zip(expected).all(|(byte, other)| byte == other);
    if !common(&[0], 0) || !common(&[4, 0, 0, 0, 0, 0], 3) {
        return Some(false);
    }
    let header = bytes.first_chunk::<9>()?;
    Some(u16::from_be_bytes([header[1], header[2]]) % 6 == 0)
}

/// Whether `bytes` can begin a response; `None` while there are too few of them.
pub fn looks_like_response(bytes: &[u8]) -> Option<bool> {
    const START: &[u8] = b"HTTP/1.";
    if is_short_tls(bytes) || is_http2_settings(bytes).is_none() {
        return None;
    }
    let common = bytes.len().min(START.len());
    if bytes[..common] != START[..common] {
        return Some(false);
    }
    (common == START.len()).then_some(true)
}

/// Reads a request head.
pub fn request(bytes: &[u8]) -> Request {
    let (line, rest) = first_line(bytes);
    let (method, behind) = split_at_space(&line);
    let (target, version) = match memchr::memrchr(b' ', behind.as_bytes()) {
        Some(space) => (&behind[..space], &behind[space + 1..]),
        None => ("", ""),
    };
    Request {
        method: method.into(),
        target: target.trim_ascii().into(),
        version: http_version(version),
        headers: headers(rest),
    }
}

/// Reads a response head.
pub fn response(bytes: &[u8]) -> Response {
    let (line, rest) = first_line(bytes);
    let (version, behind) = split_at_space(&line);
    let (status, reason) = split_at_space(behind);
    Response {
        status: status.trim_ascii().parse().unwrap_or_default(),
        reason: reason.trim_ascii().into(),
        version: http_version(version),
        headers: headers(rest),
    }
}

/// What stands before the first space, and behind it.
fn split_at_space(line: &str) -> (&str, &str) {
    match memchr::memchr(b' ', line.as_bytes()) {
        Some(space) => (&line[..space], &line[space + 1..]),
        None => (line, ""),
    }
}

fn http_version(text: &str) -> Box<str> {
    text.trim_ascii().strip_prefix("HTTP/").unwrap_or(text).into()
}

/// The first line that is not empty (RFC 9112 §2.2), and what follows it.
fn first_line(bytes: &[u8]) -> (Cow<'_, str>, &[u8]) {
    let start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let bytes = &bytes[start..];
    let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
    let (line, rest) = bytes.split_at(end);
    (text(line.trim_ascii_end()), rest)
}

fn headers(bytes: &[u8]) -> Headers {
    // Nearly always all of it is text, and then so are its parts: they begin and end beside ASCII.
    let whole = str::from_utf8(bytes).ok();
    let text = whole.unwrap_or_default().to_owned();
    let mut headers = Headers { text, lines: Vec::with_capacity(1 + bytes.len() / 32), ..Headers::default() };
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

    #[test]
    fn parts_of_a_request() {
        let head = request(b"GET /chat?x=1 HTTP/1.1\r\nHost: a\r\nUpgrade:websocket \r\nX: one\r\n  two\r\n\r\n");
        assert_eq!((&*head.method, &*head.target, &*head.version), ("GET", "/chat?x=1", "1.1"));
        assert_eq!(head.headers.first(Name::Upgrade), Some("websocket"));
        assert_eq!(head.headers.lines().last(), Some(("X", "one two")));
        assert_eq!(head.headers.malformed, None);
    }

    #[test]
    fn parts_of_a_response() {
        let head = response(b"HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: 1, 2\r\nupgrade: \"3,4\"\r\n\r\n");
        assert_eq!((head.status, &*head.reason), (101, "Web Socket Protocol Handshake"));
        assert_eq!(head.headers.elements(Name::Upgrade).collect::<Vec<_>>(), ["1", "2", "\"3,4\""]);
        assert_eq!(head.headers.joined(Name::Upgrade).as_deref(), Some("1, 2, \"3,4\""));
        assert_eq!(response(b"HTTP/1.1 101\r\n\r\n").status, 101);
    }

    #[test]
    fn who_is_asked() {
        for (target, expected) in
            [("/chat", "b"), ("http://a:80/chat", "a:80"), ("ws://a?x", "a"), ("/to?uri=http://c/", "b"), ("//c/", "b")]
        {
            let head = request(format!("GET {target} HTTP/1.1\r\nHost: b\r\n\r\n").as_bytes());
            assert_eq!(head.authority(), Some(expected), "{target}");
        }
    }

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

    #[test]
    fn malformed_lines_are_told_and_left_out() {
        let head = request(b"GET / HTTP/1.1\r\nno colon\r\nbad name: x\r\nHost: a\r\n\r\n");
        assert_eq!(head.headers.lines().collect::<Vec<_>>(), [("Host", "a")]);
        assert_eq!(head.headers.malformed.as_deref(), Some("no colon"));
    }

    #[test]
    fn head_ends_at_the_empty_line_however_it_is_split() {
        for (head, length_wanted) in [(&b"A\r\nB: c\r\n\r\nrest"[..], 11), (b"A\nB: c\n\nrest", 8), (b"A\r\n\r\n", 5)] {
            let mut searched = 0;
            let found = (1..=head.len()).find_map(|end| length(&head[..end], &mut searched));
            assert_eq!(found, Some(length_wanted));
        }
    }

    #[test]
    fn foreign_protocols_are_recognised_early() {
        assert_eq!(looks_like_request(b"\x16\x03\x01"), Some(false));
        assert_eq!(looks_like_request(b"SSH-2.0-OpenSSH_9.2\r\n"), Some(false));
        assert_eq!(looks_like_request(b"EHLO example.org\r\n"), Some(false));
        assert_eq!(looks_like_request(b"PRI * HTTP/2.0\r\n"), Some(false));
        assert_eq!(looks_like_request(b"GE"), None);
        assert_eq!(looks_like_request(b"GET /"), None);
        assert_eq!(looks_like_request(b"GET / HTTP/1.1\r\n"), Some(true));
        assert_eq!(looks_like_response(b"HT"), None);
        assert_eq!(looks_like_response(b"HTTP/1.0"), Some(true));
        assert_eq!(looks_like_response(b"220 smtp"), Some(false));
    }
}

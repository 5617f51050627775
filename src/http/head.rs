//! Bytes of a request or response head to its parts (RFC 9112 §2-5).
//!
//! Total: any bytes give a head. What is not HTTP syntax is left out of the headers and told.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::http::headers::{Headers, Name, is_token, text};

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
        headers: Headers::read(rest),
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
        headers: Headers::read(rest),
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

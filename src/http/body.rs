//! How long a message body is, and skipping it (RFC 9112 §6-7).

use crate::http::head::{Request, Response};
use crate::http::headers::{Headers, Name};

/// What is left of a message body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// So many bytes; 0 when it is over.
    Length(u64),
    /// Chunked transfer coding, in this state.
    Chunked(Chunked),
    /// All until the connection ends.
    UntilClose,
    /// It cannot be told how long it is.
    Unknown,
}

/// Where in the chunked coding (RFC 9112 §7.1) a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunked {
    /// In the chunk-size line; the value so far, and whether an extension has begun.
    Size(u64, bool),
    /// In the chunk's data and the line end behind it; bytes left.
    Data(u64),
    /// In the trailer section; whether the line so far is empty.
    Trailer(bool),
}

impl Body {
    /// The body that follows a request.
    pub fn of_request(request: &Request) -> Self {
        framing(&request.headers).unwrap_or(Self::Length(0))
    }

    /// The body that follows a response to a request of this method (RFC 9112 §6.3).
    pub fn of_response(method: &str, response: &Response) -> Self {
        if method == "HEAD" || matches!(response.status, 100..=199 | 204 | 304) {
            return Self::Length(0);
        }
        framing(&response.headers).unwrap_or(Self::UntilClose)
    }

    /// Skips what of `bytes` belongs to the body; how many bytes that is.
    pub fn skip(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= count as u64;
                count
            }
            Self::Chunked(_) => self.skip_chunks(bytes),
            Self::UntilClose | Self::Unknown => bytes.len(),
        }
    }

    /// Whether all of it was skipped.
    pub fn is_over(&self) -> bool {
        *self == Self::Length(0)
    }

    fn skip_chunks(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let (Self::Chunked(state), Some(&byte)) = (&mut *self, bytes.get(at)) {
            match state {
                Chunked::Data(left) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    *left -= count as u64;
                    at += count;
                    if *left == 0 {
                        *state = Chunked::Size(0, false);
                    }
                    continue;
                }
                Chunked::Size(0, true) if byte == b'\n' => *state = Chunked::Trailer(true),
                // The line end behind the data is counted as data.
                Chunked::Size(size, true) if byte == b'\n' => *state = Chunked::Data(size.saturating_add(2)),
                Chunked::Size(_, true) => {}
                Chunked::Size(size, extension) => match char::from(byte).to_digit(16) {
                    Some(digit) if *size < 1 << 56 => *size = *size << 4 | u64::from(digit),
                    Some(_) => *self = Self::Unknown,
                    None if byte == b'\n' => {
                        *state = if *size == 0 { Chunked::Trailer(true) } else { Chunked::Data(*size + 2) };
                    }
                    None if matches!(byte, b'\r' | b';' | b' ' | b'\t') => *extension = true,
                    None => *self = Self::Unknown,
                },
                Chunked::Trailer(true) if byte == b'\n' => *self = Self::Length(0),
                Chunked::Trailer(empty) => *empty = byte == b'\n' || *empty && byte == b'\r',
            }
            at += 1;
        }
        if *self == Self::Unknown { bytes.len() } else { at }
    }
}

/// The framing that the headers tell of; `None` where they are silent.
fn framing(headers: &Headers) -> Option<Body> {
    if let Some(last) = headers.elements(Name::TransferEncoding).last() {
        let chunked = last.eq_ignore_ascii_case("chunked");
        return Some(if chunked { Body::Chunked(Chunked::Size(0, false)) } else { Body::UntilClose });
    }
    let mut lengths = headers.elements(Name::ContentLength);
    let first = lengths.next()?;
    let digits = first.bytes().all(|byte| byte.is_ascii_digit());
    // §6.3: the same value may be repeated, another one makes the framing unknown.
    let agreed = lengths.all(|other| other == first);
    Some(first.parse().ok().filter(|_| digits && agreed).map_or(Body::Unknown, Body::Length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head;

    fn skip(head: &str, body: &[u8], piece: usize) -> (usize, bool) {
        let mut left = Body::of_response("GET", &head::response(head.as_bytes()));
        let mut skipped = 0;
        while !left.is_over() && skipped < body.len() {
            skipped += left.skip(&body[skipped..(skipped + piece).min(body.len())]);
        }
        (skipped, left.is_over())
    }

    #[test]
    fn bodies_end_where_they_should_however_they_are_split() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n";
        let cases: [(&str, &[u8], usize); 6] = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"helloNEXT", 5),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", b"helloNEXT", 5),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"NEXT", 0),
            (chunked, b"5\r\nhello\r\n0\r\n\r\nNEXT", 15),
            (chunked, b"A;x=y\r\n0123456789\r\n00;z\r\nTrailer: t\r\n\r\nNEXT", 39),
            (chunked, b"3\n\r\n0\r\n0\r\n\r\nNEXT", 12),
        ];
        for (head, body, length) in cases {
            for piece in 1..=body.len() {
                assert_eq!(skip(head, body, piece), (length, true), "{head} {piece}");
            }
        }
    }

    #[test]
    fn a_body_without_length_lasts_to_the_end() {
        assert_eq!(skip("HTTP/1.0 200 OK\r\n\r\n", b"all of it", 3), (9, false));
        assert_eq!(skip("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", b"all of it", 9), (9, false));
    }
}

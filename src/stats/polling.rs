//! A handshake to what one message of it would have cost by HTTP polling.
//!
//! The assumption: each message is one HTTP/1.1 exchange on a connection that is kept open. What the client says is a POST
//! with an empty answer; what the server says is the answer to a GET that waited for it (long polling, so no poll is in vain).
//! Nothing is compressed. The heads are those of this connection's own handshake without the lines that are there for
//! WebSocket; where it was not captured, 400 bytes of request and 150 of response.

use crate::event::Handshake;
use crate::http::head::Headers;

/// Bytes that an exchange has besides the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling(pub u64);

const REQUEST: u64 = 400;
const RESPONSE: u64 = 150;
/// `Content-Length: 12345` and its line end, which each exchange has once.
const CONTENT_LENGTH: u64 = 23;

impl Polling {
    /// What an exchange would have had on the connection that this opened.
    pub fn of(handshake: &Handshake) -> Self {
        let request = handshake.request.as_ref().map_or(REQUEST, |request| {
            let line = request.method.len() + request.target.len() + " HTTP/1.1\r\n ".len();
            line as u64 + lines(&request.headers, is_for_websocket)
        });
        let response = handshake.response.as_ref().map_or(RESPONSE, |response| {
            "HTTP/1.1 200 OK\r\n".len() as u64 + lines(&response.headers, is_for_websocket)
        });
        Self(request + response + CONTENT_LENGTH)
    }
}

/// Bytes of the heads of a handshake, as HTTP/1.1 has them.
pub fn handshake_bytes(handshake: &Handshake) -> u64 {
    let request = handshake.request.as_ref().map_or(0, |request| {
        let line = request.method.len() + request.target.len() + " HTTP/1.1\r\n ".len();
        line as u64 + lines(&request.headers, |_| false)
    });
    let response = handshake.response.as_ref().map_or(0, |response| {
        let line = "HTTP/1.1 101 \r\n".len() + response.reason.len();
        line as u64 + lines(&response.headers, |_| false)
    });
    request + response
}

fn is_for_websocket(name: &str) -> bool {
    let begins = |start: &str| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
    begins("sec-websocket-") || name.eq_ignore_ascii_case("upgrade") || name.eq_ignore_ascii_case("connection")
}

/// Bytes of header lines, with the empty one at the end.
fn lines(headers: &Headers, left_out: fn(&str) -> bool) -> u64 {
    let kept = headers.lines().filter(|(name, _)| !left_out(name));
    let bytes: usize = kept.map(|(name, value)| name.len() + value.len() + ": \r\n".len()).sum();
    bytes as u64 + 2
}

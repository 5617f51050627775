//! A handshake to what one message of it would have cost by HTTP polling.
//!
//! The assumption: each message is one HTTP/1.1 exchange on a connection that is kept open. What the client says is a POST
//! with an empty answer; what the server says is the answer to a GET that waited for it (long polling, so no poll is in vain).
//! Nothing is compressed. The heads are those of this connection's own handshake without the lines that are there for
//! WebSocket; where it was not captured, 400 bytes of request and 150 of response.

use crate::event::Handshake;
use crate::http::headers::{Headers, Name};

/// Bytes that an exchange has besides the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling(pub u64);

const REQUEST: usize = 400;
const RESPONSE: usize = 150;
/// `Content-Length: 12345` and its line end, which each exchange has once.
const CONTENT_LENGTH: usize = 23;
/// What a header line has besides name and value.
const BESIDE: usize = ": \r\n".len();

impl Polling {
    /// What an exchange would have had on the connection that this opened.
    pub fn of(handshake: &Handshake) -> Self {
        let request = handshake.request.as_ref().map_or(REQUEST, |request| {
            let line = request.method.len() + request.target.len() + " HTTP/1.1\r\n ".len();
            line + bytes_elsewhere(&request.headers)
        });
        let response = handshake
            .response
            .as_ref()
            .map_or(RESPONSE, |response| "HTTP/1.1 200 OK\r\n".len() + bytes_elsewhere(&response.headers));
        Self((request + response + CONTENT_LENGTH) as u64)
    }
}

/// Bytes of the heads of a handshake, as HTTP/1.1 has them.
pub fn handshake_bytes(handshake: &Handshake) -> u64 {
    let request = handshake.request.as_ref().map_or(0, |request| {
        let line = request.method.len() + request.target.len() + " HTTP/1.1\r\n ".len();
        line + bytes(&request.headers)
    });
    let response = handshake.response.as_ref().map_or(0, |response| {
        let line = "HTTP/1.1 101 \r\n".len() + response.reason.len();
        line + bytes(&response.headers)
    });
    (request + response) as u64
}

/// Bytes of header lines, with the empty one at the end.
fn bytes(headers: &Headers) -> usize {
    headers.size() + headers.lines().len() * BESIDE + 2
}

/// The same without the lines that are there for WebSocket.
fn bytes_elsewhere(headers: &Headers) -> usize {
    let left_out = headers.known().filter(|(known, name, _)| is_for_websocket(*known, name));
    bytes(headers) - left_out.map(|(_, name, value)| name.len() + value.len() + BESIDE).sum::<usize>()
}

fn is_for_websocket(known: Option<Name>, name: &str) -> bool {
    const START: &str = "sec-websocket-";
    match known {
        None => name.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START)),
        Some(
            Name::Connection
            | Name::Upgrade
            | Name::SecWebSocketAccept
            | Name::SecWebSocketExtensions
            | Name::SecWebSocketKey
            | Name::SecWebSocketProtocol
            | Name::SecWebSocketVersion,
        ) => true,
        Some(
            Name::Authority
            | Name::ContentLength
            | Name::Host
            | Name::Origin
            | Name::Scheme
            | Name::TransferEncoding
            | Name::UserAgent,
        ) => false,
    }
}

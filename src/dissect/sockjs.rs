//! SockJS frames, and the protocol inside them (often STOMP).
//!
//! <https://github.com/sockjs/sockjs-protocol>

use std::cell::OnceCell;

use super::conversation::Choice;
use super::decoded::{Unit, Value};
use super::json;
use super::{Dissect, Found, Incoming, Malformed, Protocol};
use crate::anomaly::Code;
use crate::duplex::Direction;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "sockjs",
    about: "SockJS, and what is inside",
    subprotocols: &[],
    target: is_target,
    // Its frames are too short to be told from others; joined late there is no target.
    begins: b"a",
    probe: |message| message.late && has_messages(message),
    make: |_| Box::new(SockJs { inner: Choice::default() }),
    lasting: true,
    format: false,
    malformed: Code::SockjsMalformed,
    fields: &[
        ("messages", "the messages of the frame, as a JSON array of strings"),
        ("code", "status code of the close frame"),
        ("reason", "reason of the close frame"),
    ],
};

/// One session.
#[derive(Debug)]
struct SockJs {
    inner: Choice,
}

impl SockJs {
    /// Decodes the strings of a frame in their own protocol.
    fn messages(&mut self, json: &str, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let strings = match json::array(json) {
            Some(items) => items,
            None => vec![json],
        };
        let strings = strings.into_iter().map(json::string).collect::<Option<Vec<_>>>();
        let strings = strings.ok_or(Malformed::new("no array of strings"))?;
        let mut inner = Found::default();
        for text in strings {
            self.inner.nested(&message.with_text(&text, &OnceCell::new()), &mut inner);
        }
        // What is inside says it better.
        let summary = if inner.is_empty() { format!("messages {json}") } else { String::new() };
        found.push(Unit::new("messages").summary(summary).with("messages", json::value(json, message.limits)));
        found.append(inner);
        Ok(())
    }
}

impl Dissect for SockJs {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let text = message.as_text().ok_or(Malformed::new("no text"))?;
        if message.direction == Direction::ToServer {
            return self.messages(text, message, found);
        }
        let rest = text.get(1..).unwrap_or_default();
        match text.as_bytes().first() {
            Some(b'o') if rest.is_empty() => found.push(Unit::new("open").summary("open")),
            Some(b'h') if rest.is_empty() => found.push(Unit::new("heartbeat").summary("heartbeat").keepalive()),
            Some(b'a' | b'm') => return self.messages(rest, message, found),
            Some(b'c') => {
                let items =
                    json::array(rest).filter(|items| items.len() == 2).ok_or(Malformed::new("no code and reason"))?;
                let unit = Unit::new("close").summary(format!("close {rest}"));
                let code = items[0].parse().ok().map(Value::Number);
                found.push(unit.with_some("code", code).with("reason", json::id(items[1])));
            }
            Some(_) | None => return Err(Malformed::new("no SockJS frame")),
        }
        Ok(())
    }

    fn lose(&mut self, direction: Direction) {
        self.inner.lose(direction);
    }

    fn held(&self) -> usize {
        self.inner.held()
    }
}

/// A frame of a server with messages.
fn has_messages(message: &Incoming<'_>) -> bool {
    if message.direction == Direction::ToServer || !message.bytes.starts_with(b"a[\"") {
        return false;
    }
    let items = message.as_text().and_then(|text| json::array(&text[1..]));
    items.is_some_and(|items| items.into_iter().all(|item| item.starts_with('"')))
}

/// `/base/SERVER/SESSION/websocket`, where the server is three digits in all clients.
fn is_target(path: &str, _query: &str) -> bool {
    let Some(path) = path.strip_suffix("/websocket") else { return false };
    let mut parts = path.rsplit('/');
    let session = parts.next().is_some_and(|session| {
        session.len() >= 6 && session.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    });
    let server = parts.next().is_some_and(|server| server.len() == 3 && server.bytes().all(|b| b.is_ascii_digit()));
    session && server
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use super::*;

    const TARGET: &str = "/echo/042/abcdefgh/websocket";

    #[test]
    fn what_is_inside_is_decoded_too() {
        let mut talk = Talk::on(TARGET, None);
        assert_eq!(talk.server("o").kinds(), ["open"]);
        assert!(talk.server("h").is_keepalive());
        assert_eq!(talk.client(r#"["CONNECT\naccept-version:1.2\n\n\u0000"]"#).kinds(), ["messages", "CONNECT"]);
        let connected = talk.server(r#"a["CONNECTED\nversion:1.2\n\n\u0000","\n"]"#);
        assert_eq!(
            (connected.kinds(), connected.answers()),
            (vec!["messages", "CONNECTED", "heart-beat"], Some((1, "CONNECT")))
        );
        assert_eq!(connected.field("stomp.version"), [Value::from("1.2")]);
        assert_eq!(connected.field("sockjs.messages").len(), 1);
        assert_eq!(talk.client(r#"["what is this"]"#).codes(), ["stomp.malformed"]);
        assert_eq!(talk.server("c[3000,\"Go away!\"]").field("sockjs.code"), [Value::Number(3000)]);
    }

    #[test]
    fn plain_messages_are_told_as_they_are() {
        let mut talk = Talk::on(TARGET, None);
        assert_eq!(talk.client("[\"hello\"]").summary(), "messages [\"hello\"]");
        assert_eq!(talk.client("\"hello\"").kinds(), ["messages"]);
        assert_eq!(talk.server("a[\"{\\\"a\\\":1}\"]").kinds(), ["messages", "object"]);
    }

    #[test]
    fn what_is_no_frame_is_told_so() {
        for odd in ["", "x", "o1", "a[1]", "a", "c[1]"] {
            assert_eq!(Talk::on(TARGET, None).server(odd).codes(), ["sockjs.malformed"], "{odd}");
        }
        for other in ["/echo/websocket", "/a/12/abcdefgh/websocket", "/a/123/abcdefgh/xhr", "/123/a.b.c.d/websocket"] {
            assert!(!is_target(other, ""), "{other}");
        }
    }
}

//! Any text, read as a filter: an error with its place, or a filter that is written as it is understood, and decides of any
//! payload.
//!
//! Input: the expression and a payload, divided by the first NUL.

use wscope::duplex::Direction;
use wscope::event::{Body, Event, Message};
use wscope::filter::{Filter, Subject};
use wscope::origin::{Span, Timestamp};
use wscope::payload::Payload;

/// See above.
pub fn run(bytes: &[u8]) {
    let Ok(data) = str::from_utf8(bytes) else { return };
    let (text, payload) = data.split_once('\0').unwrap_or((data, ""));
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            assert!(!error.render(text).contains('\u{1b}'));
            return;
        }
    };
    assert_eq!(Filter::parse(&filter.to_string()).as_ref(), Ok(&filter), "{filter}");
    let event = message(payload);
    let subject = Subject { event: &event, handshake: None, started: Timestamp::default(), marked: false };
    filter.matches(&subject);
}

fn message(text: &str) -> Event {
    let mut payload = Payload::default();
    payload.append(text.as_bytes(), usize::MAX);
    payload.judge_text();
    let message = Message {
        text: true,
        frames: 1,
        payload_length: text.len() as u64,
        payload,
        ..Message::new(Direction::ToServer, 1)
    };
    Event { connection: 1, span: Span::default(), body: Body::Message(Box::new(message)) }
}

//! However the same bytes are cut into segments, shuffled, repeated or read: the same events.

mod common;

use common::{Conversation, Dialect, analyse, codes, ping, pong, text};
use wscope::config::{Config, Per};
use wscope::event::Body;

#[test]
fn a_transcript_comes_out_as_it_was_told() {
    let dialect = Dialect { deflate: Some(common::Deflate::default()), ..Dialect::default() };
    let packets = Conversation::on(common::Route::default(), dialect)
        .handshake()
        .client(text("hi"))
        .server(text("hello hello").fragments(&[2]).between(ping("still there?")))
        .client(pong("still there?"))
        .client(text("uncompressed").uncompressed())
        .close(1000, "bye")
        .packets();
    let events = analyse(&packets, &Config { per: Per::Message, ..Config::default() });
    assert_eq!(codes(&events), [], "{events:#?}");
    let mut told = Vec::new();
    for event in &events {
        told.push(match &event.body {
            Body::Message(message) => String::from_utf8_lossy(&message.payload.bytes).into_owned(),
            Body::Frame(frame) => format!("{} {}", frame.header.opcode.name(), frame.payload.length),
            Body::Closed(closed) => closed.how.name().to_owned(),
            other => format!("{other:?}").chars().take(9).collect(),
        });
    }
    assert_eq!(
        told,
        [
            "Handshake",
            "hi",
            "ping 12",
            "hello hello",
            "pong 12",
            "uncompressed",
            "close 5",
            "close 5",
            "closing handshake"
        ]
    );
}

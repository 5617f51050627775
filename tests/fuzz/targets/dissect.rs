//! Any messages through the dissectors of every sub-protocol: no panic, and nothing of an event changed but what is added.
//!
//! The first byte chooses a protocol by hand (or none), the second says whether the connection was joined late; then for each message
//! a byte of flags, a length of two bytes, and the payload.

use wscope::config::{Config, DecodeAs, Limits};
use wscope::dissect::{Dissector, PROTOCOLS};
use wscope::duplex::Direction;
use wscope::event::{Body, Event, Handshake, Message, Verdict};
use wscope::net::segment::Endpoint;
use wscope::origin::{Origin, Span};
use wscope::payload::Payload;

/// See above.
pub fn run(data: &[u8]) {
    let [row, late, rest @ ..] = data else { return };
    let row = PROTOCOLS.get(usize::from(*row) % (PROTOCOLS.len() + 1));
    let decode_as = row.map(|row| DecodeAs { port: 80, protocol: row.name.to_owned() });
    let limits = Limits { payload: 1 << 12, decode: 1 << 10, decode_total: 1 << 14, requests: 8, ..Limits::default() };
    let config = Config { decode_as: decode_as.into_iter().collect(), limits, ..Config::default() };
    let mut dissector = Dissector::new(&config);
    dissector.event(&mut event(Body::Handshake(Box::new(handshake(late & 1 == 1)))));
    let (mut rest, mut number) = (rest, 0);
    while let [flags, low, high, behind @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(behind.len());
        number += 1;
        let before = event(Body::Message(Box::new(message(*flags, number, &behind[..length]))));
        let mut after = before.clone();
        dissector.event(&mut after);
        if let Body::Message(message) = &mut after.body {
            message.decoded = None;
            message.anomalies.clear();
        }
        assert_eq!(after, before);
        rest = &behind[length..];
    }
}

fn event(body: Body) -> Event {
    Event { connection: 1, span: Span::at(Origin::default()), body }
}

fn handshake(late: bool) -> Handshake {
    let endpoint = |port| Endpoint { ip: [10, 0, 0, 1].into(), port };
    Handshake {
        verdict: if late { Verdict::Unseen } else { Verdict::Accepted },
        ..Handshake::unseen(endpoint(50_000), endpoint(80))
    }
}

fn message(flags: u8, number: u64, bytes: &[u8]) -> Message {
    let mut payload = Payload::default();
    payload.append(bytes, usize::MAX);
    Message {
        text: flags & 2 != 0,
        frames: 1,
        payload_length: bytes.len() as u64,
        payload,
        complete: flags & 12 != 12,
        ..Message::new(if flags & 1 == 0 { Direction::ToServer } else { Direction::ToClient }, number)
    }
}

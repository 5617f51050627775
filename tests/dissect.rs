//! What holds for every sub-protocol whatever peers send: no panic, nothing of the event changed but what is added, bounded, the
//! same again, and fields that the table names.

mod common;

use proptest::prelude::*;
use wscope::config::{Config, DecodeAs, Limits};
use wscope::dissect::{Dissector, PROTOCOLS, Protocol, fields};
use wscope::duplex::{Direction, Duplex};
use wscope::event::{Body, Closed, End, Event, Handshake, Message, Verdict};
use wscope::export::decoded;
use wscope::net::segment::Endpoint;
use wscope::origin::{Origin, Span, Timestamp};
use wscope::payload::Payload;

use common::script::thorough;

/// Pieces that protocols are made of, to be joined and cut at random.
const PIECES: &[&[u8]] = &[
    b"42[\"a\",1]", b"451-/n,1[\"b\",{\"_placeholder\":true,\"num\":0}]", b"43/n,1[]", b"0{\"sid\":\"x\"}", b"2", b"3probe",
    b"CONNECT\naccept-version:1.2\n\n\0", b"SEND\ncontent-length:3\nreceipt:1\n\na\0b\0", b"RECEIPT\nreceipt-id:1\n\n\0", b"\n",
    b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a", b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a",
    b"\x32\x06\x00\x01t\x00\x07!", b"\x30\x0f\x00\x01t\x0a\x23\x00\x05\x26\x00\x01a\x00\x01b!", b"\x40\x02\x00\x07", b"\xc0\x00",
    b"{\"type\":\"connection_init\"}", b"{\"id\":\"1\",\"type\":\"next\",\"payload\":{\"data\":[]}}",
    b"[48,1,{},\"u\",[1],{}]", b"[50,1,{},[2]]", b"\x95\x24\x05\x06\x80\x91\x01", b"\x85\x18\x24\x05\x06\xa0\x81\x01",
    b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":0}",
    b"{\"protocol\":\"messagepack\",\"version\":1}\x1e", b"{}\x1e", b"{\"type\":1,\"invocationId\":\"0\",\"target\":\"t\"}\x1e",
    b"\x0c\x95\x01\x80\xa1\x30\xa3Add\x92\x05\x06", b"o", b"h", b"a[\"CONNECT\\n\\n\\u0000\"]", b"[\"{\\\"a\\\":1}\"]",
    b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", b"<iq type='get' id='1'><a/></iq>", b"<a b='&amp;'>&lt;</a>",
    b"{\"command\":\"subscribe\",\"identifier\":\"{}\"}", b"{\"type\":\"ping\"}", b"[\"1\",\"1\",\"t\",\"phx_join\",{}]",
    b"\x01\x01\x01\x01\x0213rokbytes", b"{\"id\":1,\"method\":\"A.b\"}", b"{\"id\":1,\"result\":{}}",
    b"INFO {\"server_id\":\"a\"}\r\n", b"PUB a b 2\r\nhi\r\n", b"HMSG a 2 b 18 20\r\nNATS/1.0\r\nA: b\r\n\r\n..\r\n",
    b"{\"channel\":\"shell\",\"header\":{\"msg_type\":\"a_request\",\"msg_id\":\"1\"},\"parent_header\":{},\"content\":{}}",
    b"\xff\xfe", b"[[[[[[[[", b"\"\\ud800\"", b"\x08\x96\x01\x12\x02ab", b"\r\n", b",", b"\0",
];

/// One message of a conversation: who sends it, whether as text, of what, and whether all of it is there.
#[derive(Debug, Clone)]
struct Said {
    to_server: bool,
    text: bool,
    bytes: Vec<u8>,
    complete: bool,
}

fn said() -> impl Strategy<Value = Said> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    let bytes =
        (prop::collection::vec(piece, 1..4), 0.0..1.2f64, any::<prop::sample::Index>(), any::<u8>(), any::<bool>());
    let bytes = bytes.prop_map(|(pieces, cut, place, value, flip)| {
        let mut bytes = pieces.concat();
        if flip && !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        bytes
    });
    (any::<bool>(), any::<bool>(), bytes, prop::bool::weighted(0.95)).prop_map(|(to_server, text, bytes, complete)| {
        Said { to_server, text: text && str::from_utf8(&bytes).is_ok(), bytes, complete }
    })
}

/// The events of a conversation, as the core tells them.
fn events(conversation: &[Said], late: bool) -> Vec<Event> {
    let endpoint = |port| Endpoint { ip: [10, 0, 0, 1].into(), port };
    let handshake = Handshake {
        verdict: if late { Verdict::Unseen } else { Verdict::Accepted },
        ..Handshake::unseen(endpoint(50_000), endpoint(80))
    };
    let mut numbers = Duplex::default();
    let messages = conversation.iter().map(|said| {
        let direction = if said.to_server { Direction::ToServer } else { Direction::ToClient };
        numbers[direction] += 1;
        let mut payload = Payload::default();
        payload.append(&said.bytes, usize::MAX);
        payload.text = said.text;
        Body::Message(Box::new(Message {
            text: said.text,
            frames: 1,
            payload_length: said.bytes.len() as u64,
            payload,
            missing: u64::from(!said.complete),
            complete: said.complete,
            ..Message::new(direction, numbers[direction])
        }))
    });
    let closed = Closed {
        how: End::Fin,
        by: None,
        close: None,
        duration: 0,
        tally: Duplex::default(),
        unanswered: Vec::new(),
        forgotten: 0,
    };
    let bodies =
        [Body::Handshake(Box::new(handshake))].into_iter().chain(messages).chain([Body::Closed(Box::new(closed))]);
    let at = |packet| Span::at(Origin { packet, time: Timestamp(packet as i64) });
    (1..).zip(bodies).map(|(packet, body)| Event { connection: 1, span: at(packet), body }).collect()
}

/// What the stage makes of them.
fn dissect(mut events: Vec<Event>, protocol: Option<&str>, limits: &Limits) -> Vec<Event> {
    let decode_as = protocol.map(|protocol| DecodeAs { port: 80, protocol: protocol.to_owned() });
    let config = Config { decode_as: decode_as.into_iter().collect(), limits: limits.clone(), ..Config::default() };
    let mut dissector = Dissector::new(&config);
    events.iter_mut().for_each(|event| dissector.event(event));
    events
}

/// The event without what the stage may add.
fn bare(event: &Event) -> Event {
    let mut event = event.clone();
    match &mut event.body {
        Body::Message(message) => {
            message.decoded = None;
            message.anomalies.clear();
        }
        Body::Closed(closed) => (closed.unanswered, closed.forgotten) = (Vec::new(), 0),
        _ => {}
    }
    event
}

fn check(events: &[Event], limits: &Limits) {
    for event in events {
        let Body::Message(message) = &event.body else { continue };
        let Some(decoded) = &message.decoded else { continue };
        assert!(message.complete, "only whole messages are decoded");
        assert!(!decoded.units.is_empty());
        let mut json = b"{\"of\":\"it\"".to_vec();
        decoded::message(decoded, &mut json);
        json.push(b'}');
        assert!(!json.contains(&b'\n'), "a record is one line");
        let read: serde_json::Value = serde_json::from_slice(&json).expect("JSON that every reader takes");
        assert!(depth(&read) <= limits.depth + 8, "{read}");
        for unit in &decoded.units {
            let name = unit.protocol.as_ref().unwrap_or(&decoded.protocol);
            let row = Protocol::named(name).expect("a row of the table");
            for (field, _) in &unit.fields {
                assert!(row.fields.iter().any(|(known, _)| known == field), "{name}.{field}");
            }
            assert!(unit.summary.len() < 260);
        }
    }
}

fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(thorough(400))]

    #[test]
    fn nothing_is_changed_but_what_is_added(
        conversation in prop::collection::vec(said(), 1..12),
        row in 0..=PROTOCOLS.len(),
        late in any::<bool>(),
        small in any::<bool>(),
    ) {
        let protocol = PROTOCOLS.get(row).map(|row| row.name);
        let few = Limits { payload: 40, decode: 30, decode_total: 600, depth: 3, requests: 2, ..Limits::default() };
        let limits = if small { few } else { Limits::default() };
        let before = events(&conversation, late);
        let after = dissect(before.clone(), protocol, &limits);
        check(&after, &limits);
        prop_assert_eq!(&after.iter().map(bare).collect::<Vec<_>>(), &before);
        prop_assert_eq!(&dissect(before, protocol, &limits), &after);
    }

    #[test]
    fn a_byte_stream_may_be_cut_anywhere(
        pieces in prop::collection::vec(0..4usize, 1..6),
        cuts in prop::collection::vec(1..9usize, 1..60),
    ) {
        for (protocol, units) in STREAMS {
            let bytes: Vec<u8> = pieces.iter().flat_map(|piece| units[*piece]).copied().collect();
            let whole = kinds(std::slice::from_ref(&bytes), protocol);
            let (mut parts, mut rest) = (Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                let (part, behind) = rest.split_at((*cut).min(rest.len()));
                parts.push(part.to_vec());
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(kinds(&parts, protocol), whole, "{}", protocol);
        }
    }
}

/// Units of the protocols that are byte streams, sent by clients.
const STREAMS: &[(&str, [&[u8]; 4])] = &[
    ("mqtt", [b"\x30\x04\x00\x01t!", b"\x32\x06\x00\x01t\x00\x07!", b"\xc0\x00", b"\x82\x06\x00\x07\x00\x01#\x01"]),
    (
        "stomp",
        [b"SEND\ndestination:a\n\nbody\0", b"SEND\ncontent-length:3\n\na\0b\0", b"ACK\nid:1\n\n\0", b"BEGIN\r\n\r\n\0"],
    ),
    ("nats", [b"PUB a 2\r\nhi\r\n", b"PING\r\n", b"SUB a 1\r\n", b"HPUB a 12 13\r\nNATS/1.0\r\n\r\n.\r\n"]),
];

/// The kinds and fields of all units, without the parts of units.
fn kinds(messages: &[Vec<u8>], protocol: &str) -> Vec<String> {
    let said = messages.iter().map(|bytes| Said { to_server: true, text: false, bytes: bytes.clone(), complete: true });
    let after = dissect(events(&said.collect::<Vec<_>>(), false), Some(protocol), &Limits::default());
    let decoded = after
        .iter()
        .filter_map(|event| if let Body::Message(message) = &event.body { message.decoded.as_ref() } else { None });
    let units = decoded.flat_map(|decoded| &decoded.units).filter(|unit| unit.kind != "part");
    units.map(|unit| format!("{} {:?}", unit.kind, unit.fields)).collect()
}

#[test]
fn names_are_words_and_filters_find_them_all() {
    for (index, row) in PROTOCOLS.iter().enumerate() {
        assert!(row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{}", row.name);
        assert!(PROTOCOLS[..index].iter().all(|other| other.name != row.name), "{}", row.name);
        for (field, about) in row.fields {
            assert!(field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}.{field}", row.name);
            let taken =
                ["protocol", "more", "kind", "summary", "id", "role", "keepalive", "begins", "reply_to", "latency"];
            assert!(!taken.contains(field), "{}.{field} is a name that every unit has", row.name);
            assert!(!about.is_empty());
            assert!(fields().any(|(name, _)| name == format!("{}.{field}", row.name)));
        }
    }
}

/// Requests that nobody answers and streams that never end: what is kept stays within the limits.
#[test]
fn what_is_kept_is_bounded() {
    let limits = Limits { requests: 16, ..Limits::default() };
    let ask = |id| Said {
        to_server: true,
        text: true,
        bytes: format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"m\"}}").into_bytes(),
        complete: true,
    };
    let after = dissect(events(&(0..1000).map(ask).collect::<Vec<_>>(), false), None, &limits);
    let Some(Body::Closed(closed)) = after.last().map(|event| &event.body) else { panic!("an end") };
    assert_eq!((closed.unanswered.len(), closed.forgotten), (16, 984));
}

//! What happens beyond a limit: the rest is cut, it is said, and what comes behind is told as before.

mod common;

use wscope::anomaly::Code;
use wscope::config::{Config, Limits, Per};
use wscope::duplex::Duplex;
use wscope::event::{Body, End, Event, Verdict};

use common::tunnel::fragments;
use common::{Conversation, Deflate, Dialect, OwnedPacket, Route, analyse, binary, codes, ping, pong, run, text};

#[test]
fn a_bomb_is_given_up_and_a_long_text_is_not() {
    let zeros = |length: usize| {
        let dialect = Dialect { deflate: Some(Deflate::default()), ..Dialect::default() };
        Conversation::on(Route::default(), dialect)
            .handshake()
            .server(binary(vec![0; length]))
            .server(text([b'0'; 200]))
    };
    let limits = Limits { inflate: 10_000, inflate_ratio: 200, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    // deflate makes a thousandth of zeros
    let long = analyse(&zeros(20_000).packets(), &config);
    assert_eq!(codes(&long), [Code::LimitInflate]);
    let bomb = analyse(&zeros(2_000_000).packets(), &config);
    assert_eq!(codes(&bomb)[0], Code::LimitInflate);
    // The window is lost with it, and nothing is made up for it.
    let last = frames(&bomb).last().expect("two");
    assert!(last.payload.bytes == [b'0'; 200] || !last.payload.unknown.is_empty() || !last.anomalies.is_empty());
}

#[test]
fn payload_that_waits_is_bounded_over_all_connections() {
    let limits = Limits { payload_total: 100_000, ..Limits::default() };
    let config = Config { per: Per::Message, limits, ..Config::default() };
    let begun = |number: u16| at(number).handshake().server(text("x".repeat(30_000)).not_final());
    let packets: Vec<_> = (0..5).flat_map(|number| begun(number).packets()).collect();
    let events = analyse(&packets, &config);
    let kept: usize = messages(&events).map(|message| message.payload.bytes.len()).sum();
    // What reaches the limit is kept whole.
    let segment = Dialect::default().mss;
    assert!(kept <= 100_000 + segment, "{kept}");
    assert!(codes(&events).contains(&Code::LimitPayload));
}

#[test]
fn what_waits_behind_holes_is_bounded_over_all_flows() {
    let limits = Limits { reorder_total: 20_000, ..Limits::default() };
    let holed = |number: u16| {
        let mut packets = at(number).handshake().server(text("lost")).server(text("x".repeat(9_000))).packets();
        packets.remove(5);
        packets
    };
    let packets: Vec<_> = (0..3).flat_map(holed).collect();
    let of_limit = |limits| codes(&analyse(&packets, &Config { limits, ..Config::default() }));
    assert!(of_limit(limits).contains(&Code::LimitReorder));
    assert!(!of_limit(Limits::default()).contains(&Code::LimitReorder));
}

#[test]
fn web_sockets_are_the_last_to_make_room() {
    let limits = Limits { flows: 4, ..Limits::default() };
    let mut packets = at(0).handshake().client(text("first")).packets();
    for number in 1..9 {
        packets.extend(at(number).syn().client(common::raw("GET / HTTP/1.1\r\n")).packets());
    }
    // All of them go on an hour's quarter later, and the first one is still known.
    packets.extend(at(0).handshake().client(text("first")).client(text("second")).packets().split_off(6));
    let config = Config { limits, ..Config::default() };
    let events = analyse(&packets, &config);
    assert_eq!(frames(&events).count(), 2);
    let mut crowd = packets;
    for number in 9..15 {
        crowd.extend(at(number).handshake().packets());
    }
    let events = analyse(&crowd, &config);
    let ends = events.iter().filter(|event| matches!(&event.body, Body::Closed(closed) if closed.how == End::Evicted));
    assert_eq!(ends.count(), 3);
    assert_eq!(codes(&events).iter().filter(|code| **code == Code::LimitFlows).count(), 3);
}

#[test]
fn a_client_that_does_not_wait_is_believed_after_a_megabyte() {
    let told = at(0).syn().client(common::raw(at(0).request())).client(binary([7; 5_000])).client(text("more"));
    let limits = Limits { early: 4_000, ..Limits::default() };
    let events = analyse(&told.packets(), &Config { limits, ..Config::default() });
    let handshake = events.iter().find_map(|event| if let Body::Handshake(it) = &event.body { Some(it) } else { None });
    assert_eq!(handshake.map(|handshake| handshake.verdict), Some(Verdict::Incomplete));
    assert_eq!(frames(&events).count(), 2);
}

#[test]
fn of_many_pings_the_latest_are_remembered() {
    let told = (0..5).fold(at(0).handshake(), |told, number| told.client(ping(number.to_string())));
    let told = told.server(pong("1")).server(pong("4"));
    let limits = Limits { pings: 2, ..Limits::default() };
    let events = analyse(&told.packets(), &Config { limits, ..Config::default() });
    let answered: Vec<_> =
        frames(&events).filter(|frame| frame.header.opcode.0 == 10).map(|frame| frame.rtt.is_some()).collect();
    assert_eq!(answered, [false, true]);
}

#[test]
fn of_many_nonces_the_latest_are_remembered() {
    let key = |number: u8| format!("{number:021}A==");
    let talk = |flow: u16, number: u8| {
        let dialect = Dialect { key: key(number), ..Dialect::default() };
        Conversation::on(route(flow), dialect).handshake().packets()
    };
    let packets = [talk(0, 1), talk(1, 2), talk(2, 3), talk(3, 1), talk(4, 3)].concat();
    let limits = Limits { nonces: 2, ..Limits::default() };
    assert_eq!(codes(&analyse(&packets, &Config { limits, ..Config::default() })), [Code::HandshakeKeyReused]);
}

/// A compressed message needs an inflater of its own until it ends, however short it is.
#[test]
fn messages_under_way_make_room_and_say_so() {
    let begun = |number: u16| {
        let dialect =
            Dialect { deflate: Some(Deflate::default()), key: format!("{number:021}A=="), ..Dialect::default() };
        let told = Conversation::on(route(number), dialect).handshake();
        // Stored as RFC 1951 §3.2.4 has it.
        told.server(common::raw([0x42, 11, 0, 5, 0, 0xfa, 0xff, b'H', b'e', b'l', b'l', b'o', 0])).packets()
    };
    let packets: Vec<_> = (0..4).flat_map(begun).collect();
    let limits = Limits { connections: 180 << 10, ..Limits::default() };
    let events = analyse(&packets, &Config { per: Per::Message, limits, ..Config::default() });
    let notices = events.iter().filter(|event| matches!(event.body, Body::Notice(_)));
    assert_eq!(notices.map(|event| event.connection).collect::<Vec<_>>(), [1]);
    assert_eq!(codes(&events), [Code::LimitConnections]);
}

#[test]
fn fragments_of_ip_are_bounded_in_bytes_too() {
    let whole = at(0).handshake().server(text("x".repeat(1_400)));
    let mut packets = whole.packets();
    let last = packets.pop().expect("the text");
    let cut: Vec<OwnedPacket> = (0..4).flat_map(|number| fragments(&last, number, 1_000)[..1].to_vec()).collect();
    packets.extend(cut);
    let limits = Limits { fragment_bytes: 3_000, ..Limits::default() };
    let (_, summary) = run(&packets, &Config { limits, ..Config::default() });
    let evicted = summary.anomalies.iter().find(|(code, _)| *code == Code::LimitFragments);
    assert!(evicted.is_some_and(|(_, count)| count >= 2), "{evicted:?}");
}

/// Conversations of as many clients as there are numbers.
fn at(number: u16) -> Conversation {
    let dialect = Dialect { key: format!("{number:021}A=="), ..Dialect::default() };
    Conversation::on(route(number), dialect)
}

fn route(number: u16) -> Route {
    let Route { client: (ip, port), isn, .. } = Route::default();
    let isn = Duplex { to_server: isn.to_server + u32::from(number), ..isn };
    Route { client: (ip, port + number), isn, ..Route::default() }
}

fn frames(events: &[Event]) -> impl Iterator<Item = &wscope::event::Frame> {
    events.iter().filter_map(|event| if let Body::Frame(frame) = &event.body { Some(&**frame) } else { None })
}

fn messages(events: &[Event]) -> impl Iterator<Item = &wscope::event::Message> {
    events.iter().filter_map(|event| if let Body::Message(message) = &event.body { Some(&**message) } else { None })
}

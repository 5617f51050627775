//! TLS opened with a key log: what is told is what would be told of the same conversation in the clear.

mod common;

use wscope::anomaly::Code;
use wscope::config::{Config, Limits, Per};
use wscope::duplex::Direction::{self, ToClient, ToServer};
use wscope::event::{Body, Event, Message, NO_CONNECTION};
use wscope::input::{Input, Secret};
use wscope::outbox::Summary;

use common::tls::{Carried, HOST, Tls, suites, wrong};
use common::told::{Order, Told, same, told};
use common::{
    Conversation, Deflate, Dialect, Network, OwnedPacket, Route, Segment, analyse, binary, codes, run_inputs, text,
};

const AES_128: &str = "TLS13_AES_128_GCM_SHA256";
const AES_128_12: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

/// A conversation with messages of all sizes, compressed and not, some larger than a record.
fn talk() -> Conversation {
    let dialect = Dialect { deflate: Some(Deflate::default()), mss: 1 << 20, ..Dialect::default() };
    let long: Vec<u8> = (0..50_000u32).map(|number| ((number * number) >> 7) as u8).collect();
    Conversation::on(Route::default(), dialect)
        .handshake()
        .client(text("Hello"))
        .server(text("World").uncompressed())
        .client(binary(&long).uncompressed())
        .server(binary(long))
        .client(text(""))
        .close(1000, "bye")
}

fn secret(keys: &str) -> Input<'_> {
    Input::Secret(Secret { kind: Secret::TLS_KEY_LOG, bytes: keys.as_bytes() })
}

fn inputs(packets: &[OwnedPacket]) -> impl Iterator<Item = Input<'_>> {
    packets.iter().zip(1..).map(|(packet, number)| Input::Packet(packet.lend(number)))
}

fn open(carried: &Carried, segments: &[Segment], config: &Config) -> (Vec<Event>, Summary) {
    let packets = carried.told.route().packets(segments);
    run_inputs([secret(&carried.keys)].into_iter().chain(inputs(&packets)), config)
}

/// What is told apart from TLS itself and from packets: to compare it with the same conversation in the clear.
fn stripped(events: &[Event]) -> Vec<Told> {
    let mut events = events.to_vec();
    for event in &mut events {
        if let Body::Handshake(handshake) = &mut event.body {
            handshake.transport.tls = None;
        }
    }
    told(&events, Order::Kept)
}

fn messages(events: &[Event], from: Direction) -> Vec<&Message> {
    let messages = events.iter().filter_map(|event| match &event.body {
        Body::Message(message) if message.direction == from => Some(&**message),
        _ => None,
    });
    messages.collect()
}

fn per_message() -> Config {
    Config { per: Per::Message, ..Config::default() }
}

#[test]
fn every_suite_is_told_as_in_the_clear() {
    let plain = talk();
    let expected = stripped(&analyse(&plain.packets(), &Config::default()));
    assert_eq!(suites().len(), 6, "rustls has a new one");
    for suite in suites() {
        let carried = Tls::new(&suite).carry(&plain, Route::default());
        let (events, summary) = open(&carried, &carried.told.segments(), &Config::default());
        same(&stripped(&events), &expected).unwrap_or_else(|error| panic!("{suite}: {error}"));
        let Body::Handshake(handshake) = &events[0].body else { panic!("{suite}: no handshake") };
        let tls = handshake.transport.tls.as_ref().expect("it is told");
        assert_eq!(&*tls.version, if suite.starts_with("TLS13") { "1.3" } else { "1.2" }, "{suite}");
        assert_eq!(*tls.cipher, suite.replace("TLS13_", "TLS_"));
        assert_eq!((tls.sni.as_deref(), tls.alpn.as_deref()), (Some(HOST), Some("http/1.1")), "{suite}");
        assert_eq!(handshake.uri().as_deref(), Some("wss://server.example.com/chat"));
        let counts = summary.tls;
        assert_eq!((counts.connections, counts.decrypted, counts.without_keys, counts.failed), (1, 1, 0, 0));
    }
}

#[test]
fn any_split_order_and_repetition_gives_the_same() {
    let plain = talk();
    for (suite, seed) in [(AES_128, 1), (AES_128_12, 2), (AES_128, 3), (AES_128_12, 4)] {
        let carried = Tls::new(suite).carry(&plain, Route::default());
        let expected = told(&open(&carried, &carried.told.segments(), &Config::default()).0, Order::Kept);
        for (coalesce, mss, late, repeat) in
            [(true, 7, 0, 0), (true, 1448, 3, 5), (false, 100, 4, 9), (true, 60_000, 0, 0)]
        {
            let network = Network { seed, coalesce, mss, late, repeat, ..Network::calm() };
            let segments = network.carry(carried.told.segments());
            let (events, _) = open(&carried, &segments, &Config::default());
            same(&told(&events, Order::Kept), &expected)
                .unwrap_or_else(|error| panic!("{suite}, {network:?}: {error}"));
        }
    }
}

#[test]
fn secrets_may_come_after_what_they_open() {
    let plain = talk();
    for suite in [AES_128, AES_128_12] {
        let carried = Tls::new(suite).carry(&plain, Route::default());
        let packets = carried.told.packets();
        let expected = open(&carried, &carried.told.segments(), &Config::default()).0;
        // Some lines late, and in two parts: an event for each half of a line would be one too many.
        let (first, second) = carried.keys.split_at(carried.keys.find('\n').expect("lines") + 1);
        for place in [4, 6, packets.len() / 2, packets.len()] {
            let late = inputs(&packets[..place]).chain([secret(first), secret(second)]);
            let (events, summary) = run_inputs(late.chain(numbered(&packets, place)), &Config::default());
            assert!(events == expected, "{suite}: behind {place} of {} packets: {:?}", packets.len(), codes(&events));
            assert_eq!((summary.tls.decrypted, summary.tls.without_keys), (1, 0));
        }
    }
}

#[test]
fn what_waits_for_secrets_is_bounded() {
    let carried = Tls::new(AES_128).carry(&talk(), Route::default());
    let packets = carried.told.packets();
    let limits = Limits { tls_waiting: 20_000, ..Limits::default() };
    let late = inputs(&packets).chain([secret(&carried.keys)]);
    let (events, summary) = run_inputs(late, &Config { limits, ..Config::default() });
    assert_eq!(codes(&events), [Code::TlsKeysMissing]);
    assert_eq!((summary.tls.decrypted, summary.tls.without_keys), (0, 1));
}

#[test]
fn without_secrets_the_host_is_named_once() {
    for suite in [AES_128, AES_128_12] {
        let carried = Tls::new(suite).carry(&talk(), Route::default());
        let (events, summary) = run_inputs(inputs(&carried.told.packets()), &Config::default());
        let [Event { connection: NO_CONNECTION, body: Body::Notice(anomalies), .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(anomalies[0].code, Code::TlsKeysMissing);
        let text = anomalies[0].to_string();
        assert!(text.contains(&format!("({HOST}, 10.0.0.1:49152 -> 10.0.0.2:80)")), "{text}");
        assert_eq!((summary.tls.connections, summary.tls.without_keys, summary.connections), (1, 1, 0));
    }
}

#[test]
fn more_than_are_told_one_by_one_are_counted() {
    let carried = Tls::new(AES_128).carry(&talk(), Route::default());
    let limits = Limits { tls_told: 2, ..Limits::default() };
    let packets = (1..=5).flat_map(|port| {
        let route = Route { client: (Route::default().client.0, port), ..Route::default() };
        route.packets(&carried.told.segments())
    });
    let packets: Vec<_> = packets.collect();
    let (events, summary) = run_inputs(inputs(&packets), &Config { limits, ..Config::default() });
    assert_eq!((events.len(), summary.tls.without_keys), (2, 5));
    assert_eq!(summary.anomalies.iter().collect::<Vec<_>>(), [(Code::TlsKeysMissing, 5)]);
}

#[test]
fn wrong_secrets_open_nothing() {
    for suite in suites() {
        let carried = Tls::new(&suite).carry(&talk(), Route::default());
        let keys = wrong(&carried.keys);
        let carried = Carried { keys, ..carried };
        let (events, summary) = open(&carried, &carried.told.segments(), &Config::default());
        assert_eq!(codes(&events), [Code::TlsDecryptFailed], "{suite}");
        assert_eq!((events.len(), summary.tls.decrypted, summary.tls.failed), (1, 0, 1), "{suite}");
    }
}

#[test]
fn with_the_secrets_of_one_side_that_side_is_told() {
    let carried = Tls::new(AES_128).carry(&talk(), Route::default());
    let of_server = |line: &&str| line.starts_with("SERVER");
    let keys = carried.keys.lines().filter(of_server).flat_map(|line| [line, "\n"]).collect();
    let carried = Carried { keys, ..carried };
    let (events, _) = open(&carried, &carried.told.segments(), &per_message());
    assert_eq!(messages(&events, ToClient).len(), 2);
    assert_eq!(messages(&events, ToServer).len(), 0);
    assert!(codes(&events).contains(&Code::TlsKeysMissing), "{events:?}");
}

#[test]
fn the_secrets_of_the_handshake_are_not_needed() {
    let carried = Tls::new(AES_128).carry(&talk(), Route::default());
    let keys = carried.keys.lines().filter(|line| line.contains("TRAFFIC_SECRET_0"));
    let keys = keys.flat_map(|line| [line, "\n"]).collect();
    let expected = stripped(&open(&carried, &carried.told.segments(), &Config::default()).0);
    let carried = Carried { keys, ..carried };
    let (events, _) = open(&carried, &carried.told.segments(), &Config::default());
    same(&stripped(&events), &expected).expect("the same");
}

#[test]
fn key_updates_of_both_sides_are_followed() {
    let plain = talk();
    let update = |number: usize, peers: &mut common::tls::Peers| {
        let from = if number.is_multiple_of(2) { ToClient } else { ToServer };
        if number > 2 {
            peers.both[from].refresh_traffic_keys().expect("TLS 1.3");
        }
    };
    let carried = Tls::new(AES_128).carry_with(&plain, Route::default(), update);
    let (events, _) = open(&carried, &carried.told.segments(), &Config::default());
    same(&stripped(&events), &stripped(&analyse(&plain.packets(), &Config::default()))).expect("the same");
}

/// Session tickets of TLS 1.3, session ids and tickets of TLS 1.2, and 0-RTT: the request goes with the ClientHello.
#[test]
fn resumed_sessions_and_early_data() {
    let plain = talk();
    let expected = stripped(&analyse(&plain.packets(), &Config::default()));
    for suite in [AES_128, "TLS13_CHACHA20_POLY1305_SHA256", AES_128_12] {
        let tls = Tls::new(suite);
        let first = tls.carry(&plain, Route::default()).told.segments();
        let again = tls.carry(&plain, Route::default());
        let segments = again.told.segments();
        let server_bytes = |segments: &[Segment]| {
            segments
                .iter()
                .filter(|segment| segment.from == ToClient)
                .map(|segment| segment.payload.len())
                .sum::<usize>()
        };
        assert!(server_bytes(&segments) < server_bytes(&first), "{suite}: no certificate the second time");
        assert_eq!(again.keys.contains("CLIENT_EARLY_TRAFFIC_SECRET"), suite.starts_with("TLS13"));
        let (events, _) = open(&again, &segments, &Config::default());
        same(&stripped(&events), &expected).unwrap_or_else(|error| panic!("{suite}: {error}"));
    }
}

#[test]
fn early_data_that_the_server_rejects_are_not_told() {
    let plain = talk();
    let tls = Tls::new(AES_128);
    let _ticket = tls.carry(&plain, Route::default());
    let tls = tls.with(|_| {}, |server| server.max_early_data_size = 0);
    let mut rejected = 0;
    let carried = tls.carry_with(&plain, Route::default(), |number, peers| {
        // A client sends again what was rejected.
        if number == 1
            && let rustls::Connection::Client(client) = &peers.both[ToServer]
        {
            rejected += usize::from(!client.is_early_data_accepted());
            peers.say(ToServer, &plain.segments()[3].payload);
        }
    });
    assert_eq!(rejected, 1);
    let (events, _) = open(&carried, &carried.told.segments(), &Config::default());
    same(&stripped(&events), &stripped(&analyse(&plain.packets(), &Config::default()))).expect("the same");
}

#[test]
fn a_hello_retry_request_is_answered_by_a_second_hello() {
    let plain = talk();
    let carried = Tls::with_retry(AES_128).carry(&plain, Route::default());
    // RFC 8446 §4.1.3: what such a ServerHello has for a random.
    let retry = b"\xcf\x21\xad\x74\xe5\x9a\x61\x11";
    assert!(carried.told.streams().to_client.windows(8).any(|bytes| bytes == retry));
    let (events, _) = open(&carried, &carried.told.segments(), &Config::default());
    same(&stripped(&events), &stripped(&analyse(&plain.packets(), &Config::default()))).expect("the same");
}

/// Packets from `place` on, numbered as in the whole capture.
fn numbered(packets: &[OwnedPacket], place: usize) -> impl Iterator<Item = Input<'_>> {
    packets[place..].iter().zip(place as u64 + 1..).map(|(packet, number)| Input::Packet(packet.lend(number)))
}

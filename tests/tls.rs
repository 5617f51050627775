//! TLS opened with a key log: what is told is what would be told of the same conversation in the clear.

mod common;

use proptest::prelude::*;
use wscope::anomaly::Code;
use wscope::capture::Writer;
use wscope::config::{Config, Limits, Per};
use wscope::duplex::Direction::{self, ToClient, ToServer};
use wscope::event::{Body, Event, GapReason, Message, NO_CONNECTION, Verdict};
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
fn a_record_under_way_makes_room_and_is_told_as_a_gap() {
    for suite in [AES_128, AES_128_12] {
        let carried = Tls::new(suite).carry(&talk(), Route::default());
        let limits = Limits { connections: 10 << 10, ..Limits::default() };
        let (events, summary) = open(&carried, &carried.told.segments(), &Config { limits, ..per_message() });
        let limited = |event: &&Event| matches!(&event.body, Body::Gap(gap) if gap.reason == GapReason::Limit);
        assert!(events.iter().filter(limited).count() > 0, "{suite}");
        assert_eq!(
            (summary.tls.decrypted, messages(&events, ToServer)[0].payload.bytes.as_slice()),
            (1, &b"Hello"[..])
        );
        let Some(Body::Closed(closed)) = events.last().map(|event| &event.body) else { panic!("an end") };
        assert!(closed.close.is_some(), "{suite}: the stream is read again behind it");
    }
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

/// Segments of one record each, of a conversation of many messages; `lost` of them were not captured.
fn with_holes(suite: &str, lost: impl Fn(usize) -> bool) -> (Vec<Event>, usize, usize) {
    let mut plain = Conversation::on(Route::default(), Dialect { mss: 1 << 20, ..Dialect::default() }).handshake();
    for number in 0..40 {
        plain = plain.client(text(format!("question {number}"))).server(text("answer ".repeat(number)));
    }
    let plain = plain.close(1000, "");
    let carried = Tls::new(suite).carry(&plain, Route::default());
    let all = carried.told.segments();
    let data = all.iter().position(|segment| segment.payload.first() == Some(&23)).expect("there are data") + 8;
    let (mut number, mut holes) = (0, 0);
    let kept = all.iter().filter(|segment| {
        number += usize::from(!segment.payload.is_empty());
        let hole = number > data && !segment.payload.is_empty() && lost(number);
        holes += usize::from(hole);
        !hole
    });
    let kept: Vec<_> = kept.cloned().collect();
    let events = open(&carried, &kept, &per_message()).0;
    let told = messages(&events, ToServer).len() + messages(&events, ToClient).len();
    (events, told, holes)
}

#[test]
fn behind_lost_records_it_goes_on() {
    for suite in suites() {
        let (_, all, _) = with_holes(&suite, |_| false);
        assert_eq!(all, 80, "{suite}");
        let (events, told, holes) = with_holes(&suite, |number| number % 9 == 0 || number % 27 == 1);
        assert!(holes > 5, "{suite}: {holes}");
        // Each hole takes its message, and may take the one behind it to find the boundary of frames again.
        assert!(told >= all - 3 * holes && told <= all - holes, "{suite}: {told} of {all} with {holes} holes");
        for message in messages(&events, ToServer).iter().filter(|message| message.complete) {
            let content = String::from_utf8_lossy(&message.payload.bytes);
            assert!(content.starts_with("question "), "{suite}: {content}");
        }
        let gaps = events.iter().filter_map(|event| if let Body::Gap(gap) = &event.body { Some(gap) } else { None });
        for gap in gaps {
            assert_eq!(gap.reason, GapReason::NotCaptured);
            assert!(gap.length > 0 && gap.length < 1000, "{suite}: {gap:?}");
        }
        assert_eq!(codes(&events).iter().filter(|code| **code == Code::TlsDecryptFailed).count(), 0, "{suite}");
    }
}

/// A record of 16 KiB lies in many packets: where one of them is lost, its header tells where the next record begins.
#[test]
fn a_hole_inside_a_record_costs_that_record() {
    for suite in [AES_128, AES_128_12] {
        let plain =
            Conversation::new().handshake().client(binary(vec![7; 30_000])).client(text("behind")).close(1000, "");
        let carried = Tls::new(suite).carry(&plain, Route::default());
        let mut segments = carried.told.segments();
        let large = segments.iter().enumerate().filter(|(_, segment)| segment.from == ToServer);
        let large: Vec<_> =
            large.filter(|(_, segment)| segment.payload.len() == 1448).map(|(index, _)| index).collect();
        segments.remove(large[3]);
        let (events, _) = open(&carried, &segments, &per_message());
        let texts = messages(&events, ToServer).into_iter().filter(|message| message.complete && message.text);
        let texts: Vec<_> = texts.map(|message| message.payload.bytes.clone()).collect();
        assert_eq!(texts, [b"behind"], "{suite}");
    }
}

#[test]
fn a_record_that_was_changed_is_told_and_the_next_is_read() {
    let mut plain = Conversation::new().handshake();
    for number in 0..20 {
        plain = plain.client(text(format!("question {number}")));
    }
    for suite in suites() {
        let carried = Tls::new(&suite).carry(&plain, Route::default());
        let mut segments = carried.told.segments();
        let data =
            segments.iter_mut().filter(|segment| segment.from == ToServer && segment.payload.first() == Some(&23));
        let changed = data.skip(10).find(|segment| !segment.payload.is_empty()).expect("there are enough");
        *changed.payload.last_mut().expect("it is not empty") ^= 1;
        let (events, _) = open(&carried, &segments, &per_message());
        let gaps: Vec<_> = codes(&events).into_iter().filter(|code| *code == Code::TlsDecryptFailed).collect();
        assert_eq!(gaps.len(), 1, "{suite}: {:?}", codes(&events));
        let told = messages(&events, ToServer).len();
        assert!((18..20).contains(&told), "{suite}: {told}");
    }
}

/// Nothing of the handshake was captured, and the capture begins inside a record.
#[test]
fn joined_late_the_secrets_of_the_log_are_tried() {
    let mut plain = Conversation::on(Route::default(), Dialect { mss: 1 << 20, ..Dialect::default() }).handshake();
    for number in 0..30 {
        plain = plain.client(text(format!("question {number}"))).server(text(format!("answer {number}")));
    }
    for suite in suites().iter().filter(|suite| suite.starts_with("TLS13")) {
        let carried = Tls::new(suite).carry(&plain, Route::default());
        let others: String = (0..20).map(|_| Tls::new(suite).carry(&talk(), Route::default()).keys).collect();
        let segments = carried.told.segments();
        let mut late: Vec<_> = segments[segments.len() / 2..].to_vec();
        late[0] = late[0].clone().split_at(3).1;
        let carried = Carried { keys: others + &carried.keys, ..carried };
        let (events, summary) = open(&carried, &late, &per_message());
        let Body::Handshake(handshake) = &events[0].body else { panic!("{suite}: {:?}", codes(&events)) };
        assert_eq!(handshake.verdict, Verdict::Unseen);
        let tls = handshake.transport.tls.as_ref().expect("it is told");
        assert_eq!((&*tls.version, &*tls.cipher), ("1.3", &*suite.replace("TLS13_", "TLS_")));
        assert_eq!(summary.tls.decrypted, 1);
        let counts = [ToServer, ToClient].map(|from| messages(&events, from).len());
        assert!(counts.iter().all(|&count| count >= 12), "{suite}: {counts:?} of 15");
    }
}

/// A log of sessions that are not this one costs a bounded number of tries.
#[test]
fn joined_late_without_its_secrets_nothing_is_told() {
    let carried = Tls::new(AES_128).carry(&talk(), Route::default());
    let keys = (0..50).map(|_| Tls::new(AES_128).carry(&talk(), Route::default()).keys).collect();
    let segments = carried.told.segments();
    let late = segments[segments.len() / 2..].to_vec();
    let (events, summary) = open(&Carried { keys, ..carried }, &late, &Config::default());
    assert_eq!(codes(&events), [Code::TlsKeysMissing]);
    assert_eq!((summary.tls.decrypted, summary.tls.without_keys), (0, 1));
}

#[test]
fn tls_in_the_tunnel_of_a_proxy_names_both() {
    let carried = Tls::new(AES_128).carry(&talk(), Route::default());
    let connect = "CONNECT wss.example.com:443 HTTP/1.1\r\nHost: wss.example.com:443\r\n\r\n";
    let mut tunnel = Conversation::new().syn().exchange(connect, "HTTP/1.1 200 Connection established\r\n\r\n");
    for segment in carried.told.segments() {
        let say = common::raw(&segment.payload);
        tunnel = if segment.from == ToServer { tunnel.client(say) } else { tunnel.server(say) };
    }
    let (events, _) = open(&carried, &tunnel.segments(), &Config::default());
    let Body::Handshake(handshake) = &events[0].body else { panic!("{:?}", codes(&events)) };
    assert_eq!(handshake.transport.proxy.as_deref(), Some("wss.example.com:443"));
    assert_eq!(handshake.transport.tls.as_ref().and_then(|tls| tls.sni.as_deref()), Some(HOST));
    assert_eq!(handshake.verdict, Verdict::Accepted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is lost, repeated or changed: nothing panics, and what is told as complete was sent.
    #[test]
    fn nothing_is_invented(suite in 0..6_usize, harm in prop::collection::vec((0..400_usize, 0..4_u8, any::<u8>()), 1..6)) {
        let mut plain = Conversation::new().handshake();
        for number in 0..12 {
            plain = plain.client(text(format!("question {number}"))).server(text("answer ".repeat(number * 40)));
        }
        let carried = Tls::new(&suites()[suite]).carry(&plain.close(1000, ""), Route::default());
        let mut segments = carried.told.segments();
        for (place, kind, value) in harm {
            let place = place % segments.len();
            match kind {
                0 => drop(segments.remove(place)),
                1 => segments.truncate(place.max(20)),
                2 => {
                    let other = (place + usize::from(value) % 5).min(segments.len() - 1);
                    segments.swap(place, other);
                }
                _ => {
                    let payload = &mut segments[place].payload;
                    if !payload.is_empty() {
                        let at = usize::from(value) % payload.len();
                        payload[at] ^= value | 1;
                    }
                }
            }
            if segments.is_empty() {
                return Ok(());
            }
        }
        let (events, _) = open(&carried, &segments, &per_message());
        for message in messages(&events, ToServer).iter().filter(|message| message.complete) {
            let sent = (0..12).any(|number| message.payload.bytes == format!("question {number}").as_bytes());
            prop_assert!(sent, "{:?}", message.payload);
        }
        for message in messages(&events, ToClient).iter().filter(|message| message.complete) {
            let sent = (0..12).any(|number| message.payload.bytes == "answer ".repeat(number * 40).as_bytes());
            prop_assert!(sent, "{:?}", message.payload);
        }
    }
}

// -- the real binary

/// Runs `wscope export` on a file of this content, with these arguments and nothing from the environment.
fn export(
    content: &[u8],
    arguments: &[&std::ffi::OsStr],
    environment: Option<&std::path::Path>,
) -> assert_cmd::assert::Assert {
    let file = tempfile::NamedTempFile::new().expect("room for a file");
    std::fs::write(file.path(), content).expect("room for its bytes");
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_wscope"));
    command.args(["export", "--per", "message"]).arg(file.path()).args(arguments).env_remove("SSLKEYLOGFILE");
    if let Some(path) = environment {
        command.env("SSLKEYLOGFILE", path);
    }
    command.assert()
}

fn lines(run: &assert_cmd::assert::Assert) -> Vec<serde_json::Value> {
    let text = String::from_utf8(run.get_output().stdout.clone()).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

#[test]
fn key_logs_are_named_or_in_the_environment() {
    let carried = Tls::new(AES_128).carry(&talk(), Route::default());
    let capture = common::pcap::pcap(&carried.told.packets());
    let folder = tempfile::tempdir().expect("room for a folder");
    let keys = folder.path().join("keys");
    let other = folder.path().join("other");
    std::fs::write(&keys, format!("# of a test\r\n{}CLIENT_RANDOM oops\n", carried.keys.replace('\n', "\r\n")))
        .expect("room");
    std::fs::write(&other, wrong(&Tls::new(AES_128).carry(&talk(), Route::default()).keys)).expect("room");
    let keylog = std::ffi::OsStr::new("--keylog");
    let opened = |run: assert_cmd::assert::Assert| lines(&run.code(0)).last().expect("a summary")["tls"].clone();
    let both = opened(export(&capture, &[keylog, other.as_os_str(), keylog, keys.as_os_str()], None));
    let expected = serde_json::json!(
        {"connections": 1, "decrypted": 1, "without_keys": 0, "failed": 0, "malformed_lines": 1});
    assert_eq!(both, expected);
    assert_eq!(opened(export(&capture, &[], Some(&keys))), expected);
    // A browser may not have written to it yet.
    let none = opened(export(&capture, &[], Some(&folder.path().join("none"))));
    assert_eq!(none["without_keys"], 1);
    for unreadable in [folder.path().join("none"), folder.path().to_owned()] {
        let run = export(&capture, &[keylog, unreadable.as_os_str()], None).code(2);
        let complaint = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(complaint.contains(&*unreadable.to_string_lossy()), "{complaint}");
    }
}

#[test]
fn secrets_in_the_file_may_stand_behind_all_packets() {
    let plain = Conversation::new().handshake().client(binary(vec![7; 900_000])).close(1000, "");
    let carried = Tls::new(AES_128).carry(&plain, Route::default());
    let packets = carried.told.packets();
    let mut writer = Writer::begin(Vec::new(), Vec::new()).expect("memory takes all");
    for (packet, number) in packets.iter().zip(1..) {
        writer.packet(&packet.lend(number), None).expect("memory takes all");
    }
    writer.secrets(&Secret { kind: Secret::TLS_KEY_LOG, bytes: carried.keys.as_bytes() }).expect("memory takes all");
    let run = export(writer.output(), &[], None).code(0);
    let told = lines(&run);
    assert_eq!((&told[0]["verdict"], &told[1]["length"]), (&"accepted".into(), &900_000.into()));
}

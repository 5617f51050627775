//! Every row of the table of limits, reached: a capture that is told one way within the limit and another way beyond it.

mod common;

use std::fs;
use std::path::Path;

use wscope::anomaly::Code;
use wscope::config::{Config, Per};
use wscope::dissect::Dissector;
use wscope::dissect::decoded::Value;
use wscope::duplex::Direction;
use wscope::event::{Body, End, Event};
use wscope::http2::frame::{END_HEADERS, Kind};
use wscope::input::{Input, Secret};
use wscope::limits::LIMITS;
use wscope::outbox::Summary;

use common::http2::{block, connect};
use common::tls::{Carried, Tls};
use common::tunnel::fragments;
use common::{Conversation, Deflate, Dialect, Http2, OwnedPacket, Route, binary, ping, raw, run_inputs, text};

use Code::*;
use Direction::{ToClient, ToServer};

/// A limit that a capture reaches.
struct Row {
    name: &'static str,
    /// Settings as on the command line: with the first the limit is not reached, with the second it is.
    within: &'static str,
    beyond: &'static str,
    capture: fn() -> Capture,
    /// What is told beyond it, and not within.
    tells: fn(&[Event], &Summary) -> bool,
}

/// Packets, and lines of a key log with the number of packets before them.
struct Capture {
    packets: Vec<OwnedPacket>,
    keys: Vec<(usize, String)>,
}

impl<T: Into<Vec<OwnedPacket>>> From<T> for Capture {
    fn from(packets: T) -> Self {
        Self { packets: packets.into(), keys: Vec::new() }
    }
}

/// Limits of the edges, and the tests that reach them there.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("queue", "tests/live.rs", "what_the_analysis_has_no_time_for_is_dropped_and_told"),
    ("held", "src/capture/holding.rs", "over_the_limit_the_oldest_connection_goes_whole"),
    ("rows", "tests/stats.rs", "of_too_many_connections_the_smallest_lose_their_row_and_that_is_told"),
    ("polls", "src/polling.rs", "what_is_remembered_is_bounded"),
    ("methods", "tests/stats.rs", "methods_have_latencies_and_what_was_not_answered_is_listed"),
    ("handshakes", "tests/every_limit.rs", "handshakes_that_are_not_kept_for_a_filter_are_counted"),
];

#[test]
fn every_limit_is_reached_and_that_shows() {
    let rows: Vec<Row> =
        [of_payload(), of_heads(), of_transport(), of_tls(), of_protocols()].into_iter().flatten().collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let told = |settings: &str| {
            let (events, summary) = analyse(&(row.capture)(), settings);
            (row.tells)(&events, &summary)
        };
        match (told(row.within), told(row.beyond)) {
            (false, true) => {}
            (true, _) => wrong.push(format!("{}: told within the limit", row.name)),
            (false, false) => wrong.push(format!("{}: not told beyond the limit", row.name)),
        }
        assert!(row.beyond.contains(&format!("{}=", row.name)));
    }
    assert_eq!(wrong, [""; 0]);
    for (name, file, test) in ELSEWHERE {
        let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a source file");
        assert!(source.contains(&format!("fn {test}()")), "{name}: {file} has no {test}");
    }
    let reached = |name: &str| rows.iter().any(|row| row.name == name) || ELSEWHERE.iter().any(|row| row.0 == name);
    let missing: Vec<_> = LIMITS.iter().map(|limit| limit.name).filter(|name| !reached(name)).collect();
    assert_eq!(missing, [""; 0], "limits without a row");
}

#[test]
fn handshakes_that_are_not_kept_for_a_filter_are_counted() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/echo-python.pcapng");
    let remarks = |settings: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("wscope").expect("it is built");
        let run = command.arg("export").arg(&sample).args(["-Y", "ip.addr == 127.0.0.1"]).args(settings);
        String::from_utf8(run.output().expect("it runs").stderr).expect("UTF-8")
    };
    assert_eq!(remarks(&[]), "");
    let told = remarks(&["--limit", "handshakes=1"]);
    assert!(told.contains("the handshakes of 1 connections were too many to keep"), "{told}");
}

/// Analyses and decodes a capture with these settings.
fn analyse(capture: &Capture, settings: &str) -> (Vec<Event>, Summary) {
    let mut config = Config { per: Per::Message, ..Config::default() };
    for setting in settings.split_whitespace() {
        config.limits.apply(setting.parse().expect("a setting"));
    }
    let keys = |number| {
        let here = capture.keys.iter().filter(move |(before, _)| *before == number);
        here.map(|(_, keys)| Input::Secret(Secret { kind: Secret::TLS_KEY_LOG, bytes: keys.as_bytes() }))
    };
    let numbered = capture.packets.iter().zip(0..);
    let inputs = numbered
        .flat_map(|(packet, number)| keys(number).chain([Input::Packet(packet.lend(number as u64 + 1))]))
        .chain(keys(capture.packets.len()));
    let (mut events, summary) = run_inputs(inputs, &config);
    let mut dissector = Dissector::new(&config);
    events.iter_mut().for_each(|event| dissector.event(event));
    (events, summary)
}

fn has(code: Code, events: &[Event], summary: &Summary) -> bool {
    summary.anomalies.of(code) > 0 || events.iter().any(|event| event.body.anomalies().iter().any(|it| it.code == code))
}

fn of_payload() -> Vec<Row> {
    let row = |name, within, beyond, capture, tells| Row { name, within, beyond, capture, tells };
    vec![
        row(
            "payload",
            "",
            "payload=100",
            || at(0).server(text([b'a'; 101])).into(),
            |events, summary| has(LimitPayload, events, summary),
        ),
        row(
            "payload_total",
            "",
            "payload_total=1000",
            || {
                (0..3)
                    .flat_map(|flow| at(flow).server(text([b'a'; 900]).not_final()).packets())
                    .collect::<Vec<_>>()
                    .into()
            },
            |events, summary| has(LimitPayload, events, summary),
        ),
        row(
            "headers",
            "",
            "headers=2",
            || at(0).server(text("abcdef").fragments(&[2, 2])).into(),
            |events, _| {
                events.iter().any(|event| matches!(&event.body, Body::Message(message) if message.headers.len() == 2))
            },
        ),
        row(
            "anomalies",
            "",
            "anomalies=1",
            || at(0).client(text("a").rsv(2).unmasked()).into(),
            |events, summary| has(LimitAnomalies, events, summary),
        ),
        row(
            "inflate",
            "",
            "inflate=1000",
            || deflated().server(binary([0; 1001])).into(),
            |events, summary| has(LimitInflate, events, summary),
        ),
        // The second message refers to the first one.
        row(
            "inflate_ratio",
            "inflate=10",
            "inflate=10 inflate_ratio=1",
            || deflated().server(text([b'a'; 500])).server(text([b'a'; 9])).into(),
            |events, summary| has(DeflateDictionaryLost, events, summary),
        ),
        row(
            "pings",
            "",
            "pings=1",
            || at(0).server(ping("1")).server(ping("2")).into(),
            |events, summary| has(LimitForgotten, events, summary),
        ),
    ]
}

fn of_heads() -> Vec<Row> {
    let row = |name, within, beyond, capture, tells| Row { name, within, beyond, capture, tells };
    vec![
        row(
            "head",
            "",
            "head=1000",
            || {
                let told = new(0).syn();
                let request = told.request().replacen("Host:", &format!("X: {}\r\nHost:", "y".repeat(1000)), 1);
                let response = told.response();
                told.exchange(request, response).into()
            },
            |events, summary| has(LimitHead, events, summary),
        ),
        row(
            "early",
            "",
            "early=100",
            || new(0).syn().client(raw(new(0).request())).client(binary([7; 200])).into(),
            |events, summary| has(LimitEarly, events, summary),
        ),
        row(
            "pipelined",
            "",
            "pipelined=1",
            || new(0).syn().client(raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3))).into(),
            |events, summary| has(LimitForgotten, events, summary),
        ),
        row(
            "nonces",
            "",
            "nonces=1",
            || (0..2).flat_map(|flow| at(flow).packets()).collect::<Vec<_>>().into(),
            |events, summary| has(LimitForgotten, events, summary),
        ),
        // The second head refers to the entries that the first one added, behind an update of the table's size.
        row(
            "header_table",
            "",
            "header_table=100",
            || {
                let first = [&[0x3f, 0xe1, 0x1f][..], &block(&connect("/one"))].concat();
                let second: Vec<u8> = (0x80 + 62..=0x80 + 68).rev().collect();
                let told = Http2::new().frame(ToServer, Kind::HEADERS, END_HEADERS, 1, &first);
                let told = told.head(ToClient, 1, 0, &[(":status", "200")]);
                let told = told.frame(ToServer, Kind::HEADERS, END_HEADERS, 3, &second);
                told.head(ToClient, 3, 0, &[(":status", "200")]).server(3, text("hi")).told().into()
            },
            |events, _| {
                let whole = |event: &&Event| {
                    matches!(&event.body, Body::Handshake(handshake)
                        if handshake.request.as_ref().is_some_and(|request| request.headers.unknown == 0))
                };
                events.iter().filter(whole).count() < 2
            },
        ),
        row(
            "streams",
            "",
            "streams=1",
            || Http2::new().open(1, "/one").open(3, "/two").told().into(),
            |events, summary| has(LimitStreams, events, summary),
        ),
    ]
}

fn of_transport() -> Vec<Row> {
    let row = |name, within, beyond, capture, tells| Row { name, within, beyond, capture, tells };
    vec![
        row(
            "reorder",
            "",
            "reorder=1000",
            || holed(2_000).into(),
            |events, summary| has(LimitReorder, events, summary),
        ),
        row(
            "reorder_total",
            "",
            "reorder_total=1000",
            || holed(2_000).into(),
            |events, summary| has(LimitReorder, events, summary),
        ),
        row("fragment_bytes", "", "fragment_bytes=1000", halves, |events, summary| {
            has(LimitFragments, events, summary)
        }),
        row("fragment_datagrams", "", "fragment_datagrams=1", halves, |events, summary| {
            has(LimitFragments, events, summary)
        }),
        // The second half comes ten seconds after the first.
        row(
            "fragment_time",
            "",
            "fragment_time=1s",
            || {
                let mut packets = at(0).server(text("x".repeat(1_000))).packets();
                let mut last = fragments(&packets.pop().expect("the text"), 7, 800);
                last[1].time.0 += 10_000_000_000;
                packets.append(&mut last);
                packets.into()
            },
            |_, summary| summary.fragments > 0,
        ),
        // Two packets after the text another copy of it contradicts the first; nobody acknowledged either.
        row(
            "unacknowledged",
            "",
            "unacknowledged=10",
            || {
                let told = at(0).server(text("first")).server(text("x".repeat(50))).server(text("and last"));
                let mut packets = told.packets();
                let mut copy = packets[FIRST].clone();
                *copy.bytes.last_mut().expect("its text") ^= 1;
                copy.time = packets.last().expect("the last").time;
                packets.push(copy);
                packets.into()
            },
            |events, summary| !has(TcpOverlapConflict, events, summary),
        ),
        row(
            "half_open",
            "",
            "half_open=1",
            || (0..3).flat_map(|flow| new(flow).syn().packets().into_iter().take(1)).collect::<Vec<_>>().into(),
            |events, summary| has(LimitForgotten, events, summary),
        ),
        row(
            "connections",
            "",
            "connections=40000",
            || deflated().server(text("a").not_final()).into(),
            |events, summary| has(LimitConnections, events, summary),
        ),
        row(
            "flows",
            "",
            "flows=1",
            || (0..2).flat_map(|flow| at(flow).packets()).collect::<Vec<_>>().into(),
            |events, summary| has(LimitFlows, events, summary),
        ),
        row(
            "idle",
            "",
            "idle=1s",
            || [at(0).packets(), at(1).pause(10_000).server(text("a")).server(text("b")).packets()].concat().into(),
            |events, _| ends(events, End::Idle),
        ),
        // What was on the way when the client reset comes a second after it.
        row(
            "linger",
            "",
            "linger=10ms",
            || {
                let mut packets = at(0).server(text("late")).reset(ToServer).packets();
                let mut late = packets.remove(FIRST);
                late.time.0 += 1_000_000_000;
                let mut other = at(1).pause(500).server(text("meanwhile")).packets();
                packets.append(&mut other);
                packets.push(late);
                packets.into()
            },
            |events, _| texts(events) < 2,
        ),
        // A late copy of a message of a connection that has ended.
        row(
            "remember",
            "",
            "remember=10ms",
            || {
                let mut packets = at(0).server(text("copied")).close(1000, "").packets();
                let mut copy = packets[FIRST].clone();
                packets.append(&mut at(1).pause(500).server(text("meanwhile")).server(text("and then")).packets());
                copy.time.0 += 1_000_000_000;
                packets.push(copy);
                packets.into()
            },
            |_, summary| summary.flows > 2,
        ),
        row("patience", "", "patience=1ms", late_by_a_few, |_, summary| summary.gaps > 0),
        row("patience_segments", "", "patience_segments=2", late_by_a_few, |_, summary| summary.gaps > 0),
    ]
}

fn of_tls() -> Vec<Row> {
    let row = |name, within, beyond, capture, tells| Row { name, within, beyond, capture, tells };
    let opened: fn(&[Event], &Summary) -> bool = |_, summary| summary.tls.decrypted == 0;
    vec![
        row("tls_waiting", "", "tls_waiting=1000", keys_last, opened),
        row("tls_waiting_total", "", "tls_waiting_total=1000", keys_last, opened),
        row("tls_hello", "", "tls_hello=20", keys_first, |events, _| {
            events.iter().any(|event| {
                matches!(&event.body, Body::Handshake(handshake)
                    if handshake.transport.tls.as_ref().is_some_and(|tls| tls.sni.is_none()))
            })
        }),
        // The keys of another session come behind those of this one.
        row(
            "tls_sessions",
            "",
            "tls_sessions=1",
            || {
                let mut capture = keys_first();
                capture.keys.push((0, tls().keys));
                capture
            },
            opened,
        ),
        // Without its first records of application data, whose number is to be found.
        row("tls_search", "", "tls_search=0", late_records, |events, _| texts(events) < 6),
        row("tls_tries", "", "tls_tries=1", late_records, |events, _| texts(events) < 6),
        row("tls_told", "", "tls_told=0", || tls().told.into(), |events, _| events.is_empty()),
    ]
}

fn of_protocols() -> Vec<Row> {
    let row = |name, within, beyond, capture, tells| Row { name, within, beyond, capture, tells };
    vec![
        row(
            "decode",
            "",
            "decode=10",
            || at(0).server(notifying("[1,2,3,4,5]")).into(),
            |events, _| trees(events) == 0,
        ),
        row(
            "decode_total",
            "",
            "decode_total=100",
            || (0..8).fold(at(0), |told, id| told.client(asking(id))).into(),
            |events, summary| has(LimitDecode, events, summary),
        ),
        row("depth", "", "depth=3", || at(0).server(notifying("[[[[[[1]]]]]]")).into(), |events, _| trees(events) == 0),
        row(
            "requests",
            "",
            "requests=1",
            || (0..3).fold(at(0), |told, id| told.client(asking(id))).into(),
            |events, _| events.iter().any(|event| matches!(&event.body, Body::Closed(closed) if closed.forgotten > 0)),
        ),
    ]
}

/// SYN, SYN-ACK, ACK, request, 101: then a segment for each word.
const FIRST: usize = 5;

impl From<Conversation> for Capture {
    fn from(told: Conversation) -> Self {
        told.packets().into()
    }
}

/// A conversation of as many clients as there are numbers.
fn new(number: u16) -> Conversation {
    let Route { client: (ip, port), .. } = Route::default();
    let dialect = Dialect { key: format!("{number:021}A=="), ..Dialect::default() };
    Conversation::on(Route { client: (ip, port + number), ..Route::default() }, dialect)
}

/// The same, established.
fn at(number: u16) -> Conversation {
    new(number).handshake()
}

fn deflated() -> Conversation {
    Conversation::on(Route::default(), Dialect { deflate: Some(Deflate::default()), ..Dialect::default() }).handshake()
}

/// So many bytes behind a hole that nobody acknowledged.
fn holed(length: usize) -> Vec<OwnedPacket> {
    let mut packets = at(0).server(text("lost")).server(text("x".repeat(length))).packets();
    packets.remove(FIRST);
    packets
}

/// First halves of two IP packets.
fn halves() -> Capture {
    let packet = at(0).server(text("x".repeat(1_400))).packets().pop().expect("the text");
    (1..3).map(|number| fragments(&packet, number, 1_000).swap_remove(0)).collect::<Vec<_>>().into()
}

/// A packet that its receiver acknowledged stands a few packets, and some milliseconds, behind its place.
fn late_by_a_few() -> Capture {
    let told = (0..6).fold(at(0), |told, number| told.server(text(format!("{number}"))).ack(ToServer).pause(20));
    let mut packets = told.packets();
    let mut late = packets.remove(FIRST);
    let place = packets.len() - 1;
    late.time = packets[place].time;
    packets.insert(place, late);
    packets.into()
}

fn tls() -> Carried {
    let plain = at(0).client(text("one")).server(text("two")).client(text("three")).server(text("four"));
    Tls::new("TLS13_AES_128_GCM_SHA256").carry(&plain, Route::default())
}

fn keys_first() -> Capture {
    let Carried { told, keys } = tls();
    Capture { packets: told.packets(), keys: vec![(0, keys)] }
}

fn keys_last() -> Capture {
    let Carried { told, keys } = tls();
    let packets = told.packets();
    Capture { keys: vec![(packets.len(), keys)], packets }
}

/// TLS of which the middle of what the client says is missing, so that the number of the next record is to be found.
fn late_records() -> Capture {
    let plain = (0..12).fold(at(0), |told, number| told.client(text(format!("what a client says, number {number}"))));
    let Carried { told, keys } = Tls::new("TLS13_AES_128_GCM_SHA256").carry(&plain, Route::default());
    let segments = told.segments();
    let said = segments.iter().enumerate().filter(|(_, it)| it.from == ToServer && !it.payload.is_empty());
    let (lost, _) = said.map(|(index, it)| (index, it.time)).nth_back(9).expect("twelve words");
    let mut packets = told.route().packets(&segments);
    packets.drain(lost..lost + 2);
    Capture { packets, keys: vec![(0, keys)] }
}

fn asking(id: u32) -> common::Say {
    text(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"m\"}}"))
}

/// A JSON-RPC notification with these parameters.
fn notifying(params: &str) -> common::Say {
    text(format!("{{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{params}}}"))
}

/// How many complete messages are told.
fn texts(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(&event.body, Body::Message(message) if message.complete)).count()
}

fn ends(events: &[Event], how: End) -> bool {
    events.iter().any(|event| matches!(&event.body, Body::Closed(closed) if closed.how == how))
}

/// How many values are told as trees.
fn trees(events: &[Event]) -> usize {
    let decoded = events.iter().filter_map(|event| match &event.body {
        Body::Message(message) => message.decoded.as_ref(),
        _ => None,
    });
    let fields = decoded.flat_map(|decoded| &decoded.units).flat_map(|unit| &unit.fields);
    fields.filter(|(_, value)| matches!(value, Value::Json(_))).count()
}

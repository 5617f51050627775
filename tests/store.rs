//! The store gives back what it was given, from memory and from the disk, and says what it could not keep.

use wscope::analyzer::Analyzer;
use wscope::capture::{Files, Source as _, Step};
use wscope::config::{Config, Limits, Per};
use wscope::duplex::Direction;
use wscope::event::{Body, Event, Message};
use wscope::export::record::Records;
use wscope::origin::{Origin, Span, Timestamp};
use wscope::payload::Payload;
use wscope::store::{Gone, Store};

/// All events of a sample.
fn events(sample: &str) -> Vec<Event> {
    let mut files = Files::open(&[format!("samples/{sample}").into()], None, Default::default()).expect("a sample");
    let limits = Limits { headers: 8, ..Limits::default() };
    let mut analyzer = Analyzer::new(Config { per: Per::Message, limits, ..Config::default() });
    let mut events = Vec::new();
    loop {
        match files.step().expect("an undamaged sample") {
            Step::End => break,
            Step::Pause => {}
            Step::Input(input) => analyzer.push(input),
        }
        events.extend(std::iter::from_fn(|| analyzer.next_event()));
    }
    analyzer.finish();
    events.extend(std::iter::from_fn(|| analyzer.next_event()));
    events
}

fn record(event: &Event) -> String {
    let mut out = Vec::new();
    Records::new(Per::Message).event(event, Timestamp::default(), &mut out);
    String::from_utf8(out).expect("JSON")
}

fn message(connection: u64, number: u64, length: usize) -> Event {
    let mut payload = Payload::default();
    payload.append(&vec![number as u8; length], usize::MAX);
    let origin = Origin { packet: number, time: Timestamp(number as i64 * 1_000_000) };
    let message =
        Message { frames: 1, payload_length: length as u64, payload, ..Message::new(Direction::ToClient, number) };
    Event { connection, span: Span::at(origin), body: Body::Message(Box::new(message)) }
}

#[test]
fn every_kind_of_event_comes_back_as_it_was() {
    for sample in ["fragments-node.pcap", "violations.pcap", "parts.pcap", "refused.pcap", "deflate-fragmented.pcap"] {
        let mut store = Store::new(64 << 20);
        let events = events(sample);
        for event in &events {
            store.push(event.clone()).expect("room");
        }
        for (number, event) in (0..).zip(&events) {
            let back = store.event(number).expect("kept");
            assert_eq!(record(&back), record(event), "{sample}, row {number}");
            if let (Body::Message(back), Body::Message(event)) = (&back.body, &event.body) {
                assert_eq!(back.headers, event.headers);
                assert!(event.frames > 8 || back.headers.len() as u64 == event.frames);
            }
            let row = store.row(number).expect("kept");
            assert_eq!((row.time, row.direction()), (event.time(), event.body.direction()));
        }
    }
}

#[test]
fn rows_of_a_connection_are_its_own_and_in_order() {
    let mut store = Store::new(64 << 20);
    for event in events("port-reuse.pcap") {
        store.push(event);
    }
    assert!(store.connection_count() > 1);
    for connection in store.connections() {
        let rows: Vec<_> = connection.rows.iter().collect();
        assert!(!rows.is_empty() && rows.is_sorted());
        for row in rows {
            assert_eq!(u64::from(store.row(row).expect("kept").connection), connection.id);
        }
    }
}

#[test]
fn payloads_over_the_budget_are_read_from_the_disk() {
    const LENGTH: usize = 100_000;
    let mut store = Store::new(16 << 20);
    for number in 0..2048 {
        store.push(message(1, number, LENGTH)).expect("room");
    }
    assert!(store.memory() <= (16 << 20) * 11 / 10, "{} bytes of memory", store.memory());
    assert!(store.spilled() > 150 << 20, "{} bytes on the disk", store.spilled());
    assert_eq!(store.shed(), &Default::default());
    for number in [0, 1, 777, 2047] {
        let Body::Message(back) = store.event(number).expect("kept").body else { panic!("a message") };
        assert_eq!((back.payload.bytes, back.number), (vec![number as u8; LENGTH], u64::from(number)));
        let Body::Message(glance) = store.glance(number).expect("kept").body else { panic!("a message") };
        assert!(glance.payload.bytes.len() < 1024 && glance.payload.length == LENGTH as u64);
    }
}

#[test]
fn what_the_process_takes_besides_leaves_less_room_for_records_and_no_row_is_shed_for_it() {
    const LENGTH: usize = 10_000;
    let mut store = Store::new(64 << 20);
    for number in 0..20 << 10 {
        store.set_resident(store.memory() + (40 << 20));
        store.push(message(1, number, LENGTH)).expect("room");
    }
    assert!(store.memory() <= 25 << 20, "{} bytes of memory", store.memory());
    assert_eq!((store.shed(), store.bounds().0), (&Default::default(), 0));
    assert!(store.event(0).is_ok());
}

#[test]
fn a_row_that_was_replaced_is_another_one_and_those_behind_it_stay_when_older_ones_go() {
    const PIECE: u32 = 1 << 16;
    let mut store = Store::new(16 << 20);
    let mut number = 0;
    let mut push = |store: &mut Store, until: u32| {
        while store.bounds().1 < until {
            store.push(message(1, number, 1));
            number += 1;
        }
    };
    push(&mut store, 2 * PIECE);
    store.replace(PIECE, message(1, 7, 3));
    while store.bounds().0 < PIECE {
        let next = store.bounds().1;
        push(&mut store, next + 1000);
    }
    assert_eq!(store.bounds().0, PIECE);
    for (row, number, length) in [(PIECE, 7, 3), (PIECE + 1, PIECE + 1, 1)] {
        let Body::Message(back) = store.event(row).expect("kept").body else { panic!("a message") };
        assert_eq!((back.number, back.payload.bytes.len()), (number.into(), length));
    }
}

#[test]
fn where_the_index_alone_is_over_the_budget_the_oldest_rows_go_and_it_is_said() {
    let mut store = Store::new(16 << 20);
    let total = 1_000_000;
    let handshake = events("port-reuse.pcap").swap_remove(0);
    for connection in 1..=3 {
        store.push(Event { connection, ..handshake.clone() });
    }
    for number in 3..total {
        store.push(message(1 + number % 3, number, 1));
    }
    let (first, next) = store.bounds();
    assert_eq!((u64::from(next), store.shed().rows), (total, u64::from(first)));
    assert!(first > 500_000, "{first}");
    assert!(store.memory() <= (16 << 20) * 11 / 10, "{} bytes of memory", store.memory());
    assert_eq!(store.event(0), Err(Gone::Shed));
    assert_eq!(store.event(first - 1), Err(Gone::Shed));
    for number in [first, next - 1] {
        let Body::Message(back) = store.event(number).expect("kept").body else { panic!("a message") };
        assert_eq!(back.number, u64::from(number));
    }
    let connection = store.connection(2).expect("it goes on");
    assert!(connection.rows.get(0).is_some_and(|row| row >= first));
    let numbers = store.numbers(2).expect("it goes on");
    assert_eq!(numbers.traffic.messages(), total / 3 - 1, "counters are of all, those that were shed too");
}

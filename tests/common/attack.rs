//! Captures made to cost as much as they can, the same each time: each kind goes on for as many rounds as one likes.

use std::net::Ipv4Addr;
use std::sync::OnceLock;

use wscope::duplex::{Direction, Duplex};
use wscope::http2::frame::{self, END_HEADERS};
use wscope::net::segment::Flags;
use wscope::origin::Timestamp;

use super::conversation::{Conversation, Deflate, Dialect};
use super::corpus::Kind;
use super::dice::Dice;
use super::frame::{binary, ping, raw, text};
use super::http2::{Http2, block, connect};
use super::packet::OwnedPacket;
use super::segment::{Route, Segment};
use super::tunnel::fragments;

use Direction::{ToClient, ToServer};

/// All attacks.
pub const ATTACKS: &[Kind] = &[
    Kind { name: "syns", round: syns },
    Kind { name: "request-heads", round: request_heads },
    Kind { name: "response-heads", round: response_heads },
    Kind { name: "endless-head", round: endless_head },
    Kind { name: "open-gap", round: open_gap },
    Kind { name: "unacknowledged", round: unacknowledged },
    Kind { name: "empty-frames", round: empty_frames },
    Kind { name: "empty-fragments", round: empty_fragments },
    Kind { name: "pings", round: pings },
    Kind { name: "reversed-bytes", round: reversed_bytes },
    Kind { name: "ip-fragments", round: ip_fragments },
    Kind { name: "tiny-ip-fragments", round: tiny_ip_fragments },
    Kind { name: "bombs", round: bombs },
    Kind { name: "windows", round: windows },
    Kind { name: "begun-messages", round: begun_messages },
    Kind { name: "begun-records", round: begun_records },
    Kind { name: "searches", round: searches },
    Kind { name: "http2-windows", round: http2_windows },
    Kind { name: "http2-tables", round: http2_tables },
];

/// A round has about so many bytes.
const ROUND: usize = 128 << 10;
const MSS: usize = 1448;

/// SYNs from everywhere, which nobody answers.
fn syns(round: u64) -> Vec<OwnedPacket> {
    each_flow(round, ROUND / 70, |told, _| told.syn().packets()[..1].to_vec())
}

/// Clients that never come to the end of their request.
fn request_heads(round: u64) -> Vec<OwnedPacket> {
    each_flow(round, 4, |told, _| told.syn().client(raw(head("GET / HTTP/1.1\r\n", ROUND / 4))).packets())
}

/// Servers that never come to the end of their response.
fn response_heads(round: u64) -> Vec<OwnedPacket> {
    each_flow(round, 4, |told, _| {
        let asked = told.syn().client(raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        asked.server(raw(head("HTTP/1.1 200 OK\r\n", ROUND / 4))).packets()
    })
}

/// One client that never comes to the end of its request, in segments of two bytes.
fn endless_head(round: u64) -> Vec<OwnedPacket> {
    const COUNT: usize = ROUND / 72;
    endless(round, raw("GET / HTTP/1.1\r\nX: "), ToServer, |_| b"yy".to_vec(), COUNT)
}

/// One byte is missing, and its receiver never acknowledges what comes behind.
fn open_gap(round: u64) -> Vec<OwnedPacket> {
    let mut packets = endless(round, text("begins"), ToClient, |_| vec![b'x'; MSS], ROUND / MSS);
    if round == 0 {
        packets.remove(5);
    }
    packets
}

/// Bytes of one direction, of which nobody ever acknowledges one, on many connections.
fn unacknowledged(round: u64) -> Vec<OwnedPacket> {
    each_flow(round, 1, |told, _| told.handshake().server(binary(vec![7; ROUND])).packets())
}

/// Frames of two bytes.
fn empty_frames(round: u64) -> Vec<OwnedPacket> {
    endless(round, text("begins"), ToClient, |_| [0x81, 0].repeat(MSS / 2), ROUND / MSS)
}

/// Fragments of two bytes, of a message that never ends, each of which breaks a rule.
fn empty_fragments(round: u64) -> Vec<OwnedPacket> {
    endless(round, text("begins").not_final(), ToServer, |_| [0x30, 0].repeat(MSS / 2), ROUND / MSS)
}

/// Pings that nobody answers.
fn pings(round: u64) -> Vec<OwnedPacket> {
    each_flow(round, 8, |told, _| {
        (0..ROUND / 8 / 200)
            .fold(told.handshake(), |told, number| told.server(ping(format!("{number:0120}"))))
            .packets()
    })
}

/// A stream byte by byte, the last one first.
fn reversed_bytes(round: u64) -> Vec<OwnedPacket> {
    each_flow(round, 1, |told, _| {
        let told = told.handshake();
        let begun = told.segments().len();
        let told = told.server(binary(vec![7; ROUND / 71]));
        let mut rest = told.segments().split_off(begun);
        let mut pieces = Vec::new();
        while let Some(segment) = rest.pop() {
            let mut behind = segment;
            while behind.payload.len() > 1 {
                let last = behind.payload.len() - 1;
                let (before, byte) = behind.split_at(last);
                pieces.push(byte);
                behind = before;
            }
            pieces.push(behind);
        }
        let mut segments = told.segments();
        segments.truncate(begun);
        segments.extend(pieces);
        told.route().packets(&segments)
    })
}

/// First fragments, which no others follow.
fn ip_fragments(round: u64) -> Vec<OwnedPacket> {
    let packet = segment_packet(0, &[7; MSS]);
    let first = |number: usize| {
        let number = round as usize * (ROUND / 520) + number;
        let mut first = fragments(&packet, number as u16, 480).swap_remove(0);
        // other hosts, so that no identification repeats
        first.bytes[14 + 12..14 + 14].copy_from_slice(&((number >> 16) as u16).to_be_bytes());
        first.time.0 += (number as i64) * 1_000;
        first
    };
    (0..ROUND / 520).map(first).collect()
}

/// Fragments of eight bytes, in reverse order, of packets that lack their first.
fn tiny_ip_fragments(round: u64) -> Vec<OwnedPacket> {
    let packet = segment_packet(0, &[7; 40_000]);
    let count = ROUND / 58;
    let mut tiny = fragments(&packet, round as u16, 8);
    tiny.truncate(count);
    tiny.remove(0);
    tiny.reverse();
    tiny.iter_mut().for_each(|packet| packet.time.0 += round as i64 * 1_000_000);
    tiny
}

/// Compressed messages of 64 MiB of zeros.
fn bombs(round: u64) -> Vec<OwnedPacket> {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    let dialect = Dialect { deflate: Some(Deflate::default()), ..Dialect::default() };
    let bomb = BOMB.get_or_init(|| {
        let told = on(0, 0, dialect.clone()).handshake();
        let begun = told.streams().to_client.len();
        told.server(binary(vec![0; 64 << 20])).streams().to_client.split_off(begun)
    });
    on(round, 0, dialect).handshake().server(raw(bomb)).server(raw(bomb)).packets()
}

/// Connections that leave a full window of compression behind each.
fn windows(round: u64) -> Vec<OwnedPacket> {
    let mut dice = Dice(round);
    let noise: Vec<u8> = (0..40 << 10).map(|_| dice.next() as u8).collect();
    let dialect = Dialect { deflate: Some(Deflate::default()), acks: true, ..Dialect::default() };
    (0..3).flat_map(|flow| on(round, flow, dialect.clone()).handshake().server(binary(&noise)).packets()).collect()
}

/// Compressed messages that begin, each with an inflater of its own, and never end.
fn begun_messages(round: u64) -> Vec<OwnedPacket> {
    let dialect = Dialect { deflate: Some(Deflate::default()), ..Dialect::default() };
    (0..40)
        .flat_map(|flow| on(round, flow, dialect.clone()).handshake().server(raw(stored(0x42, b"x"))).packets())
        .collect()
}

/// ClientHellos in records of the largest size, of which the last byte never comes.
fn begun_records(round: u64) -> Vec<OwnedPacket> {
    let record = [&[0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0][..], &[7; (16 << 10) - 5]].concat();
    each_flow(round, 8, |told, _| told.syn().client(raw(&record)).packets())
}

/// Bytes behind a gap that may be the beginning of a long frame.
fn searches(round: u64) -> Vec<OwnedPacket> {
    let begun = [&[0x81, 126, 0xff, 0xff][..], &[b'x'; 50 << 10]].concat();
    let dialect = Dialect { acks: true, ..Dialect::default() };
    let one = |flow| {
        let told = on(round, flow, dialect.clone()).handshake().server(text("lost"));
        let lost = told.packets().len() - 2;
        let mut packets = told.server(raw(&begun)).packets();
        packets.remove(lost);
        packets
    };
    (0..2).flat_map(one).collect()
}

/// WebSockets in streams of HTTP/2 that leave a full window of compression behind each.
fn http2_windows(round: u64) -> Vec<OwnedPacket> {
    let mut dice = Dice(round);
    let noise: Vec<u8> = (0..40 << 10).map(|_| dice.next() as u8).collect();
    let deflate = ("sec-websocket-extensions", "permessage-deflate");
    let told = Http2::on(on(round, 0, Dialect { acks: true, ..Dialect::default() }));
    let told = [1, 3, 5].into_iter().fold(told, |told, stream| {
        told.head(ToServer, stream, 0, &[&connect("/")[..], &[deflate]].concat())
            .head(ToClient, stream, 0, &[(":status", "200"), deflate])
            .frame(ToClient, frame::Kind::DATA, 0, stream, &stored(0xc2, &noise))
    });
    told.told().packets()
}

/// Connections of HTTP/2 that leave a full HPACK table behind each, and a head without an end.
fn http2_tables(round: u64) -> Vec<OwnedPacket> {
    let value = "y".repeat(120);
    let block = [&[0x3f, 0xe1, 0xff, 0x03][..], &block(&[("x", value.as_str()); 400])].concat();
    let one = |flow| {
        Http2::on(on(round, flow, Dialect { acks: true, ..Dialect::default() }))
            .frame(ToServer, frame::Kind::HEADERS, END_HEADERS, 1, &block)
            .frame(ToServer, frame::Kind::HEADERS, 0, 3, &[0; 50 << 10])
            .told()
            .packets()
    };
    (0..2).flat_map(one).collect()
}

/// A frame with this first byte, and content that is compressed by storing it (RFC 1951 §3.2.4).
fn stored(first: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    let payload = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), content, &[0]].concat();
    [&[first, 126][..], &(payload.len() as u16).to_be_bytes(), &payload].concat()
}

fn head(first: &str, length: usize) -> Vec<u8> {
    let mut head = first.to_owned();
    while head.len() < length {
        head += "X-Filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
    }
    head.into_bytes()
}

/// So many flows of a round, each with what is told of it.
fn each_flow(round: u64, count: usize, talk: impl Fn(Conversation, u64) -> Vec<OwnedPacket>) -> Vec<OwnedPacket> {
    (0..count as u64).flat_map(|flow| talk(on(round, flow, Dialect::default()), flow)).collect()
}

/// A conversation of a client that no other flow has.
fn on(round: u64, flow: u64, dialect: Dialect) -> Conversation {
    let id = round * 4_096 + flow;
    let [_, a, b, c] = ((id / 50_000) as u32).to_be_bytes();
    let mut route = Route {
        client: (Ipv4Addr::new(10, a, b, c.wrapping_add(100)), 10_000 + (id % 50_000) as u16),
        server: (Ipv4Addr::new(10, 0, 0, 2), 80),
        ..Route::default()
    };
    route.start.0 += round as i64 * 1_000_000;
    Conversation::on(route, Dialect { key: format!("{id:021}A=="), pace: 1_000, ..dialect })
}

/// One conversation over all rounds: the handshake (or a request alone) and a first word in the first, then segments of one side.
fn endless(
    round: u64,
    first: super::frame::Say,
    from: Direction,
    payload: impl Fn(usize) -> Vec<u8>,
    count: usize,
) -> Vec<OwnedPacket> {
    let told = on(0, 0, Dialect { mss: usize::MAX, ..Dialect::default() });
    let told = if first.raw.is_some() { told.syn() } else { told.handshake() };
    let told = told.say(from, &first);
    let mut segments = told.segments();
    let Some(last) = segments.iter().rfind(|segment| segment.from == from).cloned() else { return Vec::new() };
    let length = payload(0).len() as u64;
    let next = last.end() + round * count as u64 * length;
    let more = (0..count).map(|index| Segment {
        flags: Flags::ACK,
        seq: next + index as u64 * length,
        payload: payload(index),
        time: last.time + (round * count as u64 + index as u64) as i64 * 1_000,
        ..last.clone()
    });
    if round > 0 {
        segments.clear();
    }
    segments.extend(more);
    told.route().packets(&segments)
}

fn segment_packet(seq: u64, payload: &[u8]) -> OwnedPacket {
    let route = Route { isn: Duplex { to_server: 1, to_client: 1 }, start: Timestamp(0), ..Route::default() };
    let segment = Segment { from: ToServer, flags: Flags::ACK, seq, ack: Some(1), payload: payload.to_vec(), time: 0 };
    route.packet(&segment)
}

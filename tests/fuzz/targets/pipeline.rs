//! A WebSocket whose two streams are any bytes, cut anyhow: the same events as in one piece, and not too many.
//!
//! Input: flags (1: permessage-deflate, 2: per message, 4: small limits, 8: no handshake, 16: FINs), then pieces: a byte that says
//! whose it is (bit 7), whether it comes before the piece in front of it (bit 6) and how long it is (bits 0-5).

use wscope::analyzer::Analyzer;
use wscope::config::{Config, Limits, Per};
use wscope::duplex::{Direction, Duplex};
use wscope::event::{Body, Event};
use wscope::input::{Input, LinkType, Packet};
use wscope::origin::Timestamp;

/// LINKTYPE_RAW: the packet begins with its IP header.
const RAW: LinkType = LinkType(101);

/// A segment's side, offset in its stream, and bytes.
type Piece<'a> = (Direction, usize, &'a [u8]);

/// See above.
pub fn run(data: &[u8]) {
    let Some((&flags, mut rest)) = data.split_first() else { return };
    // An inflater may put out a thousand times its input, and that is not what is looked for.
    let mut limits = Limits { inflate: 1 << 20, ..Limits::default() };
    if flags & 4 != 0 {
        limits = Limits { payload: 16, inflate: 64, head: 512, reorder: 512, early: 64, pings: 2, ..limits };
    }
    let per = if flags & 2 != 0 { Per::Message } else { Per::Frame };
    let config = Config { per, limits, ..Config::default() };

    let extension = if flags & 1 != 0 { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
    let request = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://h\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extension}\r\n"
    );
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{extension}\r\n"
    );
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut sent = Duplex { to_server: 0, to_client: 0 };
    if flags & 8 == 0 {
        pieces = vec![(Direction::ToServer, 0, request.as_bytes()), (Direction::ToClient, 0, response.as_bytes())];
        sent = Duplex { to_server: request.len(), to_client: response.len() };
    }
    let mut swaps = Vec::new();
    while let Some((&about, behind)) = rest.split_first() {
        let (piece, behind) = behind.split_at(behind.len().min(usize::from(about & 63)));
        rest = behind;
        let from = if about & 128 == 0 { Direction::ToServer } else { Direction::ToClient };
        if about & 64 != 0 && pieces.last().is_some_and(|last| last.0 == from) {
            swaps.push(pieces.len());
        }
        pieces.push((from, sent[from], piece));
        sent[from] += piece.len();
    }
    let straight = events(&pieces, &config, flags & 16 != 0);
    for at in swaps {
        pieces.swap(at - 1, at);
    }
    let shuffled = events(&pieces, &config, flags & 16 != 0);

    let bytes = sent.to_server + sent.to_client;
    assert!(straight.len() <= bytes + 16, "{} events of {bytes} bytes", straight.len());
    for way in Direction::BOTH {
        let told = |events: &[Event]| {
            let of_side = events.iter().filter(|event| event.body.direction() == Some(way));
            of_side.map(|event| timeless(event.body.clone())).collect::<Vec<_>>()
        };
        // Holes are given up early under small limits.
        if flags & 4 == 0 {
            assert_eq!(told(&shuffled), told(&straight));
        }
    }
}

fn timeless(mut body: Body) -> Body {
    if let Body::Frame(frame) = &mut body {
        frame.rtt = None;
    }
    body
}

fn events(pieces: &[Piece<'_>], config: &Config, ends: bool) -> Vec<Event> {
    let mut analyzer = Analyzer::new(config.clone());
    let mut number = 0;
    let mut events = Vec::new();
    let mut push = |from: Direction, flags: u8, seq: usize, ack: usize, payload: &[u8]| {
        number += 1;
        let bytes = packet(from, flags, seq as u32, ack as u32, payload);
        let time = Timestamp(number as i64 * 1_000);
        let wire_len = bytes.len() as u32;
        analyzer.push(Input::Packet(Packet { number, time, interface: 0, link: RAW, bytes: &bytes, wire_len }));
        events.extend(std::iter::from_fn(|| analyzer.next_event()));
    };
    push(Direction::ToServer, 0x02, 0, 0, b"");
    push(Direction::ToClient, 0x12, 0, 1, b"");
    let mut end = Duplex { to_server: 1, to_client: 1 };
    for &(from, offset, bytes) in pieces {
        push(from, 0x18, 1 + offset, end[from.opposite()], bytes);
        end[from] = end[from].max(1 + offset + bytes.len());
    }
    if ends {
        push(Direction::ToServer, 0x11, end.to_server, end.to_client, b"");
        push(Direction::ToClient, 0x11, end.to_client, end.to_server + 1, b"");
    }
    analyzer.finish();
    events.extend(std::iter::from_fn(|| analyzer.next_event()));
    events
}

/// An IPv4 packet; nobody looks at its checksums.
fn packet(from: Direction, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let (source, destination, ports) = match from {
        Direction::ToServer => (client, server, [0xc0, 0, 0, 80]),
        Direction::ToClient => (server, client, [0, 80, 0xc0, 0]),
    };
    let length = (40 + payload.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    packet.extend_from_slice(&source);
    packet.extend_from_slice(&destination);
    packet.extend_from_slice(&ports);
    packet.extend_from_slice(&seq.to_be_bytes());
    packet.extend_from_slice(&ack.to_be_bytes());
    packet.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend_from_slice(payload);
    packet
}

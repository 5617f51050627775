//! An HTTP/2 connection whose two sides are any bytes, cut anyhow: the same events as in one piece; and any header block.
//!
//! Input: flags (1: joined late, 2: small limits, 4: behind an opening and an extended CONNECT), then pieces: a byte that says
//! whose it is (bit 7), whether it is lost (bit 6), and how long it is (bits 0-5).

use std::net::{IpAddr, Ipv4Addr};

use wscope::carrier::Carrier;
use wscope::chunk::Chunk;
use wscope::config::{Config, Limits};
use wscope::duplex::{Direction, Duplex};
use wscope::event::{Body, End, Gap, GapReason};
use wscope::http2::hpack::Decoder;
use wscope::net::segment::Endpoint;
use wscope::origin::{Origin, Timestamp};
use wscope::outbox::Told;
use wscope::shared::Shared;
use wscope::streams::Streams;
use wscope::ws::connection::Ending;

/// An extended CONNECT on stream 1, as literals, and the 200.
const REQUEST: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x26\x01\x04\0\0\0\x01\
    \x42\x07CONNECT\x40\x09:protocol\x09websocket\x86\x44\x02/a\x41\x01h";
const RESPONSE: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01\0\0\x01\x01\x04\0\0\0\x01\x88";

/// A side's bytes, or (`true`) bytes that were lost.
type Piece<'a> = (Direction, bool, &'a [u8]);

/// See above.
pub fn run(data: &[u8]) {
    let Some((&flags, mut rest)) = data.split_first() else { return };
    let mut decoder = Decoder::default();
    for block in rest.chunks(50) {
        if decoder.decode(block, 1000, 500).is_err() {
            decoder.forget();
        }
    }
    let mut limits = Limits { inflate: 1 << 20, ..Limits::default() };
    if flags & 2 != 0 {
        limits = Limits { head: 60, header_table: 100, streams: 2, early: 64, payload: 16, ..limits };
    }
    let config = Config { limits, ..Config::default() };
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    if flags & 4 != 0 {
        pieces = vec![(Direction::ToServer, false, REQUEST), (Direction::ToClient, false, RESPONSE)];
    }
    while let Some((&about, behind)) = rest.split_first() {
        let (piece, behind) = behind.split_at(behind.len().min(usize::from(about & 63)));
        rest = behind;
        let from = if about & 128 == 0 { Direction::ToServer } else { Direction::ToClient };
        if !piece.is_empty() {
            pieces.push((from, about & 64 != 0, piece));
        }
    }
    let (whole, sure) = events(&pieces, usize::MAX, flags & 1 != 0, &config);
    let (cut, surely) = events(&pieces, 1, flags & 1 != 0, &config);
    assert_eq!(sure, surely);
    // Frames of unknown streams, and those behind a gap, are looked for where a packet begins.
    if sure && pieces.iter().all(|(_, lost, _)| !lost) {
        assert_eq!(whole, cut);
    }
}

/// What is told, and whether it is known of all streams what they carry.
fn events(pieces: &[Piece<'_>], longest: usize, late: bool, config: &Config) -> (Vec<Body>, bool) {
    let mut shared = Shared { config: config.clone(), ..Shared::default() };
    let endpoint = |port| Endpoint { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
    let carrier =
        Carrier { client: endpoint(1), server: endpoint(2), late, tls: None, proxy: None, stream: None, layers: 0 };
    let mut streams = Streams::new(late);
    let mut passed = Duplex { to_server: 0, to_client: 0 };
    for (&(direction, lost, bytes), packet) in pieces.iter().zip(1..) {
        let origin = Origin { packet, time: Timestamp(packet as i64) };
        if lost {
            let gap = Gap::new(direction, passed[direction], bytes.len() as u64, GapReason::NotCaptured);
            streams.gap(gap, origin, carrier, &mut shared);
            passed[direction] += bytes.len() as u64;
            continue;
        }
        for bytes in bytes.chunks(longest) {
            streams.push(
                direction,
                Chunk { origin, offset: passed[direction], acknowledged: None, bytes },
                carrier,
                &mut shared,
            );
            passed[direction] += bytes.len() as u64;
        }
    }
    let last = Origin { packet: pieces.len() as u64, time: Timestamp(pieces.len() as i64) };
    streams.finish(Ending { how: End::Fin, by: None, last, over: true }, carrier, &mut shared);
    let body = |told| match told {
        Told::Event(event) => Some(event.body),
        Told::Begun(_) | Told::Nonce(_) | Told::Passed(..) => None,
    };
    (std::iter::from_fn(|| shared.outbox.pop()).filter_map(body).collect(), streams.is_sure())
}

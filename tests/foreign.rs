//! What is no WebSocket is taken for none: other protocols, joined in the middle, and payload behind a gap.
//!
//! `WSCOPE_FOREIGN_MIB` says how much of each kind is looked at; `make foreign` looks at a GiB.

mod common;

use wscope::config::{Config, Per};
use wscope::duplex::Direction;
use wscope::event::{Body, NO_CONNECTION};
use wscope::net::segment::Flags;

use common::foreign::{KINDS, Kind, stream};
use common::{Conversation, Dialect, Dice, Route, Segment, analyse, binary};

use Direction::{ToClient, ToServer};

/// Bytes of one connection, of both directions.
const CONNECTION: usize = 128 << 10;

fn volume() -> usize {
    let asked = std::env::var("WSCOPE_FOREIGN_MIB").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(2usize) << 20
}

/// All kinds, a thread for each processor.
fn of_each_kind(check: fn(Kind, usize)) {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || KINDS.iter().skip(first).step_by(threads).for_each(|&kind| check(kind, volume())));
        }
    });
}

#[test]
fn other_protocols_joined_in_the_middle_are_no_websocket() {
    of_each_kind(|kind, volume| {
        for seed in 0..(volume / CONNECTION) as u64 {
            let events = analyse(&joined(kind, &mut Dice(seed)), &Config::default());
            // What TLS it was that could not be opened is told of no connection.
            let told = events.iter().find(|event| event.connection != NO_CONNECTION);
            assert!(told.is_none(), "{}, connection {seed}: {told:?}", kind.0);
        }
    });
}

#[test]
fn payload_behind_a_gap_is_no_message() {
    of_each_kind(|kind, volume| {
        let config = Config { per: Per::Message, ..Config::default() };
        for seed in 0..(volume / CONNECTION) as u64 {
            let mut dice = Dice(seed);
            let mss = [1448, 536, 100][dice.below(3)];
            let told = Conversation::on(Route::default(), Dialect { mss, ..Dialect::default() }).handshake();
            let payload = stream(kind, &mut dice, CONNECTION);
            let packets = told.server(binary(payload)).packets();
            // Its header is lost, and perhaps more.
            let lost = 5..6 + dice.below(3);
            let packets: Vec<_> = packets.into_iter().enumerate().filter(|(index, _)| !lost.contains(index)).collect();
            let packets: Vec<_> = packets.into_iter().map(|(_, packet)| packet).collect();
            for event in analyse(&packets, &config) {
                if let Body::Message(message) = &event.body {
                    assert!(!message.complete, "{}, connection {seed}: {message:?}", kind.0);
                }
            }
        }
    });
}

/// A connection whose beginning was not captured; its segments begin where records do, or anywhere.
fn joined(kind: Kind, dice: &mut Dice) -> Vec<common::OwnedPacket> {
    let aligned = dice.once_in(2);
    let mut left = [ToServer, ToClient].map(|from| (from, 1, CONNECTION / 2));
    let mut segments = Vec::new();
    while left.iter().any(|(.., left)| *left > 0) {
        let (from, next, left) = &mut left[dice.below(2)];
        let length = 1 + dice.below(1448);
        let mut payload =
            if aligned { (kind.1)(dice) } else { stream(kind, dice, 2 * length)[length / 2..][..length].to_vec() };
        payload.truncate((*left).min(1448));
        *left -= payload.len();
        let time = segments.len() as i64 * 100_000;
        let (seq, flags) = (*next, Flags(Flags::PSH.0 | Flags::ACK.0));
        *next += payload.len() as u64;
        segments.push(Segment { from: *from, flags, seq, ack: Some(1), payload, time });
    }
    segments.retain(|segment| !segment.payload.is_empty());
    Route::default().packets(&segments)
}

//! Large conversations, the same each time: what benchmarks run on.

use std::net::Ipv4Addr;

use wscope::duplex::{Direction, Duplex};

use super::conversation::{Conversation, Deflate, Dialect};
use super::dice::Dice;
use super::frame::{Say, binary, close, ping, pong, text};
use super::packet::OwnedPacket;
use super::segment::Route;

use Direction::{ToClient, ToServer};

/// Largest payload of a segment on an Ethernet, and of one that the network card cuts or has joined.
const MSS: usize = 1448;
const OFFLOADED: usize = 62_780;

/// Binary messages of 64 KiB to 1 MiB on a few connections; every other connection has offloaded segments.
pub fn bulk(round: u64) -> Vec<OwnedPacket> {
    const CONNECTIONS: usize = 4;
    const MESSAGES: usize = 6;
    let talk = |dice: &mut Dice, told: Conversation| {
        let noise: Vec<u8> = (0..1 << 20).map(|_| dice.next() as u8).collect();
        (0..MESSAGES).fold(told, |told, _| {
            let length = (64 << 10) + dice.below((1 << 20) - (64 << 10));
            told.say(side(dice, 2), &binary(&noise[..length]))
        })
    };
    let dialect = |number| Dialect {
        mss: if number % 2 == 0 { MSS } else { OFFLOADED },
        acks: true,
        pace: 10_000,
        ..Dialect::default()
    };
    interleaved(round, CONNECTIONS, dialect, talk)
}

/// Thousands of connections with small JSON texts, Pings and Closes, acknowledged as they come.
pub fn chat(round: u64) -> Vec<OwnedPacket> {
    talk_of_people(round, None)
}

/// The same, compressed.
pub fn deflated_chat(round: u64) -> Vec<OwnedPacket> {
    talk_of_people(round, Some(Deflate::default()))
}

fn talk_of_people(round: u64, deflate: Option<Deflate>) -> Vec<OwnedPacket> {
    const CONNECTIONS: usize = 2000;
    let talk = |dice: &mut Dice, mut told: Conversation| {
        for number in 0..10 + dice.below(30) {
            let say = if number % 10 == 9 { ping(number.to_string()) } else { json(dice) };
            let answered = (say.opcode == 9).then(|| pong(&say.payload));
            let from = side(dice, 4);
            told = told.say(from, &say);
            if let Some(pong) = answered {
                told = told.say(from.opposite(), &pong);
            }
        }
        told.client(close(1000, "done")).server(close(1000, "done")).fin(ToClient).fin(ToServer)
    };
    interleaved(round, CONNECTIONS, |_| Dialect { acks: true, pace: 1_000_000, deflate, ..Dialect::default() }, talk)
}

/// Mostly the server, one time in `times` the client.
fn side(dice: &mut Dice, times: usize) -> Direction {
    if dice.once_in(times) { ToServer } else { ToClient }
}

/// A message of 60 to 300 bytes.
fn json(dice: &mut Dice) -> Say {
    const WORDS: [&str; 8] = ["price", "volume", "hello", "naïve", "update", "subscribe", "order", "ticker"];
    let mut body = format!(r#"{{"type":"{}","id":{},"user":"#, WORDS[dice.below(8)], dice.below(1_000_000));
    body += &format!(r#"{},"time":{},"text":""#, dice.below(5_000), 1_700_000_000_000 + dice.below(1 << 30));
    for _ in 0..dice.below(32) {
        body += WORDS[dice.below(8)];
        body.push(' ');
    }
    text(body + r#""}"#)
}

/// The packets of so many connections, mixed as their times are.
fn interleaved(
    round: u64,
    connections: usize,
    dialect: impl Fn(usize) -> Dialect,
    talk: impl Fn(&mut Dice, Conversation) -> Conversation,
) -> Vec<OwnedPacket> {
    let mut dice = Dice(round);
    let mut packets = Vec::new();
    for number in 0..connections {
        let id = round * connections as u64 + number as u64;
        let [_, _, a, b] = (id as u32 / 50_000).to_be_bytes();
        let mut route = Route {
            client: (Ipv4Addr::new(10, 1, a, b), 10_000 + (id % 50_000) as u16),
            server: (Ipv4Addr::new(10, 0, 0, 2), 80),
            isn: Duplex { to_server: dice.next() as u32, to_client: dice.next() as u32 },
            ..Route::default()
        };
        // A round has ten seconds to begin in, and the next begins a minute later.
        route.start.0 += (round * 60_000_000_000 + dice.next() % 10_000_000_000) as i64;
        let dialect = Dialect { key: format!("{id:021}A=="), ..dialect(number) };
        packets.extend(talk(&mut dice, Conversation::on(route, dialect).handshake()).packets());
    }
    packets.sort_by_key(|packet| packet.time);
    packets
}

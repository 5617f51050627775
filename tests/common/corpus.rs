//! Large conversations, the same each time: what benchmarks run on.
//!
//! A capture is made of rounds 0, 1, 2…, each with its own connections and later than the one before; so a capture of any
//! length can be written as it is made.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;

use wscope::duplex::{Direction, Duplex};

use super::conversation::{Conversation, Deflate, Dialect};
use super::dice::Dice;
use super::frame::{Say, binary, close, ping, pong, raw, text};
use super::network::Network;
use super::packet::OwnedPacket;
use super::segment::Route;

use Direction::{ToClient, ToServer};

/// One kind of traffic.
pub struct Kind {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The packets of a round.
    pub round: fn(u64) -> Vec<OwnedPacket>,
}

/// All kinds.
pub const KINDS: &[Kind] = &[
    Kind { name: "bulk", round: bulk },
    Kind { name: "chat", round: chat },
    Kind { name: "deflate", round: deflated_chat },
    Kind { name: "short", round: short },
    Kind { name: "idle", round: idle },
    Kind { name: "mixed", round: mixed },
    Kind { name: "lossy", round: lossy },
];

/// Largest payload of a segment on an Ethernet, and of one that the network card cuts or has joined.
const MSS: usize = 1448;
const OFFLOADED: usize = 62_780;

/// Binary messages of 16 KiB to 1 MiB on a few connections; every other connection has offloaded segments.
pub fn bulk(round: u64) -> Vec<OwnedPacket> {
    const CONNECTIONS: usize = 4;
    const MESSAGES: usize = 6;
    let talk = |dice: &mut Dice, told: Conversation| {
        let noise: Vec<u8> = (0..1 << 20).map(|_| dice.next() as u8).collect();
        (0..MESSAGES)
            .fold(told.handshake(), |told, _| {
                let length = (16 << 10) + dice.below((1 << 20) - (16 << 10));
                told.say(side(dice, 2), &binary(&noise[..length]))
            })
            .packets()
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
    let talk = |dice: &mut Dice, told: Conversation| chat_about(dice, 10..40, told).packets();
    interleaved(round, 5000, |_| Dialect { deflate, ..people() }, talk)
}

/// Handshake, one to three messages, and the end.
pub fn short(round: u64) -> Vec<OwnedPacket> {
    let talk = |dice: &mut Dice, told: Conversation| chat_about(dice, 1..4, told).packets();
    interleaved(round, 5000, |_| people(), talk)
}

/// 200,000 connections that are open at once and do nothing but answer a Ping now and then.
///
/// 200 rounds are one turn of them all: first the handshakes, then a Ping and its Pong each, for ever.
pub fn idle(round: u64) -> Vec<OwnedPacket> {
    const GROUPS: u64 = 200;
    const CONNECTIONS: u64 = 1000;
    let (turn, group) = (round / GROUPS, round % GROUPS);
    let mut packets = Vec::new();
    for number in 0..CONNECTIONS {
        let told = conversation(group * CONNECTIONS + number, 0, people()).handshake();
        let begun = told.packets().len();
        let told = (0..turn)
            .fold(told, |told, turn| told.pause(60_000).server(ping(turn.to_string())).client(pong(turn.to_string())));
        let told = told.packets();
        let already = if turn == 0 { 0 } else { begun + (told.len() - begun) / turn as usize * (turn as usize - 1) };
        packets.extend(told.into_iter().skip(already));
    }
    packets.sort_by_key(|packet| packet.time);
    packets
}

/// Nine bytes in ten are downloads, something encrypted, and datagrams; the tenth is chat.
pub fn mixed(round: u64) -> Vec<OwnedPacket> {
    const CHATS: usize = 300;
    const OTHERS: usize = 100;
    let foreign = |dice: &mut Dice, told: Conversation| {
        let noise: Vec<u8> = (0..64 << 10).map(|_| dice.next() as u8).collect();
        let told = match dice.below(2) {
            0 => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 6 * noise.len());
                told.syn().exchange("GET /download HTTP/1.1\r\nHost: files.example.com\r\n\r\n", head)
            }
            _ => told.syn().client(raw([&[0x53, 0x53, 0x48][..], &noise[..700]].concat())),
        };
        (0..6).fold(told, |told, _| told.server(raw(&*noise))).fin(ToClient).fin(ToServer).packets()
    };
    let talk = |dice: &mut Dice, told: Conversation| chat_about(dice, 10..40, told).packets();
    let mut packets = interleaved(round, CHATS, |_| people(), talk);
    let chat: usize = packets.iter().map(|packet| packet.bytes.len()).sum();
    packets.extend(interleaved_from(1 << 24, round, OTHERS, |_| people(), foreign));
    let dice = &mut Dice(round);
    let mut datagrams = 0;
    while datagrams < chat {
        let time = packets[dice.below(packets.len())].time;
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 53], 64)
            .udp(5_353, 443)
            .write(&mut bytes, &[0x40; 1200])
            .expect("a datagram fits in an IPv4 packet");
        datagrams += bytes.len();
        packets.push(OwnedPacket::new(time, bytes));
    }
    packets.sort_by_key(|packet| packet.time);
    packets
}

/// Chats of which one packet in a hundred was not captured, one in fifty came twice, and some out of order.
pub fn lossy(round: u64) -> Vec<OwnedPacket> {
    let talk = |dice: &mut Dice, told: Conversation| {
        let told = chat_about(dice, 10..40, told);
        let network = Network { seed: dice.next(), repeat: 50, late: 2, pace: people().pace, ..Network::calm() };
        let mut packets = told.route().packets(&network.carry(told.segments()));
        packets.retain(|_| !dice.once_in(100));
        packets
    };
    interleaved(round, 5000, |_| people(), talk)
}

/// Small JSON texts, mostly of the server, a Ping now and then, and a Close.
fn chat_about(dice: &mut Dice, count: std::ops::Range<usize>, told: Conversation) -> Conversation {
    let mut told = told.handshake();
    for number in 0..count.start + dice.below(count.len()) {
        let say = if number % 10 == 9 { ping(number.to_string()) } else { json(dice) };
        let answered = (say.opcode == 9).then(|| pong(&say.payload));
        let from = side(dice, 4);
        told = told.say(from, &say);
        if let Some(pong) = answered {
            told = told.say(from.opposite(), &pong);
        }
    }
    told.close(1000, "done")
}

/// Segments are acknowledged as they come, a millisecond apart.
fn people() -> Dialect {
    Dialect { acks: true, pace: 1_000_000, ..Dialect::default() }
}

/// Mostly the server, one time in `times` the client.
fn side(dice: &mut Dice, times: usize) -> Direction {
    if dice.once_in(times) { ToServer } else { ToClient }
}

/// A message of 60 to 400 bytes.
fn json(dice: &mut Dice) -> Say {
    const WORDS: [&str; 8] = ["price", "volume", "hello", "naïve", "update", "subscribe", "order", "ticker"];
    let mut body = format!(r#"{{"type":"{}","id":{},"user":"#, WORDS[dice.below(8)], dice.below(1_000_000));
    body += &format!(r#"{},"time":{},"text":""#, dice.below(5_000), 1_700_000_000_000 + dice.below(1 << 30));
    for _ in 0..dice.below(48) {
        body += WORDS[dice.below(8)];
        body.push(' ');
    }
    text(body + r#""}"#)
}

/// Nanoseconds from one round to the next.
const ROUND: i64 = 60_000_000_000;

/// The packets of so many connections, mixed as their times are.
fn interleaved(
    round: u64,
    connections: usize,
    dialect: impl Fn(usize) -> Dialect,
    talk: impl Fn(&mut Dice, Conversation) -> Vec<OwnedPacket>,
) -> Vec<OwnedPacket> {
    interleaved_from(0, round, connections, dialect, talk)
}

/// The same, with addresses and ports of their own from the number `first` on.
fn interleaved_from(
    first: u64,
    round: u64,
    connections: usize,
    dialect: impl Fn(usize) -> Dialect,
    talk: impl Fn(&mut Dice, Conversation) -> Vec<OwnedPacket>,
) -> Vec<OwnedPacket> {
    let mut dice = Dice(round);
    let mut packets = Vec::new();
    for number in 0..connections {
        let id = first + round * connections as u64 + number as u64;
        let told = conversation(id, round, dialect(number));
        packets.extend(talk(&mut dice, told));
    }
    packets.sort_by_key(|packet| packet.time);
    packets
}

/// A connection of its own for each `id`, which begins within ten seconds of its round.
fn conversation(id: u64, round: u64, dialect: Dialect) -> Conversation {
    let mut dice = Dice(id);
    let [_, _, a, b] = (id as u32 / 50_000).to_be_bytes();
    let mut route = Route {
        client: (Ipv4Addr::new(10, 1, a, b), 10_000 + (id % 50_000) as u16),
        server: (Ipv4Addr::new(10, 0, 0, 2), 80),
        isn: Duplex { to_server: dice.next() as u32, to_client: dice.next() as u32 },
        ..Route::default()
    };
    route.start.0 += round as i64 * ROUND + (dice.next() % 10_000_000_000) as i64;
    Conversation::on(route, Dialect { key: format!("{id:021}A=="), ..dialect })
}

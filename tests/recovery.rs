//! What is told after a loss: all that can be known, and nothing else.

mod common;

use proptest::prelude::*;
use wscope::anomaly::Code;
use wscope::config::{Config, DecodeAs, Per};
use wscope::duplex::Direction;
use wscope::event::{Body, Event, Message};
use wscope::export::FORMATS;

use common::script::{faultless, thorough};
use common::{Conversation, Deflate, Dialect, Dice, Network, OwnedPacket, Route, analyse, binary, codes, raw, text};

use Direction::{ToClient, ToServer};

/// SYN, SYN-ACK, ACK, request, 101: then a segment for each word.
const FIRST: usize = 5;

fn per_message() -> Config {
    Config { per: Per::Message, ..Config::default() }
}

fn messages(events: &[Event]) -> impl Iterator<Item = &Message> {
    events.iter().filter_map(|event| match &event.body {
        Body::Message(message) => Some(&**message),
        _ => None,
    })
}

fn compressed() -> Conversation {
    Conversation::on(Route::default(), Dialect { deflate: Some(Deflate::default()), ..Dialect::default() }).handshake()
}

#[test]
fn a_compression_window_heals_after_a_loss() {
    let told = compressed()
        .server(text("{\"symbol\":\"one two three\"}"))
        .server(text("{\"symbol\":\"one two three\",\"next\":4}"))
        .server(text("{\"symbol\":\"five six seven\"}"))
        .server(text("five six seven"))
        .close(1000, "");
    let mut packets = told.packets();
    packets.remove(FIRST);
    let events = analyse(&packets, &per_message());
    let lines: Vec<_> = messages(&events).map(readable).collect();
    let expected = [
        (false, "{????????????????????????,\"next\":4}"),
        (false, "{??????????five six seven\"}"),
        (true, "five six seven"),
    ];
    let lines: Vec<_> = lines.iter().map(|(complete, line)| (*complete, &line[..])).collect();
    assert_eq!(lines, expected);
    let lost = Code::DeflateDictionaryLost;
    assert_eq!(codes(&events), [Code::TcpGap, Code::WsResync, lost, lost]);
}

/// Whatever is missing of the handshake, and with it the terms of compression.
#[test]
fn compression_is_assumed_where_its_terms_were_not_captured() {
    let told = compressed()
        .client(text("what a client says"))
        .server(text("what the server says"))
        .client(text("what a client says then"))
        .server(text("what the server says now!"))
        .close(1000, "");
    let (request, response) = (3, 4);
    let whole = ["what a client says", "what the server says", "what a client says then", "what the server says now!"];
    for lost in [request..response, response..FIRST, 0..FIRST] {
        let mut packets = told.packets();
        packets.drain(lost.clone());
        let events = analyse(&packets, &per_message());
        let mut lines: Vec<_> = messages(&events).map(readable).collect();
        // Who was first may not be known where the beginning is looked for.
        lines.sort_by_key(|(_, line)| line.len());
        assert_eq!(lines, whole.map(|line| (true, line.to_owned())), "without {lost:?}");
        let assumed = codes(&events).into_iter().filter(|&code| code == Code::DeflateUnknown).count();
        assert_eq!(assumed, if lost.end == response { 0 } else { 2 }, "once a side, without {lost:?}");
    }
}

/// The messages that are told whole of a conversation from which these packets are missing.
fn told_without(told: &Conversation, lost: impl Fn(usize) -> bool) -> Vec<String> {
    let packets = told.packets().into_iter().enumerate().filter(|(index, _)| !lost(*index));
    let packets: Vec<_> = packets.map(|(_, packet)| packet).collect();
    let events = analyse(&packets, &per_message());
    let whole = messages(&events).filter(|message| message.complete);
    whole.map(|message| String::from_utf8_lossy(&message.payload.bytes).into_owned()).collect()
}

fn plain(mss: usize) -> Conversation {
    Conversation::on(Route::default(), Dialect { mss, ..Dialect::default() }).handshake()
}

/// Zeros read as fragments without an end, lengths in front of records as fragments, and CBOR as messages.
#[test]
fn payload_behind_a_gap_is_not_taken_for_frames() {
    let records: Vec<u8> = (0..200u8).flat_map(|n| [0, 0, 0, 5, 4, 0, 0, 0, n]).collect();
    let pairs: Vec<u8> = (0..600).flat_map(|n| [0x82, 1, (n % 7) as u8]).collect();
    let cyrillic = "с т с т 23456789012345678901234567 т с ".repeat(60).into_bytes();
    for payload in [vec![0; 1800], records, pairs, cyrillic] {
        for mss in [27, 90, 500] {
            let told =
                plain(mss).server(binary(&payload)).server(text("the next")).server(text("and last")).close(1000, "");
            // The first packet of the binary message, and with it the header.
            let first = told.segments().iter().position(|segment| segment.payload.first() == Some(&0x82)).expect("one");
            let found = told_without(&told, |index| index == first);
            assert!(found.iter().all(|text| text == "the next" || text == "and last"), "{mss}: {found:?}");
            assert!(!found.is_empty() || payload[0] == 0x82, "{mss}: behind what can be refuted, frames are found");
        }
    }
}

/// Many small messages in a packet that begins in the middle of one: those can be told for which enough others speak.
#[test]
fn frames_are_found_within_a_packet_where_many_follow() {
    let burst: Vec<String> = (0..9).map(|n| format!("message number {n} of a burst")).collect();
    let wire: Vec<u8> = burst.iter().flat_map(|line| [&[0x81, line.len() as u8], line.as_bytes()].concat()).collect();
    let told = plain(1448).server(raw(&wire[..50])).server(raw(&wire[50..])).close(1000, "");
    assert_eq!(told_without(&told, |index| index == FIRST), burst[3..]);
}

/// Without its beginning, without a handshake, in the middle of a long message.
#[test]
fn a_connection_is_joined_in_the_middle_of_a_message() {
    let mut told = plain(100).server(binary([0xab; 950]));
    for n in 0..4 {
        told = told.client(text(format!("question {n}"))).server(text(format!("answer {n}")));
    }
    let told = told.close(1000, "");
    let expected: Vec<_> = (0..4).flat_map(|n| [format!("question {n}"), format!("answer {n}")]).collect();
    for joined_at in [8, 12] {
        let mut found = told_without(&told, |index| index < joined_at);
        // Who was first is not known as long as it is not known where frames begin.
        found.sort_by_key(|line| (line.rsplit(' ').next().map(str::to_owned), line.starts_with('a')));
        assert_eq!(found, expected);
    }
    // The SYN was captured, and the handshake lost.
    assert_eq!(told_without(&told, |index| (3..8).contains(&index)).len(), expected.len());
}

/// What was joined late may begin with line ends as it may with anything: they are not those in front of a request.
#[test]
fn a_connection_that_is_joined_at_line_ends_is_found() {
    for opening in [&b"\n"[..], b"\r\n", b"\r\n\r\n"] {
        // The header has eight bytes, so that each packet behind the first begins with the opening.
        let mut payload = vec![0xab; 950];
        for packet in (92..payload.len()).step_by(100) {
            payload[packet..packet + opening.len()].copy_from_slice(opening);
        }
        let mut told = plain(100).client(binary(&payload).masked([0; 4]));
        for n in 0..4 {
            told = told.client(text(format!("question {n}"))).server(text(format!("answer {n}")));
        }
        let found = told_without(&told.close(1000, ""), |index| index < FIRST + 3);
        assert_eq!(found.len(), 8, "{opening:?}: {found:?}");
    }
}

#[test]
fn bytes_that_are_not_known_are_told_apart_in_json_and_in_text() {
    let told = compressed().server(text("the same words")).server(text("the same words, and others")).close(1000, "");
    let mut packets = told.packets();
    packets.remove(FIRST);
    let events = analyse(&packets, &per_message());
    let message = events.iter().find(|event| matches!(event.body, Body::Message(_))).expect("the second one");
    let line = |name: &str| {
        let format = FORMATS.iter().find(|format| format.name == name).expect("a format");
        let mut out = Vec::new();
        (format.make)(Per::Message).event(message, message.span.first.time, &mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    let json: serde_json::Value = serde_json::from_str(&line("jsonl")).expect("JSON");
    let expected = serde_json::json!([[[1, 13]], null, 26, false]);
    assert_eq!(serde_json::json!([json["unknown"], json["text"], json["length"], json["complete"]]), expected);
    assert_eq!(json["base64"], "dAAAAAAAAAAAAAAAAAAsIGFuZCBvdGhlcnM=");
    assert!(line("text").contains("26  [incomplete] t░13 bytes░, and others\n"), "{}", line("text"));
}

/// Said by hand, frames without a handshake are read, from the first on; and without it they are not.
#[test]
fn frames_without_a_handshake_are_read_where_it_is_said() {
    let told = Conversation::new().syn().client(text("a")).server(binary("b")).close(1000, "");
    let config = |decode_as| Config { decode_as, ..per_message() };
    let by_hand = DecodeAs::parse("tcp.port==80,websocket").expect("a rule");
    let elsewhere = DecodeAs { port: 81, ..by_hand.clone() };
    let found = analyse(&told.packets(), &config(vec![by_hand]));
    assert_eq!(messages(&found).map(readable).map(|(_, line)| line).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(codes(&found), []);
    assert_eq!(analyse(&told.packets(), &config(vec![elsewhere])), []);
}

proptest! {
    #![proptest_config(thorough(300))]

    /// Nothing is told after a loss that is not told without it: no message, and no byte that is said to be known.
    #[test]
    fn what_is_told_after_a_loss_was_sent(
        script in faultless(40), seed: u64, mss in prop_oneof![Just(1448), Just(100), 20..200usize], keep in 2..30usize,
    ) {
        let conversation = script.play(0);
        let network = Network { seed, mss, coalesce: seed % 2 == 0, ..Network::calm() };
        let packets = conversation.route().packets(&network.carry(conversation.segments()));
        let all = analyse(&packets, &per_message());
        let mut dice = Dice(seed);
        let packets: Vec<_> = packets.into_iter().filter(|_| !dice.once_in(keep)).collect();
        let some = analyse(&packets, &per_message());
        for direction in [ToServer, ToClient] {
            let of_side = |events| messages(events).filter(|message| message.direction == direction).collect::<Vec<_>>();
            let (all, some) = (of_side(&all), of_side(&some));
            let contents = |message: &&Message| (message.text, message.payload.bytes.clone());
            let mut sent = all.iter().map(contents);
            for message in some.iter().filter(|message| message.complete) {
                prop_assert!(sent.any(|sent| sent == contents(message)), "{:?}", message);
            }
            // Offsets count from the SYN, where it was captured.
            let same_offsets = packets.iter().any(|packet| is_syn(packet, direction));
            for message in some.iter().filter(|message| same_offsets && message.payload.holes.is_empty()) {
                let whole = all.iter().find(|whole| whole.offset == message.offset);
                prop_assert!(whole.is_some(), "no message begins there: {:?}", message);
                let whole = whole.expect("just found");
                for (told, sent) in known(message).iter().zip(&whole.payload.bytes) {
                    prop_assert!(told.is_none_or(|told| told == *sent), "{:?}", message);
                }
            }
        }
    }
}

/// Whether a packet is this side's SYN: Ethernet, IPv4, TCP.
fn is_syn(packet: &OwnedPacket, from: Direction) -> bool {
    let client = packet.bytes[29] == 1;
    packet.bytes[47] & 2 != 0 && client == (from == ToServer)
}

/// Whether a message is complete, and its bytes with `?` for those that are not known.
fn readable(message: &Message) -> (bool, String) {
    let bytes: Vec<_> = known(message).into_iter().map(|byte| byte.unwrap_or(b'?')).collect();
    (message.complete, String::from_utf8(bytes).expect("text"))
}

/// The bytes of a message, `None` those that are not known.
fn known(message: &Message) -> Vec<Option<u8>> {
    let mut bytes: Vec<_> = message.payload.bytes.iter().copied().map(Some).collect();
    for &(position, count) in &message.payload.unknown {
        bytes[position as usize..][..count as usize].fill(None);
    }
    bytes
}

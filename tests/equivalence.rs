//! However the same bytes are cut into segments, shuffled, repeated or mixed with others: the same events.

mod common;

use proptest::collection::vec;
use proptest::prelude::*;
use wscope::anomaly::Code;
use wscope::config::{Config, Limits, Per};
use wscope::duplex::Duplex;
use wscope::event::{Body, End, Event};
use wscope::net::segment::Flags;

use common::script::{Script, script, thorough};
use common::told::{Order, in_capture, same, told};
use common::{
    Conversation, Deflate, Dialect, Dice, Network, OwnedPacket, Route, Segment, analyse, binary, codes, ping, pong,
    raw, text,
};

#[test]
fn a_transcript_comes_out_as_it_was_told() {
    let dialect = Dialect { deflate: Some(Deflate::default()), ..Dialect::default() };
    let packets = Conversation::on(Route::default(), dialect)
        .handshake()
        .client(text("hi"))
        .server(text("hello hello").fragments(&[2]).between(ping("there?")))
        .client(pong("there?"))
        .client(text("plain").uncompressed())
        .close(1000, "bye")
        .packets();
    let events = analyse(&packets, &Config { per: Per::Message, ..Config::default() });
    assert_eq!(codes(&events), [], "{events:#?}");
    let line = |event: &Event| match &event.body {
        Body::Message(message) => String::from_utf8_lossy(&message.payload.bytes).into_owned(),
        Body::Frame(frame) => format!("{} {}", frame.header.opcode.name(), frame.payload.length),
        Body::Closed(closed) => closed.how.name().to_owned(),
        Body::Handshake(handshake) => handshake.verdict.name().to_owned(),
        other @ (Body::Gap(_) | Body::Notice(_)) => format!("{other:?}"),
    };
    let lines: Vec<_> = events.iter().map(line).collect();
    let expected =
        ["accepted", "hi", "ping 6", "hello hello", "pong 6", "plain", "close 5", "close 5", "closing handshake"];
    assert_eq!(lines, expected);
}

#[test]
fn an_upgrade_request_can_be_pipelined_behind_another() {
    let early = |told: Conversation| told.client(text("1")).server(text("2")).close(1000, "");
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let (ok, telling) = ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Conversation::new().syn());
    let (request, response) = (telling.request(), telling.response());
    let pipelined = telling.client(raw(get)).client(raw(&request)).server(raw(ok)).server(raw(&response));
    let apart = Conversation::new().syn().exchange(get, ok).exchange(request, response);
    let [pipelined, apart] = [pipelined, apart]
        .map(|told_so_far| told(&analyse(&early(told_so_far).packets(), &Config::default()), Order::Kept));
    assert_eq!(pipelined, apart);
}

/// A window of 512 bytes was agreed; a distance of 1030 is told only of data that can be inflated.
#[test]
fn what_stands_behind_corrupt_data_is_not_judged() {
    let window_bits = Duplex { to_server: 9, to_client: 9 };
    let dialect = Dialect { deflate: Some(Deflate { window_bits, ..Deflate::default() }), ..Dialect::default() };
    // A fixed block: 'a', length 3 at distance 2 with one byte before it, "bbbb", length 3 at distance 1030.
    let payload = [0x4a, 0x04, 0xc2, 0xa4, 0xa4, 0xa4, 0x24, 0x60, 0x29, 0x00, 0x00, 0x00];
    for mss in [1, 1448] {
        let dialect = Dialect { mss, ..dialect.clone() };
        let packets = Conversation::on(Route::default(), dialect)
            .handshake()
            .server(binary(payload).uncompressed().rsv(4))
            .packets();
        assert_eq!(codes(&analyse(&packets, &Config::default())), [Code::DeflateCorrupt], "segments of {mss}");
    }
}

/// Where no SYN was captured, it is the first eight segments that tell where each side began.
#[test]
fn a_request_is_seen_before_a_long_response() {
    let telling = Conversation::new().upgrade().server(binary([0; 70_000]));
    let events = analyse(&telling.packets(), &Config::default());
    assert!(matches!(&events[0].body, Body::Handshake(handshake) if handshake.request.is_some()), "{:?}", events[0]);
}

#[test]
fn frames_before_the_answer_can_come_out_of_order() {
    let telling = Conversation::new().syn();
    let (request, response) = (telling.request(), telling.response());
    let telling =
        telling.client(raw(request)).client(text("1")).client(text("2")).server(raw(response)).close(1000, "");
    let mut packets = telling.packets();
    let expected = told(&analyse(&packets, &Config::default()), Order::Kept);
    packets.swap(4, 5);
    assert_eq!(told(&analyse(&packets, &Config::default()), Order::Kept), expected);
}

#[test]
fn the_opening_can_be_captured_in_any_order() {
    let packets = Conversation::new().handshake().client(text("hi")).close(1000, "").packets();
    let expected = told(&analyse(&packets, &Config::default()), Order::Kept);
    for first in 0..4 {
        for second in 0..4 {
            for third in 0..4 {
                let mut shuffled = packets.clone();
                shuffled[..4].rotate_left(first);
                shuffled.swap(1, second);
                shuffled.swap(2, third);
                assert_eq!(told(&analyse(&shuffled, &Config::default()), Order::Kept), expected, "{shuffled:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(thorough(400))]

    #[test]
    fn any_cut_gives_the_same_events(script in script(12), config in config(), seed: u64, mss in mss()) {
        check(&script, &config, &Network { seed, mss, coalesce: true, ..Network::calm() }, Order::Kept)?;
    }

    #[test]
    fn repeated_and_overlapping_segments_change_nothing(
        script in script(12), config in config(), seed: u64, mss in mss(), repeat in 1..4usize,
    ) {
        check(&script, &config, &Network { seed, mss, repeat, ..Network::calm() }, Order::Kept)?;
    }

    #[test]
    fn late_segments_of_one_side_change_nothing(
        script in script(12), config in config(), seed: u64, mss in mss(), repeat in 0..4usize, late in 1..20usize,
    ) {
        check(&script, &config, &Network { seed, mss, repeat, late, ..Network::calm() }, Order::Kept)?;
    }

    #[test]
    fn answers_before_questions_change_nothing_but_the_order(
        script in script(12), config in config(), seed: u64, mss in mss(), repeat in 0..4usize, late in 1..20usize,
    ) {
        // As much is waited for when a response comes before its request.
        let config = Config { limits: Limits { head: 1 << 20, ..config.limits }, ..config };
        check(&script, &config, &Network { seed, mss, repeat, late, across: true, ..Network::calm() }, Order::Lost)?;
    }

    #[test]
    fn a_syn_that_was_not_captured_changes_nothing(
        script in script(12), config in config(), seed: u64, mss in mss(), repeat in 0..4usize, late in 0..3usize,
        without_syn in prop_oneof![Just((true, false)), Just((false, true)), Just((true, true))],
    ) {
        let without_syn = Duplex { to_server: without_syn.0, to_client: without_syn.1 };
        // Whether the client had seen the 101 cannot be told.
        let script = Script { early: Vec::new(), ..script };
        let network = Network { seed, mss, repeat, late, without_syn, ..Network::calm() };
        check(&script, &config, &network, Order::Lost)?;
    }

    #[test]
    fn data_on_the_syn_changes_nothing(script in script(6), config in config(), seed: u64, mss in mss()) {
        check(&script, &config, &Network { seed, mss, data_on_syn: true, ..Network::calm() }, Order::Kept)?;
    }

    #[test]
    fn connections_do_not_touch_each_other(scripts in vec(script(6), 1..5), seed: u64, mss in mss()) {
        let config = Config::default();
        let mut dice = Dice(seed);
        let mut alone = Vec::new();
        let mut waiting = Vec::new();
        for (script, number) in scripts.iter().zip(0..) {
            let conversation = script.play(number);
            alone.extend(told(&analyse(&conversation.packets(), &config), Order::Kept));
            let segments = Network { seed, mss, ..Network::calm() }.carry(conversation.segments());
            waiting.push(conversation.route().packets(&segments).into_iter());
        }
        let mut mixed = Vec::new();
        while !waiting.is_empty() {
            let next = dice.below(waiting.len());
            match waiting[next].next() {
                Some(packet) => mixed.push(packet),
                None => drop(waiting.remove(next)),
            }
        }
        in_order_of_time(&mut mixed);
        let mut together = told(&analyse(&mixed, &config), Order::Kept);
        // Which of them is the first to ask is the dice's choice.
        together.sort_by_key(|told| format!("{told:?}"));
        alone.sort_by_key(|told| format!("{told:?}"));
        same(&together, &alone)?;
    }

    #[test]
    fn endpoints_can_be_used_again(first in script(6), second in script(6), config in config(), mss in mss()) {
        let second = Script { isn: Duplex { to_server: first.isn.to_server.wrapping_add(1 << 28), ..second.isn }, ..second };
        let calm = Network { mss, ..Network::calm() };
        let mut packets = Vec::new();
        let mut expected = Vec::new();
        for (script, number) in [(&first, 1), (&second, 2)] {
            let conversation = script.play(number);
            let route = Route { client: first.play(1).route().client, ..conversation.route() };
            let alone = route.packets(&conversation.segments());
            let mut told = told(&analyse(&alone, &config), Order::Kept);
            if number == 1 {
                told.iter_mut().flatten().flatten().for_each(silenced_is_evicted);
            }
            expected.extend(told);
            packets.extend(route.packets(&calm.carry(conversation.segments())));
        }
        in_order_of_time(&mut packets);
        same(&told(&analyse(&packets, &config), Order::Kept), &expected)?;
    }

    /// What comes of it cannot be said, only that it is bounded, and the same each time.
    #[test]
    fn no_damage_makes_it_panic_or_tell_without_end(
        script in script(12), config in config(), seed: u64, mss in mss(), repeat in 0..4usize, late in 0..20usize,
    ) {
        let conversation = script.play(0);
        let network = Network { seed, mss, repeat, late, across: true, ..Network::calm() };
        let dice = &mut Dice(seed);
        let mut segments = network.carry(conversation.segments());
        segments.iter_mut().filter(|_| dice.once_in(8)).for_each(|segment| estrange(segment, &mut Dice(seed)));
        let mut packets = conversation.route().packets(&segments);
        packets.retain(|_| !dice.once_in(20));
        packets.iter_mut().filter(|_| dice.once_in(8)).for_each(|packet| packet.damage(&mut Dice(seed)));
        let events = analyse(&packets, &config);
        in_capture(&events, packets.len())?;
        // Each packet can begin a connection, each byte a frame, and both end with a few words.
        let bytes: usize = packets.iter().map(|packet| packet.bytes.len()).sum();
        prop_assert!(events.len() <= bytes + 8 * packets.len());
        prop_assert_eq!(events, analyse(&packets, &config));
    }
}

/// Makes one of its numbers, or all, those of another connection.
fn estrange(segment: &mut Segment, dice: &mut Dice) {
    let near = |dice: &mut Dice, number: u64| number.wrapping_add(dice.below(4_000) as u64).wrapping_sub(2_000);
    match dice.below(5) {
        0 => segment.flags = Flags(dice.next() as u8),
        1 => segment.seq = near(dice, segment.seq),
        2 => segment.ack = segment.ack.map(|ack| near(dice, ack)),
        3 => segment.payload.iter_mut().for_each(|byte| *byte ^= dice.next() as u8),
        _ => {
            segment.seq = dice.next();
            segment.ack = Some(dice.next());
        }
    }
}

/// The events of a conversation are the same behind this network.
fn check(script: &Script, config: &Config, network: &Network, order: Order) -> Result<(), TestCaseError> {
    let conversation = script.play(0);
    let straight = conversation.packets();
    let segments = network.carry(conversation.segments());
    let packets = conversation.route().packets(&segments);
    let expected = told(&analyse(&straight, config), order);
    let events = analyse(&packets, config);
    in_capture(&events, packets.len())?;
    same(&told(&events, order), &expected)?;
    prop_assert_eq!(events, analyse(&packets, config), "the same capture gives the same events");
    Ok(())
}

/// What ends without an end alone is ended by the next connection.
fn silenced_is_evicted(body: &mut Body) {
    if let Body::Closed(closed) = body
        && closed.how == End::EndOfCapture
    {
        closed.how = End::Evicted;
    }
}

fn in_order_of_time(packets: &mut [OwnedPacket]) {
    let start = Route::default().start.0;
    for (packet, index) in packets.iter_mut().zip(0..) {
        packet.time.0 = start + index * 50_000;
    }
}

fn mss() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1), 2..50usize, Just(1448), Just(60_000)]
}

/// Any manner of telling, with limits that are reached and limits that are not.
fn config() -> impl Strategy<Value = Config> {
    (any::<bool>(), 0..4u8).prop_map(|(message, tight)| {
        let limits = match tight {
            0 => Limits { payload: 10, inflate: 100, ..Limits::default() },
            _ => Limits::default(),
        };
        Config { per: if message { Per::Message } else { Per::Frame }, limits, ..Config::default() }
    })
}

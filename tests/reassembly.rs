//! Segments to bytes (RFC 9293 §3.4), held against a model that keeps every byte in a map; gaps, ends and oddities.

mod common;
#[path = "fuzz/targets/reassembler.rs"]
#[allow(unreachable_pub, dead_code, reason = "part of it is for fuzzing")]
mod model;

use proptest::collection::vec;
use proptest::prelude::*;
use wscope::anomaly::{Code, Severity};
use wscope::config::{Config, Limits};
use wscope::duplex::Direction;
use wscope::event::{Body, End, Event, GapReason, Verdict};
use wscope::net::segment::Flags;

use common::script::thorough;
use common::{Conversation, OwnedPacket, analyse, binary, codes, text};

use model::{Piece, modelled, reassembled};

use Direction::{ToClient, ToServer};

proptest! {
    #![proptest_config(thorough(3000))]

    #[test]
    fn the_first_copy_of_a_byte_wins(pieces in vec(piece(), 1..40), isn in prop_oneof![Just(u32::MAX - 20), any::<u32>()]) {
        prop_assert_eq!(reassembled(&pieces, isn), modelled(&pieces));
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    // Two letters, so that copies often agree and often do not.
    (0..60usize, vec(prop_oneof![9 => Just(b'a'), 1 => Just(b'b')], 0..12), 0..80usize)
        .prop_map(|(at, bytes, acknowledge)| Piece { at, bytes, acknowledge })
}

// ---- gaps

#[test]
fn an_acknowledged_hole_is_given_up_after_patience() {
    let packets = chat(100);
    let lost = position(&packets, 10);
    let mut lossy = packets.clone();
    lossy.remove(lost);
    let events = analyse(&lossy, &Config::default());
    let at = events.iter().position(|event| matches!(event.body, Body::Gap(_))).expect("a gap");
    let Body::Gap(gap) = &events[at].body else { unreachable!() };
    assert_eq!((gap.direction, gap.reason), (ToServer, GapReason::NotCaptured));
    let waited = events[at].span.last.packet - lost as u64;
    assert!(waited <= Limits::default().patience_segments + 2, "waited for {waited} packets");
}

#[test]
fn a_late_packet_within_patience_leaves_no_gap() {
    let mut packets = chat(100);
    let late = position(&packets, 10);
    let packet = packets.remove(late);
    packets.insert(late + 40, packet);
    assert_eq!(codes(&analyse(&packets, &Config::default())), []);
}

#[test]
fn a_hole_that_nobody_acknowledged_is_a_gap_when_the_capture_ends() {
    let told = Conversation::new().handshake().client(text("lost")).client(text("found"));
    let mut packets = told.packets();
    packets.remove(5);
    let events = analyse(&packets, &Config::default());
    let gaps = gaps(&events);
    assert_eq!(gaps, [(ToServer, 10, GapReason::NotCaptured)]);
}

#[test]
fn what_waits_is_bounded_even_in_segments_of_one_byte() {
    let limits = Limits { reorder: 64 << 10, ..Limits::default() };
    let told = Conversation::new().handshake().client(text("lost")).client(binary(vec![1; 40_000]));
    let mut packets = Vec::new();
    for (index, segment) in told.segments().into_iter().enumerate() {
        let pieces = if index > 5 { 1448 } else { 1 };
        let mut rest = segment;
        for _ in 1..pieces {
            if rest.payload.len() > 1 {
                let (piece, behind) = rest.split_at(1);
                packets.push(told.route().packet(&piece));
                rest = behind;
            }
        }
        packets.push(told.route().packet(&rest));
    }
    packets.remove(5);
    let events = analyse(&packets, &Config { limits, ..Config::default() });
    assert_eq!(gaps(&events), [(ToServer, 10, GapReason::Limit)]);
    let gap = events.iter().find(|event| matches!(event.body, Body::Gap(_))).expect("one");
    assert!(gap.span.last.packet < 1_200, "64 KiB are far fewer than 64 Ki segments: {:?}", gap.span);
}

#[test]
fn bytes_that_the_snap_length_cut_are_a_gap_of_known_length() {
    let told = Conversation::new().handshake().server(binary([7; 500])).server(text("next"));
    let mut packets = told.packets();
    packets[5] = packets[5].clone().snapped(54 + 4 + 100);
    let events = analyse(&packets, &Config::default());
    assert_eq!(gaps(&events), [(ToClient, 400, GapReason::SnapLength)]);
    let payloads: Vec<_> = frames(&events).map(|frame| (frame.payload.bytes.len(), frame.missing)).collect();
    assert_eq!(payloads, [(100, 400), (4, 0)]);
}

// ---- ends

#[test]
fn a_fin_can_carry_data() {
    let told = Conversation::new().handshake().client(text("last words")).fin(ToServer).fin(ToClient);
    let mut segments = told.segments();
    let fin = segments.remove(6);
    segments[5].flags.0 |= fin.flags.0;
    let events = analyse(&told.route().packets(&segments), &Config::default());
    assert_eq!(frames(&events).count(), 1);
    assert_eq!(end(&events), (End::Fin, Some(ToServer)));
}

#[test]
fn both_sides_can_end_at_once() {
    let told = Conversation::new().handshake().fin(ToServer).fin(ToClient);
    let mut segments = told.segments();
    let behind = segments.len() - 1;
    // Neither has seen the other's FIN.
    segments[behind].ack = segments[behind].ack.map(|ack| ack - 1);
    let events = analyse(&told.route().packets(&segments), &Config::default());
    assert_eq!(end(&events), (End::Fin, Some(ToServer)));
}

#[test]
fn data_that_overtook_a_reset_is_still_told() {
    let told = Conversation::new().handshake().server(text("late")).reset(ToServer);
    let mut packets = told.packets();
    packets.swap(5, 6);
    let events = analyse(&packets, &Config::default());
    assert_eq!(frames(&events).count(), 1);
    assert_eq!(end(&events), (End::Reset, Some(ToServer)));
}

#[test]
fn a_reset_from_outside_the_window_ends_nothing() {
    let told = Conversation::new().handshake().client(text("one")).reset(ToServer).client(text("two")).close(1000, "");
    let mut segments = told.segments();
    let reset = segments.iter_mut().find(|segment| segment.has(Flags::RST)).expect("one");
    reset.seq = reset.seq.wrapping_sub(100_000);
    let events = analyse(&told.route().packets(&segments), &Config::default());
    assert_eq!(end(&events), (End::ClosingHandshake, Some(ToServer)));
    assert_eq!(frames(&events).count(), 4);
}

#[test]
fn a_request_that_the_snap_length_cut_breaks_no_rule_and_hides_no_connection() {
    let told = Conversation::new().handshake().server(text("x".repeat(300))).server(text("y".repeat(300)));
    let packets: Vec<_> = told.client(text("short")).packets().into_iter().map(|packet| packet.snapped(200)).collect();
    let events = analyse(&packets, &Config::default());
    let [Body::Handshake(handshake), ..] = &events.iter().map(|event| &event.body).collect::<Vec<_>>()[..] else {
        panic!("{events:#?}")
    };
    assert_eq!(
        (handshake.verdict, handshake.request.is_some(), handshake.response.is_some()),
        (Verdict::Incomplete, false, true)
    );
    let told: Vec<_> = frames(&events).map(|frame| (frame.direction, frame.missing > 0)).collect();
    assert_eq!(told, [(ToClient, true), (ToClient, true), (ToServer, false)]);
    assert!(codes(&events).iter().all(|code| code.rule().severity < Severity::Warning), "{:?}", codes(&events));
}

#[test]
fn behind_a_request_that_was_not_captured_the_next_one_is_found() {
    let told = Conversation::new()
        .syn()
        .exchange("GET /lost HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .upgrade()
        .client(text("hi"))
        .close(1000, "");
    let mut packets = told.packets();
    packets.remove(3);
    let events = analyse(&packets, &Config::default());
    let handshakes: Vec<_> = events.iter().filter(|event| matches!(event.body, Body::Handshake(_))).collect();
    assert!(
        matches!(&handshakes[..], [one] if matches!(&one.body, Body::Handshake(it) if it.verdict == Verdict::Accepted))
    );
    assert_eq!(frames(&events).count(), 3);
}

// ---- oddities

#[test]
fn keep_alives_and_window_probes_say_nothing() {
    let told = Conversation::new().handshake().client(text("before")).ack(ToClient).ack(ToServer).client(text("after"));
    let expected = analyse(&told.packets(), &Config::default());
    let mut segments = told.segments();
    let idle = segments.iter().rposition(|segment| segment.payload.is_empty()).expect("an ACK");
    for garbage in [None, Some(b'?')] {
        let mut probe = segments[idle].clone();
        probe.seq -= 1;
        probe.payload.extend(garbage);
        segments.insert(idle + 1, probe);
    }
    // A zero-window probe carries the next byte, which comes again with the rest.
    let next = segments.pop().expect("more");
    segments.push(next.clone().split_at(1).0);
    segments.push(next);
    let events = analyse(&told.route().packets(&segments), &Config::default());
    assert_eq!(codes(&events), []);
    assert_eq!(frames(&events).count(), frames(&expected).count());
}

#[test]
fn a_retransmission_with_other_bytes_is_told_once_and_the_first_copy_kept() {
    let told = Conversation::new().handshake().server(text("first")).server(text("next"));
    let mut segments = told.segments();
    let mut forged = segments[5].clone();
    forged.payload[3] ^= 1;
    segments.insert(6, forged);
    let events = analyse(&told.route().packets(&segments), &Config::default());
    assert_eq!(codes(&events), [Code::TcpOverlapConflict]);
    assert_eq!(frames(&events).next().expect("one").payload.bytes, b"first");
}

/// Many short messages of the client, each acknowledged.
fn chat(count: usize) -> Vec<OwnedPacket> {
    let told = Conversation::new().handshake();
    (0..count).fold(told, |told, _| told.client(text("hello")).ack(ToClient)).close(1000, "").packets()
}

/// Index of the packet of a message in a chat.
fn position(packets: &[OwnedPacket], message: usize) -> usize {
    assert!(packets.len() > 5 + 2 * message);
    5 + 2 * message
}

fn frames(events: &[Event]) -> impl Iterator<Item = &wscope::event::Frame> {
    events.iter().filter_map(|event| if let Body::Frame(frame) = &event.body { Some(&**frame) } else { None })
}

fn gaps(events: &[Event]) -> Vec<(Direction, u64, GapReason)> {
    let gaps = events.iter().filter_map(|event| if let Body::Gap(gap) = &event.body { Some(gap) } else { None });
    gaps.map(|gap| (gap.direction, gap.length, gap.reason)).collect()
}

fn end(events: &[Event]) -> (End, Option<Direction>) {
    let Some(Body::Closed(closed)) = events.last().map(|event| &event.body) else { panic!("{events:#?}") };
    (closed.how, closed.by)
}

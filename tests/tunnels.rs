//! Connections inside tunnels, in fragments of IP, and captured at more than one place.

mod common;

use proptest::prelude::*;
use wscope::anomaly::Code;
use wscope::config::Config;
use wscope::event::{Body, Event, Verdict};
use wscope::input::LinkType;

use common::script::thorough;
use common::told::{Order, same, told};
use common::tunnel::{CARRIERS, Carrier, carried, fragment, fragments};
use common::{Conversation, Dice, OwnedPacket, analyse, codes, run, text};

const SLL: LinkType = LinkType::LINUX_SLL;

// ---- tunnels

#[test]
fn what_a_tunnel_carries_is_told_as_without_it() {
    let packets = talk().packets();
    let expected = analyse(&packets, &Config::default());
    for carrier in CARRIERS {
        let events = analyse(&wrapped(&packets, carrier), &Config::default());
        assert!(events == expected, "{}: {events:#?}", carrier.name);
    }
}

#[test]
fn tunnels_may_be_nested_eight_deep_and_no_deeper() {
    let ip_in_ip = CARRIERS.iter().find(|carrier| carrier.name == "IP in IP").expect("one of them");
    let mut packets = talk().packets();
    let expected = analyse(&packets, &Config::default());
    for _ in 0..8 {
        packets = wrapped(&packets, ip_in_ip);
    }
    assert!(analyse(&packets, &Config::default()) == expected);
    let (events, summary) = run(&wrapped(&packets, ip_in_ip), &Config::default());
    assert_eq!((events.len(), summary.other), (0, packets.len() as u64));
}

// ---- fragments

proptest! {
    #![proptest_config(thorough(200))]

    #[test]
    fn fragments_in_any_order_and_any_number_of_times_are_joined(seed: u64, size in 2..40usize, twice: bool) {
        let packets = talk().packets();
        let dice = &mut Dice(seed);
        let mut cut = Vec::new();
        for (packet, identification) in packets.iter().zip(0..) {
            let mut pieces = fragments(packet, identification, size * 8);
            if twice {
                pieces.extend_from_within(..);
            }
            shuffle(&mut pieces, dice);
            cut.extend(pieces);
        }
        let (events, summary) = run(&cut, &Config::default());
        let expected = analyse(&packets, &Config::default());
        same(&told(&events, Order::Kept), &told(&expected, Order::Kept))?;
        prop_assert_eq!(summary.fragments, 0);
    }
}

#[test]
fn a_tunnel_may_carry_fragments_and_be_cut_to_fragments() {
    let packets = talk().packets();
    let expected = analyse(&packets, &Config::default());
    for carrier in CARRIERS.iter().filter(|carrier| ["GRE", "VXLAN", "IP in IP"].contains(&carrier.name)) {
        let mut cut = Vec::new();
        for (packet, identification) in packets.iter().zip(0..) {
            for (inner, number) in fragments(packet, identification, 64).iter().zip(0..) {
                cut.extend(fragments(&carried(inner, carrier), identification * 100 + number, 40));
            }
        }
        let events = analyse(&cut, &Config::default());
        same(&told(&events, Order::Kept), &told(&expected, Order::Kept)).expect(carrier.name);
    }
}

#[test]
fn a_joined_packet_is_the_one_that_made_it_whole() {
    let (packets, last) = last_in_fragments();
    let events = analyse(&packets, &Config::default());
    let frame = events.iter().find(|event| matches!(event.body, Body::Frame(_))).expect("one");
    let number = packets.len() as u64;
    assert_eq!((frame.span.first.packet, frame.span.last.packet), (number, number));
    assert_eq!(last.len(), 3);
}

#[test]
fn fragments_that_are_not_followed_by_the_others_in_time_are_forgotten() {
    let (mut packets, _) = last_in_fragments();
    let last = packets.len() - 1;
    packets[last].time.0 += 31_000_000_000;
    let (events, summary) = run(&packets, &Config::default());
    assert!(!events.iter().any(|event| matches!(event.body, Body::Frame(_))));
    assert_eq!((summary.fragments, codes(&events)), (3, vec![]));
}

#[test]
fn of_fragments_that_contradict_each_other_the_first_copy_is_kept_and_it_is_said() {
    let (packets, last) = last_in_fragments();
    let at = packets.len() - last.len() + 1;
    let forged = |index: usize| {
        let mut forged = last[index].clone();
        let end = forged.bytes.len();
        forged.bytes[end - 1] ^= 1;
        forged
    };
    let mut with_forged = packets.clone();
    with_forged.insert(at, forged(0));
    let events = analyse(&with_forged, &Config::default());
    assert_eq!(codes(&events), [Code::IpOverlapConflict]);
    let texts: Vec<_> = frames(&events).map(|frame| frame.payload.bytes.clone()).collect();
    assert_eq!(texts, [b"this and its headers are cut to three fragments of 32 bytes".as_slice()]);
    // Where the forged copy came first, the sum shows it, and no receiver took the packet.
    let mut forged_first = packets;
    forged_first.insert(at - 1, forged(0));
    let (events, summary) = run(&forged_first, &Config::default());
    assert_eq!((frames(&events).count(), summary.other), (0, 1));
}

#[test]
fn a_late_copy_of_a_fragment_does_not_spoil_the_next_packet_of_its_number() {
    let told_twice = talk().client(text("the next packet has the same identification"));
    let packets = told_twice.packets();
    let [.., one, other] = &packets[..] else { panic!("two packets") };
    let cut = |packet| fragments(packet, 7, 32);
    let mut captured = packets[..packets.len() - 2].to_vec();
    captured.extend([cut(one), cut(one)[..1].to_vec(), cut(other)].concat());
    let events = analyse(&captured, &Config::default());
    let expected = analyse(&packets, &Config::default());
    same(&told(&events, Order::Kept), &told(&expected, Order::Kept)).expect("the same");
}

#[test]
fn fragments_that_cannot_be_are_not_joined() {
    let (packets, last) = last_in_fragments();
    let whole = &talk().packets()[packets.len() - 3];
    let header = &whole.bytes[..34];
    let piece = |place, payload: &[u8]| fragment(whole, header, 3, place, payload);
    // no multiple of 8, nothing at all, and beyond the longest packet
    let odd = [piece(0x2000, &[0; 12]), piece(0x2000, &[]), piece(0x3fff, &[0; 64])];
    let mut captured = packets.clone();
    let at = packets.len() - last.len();
    captured.splice(at..at, odd);
    assert_eq!(frames(&analyse(&captured, &Config::default())).count(), 1);
}

// ---- the same flow at two places

#[test]
fn inside_and_outside_of_a_tunnel_are_two_connections() {
    let packets = talk().packets();
    for carrier in CARRIERS.iter().filter(|carrier| !["MPLS", "Ethernet over MPLS", "ERSPAN"].contains(&carrier.name)) {
        let both: Vec<_> = packets.iter().flat_map(|packet| [packet.clone(), carried(packet, carrier)]).collect();
        two_whole_connections(&both, carrier.name);
    }
}

#[test]
fn two_vlans_are_two_connections() {
    let tag = |vlan: u8| move |packet: &OwnedPacket| with_tag(packet, vlan);
    let both: Vec<_> = talk().packets().iter().flat_map(|packet| [tag(1)(packet), tag(2)(packet)]).collect();
    two_whole_connections(&both, "VLAN 1 and 2");
}

#[test]
fn labels_and_mirrors_make_copies_of_one_connection() {
    let packets = talk().packets();
    for carrier in CARRIERS.iter().filter(|carrier| ["MPLS", "Ethernet over MPLS", "ERSPAN"].contains(&carrier.name)) {
        let both: Vec<_> = packets.iter().flat_map(|packet| [packet.clone(), carried(packet, carrier)]).collect();
        one_whole_connection(&both, carrier.name);
    }
}

#[test]
fn any_interface_shows_one_connection_however_often_a_packet_passes() {
    let packets = talk().packets();
    for carrier in CARRIERS {
        let both: Vec<_> =
            packets.iter().flat_map(|packet| [cooked(packet), cooked(&carried(packet, carrier))]).collect();
        one_whole_connection(&both, carrier.name);
    }
    let thrice: Vec<_> = packets.iter().flat_map(|packet| [packet, packet, packet].map(cooked)).collect();
    one_whole_connection(&thrice, "the same");
}

#[test]
fn a_capture_read_twice_tells_each_connection_once() {
    for whole in [talk(), talk().close(1000, "")] {
        let mut packets = whole.packets();
        let expected = analyse(&packets, &Config::default());
        packets.extend_from_within(..);
        let events = analyse(&packets, &Config::default());
        same(&told(&events, Order::Kept), &told(&expected, Order::Kept)).expect("the same");
    }
}

// ---- helpers

fn talk() -> Conversation {
    Conversation::new()
        .handshake()
        .server(text("hello hello").fragments(&[2]))
        .client(text("x".repeat(900)))
        .server(text("this and its headers are cut to three fragments of 32 bytes"))
}

/// A conversation whose only frame comes in three fragments, and those.
fn last_in_fragments() -> (Vec<OwnedPacket>, Vec<OwnedPacket>) {
    let mut packets = Conversation::new()
        .handshake()
        .server(text("this and its headers are cut to three fragments of 32 bytes"))
        .packets();
    let last = fragments(&packets.pop().expect("the frame"), 9, 32);
    packets.extend(last.clone());
    (packets, last)
}

fn wrapped(packets: &[OwnedPacket], carrier: &Carrier) -> Vec<OwnedPacket> {
    packets.iter().map(|packet| carried(packet, carrier)).collect()
}

/// The packet as a capture on all interfaces holds it.
fn cooked(packet: &OwnedPacket) -> OwnedPacket {
    let header = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    OwnedPacket { link: SLL, ..OwnedPacket::new(packet.time, [&header, &packet.bytes[12..]].concat()) }
}

fn with_tag(packet: &OwnedPacket, vlan: u8) -> OwnedPacket {
    let (addresses, rest) = packet.bytes.split_at(12);
    OwnedPacket::new(packet.time, [addresses, &[0x81, 0, 0, vlan], rest].concat())
}

fn two_whole_connections(packets: &[OwnedPacket], place: &str) {
    let expected = &told(&analyse(&talk().packets(), &Config::default()), Order::Kept)[0];
    let events = analyse(packets, &Config::default());
    let mut found = told(&events, Order::Kept);
    assert_eq!(found.len(), 2, "{place}");
    // All but that the nonce was seen before.
    for body in found.iter_mut().flat_map(|told| &mut told[2]) {
        if let Body::Handshake(handshake) = body {
            assert_eq!(handshake.verdict, Verdict::Accepted, "{place}");
            handshake.anomalies.retain(|anomaly| anomaly.code != Code::HandshakeKeyReused);
        }
    }
    same(&found, &[expected.clone(), expected.clone()]).expect(place);
}

fn one_whole_connection(packets: &[OwnedPacket], place: &str) {
    let expected = told(&analyse(&talk().packets(), &Config::default()), Order::Kept);
    same(&told(&analyse(packets, &Config::default()), Order::Kept), &expected).expect(place);
}

fn frames(events: &[Event]) -> impl Iterator<Item = &wscope::event::Frame> {
    events.iter().filter_map(|event| if let Body::Frame(frame) = &event.body { Some(&**frame) } else { None })
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for last in (1..items.len()).rev() {
        items.swap(last, dice.below(last + 1));
    }
}

//! Turns a captured packet into the TCP segment in it: link layer, VLAN tags, tunnels, IP and TCP headers.
//!
//! ```text
//! link.rs       Packet ─► what of it is the IP packet, behind VLAN tags, labels, PPP
//! ip.rs                ─► between which hosts, what it carries        (RFC 791, RFC 8200)
//! tunnel.rs            ─► the IP packet that it carries, back to ip.rs
//! fragment.rs          ─► fragments joined, once they are all there
//! segment.rs           ─► Segment                                     (RFC 9293 §3.1)
//! enclosure.rs  what a packet travelled in, as far as that tells flows apart
//! wire.rs       what each of them hands on: captured bytes, and how many more were on the wire
//! ```
//!
//! Lengths come from the IP header, never from the frame, which may be padded or end in a checksum; where the IP length
//! is 0, because the network card was to cut the data into packets, the wire length stands in for it. Checksums are not
//! verified: they are offloaded to the card too, and what a host sends is captured before the card writes them.
//!
//! [`decode`] has no state. What it finds to be a [`Fragment`] is for the caller to give to [`Fragments`](fragment::Fragments).

mod enclosure;
pub mod fragment;
mod ip;
mod link;
pub mod segment;
pub mod seq;
mod tunnel;
mod wire;

use std::net::{IpAddr, Ipv4Addr};

use etherparse::IpNumber;

use crate::input::{LinkType, Packet};
use crate::net::enclosure::Enclosure;
use crate::net::fragment::Fragment;
use crate::net::ip::Datagram;
use crate::net::segment::{Context, Endpoint, Flags, Segment};
use crate::net::seq::SeqNumber;
use crate::net::wire::Wire;
use crate::origin::Origin;

/// Finds the TCP segment in a packet.
///
/// Total: any bytes have an answer. Reads headers only, so the cost does not depend on the payload; allocates nothing.
#[inline(always)] // so that a segment is made where it is used
pub fn decode<'a>(packet: &Packet<'a>) -> Decoded<'a> {
    match plain(packet) {
        Some(segment) => Decoded::Segment(segment),
        None => first(packet).unwrap_or_else(Decoded::Skipped),
    }
}

/// What [`decode`] found in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A TCP segment.
    Segment(Segment<'a>),
    /// A fragment of an IP packet that may carry one, for [`Fragments::insert`](fragment::Fragments::insert).
    Fragment(Fragment<'a>),
    /// Neither, and why.
    Skipped(Skip),
}

/// Why a packet gave no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// Another protocol than TCP over IP, or one that we do not look into.
    NotTcp,
    /// The snap length cut the packet before the end of the TCP header's fixed part. Loss, if it was TCP.
    Truncated,
    /// Headers that contradict themselves, each other or the length on the wire: no receiver takes such a packet.
    Malformed,
    /// A link type that we cannot read, and so no packet of that interface.
    UnknownLink(LinkType),
}

/// The segment of a packet as most are: Ethernet, IPv4 without options, TCP, all of it captured. What `first` finds in it too,
/// in a fifth of the steps; `None` where there is anything else to be seen.
#[inline]
fn plain<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    const ETHERNET: usize = 14;
    const IPV4: usize = ETHERNET + 20;
    let header = packet.bytes.first_chunk::<{ IPV4 + 20 }>().filter(|_| packet.link == LinkType::ETHERNET)?;
    let pair = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let four = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
    let is_whole = pair(ETHERNET + 6) & 0x3fff == 0; // RFC 791 §3.1: offset, and more fragments
    if pair(12) != 0x0800 || header[ETHERNET] != 0x45 || header[ETHERNET + 9] != IpNumber::TCP.0 || !is_whole {
        return None;
    }
    let start = IPV4 + usize::from(header[IPV4 + 12] >> 4) * 4;
    let end = ETHERNET + usize::from(pair(ETHERNET + 2));
    let payload = packet.bytes.get(start..end).filter(|_| start >= header.len())?;
    let flags = Flags(header[IPV4 + 13]);
    let endpoint = |ip, port| Endpoint { ip: IpAddr::V4(Ipv4Addr::from(four(ip))), port: pair(port) };
    Some(Segment {
        origin: Origin { packet: packet.number, time: packet.time },
        source: endpoint(ETHERNET + 12, IPV4),
        destination: endpoint(ETHERNET + 16, IPV4 + 2),
        context: Context::default(),
        seq: SeqNumber(u32::from_be_bytes(four(IPV4 + 4))),
        ack: flags.has(Flags::ACK).then_some(SeqNumber(u32::from_be_bytes(four(IPV4 + 8)))),
        flags,
        payload,
        cut: 0,
    })
}

#[inline(never)]
fn first<'a>(packet: &Packet<'a>) -> Result<Decoded<'a>, Skip> {
    let frame = Wire::new(packet.bytes, packet.wire_len);
    let (ip, enclosure) = link::ip_packet(packet.link, frame)?;
    let origin = Origin { packet: packet.number, time: packet.time };
    let datagram = Datagram::read(ip)?;
    if datagram.is_segment() {
        return Segment::read(origin, enclosure.context(), &datagram).map(Decoded::Segment);
    }
    follow(origin, datagram, enclosure)
}

/// Follows tunnels to a segment or a fragment; there are at most as many as an enclosure is deep.
#[cold] // and so not in the way of what `first` does for nearly every packet
fn follow<'a>(origin: Origin, mut datagram: Datagram<'a>, mut enclosure: Enclosure) -> Result<Decoded<'a>, Skip> {
    while !datagram.is_segment() {
        if let Some(part) = datagram.fragment {
            // What is not the first fragment may begin with anything.
            let fragment = Decoded::Fragment(Fragment { origin, enclosure, datagram, part });
            return if tunnel::may_carry_tcp(datagram.protocol, &[]) { Ok(fragment) } else { Err(Skip::NotTcp) };
        }
        let (inner, around) = tunnel::inner(&datagram, enclosure)?;
        (datagram, enclosure) = (Datagram::read(inner)?, around);
    }
    Segment::read(origin, enclosure.context(), &datagram).map(Decoded::Segment)
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use proptest::prelude::*;

    use super::*;
    use crate::origin::Timestamp;

    const PAYLOAD: &[u8] = b"GET /chat HTTP/1.1\r\n";

    #[test]
    fn a_segment_says_all_that_its_headers_say() {
        let bytes = tagged_packet();
        let segment = segment_of(&packet(LinkType::ETHERNET, &bytes));
        assert_eq!(
            segment,
            Segment {
                origin: Origin { packet: 7, time: Timestamp(9) },
                source: endpoint([192, 0, 2, 1], 50_000),
                destination: endpoint([192, 0, 2, 2], 80),
                context: Context(100),
                seq: SeqNumber(0xffff_fff0),
                ack: Some(SeqNumber(5)),
                flags: Flags(Flags::ACK.0 | Flags::PSH.0),
                payload: PAYLOAD,
                cut: 0,
            }
        );
    }

    #[test]
    fn padding_and_frame_check_sequence_are_not_payload() {
        let mut bytes = tagged_packet();
        bytes.extend([0xee; 10]);
        assert_eq!(segment_of(&packet(LinkType::ETHERNET, &bytes)).payload, PAYLOAD);
    }

    #[test]
    fn wherever_the_snap_length_cuts_payload_and_cut_add_up_or_there_is_no_segment() {
        let whole = tagged_packet();
        let tcp_fixed_end = 14 + 4 + 20 + 20;
        let payload_start = tcp_fixed_end + 12; // the options
        for snap in 0..=whole.len() {
            let packet = Packet { bytes: &whole[..snap], ..packet(LinkType::ETHERNET, &whole) };
            match decode(&packet) {
                Decoded::Segment(segment) => {
                    assert!(snap >= tcp_fixed_end, "{snap}");
                    assert_eq!(segment.payload, &whole[payload_start.min(snap)..snap]);
                    let all = segment.payload.len() + segment.cut as usize;
                    assert_eq!(all, PAYLOAD.len(), "{snap}");
                }
                Decoded::Fragment(fragment) => panic!("no fragment: {fragment:?}"),
                Decoded::Skipped(skip) => {
                    assert!(snap < tcp_fixed_end, "{snap}");
                    assert_eq!(skip, Skip::Truncated, "{snap}");
                }
            }
        }
    }

    #[test]
    fn what_the_snap_length_cut_off_the_padding_is_not_missing_payload() {
        let bytes = tagged_packet();
        let padded = Packet { wire_len: bytes.len() as u32 + 6, ..packet(LinkType::ETHERNET, &bytes) };
        assert_eq!(segment_of(&padded).cut, 0);
    }

    #[test]
    fn an_offloaded_segment_of_length_0_reaches_to_the_end_of_the_wire() {
        let mut bytes = tagged_packet();
        bytes[18 + 2..18 + 4].fill(0); // total length
        let snapped = Packet { wire_len: bytes.len() as u32 + 70_000, ..packet(LinkType::ETHERNET, &bytes) };
        let segment = segment_of(&snapped);
        assert_eq!(segment.payload, PAYLOAD);
        assert_eq!(segment.cut, 70_000);
    }

    #[test]
    fn udp_is_not_tcp() {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .udp(53, 53)
            .write(&mut bytes, b"query")
            .expect("a Vec takes everything");
        let packet = packet(LinkType::ETHERNET, &bytes);
        assert_eq!(decode(&packet), Decoded::Skipped(Skip::NotTcp));
    }

    #[test]
    fn an_unknown_link_type_is_named() {
        let packet = packet(LinkType(147), &[0; 100]);
        let skip = Skip::UnknownLink(LinkType(147));
        assert_eq!(decode(&packet), Decoded::Skipped(skip));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_on_any_link_type(
            link in 0u16..300,
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            wire_len in 0u32..300,
            snap in 0usize..200,
        ) {
            cut_or_whole_the_length_is_the_same(link, &bytes, wire_len, snap);
        }

        #[test]
        fn no_damage_to_a_good_packet_panics(
            damage in prop::collection::vec((0usize..90, any::<u8>()), 0..6),
            wire_len: u32,
            snap in 0usize..100,
        ) {
            let mut bytes = tagged_packet();
            for (at, byte) in damage {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            cut_or_whole_the_length_is_the_same(LinkType::ETHERNET.0, &bytes, wire_len, snap);
        }
    }

    proptest! {
        #[test]
        fn the_short_way_finds_what_the_long_way_does(
            damage in prop::collection::vec((0usize..54, any::<u8>()), 0..3),
            padding in 0usize..9,
            snap in 0usize..200,
        ) {
            let mut bytes = Vec::new();
            let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64);
            let builder = builder.tcp(50_000, 80, 7, 1024).ack(5).options_raw(&[1, 1, 1, 0]).expect("they fit");
            builder.write(&mut bytes, PAYLOAD).expect("a Vec takes everything");
            bytes.resize(bytes.len() + padding, 0);
            for (at, byte) in &damage {
                bytes[*at] = *byte;
            }
            let whole = packet(LinkType::ETHERNET, &bytes);
            prop_assert!(plain(&whole).is_some() || !damage.is_empty());
            for packet in [whole, Packet { bytes: &bytes[..snap.min(bytes.len())], ..whole }] {
                if let Some(segment) = plain(&packet) {
                    prop_assert_eq!(first(&packet), Ok(Decoded::Segment(segment)));
                }
            }
        }
    }

    fn cut_or_whole_the_length_is_the_same(link: u16, bytes: &[u8], wire_len: u32, snap: usize) {
        let whole = Packet { wire_len: wire_len.max(bytes.len() as u32), ..packet(LinkType(link), bytes) };
        let cut = Packet { bytes: &bytes[..snap.min(bytes.len())], ..whole };
        let len = |segment: Segment<'_>| segment.payload.len() + segment.cut as usize;
        match (decode(&whole), decode(&cut)) {
            (Decoded::Segment(whole), Decoded::Segment(cut)) => {
                assert_eq!(len(whole), len(cut));
                assert!(len(whole) <= wire_len.max(bytes.len() as u32) as usize);
            }
            (Decoded::Fragment(_), Decoded::Fragment(_)) | (_, Decoded::Skipped(_)) => {}
            (_, invented) => panic!("invented: {invented:?}"),
        }
    }

    /// Ethernet, a VLAN tag, IPv4 without options, TCP with 12 bytes of options, `PAYLOAD`.
    fn tagged_packet() -> Vec<u8> {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .single_vlan(100.try_into().expect("below 4096"))
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .tcp(50_000, 80, 0xffff_fff0, 1024)
            .ack(5)
            .psh()
            .options_raw(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
            .expect("12 bytes of options fit")
            .write(&mut bytes, PAYLOAD)
            .expect("a Vec takes everything");
        bytes
    }

    fn packet(link: LinkType, bytes: &[u8]) -> Packet<'_> {
        Packet { number: 7, time: Timestamp(9), interface: 0, link, bytes, wire_len: bytes.len() as u32 }
    }

    fn segment_of<'a>(packet: &Packet<'a>) -> Segment<'a> {
        match decode(packet) {
            Decoded::Segment(segment) => segment,
            other => panic!("no segment: {other:?}"),
        }
    }

    fn endpoint(ip: [u8; 4], port: u16) -> Endpoint {
        Endpoint { ip: IpAddr::V4(Ipv4Addr::from(ip)), port }
    }
}

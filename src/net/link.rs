//! From a link-layer frame to the IP packet in it, and the VLAN it travels in.
//!
//! The layouts are those of the LINKTYPE_ list (<https://www.tcpdump.org/linktypes.html>); VLAN tags IEEE 802.1Q §9,
//! SNAP RFC 1042, PPP RFC 1661 §2 and RFC 1662 §3.1. Whether the packet is IPv4 or IPv6 is left to its version field.

use crate::input::LinkType;
use crate::net::Skip;
use crate::net::segment::Context;
use crate::net::wire::Wire;

/// The link types that [`decode`](crate::net::decode) reads.
impl LinkType {
    /// BSD loopback: an address family in the capturing host's byte order, then the packet.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without address and control field.
    pub const PPP: Self = Self(9);
    /// A bare IP packet, where a file says the number most systems give DLT_RAW.
    pub const RAW_DLT: Self = Self(12);
    /// A bare IP packet, where a file says the number OpenBSD gives DLT_RAW.
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP in HDLC-like framing, or Cisco HDLC.
    pub const PPP_HDLC: Self = Self(50);
    /// A bare IP packet.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: an address family in network byte order, then the packet.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, as of the `any` device.
    pub const LINUX_SLL: Self = Self(113);
    /// A bare IPv4 packet.
    pub const IPV4: Self = Self(228);
    /// A bare IPv6 packet.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Tags of one frame. Two are standard, three are seen; four VLAN identifiers leave 16 bits of a [`Context`] free.
const MAX_TAGS: usize = 4;

/// The IP packet in a frame (with whatever padding follows it) and its context.
pub(super) fn ip_packet(link: LinkType, frame: Wire<'_>) -> Result<(Wire<'_>, Context), Skip> {
    match link {
        LinkType::ETHERNET => {
            let [.., t0, t1] = *frame.head::<14>()?;
            ether_payload(u16::from_be_bytes([t0, t1]), frame.skip(14)?)
        }
        LinkType::LINUX_SLL => {
            let [.., t0, t1] = *frame.head::<16>()?;
            cooked_payload(u16::from_be_bytes([t0, t1]), frame.skip(16)?)
        }
        LinkType::LINUX_SLL2 => {
            let [t0, t1, ..] = *frame.head::<20>()?;
            cooked_payload(u16::from_be_bytes([t0, t1]), frame.skip(20)?)
        }
        LinkType::NULL | LinkType::LOOP => loopback_payload(frame),
        LinkType::PPP | LinkType::PPP_HDLC => ppp_payload(frame),
        LinkType::RAW | LinkType::RAW_DLT | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            Ok((frame, Context::default()))
        }
        unknown => Err(Skip::UnknownLink(unknown)),
    }
}

/// Follows EtherTypes through VLAN tags and SNAP.
#[inline] // else its result goes through memory: 12 ns more, as much as all the rest
fn ether_payload(mut ether_type: u16, mut payload: Wire<'_>) -> Result<(Wire<'_>, Context), Skip> {
    const VLAN: u16 = 0x8100;
    const PROVIDER_BRIDGE: u16 = 0x88a8; // 802.1ad
    const QINQ: u16 = 0x9100; // before 802.1ad
    let mut context = Context::default();
    for _ in 0..=MAX_TAGS {
        match ether_type {
            0x0800 | 0x86dd => return Ok((payload, context)),
            VLAN | PROVIDER_BRIDGE | QINQ => {
                let [c0, c1, t0, t1] = *payload.head()?;
                context = context.tagged(u16::from_be_bytes([c0, c1]));
                ether_type = u16::from_be_bytes([t0, t1]);
                payload = payload.skip(4)?;
            }
            // a length, not a type: IP is in it only behind LLC and SNAP headers
            0..0x0600 => match *payload.head::<8>()? {
                [0xaa, 0xaa, 0x03, 0, 0, 0, t0, t1] => {
                    ether_type = u16::from_be_bytes([t0, t1]);
                    payload = payload.skip(8)?;
                }
                _ => return Err(Skip::NotTcp),
            },
            _ => return Err(Skip::NotTcp),
        }
    }
    Err(Skip::NotTcp)
}

/// As `ether_payload`, but in no context.
///
/// A cooked capture takes one packet from several interfaces of a host: from `eth0` with its tag, and from `eth0.100`
/// without it. Those are copies of one segment, so they must be of one flow, where the second is a retransmission; told
/// apart, each connection would be reported twice. The tag is no sure mark there anyway: libpcap puts what the card took
/// off back into SLL, not into SLL2. A host's own addresses and ports rarely repeat between its VLANs; where they do in
/// what it forwards, only a capture of whole frames (Ethernet) keeps the flows apart.
fn cooked_payload(protocol: u16, payload: Wire<'_>) -> Result<(Wire<'_>, Context), Skip> {
    let (packet, _) = ether_payload(protocol, payload)?;
    Ok((packet, Context::default()))
}

fn loopback_payload(frame: Wire<'_>) -> Result<(Wire<'_>, Context), Skip> {
    let family = u32::from_le_bytes(*frame.head()?);
    // families are small: in the right byte order the upper half is empty
    let family = match family {
        0x1_0000.. => family.swap_bytes(),
        _ => family,
    };
    match family {
        // AF_INET; AF_INET6 of Linux, Windows, NetBSD and OpenBSD, Solaris, FreeBSD, Darwin
        2 | 10 | 23 | 24 | 26 | 28 | 30 => Ok((frame.skip(4)?, Context::default())),
        _ => Err(Skip::NotTcp),
    }
}

fn ppp_payload(frame: Wire<'_>) -> Result<(Wire<'_>, Context), Skip> {
    let frame = match frame.bytes() {
        [0xff, 0x03, ..] => frame.skip(2)?,
        // Cisco HDLC: unicast or multicast, then an EtherType (RFC 1547 §4.3.1)
        [0x0f | 0x8f, 0x00, t0, t1, ..] => {
            return ether_payload(u16::from_be_bytes([*t0, *t1]), frame.skip(4)?);
        }
        _ => frame,
    };
    // RFC 1661 §2: the last octet of a protocol number is odd, any other even; a leading 0 may be left out
    let (protocol, len) = match *frame.head()? {
        [last] if last % 2 == 1 => (u16::from(last), 1),
        [_] => (u16::from_be_bytes(*frame.head()?), 2),
    };
    match protocol {
        0x0021 | 0x0057 => Ok((frame.skip(len)?, Context::default())),
        _ => Err(Skip::NotTcp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACS: &[u8] = &[2; 12];
    const SLL: &[u8] = &[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0];

    #[test]
    fn ethernet_carries_both_ip_versions() {
        check(LinkType::ETHERNET, &[MACS, &[0x08, 0x00]], Ok(0));
        check(LinkType::ETHERNET, &[MACS, &[0x86, 0xdd]], Ok(0));
    }

    #[test]
    fn arp_is_not_tcp() {
        check(LinkType::ETHERNET, &[MACS, &[0x08, 0x06]], Err(Skip::NotTcp));
    }

    #[test]
    fn the_context_is_the_vlan_identifier_without_priority() {
        check(LinkType::ETHERNET, &[MACS, &[0x81, 0x00, 0xf0, 100, 0x08, 0x00]], Ok(100));
    }

    #[test]
    fn a_priority_tag_makes_no_context() {
        // 802.1Q §9.6: identifier 0 says that the frame has a priority and no VLAN
        check(LinkType::ETHERNET, &[MACS, &[0x81, 0x00, 0x60, 0, 0x08, 0x00]], Ok(0));
    }

    #[test]
    fn outer_and_inner_tag_make_a_context_of_their_own() {
        let tags = |outer, inner| [0x88, 0xa8, 0, outer, 0x81, 0, 0, inner, 0x08, 0x00];
        check(LinkType::ETHERNET, &[MACS, &tags(1, 2)], Ok(0x1002));
        check(LinkType::ETHERNET, &[MACS, &tags(2, 1)], Ok(0x2001));
    }

    #[test]
    fn four_tags_are_read_and_five_refused() {
        let tag = [0x91, 0x00, 0, 1];
        let frame = [MACS, &tag, &tag, &tag, &tag, &[0x08, 0x00]];
        check(LinkType::ETHERNET, &frame, Ok(0x001_001_001_001));
        let frame = [MACS, &tag, &tag, &tag, &tag, &tag, &[0x08, 0x00]];
        check(LinkType::ETHERNET, &frame, Err(Skip::NotTcp));
    }

    #[test]
    fn ip_may_stand_behind_snap_but_in_no_other_802_3_frame() {
        let snap = [0, 28, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00];
        check(LinkType::ETHERNET, &[MACS, &snap], Ok(0));
        let spanning_tree = [0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0];
        check(LinkType::ETHERNET, &[MACS, &spanning_tree], Err(Skip::NotTcp));
    }

    #[test]
    fn cooked_headers_lead_to_the_packet() {
        let sll2 = [0x08, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0];
        check(LinkType::LINUX_SLL, &[SLL, &[0x08, 0x00]], Ok(0));
        check(LinkType::LINUX_SLL2, &[&sll2], Ok(0));
    }

    #[test]
    fn a_tagged_and_an_untagged_copy_in_a_cooked_capture_are_one_flow() {
        let tag = [0x81, 0x00, 0x60, 100, 0x08, 0x00];
        check(LinkType::LINUX_SLL, &[SLL, &tag], Ok(0));
        let sll2 = [0x81, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0];
        check(LinkType::LINUX_SLL2, &[&sll2, &tag[2..]], Ok(0));
    }

    #[test]
    fn loopback_families_are_read_in_either_byte_order() {
        for family in [2u32, 10, 23, 24, 26, 28, 30] {
            check(LinkType::NULL, &[&family.to_le_bytes()], Ok(0));
            check(LinkType::NULL, &[&family.to_be_bytes()], Ok(0));
            check(LinkType::LOOP, &[&family.to_be_bytes()], Ok(0));
        }
        check(LinkType::NULL, &[&[7, 0, 0, 0]], Err(Skip::NotTcp));
    }

    #[test]
    fn ppp_fields_may_be_left_out_or_compressed() {
        for link in [LinkType::PPP, LinkType::PPP_HDLC] {
            check(link, &[&[0xff, 0x03, 0x00, 0x21]], Ok(0));
            check(link, &[&[0xff, 0x03, 0x21]], Ok(0));
            check(link, &[&[0x00, 0x57]], Ok(0));
            check(link, &[&[0x57]], Ok(0));
            check(link, &[&[0xc0, 0x21]], Err(Skip::NotTcp));
            check(link, &[&[0x0f, 0x00, 0x08, 0x00]], Ok(0));
        }
    }

    #[test]
    fn raw_frames_are_the_packet() {
        for number in [12, 14, 101, 228, 229] {
            check(LinkType(number), &[], Ok(0));
        }
    }

    /// Behind the header made of `parts` lies the packet, in this context; or it is refused.
    fn check(link: LinkType, parts: &[&[u8]], expected: Result<u64, Skip>) {
        let frame = [&parts.concat()[..], b"packet"].concat();
        let found = ip_packet(link, Wire::new(&frame, 0));
        let expected = expected.map(|context| (Wire::new(b"packet", 0), Context(context)));
        assert_eq!(found, expected);
    }
}

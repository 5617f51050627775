//! From an IP packet to the TCP segment in it: IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200 §4).
//!
//! etherparse reads the fixed headers; lengths are ours, as its strict slices refuse packets that a snap length cut or
//! whose length field is 0, and its lax ones take four times as long. Fragments are refused, not joined, except the
//! "atomic" ones of IPv6, which are whole (RFC 6946). Encrypted payload (ESP) is not TCP to us.

use std::net::IpAddr;

use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, err};

use crate::net::Skip;
use crate::net::wire::Wire;

/// An IP packet that carries TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    /// Source address.
    pub(super) source: IpAddr,
    /// Destination address.
    pub(super) destination: IpAddr,
    /// TCP header and payload, without what may follow the IP packet in the frame.
    pub(super) tcp: Wire<'a>,
}

impl<'a> Datagram<'a> {
    /// Reads the headers up to TCP's; the version is taken from the first nibble, whatever the link layer announced.
    pub(super) fn read(packet: Wire<'a>) -> Result<Self, Skip> {
        let [first] = *packet.head()?;
        match first >> 4 {
            4 => Self::read_v4(packet),
            6 => Self::read_v6(packet),
            _ => Err(Skip::Malformed),
        }
    }

    fn read_v4(packet: Wire<'a>) -> Result<Self, Skip> {
        use err::ipv4::HeaderSliceError;
        let header = Ipv4HeaderSlice::from_slice(packet.bytes()).map_err(|error| match error {
            HeaderSliceError::Len(short) => packet.without(short.required_len),
            HeaderSliceError::Content(_) => Skip::Malformed,
        })?;
        let packet = match header.total_len() {
            // a segment for the card to cut, or of 64 KiB and more (BIG TCP)
            0 => packet,
            len => packet.limit(len.into()),
        };
        let payload = packet.skip(header.slice().len())?;
        let tcp = match header.protocol() {
            IpNumber::TCP | IpNumber::AUTHENTICATION_HEADER if header.is_fragmenting_payload() => {
                return Err(Skip::Fragment);
            }
            IpNumber::TCP => payload,
            IpNumber::AUTHENTICATION_HEADER => tcp_behind_extensions(IpNumber::AUTHENTICATION_HEADER, payload)?,
            _ => return Err(Skip::NotTcp),
        };
        Ok(Self { source: header.source_addr().into(), destination: header.destination_addr().into(), tcp })
    }

    fn read_v6(packet: Wire<'a>) -> Result<Self, Skip> {
        use err::ipv6::HeaderSliceError;
        let header = Ipv6HeaderSlice::from_slice(packet.bytes()).map_err(|error| match error {
            HeaderSliceError::Len(short) => packet.without(short.required_len),
            HeaderSliceError::Content(_) => Skip::Malformed,
        })?;
        let payload = packet.skip(header.slice().len())?;
        let payload = match header.payload_length() {
            0 => match jumbo_payload_length(header.next_header(), payload) {
                Some(len) => payload.limit(len),
                None => payload, // as with IPv4
            },
            len => payload.limit(len.into()),
        };
        Ok(Self {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            tcp: tcp_behind_extensions(header.next_header(), payload)?,
        })
    }
}

/// Follows the chain of extension headers from the one numbered `next` to TCP.
///
/// Each is 8 bytes or more, so the chain ends with the packet.
fn tcp_behind_extensions(mut next: IpNumber, mut payload: Wire<'_>) -> Result<Wire<'_>, Skip> {
    while next != IpNumber::TCP {
        if !is_extension(next) {
            return Err(Skip::NotTcp);
        }
        let [following, len, o0, o1, ..] = *payload.head::<8>()?;
        let following = IpNumber(following);
        let len = match next {
            IpNumber::AUTHENTICATION_HEADER => (usize::from(len) + 2) * 4, // RFC 4302 §2.2
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                // §4.5: 13 bits of offset, 2 reserved, more fragments
                if u16::from_be_bytes([o0, o1]) & 0xfff9 != 0 {
                    let may_be_tcp = following == IpNumber::TCP || is_extension(following);
                    return Err(if may_be_tcp { Skip::Fragment } else { Skip::NotTcp });
                }
                8
            }
            _ => (usize::from(len) + 1) * 8,
        };
        payload = payload.skip(len)?;
        next = following;
    }
    Ok(payload)
}

/// Extension headers that can stand before TCP.
fn is_extension(number: IpNumber) -> bool {
    matches!(
        number,
        IpNumber::IPV6_HEADER_HOP_BY_HOP
            | IpNumber::IPV6_ROUTE_HEADER
            | IpNumber::IPV6_FRAGMENTATION_HEADER
            | IpNumber::IPV6_DESTINATION_OPTIONS
            | IpNumber::AUTHENTICATION_HEADER
    )
}

/// Length of the extension headers and what they carry, from the jumbo payload option (RFC 2675 §2).
fn jumbo_payload_length(next: IpNumber, payload: Wire<'_>) -> Option<usize> {
    if next != IpNumber::IPV6_HEADER_HOP_BY_HOP {
        return None;
    }
    let [_, len, ..] = *payload.bytes() else {
        return None;
    };
    let mut options = payload.bytes().get(2..(usize::from(len) + 1) * 8)?;
    loop {
        options = match *options {
            [0xc2, 4, a, b, c, d, ..] => {
                let len = u32::from_be_bytes([a, b, c, d]);
                // what fits into the ordinary length field must stand there
                return usize::try_from(len).ok().filter(|&len| len > 0xffff);
            }
            [0, ref rest @ ..] => rest, // Pad1 has no length
            [_, len, ref rest @ ..] => rest.get(usize::from(len)..)?,
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: u8 = 6;
    const HOP_BY_HOP: u8 = 0;
    const FRAGMENT: u8 = 44;
    const DESTINATION: u8 = 60;

    #[test]
    fn the_length_field_ends_the_payload() {
        check(&v4(TCP, 7, b"segment padding"), 0, Ok((b"segment", 0)));
        check(&v6(TCP, 7, b"segment padding"), 0, Ok((b"segment", 0)));
    }

    #[test]
    fn length_0_reaches_to_the_end_of_the_wire() {
        let mut offloaded = v4(TCP, 0, b"segment");
        offloaded[3] = 0;
        check(&offloaded, 70_000, Ok((b"segment", 70_000 - 27)));
        let offloaded = v6(TCP, 0, b"segment");
        check(&offloaded, 70_000, Ok((b"segment", 70_000 - 47)));
    }

    #[test]
    fn a_cut_is_counted_up_to_the_end_of_the_ip_packet() {
        check(&v4(TCP, 100, b"segment"), 200, Ok((b"segment", 93)));
        check(&v6(TCP, 100, b"segment"), 200, Ok((b"segment", 93)));
    }

    #[test]
    fn a_length_beyond_the_wire_is_bounded_by_it() {
        check(&v4(TCP, 100, b"segment"), 30, Ok((b"segment", 3)));
        check(&v6(TCP, 100, b"segment"), 0, Ok((b"segment", 0)));
    }

    #[test]
    fn ipv4_options_are_skipped() {
        let mut packet = v4(TCP, 11, b"\x94\x04\0\0segment");
        packet[0] = 0x46;
        check(&packet, 0, Ok((b"segment", 0)));
    }

    #[test]
    fn contradictions_are_malformed() {
        for (at, value) in [(0, 0x44), (0, 0x55), (3, 19)] {
            let mut packet = v4(TCP, 7, b"segment");
            packet[at] = value;
            check(&packet, 0, Err(Skip::Malformed));
        }
        let beyond_the_packet = v6(DESTINATION, 10, &[TCP, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
        check(&beyond_the_packet, 0, Err(Skip::Malformed));
    }

    #[test]
    fn both_ends_of_a_fragmented_ipv4_packet_are_fragments() {
        for flags in [[0x20, 0], [0, 1], [0x1f, 0xff]] {
            let mut packet = v4(TCP, 7, b"segment");
            packet[6..8].copy_from_slice(&flags);
            check(&packet, 0, Err(Skip::Fragment));
        }
        let mut udp = v4(17, 7, b"segment");
        udp[6] = 0x20;
        check(&udp, 0, Err(Skip::NotTcp));
    }

    #[test]
    fn do_not_fragment_is_no_fragment() {
        let mut packet = v4(TCP, 7, b"segment");
        packet[6] = 0x40;
        check(&packet, 0, Ok((b"segment", 0)));
    }

    #[test]
    fn extension_headers_lead_to_tcp() {
        let chain = [
            &[43, 0, 5, 2, 0, 0, 0, 0][..],                      // hop-by-hop: a router alert
            &[DESTINATION, 0, 0, 0, 0, 0, 0, 0],                 // routing
            &[51, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // destination options
            &[TCP, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9], // authentication header
            b"segment",
        ]
        .concat();
        check(&v6(HOP_BY_HOP, chain.len(), &chain), 0, Ok((b"segment", 0)));
        // cut anywhere before the header that names TCP, and nothing can be told
        let whole = v6(HOP_BY_HOP, chain.len(), &chain);
        for snap in 0..40 + 40 {
            check(&whole[..snap], 95, Err(Skip::Truncated));
        }
    }

    #[test]
    fn ipv4_may_carry_an_authentication_header() {
        let payload = b"\x06\x01\0\0\0\0\0\x01\0\0\0\x01segment";
        check(&v4(51, payload.len(), payload), 0, Ok((b"segment", 0)));
    }

    #[test]
    fn an_atomic_fragment_is_a_whole_packet() {
        let fragment = |flags: [u8; 2]| {
            let payload = [&[TCP, 0, flags[0], flags[1], 1, 2, 3, 4], &b"segment"[..]].concat();
            v6(FRAGMENT, 15, &payload)
        };
        check(&fragment([0, 0]), 0, Ok((b"segment", 0)));
        check(&fragment([0, 6]), 0, Ok((b"segment", 0))); // reserved bits
        check(&fragment([0, 1]), 0, Err(Skip::Fragment));
        check(&fragment([0, 8]), 0, Err(Skip::Fragment));
    }

    #[test]
    fn fragments_of_other_protocols_are_not_tcp() {
        let icmp = [58, 0, 0, 1, 1, 2, 3, 4];
        check(&v6(FRAGMENT, 8, &icmp), 0, Err(Skip::NotTcp));
    }

    #[test]
    fn a_jumbogram_is_as_long_as_its_option_says() {
        let options = |len: [u8; 4]| {
            let [a, b, c, d] = len;
            [&[TCP, 1, 0, 1, 2, 0, 0, 0xc2, 4, a, b, c, d, 1, 1, 0][..], b"segment"].concat()
        };
        let jumbogram = v6(HOP_BY_HOP, 0, &options(70_000_u32.to_be_bytes()));
        let cut = 70_000 - 16 - 7;
        check(&jumbogram, 80_000, Ok((b"segment", cut)));
        // §3: not allowed, so as if it were not there
        let short = v6(HOP_BY_HOP, 0, &options(20_u32.to_be_bytes()));
        check(&short, 0, Ok((b"segment", 0)));
    }

    /// In `packet`, whose length was `wire_len`, lies this much captured and cut TCP.
    fn check(packet: &[u8], wire_len: u32, expected: Result<(&[u8], u32), Skip>) {
        let found = Datagram::read(Wire::new(packet, wire_len));
        let found = found.map(|datagram| (datagram.tcp.bytes(), datagram.tcp.cut()));
        assert_eq!(found, expected);
    }

    /// An IPv4 header that announces `len` bytes, and what follows it.
    fn v4(protocol: u8, len: usize, payload: &[u8]) -> Vec<u8> {
        let header = [0x45, 0, 0, 20 + len as u8, 0, 0, 0, 0, 64, protocol, 0, 0];
        [&header[..], &[192, 0, 2, 1, 192, 0, 2, 2], payload].concat()
    }

    /// An IPv6 header that announces `len` bytes, and what follows it.
    fn v6(next: u8, len: usize, payload: &[u8]) -> Vec<u8> {
        let header = [0x60, 0, 0, 0, 0, len as u8, next, 64];
        [&header[..], &[1; 16], &[2; 16], payload].concat()
    }
}

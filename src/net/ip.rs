//! From an IP packet to what it carries: IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200 §4).
//!
//! etherparse reads the fixed headers; lengths are ours, as its strict slices refuse packets that a snap length cut or
//! whose length field is 0, and its lax ones take four times as long. "Atomic" fragments of IPv6 are whole (RFC 6946).
//! Encrypted payload (ESP) is none that we know.

use std::net::IpAddr;

use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, err};

use crate::net::Skip;
use crate::net::wire::Wire;

/// An IP packet, or a fragment of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    /// Source address.
    pub(super) source: IpAddr,
    /// Destination address.
    pub(super) destination: IpAddr,
    /// What it carries; of a fragment, what the first header of the joined payload is.
    pub(super) protocol: IpNumber,
    /// Which part of the payload it has, where that is not all.
    pub(super) fragment: Option<Part>,
    /// The headers and payload of that protocol, without what may follow the IP packet in the frame.
    pub(super) payload: Wire<'a>,
}

/// Which part of a payload a fragment has (RFC 791 §3.1, RFC 8200 §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Identification: with the addresses (and the protocol, for IPv4) it tells which fragments belong together.
    pub(super) identification: u32,
    /// Where it begins in the payload, in bytes; a multiple of 8.
    pub(super) offset: u32,
    /// Whether more fragments follow.
    pub(super) more: bool,
}

impl<'a> Datagram<'a> {
    /// Reads the headers of IP; the version is taken from the first nibble, whatever the link layer announced.
    #[inline] // as it is read for every packet, and large
    pub(super) fn read(packet: Wire<'a>) -> Result<Self, Skip> {
        let [first] = *packet.head()?;
        match first >> 4 {
            4 => Self::read_v4(packet),
            6 => Self::read_v6(packet),
            _ => Err(Skip::Malformed),
        }
    }

    /// Follows the headers of IP that fragments were cut behind, to what carries data.
    pub(super) fn follow_extensions(mut self) -> Result<Self, Skip> {
        while self.fragment.is_none() && is_extension(self.protocol) {
            // Each is 8 bytes or more, so the chain ends with the packet.
            let [following, len, o0, o1, ..] = *self.payload.head::<8>()?;
            let len = match self.protocol {
                IpNumber::AUTHENTICATION_HEADER => (usize::from(len) + 2) * 4, // RFC 4302 §2.2
                IpNumber::IPV6_FRAGMENTATION_HEADER => {
                    let [.., i0, i1, i2, i3] = *self.payload.head::<8>()?;
                    // §4.5: 13 bits of offset in units of 8 bytes, 2 reserved, more fragments
                    let place = u16::from_be_bytes([o0, o1]);
                    if place & 0xfff9 != 0 {
                        let identification = u32::from_be_bytes([i0, i1, i2, i3]);
                        let offset = u32::from(place & 0xfff8);
                        self.fragment = Some(Part { identification, offset, more: place & 1 == 1 });
                    }
                    8
                }
                _ => (usize::from(len) + 1) * 8,
            };
            self.payload = self.payload.skip(len)?;
            self.protocol = IpNumber(following);
        }
        Ok(self)
    }

    /// Whether it is a whole TCP segment.
    pub(super) fn is_segment(&self) -> bool {
        self.protocol == IpNumber::TCP && self.fragment.is_none()
    }

    #[inline]
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
        let part = || Part {
            identification: header.identification().into(),
            offset: u32::from(header.fragments_offset().value()) * 8,
            more: header.more_fragments(),
        };
        let datagram = Self {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            protocol: header.protocol(),
            fragment: header.is_fragmenting_payload().then(part),
            payload: packet.skip(header.slice().len())?,
        };
        match datagram.protocol {
            IpNumber::AUTHENTICATION_HEADER => datagram.follow_extensions(),
            _ => Ok(datagram),
        }
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
        let datagram = Self {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            protocol: header.next_header(),
            fragment: None,
            payload,
        };
        datagram.follow_extensions()
    }
}

/// Headers of IP that can stand before TCP.
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
    fn an_ipv4_fragment_says_where_it_belongs() {
        for (place, offset, more) in [([0x20, 0], 0, true), ([0, 1], 8, false), ([0x3f, 0xff], 65_528, true)] {
            let mut packet = v4(TCP, 7, b"segment");
            packet[4..6].copy_from_slice(&[0x12, 0x34]);
            packet[6..8].copy_from_slice(&place);
            let datagram = Datagram::read(Wire::new(&packet, 0)).expect("a fragment");
            assert_eq!(datagram.fragment, Some(Part { identification: 0x1234, offset, more }));
            assert_eq!(datagram.payload.bytes(), b"segment");
        }
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
    }

    #[test]
    fn an_ipv6_fragment_says_where_it_belongs_and_what_its_first_header_is() {
        for (place, offset, more) in [([0, 1], 0, true), ([0, 0x0e], 8, false), ([0xff, 0xf9], 65_528, true)] {
            let payload = [&[DESTINATION, 0, place[0], place[1], 1, 2, 3, 4], &b"anything"[..]].concat();
            let packet = v6(FRAGMENT, 16, &payload);
            let datagram = Datagram::read(Wire::new(&packet, 0)).expect("a fragment");
            assert_eq!(datagram.fragment, Some(Part { identification: 0x0102_0304, offset, more }));
            assert_eq!(datagram.protocol, IpNumber(DESTINATION));
            assert_eq!(datagram.payload.bytes(), b"anything");
        }
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
        let found = found.map(|datagram| {
            assert_eq!((datagram.protocol, datagram.fragment), (IpNumber::TCP, None));
            (datagram.payload.bytes(), datagram.payload.cut())
        });
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

//! From the TCP part of an IP packet to a segment: header (RFC 9293 §3.1), payload, and what was cut from it.
//!
//! Options are skipped unread: nothing in a passive reading of the stream needs them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::net::Skip;
use crate::net::ip::Datagram;
use crate::net::seq::SeqNumber;
use crate::origin::Origin;

/// A TCP segment, its payload borrowed from the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The packet it came in.
    pub origin: Origin,
    /// Who sent it.
    pub source: Endpoint,
    /// Who it was for.
    pub destination: Endpoint,
    /// What else tells flows of the same endpoints apart.
    pub context: Context,
    /// Sequence number of the first payload byte (of SYN, where that is set).
    pub seq: SeqNumber,
    /// Acknowledgment number, where the ACK flag is set.
    pub ack: Option<SeqNumber>,
    /// Control bits.
    pub flags: Flags,
    /// Captured payload, without any padding behind the IP packet.
    pub payload: &'a [u8],
    /// Payload bytes behind `payload` that were on the wire but not captured (snap length). Up to 2^32-1, where the
    /// packet's own wire length says so.
    pub cut: u32,
}

impl<'a> Segment<'a> {
    /// Reads the TCP header that a datagram carries; a snap length may have cut its options, but not its first 20 bytes.
    #[inline]
    pub(super) fn read(origin: Origin, context: Context, datagram: &Datagram<'a>) -> Result<Self, Skip> {
        // by hand, as etherparse refuses a header whose options were cut
        let header: &[u8; 20] = datagram.payload.head()?;
        let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, ..] = *header;
        let header_len = usize::from(offset >> 4) * 4;
        if header_len < header.len() {
            return Err(Skip::Malformed);
        }
        let payload = datagram.payload.skip(header_len)?;
        let flags = Flags(flags);
        let ack = SeqNumber(u32::from_be_bytes([a0, a1, a2, a3]));
        Ok(Self {
            origin,
            source: Endpoint { ip: datagram.source, port: u16::from_be_bytes([s0, s1]) },
            destination: Endpoint { ip: datagram.destination, port: u16::from_be_bytes([d0, d1]) },
            context,
            seq: SeqNumber(u32::from_be_bytes([q0, q1, q2, q3])),
            ack: flags.has(Flags::ACK).then_some(ack),
            flags,
            payload: payload.bytes(),
            cut: payload.cut(),
        })
    }

    /// Whether it takes no sequence number, and neither ends the connection: it has nothing but an acknowledgment.
    pub fn is_bare(&self) -> bool {
        const MORE: u8 = Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0;
        self.payload.is_empty() && self.cut == 0 && self.flags.0 & MORE == 0
    }
}

/// IP address and TCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// IP address.
    pub ip: IpAddr,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    /// `192.0.2.1:80`, `[::1]:80`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(out)
    }
}

/// VLAN and tunnel identifiers around the IP packet, folded to one number; 0 where there are none.
///
/// The same endpoints in two contexts are two flows: private addresses repeat from VLAN to VLAN. A VLAN adds its 12-bit
/// identifier at the lower end, the outermost first: 0x064 for VLAN 100, 0x00a_064 for VLAN 100 inside VLAN 10. A tunnel
/// makes a hash of its identifier and of what is around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Context(pub u64);

impl Context {
    /// This context with one more VLAN tag inside it, given as its tag control information (IEEE 802.1Q §9.6).
    ///
    /// Priority and drop eligibility differ from packet to packet of a flow, so they do not count; nor does identifier 0,
    /// which stands for no VLAN.
    pub(super) fn tagged(self, control: u16) -> Self {
        match u64::from(control & 0x0fff) {
            0 => self,
            vlan => Self(self.0 << 12 | vlan),
        }
    }
}

/// TCP control bits (RFC 9293 §3.1), as they stand in the header's 14th byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number is significant.
    pub const ACK: Self = Self(0x10);

    /// Whether every bit of `other` is set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use etherparse::IpNumber;

    use super::*;
    use crate::net::wire::Wire;

    #[test]
    fn the_acknowledgment_number_counts_only_with_ack() {
        let numbers = |flags| read(&header(5, flags), 0).map(|segment| (segment.seq, segment.ack));
        assert_eq!(numbers(2), Ok((SeqNumber(0x0102_0304), None)));
        let ack = Some(SeqNumber(0x0506_0708));
        assert_eq!(numbers(0x12), Ok((SeqNumber(0x0102_0304), ack)));
    }

    #[test]
    fn options_are_not_payload() {
        let bytes = [&header(6, 0x10)[..], &[1, 1, 1, 0], b"payload"].concat();
        let segment = read(&bytes, 0).expect("a whole segment");
        assert_eq!(segment.payload, b"payload");
    }

    #[test]
    fn a_segment_cut_inside_its_options_has_all_its_payload_cut() {
        let bytes = header(15, 0x10);
        let segment = read(&bytes, 100).expect("the fixed header is there");
        assert_eq!((segment.payload, segment.cut), (&b""[..], 40));
    }

    #[test]
    fn an_impossible_data_offset_is_malformed() {
        let error = |bytes: &[u8], wire_len| read(bytes, wire_len).err();
        assert_eq!(error(&header(4, 0x10), 0), Some(Skip::Malformed));
        assert_eq!(error(&header(6, 0x10), 23), Some(Skip::Malformed));
        assert_eq!(error(&header(5, 0x10)[..19], 19), Some(Skip::Malformed));
        assert_eq!(error(&header(5, 0x10)[..19], 20), Some(Skip::Truncated));
    }

    fn read(tcp: &[u8], wire_len: u32) -> Result<Segment<'_>, Skip> {
        let datagram = Datagram {
            source: Ipv6Addr::LOCALHOST.into(),
            destination: Ipv6Addr::LOCALHOST.into(),
            protocol: IpNumber::TCP,
            fragment: None,
            payload: Wire::new(tcp, wire_len),
        };
        Segment::read(Origin::default(), Context::default(), &datagram)
    }

    fn header(offset: u8, flags: u8) -> [u8; 20] {
        let offset = offset << 4;
        let [ports, window] = [[0x1f, 0x90, 0, 80], [4, 0, 0, 0]];
        let mut header = [0; 20];
        header[..4].copy_from_slice(&ports);
        header[4..12].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        header[12..14].copy_from_slice(&[offset, flags]);
        header[14..18].copy_from_slice(&window);
        header
    }
}

//! What the link and IP layers leave of a packet: one TCP segment.

use std::net::IpAddr;

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
    /// Payload bytes behind `payload` that were on the wire but not captured (snap length).
    pub cut: u32,
}

/// IP address and TCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// IP address.
    pub ip: IpAddr,
    /// TCP port.
    pub port: u16,
}

/// VLAN and tunnel identifiers around the IP packet, folded to one number; 0 where there are none.
///
/// The same endpoints in two contexts are two flows: private addresses repeat from VLAN to VLAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Context(pub u64);

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

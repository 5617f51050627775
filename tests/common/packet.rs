//! Captured packets, owned.

use wscope::input::{LinkType, Packet};
use wscope::origin::Timestamp;

/// LINKTYPE_ETHERNET.
pub const ETHERNET: LinkType = LinkType(1);

/// A packet as a capture holds it, but for its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedPacket {
    pub time: Timestamp,
    pub link: LinkType,
    pub bytes: Vec<u8>,
    pub wire_len: u32,
}

impl OwnedPacket {
    /// A packet of an Ethernet capture without a snap length.
    pub fn new(time: Timestamp, bytes: Vec<u8>) -> Self {
        Self { time, link: ETHERNET, wire_len: bytes.len() as u32, bytes }
    }

    /// Cuts it to `length` bytes, as a snap length does.
    #[must_use]
    pub fn snapped(mut self, length: usize) -> Self {
        self.bytes.truncate(length);
        self
    }

    /// As the core takes it.
    pub fn lend(&self, number: u64) -> Packet<'_> {
        Packet { number, time: self.time, interface: 0, link: self.link, bytes: &self.bytes, wire_len: self.wire_len }
    }
}

//! Captured packets, owned.

use wscope::input::{LinkType, Packet};
use wscope::origin::Timestamp;

use super::dice::Dice;

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

    /// Flips a bit, cuts it off, or lets its clock jump.
    pub fn damage(&mut self, dice: &mut Dice) {
        let at = dice.below(self.bytes.len().max(1));
        match dice.below(4) {
            0 => self.bytes.truncate(at),
            1 => self.wire_len = dice.next() as u32,
            2 => self.time.0 = self.time.0.wrapping_add((dice.next() as i64) >> dice.below(64)),
            _ => self.bytes[at] ^= 1 << dice.below(8),
        }
    }

    /// As the core takes it.
    pub fn lend(&self, number: u64) -> Packet<'_> {
        Packet { number, time: self.time, interface: 0, link: self.link, bytes: &self.bytes, wire_len: self.wire_len }
    }
}

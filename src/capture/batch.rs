//! Packets on their way from the thread that captures to the one that analyses: many at a time, in one buffer.

use std::ops::Range;

use crate::input::{LinkType, Packet};
use crate::origin::Timestamp;

/// Packets in the order of their capture.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    packets: Vec<Captured>,
}

/// A packet whose bytes stand in the buffer of its batch.
#[derive(Debug, Clone)]
struct Captured {
    time: Timestamp,
    interface: u32,
    link: LinkType,
    bytes: Range<usize>,
    wire_len: u32,
}

impl Batch {
    /// An empty one that is likely to fill as `other` did.
    pub(super) fn with_room_of(other: &Self) -> Self {
        let (bytes, packets) = (other.bytes.len(), other.packets.len());
        Self { bytes: Vec::with_capacity(bytes), packets: Vec::with_capacity(packets) }
    }

    /// Adds a packet.
    pub(super) fn push(&mut self, time: Timestamp, interface: u32, link: LinkType, bytes: &[u8], wire_len: u32) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let bytes = start..self.bytes.len();
        self.packets.push(Captured { time, interface, link, bytes, wire_len });
    }

    /// Brings packets of several interfaces, which were read one interface after the other, into the order of their times.
    pub(super) fn sort(&mut self) {
        self.packets.sort_by_key(|packet| packet.time);
    }

    /// The packet at `index`, from 0, as packet `number` of the capture.
    pub(super) fn get(&self, index: usize, number: u64) -> Option<Packet<'_>> {
        let Captured { time, interface, link, ref bytes, wire_len } = *self.packets.get(index)?;
        Some(Packet { number, time, interface, link, bytes: &self.bytes[bytes.clone()], wire_len })
    }

    pub(super) fn count(&self) -> usize {
        self.packets.len()
    }

    /// Memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.packets.len() * size_of::<Captured>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_two_interfaces_come_in_the_order_of_their_times() {
        let mut batch = Batch::default();
        for (time, interface) in [(1, 0), (4, 0), (2, 1), (4, 1)] {
            batch.push(Timestamp(time), interface, LinkType(1), &[time as u8], 60);
        }
        batch.sort();
        let order = (0..).map_while(|index| batch.get(index, index as u64 + 1));
        let order: Vec<_> = order.map(|packet| (packet.number, packet.bytes[0], packet.interface)).collect();
        assert_eq!(order, [(1, 1, 0), (2, 2, 1), (3, 4, 0), (4, 4, 1)]);
    }
}

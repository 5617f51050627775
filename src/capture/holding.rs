//! Packets that are kept until it is known what their connection speaks, within a bound.

use std::collections::BTreeMap;

use crate::input::{LinkType, Packet};
use crate::origin::Timestamp;

/// Packets of TCP connections that have not shown yet what they speak.
#[derive(Debug)]
pub(super) struct Holding {
    /// By number of the connection: the first is the one that began first.
    connections: BTreeMap<u64, Vec<Held>>,
    bytes: usize,
    limit: usize,
    lost: u64,
}

/// A packet that owns its bytes.
#[derive(Debug)]
pub(super) struct Held {
    number: u64,
    time: Timestamp,
    interface: u32,
    link: LinkType,
    bytes: Box<[u8]>,
    wire_len: u32,
}

impl Holding {
    /// At most `limit` bytes are held.
    pub(super) fn new(limit: usize) -> Self {
        Self { connections: BTreeMap::new(), bytes: 0, limit, lost: 0 }
    }

    /// Keeps a packet; over the limit those are let go that belong to the connection that has not decided for longest.
    pub(super) fn hold(&mut self, connection: u64, packet: &Packet<'_>) {
        let &Packet { number, time, interface, link, bytes, wire_len } = packet;
        let held = Held { number, time, interface, link, bytes: bytes.into(), wire_len };
        self.bytes += held.size();
        self.connections.entry(connection).or_default().push(held);
        while self.bytes > self.limit
            && let Some((_, lost)) = self.connections.pop_first()
        {
            self.lost += lost.len() as u64;
            self.bytes -= size(&lost);
        }
    }

    /// Hands out the packets of a connection, in the order of their capture.
    pub(super) fn release(&mut self, connection: u64) -> Vec<Held> {
        let released = self.connections.remove(&connection).unwrap_or_default();
        self.bytes -= size(&released);
        released
    }

    /// Packets that had to be let go before it was known whether they are wanted.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

impl Held {
    pub(super) fn packet(&self) -> Packet<'_> {
        let Self { number, time, interface, link, ref bytes, wire_len } = *self;
        Packet { number, time, interface, link, bytes, wire_len }
    }

    /// Memory it takes, in bytes.
    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }
}

fn size(packets: &[Held]) -> usize {
    packets.iter().map(Held::size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u64) -> Packet<'static> {
        let (time, link) = (Timestamp(0), LinkType(1));
        Packet { number, time, interface: 0, link, bytes: &[0; 100], wire_len: 100 }
    }

    #[test]
    fn over_the_limit_the_oldest_connection_goes_whole() {
        let mut holding = Holding::new(3 * (100 + size_of::<Held>()));
        for (connection, number) in [(1, 1), (2, 2), (1, 3), (3, 4)] {
            holding.hold(connection, &packet(number));
        }
        let numbers = |held: Vec<Held>| held.iter().map(|held| held.packet().number).collect::<Vec<_>>();
        assert_eq!((numbers(holding.release(1)), holding.lost()), (vec![], 2));
        assert_eq!(numbers(holding.release(3)), [4]);
        assert_eq!(numbers(holding.release(2)), [2]);
        assert_eq!(holding.bytes, 0);
    }
}

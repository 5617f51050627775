//! TCP segments with numbers relative to the connection, and the packets they become.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;

use wscope::duplex::{Direction, Duplex};
use wscope::net::segment::Flags;
use wscope::origin::Timestamp;

use super::packet::OwnedPacket;

/// A TCP segment; SYN has number 0, the first byte of the stream number 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub from: Direction,
    pub flags: Flags,
    pub seq: u64,
    /// Relative to the other side's SYN; `None` without ACK flag.
    pub ack: Option<u64>,
    pub payload: Vec<u8>,
    /// Nanoseconds since the first segment.
    pub time: i64,
}

impl Segment {
    /// Number behind its last byte, SYN and FIN counted.
    pub fn end(&self) -> u64 {
        let [syn, fin] = [Flags::SYN, Flags::FIN].map(|flag| u64::from(self.has(flag)));
        self.seq + self.payload.len() as u64 + syn + fin
    }

    /// Whether these control bits are set.
    pub fn has(&self, flags: Flags) -> bool {
        self.flags.has(flags)
    }

    /// Splits its payload at `at`: SYN stays with the first part, FIN goes with the second.
    pub fn split_at(self, at: usize) -> (Self, Self) {
        let (head, tail) = self.payload.split_at(at.min(self.payload.len()));
        let without = |flag: Flags| Flags(self.flags.0 & !flag.0);
        let head = Self { flags: without(Flags::FIN), payload: head.to_vec(), ..self };
        let tail = Self { seq: head.end(), flags: without(Flags::SYN), payload: tail.to_vec(), ..self };
        (head, tail)
    }
}

/// Where a connection runs, and when it began.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub client: (Ipv4Addr, u16),
    pub server: (Ipv4Addr, u16),
    /// Initial sequence number of what each side sends.
    pub isn: Duplex<u32>,
    pub start: Timestamp,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            client: (Ipv4Addr::new(10, 0, 0, 1), 49_152),
            server: (Ipv4Addr::new(10, 0, 0, 2), 80),
            isn: Duplex { to_server: 1_000_000, to_client: 3_000_000_000 },
            start: Timestamp(1_700_000_000_000_000_000),
        }
    }
}

impl Route {
    /// The packets of these segments.
    pub fn packets<'a>(&self, segments: impl IntoIterator<Item = &'a Segment>) -> Vec<OwnedPacket> {
        segments.into_iter().map(|segment| self.packet(segment)).collect()
    }

    /// The packet of a segment: Ethernet, IPv4 and TCP, with right checksums.
    pub fn packet(&self, segment: &Segment) -> OwnedPacket {
        const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
        let absolute = |direction: Direction, number: u64| self.isn[direction].wrapping_add(number as u32);
        let ((source, source_mac), (destination, destination_mac)) = match segment.from {
            Direction::ToServer => ((self.client, MACS[0]), (self.server, MACS[1])),
            Direction::ToClient => ((self.server, MACS[1]), (self.client, MACS[0])),
        };
        let seq = absolute(segment.from, segment.seq);
        let mut builder = PacketBuilder::ethernet2(source_mac, destination_mac)
            .ipv4(source.0.octets(), destination.0.octets(), 64)
            .tcp(source.1, destination.1, seq, u16::MAX);
        for (flag, set) in [
            (Flags::FIN, PacketBuilderTcp::fin as fn(_) -> _),
            (Flags::SYN, PacketBuilderTcp::syn),
            (Flags::RST, PacketBuilderTcp::rst),
            (Flags::PSH, PacketBuilderTcp::psh),
        ] {
            if segment.has(flag) {
                builder = set(builder);
            }
        }
        if let Some(ack) = segment.ack {
            builder = builder.ack(absolute(segment.from.opposite(), ack));
        }
        let mut bytes = Vec::with_capacity(builder.size(segment.payload.len()));
        builder.write(&mut bytes, &segment.payload).expect("a segment fits in an IPv4 packet");
        OwnedPacket::new(Timestamp(self.start.0 + segment.time), bytes)
    }
}

type PacketBuilderTcp = etherparse::PacketBuilderStep<etherparse::TcpHeader>;

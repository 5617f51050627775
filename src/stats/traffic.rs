//! What is sent, piece by piece, to its sums: of a connection, or of all.

use std::sync::LazyLock;

use crate::duplex::{Direction, Duplex};
use crate::polling::Cost;
use crate::stats::histogram::Histogram;
use crate::stats::kinds::{Kind, Kinds};
use crate::stats::methods::Methods;
use crate::stats::rate::Rate;
use crate::stats::sent::{Sent, Whole};
use crate::ws::frame::Opcode;

/// What went over a connection, or over all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic {
    /// What each side sent.
    pub sides: Duplex<Side>,
    /// Frames by opcode, messages by their size after inflating (of those that were cut, as much as there is), and anomalies by
    /// code.
    pub kinds: Kinds,
    /// Nanoseconds from each Ping to its Pong.
    pub rtt: Histogram,
    /// Bytes of the handshakes' heads, about.
    pub handshake_bytes: u64,
    more: Option<Box<More>>,
}

/// What one side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Side {
    /// Payload bytes on the wire, of frames of all kinds.
    pub payload_bytes: u64,
    /// The same after inflating.
    pub bytes: u64,
    /// Bytes of frame headers.
    pub header_bytes: u64,
}

/// What went over a connection that does more than stay alive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct More {
    /// Data messages that ended.
    pub messages: Duplex<u64>,
    /// The same over time.
    pub rate: Rate,
    /// What the same messages would have taken by HTTP polling, in bytes: see [`Polling`](super::polling::Polling).
    pub polling_bytes: u64,
    /// Payload bytes of compressed frames on the wire, and after inflating; of those that are whole.
    pub compressed: (u64, u64),
    /// Gaps.
    pub gaps: Duplex<u64>,
    /// Bytes that were not captured.
    pub missing: Duplex<u64>,
    /// Requests of the sub-protocol, by what they ask for; where messages are decoded and some ask.
    pub methods: Option<Box<Methods>>,
    /// What polling really took, where there was some before the WebSocket.
    pub polled: Option<Box<Cost>>,
}

impl Traffic {
    /// Counts the heads of a handshake, and what polling before it took.
    pub(super) fn handshake(&mut self, bytes: u64, polled: Option<&Cost>) {
        self.handshake_bytes += bytes;
        if let Some(cost) = polled {
            self.more_mut().polled.get_or_insert_default().add(cost);
        }
    }

    /// Counts a frame, or a message.
    pub(super) fn add(&mut self, sent: &Sent) {
        let side = &mut self.sides[sent.direction];
        side.payload_bytes += sent.payload_bytes;
        side.bytes += sent.bytes;
        side.header_bytes += sent.header_bytes;
        self.kinds.add(Kind::Opcode(sent.direction, sent.opcode), 1);
        self.kinds.add(Kind::Opcode(sent.direction, Opcode::CONTINUATION), sent.continuations);
        if sent.missing > 0 {
            self.miss(sent.direction, sent.missing);
        } else if sent.compressed {
            let (wire, inflated) = &mut self.more_mut().compressed;
            *wire += sent.payload_bytes;
            *inflated += sent.bytes;
        }
        if let Some(rtt) = sent.rtt {
            self.rtt.add(rtt);
        }
        if let Some(message) = &sent.ended {
            self.message(sent.direction, message);
        }
    }

    fn message(&mut self, direction: Direction, message: &Whole) {
        self.kinds.add(message.size, 1);
        let more = self.more_mut();
        more.messages[direction] += 1;
        more.rate.add(message.time, direction);
        more.polling_bytes += message.polling_bytes;
    }

    /// Counts a gap of so many bytes.
    pub(super) fn gap(&mut self, direction: Direction, length: u64) {
        self.more_mut().gaps[direction] += 1;
        self.miss(direction, length);
    }

    fn miss(&mut self, direction: Direction, bytes: u64) {
        let missing = &mut self.more_mut().missing[direction];
        // Peers may promise 2^63 bytes, of which none comes, as often as they like.
        *missing = missing.saturating_add(bytes);
    }

    /// Counts `ended` messages of a side instead of those that were `told`.
    pub(super) fn recount(&mut self, direction: Direction, told: u64, ended: u64) {
        let messages = &mut self.more_mut().messages[direction];
        *messages = (*messages + ended).saturating_sub(told);
    }

    pub(super) fn methods_mut(&mut self) -> &mut Methods {
        self.more_mut().methods.get_or_insert_default()
    }

    pub(super) fn set_methods(&mut self, methods: Methods) {
        self.more_mut().methods = (methods != Methods::default()).then(|| Box::new(methods));
    }

    fn more_mut(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// What there is of it beside staying alive.
    pub fn more(&self) -> &More {
        static NOTHING: LazyLock<More> = LazyLock::new(More::default);
        self.more.as_deref().unwrap_or(&NOTHING)
    }

    /// Bytes that its frames took on the wire.
    pub fn wire_bytes(&self) -> u64 {
        Direction::BOTH.iter().map(|way| self.sides[*way].payload_bytes + self.sides[*way].header_bytes).sum()
    }

    /// Bytes of the headers of its frames.
    pub fn header_bytes(&self) -> u64 {
        Direction::BOTH.iter().map(|way| self.sides[*way].header_bytes).sum()
    }

    /// Frames of a side, by opcode.
    pub fn opcodes(&self, way: Direction) -> [u64; 16] {
        self.kinds.opcodes(way)
    }

    /// Data messages of both sides.
    pub fn messages(&self) -> u64 {
        Direction::BOTH.iter().map(|way| self.more().messages[*way]).sum()
    }

    /// How many times smaller compression made what was compressed; `None` where nothing was.
    pub fn compression(&self) -> Option<f64> {
        let (wire, inflated) = self.more().compressed;
        (wire > 0).then(|| inflated as f64 / wire as f64)
    }
}

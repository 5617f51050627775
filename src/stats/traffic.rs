//! Frames and messages to what is counted of them, of a connection or of all.

use crate::duplex::{Direction, Duplex};
use crate::event::{Frame, Message};
use crate::origin::Timestamp;
use crate::polling::Cost;
use crate::stats::histogram::Histogram;
use crate::stats::kinds::{Kind, Kinds};
use crate::stats::methods::Methods;
use crate::stats::rate::Rate;
use crate::ws::frame::{Header, Opcode};

/// What went over a connection, or over all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic {
    /// What each side sent.
    pub sides: Duplex<Side>,
    /// Messages over time.
    pub rate: Rate,
    /// Frames by opcode, messages by their size after inflating (of those that were cut, as much as there is), anomalies by
    /// code, and what was lost.
    pub kinds: Kinds,
    /// Nanoseconds from each Ping to its Pong.
    pub rtt: Histogram,
    /// Payload bytes of compressed frames on the wire, and after inflating; of those that are whole.
    pub compressed: (u64, u64),
    /// Requests of the sub-protocol, by what they ask for; where messages are decoded and some ask.
    pub methods: Option<Box<Methods>>,
    /// Bytes of the handshakes' heads, about.
    pub handshake_bytes: u64,
    /// What polling really took, where there was some before the WebSocket.
    pub polled: Option<Box<Cost>>,
    /// What the same messages would have taken by HTTP polling, in bytes: see [`Polling`](super::polling::Polling).
    pub polling_bytes: u64,
}

/// What one side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Side {
    /// Data messages that ended.
    pub messages: u64,
    /// Payload bytes on the wire, of frames of all kinds.
    pub payload_bytes: u64,
    /// The same after inflating.
    pub bytes: u64,
    /// Bytes of frame headers.
    pub header_bytes: u64,
}

impl Traffic {
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

    /// Gaps of a side.
    pub fn gaps(&self, way: Direction) -> u64 {
        self.kinds.of(Kind::Gaps(way))
    }

    /// Bytes of a side that were not captured.
    pub fn missing(&self, way: Direction) -> u64 {
        self.kinds.of(Kind::Missing(way))
    }

    /// Data messages of both sides.
    pub fn messages(&self) -> u64 {
        Direction::BOTH.iter().map(|way| self.sides[*way].messages).sum()
    }

    /// How many times smaller compression made what was compressed; `None` where nothing was.
    pub fn compression(&self) -> Option<f64> {
        let (wire, inflated) = self.compressed;
        (wire > 0).then(|| inflated as f64 / wire as f64)
    }

    pub(super) fn frame(&mut self, frame: &Frame) {
        let Header { opcode, payload_length, .. } = frame.header;
        let side = &mut self.sides[frame.direction];
        side.payload_bytes += payload_length.saturating_sub(frame.missing);
        side.bytes += frame.payload.length;
        self.kinds.add(Kind::Opcode(frame.direction, opcode), 1);
        self.kinds.add(Kind::Missing(frame.direction), frame.missing);
        if !frame.truncated {
            side.header_bytes += header_length(&frame.header);
        }
        if frame.compressed && frame.missing == 0 {
            self.compressed.0 += payload_length;
            self.compressed.1 += frame.payload.length;
        }
        if let Some(rtt) = frame.rtt {
            self.rtt.add(rtt.max(0).unsigned_abs());
        }
    }

    /// Counts the frames of a message, where they are not told one by one.
    pub(super) fn fragments(&mut self, message: &Message) {
        let side = &mut self.sides[message.direction];
        let opcode = if message.text { Opcode::TEXT } else { Opcode::BINARY };
        self.kinds.add(Kind::Opcode(message.direction, opcode), 1);
        self.kinds.add(Kind::Opcode(message.direction, Opcode::CONTINUATION), message.frames.saturating_sub(1));
        self.kinds.add(Kind::Missing(message.direction), message.missing);
        side.payload_bytes += message.payload_length.saturating_sub(message.missing);
        side.bytes += message.payload.length;
        side.header_bytes += header_bytes(message);
        if message.compressed && message.missing == 0 {
            self.compressed.0 += message.payload_length;
            self.compressed.1 += message.payload.length;
        }
    }

    /// A data message ended.
    pub(super) fn message(&mut self, direction: Direction, size: u64, time: Timestamp, polling: u64) {
        self.sides[direction].messages += 1;
        self.kinds.add(Kind::of_size(size), 1);
        self.rate.add(time, direction);
        self.polling_bytes += polling + size;
    }
}

/// Bytes of a message's frame headers; where not all of them are kept, of frames of equal length.
fn header_bytes(message: &Message) -> u64 {
    if message.headers.len() as u64 == message.frames {
        return message.headers.iter().map(|frame| header_length(&frame.header)).sum();
    }
    let payload_length = message.payload_length / message.frames.max(1);
    let masking = if message.direction == Direction::ToServer { 4 } else { 0 };
    message.frames * (2 + masking + extended_length(payload_length))
}

/// Bytes of a header on the wire (RFC 6455 §5.2).
fn header_length(header: &Header) -> u64 {
    let extended = match header.length_bits {
        16 => 2,
        64 => 8,
        _ => 0,
    };
    2 + extended + if header.masked { 4 } else { 0 }
}

/// Bytes of the extended payload length.
fn extended_length(payload_length: u64) -> u64 {
    match payload_length {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    }
}

//! Frames and messages to what each of them adds to the numbers.

use crate::duplex::Direction;
use crate::event::{Frame, Message};
use crate::origin::Timestamp;
use crate::stats::kinds::Kind;
use crate::ws::frame::{Header, Opcode};

/// What a frame adds to its connection and to all, or a message whose frames are not told one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) direction: Direction,
    pub(super) opcode: Opcode,
    /// Frames behind the first one.
    pub(super) continuations: u64,
    /// Payload bytes on the wire, as far as they were captured.
    pub(super) payload_bytes: u64,
    /// The same after inflating.
    pub(super) bytes: u64,
    pub(super) header_bytes: u64,
    pub(super) missing: u64,
    pub(super) compressed: bool,
    /// Nanoseconds from the Ping, of its Pong.
    pub(super) rtt: Option<u64>,
    /// The data message that ended with it.
    pub(super) ended: Option<Whole>,
}

/// What a data message adds when it has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    pub(super) size: Kind,
    pub(super) time: Timestamp,
    /// What it would have taken by HTTP polling.
    pub(super) polling_bytes: u64,
}

impl Sent {
    pub(super) fn frame(frame: &Frame, ended: Option<Whole>) -> Self {
        Self {
            direction: frame.direction,
            opcode: frame.header.opcode,
            continuations: 0,
            payload_bytes: frame.header.payload_length.saturating_sub(frame.missing),
            bytes: frame.payload.length,
            header_bytes: if frame.truncated { 0 } else { header_length(&frame.header) },
            missing: frame.missing,
            compressed: frame.compressed,
            rtt: frame.rtt.map(|rtt| rtt.max(0).unsigned_abs()),
            ended,
        }
    }

    pub(super) fn message(message: &Message, ended: Option<Whole>) -> Self {
        Self {
            direction: message.direction,
            opcode: if message.text { Opcode::TEXT } else { Opcode::BINARY },
            continuations: message.frames.saturating_sub(1),
            payload_bytes: message.payload_length.saturating_sub(message.missing),
            bytes: message.payload.length,
            header_bytes: header_bytes(message),
            missing: message.missing,
            compressed: message.compressed,
            rtt: None,
            ended,
        }
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

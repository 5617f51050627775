//! Judges frame headers: the rules that a header breaks by itself (RFC 6455 §5, RFC 7692 §6).
//!
//! What it takes a message to judge (fragmentation, UTF-8, DEFLATE) is judged where the message is.

use std::num::NonZero;

use crate::anomaly::{Anomaly, Code, Detail};
use crate::duplex::Direction;
use crate::ws::extension::Agreement;
use crate::ws::frame::{Header, Opcode, RSV1};

/// Masking keys of so many frames are remembered; a random key is among them once in 2^29 frames.
const RECENT_KEYS: usize = 8;

/// The rules for the headers of one direction.
#[derive(Debug)]
pub struct Judge {
    /// Offset in the opposite stream that the client must have seen before it may send (end of the 101).
    answered_at: Option<NonZero<u64>>,
    /// The latest first; zero keys among them are of no use, as they are told by themselves.
    recent_keys: [[u8; 4]; RECENT_KEYS],
    direction: Direction,
    agreement: Agreement,
}

impl Judge {
    /// The rules under an agreement; `answered_at` is where the 101 ends in the opposite stream.
    pub fn new(direction: Direction, agreement: Agreement, answered_at: Option<u64>) -> Self {
        let answered_at = answered_at.filter(|_| direction == Direction::ToServer).and_then(NonZero::new);
        Self { answered_at, recent_keys: [[0; 4]; RECENT_KEYS], direction, agreement }
    }

    /// What was agreed.
    pub fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// Judges a header. `acknowledged` is what its sender had seen of the opposite stream, `closed` whether it has sent a
    /// Close before.
    pub fn header(&mut self, header: &Header, acknowledged: Option<u64>, closed: bool, anomalies: &mut Vec<Anomaly>) {
        let mut found = |code: Code, detail| anomalies.push(Anomaly::new(code, detail));
        if let Some(answered_at) = self.answered_at.take()
            && acknowledged.is_some_and(|acknowledged| acknowledged < answered_at.get())
        {
            found(Code::HandshakeEarlyData, Detail::None);
        }
        let opcode = header.opcode;
        // §5.5.2: Pings may be sent until the connection is closed, and are answered until a Close is received.
        if closed && !matches!(opcode, Opcode::PING | Opcode::PONG) {
            found(Code::CloseAfter, Detail::None);
        }
        let undefined = self.unexplained(header);
        if undefined != header.rsv {
            if opcode.is_control() {
                found(Code::DeflateRsv1Control, Detail::None);
            } else if opcode == Opcode::CONTINUATION {
                found(Code::DeflateRsv1Continuation, Detail::None);
            }
        }
        let undefined = undefined & !self.perhaps_agreed();
        if undefined != 0 {
            found(Code::RsvUnnegotiated, Detail::Number("RSV".into(), undefined.into()));
        }
        // §5.8: an extension may give one a meaning.
        if opcode.is_reserved() && !self.agreement.foreign {
            found(Code::OpcodeReserved, Detail::Number("opcode".into(), opcode.0.into()));
        }
        match (self.direction, header.masked) {
            // Of a truncated header the mask bit may not be known.
            _ if header.length_bits == 0 => {}
            (Direction::ToServer, false) => found(Code::MaskMissing, Detail::None),
            (Direction::ToClient, true) => found(Code::MaskUnexpected, Detail::None),
            (Direction::ToServer, true) | (Direction::ToClient, false) => {}
        }
        if let Some(key) = header.masking_key {
            if key == [0; 4] {
                found(Code::MaskZero, Detail::None);
            } else if self.recent_keys.contains(&key) {
                found(Code::MaskReused, Detail::None);
            }
            self.recent_keys.rotate_right(1);
            self.recent_keys[0] = key;
        }
        let length = || Detail::Number("payload length".into(), header.payload_length);
        if !header.is_minimal() {
            found(Code::LengthNonminimal, length());
        }
        if header.payload_length >> 63 != 0 {
            found(Code::LengthOverflow, length());
        }
        if opcode.is_control() {
            if !header.fin {
                found(Code::ControlFragmented, Detail::None);
            }
            if header.payload_length > 125 {
                found(Code::ControlTooLong, length());
            }
        }
    }

    /// Whether a header has reserved bits that may mean that its payload cannot be read as it stands.
    pub fn may_transform(&self, header: &Header) -> bool {
        self.unexplained(header) & self.perhaps_agreed() != 0
    }

    /// The reserved bits that no extension defines which is known to be agreed.
    fn unexplained(&self, header: &Header) -> u8 {
        // What is only assumed explains no bit where permessage-deflate forbids it.
        let begins = matches!(header.opcode, Opcode::TEXT | Opcode::BINARY) || !self.agreement.unknown;
        if self.agreement.deflate.is_some() && begins && !header.opcode.is_reserved() {
            header.rsv & !RSV1
        } else {
            header.rsv
        }
    }

    /// The reserved bits that may have been agreed by what was not captured, or by an extension that is not known.
    fn perhaps_agreed(&self) -> u8 {
        match self.agreement {
            Agreement { foreign: true, .. } => 7,
            Agreement { unknown: true, .. } => RSV1,
            Agreement { .. } => 0,
        }
    }
}

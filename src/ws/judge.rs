//! Judges frame headers: the rules that a header breaks by itself (RFC 6455 §5, RFC 7692 §6).
//!
//! What it takes a message to judge (fragmentation, UTF-8, DEFLATE) is judged where the message is.

use crate::anomaly::{Anomaly, Code, Detail};
use crate::duplex::Direction;
use crate::ws::extension::Agreement;
use crate::ws::frame::{Header, Opcode, RSV1};

/// Masking keys of so many frames are remembered; a random key is among them once in 2^30 frames.
const RECENT_KEYS: usize = 4;

/// The rules for the headers of a WebSocket.
#[derive(Debug)]
pub struct Judge {
    /// Those of the client, the latest first; zero keys among them are of no use, as they are told by themselves.
    recent_keys: [[u8; 4]; RECENT_KEYS],
    agreement: Agreement,
}

/// What is known of the sender of a header.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    /// Which way it sends.
    pub direction: Direction,
    /// Whether it could not have seen the whole handshake of the other side.
    pub early: bool,
    /// Whether it has sent a Close before.
    pub closed: bool,
}

impl Judge {
    /// The rules under an agreement.
    pub fn new(agreement: Agreement) -> Self {
        Self { recent_keys: [[0; 4]; RECENT_KEYS], agreement }
    }

    /// What was agreed.
    pub fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// Judges a header.
    pub fn header(&mut self, header: &Header, sender: Sender, anomalies: &mut Vec<Anomaly>) {
        let mut found = |code: Code, detail| anomalies.push(Anomaly::new(code, detail));
        if sender.early {
            found(Code::HandshakeEarlyData, Detail::None);
        }
        let opcode = header.opcode;
        // §5.5.2: Pings may be sent until the connection is closed, and are answered until a Close is received.
        if sender.closed && !matches!(opcode, Opcode::PING | Opcode::PONG) {
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
        match (sender.direction, header.masked) {
            // Of a truncated header the mask bit may not be known.
            _ if header.length_bits == 0 => {}
            (Direction::ToServer, false) => found(Code::MaskMissing, Detail::None),
            (Direction::ToClient, true) => found(Code::MaskUnexpected, Detail::None),
            (Direction::ToServer, true) | (Direction::ToClient, false) => {}
        }
        if let Some(key) = header.masking_key {
            // A server has no business with keys at all.
            let from_client = sender.direction == Direction::ToServer;
            if key == [0; 4] {
                found(Code::MaskZero, Detail::None);
            } else if from_client && self.recent_keys.contains(&key) {
                found(Code::MaskReused, Detail::None);
            }
            if from_client {
                self.recent_keys.rotate_right(1);
                self.recent_keys[0] = key;
            }
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

//! Frame header (RFC 6455 §5.2). Parses any bytes; judging them is the receiver's work.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|RSV1-|opcode |M|  length (7) | extended length (16 or 64)    …
//! |N|   -3|  (4)  |K|             | masking key (32, if MASK) | payload …
//! +-+-----+-------+-+-------------+-------------------------------+
//! ```

use serde::{Deserialize, Serialize};

/// A frame header as it stood on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// RSV1 (4), RSV2 (2) and RSV3 (1).
    pub rsv: u8,
    /// What the payload is.
    pub opcode: Opcode,
    /// Whether the payload is masked.
    pub masked: bool,
    /// The masking key, where the payload is masked.
    pub masking_key: Option<[u8; 4]>,
    /// Payload length in bytes, as declared: 0 to 2^64-1, although the top bit must be 0.
    pub payload_length: u64,
    /// Bits the length was written in: 7, 16 or 64.
    pub length_bits: u8,
}

/// RSV1, which permessage-deflate gives its meaning (RFC 7692 §6).
pub const RSV1: u8 = 4;

/// Length of the longest header.
pub const MAX_HEADER: usize = 14;

impl Header {
    /// Parses the header that begins `bytes`, and tells its length; `None` when more bytes are needed.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let &[first, second, ref rest @ ..] = bytes else { return None };
        let (payload_length, length_bits, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*length)), 16, rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*length), 64, rest)
            }
            length => (u64::from(length), 7, rest),
        };
        let (masking_key, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(*key), rest)
        };
        let header =
            Self { masked: masking_key.is_some(), masking_key, payload_length, length_bits, ..Self::start(first) };
        Some((header, bytes.len() - rest.len()))
    }

    /// What the first bytes of a header tell where the rest never came; `None` where there are none.
    ///
    /// Its payload length is 0, and `length_bits` is 0 where not even the mask bit is known.
    pub fn parse_truncated(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let header = Self::start(first);
        Some(match rest.first() {
            None => header,
            Some(second) => Self { masked: second & 0x80 != 0, length_bits: 7, ..header },
        })
    }

    fn start(first: u8) -> Self {
        Self {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: Opcode(first & 15),
            masked: false,
            masking_key: None,
            payload_length: 0,
            length_bits: 0,
        }
    }

    /// Whether the payload length is written in fewer bits than it could be.
    pub fn is_minimal(&self) -> bool {
        match self.length_bits {
            64 => self.payload_length > 0xffff,
            16 => self.payload_length > 125,
            _ => true,
        }
    }
}

/// What a frame's payload is: 0-15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A further fragment of a message.
    pub const CONTINUATION: Self = Self(0);
    /// First or only fragment of a text message.
    pub const TEXT: Self = Self(1);
    /// First or only fragment of a binary message.
    pub const BINARY: Self = Self(2);
    /// Beginning or end of the closing handshake.
    pub const CLOSE: Self = Self(8);
    /// Asks for a Pong.
    pub const PING: Self = Self(9);
    /// Answers a Ping, or is a heartbeat.
    pub const PONG: Self = Self(10);

    /// Whether it is a control frame's (§5.5), reserved ones included.
    pub fn is_control(self) -> bool {
        self.0 >= 8
    }

    /// `continuation`, `text`, `binary`, `close`, `ping`, `pong` or `reserved-N`.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0 & 15)]
    }

    /// Whether it is Close, Ping or Pong.
    pub fn is_defined_control(self) -> bool {
        self.is_control() && !self.is_reserved()
    }

    /// Whether no meaning is defined for it.
    pub fn is_reserved(self) -> bool {
        matches!(self.0, 3..=7 | 11..=15)
    }
}

const NAMES: [&str; 16] = [
    "continuation",
    "text",
    "binary",
    "reserved-3",
    "reserved-4",
    "reserved-5",
    "reserved-6",
    "reserved-7",
    "close",
    "ping",
    "pong",
    "reserved-11",
    "reserved-12",
    "reserved-13",
    "reserved-14",
    "reserved-15",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Header {
        for end in 0..bytes.len() {
            assert_eq!(Header::parse(&bytes[..end]), None, "{end} bytes are not enough");
        }
        let (header, length) = Header::parse(bytes).expect("whole header");
        assert_eq!(length, bytes.len());
        header
    }

    #[test]
    fn headers_of_rfc_6455_section_5_7() {
        let hello = parse(&[0x81, 0x05]);
        assert_eq!((hello.fin, hello.opcode, hello.payload_length), (true, Opcode::TEXT, 5));
        let masked = parse(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(masked.masking_key, Some([0x37, 0xfa, 0x21, 0x3d]));
        assert!(!parse(&[0x01, 0x03]).fin);
        assert_eq!(parse(&[0x80, 0x02]).opcode, Opcode::CONTINUATION);
        assert_eq!(parse(&[0x89, 0x05]).opcode, Opcode::PING);
        assert_eq!(parse(&[0x82, 0x7e, 0x01, 0x00]).payload_length, 256);
        assert_eq!(parse(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]).payload_length, 65536);
    }

    #[test]
    fn lengths_that_have_a_shorter_form_are_known() {
        assert!(!parse(&[0x82, 126, 0, 125]).is_minimal());
        assert!(parse(&[0x82, 126, 0, 126]).is_minimal());
        assert!(!parse(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]).is_minimal());
        assert!(parse(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]).is_minimal());
    }

    #[test]
    fn a_truncated_header_tells_what_it_can() {
        assert_eq!(Header::parse_truncated(&[]), None);
        let first = Header::parse_truncated(&[0x49]).expect("one byte");
        assert_eq!((first.fin, first.rsv, first.opcode, first.length_bits), (false, 4, Opcode::PING, 0));
        let second = Header::parse_truncated(&[0x82, 0xfe]).expect("two bytes");
        assert_eq!((second.masked, second.payload_length, second.length_bits), (true, 0, 7));
    }

    #[test]
    fn every_bit_is_kept() {
        let header = parse(&[0x7f, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]);
        assert_eq!((header.fin, header.rsv, header.opcode), (false, 7, Opcode(15)));
        assert_eq!((header.payload_length, header.masking_key), (u64::MAX, Some([1, 2, 3, 4])));
        assert_eq!(header.opcode.name(), "reserved-15");
    }
}

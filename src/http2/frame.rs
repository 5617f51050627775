//! Frame header (RFC 9113 §4.1). Parses any bytes.
//!
//! ```text
//!  +-----------------------------------------------+
//!  |                 Length (24)                   |
//!  +---------------+---------------+---------------+
//!  |   Type (8)    |   Flags (8)   |
//!  +-+-------------+---------------+-------------------------------+
//!  |R|                 Stream Identifier (31)                      |
//!  +=+=============================================================+
//!  |                   Frame Payload (0...)                      ...
//! ```

/// What a client sends before its first frame (§3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Length of a frame header.
pub const HEADER: usize = 9;

/// A frame header as it stood on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Payload length in bytes: 0 to 2^24-1.
    pub length: u32,
    /// What the frame is.
    pub kind: Kind,
    /// Flags; which of them mean something depends on the kind.
    pub flags: u8,
    /// Stream identifier, 0 for the connection; the reserved bit is left out.
    pub stream: u32,
}

/// What a frame is (§6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind(pub u8);

impl Kind {
    /// Bytes of a stream.
    pub const DATA: Self = Self(0);
    /// Opens a stream, or ends it with trailers.
    pub const HEADERS: Self = Self(1);
    /// Deprecated.
    pub const PRIORITY: Self = Self(2);
    /// Ends a stream at once.
    pub const RST_STREAM: Self = Self(3);
    /// Parameters of the connection.
    pub const SETTINGS: Self = Self(4);
    /// Announces a stream of the server.
    pub const PUSH_PROMISE: Self = Self(5);
    /// Asks whether the connection is alive, or answers that.
    pub const PING: Self = Self(6);
    /// No further streams are taken.
    pub const GOAWAY: Self = Self(7);
    /// Allows more bytes.
    pub const WINDOW_UPDATE: Self = Self(8);
    /// More of a header block.
    pub const CONTINUATION: Self = Self(9);
}

/// The last frame of this stream in this direction (DATA, HEADERS).
pub const END_STREAM: u8 = 0x1;
/// An answer (SETTINGS, PING).
pub const ACK: u8 = 0x1;
/// The last frame of a header block (HEADERS, PUSH_PROMISE, CONTINUATION).
pub const END_HEADERS: u8 = 0x4;
/// The payload begins with the length of the padding at its end (DATA, HEADERS, PUSH_PROMISE).
pub const PADDED: u8 = 0x8;
/// The header block stands behind five bytes of priority (HEADERS).
pub const PRIORITY: u8 = 0x20;

impl Header {
    /// Parses the header that begins `bytes`; `None` when more bytes are needed.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, ref stream @ ..] = bytes.first_chunk::<HEADER>()?;
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind: Kind(kind),
            flags,
            stream: u32::from_be_bytes(*stream) & 0x7fff_ffff,
        })
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// How many bytes stand before a header block: priority (§6.2), or the promised stream (§6.6).
    pub fn prefix(&self) -> u64 {
        match self.kind {
            Kind::HEADERS if self.has(PRIORITY) => 5,
            Kind::PUSH_PROMISE => 4,
            Kind(_) => 0,
        }
    }

    /// Whether it is one that real peers send: a known kind in a length and on a stream that fit it.
    fn is_plausible(&self) -> bool {
        /// Largest frame before any setting (§6.5.2), which hardly anybody changes.
        const MAX_FRAME: u32 = 16_384;
        let on_stream = self.stream != 0;
        let (flags, fits) = match self.kind {
            Kind::DATA => (END_STREAM | PADDED, on_stream),
            Kind::HEADERS => (END_STREAM | END_HEADERS | PADDED | PRIORITY, on_stream && self.length > 0),
            Kind::PRIORITY => (0, on_stream && self.length == 5),
            Kind::RST_STREAM => (0, on_stream && self.length == 4),
            Kind::SETTINGS => {
                (ACK, !on_stream && self.length.is_multiple_of(6) && (!self.has(ACK) || self.length == 0))
            }
            Kind::PUSH_PROMISE => (END_HEADERS | PADDED, on_stream && self.length > 4),
            Kind::PING => (ACK, !on_stream && self.length == 8),
            Kind::GOAWAY => (0, !on_stream && self.length >= 8),
            Kind::WINDOW_UPDATE => (0, self.length == 4),
            Kind::CONTINUATION => (END_HEADERS, on_stream),
            Kind(_) => return false,
        };
        fits && self.length <= MAX_FRAME && self.flags & !flags == 0 && self.stream < 1 << 24
    }
}

/// What bytes look like that may begin with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// How many frames are whole, one behind the other; `None` where something stands that is none.
    pub whole: Option<usize>,
    /// Whether the bytes end where a frame does.
    pub even: bool,
}

/// Behind so many frames it is not looked any further.
const ENOUGH: usize = 4;

/// Follows frame headers from the beginning of `bytes`; `known` is asked for each stream.
pub fn chain(bytes: &[u8], known: impl Fn(u32) -> bool) -> Chain {
    let mut rest = bytes;
    let mut whole = 0;
    while whole < ENOUGH {
        let Some(header) = Header::parse(rest) else {
            // What there is of a header must not speak against it: 64 KiB are far above what frames have.
            let possible = rest.first().is_none_or(|first| *first == 0);
            return Chain { whole: possible.then_some(whole), even: rest.is_empty() };
        };
        if !header.is_plausible() || header.stream != 0 && !known(header.stream) {
            return Chain { whole: None, even: false };
        }
        let Some(behind) = rest.get(HEADER + header.length as usize..) else { break };
        rest = behind;
        whole += 1;
    }
    Chain { whole: Some(whole), even: rest.is_empty() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_read_but_the_reserved_one() {
        let bytes = [0x01, 0x02, 0x03, 0x09, 0x04, 0xff, 0xff, 0xff, 0xff];
        let header = Header::parse(&bytes).expect("whole");
        assert_eq!((header.length, header.kind, header.stream), (0x01_02_03, Kind::CONTINUATION, 0x7fff_ffff));
        assert!(header.has(END_HEADERS) && !header.has(PADDED));
        assert_eq!(Header::parse(&bytes[..8]), None);
    }

    #[test]
    fn a_chain_is_followed_as_far_as_it_goes() {
        let ping = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
        let data = b"\0\0\x03\0\x01\0\0\0\x07abc";
        let bytes = [&ping[..], data, ping].concat();
        assert_eq!(chain(&bytes, |_| true), Chain { whole: Some(3), even: true });
        assert_eq!(chain(&bytes[..bytes.len() - 1], |_| true), Chain { whole: Some(2), even: false });
        assert_eq!(chain(&bytes, |stream| stream != 7).whole, None);
        assert_eq!(chain(b"\x81\x05Hello", |_| true).whole, None);
        assert_eq!(chain(b"\x17\x03\x03\x00\x20", |_| true).whole, None);
        assert_eq!(chain(b"\0\0\x03\0\x10\0\0\0\x07abc", |_| true).whole, None, "a flag that DATA has not");
    }
}

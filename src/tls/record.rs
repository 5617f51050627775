//! Record headers (RFC 8446 §5.1, RFC 5246 §6.2). Parses any bytes; whether they can be a record is a question of its own.

use crate::duplex::Direction;

/// Bytes of a record header.
pub const HEADER: usize = 5;

/// The largest record: 2^14 bytes, and what protection may add (RFC 5246 §6.2.3).
pub const MAX_BODY: usize = (1 << 14) + 2048;

/// Content types.
pub const CHANGE_CIPHER_SPEC: u8 = 20;
/// Alert.
pub const ALERT: u8 = 21;
/// Handshake messages.
pub const HANDSHAKE: u8 = 22;
/// Application data; in TLS 1.3 whatever is protected.
pub const APPLICATION_DATA: u8 = 23;

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Content type.
    pub kind: u8,
    /// Protocol version: of TLS 1.3 that of 1.2.
    pub version: u16,
    /// Bytes of the body.
    pub length: usize,
}

impl Header {
    /// The header that `bytes` begin with; `None` where they are too few.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[kind, major, minor, high, low, ..] = bytes else { return None };
        let (version, length) = (u16::from_be_bytes([major, minor]), u16::from_be_bytes([high, low]));
        Some(Self { kind, version, length: usize::from(length) })
    }

    /// Whether a sender could have written it.
    pub fn is_plausible(&self) -> bool {
        // 24 are heartbeats (RFC 6520).
        (CHANGE_CIPHER_SPEC..=24).contains(&self.kind)
            && (0x0300..=0x0304).contains(&self.version)
            && self.length <= MAX_BODY
            && (self.length > 0 || self.kind == APPLICATION_DATA)
    }

    /// As it stood on the wire.
    pub fn bytes(&self) -> [u8; HEADER] {
        let ([major, minor], [high, low]) = (self.version.to_be_bytes(), (self.length as u16).to_be_bytes());
        [self.kind, major, minor, high, low]
    }
}

/// Where a protected record may begin in bytes of which nothing is known: the first place from `from` on.
///
/// In what is encrypted a false one is found every 2^26 bytes.
pub fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let places = memchr::memchr_iter(APPLICATION_DATA, rest).map(|at| from + at);
    let mut places = places.filter(|&at| bytes.get(at + 1).is_none_or(|&major| major == 3));
    places.find(|&at| Header::parse(&bytes[at..]).is_none_or(|header| header.is_plausible() && header.version > 0x0300))
}

/// Whether a protected record begins somewhere in these bytes, its header whole.
pub fn is_in(bytes: &[u8]) -> bool {
    find(bytes, 0).is_some_and(|at| Header::parse(&bytes[at..]).is_some_and(|header| header.length > 16))
}

/// Who sends records that begin so: a ClientHello, or a ServerHello.
pub fn sender_of_hello(bytes: &[u8]) -> Option<Direction> {
    match bytes {
        [HANDSHAKE, 3, 0..=4, _, _, 1, ..] => Some(Direction::ToServer),
        [HANDSHAKE, 3, 0..=4, _, _, 2, ..] => Some(Direction::ToClient),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_nobody_writes() {
        for (bytes, plausible) in [
            (*b"\x17\x03\x03\x40\x11", true),
            (*b"\x16\x03\x01\x02\x00", true),
            (*b"\x17\x03\x03\x00\x00", true),
            (*b"\x16\x03\x01\x00\x00", false),
            (*b"\x17\x03\x03\x48\x01", false),
            (*b"\x13\x03\x03\x00\x10", false),
            (*b"\x17\x02\x03\x00\x10", false),
        ] {
            let header = Header::parse(&bytes).expect("five bytes");
            assert_eq!((header.is_plausible(), header.bytes()), (plausible, bytes));
        }
        assert_eq!(Header::parse(b"\x17\x03\x03\x40"), None);
    }

    #[test]
    fn a_record_is_found_between_other_bytes() {
        let bytes = b"ab\x17\x03\x03\xff\xff\x17\x17\x03\x03\x00\x20ab\x17";
        assert_eq!((find(bytes, 0), find(bytes, 9), find(bytes, 99)), (Some(8), Some(15), None));
        assert_eq!(find(b"ab\x17\x03", 0), Some(2), "may be one");
    }
}

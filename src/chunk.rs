//! In-order bytes of one direction, with their provenance.

use crate::origin::Origin;

/// Consecutive bytes of a stream that came in one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The packet that brought them first.
    pub origin: Origin,
    /// Offset of the first byte in the stream, from 0.
    pub offset: u64,
    /// How much of the opposite stream their sender had acknowledged; `None` where that is not known.
    pub acknowledged: Option<u64>,
    /// The bytes; never empty.
    pub bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// Splits off the first `count` bytes (at most all of them).
    pub fn split_at(self, count: usize) -> (Self, Self) {
        let (head, tail) = self.bytes.split_at(count.min(self.bytes.len()));
        let rest = Self { offset: self.offset + head.len() as u64, bytes: tail, ..self };
        (Self { bytes: head, ..self }, rest)
    }
}

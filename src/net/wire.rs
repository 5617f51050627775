//! Captured bytes of one layer, and how many more of them were on the wire.
//!
//! ```text
//! on the wire   ├── header ──┼──────── payload ────────┼─ padding ─┤
//! captured      ├────────────────────────┤ snap length
//!
//! skip(header)                 ├─ bytes ─┼───── cut ─────────────┤
//! limit(payload)               ├─ bytes ─┼── cut ──┤
//! ```

use crate::net::Skip;

/// A stretch of a packet: its beginning in `bytes`, then `cut` bytes that were not captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wire<'a> {
    bytes: &'a [u8],
    cut: u32,
}

impl<'a> Wire<'a> {
    /// A packet of `wire_len` bytes; of at least those captured, should `wire_len` claim less.
    pub(super) fn new(bytes: &'a [u8], wire_len: u32) -> Self {
        let cut = wire_len.saturating_sub(saturated(bytes.len()));
        Self { bytes, cut }
    }

    /// The captured part.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes behind the captured part.
    pub(super) fn cut(self) -> u32 {
        self.cut
    }

    /// The first `N` bytes.
    pub(super) fn head<const N: usize>(self) -> Result<&'a [u8; N], Skip> {
        self.bytes.first_chunk().ok_or_else(|| self.without(N))
    }

    /// What comes behind the first `count` bytes, captured or not.
    pub(super) fn skip(self, count: usize) -> Result<Self, Skip> {
        if let Some((_, bytes)) = self.bytes.split_at_checked(count) {
            return Ok(Self { bytes, ..self });
        }
        let beyond = saturated(count - self.bytes.len());
        match self.cut.checked_sub(beyond) {
            Some(cut) => Ok(Self { bytes: &[], cut }),
            None => Err(Skip::Malformed),
        }
    }

    /// The first `len` bytes, or all where there are fewer.
    pub(super) fn limit(self, len: usize) -> Self {
        if let Some((bytes, _)) = self.bytes.split_at_checked(len) {
            return Self { bytes, cut: 0 };
        }
        let beyond = saturated(len - self.bytes.len());
        Self { cut: self.cut.min(beyond), ..self }
    }

    /// Why `needed` bytes, more than were captured, are not there: the capture cut them, or they never were.
    pub(super) fn without(self, needed: usize) -> Skip {
        match self.skip(needed) {
            Ok(_) => Skip::Truncated,
            Err(skip) => skip,
        }
    }
}

/// No packet is longer: its length on the wire has 32 bits.
fn saturated(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: Wire<'_> = Wire { bytes: b"abcd", cut: 3 };

    #[test]
    fn a_wire_length_below_the_captured_length_is_not_believed() {
        let wire = Wire::new(b"abcd", 3);
        assert_eq!((wire.bytes(), wire.cut()), (&b"abcd"[..], 0));
    }

    #[test]
    fn skipping_goes_on_into_what_was_cut() {
        assert_eq!(CUT.skip(1), Ok(wire(b"bcd", 3)));
        assert_eq!(CUT.skip(4), Ok(wire(b"", 3)));
        assert_eq!(CUT.skip(6), Ok(wire(b"", 1)));
        assert_eq!(CUT.skip(7), Ok(wire(b"", 0)));
        assert_eq!(CUT.skip(8), Err(Skip::Malformed));
    }

    #[test]
    fn a_limit_shortens_what_was_cut_before_what_was_captured() {
        assert_eq!(CUT.limit(9), CUT);
        assert_eq!(CUT.limit(6), wire(b"abcd", 2));
        assert_eq!(CUT.limit(4), wire(b"abcd", 0));
        assert_eq!(CUT.limit(1), wire(b"a", 0));
    }

    #[test]
    fn missing_bytes_were_cut_or_never_there() {
        assert_eq!(CUT.head::<2>(), Ok(b"ab"));
        assert_eq!(CUT.head::<7>(), Err(Skip::Truncated));
        assert_eq!(CUT.head::<8>(), Err(Skip::Malformed));
    }

    fn wire(bytes: &[u8], cut: u32) -> Wire<'_> {
        Wire { bytes, cut }
    }
}

//! TCP sequence numbers: arithmetic modulo 2^32 (RFC 9293 §3.4).

/// A sequence number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// Signed distance from `origin` to `self`, in -2^31..2^31: positive where `self` comes after.
    pub fn distance_from(self, origin: Self) -> i32 {
        self.0.wrapping_sub(origin.0).cast_signed()
    }

    /// The number `count` further on, wrapping.
    #[must_use]
    pub fn plus(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }
}

#[cfg(test)]
mod tests {
    use super::SeqNumber;

    #[test]
    fn distance_wraps() {
        assert_eq!(SeqNumber(2).distance_from(SeqNumber(u32::MAX)), 3);
        assert_eq!(SeqNumber(u32::MAX).distance_from(SeqNumber(2)), -3);
        assert_eq!(SeqNumber(u32::MAX).plus(3), SeqNumber(2));
    }
}

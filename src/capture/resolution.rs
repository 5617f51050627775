//! From the ticks of a capture's clock to nanoseconds (pcapng, options `if_tsresol` and `if_tsoffset`).

use crate::origin::Timestamp;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Length of a tick and the moment of tick 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolution {
    tick: Tick,
    /// Nanoseconds to add.
    offset: i128,
}

impl Resolution {
    /// `tsresol`: powers of ten, or of two with the top bit set, that make a second. `offset`: seconds.
    pub(super) fn new(tsresol: u8, offset: i64) -> Self {
        let exponent = u32::from(tsresol & 0x7f);
        let tick = match (tsresol & 0x80, exponent) {
            (0, 0..=9) => Tick::Nanos(10_u64.pow(9 - exponent)),
            // Where 64 bits do not hold how many ticks last a nanosecond, no number of ticks does.
            (0, _) => 10_u64.checked_pow(exponent - 9).map_or(Tick::Nanos(0), Tick::PerNano),
            (_, _) => Tick::Binary(exponent),
        };
        Self { tick, offset: i128::from(offset) * NANOS_PER_SECOND }
    }

    /// The moment of a tick, rounded down to a nanosecond; saturates.
    #[inline]
    pub(super) fn time(self, ticks: u64) -> Timestamp {
        let nanos = match self.tick {
            Tick::Nanos(nanos) => i128::from(ticks) * i128::from(nanos),
            Tick::PerNano(count) => i128::from(ticks / count),
            Tick::Binary(exponent) => (i128::from(ticks) * NANOS_PER_SECOND) >> exponent,
        };
        let nanos = (nanos + self.offset).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp(i64::try_from(nanos).expect("clamped"))
    }
}

/// How long a tick lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tick {
    /// So many nanoseconds.
    Nanos(u64),
    /// So many ticks last a nanosecond.
    PerNano(u64),
    /// Two to this power of ticks last a second.
    Binary(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tsresol: u8, offset: i64, ticks: u64) -> i64 {
        Resolution::new(tsresol, offset).time(ticks).0
    }

    #[test]
    fn decimal_resolutions_are_exact() {
        assert_eq!(time(0, 0, 7), 7_000_000_000);
        assert_eq!(time(3, 0, 1_700_000_000_123), 1_700_000_000_123_000_000);
        assert_eq!(time(6, 0, 1_700_000_000_123_456), 1_700_000_000_123_456_000);
        assert_eq!(time(9, 0, 1_700_000_000_123_456_789), 1_700_000_000_123_456_789);
        assert_eq!(time(12, 0, 1_234_567_890_999), 1_234_567_890);
    }

    #[test]
    fn binary_resolutions_are_exact() {
        assert_eq!(time(0x80, 0, 7), 7_000_000_000);
        assert_eq!(time(0x81, 0, 3), 1_500_000_000);
        assert_eq!(time(0xa0, 0, (1_700_000_000 << 32) | (1 << 31)), 1_700_000_000_500_000_000);
    }

    #[test]
    fn offset_counts_in_seconds_and_may_be_negative() {
        assert_eq!(time(6, 1_700_000_000, 5), 1_700_000_000_000_005_000);
        assert_eq!(time(6, -2, 1_000_000), -1_000_000_000);
    }

    #[test]
    fn absurd_values_saturate() {
        assert_eq!(time(0, 0, u64::MAX), i64::MAX);
        assert_eq!(time(0, i64::MIN, 0), i64::MIN);
        assert_eq!(time(6, i64::MAX, u64::MAX), i64::MAX);
        for tsresol in 0..=u8::MAX {
            time(tsresol, 0, u64::MAX);
        }
        assert_eq!(time(0x7f, 0, u64::MAX), 0);
        assert_eq!(time(0xff, 0, u64::MAX), 0);
    }
}

//! Provenance: which captured packet a byte came in, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment as the capture tells it: nanoseconds since 1970-01-01 00:00 UTC.
///
/// Range 1677-09-21 to 2262-04-11; readers saturate what lies beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Time from `earlier` to `self`, in nanoseconds; negative where the capture's clock went back.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `later` after this one.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        let nanos = i64::try_from(later.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// The packet that first carried some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// Number of the packet in the capture, from 1, over all inputs in the order given.
    pub packet: u64,
    /// Capture time of the packet.
    pub time: Timestamp,
}

/// First and last packet that carried some item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Span {
    /// Packet of the item's first byte.
    pub first: Origin,
    /// Packet of the item's last byte.
    pub last: Origin,
}

impl Span {
    /// The span of an item that lies in one packet.
    pub fn at(origin: Origin) -> Self {
        Self { first: origin, last: origin }
    }
}

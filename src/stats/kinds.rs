//! What is counted kind by kind: frames by opcode, messages by size, anomalies by code.
//!
//! Of all kinds a connection has a handful, so only those that were counted take room.

use crate::anomaly::{Code, RULES, Severity};
use crate::duplex::Direction;
use crate::stats::sparse::Sparse;
use crate::ws::frame::Opcode;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Frames of an opcode.
    Opcode(Direction, Opcode),
    /// Messages of a class of sizes: index in [`SIZES`], or one above.
    Size(usize),
    /// Anomalies of a code.
    Anomaly(Code),
}

/// Upper ends of the classes of message sizes, in bytes; what is larger has a class of its own.
pub const SIZES: [u64; 10] = [0, 16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

impl Kind {
    /// The class of a message of so many bytes.
    pub fn of_size(size: u64) -> Self {
        Self::Size(SIZES.partition_point(|upper| *upper < size))
    }

    fn key(self) -> u16 {
        match self {
            Self::Opcode(way, opcode) => way as u16 * 16 + u16::from(opcode.0 & 15),
            Self::Size(class) => 32 + class as u16,
            Self::Anomaly(code) => ANOMALIES + code as u16,
        }
    }
}

/// Key of the first anomaly, above those of all other kinds.
const ANOMALIES: u16 = 64;

/// Counts by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kinds(Sparse);

impl Kinds {
    /// Counts so many.
    pub fn add(&mut self, kind: Kind, count: u64) {
        if count > 0 {
            self.0.add(kind.key(), count);
        }
    }

    /// How many were counted.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.of(kind.key())
    }

    /// Frames of a side, by opcode.
    pub fn opcodes(&self, way: Direction) -> [u64; 16] {
        let first = Kind::Opcode(way, Opcode(0)).key();
        let mut counts = [0; 16];
        for (key, count) in self.0.iter() {
            if let Some(of) = counts.get_mut(usize::from(key.wrapping_sub(first))) {
                *of = count;
            }
        }
        counts
    }

    /// Messages of each class of sizes.
    pub fn sizes(&self) -> [u64; SIZES.len() + 1] {
        std::array::from_fn(|class| self.of(Kind::Size(class)))
    }

    /// The anomalies that were counted, in the order of the table.
    pub fn anomalies(&self) -> impl Iterator<Item = (Code, u64)> {
        let counts = self.0.iter().filter_map(|(key, count)| Some((key.checked_sub(ANOMALIES)?, count)));
        counts.map(|(code, count)| (RULES[usize::from(code)].code, count))
    }

    /// How many anomalies of each severity, in its order.
    pub fn by_severity(&self) -> [u64; 4] {
        self.anomalies().fold([0; 4], |mut sums, (code, count)| {
            sums[code.rule().severity as usize] += count;
            sums
        })
    }

    /// How many anomalies weigh more than a note.
    pub fn worries(&self) -> u64 {
        self.by_severity()[Severity::Note as usize + 1..].iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_into_their_class() {
        let mut kinds = Kinds::default();
        for size in [0, 1, 16, 17, 1 << 20, (1 << 20) + 1, u64::MAX] {
            kinds.add(Kind::of_size(size), 1);
        }
        assert_eq!(kinds.sizes(), [1, 2, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn no_kind_is_taken_for_another() {
        let ways = Direction::BOTH;
        let opcodes = ways.iter().flat_map(|&way| (0..16).map(move |code| Kind::Opcode(way, Opcode(code))));
        let sizes = (0..=SIZES.len()).map(Kind::Size);
        let all: Vec<_> = opcodes.chain(sizes).chain(RULES.iter().map(|rule| Kind::Anomaly(rule.code))).collect();
        let mut kinds = Kinds::default();
        for (count, kind) in (1..).zip(&all) {
            kinds.add(*kind, count);
        }
        for (count, kind) in (1..).zip(&all) {
            assert_eq!(kinds.of(*kind), count, "{kind:?}");
        }
        assert_eq!(kinds.anomalies().count(), RULES.len());
    }
}

//! Numbers to how often each was counted, where most never are.

/// Counts by number, in order: eight bytes for each number that was counted.
///
/// A word has the number above its lower 48 bits and the count in them. What is counted takes a byte of the capture at least, so
/// that is enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sparse(Box<[u64]>);

const COUNT_BITS: u32 = 48;
const MOST: u64 = (1 << COUNT_BITS) - 1;

impl Sparse {
    /// Counts so many of a number.
    pub(super) fn add(&mut self, number: u16, count: u64) {
        let index = self.index(number);
        match self.0.get_mut(index) {
            Some(word) if number_of(*word) == number => *word += count.min(MOST - count_of(*word)),
            Some(_) | None => self.insert(index, (u64::from(number) << COUNT_BITS) | count.min(MOST)),
        }
    }

    /// How many of a number were counted.
    pub(super) fn of(&self, number: u16) -> u64 {
        let word = self.0.get(self.index(number)).filter(|word| number_of(**word) == number);
        word.map_or(0, |word| count_of(*word))
    }

    /// The numbers that were counted, and how often.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.iter().map(|word| (number_of(*word), count_of(*word)))
    }

    /// Where the word of a number stands, or should.
    fn index(&self, number: u16) -> usize {
        let least = u64::from(number) << COUNT_BITS;
        // Nearly all have a handful, through which one walks faster than halves are made.
        self.0.iter().position(|word| *word >= least).unwrap_or(self.0.len())
    }

    #[cold]
    fn insert(&mut self, index: usize, word: u64) {
        // Exactly as many as there are: it is seldom that one is added, and there may be hundreds of thousands of these.
        let mut words = std::mem::take(&mut self.0).into_vec();
        words.reserve_exact(1);
        words.insert(index, word);
        self.0 = words.into();
    }
}

fn number_of(word: u64) -> u16 {
    (word >> COUNT_BITS) as u16
}

fn count_of(word: u64) -> u64 {
    word & MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_apart_and_stand_in_order() {
        let mut sparse = Sparse::default();
        for (number, count) in [(7, 1), (u16::MAX, 2), (0, 3), (7, 4), (6, 5)] {
            sparse.add(number, count);
        }
        assert_eq!(sparse.iter().collect::<Vec<_>>(), [(0, 3), (6, 5), (7, 5), (u16::MAX, 2)]);
        assert_eq!([0, 1, 6, 7, 8, u16::MAX].map(|number| sparse.of(number)), [3, 0, 5, 5, 0, 2]);
    }

    #[test]
    fn a_count_stops_where_its_bits_end() {
        let mut sparse = Sparse::default();
        for (count, sum) in [(MOST - 1, MOST - 1), (1, MOST), (1, MOST), (u64::MAX, MOST)] {
            sparse.add(1, count);
            assert_eq!((sparse.of(1), sparse.of(2)), (sum, 0));
        }
        sparse.add(2, u64::MAX);
        assert_eq!(sparse.iter().collect::<Vec<_>>(), [(1, MOST), (2, MOST)]);
    }
}

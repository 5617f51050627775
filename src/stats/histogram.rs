//! Many numbers to their percentiles, in constant memory.

use crate::stats::sparse::Sparse;

/// Parts of each power of two: a percentile is off by at most a sixteenth.
const PARTS: usize = 8;

/// Numbers by logarithmic classes: 8 bytes for each class that has any, of at most 512.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// How many each bucket holds; most connections fill a few.
    buckets: Sparse,
    max: u64,
}

impl Histogram {
    /// Counts a number.
    pub fn add(&mut self, number: u64) {
        self.buckets.add(bucket(number) as u16, 1);
        self.max = self.max.max(number);
    }

    /// How many numbers were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The largest; 0 where there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The number that `percent` of all do not exceed, about; `None` where there is none.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let (bucket, _) = self.buckets.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        })?;
        Some(middle(usize::from(bucket)).min(self.max))
    }
}

fn bucket(number: u64) -> usize {
    if number < PARTS as u64 {
        return number as usize;
    }
    let exponent = number.ilog2() as usize;
    let part = (number >> (exponent - PARTS.ilog2() as usize)) as usize % PARTS;
    (exponent - PARTS.ilog2() as usize + 1) * PARTS + part
}

/// The middle of a bucket's range.
fn middle(bucket: usize) -> u64 {
    if bucket < PARTS {
        return bucket as u64;
    }
    let shift = bucket / PARTS - 1;
    let low = ((bucket % PARTS + PARTS) as u64) << shift;
    low + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_bucket_and_its_middle_is_near() {
        let mut last = 0;
        for exponent in 0..64 {
            for number in [1 << exponent, (1 << exponent) + (1 << exponent) / 3, u64::MAX >> (63 - exponent)] {
                let middle = middle(bucket(number));
                assert!(middle.abs_diff(number) <= number / 16 + 1, "{number} {middle}");
                assert!(bucket(number) >= last && bucket(number) < 64 * PARTS);
                last = bucket(number);
            }
        }
    }

    #[test]
    fn percentiles_are_near_those_of_all_numbers() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), None);
        for number in 1..=1000 {
            histogram.add(number * 1000);
        }
        for (percent, exact) in [(50, 500_000), (95, 950_000), (100, 1_000_000)] {
            let found: u64 = histogram.percentile(percent).expect("there are some");
            assert!(found.abs_diff(exact) <= exact / 16, "{percent} {found}");
        }
        assert_eq!((histogram.count(), histogram.max()), (1000, 1_000_000));
        let mut one = Histogram::default();
        one.add(5_000_001);
        assert_eq!(one.percentile(50).map(|found| found <= 5_000_001), Some(true));
    }
}

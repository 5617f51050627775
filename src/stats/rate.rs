//! Moments to a curve: how much happened in each stretch of time, however long it all takes.

use crate::duplex::{Direction, Duplex};
use crate::origin::Timestamp;

/// Stretches of a curve.
pub const BINS: usize = 60;
/// Length of a stretch at first.
const FIRST: i64 = 100_000_000;

/// Messages in stretches of equal length; when they do not suffice, two and two become one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rate {
    /// Time of the first message, once there is one.
    start: Timestamp,
    /// How often two and two stretches became one.
    folds: u32,
    /// The stretches up to the last message; at most [`BINS`].
    bins: Vec<Duplex<u32>>,
}

impl Rate {
    /// Counts a message; before the first one, as with it.
    pub fn add(&mut self, time: Timestamp, direction: Direction) {
        if self.bins.is_empty() {
            self.start = time;
        }
        // No more than 2^63 / FIRST, so there are no more than 31 folds.
        let stretches = time.since(self.start).max(0) / FIRST;
        while stretches >> self.folds >= BINS as i64 {
            self.fold();
        }
        let index = (stretches >> self.folds) as usize;
        if index >= self.bins.len() {
            self.bins.resize(index + 1, Duplex::default());
        }
        let count = &mut self.bins[index][direction];
        *count = count.saturating_add(1);
    }

    fn fold(&mut self) {
        self.bins = self.bins.chunks(2).map(sum).collect();
        self.folds += 1;
    }

    /// Nanoseconds of a stretch.
    pub fn width(&self) -> i64 {
        FIRST << self.folds
    }

    /// Messages in each stretch, from the first message to the last.
    pub fn bins(&self) -> &[Duplex<u32>] {
        &self.bins
    }

    /// Messages gathered to at most `columns` stretches, and the nanoseconds of each.
    pub fn over(&self, columns: usize) -> (Vec<Duplex<u32>>, i64) {
        let each = self.bins().len().div_ceil(columns.max(1)).max(1);
        (self.bins().chunks(each).map(sum).collect(), self.width().saturating_mul(each as i64))
    }

    /// The most in one stretch, both directions together, as messages a second.
    pub fn peak(&self) -> f64 {
        let most = self.bins().iter().map(|bin| u64::from(bin.to_server) + u64::from(bin.to_client)).max();
        most.unwrap_or(0) as f64 * 1e9 / self.width() as f64
    }
}

fn sum(bins: &[Duplex<u32>]) -> Duplex<u32> {
    bins.iter().fold(Duplex::default(), |sum, bin| Duplex {
        to_server: sum.to_server.saturating_add(bin.to_server),
        to_client: sum.to_client.saturating_add(bin.to_client),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_is_lost_however_long_it_takes() {
        let mut rate = Rate::default();
        let mut time = 1_000_000_000;
        for step in 0..500_i64 {
            time += step * step * 10_000_000;
            rate.add(Timestamp(time), if step % 3 == 0 { Direction::ToServer } else { Direction::ToClient });
        }
        let sum = |of: fn(&Duplex<u32>) -> u32| rate.bins().iter().map(of).sum::<u32>();
        assert_eq!((sum(|bin| bin.to_server), sum(|bin| bin.to_client)), (167, 333));
        assert!(rate.bins().len() > BINS / 2 && rate.bins().len() <= BINS);
        assert!(rate.width() * rate.bins().len() as i64 >= time - 1_000_000_000);
        let (few, width) = rate.over(7);
        assert!(few.len() <= 7 && width * few.len() as i64 >= time - 1_000_000_000);
        assert_eq!((super::sum(&few).to_server, super::sum(&few).to_client), (167, 333));
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        let mut rate = Rate::default();
        for time in [0, i64::MAX, i64::MIN, 5] {
            rate.add(Timestamp(time), Direction::ToServer);
        }
        assert_eq!(rate.bins().iter().map(|bin| bin.to_server).sum::<u32>(), 4);
        assert!(rate.peak() > 0.0);
    }
}

//! Messages over time in a fixed number of columns: the columns widen as the time grows.

use crate::duplex::{Direction, Duplex};
use crate::origin::Timestamp;

/// Columns at most; with half as many the time is always filled.
const COLUMNS: usize = 128;
const NARROWEST: i64 = 10_000_000;

/// Counts of messages by time and direction.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    start: Option<Timestamp>,
    /// Nanoseconds of a column; doubled whenever the columns are full.
    width: i64,
    columns: Vec<Duplex<u32>>,
}

impl Rate {
    /// Counts one message; what is earlier than the first counts with that.
    pub fn add(&mut self, time: Timestamp, direction: Direction) {
        let start = *self.start.get_or_insert(time);
        self.width = self.width.max(NARROWEST);
        let age = time.since(start).max(0);
        while age / self.width >= COLUMNS as i64 {
            self.widen();
        }
        let column = (age / self.width) as usize;
        if column >= self.columns.len() {
            self.columns.resize(column + 1, Duplex::default());
        }
        let count = &mut self.columns[column][direction];
        *count = count.saturating_add(1);
    }

    /// The counts gathered to at most `columns` columns, and the nanoseconds of each.
    pub fn over(&self, columns: usize) -> (Vec<Duplex<u32>>, i64) {
        let each = self.columns.len().div_ceil(columns.max(1)).max(1);
        let gathered = self.columns.chunks(each).map(sum).collect();
        (gathered, self.width.saturating_mul(each as i64))
    }

    fn widen(&mut self) {
        self.columns = self.columns.chunks(2).map(sum).collect();
        self.width = self.width.saturating_mul(2);
    }
}

fn sum(counts: &[Duplex<u32>]) -> Duplex<u32> {
    counts.iter().fold(Duplex::default(), |sum, count| Duplex {
        to_server: sum.to_server.saturating_add(count.to_server),
        to_client: sum.to_client.saturating_add(count.to_client),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_count_is_lost_as_columns_widen() {
        let mut rate = Rate::default();
        for second in 0..1000 {
            rate.add(Timestamp(second * 1_000_000_000), Direction::ToClient);
        }
        rate.add(Timestamp(-5), Direction::ToServer);
        assert!(rate.columns.len() <= COLUMNS);
        let (columns, width) = rate.over(10);
        assert!(columns.len() <= 10 && width * columns.len() as i64 >= 1_000_000_000_000);
        let sums = sum(&columns);
        assert_eq!((sums.to_server, sums.to_client), (1, 1000));
    }

    #[test]
    fn the_longest_time_there_is_has_room() {
        let mut rate = Rate::default();
        rate.add(Timestamp(i64::MIN), Direction::ToClient);
        rate.add(Timestamp(i64::MAX), Direction::ToClient);
        assert_eq!(sum(&rate.over(3).0).to_client, 2);
    }
}

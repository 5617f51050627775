//! Row numbers in ascending order: looked up by index at once, found by halving, dropped at the front.

use std::collections::VecDeque;

use super::RowId;

/// Numbers of a piece. Short lists, of which there are as many as connections, take what they need.
const PIECE: usize = 1024;

/// Ascending row numbers.
#[derive(Debug, Clone, Default)]
pub struct List {
    pieces: VecDeque<Vec<RowId>>,
    /// Numbers of the first piece that were dropped.
    dropped: usize,
    len: usize,
}

impl List {
    /// Adds a number above all that are there.
    pub fn push(&mut self, row: RowId) {
        match self.pieces.back_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(row),
            Some(_) => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(row);
                self.pieces.push_back(piece);
            }
            None => self.pieces.push_back(vec![row]),
        }
        self.len += 1;
    }

    /// Drops the numbers below `row`; how many.
    pub fn drop_before(&mut self, row: RowId) -> usize {
        let before = self.len;
        while self.pieces.front().is_some_and(|piece| piece.len() == PIECE && piece[PIECE - 1] < row) {
            self.pieces.pop_front();
            self.len -= PIECE - self.dropped;
            self.dropped = 0;
        }
        if let Some(piece) = self.pieces.front() {
            let dropped = piece.partition_point(|&known| known < row).max(self.dropped);
            self.len -= dropped - self.dropped;
            self.dropped = dropped;
        }
        before - self.len
    }

    /// The number at `index`, from 0.
    pub fn get(&self, index: usize) -> Option<RowId> {
        let at = index.checked_add(self.dropped)?;
        self.pieces.get(at / PIECE)?.get(at % PIECE).copied()
    }

    /// Index of the first number that is not below `row`; their count where all are.
    pub fn position(&self, row: RowId) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(|known| known < row) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = RowId> {
        self.pieces.iter().flatten().skip(self.dropped).copied()
    }

    /// Bytes of memory taken.
    pub fn memory(&self) -> usize {
        self.pieces.iter().map(|piece| piece.capacity() * size_of::<RowId>() + size_of::<Vec<RowId>>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_where_they_were_put() {
        let mut list = List::default();
        for row in 0..5000 {
            list.push(row * 3);
        }
        assert_eq!((list.len(), list.get(0), list.get(4999), list.get(5000)), (5000, Some(0), Some(14_997), None));
        assert_eq!((list.position(3000), list.position(3001), list.position(99_999)), (1000, 1001, 5000));
    }

    #[test]
    fn the_front_is_dropped_within_and_across_pieces() {
        let mut list = List::default();
        for row in 0..5000 {
            list.push(row);
        }
        assert_eq!(list.drop_before(10), 10);
        assert_eq!(list.drop_before(5), 0);
        assert_eq!(list.drop_before(3000), 2990);
        assert_eq!((list.len(), list.get(0), list.iter().next()), (2000, Some(3000), Some(3000)));
        assert_eq!(list.drop_before(9999), 2000);
        assert!(list.is_empty() && list.get(0).is_none());
        list.push(10_000);
        assert_eq!((list.len(), list.get(0)), (1, Some(10_000)));
    }
}

//! Rows that the user marked with a letter.

use std::collections::BTreeMap;

use crate::store::RowId;

/// Letters and the rows they mark.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    rows: BTreeMap<char, RowId>,
    latest: Option<char>,
}

impl Marks {
    /// Marks a row; the same letter on the same row takes the mark away. Whether it is marked then.
    pub fn toggle(&mut self, letter: char, row: RowId) -> bool {
        if self.rows.get(&letter) == Some(&row) {
            self.rows.remove(&letter);
            self.latest = self.rows.keys().next_back().copied();
            return false;
        }
        self.rows.insert(letter, row);
        self.latest = Some(letter);
        true
    }

    /// The row that a letter marks.
    pub fn get(&self, letter: char) -> Option<RowId> {
        self.rows.get(&letter).copied()
    }

    /// The row marked last.
    pub fn latest(&self) -> Option<RowId> {
        self.get(self.latest?)
    }

    /// The letter that marks a row.
    pub fn letter(&self, row: RowId) -> Option<char> {
        self.rows.iter().find(|(_, marked)| **marked == row).map(|(&letter, _)| letter)
    }

    /// Whether a row is marked.
    pub fn is_marked(&self, row: RowId) -> bool {
        self.letter(row).is_some()
    }

    /// The marked row next to `row`, behind or before it.
    pub fn next(&self, row: RowId, forward: bool) -> Option<RowId> {
        let rows = self.rows.values().copied();
        if forward { rows.filter(|&marked| marked > row).min() } else { rows.filter(|&marked| marked < row).max() }
    }

    /// Whether nothing is marked.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The letters and their rows.
    pub fn iter(&self) -> impl Iterator<Item = (char, RowId)> {
        self.rows.iter().map(|(&letter, &row)| (letter, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_by_letter_and_by_place() {
        let mut marks = Marks::default();
        assert!(marks.toggle('a', 10) && marks.toggle('b', 20));
        assert_eq!((marks.get('a'), marks.letter(20), marks.latest()), (Some(10), Some('b'), Some(20)));
        assert_eq!((marks.next(10, true), marks.next(10, false), marks.next(15, false)), (Some(20), None, Some(10)));
        assert!(!marks.toggle('b', 20));
        assert_eq!(marks.latest(), Some(10));
    }
}

//! The list of rows: which one is selected, which is on top, and whether it follows what comes.

use crate::store::{RowId, Store};

use super::action::Step;
use super::listing::{Listing, Scope};

/// The list and where the reader is in it. The selected row is kept by its number, not by its place.
#[derive(Debug, Default)]
pub struct Timeline {
    /// What is listed.
    pub listing: Listing,
    selected: Option<RowId>,
    /// Place of the first row on the screen.
    top: usize,
    follow: bool,
    /// Rows from here on came while the list was held.
    seen: RowId,
}

impl Timeline {
    /// Selects a row; where it is not listed, the next one that is.
    pub fn select(&mut self, row: RowId) {
        self.selected = Some(row);
        self.follow = false;
    }

    /// Lists all connections from the first row on; what hides rows stays.
    pub fn begin_again(&mut self) {
        self.listing.freeze(None);
        self.listing.set_scope(Scope::All);
        (self.selected, self.top, self.seen) = (None, 0, 0);
    }

    /// Follows what comes, or holds still.
    pub fn set_follow(&mut self, follow: bool) {
        self.follow = follow;
    }

    /// Moves the selection in a list of which `height` rows are shown; `target` is the number of a row that was typed.
    pub fn step(&mut self, step: Step, target: Option<RowId>, height: usize, store: &Store) {
        let len = self.listing.len(store);
        let at = self.place(store);
        let page = height.max(1) as i64;
        let moved = |by: i64| at.saturating_add_signed(by as isize).min(len.saturating_sub(1));
        let to = match (step, target) {
            (Step::First | Step::Last, Some(row)) => self.listing.position(store, row),
            (Step::First, None) => 0,
            (Step::Last, None) => len.saturating_sub(1),
            (Step::Lines(by), _) => moved(by),
            (Step::Halves(by), _) => moved(by * (page / 2).max(1)),
            (Step::Pages(by), _) => moved(by * page),
        };
        self.follow = step == Step::Last && target.is_none();
        self.selected = self.listing.get(store, to.min(len.saturating_sub(1))).or(self.selected);
    }

    /// Brings selection and top into the list as it is now.
    pub fn settle(&mut self, height: usize, store: &Store) {
        // Where no row is shown, as when another pane has all the room, one is taken for shown.
        let height = height.max(1);
        let len = self.listing.len(store);
        if self.follow {
            self.selected = len.checked_sub(1).and_then(|last| self.listing.get(store, last));
        }
        let at = self.place(store);
        // While a filter is still on its way to the selected row, that waits where it is.
        if self.selected.is_none_or(|row| self.listing.is_known_from(store, row)) {
            self.selected = self.listing.get(store, at);
        }
        self.top = self.top.clamp((at + 1).saturating_sub(height), at).min(len.saturating_sub(height));
        if self.follow || self.selected.is_none() || at + 1 == len {
            self.seen = store.bounds().1;
        }
    }

    /// The selected row.
    pub fn selected(&self) -> Option<RowId> {
        self.selected
    }

    /// Place of the selected row in the list; of the last one where none behind it is listed.
    pub fn place(&self, store: &Store) -> usize {
        let len = self.listing.len(store);
        self.selected.map_or(0, |row| self.listing.position(store, row)).min(len.saturating_sub(1))
    }

    /// Place of the first row on the screen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Whether it follows what comes.
    pub fn follows(&self) -> bool {
        self.follow
    }

    /// How many rows came below while the list was held.
    pub fn new_below(&self, store: &Store) -> usize {
        if self.follow {
            return 0;
        }
        self.listing.len(store).saturating_sub(self.listing.position(store, self.seen))
    }
}

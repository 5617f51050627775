//! Which rows are listed: those of a connection or of all, less what is hidden. Any row is found by its place at once.

use std::time::Instant;

use crate::event::ConnectionId;
use crate::store::{List, Row, RowId, Store};

use super::marks::Marks;
use super::sieve::Sieve;

/// Rows looked at between two looks at the clock.
const STEP: usize = 256;

/// Whose rows are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Those of all connections.
    #[default]
    All,
    /// Those of one.
    Connection(ConnectionId),
}

/// What came of looking for a row for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// This one.
    Row(RowId),
    /// None up to this one, and there are more.
    Working(RowId),
    /// None.
    Nothing,
}

/// The rows that are listed, in order.
#[derive(Debug, Default)]
pub struct Listing {
    scope: Scope,
    /// Whether Pings and Pongs are hidden.
    without_keep_alives: bool,
    /// What chooses among the others.
    sieve: Option<Sieve>,
    /// The rows that pass, where anything is hidden; otherwise all do.
    passed: Option<List>,
    /// Rows below were looked at.
    looked: RowId,
    /// Rows from here on are not shown, as the view is frozen.
    until: Option<RowId>,
}

impl Listing {
    /// Lists the rows of another connection, or of all.
    pub fn set_scope(&mut self, scope: Scope) {
        self.scope = scope;
        self.look_again();
    }

    /// Hides Pings and Pongs, or shows them.
    pub fn set_without_keep_alives(&mut self, hidden: bool) {
        self.without_keep_alives = hidden;
        self.look_again();
    }

    /// Lists only what passes; `None` lists all.
    pub fn set_sieve(&mut self, sieve: Option<Sieve>) {
        self.sieve = sieve;
        self.look_again();
    }

    /// Shows no rows from this one on; `None` shows all again.
    pub fn freeze(&mut self, until: Option<RowId>) {
        self.until = until;
    }

    /// Looks at all rows once more.
    pub fn look_again(&mut self) {
        self.looked = 0;
        self.passed = (self.without_keep_alives || self.sieve.is_some()).then(List::default);
    }

    /// Looks at rows until all were or the time is up; whether any are left.
    pub fn look(&mut self, store: &Store, marks: &Marks, until: Instant) -> bool {
        let Some(passed) = &mut self.passed else { return false };
        let (first, next) = store.bounds();
        passed.drop_before(first);
        let base = Base::of(self.scope, store);
        let mut index = base.position(self.looked);
        let step = if self.sieve.is_some() { 1 } else { STEP };
        loop {
            for _ in 0..step {
                let Some(number) = base.get(index) else {
                    self.looked = next;
                    return false;
                };
                index += 1;
                self.looked = number.saturating_add(1);
                let hidden = self.without_keep_alives && store.row(number).is_none_or(Row::is_keep_alive);
                if !hidden && self.sieve.as_mut().is_none_or(|sieve| sieve.passes(store, number, marks)) {
                    passed.push(number);
                }
            }
            if Instant::now() >= until {
                return true;
            }
        }
    }

    /// Whose rows are listed.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether Pings and Pongs are hidden.
    pub fn is_without_keep_alives(&self) -> bool {
        self.without_keep_alives
    }

    /// What chooses among the rows.
    pub fn sieve(&self) -> Option<&Sieve> {
        self.sieve.as_ref()
    }

    /// Whether any rows may be hidden.
    pub fn hides(&self) -> bool {
        self.passed.is_some()
    }

    /// Bytes of memory taken by what passed.
    pub fn memory(&self) -> usize {
        self.passed.as_ref().map_or(0, List::memory)
    }

    /// Whether the view is frozen, and at which row.
    pub fn frozen(&self) -> Option<RowId> {
        self.until
    }

    /// How many rows are listed.
    pub fn len(&self, store: &Store) -> usize {
        match self.until {
            Some(until) => self.shown(store).position(until),
            None => self.shown(store).len(),
        }
    }

    /// How many there are with those that are hidden, as far as they were looked at.
    pub fn of(&self, store: &Store) -> usize {
        let base = Base::of(self.scope, store);
        match &self.passed {
            Some(_) => base.position(self.looked),
            None => base.len(),
        }
    }

    /// The row at `index`, from 0.
    pub fn get(&self, store: &Store, index: usize) -> Option<RowId> {
        self.shown(store).get(index).filter(|&row| self.until.is_none_or(|until| row < until))
    }

    /// Whether it is known which listed row is the first that is not before `row`, or that there is none.
    pub fn is_known_from(&self, store: &Store, row: RowId) -> bool {
        self.passed.is_none() || self.looked >= store.bounds().1 || self.position(store, row) < self.len(store)
    }

    /// Index of the first listed row that is not before `row`.
    pub fn position(&self, store: &Store, row: RowId) -> usize {
        self.shown(store).position(row)
    }

    /// The nearest row behind `from`, or before it, for which `wanted` is true; looked for until the time is up.
    pub fn find(
        &self,
        store: &Store,
        from: RowId,
        forward: bool,
        until: Instant,
        wanted: impl Fn(RowId, &Row) -> bool,
    ) -> Found {
        let mut at = self.position(store, from);
        if forward && self.get(store, at) == Some(from) {
            at += 1;
        }
        let mut last = from;
        loop {
            for _ in 0..STEP {
                let next = if forward { Some(at) } else { at.checked_sub(1) };
                let Some(number) = next.and_then(|next| self.get(store, next)) else { return Found::Nothing };
                if store.row(number).is_some_and(|row| wanted(number, row)) {
                    return Found::Row(number);
                }
                at = if forward { at + 1 } else { at - 1 };
                last = number;
            }
            if Instant::now() >= until {
                return Found::Working(last);
            }
        }
    }

    fn shown<'a>(&'a self, store: &'a Store) -> Base<'a> {
        match &self.passed {
            Some(passed) => Base::Some(passed),
            None => Base::of(self.scope, store),
        }
    }
}

/// Rows before anything is hidden.
enum Base<'a> {
    /// From the first to before the second.
    All(RowId, RowId),
    Some(&'a List),
    None,
}

impl<'a> Base<'a> {
    fn of(scope: Scope, store: &'a Store) -> Self {
        match scope {
            Scope::All => {
                let (first, next) = store.bounds();
                Self::All(first, next)
            }
            Scope::Connection(id) => store.connection(id).map_or(Self::None, |known| Self::Some(&known.rows)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::All(first, next) => (next - first) as usize,
            Self::Some(list) => list.len(),
            Self::None => 0,
        }
    }

    fn get(&self, index: usize) -> Option<RowId> {
        match self {
            Self::All(first, next) => {
                let row = first.checked_add(RowId::try_from(index).ok()?)?;
                (row < *next).then_some(row)
            }
            Self::Some(list) => list.get(index),
            Self::None => None,
        }
    }

    fn position(&self, row: RowId) -> usize {
        match self {
            Self::All(first, next) => (row.clamp(*first, *next) - first) as usize,
            Self::Some(list) => list.position(row),
            Self::None => 0,
        }
    }
}

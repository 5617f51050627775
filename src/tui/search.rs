//! Looking for the next row that is wanted, in the background: by an expression, as a landmark, or as part of the same exchange.

use std::time::Instant;

use crate::store::{RowId, Store};

use super::exchange::Exchange;
use super::listing::{Found as Listed, Listing};
use super::marks::Marks;
use super::sieve::Sieve;

/// What is searched, and how far the search has come.
#[derive(Debug, Default)]
pub struct Search {
    /// The expression of the last search.
    sieve: Option<Sieve>,
    at_work: Option<AtWork>,
}

#[derive(Debug)]
struct AtWork {
    wanted: Wanted,
    forward: bool,
    /// The row looked at last.
    at: RowId,
}

#[derive(Debug)]
enum Wanted {
    Expression,
    Landmark,
    /// A message of this exchange, on this connection.
    Exchange(u32, Exchange),
}

/// What came of looking for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing is searched.
    Idle,
    /// There is more to look at.
    Working,
    /// This row.
    Row(RowId),
    /// No row; what to say.
    Nothing(String),
}

impl Search {
    /// Searches for what an expression chooses from now on.
    pub fn set(&mut self, sieve: Option<Sieve>) {
        self.sieve = sieve;
        self.at_work = None;
    }

    /// Begins to look for the next or previous row behind `from`; whether there is anything to look for.
    pub fn begin(&mut self, from: RowId, forward: bool) -> bool {
        self.at_work = self.sieve.is_some().then_some(AtWork { wanted: Wanted::Expression, forward, at: from });
        self.at_work.is_some()
    }

    /// Begins to look for the next or previous gap, close, anomaly or end.
    pub fn begin_landmark(&mut self, from: RowId, forward: bool) {
        self.at_work = Some(AtWork { wanted: Wanted::Landmark, forward, at: from });
    }

    /// Begins to look for the next or previous message of a connection that belongs to this exchange.
    pub fn begin_exchange(&mut self, connection: u32, exchange: Exchange, from: RowId, forward: bool) {
        self.at_work = Some(AtWork { wanted: Wanted::Exchange(connection, exchange), forward, at: from });
    }

    /// Looks until something is found or the time is up.
    pub fn work(&mut self, store: &Store, listing: &Listing, marks: &Marks, until: Instant) -> Found {
        let Some(AtWork { wanted, forward, mut at }) = self.at_work.take() else { return Found::Idle };
        loop {
            let next = listing.find(store, at, forward, until, |_, row| match &wanted {
                Wanted::Expression => true,
                Wanted::Landmark => row.is_landmark(),
                Wanted::Exchange(connection, _) => row.connection == *connection,
            });
            match next {
                Listed::Row(row) => at = row,
                Listed::Working(row) => {
                    self.at_work = Some(AtWork { wanted, forward, at: row });
                    return Found::Working;
                }
                Listed::Nothing => return Found::Nothing(wanted.nothing(forward)),
            }
            let found = match &wanted {
                Wanted::Expression => self.sieve.as_mut().is_some_and(|sieve| sieve.passes(store, at, marks)),
                Wanted::Landmark => true,
                Wanted::Exchange(_, exchange) => exchange.has(store, at),
            };
            if found {
                return Found::Row(at);
            }
            if Instant::now() >= until {
                self.at_work = Some(AtWork { wanted, forward, at });
                return Found::Working;
            }
        }
    }

    /// Ends looking; whether it was at work.
    pub fn stop(&mut self) -> bool {
        self.at_work.take().is_some()
    }

    /// Whether it looks for something.
    pub fn is_at_work(&self) -> bool {
        self.at_work.is_some()
    }

    /// The expression of the last search.
    pub fn text(&self) -> Option<&str> {
        self.sieve.as_ref().map(Sieve::text)
    }
}

impl Wanted {
    /// What to say where there is none.
    fn nothing(&self, forward: bool) -> String {
        let end = if forward { "below" } else { "above" };
        match self {
            Self::Expression => format!("not found {end}"),
            Self::Landmark => format!("no further gap, close or anomaly {end}"),
            Self::Exchange(_, exchange) => format!("no other message {exchange} {end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duplex::Direction;
    use crate::event::{Body, Event, Gap, GapReason, Message};
    use crate::origin::Span;

    #[test]
    fn a_landmark_far_away_is_found_in_slices_and_can_be_given_up() {
        let mut store = Store::new(16 << 20);
        let message = Body::Message(Box::new(Message::new(Direction::ToServer, 1)));
        let gap = Body::Gap(Box::new(Gap::new(Direction::ToServer, 0, 1, GapReason::NotCaptured)));
        for body in std::iter::repeat_n(message, 10_000).chain([gap]) {
            store.push(Event { connection: 1, span: Span::default(), body });
        }
        let (listing, marks) = (Listing::default(), Marks::default());
        let mut search = Search::default();
        search.begin_landmark(0, true);
        let mut slices = 0;
        let found = loop {
            match search.work(&store, &listing, &marks, Instant::now()) {
                Found::Working => slices += 1,
                found => break found,
            }
        };
        assert_eq!(found, Found::Row(10_000));
        assert!(slices > 10, "{slices}");
        search.begin_landmark(9_999, false);
        assert_eq!(search.work(&store, &listing, &marks, Instant::now()), Found::Working);
        assert!(search.stop());
        assert_eq!(search.work(&store, &listing, &marks, Instant::now()), Found::Idle);
    }
}

//! A filter over stored rows: reads back no more of each than the filter asks for.

use std::collections::HashMap;

use crate::event::{ConnectionId, Handshake};
use crate::filter::field::Scope;
use crate::filter::{Error, Filter, Saved, Subject};
use crate::store::{RowId, Store};

use super::marks::Marks;

/// Handshakes and decisions of so many connections are kept at hand.
const AT_HAND: usize = 1024;

/// A filter at work.
#[derive(Debug)]
pub struct Sieve {
    text: String,
    filter: Filter,
    handshakes: HashMap<ConnectionId, Option<Box<Handshake>>>,
    /// What was decided of whole connections, where the filter looks at nothing else.
    decided: HashMap<ConnectionId, bool>,
}

impl Sieve {
    /// Understands an expression in which `$name` stands for a saved one; `None` for an empty one, which hides nothing.
    ///
    /// # Errors
    /// Where it cannot be understood.
    pub fn parse(text: &str, saved: &Saved) -> Result<Option<Self>, Error> {
        let filter = Filter::parse_with(text, saved)?;
        Ok(filter.expr().is_some().then(|| Self {
            text: text.to_owned(),
            filter,
            handshakes: HashMap::new(),
            decided: HashMap::new(),
        }))
    }

    /// The expression as it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The expression as it was understood.
    pub fn understood(&self) -> String {
        self.filter.to_string()
    }

    /// Whether a row is chosen; one that cannot be read back is not.
    pub fn passes(&mut self, store: &Store, number: RowId, marks: &Marks) -> bool {
        let Some(row) = store.row(number) else { return false };
        let connection = ConnectionId::from(row.connection);
        let scope = self.filter.scope();
        if scope == Scope::Connection
            && let Some(&decided) = self.decided.get(&connection)
        {
            return decided;
        }
        let event = if scope == Scope::Payload { store.event(number) } else { store.glance(number) };
        let Ok(event) = event else { return false };
        if self.handshakes.len() >= AT_HAND {
            self.handshakes.clear();
        }
        let handshake = self.handshakes.entry(connection).or_insert_with(|| store.handshake(connection));
        let handshake = handshake.as_deref();
        let subject = Subject { event: &event, handshake, started: store.started(), marked: marks.is_marked(number) };
        let passes = self.filter.matches(&subject);
        if scope == Scope::Connection {
            if self.decided.len() >= AT_HAND {
                self.decided.clear();
            }
            self.decided.insert(connection, passes);
        }
        passes
    }
}

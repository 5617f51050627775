//! Columns that the user names, by fields or jq: what they show of the rows on the screen, read in slices.

use std::collections::HashMap;
use std::time::Instant;

use crate::event::ConnectionId;
use crate::filter::field::Scope;
use crate::filter::{Column, Subject};
use crate::store::{RowId, Store};

use super::marks::Marks;
use super::show;

/// Columns at most; there is no room for more.
const MOST: usize = 8;

/// The columns, and the cells that were read.
#[derive(Debug, Default)]
pub struct Fields {
    columns: Vec<Column>,
    cells: HashMap<RowId, Cells>,
}

/// The cells of a row.
#[derive(Debug)]
struct Cells {
    /// Where its record stood: another one was read since, where it does not any more.
    place: u64,
    marked: bool,
    texts: Vec<String>,
}

impl Fields {
    /// Shows a column, or where it is there, no more; whether it is shown then.
    ///
    /// # Errors
    /// What is wrong with it, for the user.
    pub fn toggle(&mut self, text: &str) -> Result<bool, String> {
        let known = self.names().position(|name| name == text.trim());
        if let Some(at) = known {
            self.columns.remove(at);
            self.cells.clear();
            return Ok(false);
        }
        let column = Column::parse(text).map_err(|error| error.to_string())?;
        if self.columns.len() == MOST {
            return Err(format!("no more than {MOST} columns"));
        }
        self.columns.push(column);
        self.cells.clear();
        Ok(true)
    }

    /// Reads the cells of the rows on the screen, until all are or the time is up; whether any are left.
    pub fn read(
        &mut self,
        store: &Store,
        marks: &Marks,
        shown: impl Iterator<Item = RowId> + Clone,
        until: Instant,
    ) -> bool {
        if self.columns.is_empty() {
            return false;
        }
        self.cells.retain(|number, cells| {
            let stands = store.row(*number).is_some_and(|row| row.place == cells.place);
            stands && marks.is_marked(*number) == cells.marked && shown.clone().any(|row| row == *number)
        });
        for number in shown {
            if self.cells.contains_key(&number) {
                continue;
            }
            if Instant::now() >= until {
                return true;
            }
            if let Some(cells) = self.cells_of(store, marks, number) {
                self.cells.insert(number, cells);
            }
        }
        false
    }

    /// What the columns are, as they were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(Column::text)
    }

    /// A cell; empty where it was not read yet.
    pub fn cell(&self, row: RowId, column: usize) -> &str {
        self.cells.get(&row).and_then(|cells| cells.texts.get(column)).map_or("", String::as_str)
    }

    fn cells_of(&self, store: &Store, marks: &Marks, number: RowId) -> Option<Cells> {
        let row = store.row(number)?;
        let whole = self.columns.iter().any(|column| column.scope() == Scope::Payload);
        let event = if whole { store.event(number) } else { store.glance(number) };
        let handshake = store.handshake(ConnectionId::from(row.connection));
        let marked = marks.is_marked(number);
        // Of what is no longer kept nothing is known, and the payload says so.
        let texts = event.map_or_else(
            |_| Vec::new(),
            |event| {
                let subject =
                    Subject { event: &event, handshake: handshake.as_deref(), started: store.started(), marked };
                self.columns.iter().map(|column| show::line(&column.value(&subject))).collect()
            },
        );
        Some(Cells { place: row.place, marked, texts })
    }
}

//! A choice among a few things, by arrow keys or by letter.

use super::effect::Save;
use super::look::Column;
use super::reread::As;
use crate::event::ConnectionId;

/// A choice.
#[derive(Debug, Clone)]
pub struct Menu {
    /// What is to be chosen.
    pub title: String,
    /// The choices.
    pub items: Vec<Item>,
    /// Which is selected.
    pub selected: usize,
}

/// One choice.
#[derive(Debug, Clone)]
pub struct Item {
    /// The key that chooses it.
    pub key: char,
    /// How it reads.
    pub label: String,
    /// What it does.
    pub choice: Choice,
}

/// What a choice does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Copies a text, and says what it was.
    Copy(Vec<u8>, String),
    /// Saves.
    Save(Save),
    /// Shows or hides a column.
    Column(Column),
    /// Shows no more a column of a field.
    Field(String),
    /// Asks for the name of a field, to show its column.
    AnyField,
    /// Reads the messages of a connection in another way.
    Reread(ConnectionId, As),
}

impl Menu {
    /// A choice among these; at least one.
    pub fn new(title: impl Into<String>, items: Vec<Item>) -> Self {
        Self { title: title.into(), items, selected: 0 }
    }

    /// Selects the one below or above.
    pub fn step(&mut self, down: bool) {
        let last = self.items.len().saturating_sub(1);
        self.selected = if down { (self.selected + 1).min(last) } else { self.selected.saturating_sub(1) };
    }

    /// The choice of a letter.
    pub fn by_key(&self, key: char) -> Option<&Item> {
        self.items.iter().find(|item| item.key == key)
    }
}

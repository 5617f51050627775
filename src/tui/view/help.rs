//! The help: the tables of keys and commands, and nothing else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put, row, window};
use crate::tui::command::COMMANDS;
use crate::tui::ink::{Ink, Inked};
use crate::tui::keymap::{KEYS, Key};
use crate::tui::model::Model;

/// Draws it from line `top` on.
pub(super) fn draw(model: &Model, top: usize, area: Rect, buffer: &mut Buffer) {
    let lines = lines();
    let inside = window(model, "keys (any other key leaves)", (74, lines.len() as u16), area, buffer);
    let top = top.min(lines.len().saturating_sub(usize::from(inside.height)));
    for (at, line) in lines.iter().skip(top).take(usize::from(inside.height)).enumerate() {
        let columns = usize::from(inside.width);
        put(buffer, row(inside, at), &line.line(model.look.theme, &model.look.glyphs, columns));
    }
}

fn lines() -> Vec<Inked> {
    let mut lines = Vec::new();
    for group in KEYS {
        lines.push(Inked::of(Ink::Title, group.title));
        for binding in group.bindings {
            let keys: Vec<_> = binding.keys.iter().map(|key: &Key| key.name()).collect();
            lines.push(Inked::of(Ink::Number, format!("  {:<14} ", keys.join(" "))).and(Ink::Plain, binding.help));
        }
    }
    lines.push(Inked::of(Ink::Title, "Commands, behind :"));
    lines.push(Inked::of(Ink::Number, format!("  {:<14} ", "NUMBER")).and(Ink::Plain, "go to the row of this number"));
    for command in COMMANDS {
        let line = Inked::of(Ink::Number, format!("  {:<14} ", command.name)).and(Ink::Plain, command.help);
        lines.push(line.and(Ink::Dim, format!("  {}", command.arguments)));
    }
    lines
}

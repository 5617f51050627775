//! Numbers over all connections.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put, row};
use crate::tui::ink::{Ink, Inked};
use crate::tui::model::Model;

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let line = Inked::of(Ink::Plain, "");
    put(buffer, row(area, 0), &line.line(model.look.theme, &model.look.glyphs, usize::from(area.width)));
}

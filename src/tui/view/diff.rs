//! Two messages compared, over the whole screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put, row, window};
use crate::tui::diff::Diff;
use crate::tui::model::Model;

/// Draws it.
pub(super) fn draw(model: &Model, diff: &Diff, area: Rect, buffer: &mut Buffer) {
    let (gone, new) = diff.changed;
    let name = if gone + new == 0 {
        format!("{}: the same", diff.title)
    } else {
        format!("{}: {gone} lines gone, {new} new; n N next, previous", diff.title)
    };
    let inside = window(model, &name, (area.width, area.height), area, buffer);
    let columns = usize::from(inside.width);
    for (at, line) in diff.lines.iter().skip(diff.top).take(usize::from(inside.height)).enumerate() {
        put(buffer, row(inside, at), &line.line(model.look.theme, &model.look.glyphs, columns));
    }
}

//! A choice over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{paint, put, row, window};
use crate::tui::menu::Menu;
use crate::tui::model::Model;
use crate::tui::show;

/// Draws it.
pub(super) fn draw(model: &Model, menu: &Menu, area: Rect, buffer: &mut Buffer) {
    let widest = menu.items.iter().map(|item| show::columns(&item.label)).max().unwrap_or(0);
    let width = widest.max(menu.title.len() + 4) + 4;
    let inside = window(model, &menu.title, (width as u16, menu.items.len() as u16), area, buffer);
    // What is selected stays in sight.
    let top = (menu.selected + 1).saturating_sub(inside.height.into());
    for (at, item) in menu.items.iter().enumerate().skip(top) {
        let here = row(inside, at - top);
        let label = show::clipped(&item.label, usize::from(inside.width).saturating_sub(3), model.look.glyphs.more);
        let key = Span::styled(format!("{}  ", item.key), model.look.theme.active);
        put(buffer, here, &Line::from(vec![key, Span::raw(label)]));
        if at == menu.selected {
            paint(buffer, here, model.look.theme.selected);
        }
    }
}

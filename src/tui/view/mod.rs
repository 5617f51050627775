//! The model to cells on the screen: one file a panel, each a pure function of what it shows.

mod columns;
mod connections;
mod detail;
mod diff;
mod footer;
mod handshake;
mod header;
mod help;
mod ladder;
mod list;
mod log;
mod menu;
mod rate;
mod statistics;
mod status;
mod table;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use super::action::View;
use super::layout::LEAST;
use super::model::{Layer, Model};
use super::show;

pub use connections::connection_at;

/// Draws the screen.
pub fn draw(frame: &mut Frame<'_>, model: &Model) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("terminal too small (need {} x {})", LEAST.0, LEAST.1);
        put(buffer, Rect { height: area.height.min(1), ..area }, &Line::raw(text));
        return;
    }
    let areas = model.areas();
    header::draw(model, areas.header, buffer);
    match model.view {
        View::Messages => {
            header::filter(model, areas.filter, buffer);
            connections::strip(model, areas.strip, buffer);
            connections::draw(model, areas.connections, buffer);
            handshake::draw(model, areas.handshake, buffer);
            list::draw(model, areas.list, buffer);
            rate::draw(model, areas.rate, buffer);
            detail::facts(model, areas.facts, buffer);
            detail::draw(model, areas.detail, buffer);
            for border in areas.borders {
                vertical(model, border, buffer);
            }
        }
        View::Connections => table::draw(model, areas.whole, buffer),
        View::Ladder => ladder::draw(model, areas.whole, buffer),
        View::Statistics => statistics::draw(model, areas.whole, buffer),
        View::Log => log::draw(model, areas.whole, buffer),
    }
    footer::draw(model, areas.footer, buffer);
    let cursor = status::draw(model, areas.status, buffer);
    match &model.layer {
        Layer::None | Layer::Prompt(_) => {}
        Layer::Help(top) => help::draw(model, *top, area, buffer),
        Layer::Menu(menu) => menu::draw(model, menu, area, buffer),
        Layer::Diff(diff) => diff::draw(model, diff, area, buffer),
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Draws one line into the first row of an area.
fn put(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    let area = area.intersection(buffer.area);
    if area.width > 0 && area.height > 0 {
        buffer.set_line(area.x, area.y, line, area.width);
    }
}

/// The row of an area with this number; of no height where it has no such row.
fn row(area: Rect, number: usize) -> Rect {
    let at = u16::try_from(number).unwrap_or(u16::MAX);
    if at >= area.height { Rect { height: 0, ..area } } else { Rect { y: area.y + at, height: 1, ..area } }
}

/// A title on a horizontal line, the right part where there is room for it.
fn title(model: &Model, area: Rect, left: &str, right: &str, active: bool, buffer: &mut Buffer) {
    let theme = model.look.theme;
    let style = if active { theme.active } else { theme.passive };
    let line = model.look.glyphs.horizontal;
    let width = usize::from(area.width);
    let left = show::clipped(left, width.saturating_sub(2), model.look.glyphs.more);
    let used = show::columns(&left) + 3;
    let right_width = show::columns(right) + 2;
    let right = if !right.is_empty() && used + right_width < width { right } else { "" };
    let fill = width.saturating_sub(used + if right.is_empty() { 0 } else { right_width });
    let mut spans = vec![Span::styled(line, theme.passive), Span::styled(format!("{left} "), style)];
    spans.push(Span::styled(line.repeat(fill + 1), theme.passive));
    if !right.is_empty() {
        spans.push(Span::styled(format!("{right} "), theme.dim));
        spans.push(Span::styled(line, theme.passive));
    }
    put(buffer, area, &Line::from(spans));
}

fn vertical(model: &Model, area: Rect, buffer: &mut Buffer) {
    for number in 0..usize::from(area.height) {
        put(buffer, row(area, number), &Line::styled(model.look.glyphs.vertical, model.look.theme.passive));
    }
}

/// Paints a whole row.
fn paint(buffer: &mut Buffer, area: Rect, style: Style) {
    buffer.set_style(area.intersection(buffer.area), style);
}

/// A box over the middle of the screen with room for so much; what is inside.
fn window(model: &Model, name: &str, size: (u16, u16), area: Rect, buffer: &mut Buffer) -> Rect {
    let (width, height) = (size.0.saturating_add(4).min(area.width), size.1.saturating_add(2).min(area.height));
    let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
    let outer = Rect { x, y, width, height }.intersection(buffer.area);
    Clear.render(outer, buffer);
    title(model, row(outer, 0), &format!(" {name}"), "", true, buffer);
    let last = usize::from(outer.height.saturating_sub(1));
    title(model, row(outer, last), "", "", false, buffer);
    Rect {
        x: outer.x + 2.min(outer.width),
        y: outer.y + 1.min(outer.height),
        width: outer.width.saturating_sub(4),
        height: outer.height.saturating_sub(2),
    }
}

//! Messages over time, a line for each direction.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::connections::bars_of;
use super::{put, row, title};
use crate::duplex::Direction;
use crate::tui::model::Model;
use crate::tui::show;

/// Draws it for what is listed.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height < 3 {
        return;
    }
    let rate = &model.traffic().more().rate;
    let columns = usize::from(area.width).saturating_sub(4);
    let (counts, width) = rate.over(columns);
    let most = Direction::BOTH.map(|way| counts.iter().map(|count| count[way]).max().unwrap_or(0));
    let most = most.into_iter().max().unwrap_or(0);
    let name =
        format!("Messages over time, a column is {}, the highest {}", show::duration(width), show::count(most.into()));
    title(model, row(area, 0), if counts.is_empty() { "Messages over time" } else { &name }, "", false, buffer);
    for (line, (arrow, way)) in [("->", Direction::ToServer), ("<-", Direction::ToClient)].into_iter().enumerate() {
        let values: Vec<u64> = counts.iter().map(|count| count[way].into()).collect();
        let bars = bars_of(&values, &model.look.glyphs.bars);
        let style = model.look.theme.direction(Some(way));
        put(buffer, row(area, line + 1), &Line::from(vec![Span::raw(format!(" {arrow} ")), Span::styled(bars, style)]));
    }
}

//! What is listed as arrows between two lanes, client and server.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{paint, put, row};
use crate::duplex::Direction;
use crate::store::RowId;
use crate::tui::model::Model;
use crate::tui::show;

/// Draws the lanes.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let connection = model.store.connection(model.connection());
    let (client, server) = connection.and_then(|connection| connection.ends).map_or_else(
        || ("client".to_owned(), "server".to_owned()),
        |(client, server)| (client.to_string(), server.to_string()),
    );
    let lane = lane(width);
    let gap = lane.saturating_sub(show::columns(&client) + show::columns(&server));
    let heading = format!("{:14}{client}{}{server}", "", " ".repeat(gap.max(1)));
    put(buffer, row(area, 0), &Line::styled(show::clipped(&heading, width, ""), model.look.theme.active));
    for line in 1..usize::from(area.height) {
        let at = model.timeline.top() + line - 1;
        let Some(number) = model.timeline.listing.get(&model.store, at) else { break };
        step(model, number, lane, row(area, line), buffer);
    }
}

/// Columns between the two lanes, with both.
fn lane(width: usize) -> usize {
    width.saturating_sub(15).max(4)
}

fn step(model: &Model, number: RowId, lane: usize, area: Rect, buffer: &mut Buffer) {
    let Some(index) = model.store.row(number) else { return };
    let theme = model.look.theme;
    let glyphs = &model.look.glyphs;
    let time = show::time_of_day(index.time);
    let time = time.get(..12).unwrap_or_default();
    let text = model.store.glance(number).map_or_else(|gone| gone.to_string(), |event| show::preview(&event));
    let label = format!(" {} {} {text}", index.kind.name(), show::size(index.size.into()));
    let inner = lane.saturating_sub(4);
    let label = show::clipped(&label, inner.saturating_sub(2), glyphs.more);
    let fill = inner.saturating_sub(show::columns(&label) + 1);
    let (line, up) = (glyphs.horizontal, glyphs.vertical);
    let body = match index.direction() {
        Some(Direction::ToServer) => format!("{up}{line}{label} {}>{up}", line.repeat(fill + 1)),
        Some(Direction::ToClient) => format!("{up}<{}{label} {line}{up}", line.repeat(fill + 1)),
        None => format!("{up} {label} {}{up}", " ".repeat(fill + 1)),
    };
    let mark = if index.severity() > Some(crate::anomaly::Severity::Note) { "!" } else { " " };
    let spans =
        vec![Span::styled(format!("{time}{mark} "), theme.dim), Span::styled(body, theme.direction(index.direction()))];
    put(buffer, area, &Line::from(spans));
    if model.timeline.selected() == Some(number) {
        paint(buffer, area, theme.selected);
    }
}

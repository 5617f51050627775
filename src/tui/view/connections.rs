//! The connections: a pane with a few lines each, and one line about the one that is listed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{paint, put, row, title};
use crate::duplex::Direction;
use crate::stats::rate::Rate;
use crate::store::Connection;
use crate::tui::model::{Model, Pane};
use crate::tui::{show, verdict};

/// Lines of each connection: its name, what it carried, its rate.
const LINES: usize = 3;

/// Draws the pane.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let total = model.store.connection_count();
    let active = model.focus == Pane::Connections;
    title(model, row(area, 0), &format!("Connections ({})", show::count(total as u64)), "", active, buffer);
    let inner = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let Lines { each: lines, first, mut y } = Lines::of(model, inner.height);
    if y > 0 {
        all(model, model.connection() == 0, row(inner, 0), buffer);
    }
    for number in first..=total {
        if y >= usize::from(inner.height) {
            break;
        }
        entry(model, number as u64, lines, inner, y, buffer);
        y += lines;
    }
}

/// How the lines of the pane are given to connections.
struct Lines {
    /// Lines of each.
    each: usize,
    /// The first that is shown.
    first: usize,
    /// Its line: below the one that stands for all of them, where that is shown.
    y: usize,
}

impl Lines {
    fn of(model: &Model, height: u16) -> Self {
        let each = if height < 8 { 1 } else { LINES };
        let room = usize::from(height).saturating_sub(1) / each;
        let first = (model.connection() as usize).saturating_sub(room.max(1)).max(1);
        Self { each, first, y: usize::from(first == 1) }
    }
}

/// The connection at a line of the pane, below its title; 0 stands for all.
pub fn connection_at(model: &Model, line: usize) -> Option<u64> {
    let Lines { each, first, y } = Lines::of(model, model.areas().connections.height.saturating_sub(1));
    let number = line.checked_sub(y).map_or(0, |line| first + line / each);
    (number <= model.store.connection_count()).then_some(number as u64)
}

fn all(model: &Model, selected: bool, area: Rect, buffer: &mut Buffer) {
    let sign = if selected { ">" } else { " " };
    put(buffer, area, &Line::raw(format!("{sign} all connections")));
    select(model, selected, area, buffer);
}

fn entry(model: &Model, number: u64, lines: usize, area: Rect, y: usize, buffer: &mut Buffer) {
    let selected = model.connection() == number;
    let theme = model.look.theme;
    let width = usize::from(area.width);
    let more = model.look.glyphs.more;
    let sign = if selected { ">" } else { " " };
    let Some(connection) = model.store.connection(number) else {
        put(buffer, row(area, y), &Line::styled(format!("{sign}{number} no longer kept"), theme.dim));
        return;
    };
    let state = connection.state();
    let numbers = model.store.numbers(number).map(|row| &row.traffic);
    let worries = numbers.map(|traffic| traffic.kinds.worries()).filter(|&count| count > 0);
    let worries = worries.map(|count| format!(" !{count}")).unwrap_or_default();
    let tail = format!("{worries} {state}");
    let name = show::escaped(&short_name(connection));
    let head = format!("{sign}{number} ");
    let room = width.saturating_sub(show::columns(&head) + show::columns(&tail) + 1);
    let name = show::fitted(&name, room, more);
    let spans = vec![
        Span::raw(format!("{head}{name}")),
        Span::styled(worries, theme.warning),
        Span::styled(format!(" {state}"), state_style(model, connection)),
    ];
    put(buffer, row(area, y), &Line::from(spans));
    select(model, selected, row(area, y), buffer);
    let Some(numbers) = numbers.filter(|_| lines == LINES) else { return };
    let [client, server] = Direction::BOTH.map(|way| numbers.sides[way]);
    let sizes = show::size(client.bytes.saturating_add(server.bytes));
    let messages = numbers.more().messages;
    let text = format!("  -> {}  <- {}  {sizes}B", show::count(messages.to_server), show::count(messages.to_client));
    put(buffer, row(area, y + 1), &Line::styled(show::clipped(&text, width, more), theme.dim));
    let spark = sparkline(&numbers.more().rate, width.saturating_sub(3), &model.look.glyphs.bars);
    put(buffer, row(area, y + 2), &Line::styled(format!("  {spark}"), theme.dim));
}

/// Draws one line about the connection that is listed.
pub(super) fn strip(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let number = model.connection();
    let active = model.focus == Pane::List;
    if number == 0 {
        title(model, area, "all connections", &verdict::states(&model.store), active, buffer);
        return;
    }
    let Some(connection) = model.store.connection(number) else {
        title(model, area, &format!("#{number} no longer kept"), "", active, buffer);
        return;
    };
    let mut left = format!("#{number} {}", show::escaped(&connection.name()));
    if let Some(subprotocol) = &connection.subprotocol {
        left.push_str(&format!("  {}", show::escaped(subprotocol)));
    }
    if let Some(extension) = &connection.extension {
        let name = extension.split(';').next().unwrap_or_default();
        left.push_str(&format!("  {}", show::escaped(name.trim())));
    }
    let mut right = connection.state();
    if let Some(numbers) = model.store.numbers(number).map(|row| &row.traffic) {
        let [client, server] = Direction::BOTH.map(|way| show::count(numbers.more().messages[way]));
        let spark = sparkline(&numbers.more().rate, 12, &model.look.glyphs.bars);
        right.push_str(&format!("  -> {client}  <- {server}  {spark}"));
    }
    title(model, area, &left, &right, active, buffer);
}

/// The host and path, without the scheme: what tells connections apart in little room.
fn short_name(connection: &Connection) -> String {
    let name = connection.name();
    name.split_once("://").map_or(
        name.clone(),
        |(scheme, rest)| {
            if scheme == "wss" { format!("{rest} (tls)") } else { rest.to_owned() }
        },
    )
}

pub(super) fn state_style(model: &Model, connection: &Connection) -> Style {
    let theme = model.look.theme;
    match connection.state().as_str() {
        "open" => theme.good,
        "1000" | "1001" | "1005" => theme.dim,
        _ => theme.warning,
    }
}

/// Messages over time as bars, one column for each.
pub(super) fn sparkline(rate: &Rate, columns: usize, bars: &[&str; 9]) -> String {
    let (counts, _) = rate.over(columns);
    let sums: Vec<u64> = counts.iter().map(|count| u64::from(count.to_server) + u64::from(count.to_client)).collect();
    bars_of(&sums, bars)
}

/// Numbers as bars, the largest the highest.
pub(super) fn bars_of(values: &[u64], bars: &[&str; 9]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    // The lowest bar stands for at least one.
    values.iter().map(|&value| bars[(value.saturating_mul(8)).div_ceil(most).min(8) as usize]).collect()
}

fn select(model: &Model, selected: bool, area: Rect, buffer: &mut Buffer) {
    if selected {
        let active = model.focus == Pane::Connections;
        paint(buffer, area, if active { model.look.theme.selected } else { model.look.theme.held });
    }
}

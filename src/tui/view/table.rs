//! All connections, a line each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::connections::{sparkline, state_style};
use super::{paint, put, row};
use crate::duplex::Direction;
use crate::stats::traffic::Traffic;
use crate::tui::model::Model;
use crate::tui::show;

/// Draws the heading and the connections around the selected one.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let wide = width >= 100;
    let mut heading = format!("  {:>5}  {:<9} {:>8} {:>8} {:>6} {:>4}  ", "Conn", "State", "->", "<-", "Bytes", "!");
    if wide {
        heading.push_str(&format!("{:<9} {:<20}  ", "Lasted", "Messages over time"));
    }
    heading.push_str("URI");
    put(buffer, row(area, 0), &Line::styled(show::clipped(&heading, width, ""), model.look.theme.active));
    let rows = usize::from(area.height).saturating_sub(1);
    let cursor = model.connection() as usize;
    let first = (cursor + 1).saturating_sub(rows);
    for line in 0..rows {
        let number = first + line;
        if number > model.store.connection_count() {
            break;
        }
        entry(model, number as u64, wide, row(area, line + 1), buffer);
    }
}

fn entry(model: &Model, number: u64, wide: bool, area: Rect, buffer: &mut Buffer) {
    let theme = model.look.theme;
    let selected = model.connection() == number;
    let sign = if selected { ">" } else { " " };
    let width = usize::from(area.width);
    let spans = match model.store.connection(number) {
        None if number == 0 => vec![Span::raw(format!("{sign}       all connections"))],
        None => vec![Span::styled(format!("{sign} {number:>5}  no longer kept"), theme.dim)],
        Some(connection) => {
            let numbers = model.store.numbers(number).map(|row| &row.traffic);
            let of = |count: fn(&Traffic, Direction) -> u64| {
                Direction::BOTH.map(|way| numbers.map_or(0, |traffic| count(traffic, way)))
            };
            let [client, server] = of(|traffic, way| traffic.more().messages[way]).map(show::count);
            let [sent, received] = of(|traffic, way| traffic.sides[way].bytes);
            let bytes = show::size(sent.saturating_add(received));
            let mut spans = vec![
                Span::raw(format!("{sign} {number:>5}  ")),
                Span::styled(format!("{:<9} ", connection.state()), state_style(model, connection)),
                Span::raw(format!("{client:>8} {server:>8} {bytes:>6} ")),
            ];
            let worries = numbers.map(|traffic| traffic.kinds.worries()).filter(|&count| count > 0);
            let worries = worries.map(|count| count.to_string()).unwrap_or_default();
            spans.push(Span::styled(format!("{worries:>4}  "), theme.warning));
            if wide {
                let lasted = show::duration(connection.period.1.since(connection.period.0));
                let spark = numbers.map(|traffic| sparkline(&traffic.more().rate, 20, &model.look.glyphs.bars));
                let spark = show::fitted(&spark.unwrap_or_default(), 20, "");
                spans.push(Span::styled(format!("{lasted:<9} {spark}  "), theme.dim));
            }
            let used: usize = spans.iter().map(|span| show::columns(&span.content)).sum();
            let mut name = show::escaped(&connection.name());
            if let Some(subprotocol) = &connection.subprotocol {
                name.push_str(&format!("  {}", show::escaped(subprotocol)));
            }
            spans.push(Span::raw(show::clipped(&name, width.saturating_sub(used), model.look.glyphs.more)));
            spans
        }
    };
    put(buffer, area, &Line::from(spans));
    if selected {
        paint(buffer, area, theme.selected);
    }
}

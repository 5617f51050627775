//! Numbers of the listed connection, or of all: those of `wscope stats`, and how messages were spread over time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put, row};
use crate::duplex::Direction;
use crate::stats::rate::Rate;
use crate::stats::text::{self, Medium, WIDTH};
use crate::tui::ink::{Ink, Inked};
use crate::tui::model::{Ended, Model};
use crate::tui::show;
use crate::tui::theme::Glyphs;

/// Lines of the chart of each direction.
const HEIGHT: usize = 6;
/// Columns of the labels before the numbers.
const LABEL: usize = 13;
/// With so many more columns than the numbers take, the charts stand beside them.
const BESIDE: usize = 40;

/// Draws them.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let beside = columns.checked_sub(WIDTH + 2).filter(|&left| left >= BESIDE);
    let mut lines = numbers(model);
    let charts = charts(model, beside.unwrap_or(columns));
    match beside {
        Some(columns) => {
            let area = Rect { x: area.x + WIDTH as u16 + 2, width: columns as u16, ..area };
            scroll(&charts, model, area, buffer);
        }
        None => lines.extend(charts),
    }
    scroll(&lines, model, area, buffer);
}

fn scroll(lines: &[Inked], model: &Model, area: Rect, buffer: &mut Buffer) {
    let height = usize::from(area.height);
    let top = model.scroll.min(lines.len().saturating_sub(height));
    for (at, line) in lines.iter().skip(top).take(height).enumerate() {
        put(buffer, row(area, at), &line.line(model.look.theme, &model.look.glyphs, usize::from(area.width)));
    }
}

/// The paragraph of `wscope stats`.
fn numbers(model: &Model) -> Vec<Inked> {
    let mut out = String::new();
    match model.store.numbers(model.connection()) {
        Some(row) => text::connection(row, Medium::Screen, &mut out),
        None => {
            let summary = match &model.reading.ended {
                Some(Ended::Finished(finished)) => Some(&finished.summary),
                Some(Ended::Failed(_)) | None => None,
            };
            text::total(model.store.stats(), summary, Medium::Screen, &mut out);
        }
    }
    out.lines().enumerate().map(|(at, line)| inked(at, line)).collect()
}

fn inked(at: usize, line: &str) -> Inked {
    if at == 0 {
        return Inked::of(Ink::Title, line);
    }
    match line.split_at_checked(LABEL) {
        Some((label, numbers)) if line.starts_with("   ") => Inked::of(Ink::Dim, label).and(Ink::Plain, numbers),
        _ => Inked::of(Ink::Plain, line),
    }
}

fn charts(model: &Model, columns: usize) -> Vec<Inked> {
    let rate = &model.traffic().more().rate;
    let mut lines = Vec::new();
    for (way, name) in [(Direction::ToServer, "-> from clients"), (Direction::ToClient, "<- from servers")] {
        chart(rate, way, name, columns, &model.look.glyphs, &mut lines);
        lines.push(Inked::default());
    }
    lines
}

/// Messages of one direction over time.
fn chart(rate: &Rate, way: Direction, name: &str, columns: usize, glyphs: &Glyphs, lines: &mut Vec<Inked>) {
    let (counts, width) = rate.over(columns.saturating_sub(2));
    let values: Vec<u64> = counts.iter().map(|count| count[way].into()).collect();
    let most = values.iter().copied().max().unwrap_or(0);
    let scale = format!("  a column is {}; at most {}", show::duration(width), rate_of(most, width));
    lines.push(Inked::of(Ink::Title, name).and(Ink::Dim, if most > 0 { scale } else { "  nothing".to_owned() }));
    for level in (0..HEIGHT).rev().filter(|_| most > 0) {
        let bar = |&value: &u64| {
            // In eighths of a line, and at least one for at least one message.
            let height = (value * 8 * HEIGHT as u64).div_ceil(most);
            glyphs.bars[height.saturating_sub(8 * level as u64).min(8) as usize]
        };
        lines.push(Inked::of(Ink::Number, format!(" {}", values.iter().map(bar).collect::<String>())));
    }
}

/// Messages of one column as messages a second.
fn rate_of(messages: u64, width: i64) -> String {
    let rate = messages as f64 * 1e9 / width.max(1) as f64;
    if rate < 10.0 {
        format!("{rate:.1} messages/s")
    } else {
        format!("{} messages/s", show::count(rate.round() as u64))
    }
}

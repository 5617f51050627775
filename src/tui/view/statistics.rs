//! Numbers of the listed connection, or of all: what each side sent, and how it was spread over time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put, row};
use crate::anomaly::Severity;
use crate::duplex::{Direction, Duplex};
use crate::store::{Rate, Sent};
use crate::tui::ink::{Ink, Inked};
use crate::tui::model::Model;
use crate::tui::show;
use crate::tui::theme::Glyphs;

/// Lines of the chart of each direction.
const HEIGHT: usize = 5;

/// Draws them.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let lines = lines(model, columns);
    let top = model.scroll.min(lines.len().saturating_sub(usize::from(area.height)));
    for (at, line) in lines.iter().skip(top).take(usize::from(area.height)).enumerate() {
        put(buffer, row(area, at), &line.line(model.look.theme, &model.look.glyphs, columns));
    }
}

fn lines(model: &Model, columns: usize) -> Vec<Inked> {
    let connection = model.store.connection(model.connection());
    let mut sent = Duplex::<Sent>::default();
    let mut anomalies = [0; 4];
    let mut period = None;
    let all = connection.is_none().then(|| model.store.connections()).into_iter().flatten();
    for connection in connection.into_iter().chain(all) {
        for way in Direction::BOTH {
            sent[way].add(&connection.sent[way]);
        }
        for (sum, count) in anomalies.iter_mut().zip(connection.anomalies) {
            *sum += count;
        }
        let (first, last) = period.unwrap_or(connection.period);
        period = Some((connection.period.0.min(first), connection.period.1.max(last)));
    }
    let name = connection.map_or_else(
        || show::counted(model.store.connection_count() as u64, "connection", "connections"),
        |connection| format!("#{} {}", connection.id, show::escaped(&connection.name())),
    );
    let nanos = period.map_or(0, |(first, last)| last.since(first));
    let mut lines = vec![Inked::of(Ink::Title, name).and(Ink::Dim, format!("  over {}", show::duration(nanos)))];
    sides(&sent, nanos, &mut lines);
    lines.push(odd(anomalies));
    let rate = connection.map_or(model.store.rate(), |connection| &connection.rate);
    for (way, name) in [(Direction::ToServer, "-> from clients"), (Direction::ToClient, "<- from servers")] {
        chart(rate, way, name, columns, &model.look.glyphs, &mut lines);
    }
    lines
}

fn sides(sent: &Duplex<Sent>, nanos: i64, lines: &mut Vec<Inked>) {
    let heading =
        format!("{:14}{:>12}{:>12}{:>12}{:>12}{:>8}", "", "messages", "messages/s", "payload", "on the wire", "ratio");
    lines.push(Inked::of(Ink::Dim, heading));
    for (way, name) in [(Direction::ToServer, "-> client"), (Direction::ToClient, "<- server")] {
        let side = &sent[way];
        let rate = if nanos > 0 { format!("{:.1}", side.messages as f64 * 1e9 / nanos as f64) } else { "-".to_owned() };
        let ratio =
            if side.wire > 0 { format!("{:.1}x", side.bytes as f64 / side.wire as f64) } else { "-".to_owned() };
        let line = format!(
            "{:>12}{rate:>12}{:>12}{:>12}{ratio:>8}",
            show::count(side.messages),
            format!("{}B", show::size(side.bytes)),
            format!("{}B", show::size(side.wire)),
        );
        lines.push(Inked::of(Ink::Plain, format!("{name:14}{line}")));
    }
}

fn odd(anomalies: [u64; 4]) -> Inked {
    let severities = [Severity::Violation, Severity::Warning, Severity::Loss, Severity::Note];
    let line = Inked::of(Ink::Dim, "odd           ");
    severities.into_iter().fold(line, |line, severity| {
        let count = anomalies[severity as usize];
        let ink = if count > 0 { crate::tui::heads::ink_of(severity) } else { Ink::Dim };
        line.and(ink, format!("{} {}   ", show::count(count), severity.name()))
    })
}

/// Messages of one direction over time.
fn chart(rate: &Rate, way: Direction, name: &str, columns: usize, glyphs: &Glyphs, lines: &mut Vec<Inked>) {
    let (counts, width) = rate.over(columns.saturating_sub(2));
    let values: Vec<u64> = counts.iter().map(|count| count[way].into()).collect();
    let most = values.iter().copied().max().unwrap_or(0);
    lines.push(Inked::default());
    let scale = format!(
        "  at most {} in {}, which is a column",
        show::counted(most, "message", "messages"),
        show::duration(width)
    );
    lines.push(Inked::of(Ink::Title, name).and(Ink::Dim, if most > 0 { scale } else { String::new() }));
    for level in (0..HEIGHT).rev() {
        let bar = |&value: &u64| {
            // In eighths of a line, and at least one for at least one message.
            let height = (value * 8 * HEIGHT as u64).div_ceil(most.max(1));
            glyphs.bars[height.saturating_sub(8 * level as u64).min(8) as usize]
        };
        lines.push(Inked::of(Ink::Number, format!(" {}", values.iter().map(bar).collect::<String>())));
    }
}

//! What was wrong with inputs and connections, in the order of its weight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put, row};
use crate::export::text::summary;
use crate::tui::ink::{Ink, Inked};
use crate::tui::model::{Ended, Model};
use crate::tui::show;

/// Lines about connections at most.
const CONNECTIONS: usize = 1000;

/// Draws it.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let lines: Vec<_> = lines(model).into_iter().flat_map(|line| line.wrapped(columns, 2)).collect();
    let top = model.scroll.min(lines.len().saturating_sub(usize::from(area.height)));
    for (at, line) in lines.iter().skip(top).take(usize::from(area.height)).enumerate() {
        put(buffer, row(area, at), &line.line(model.look.theme, &model.look.glyphs, columns));
    }
}

fn lines(model: &Model) -> Vec<Inked> {
    let mut lines = vec![Inked::of(Ink::Title, "Inputs")];
    let reading = &model.reading;
    lines.push(Inked::of(Ink::Plain, format!("  {}", show::line(&reading.name))));
    match &reading.ended {
        None => lines.push(Inked::of(Ink::Dim, "  still being read")),
        Some(Ended::Failed(reason)) => lines.push(Inked::of(Ink::Violation, format!("  {}", show::line(reason)))),
        Some(Ended::Finished(finished)) => {
            for wrong in finished.failed.iter().chain(&finished.damaged) {
                lines.push(Inked::of(Ink::Violation, format!("  {}", show::line(wrong))));
            }
            lines.push(Inked::of(Ink::Plain, format!("  {}", summary(&finished.summary))));
            lines.push(Inked::of(Ink::Title, "What was odd, in all connections"));
            let mut counts: Vec<_> = finished.summary.anomalies.iter().collect();
            counts.sort_by_key(|(code, count)| (std::cmp::Reverse(code.rule().severity), std::cmp::Reverse(*count)));
            for (code, count) in counts {
                let rule = code.rule();
                let ink = crate::tui::heads::ink_of(rule.severity);
                let line =
                    Inked::of(ink, format!("  {:>8} x {} {} ", show::count(count), rule.severity.name(), rule.name));
                lines.push(line.and(Ink::Dim, format!("[{}] ", rule.reference)).and(Ink::Plain, rule.meaning));
            }
        }
    }
    lines.push(Inked::of(Ink::Title, "Connections with something odd"));
    let numbers = model.store.connections().filter_map(|it| Some((it, &model.store.numbers(it.id)?.traffic.kinds)));
    for (connection, anomalies) in numbers.filter(|(_, anomalies)| anomalies.worries() > 0).take(CONNECTIONS) {
        let [notes, losses, warnings, violations] = anomalies.by_severity();
        let name = format!("  #{:<5} {:<9} ", connection.id, connection.state());
        let text = format!("{violations} violations, {warnings} warnings, {losses} losses, {notes} notes  ");
        let uri = show::escaped(&connection.name());
        lines.push(Inked::of(Ink::Number, name).and(Ink::Plain, text).and(Ink::Dim, uri));
    }
    lines.push(Inked::of(Ink::Title, "Memory"));
    let store = &model.store;
    let memory =
        format!("  {}B in memory, {}B on the disk", show::size(store.memory() as u64), show::size(store.spilled()));
    lines.push(Inked::of(Ink::Plain, memory));
    if store.shed().rows > 0 {
        let shed =
            format!("  the {} oldest rows were shed: the memory budget was used up", show::count(store.shed().rows));
        lines.push(Inked::of(Ink::Warning, shed));
    }
    lines
}

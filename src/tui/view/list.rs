//! The list of rows: only those on the screen are read back.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::columns::Shown;
use super::{paint, put, row};
use crate::anomaly::Severity;
use crate::duplex::Direction;
use crate::event::{Body, Event};
use crate::store::{Kind, Row, RowId};
use crate::tui::action::View;
use crate::tui::look::{Column, Times};
use crate::tui::model::{Ended, Model, Pane};
use crate::tui::{show, verdict};

/// Draws the heading and the rows below it.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let shown = Shown::of(model, usize::from(area.width));
    shown.heading(model, row(area, 0), buffer);
    let listing = &model.timeline.listing;
    let top = model.timeline.top();
    for line in 1..usize::from(area.height) {
        let at = top + line - 1;
        let Some(number) = listing.get(&model.store, at) else { break };
        let before = at.checked_sub(1).and_then(|at| listing.get(&model.store, at));
        draw_row(model, &shown, number, before, row(area, line), buffer);
    }
    if listing.len(&model.store) == 0 && area.height > 2 {
        put(buffer, row(area, 2), &Line::styled(nothing(model), model.look.theme.dim));
    }
}

/// Why nothing is listed.
fn nothing(model: &Model) -> String {
    let listing = &model.timeline.listing;
    match (&model.reading.ended, listing.hides(), listing.of(&model.store)) {
        (None, _, 0) => "  nothing yet: waiting for a WebSocket handshake or frames".to_owned(),
        (Some(Ended::Finished(finished)), _, 0) => match verdict::unopened(&finished.summary) {
            Some(unopened) => format!("  no WebSocket was found here; {unopened}"),
            None => "  no WebSocket was found here".to_owned(),
        },
        (Some(Ended::Failed(_)), _, 0) => "  no WebSocket was found here".to_owned(),
        (_, true, _) => "  nothing passes the filter; Esc clears it".to_owned(),
        _ => String::new(),
    }
}

fn draw_row(model: &Model, shown: &Shown, number: RowId, before: Option<RowId>, area: Rect, buffer: &mut Buffer) {
    let Some(index) = model.store.row(number) else { return };
    let theme = model.look.theme;
    let selected = model.timeline.selected() == Some(number);
    let event = model.store.glance(number);
    let mut spans = vec![gutter(model, number, index, selected)];
    for &(column, width) in &shown.columns {
        if column == Column::Kind {
            spans.push(Span::styled(format!("{} ", arrow(index.direction())), theme.direction(index.direction())));
        }
        let text = cell(model, column, width, number, index, before, event.as_ref().ok());
        let style = match column {
            Column::Kind => kind_style(model, index),
            Column::Number
            | Column::Time
            | Column::Delta
            | Column::Connection
            | Column::Frames
            | Column::Size
            | Column::Latency => theme.dim,
        };
        spans.push(Span::styled(format!("{text} "), style));
    }
    for (at, &width) in shown.fields.iter().enumerate() {
        let text = show::fitted(model.fields.cell(number, at), width, model.look.glyphs.more);
        spans.push(Span::raw(format!("{text} ")));
    }
    let used: usize = spans.iter().map(|span| show::columns(&span.content)).sum();
    let room = usize::from(area.width).saturating_sub(used);
    let payload = event.as_ref().map_or_else(ToString::to_string, show::preview);
    let style = if index.is_keep_alive() { theme.dim } else { Style::new() };
    spans.extend(highlighted(model, show::clipped(&payload, room, model.look.glyphs.more), style));
    if selected {
        // The bar says what is selected; colours below it would say too much.
        let text: String = spans.iter().map(|span| span.content.as_ref()).collect();
        put(buffer, area, &Line::raw(text));
        let active = model.focus == Pane::List || model.view == View::Ladder;
        paint(buffer, area, if active { theme.selected } else { theme.held });
    } else {
        put(buffer, area, &Line::from(spans));
    }
}

/// Two columns: the mark or the cursor, and `!` where something is odd.
fn gutter(model: &Model, number: RowId, index: &Row, selected: bool) -> Span<'static> {
    let mark = model.marks.letter(number).filter(char::is_ascii_graphic);
    let first = mark.unwrap_or(if selected { '>' } else { ' ' });
    match index.severity() {
        Some(severity) if severity > Severity::Note => {
            Span::styled(format!("{first}!"), model.look.theme.severity(severity))
        }
        Some(_) | None => Span::raw(format!("{first} ")),
    }
}

/// `->` from the client, `<-` from the server.
pub(super) fn arrow(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::ToServer) => "->",
        Some(Direction::ToClient) => "<-",
        None => "--",
    }
}

fn kind_style(model: &Model, index: &Row) -> Style {
    match (index.severity(), index.kind) {
        (Some(severity), _) if severity > Severity::Note => model.look.theme.severity(severity),
        (_, Kind::Gap) => model.look.theme.warning,
        _ => Style::new(),
    }
}

fn cell(
    model: &Model,
    column: Column,
    width: usize,
    number: RowId,
    index: &Row,
    before: Option<RowId>,
    event: Option<&Event>,
) -> String {
    match column {
        Column::Number => format!("{:>width$}", u64::from(number) + 1),
        Column::Time => format!("{:<width$}", time(model, width, index, before)),
        Column::Delta => {
            let before = before.and_then(|before| model.store.row(before));
            let delta = before.map(|before| seconds(index.time.since(before.time), 3, true)).unwrap_or_default();
            show::fitted(&format!("{delta:>width$}"), width, "")
        }
        Column::Connection => format!("{:>width$}", format!("#{}", index.connection)),
        Column::Kind => {
            let name = if index.is_whole() { index.kind.name().to_owned() } else { format!("{}!", index.kind.name()) };
            if width < 4 { format!("{:<width$}", initial(index.kind)) } else { format!("{name:<width$}") }
        }
        Column::Frames => match event.map(|event| &event.body) {
            Some(Body::Message(message)) => format!("{:>width$}", message.frames),
            Some(Body::Frame(_) | Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_)) | None => {
                " ".repeat(width)
            }
        },
        Column::Size => match index.kind {
            Kind::Handshake | Kind::Notice | Kind::Closed => " ".repeat(width),
            _ => format!("{:>width$}", show::size(index.size.into())),
        },
        Column::Latency => {
            format!("{:>width$}", event.and_then(latency).map(show::duration).unwrap_or_default())
        }
    }
}

/// How long after its request or Ping an answer came.
fn latency(event: &Event) -> Option<i64> {
    match &event.body {
        Body::Message(message) => message.decoded.as_ref()?.reply().map(|reply| reply.latency),
        Body::Frame(frame) => frame.rtt,
        Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => None,
    }
}

fn initial(kind: Kind) -> &'static str {
    match kind {
        Kind::Handshake => "H",
        Kind::Text => "t",
        Kind::Binary => "b",
        Kind::Close => "C",
        Kind::Ping => "p",
        Kind::Pong => "q",
        Kind::Frame => "f",
        Kind::Gap => "G",
        Kind::Notice => "n",
        Kind::Closed => "E",
    }
}

fn time(model: &Model, width: usize, index: &Row, before: Option<RowId>) -> String {
    let since = |start| seconds(index.time.since(start), 6, false);
    match model.look.times {
        Times::WithDate if width > 12 => show::date_and_time(index.time),
        Times::OfDay | Times::WithDate => {
            let text = show::time_of_day(index.time);
            // `12:00:01.204`, or without the hour where there is little room.
            text.get(if width < 12 { 3..12 } else { 0..12 }).unwrap_or_default().to_owned()
        }
        Times::SinceStart => since(model.store.started()),
        Times::SincePrevious => {
            before.and_then(|before| model.store.row(before)).map(|before| since(before.time)).unwrap_or_default()
        }
        Times::SinceMark => {
            let mark = model.marks.latest().and_then(|mark| model.store.row(mark));
            mark.map(|mark| seconds(index.time.since(mark.time), 6, true)).unwrap_or_default()
        }
    }
}

/// Seconds with so many digits behind the point.
fn seconds(nanos: i64, digits: usize, signed: bool) -> String {
    let seconds = nanos as f64 / 1e9;
    // Long times need no small digits.
    let digits = if seconds.abs() >= 10_000.0 {
        0
    } else if seconds.abs() >= 100.0 {
        digits.min(3)
    } else {
        digits
    };
    if signed { format!("{seconds:+.digits$}") } else { format!("{seconds:.digits$}") }
}

/// The text with what the search looks for made to stand out.
fn highlighted(model: &Model, text: String, style: Style) -> Vec<Span<'static>> {
    let Some(needle) = model.search.text().filter(|needle| !needle.is_empty() && needle.is_ascii()) else {
        return vec![Span::styled(text, style)];
    };
    let needle = needle.trim_matches('"').to_ascii_lowercase();
    let lower = text.to_ascii_lowercase();
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(at) = lower[from..].find(&needle).map(|at| from + at).filter(|_| !needle.is_empty()) {
        spans.push(Span::styled(text[from..at].to_owned(), style));
        from = at + needle.len();
        spans.push(Span::styled(text[at..from].to_owned(), model.look.theme.found));
    }
    spans.push(Span::styled(text[from..].to_owned(), style));
    spans
}

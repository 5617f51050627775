//! The handshake of the listed connection, in short: what was agreed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put, row, title};
use crate::event::Accept;
use crate::http::headers::Name;
use crate::tui::ink::{Ink, Inked};
use crate::tui::model::Model;
use crate::tui::show;

/// Draws it.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let selected = model.timeline.selected().and_then(|row| model.store.row(row));
    let number = match (model.connection(), selected) {
        (0, Some(row)) => u64::from(row.connection),
        (number, _) => number,
    };
    title(model, row(area, 0), &format!("Handshake #{number}"), "", false, buffer);
    let columns = usize::from(area.width).saturating_sub(1);
    for (line, text) in lines(model, number, columns).into_iter().enumerate() {
        put(buffer, row(area, line + 1), &text.line(model.look.theme, &model.look.glyphs, columns));
    }
}

fn lines(model: &Model, number: u64, columns: usize) -> Vec<Inked> {
    let Some(handshake) = model.store.handshake(number) else {
        return vec![Inked::of(Ink::Dim, "none is known")];
    };
    let mut lines = Vec::new();
    let mut pair = |label: &str, value: &str| {
        let line = Inked::of(Ink::Dim, format!("{label:<8} ")).and(Ink::Plain, show::escaped(value));
        lines.extend(line.wrapped(columns, 9));
    };
    if let Some(request) = &handshake.request {
        let answer = handshake.response.as_ref().map_or_else(|| "?".to_owned(), |response| response.status.to_string());
        pair("request", &format!("{} {} -> {answer}", request.method, request.target));
        for (label, name) in [("host", Name::Host), ("origin", Name::Origin), ("agent", Name::UserAgent)] {
            if let Some(value) = request.headers.first(name) {
                pair(label, value);
            }
        }
    }
    pair("client", &handshake.client.to_string());
    pair("server", &handshake.server.to_string());
    pair("verdict", handshake.verdict.name());
    if let Some(subprotocol) = &handshake.terms.subprotocol {
        pair("subproto", subprotocol);
    }
    if let Some(extension) = &handshake.terms.extension {
        for part in extension.split(';') {
            pair("ext", part.trim());
        }
    }
    if let Some((asked, answered)) = handshake.turn {
        pair("latency", &show::duration(answered.time.since(asked.time)));
    }
    let accept = handshake.terms.accept.as_ref().and_then(Accept::valid);
    if let Some(valid) = accept {
        let glyphs = &model.look.glyphs;
        let (ink, text) = if valid { (Ink::Good, glyphs.yes) } else { (Ink::Violation, glyphs.no) };
        lines.push(Inked::of(Ink::Dim, "accept   ").and(ink, text));
    }
    lines
}

//! The selected row in detail: facts, and the payload in one of its forms.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{paint, put, row, title};
use crate::event::{Body, Event};
use crate::tui::facts;
use crate::tui::form::Form;
use crate::tui::ink::{Ink, Inked};
use crate::tui::model::{Model, Pane};
use crate::tui::show;

/// Draws title and lines.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let theme = model.look.theme;
    let active = model.focus == Pane::Detail;
    let Some(doc) = &model.detail.doc else {
        title(model, row(area, 0), "detail", "", active, buffer);
        return;
    };
    let form = doc.payload().map(|_| forms(model.form())).unwrap_or_default();
    let left = doc.event().map(|event| summary(model, event)).unwrap_or_default();
    let room = usize::from(area.width).saturating_sub(show::columns(&form) + 8);
    let form = if show::columns(&left) <= room { form } else { model.form().name().to_owned() };
    title(model, row(area, 0), &left, &form, active, buffer);
    let columns = usize::from(area.width);
    for line in 1..usize::from(area.height) {
        let number = model.detail.top + line - 1;
        let Some(text) = doc.line(number, &model.look.glyphs) else { break };
        let here = row(area, line);
        put(buffer, here, &text.line(theme, &model.look.glyphs, columns));
        if active && number == model.detail.cursor {
            paint(buffer, here, theme.held);
        }
    }
    more(model, doc.line_count(), area, buffer);
}

/// `tree text [hex] raw frames`.
fn forms(form: Form) -> String {
    let name = |known: Form| if known == form { format!("[{}]", known.name()) } else { known.name().to_owned() };
    Form::ALL.map(name).join(" ")
}

/// The row on one line.
fn summary(model: &Model, event: &Event) -> String {
    let number = model.timeline.selected().map_or(0, |row| u64::from(row) + 1);
    let packet = event.span.first.packet;
    match &event.body {
        Body::Message(message) => {
            let kind = if message.text { "text" } else { "binary" };
            let frames = show::counted(message.frames, "frame", "frames");
            let (wire, length) = (show::count(message.payload_length), show::count(message.payload.length));
            let size = if message.compressed { format!("deflate {wire} > {length} B") } else { format!("{length} B") };
            let whole = if message.complete { "" } else { " INCOMPLETE" };
            format!("#{number} {kind} from {} {size}{whole} {frames} packet {packet}", message.direction.sender())
        }
        Body::Frame(frame) => {
            let sender = frame.direction.sender();
            format!("#{number} {} from {sender} {} B packet {packet}", frame.header.opcode.name(), frame.payload.length)
        }
        Body::Handshake(handshake) => format!("#{number} handshake {} packet {packet}", handshake.verdict.name()),
        Body::Gap(gap) => format!("#{number} gap from {} {} B", gap.direction.sender(), show::count(gap.length)),
        Body::Notice(_) => format!("#{number} notice packet {packet}"),
        Body::Closed(closed) => format!("#{number} end {}", closed.how.name()),
    }
}

/// How much lies below, in the last corner.
fn more(model: &Model, len: usize, area: Rect, buffer: &mut Buffer) {
    let shown = usize::from(area.height) - 1;
    let below = len.saturating_sub(model.detail.top + shown);
    if below == 0 || area.height < 3 {
        return;
    }
    let text = format!(" {} more ", show::count(below as u64));
    let width = show::columns(&text) as u16;
    if width < area.width {
        let corner = Rect { x: area.x + area.width - width, y: area.y + area.height - 1, width, height: 1 };
        put(buffer, corner, &Line::styled(text, model.look.theme.bar));
    }
}

/// Draws the facts about the row.
pub(super) fn facts(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let theme = model.look.theme;
    title(model, row(area, 0), "Facts", "", false, buffer);
    let Some(event) = model.detail.doc.as_ref().and_then(|doc| doc.event()) else { return };
    let mut facts = facts::of(event);
    let connection = model.store.connection(event.connection);
    if let Some(connection) = connection {
        let since = event.time().since(connection.period.0);
        facts.insert(1, ("age", format!("{} into connection {}", show::duration(since), connection.id)));
        if let Some((client, server)) = connection.ends {
            facts.push(("peers", format!("{client} > {server}")));
        }
    }
    for (line, (label, value)) in facts.into_iter().enumerate() {
        let text = Inked::of(Ink::Dim, format!(" {label:<10} ")).and(Ink::Plain, value);
        let columns = usize::from(area.width);
        put(buffer, row(area, line + 1), &text.line(theme, &model.look.glyphs, columns));
    }
}

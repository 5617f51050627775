//! Columns of the list: which have room, how wide they are, what stands above them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::put;
use crate::tui::action::View;
use crate::tui::listing::Scope;
use crate::tui::look::{Column, Times};
use crate::tui::model::{Model, Pane};
use crate::tui::show;

/// Columns of a field at least and at most, and those that the payload keeps beside it.
const FIELD: (usize, usize) = (10, 20);
const PAYLOAD: usize = 10;

/// What is shown of each row.
#[derive(Debug)]
pub(super) struct Shown {
    /// The columns, and how wide each is.
    pub(super) columns: Vec<(Column, usize)>,
    /// How wide the columns of fields are; those behind them have no room.
    pub(super) fields: Vec<usize>,
}

impl Shown {
    /// The columns for which there is room, in their order.
    pub(super) fn of(model: &Model, width: usize) -> Self {
        let several = model.timeline.listing.scope() == Scope::All && model.store.connection_count() > 1;
        let number = show::count(u64::from(model.store.bounds().1)).len().max(5);
        // Who asks for more columns wants room for them.
        let fields = model.fields.names().next().is_some();
        let delta = width >= if fields { 120 } else { 74 } && model.look.times != Times::SincePrevious;
        let latency = width >= 86 && model.traffic().more().methods.is_some();
        let wanted = [
            (Column::Number, number, width >= 30),
            (Column::Time, time_width(model.look.times, width), true),
            (Column::Delta, 8, delta),
            (Column::Connection, 5, several && width >= 40),
            (Column::Kind, if width >= 60 { 10 } else { 2 }, true),
            (Column::Frames, 3, width >= 100),
            (Column::Size, 5, width >= 50),
            (Column::Latency, 8, latency),
        ];
        let shown = wanted.into_iter().filter(|&(column, _, room)| room && model.look.columns.has(column));
        let columns: Vec<_> = shown.map(|(column, width, _)| (column, width)).collect();
        let used: usize = columns.iter().map(|(_, width)| width + 1).sum();
        // With the gutter and the arrow.
        let mut room = width.saturating_sub(used + 5 + PAYLOAD);
        let fields = model.fields.names().map_while(|name| {
            let width = show::columns(&show::line(name)).clamp(FIELD.0, FIELD.1);
            room = room.checked_sub(width + 1)?;
            Some(width)
        });
        Self { fields: fields.collect(), columns }
    }

    /// Draws the heading.
    pub(super) fn heading(&self, model: &Model, area: Rect, buffer: &mut Buffer) {
        let mut text = String::from("  ");
        for &(column, width) in &self.columns {
            let (name, right) = match column {
                Column::Number => ("No.", true),
                Column::Time => ("Time", false),
                Column::Delta => ("Delta", true),
                Column::Connection => ("Conn", true),
                Column::Kind if width < 4 => ("", false),
                Column::Kind => ("Type", false),
                Column::Frames => ("Frm", true),
                Column::Size => ("Size", true),
                Column::Latency => ("Latency", true),
            };
            if column == Column::Kind {
                text.push_str("   ");
            }
            text.push_str(&if right { format!("{name:>width$} ") } else { format!("{name:<width$} ") });
        }
        for (name, &width) in model.fields.names().zip(&self.fields) {
            text.push_str(&format!("{} ", show::fitted(&show::line(name), width, model.look.glyphs.more)));
        }
        text.push_str("Payload");
        let active = model.focus == Pane::List && model.view == View::Messages;
        let style = if active { model.look.theme.active } else { model.look.theme.passive };
        put(buffer, area, &Line::styled(show::clipped(&text, usize::from(area.width), ""), style));
    }
}

fn time_width(times: Times, width: usize) -> usize {
    match times {
        Times::WithDate if width >= 100 => 26,
        Times::OfDay | Times::WithDate if width >= 60 => 12,
        Times::OfDay | Times::WithDate => 9,
        Times::SinceStart | Times::SincePrevious | Times::SinceMark => 11,
    }
}

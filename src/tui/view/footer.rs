//! The line of keys, made from their table: labels go before keys, help and quit stay.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::put;
use crate::tui::action::Action;
use crate::tui::keymap::{Binding, KEYS};
use crate::tui::model::Model;
use crate::tui::show;

/// Draws it.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let all: Vec<&Binding> = KEYS.iter().flat_map(|group| group.bindings).filter(|key| !key.label.is_empty()).collect();
    let (pinned, others): (Vec<&Binding>, Vec<&Binding>) =
        all.into_iter().partition(|key| matches!(key.action, Action::Help | Action::Quit));
    let width = usize::from(area.width);
    let pinned: String = pinned.iter().map(|key| format!("  {}", both(key))).collect();
    let room = width.saturating_sub(show::columns(&pinned) + 1);
    // The labels of the last go first.
    let labelled = (0..=others.len()).rev().find(|&labelled| show::columns(&keys(&others, labelled)) < room);
    let left = labelled.map_or_else(|| fitting(&others, room), |labelled| keys(&others, labelled));
    let left = show::fitted(&format!(" {left}"), room, "");
    let spans = vec![Span::styled(left, model.look.theme.dim), Span::styled(pinned, model.look.theme.dim)];
    put(buffer, area, &Line::from(spans));
}

/// All keys, so many of them with their labels.
fn keys(all: &[&Binding], labelled: usize) -> String {
    let keys = all.iter().enumerate().map(|(at, key)| if at < labelled { both(key) } else { name(key) });
    keys.collect::<Vec<_>>().join("  ")
}

/// The first keys, without labels, as many as there is room for.
fn fitting(all: &[&Binding], room: usize) -> String {
    let most = (0..=all.len()).rev().find(|&most| show::columns(&keys(&all[..most], 0)) < room);
    keys(&all[..most.unwrap_or(0)], 0)
}

fn both(key: &Binding) -> String {
    format!("{} {}", name(key), key.label)
}

fn name(key: &Binding) -> String {
    key.keys.first().map(|key| key.name()).unwrap_or_default()
}

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
    let mut left = fitting(&others, room, both);
    if show::columns(&left) == 0 {
        left = fitting(&others, room, name);
    }
    let left = show::fitted(&format!(" {left}"), room, "");
    let spans = vec![Span::styled(left, model.look.theme.dim), Span::styled(pinned, model.look.theme.dim)];
    put(buffer, area, &Line::from(spans));
}

fn fitting(keys: &[&Binding], room: usize, text: impl Fn(&Binding) -> String) -> String {
    let mut line = String::new();
    for key in keys {
        let next = text(key);
        if show::columns(&line) + show::columns(&next) + 3 > room {
            break;
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(&next);
    }
    line
}

fn both(key: &Binding) -> String {
    format!("{} {}", name(key), key.label)
}

fn name(key: &Binding) -> String {
    key.keys.first().map(|key| key.name()).unwrap_or_default()
}

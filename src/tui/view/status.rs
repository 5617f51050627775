//! The line above the keys: what is typed, what there is to say, or where the reader is.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::put;
use crate::tui::model::{Ended, Model};
use crate::tui::prompt::PromptLine;
use crate::tui::show;

/// Draws it; where the cursor is while something is typed.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.height == 0 {
        return None;
    }
    if let Some(prompt) = model.prompt() {
        return typed(model, prompt, area, buffer);
    }
    let theme = model.look.theme;
    let width = usize::from(area.width);
    let (text, style) = match &model.notice {
        Some(notice) => (show::line(&notice.text), if notice.bad { theme.violation } else { theme.active }),
        None => standing(model),
    };
    let line = show::clipped(&format!(" {text}"), width, model.look.glyphs.more);
    put(buffer, area, &Line::styled(line, style));
    None
}

/// What there is to say when nothing happened.
fn standing(model: &Model) -> (String, ratatui::style::Style) {
    let theme = model.look.theme;
    let timeline = &model.timeline;
    let new = timeline.new_below(&model.store);
    if let Some(row) = timeline.listing.frozen() {
        let held = model.store.bounds().1 - row;
        return (format!("frozen, {} new; p goes on", show::count(held.into())), theme.warning);
    }
    match &model.reading.ended {
        Some(Ended::Failed(reason)) => return (show::line(reason), theme.violation),
        Some(Ended::Finished(finished)) => {
            let wrong = finished.failed.iter().chain(&finished.damaged).next();
            if let Some(wrong) = wrong {
                return (show::line(wrong), theme.violation);
            }
        }
        None => {}
    }
    if let Some(reason) = &model.store.shed().records {
        return (format!("payloads are lost: the disk took no more ({})", show::line(reason)), theme.violation);
    }
    if new > 0 && (model.reading.live || model.reading.ended.is_none()) {
        let held = timeline.selected().map_or(0, |row| u64::from(row) + 1);
        return (
            format!("{} new below, list held at #{held}; G goes there and follows", show::count(new as u64)),
            theme.dim,
        );
    }
    if model.search.is_at_work() {
        return ("searching; Esc stops".to_owned(), theme.dim);
    }
    let selected = timeline.selected().map(|row| {
        let at = timeline.place(&model.store) + 1;
        let of = timeline.listing.len(&model.store);
        format!("#{}, {} of {}", u64::from(row) + 1, show::count(at as u64), show::count(of as u64))
    });
    (selected.unwrap_or_default(), theme.dim)
}

fn typed(model: &Model, prompt: &PromptLine, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let theme = model.look.theme;
    let sign = prompt.sign();
    let width = usize::from(area.width);
    let before = sign.len() + 1;
    // What is typed scrolls so that its cursor stays on the screen.
    let cursor = prompt.cursor();
    let skip = (cursor + 1).saturating_sub(width.saturating_sub(before));
    let text: String = skipped(&show::line(prompt.text()), skip);
    let mut spans = vec![Span::styled(format!(" {sign}"), theme.active)];
    match &prompt.error {
        None => spans.push(Span::raw(text.clone())),
        Some((_, span)) => {
            // The place of the error stands out.
            let typed = prompt.text();
            let (a, rest) = typed.split_at_checked(span.start).unwrap_or((typed, ""));
            let (b, c) = rest.split_at_checked(span.len()).unwrap_or((rest, ""));
            let wrong = if b.is_empty() && c.is_empty() { " " } else { b };
            if skip == 0 {
                spans.push(Span::raw(show::line(a)));
                spans.push(Span::styled(show::line(wrong), theme.found));
                spans.push(Span::raw(show::line(c)));
            } else {
                spans.push(Span::raw(text.clone()));
            }
        }
    }
    let used: usize = spans.iter().map(|span| show::columns(&span.content)).sum();
    let (hint, style) = match (&prompt.error, &prompt.understood) {
        (Some((message, _)), _) => (format!("   {message}"), theme.violation),
        (None, Some(understood)) => (format!("   = {understood}"), theme.dim),
        (None, None) => (String::new(), theme.dim),
    };
    let hint = show::clipped(&show::line(&hint), width.saturating_sub(used), model.look.glyphs.more);
    spans.push(Span::styled(hint, style));
    put(buffer, area, &Line::from(spans));
    let x = area.x + (before + cursor - skip).min(width.saturating_sub(1)) as u16;
    Some(Position { x, y: area.y })
}

fn skipped(text: &str, columns: usize) -> String {
    let mut used = 0;
    text.chars()
        .skip_while(|&c| {
            let mut bytes = [0; 4];
            let skip = used < columns;
            used += show::columns(c.encode_utf8(&mut bytes));
            skip
        })
        .collect()
}

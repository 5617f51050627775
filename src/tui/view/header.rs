//! The bar above: what is read, how far it is, what it holds; and below it the filter.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{paint, put};
use crate::tui::action::View;
use crate::tui::model::{Ended, Model};
use crate::tui::show;

/// Draws what is read and what was found.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.look.theme;
    let width = usize::from(area.width);
    let more = model.look.glyphs.more;
    let right = right(model);
    let parts = parts(model);
    // What matters least is left away first.
    let mut kept = parts.len();
    let text = |kept: usize| parts[..kept].join("  ");
    while kept > 2 && show::columns(&text(kept)) + show::columns(&right) + 3 > width {
        kept -= 1;
    }
    let left = show::fitted(&format!(" {}", text(kept)), width.saturating_sub(show::columns(&right) + 1), more);
    put(buffer, area, &Line::raw(show::clipped(&format!("{left}{right} "), width, more)));
    paint(buffer, area, theme.bar);
}

/// The parts from the left, the most wanted first.
fn parts(model: &Model) -> Vec<String> {
    let store = &model.store;
    let reading = &model.reading;
    let mut parts = vec![format!("wscope {}", show::line(&reading.name))];
    parts.push(progress(model));
    let (first, next) = store.bounds();
    let connections = store.connection_count() as u64;
    parts.push(show::counted(connections, "conn", "conns"));
    let worries = store.stats().total().kinds.worries();
    if worries > 0 {
        parts.push(format!("!{worries}"));
    }
    parts.push(show::counted(u64::from(next - first), "row", "rows"));
    if let Some(counters) = &reading.counters {
        parts.push(format!("drop {}", show::count(counters.dropped())));
    }
    if store.shed().rows > 0 {
        parts.push(format!("shed {}", show::count(store.shed().rows)));
    }
    if store.spilled() > 0 {
        parts.push(format!("{} on disk", show::size(store.spilled())));
    }
    parts
}

fn progress(model: &Model) -> String {
    let reading = &model.reading;
    match (&reading.ended, reading.live, &reading.position) {
        (Some(Ended::Failed(_)), ..) => "FAILED".to_owned(),
        (Some(Ended::Finished(finished)), ..) if !finished.is_whole() => "DAMAGED".to_owned(),
        (Some(Ended::Finished(_)), true, _) => "stopped".to_owned(),
        (Some(Ended::Finished(_)), false, _) => "loaded".to_owned(),
        (None, true, _) => "LIVE".to_owned(),
        (None, false, Some(position)) => {
            let speed = format!("{}B/s", show::size(reading.speed as u64));
            match position.total {
                Some(total) if total > 0 => format!("{}% {speed}", position.read.saturating_mul(100) / total),
                Some(_) | None => format!("{}B {speed}", show::size(position.read)),
            }
        }
        (None, false, None) => "reading".to_owned(),
    }
}

fn right(model: &Model) -> String {
    let state = if model.timeline.listing.frozen().is_some() {
        "FROZEN"
    } else if model.timeline.follows() {
        "FOLLOW"
    } else {
        ""
    };
    let view = if model.view == View::Messages { "" } else { model.view.name() };
    [view, state].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

/// Draws the filter and what it hides.
pub(super) fn filter(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.look.theme;
    let listing = &model.timeline.listing;
    let width = usize::from(area.width);
    let (shown, of) = (listing.len(&model.store), listing.of(&model.store));
    let right = if listing.hides() {
        format!("{} of {} ", show::count(shown as u64), show::count(of as u64))
    } else {
        format!("{} ", show::counted(shown as u64, "row", "rows"))
    };
    let mut left = String::new();
    if let Some(sieve) = listing.sieve() {
        left.push_str(&format!(" filter: {}", show::escaped(sieve.text())));
    }
    if listing.is_without_keep_alives() {
        // What a filter hides besides is not told apart.
        let count =
            if listing.sieve().is_none() { show::count(of.saturating_sub(shown) as u64) + " " } else { String::new() };
        left.push_str(&format!(" hidden: {count}keep-alives (P)"));
    }
    if left.is_empty() {
        left = " no filter".to_owned();
    }
    if !model.marks.is_empty() {
        let letters: String = model.marks.iter().map(|(letter, _)| letter).collect();
        left.push_str(&format!("   marks: {}", show::escaped(&letters)));
    }
    let room = width.saturating_sub(show::columns(&right));
    let left = show::fitted(&left, room, model.look.glyphs.more);
    let style = if listing.sieve().is_some() { theme.active } else { theme.dim };
    put(buffer, area, &Line::from(vec![Span::styled(left, style), Span::styled(right, theme.dim)]));
}

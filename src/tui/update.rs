//! An action to the model as it is then; what the outside must do is returned.

use crate::duplex::Direction;
use crate::event::Body;
use crate::store::{Row, RowId};

use super::action::{Action, Prompt, Step, View, Way};
use super::diff::Diff;
use super::effect::Effect;
use super::exchange::Exchange;
use super::look::Times;
use super::menus;
use super::model::{Layer, Model, Pane, Pending};
use super::prompt::PromptLine;

/// Does what was asked for.
pub fn act(model: &mut Model, action: Action) -> Option<Effect> {
    let typed = typed_before(model, action);
    match action {
        Action::Move(step) => step_by(model, step, typed),
        Action::Sideways(way) => sideways(model, way),
        Action::Pane(way) => focus(model, way),
        Action::View(view) => (model.view, model.scroll) = (view, 0),
        Action::Open => open(model),
        Action::Back => return back(model),
        Action::Quit => return quit(model),
        Action::Prompt(kind) => prompt(model, kind),
        Action::Found(way) => search(model, way),
        Action::Follow => {
            let follow = !model.timeline.follows();
            model.timeline.set_follow(follow);
            model.say(if follow { "following what comes" } else { "held" });
        }
        Action::Freeze => freeze(model),
        Action::KeepAlives => {
            let hidden = !model.timeline.listing.is_without_keep_alives();
            model.timeline.listing.set_without_keep_alives(hidden);
        }
        Action::Form(form) => {
            let next = form.unwrap_or(model.form().next());
            if let Some(direction) = selected(model).and_then(|(_, row)| row.direction()) {
                model.detail.forms[direction] = next;
                let sender = direction.sender();
                model.say(format!("what the {sender} sends is shown as {}", next.name()));
            }
        }
        Action::Mark => await_letter(model, Pending::Mark, "mark with which letter?"),
        Action::ToMark => await_letter(model, Pending::ToMark, "go to which mark?"),
        Action::FilterByValue => {
            let what = "filter by the value: = only it, ! without it, & and, | or";
            await_letter(model, Pending::FilterByValue, what);
        }
        Action::Marked(way) => {
            let from = model.timeline.selected().unwrap_or(0);
            match model.marks.next(from, way.is_next()) {
                Some(row) => model.timeline.select(row),
                None => model.say("no further mark"),
            }
        }
        Action::Landmark(way) => landmark(model, way),
        Action::SameExchange(way) => same_exchange(model, way),
        Action::Diff => diff(model),
        Action::Times => times(model, model.look.times.next()),
        Action::TimesSinceMark => match model.marks.latest() {
            Some(_) => times(model, Times::SinceMark),
            None => model.say("no row is marked: m and a letter marks one"),
        },
        Action::Copy => return menus::copy_at_once(model),
        Action::CopyMenu => menus::copy(model),
        Action::ExportMenu => menus::export(model),
        Action::Wireshark => return menus::packets(model),
        Action::Protocols => menus::protocols(model),
        Action::Columns => menus::columns(model),
        Action::FoldAll => {
            model.detail.folded = !model.detail.folded;
            let folded = model.detail.folded;
            if let Some(doc) = &mut model.detail.doc {
                doc.fold_all(folded);
            }
        }
        Action::Zoom => model.zoomed = !model.zoomed,
        Action::Resize(way) => {
            let share = model.look.share;
            model.look.share = if way.is_next() { (share + 5).min(80) } else { share.saturating_sub(5).max(20) };
        }
        Action::Footer => model.look.footer = !model.look.footer,
        Action::Mouse => {
            model.look.mouse = !model.look.mouse;
            return Some(Effect::Mouse(model.look.mouse));
        }
        Action::Help => model.layer = Layer::Help(0),
        Action::Suspend => return Some(Effect::Suspend),
        Action::Redraw => return Some(Effect::Redraw),
    }
    None
}

/// The number typed before this key, where it is for that: of a row for `g` and `G`, or of two digits and more.
fn typed_before(model: &mut Model, action: Action) -> Option<u32> {
    let typed = model.typed.take()?;
    match action {
        Action::Move(Step::First | Step::Last) => {
            model.view = typed.before;
            Some(typed.number)
        }
        Action::Move(Step::Lines(_)) => Some(typed.number).filter(|&number| number > 9),
        _ => None,
    }
}

/// The selected row.
pub fn selected(model: &Model) -> Option<(RowId, Row)> {
    let number = model.timeline.selected()?;
    Some((number, *model.store.row(number)?))
}

fn step_by(model: &mut Model, step: Step, typed: Option<u32>) {
    let step = match (step, typed) {
        (Step::Lines(by), Some(times)) => Step::Lines(by.saturating_mul(times.into())),
        (step, _) => step,
    };
    match model.view {
        View::Statistics | View::Log => model.scroll = scrolled(model.scroll, step, page(model)),
        View::Connections => to_connection(model, step, usize::from(model.areas().whole.height)),
        View::Messages | View::Ladder => match (model.view, model.focus) {
            (View::Messages, Pane::Connections) => to_connection(model, step, page(model)),
            (View::Messages, Pane::Detail) => {
                let height = usize::from(model.areas().detail_lines().height);
                model.detail.cursor = scrolled(model.detail.cursor, step, height);
            }
            _ => {
                let height = model.areas().list_rows();
                let target = typed.filter(|_| matches!(step, Step::First | Step::Last));
                model.timeline.step(step, target.map(|number| number.saturating_sub(1)), height, &model.store);
            }
        },
    }
}

fn page(model: &Model) -> usize {
    usize::from(model.size.height.saturating_sub(4)).max(1)
}

/// A line reached from `at`; the end is brought in where the view is settled.
fn scrolled(at: usize, step: Step, height: usize) -> usize {
    let by = |lines: i64| at.saturating_add_signed(lines as isize);
    let height = height.max(1) as i64;
    match step {
        Step::Lines(lines) => by(lines),
        Step::Halves(halves) => by(halves * (height / 2).max(1)),
        Step::Pages(pages) => by(pages * height),
        Step::First => 0,
        Step::Last => usize::MAX,
    }
}

fn to_connection(model: &mut Model, step: Step, height: usize) {
    let last = model.store.connection_count();
    let to = scrolled(model.connection() as usize, step, height).min(last);
    model.set_connection(to as u64);
}

fn sideways(model: &mut Model, way: Way) {
    if model.view == View::Messages && model.focus == Pane::Detail {
        let cursor = model.detail.cursor;
        if let Some(doc) = model.detail.doc.as_mut().filter(|doc| doc.is_tree()) {
            model.detail.cursor = doc.fold(cursor, Some(!way.is_next()));
        }
        return;
    }
    to_connection(model, Step::Lines(if way.is_next() { 1 } else { -1 }), 1);
}

fn focus(model: &mut Model, way: Way) {
    let areas = model.areas();
    let there = |pane: Pane| match pane {
        Pane::Connections => areas.connections.height > 0 || model.zoomed,
        Pane::List | Pane::Detail => true,
    };
    let order = [Pane::List, Pane::Detail, Pane::Connections];
    let mut at = order.iter().position(|&pane| pane == model.focus).unwrap_or(0);
    loop {
        at = if way.is_next() { at + 1 } else { at + order.len() - 1 } % order.len();
        if there(order[at]) {
            break;
        }
    }
    model.focus = order[at];
}

fn open(model: &mut Model) {
    match (model.view, model.focus) {
        (View::Messages, Pane::List) => model.focus = Pane::Detail,
        (View::Messages, Pane::Detail) => {
            let cursor = model.detail.cursor;
            if let Some(doc) = model.detail.doc.as_mut().filter(|doc| doc.is_tree()) {
                model.detail.cursor = doc.fold(cursor, None);
            }
        }
        (View::Messages, Pane::Connections) => model.focus = Pane::List,
        (View::Connections, _) => (model.view, model.focus) = (View::Messages, Pane::List),
        (View::Ladder, _) => (model.view, model.focus) = (View::Messages, Pane::Detail),
        (View::Statistics | View::Log, _) => model.view = View::Messages,
    }
}

fn back(model: &mut Model) -> Option<Effect> {
    if model.search.stop() {
        model.say("search stopped");
    } else if model.view != View::Messages {
        model.view = View::Messages;
    } else if model.zoomed {
        model.zoomed = false;
    } else if model.focus != Pane::List {
        model.focus = Pane::List;
    } else if model.timeline.listing.sieve().is_some() {
        model.timeline.listing.set_sieve(None);
        model.say("filter cleared");
    } else if model.reading.ended.is_none() && !model.reading.live {
        model.say("reading stopped; what was read is there");
        return Some(Effect::StopReading);
    } else {
        model.say("q quits");
    }
    None
}

fn quit(model: &mut Model) -> Option<Effect> {
    if model.view != View::Messages {
        model.view = View::Messages;
        return None;
    }
    // What a live capture has seen cannot be had again.
    let lost = model.reading.live && model.reading.kept.is_none();
    if lost && model.reading.ended.is_none() && model.pending != Pending::Quit {
        model.pending = Pending::Quit;
        model.say("the capture is not kept: q once more quits");
        return None;
    }
    Some(Effect::Quit)
}

fn prompt(model: &mut Model, kind: Prompt) {
    let text = match kind {
        Prompt::Filter => model.timeline.listing.sieve().map(|sieve| sieve.text().to_owned()),
        Prompt::Containing | Prompt::Search | Prompt::Command => None,
    };
    model.layer = Layer::Prompt(PromptLine::new(kind, &text.unwrap_or_default()));
}

fn search(model: &mut Model, way: Way) {
    let Some(from) = model.timeline.selected() else { return };
    if model.search.begin(from, way.is_next()) {
        model.timeline.set_follow(false);
    } else {
        model.say("nothing to search: s begins a search");
    }
}

fn freeze(model: &mut Model) {
    let listing = &mut model.timeline.listing;
    if listing.frozen().is_some() {
        listing.freeze(None);
        model.say("goes on");
    } else {
        listing.freeze(Some(model.store.bounds().1));
        model.say("frozen: reading goes on, the list does not; p lets it");
    }
}

fn await_letter(model: &mut Model, pending: Pending, what: &str) {
    model.pending = pending;
    model.say(what);
}

fn landmark(model: &mut Model, way: Way) {
    if let Some(from) = model.timeline.selected() {
        model.timeline.set_follow(false);
        model.search.begin_landmark(from, way.is_next());
    }
}

fn same_exchange(model: &mut Model, way: Way) {
    let Some((number, row)) = selected(model) else { return };
    match model.store.event(number).ok().and_then(|event| Exchange::of(&event)) {
        Some(exchange) => {
            model.timeline.set_follow(false);
            model.search.begin_exchange(row.connection, exchange, number, way.is_next());
        }
        None => model.say("this message asks and answers nothing, and has no id"),
    }
}

fn diff(model: &mut Model) {
    let (Some(marked), Some(selected)) = (model.marks.latest(), model.timeline.selected()) else {
        model.say("no row is marked: m and a letter marks one");
        return;
    };
    let (Ok(before), Ok(after)) = (model.store.event(marked), model.store.event(selected)) else {
        model.complain("one of the two is no longer kept");
        return;
    };
    let comparable = |body: &Body| super::doc::payload_of(body).is_some();
    if !comparable(&before.body) || !comparable(&after.body) {
        model.say("only messages and control frames can be compared");
        return;
    }
    let arrow = |direction: Option<Direction>| match direction {
        Some(Direction::ToServer) => "->",
        Some(Direction::ToClient) => "<-",
        None => "--",
    };
    let name = |row: RowId, body: &Body| format!("#{} {}", u64::from(row) + 1, arrow(body.direction()));
    let title = format!("{} to {}", name(marked, &before.body), name(selected, &after.body));
    model.layer = Layer::Diff(Diff::new(title, before, after));
}

fn times(model: &mut Model, times: Times) {
    model.look.times = times;
    model.say(format!("times: {}", times.name()));
}

//! Clicks and wheel to what they mean where they happen: a click selects, the wheel moves what it is over.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::action::{Action, Step, View};
use super::model::{Layer, Model, Pane};
use super::update::act;

/// Lines of a notch of the wheel.
const NOTCH: i64 = 3;

/// Takes a click or a turn of the wheel; all else is nothing to us.
pub fn happened(model: &mut Model, event: MouseEvent) {
    let act: fn(&mut Model, Position) = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => click,
        MouseEventKind::ScrollDown => |model, at| turn(model, at, NOTCH),
        MouseEventKind::ScrollUp => |model, at| turn(model, at, -NOTCH),
        _ => return,
    };
    (model.touched, model.notice) = (true, None);
    act(model, Position { x: event.column, y: event.row });
}

fn click(model: &mut Model, at: Position) {
    if !matches!(model.layer, Layer::None) {
        return;
    }
    let Some((pane, area)) = pane_at(model, at) else { return };
    model.focus = pane;
    let line = i64::from(at.y - area.y);
    let by = match pane {
        Pane::Connections => {
            if let Some(connection) = super::view::connection_at(model, usize::from(at.y - area.y)) {
                model.set_connection(connection);
            }
            return;
        }
        Pane::List => line - (model.timeline.place(&model.store) as i64 - model.timeline.top() as i64),
        Pane::Detail => line - (model.detail.cursor as i64 - model.detail.top as i64),
    };
    // As by keys, so that nothing behind the last line is selected.
    if by != 0 {
        act(model, Action::Move(Step::Lines(by)));
    }
}

fn turn(model: &mut Model, at: Position, lines: i64) {
    match &mut model.layer {
        Layer::Help(top) => *top = top.saturating_add_signed(lines as isize),
        Layer::Diff(diff) => {
            diff.top = diff.top.saturating_add_signed(lines as isize).min(diff.lines.len().saturating_sub(1));
        }
        Layer::Menu(menu) => menu.step(lines > 0),
        Layer::Prompt(_) => {}
        Layer::None => {
            // The wheel moves what it is over, and leaves the keys where they are.
            let focus = model.focus;
            if let Some((pane, _)) = pane_at(model, at) {
                model.focus = pane;
            }
            let step =
                if model.view == View::Messages && model.focus == Pane::Connections { lines.signum() } else { lines };
            act(model, Action::Move(Step::Lines(step)));
            model.focus = focus;
        }
    }
}

/// The pane at a place, and its lines without title and heading.
fn pane_at(model: &Model, at: Position) -> Option<(Pane, Rect)> {
    let areas = model.areas();
    let below_first = |area: Rect| Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let panes = [
        (Pane::Connections, below_first(areas.connections)),
        (Pane::List, below_first(areas.list)),
        (Pane::Detail, areas.detail_lines()),
    ];
    panes.into_iter().find(|(_, area)| area.contains(at))
}

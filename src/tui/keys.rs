//! A key to what it means where the reader is: in a line that is typed, in a choice, or by the table.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, Prompt, Step, View};
use super::command;
use super::effect::Effect;
use super::keymap;
use super::menu::Choice;
use super::model::{Layer, Model, Pending, Typed};
use super::prompt::{History, PromptLine};
use super::sieve::Sieve;
use super::update::{act, selected};
use super::value;

/// Takes a key.
pub fn press(model: &mut Model, history: &mut History, key: KeyEvent) -> Option<Effect> {
    model.touched = true;
    match &model.layer {
        Layer::Prompt(_) => return typed(model, history, key),
        Layer::Menu(_) => return chosen(model, key),
        Layer::Help(_) => return read_help(model, key),
        Layer::Diff(_) => return read_diff(model, key),
        Layer::None => {}
    }
    let pending = model.pending;
    if pending != Pending::Quit {
        model.pending = Pending::None;
    }
    match pending {
        Pending::Mark | Pending::ToMark | Pending::FilterByValue => {
            model.notice = None;
            if let KeyCode::Char(letter) = key.code {
                pended(model, pending, letter);
            }
            return None;
        }
        Pending::None | Pending::Quit => {}
    }
    if let KeyCode::Char(digit @ '0'..='9') = key.code
        && key.modifiers.is_empty()
    {
        type_digit(model, digit);
        return None;
    }
    let action = keymap::action(key)?;
    if model.notice.is_some() && action != Action::Quit {
        model.notice = None;
    }
    if action != Action::Quit {
        model.pending = Pending::None;
    }
    act(model, action)
}

/// Takes pasted text.
pub fn paste(model: &mut Model, text: String) {
    if let Layer::Prompt(prompt) = &mut model.layer {
        prompt.edit(&Event::Paste(text));
        judge(model);
    }
}

/// A digit shows a view, and may belong to the number of a row: where `G` comes next, the view of before comes back.
fn type_digit(model: &mut Model, digit: char) {
    model.notice = None;
    let value = digit.to_digit(10).unwrap_or(0);
    let typed = model.typed.unwrap_or(Typed { number: 0, before: model.view });
    let view = (value as usize).checked_sub(1).and_then(|index| View::ALL.get(index));
    act(model, Action::View(view.copied().unwrap_or(typed.before)));
    model.typed = Some(Typed { number: typed.number.saturating_mul(10).saturating_add(value), ..typed });
}

fn pended(model: &mut Model, pending: Pending, letter: char) {
    match pending {
        Pending::Mark => {
            if let Some(row) = model.timeline.selected() {
                let marked = model.marks.toggle(letter, row);
                let what = if marked { "marked with" } else { "no longer marked with" };
                model.say(format!("#{} {what} {letter}", u64::from(row) + 1));
            }
        }
        Pending::ToMark => match model.marks.get(letter) {
            Some(row) => model.timeline.select(row),
            None => model.say(format!("no mark {letter}")),
        },
        Pending::FilterByValue => filter_by_value(model, letter),
        Pending::None | Pending::Quit => {}
    }
}

fn filter_by_value(model: &mut Model, how: char) {
    let Some((number, _)) = selected(model) else { return };
    let Some(term) = value::term(model, number) else {
        model.say("there is nothing here to filter by");
        return;
    };
    let before = model.timeline.listing.sieve().map(Sieve::understood);
    let text = match (how, before) {
        ('=', _) | ('&' | '|', None) => term,
        ('!', None) => format!("!({term})"),
        ('!', Some(before)) => format!("({before}) && !({term})"),
        ('&', Some(before)) => format!("({before}) && {term}"),
        ('|', Some(before)) => format!("({before}) || {term}"),
        _ => return,
    };
    set_filter(model, &text);
}

/// Lists only what an expression chooses; says where it is wrong. Whether it was not.
pub fn set_filter(model: &mut Model, text: &str) -> bool {
    match Sieve::parse(text, &model.filters) {
        Ok(sieve) => {
            model.timeline.listing.set_sieve(sieve);
            true
        }
        Err(error) => {
            model.complain(error.to_string());
            false
        }
    }
}

fn typed(model: &mut Model, history: &mut History, key: KeyEvent) -> Option<Effect> {
    let Layer::Prompt(prompt) = &mut model.layer else { return None };
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => model.layer = Layer::None,
        KeyCode::Char('c') if control => model.layer = Layer::None,
        KeyCode::Enter => return enter(model, history),
        KeyCode::Up => prompt.recall(history.of(prompt.kind), true),
        KeyCode::Down => prompt.recall(history.of(prompt.kind), false),
        KeyCode::Tab => {
            let completed = match prompt.kind {
                Prompt::Command => command::complete(prompt.text()),
                Prompt::Filter | Prompt::Containing | Prompt::Search => value::complete(prompt.text()),
            };
            if let Some(text) = completed {
                prompt.set(&text);
            }
        }
        // What was deleted to nothing is left.
        KeyCode::Backspace if prompt.text().is_empty() => model.layer = Layer::None,
        _ => prompt.edit(&Event::Key(key)),
    }
    judge(model);
    None
}

/// Says of what is typed whether it would be understood.
fn judge(model: &mut Model) {
    let Layer::Prompt(prompt) = &mut model.layer else { return };
    (prompt.error, prompt.understood) = (None, None);
    if !matches!(prompt.kind, Prompt::Filter | Prompt::Search) {
        return;
    }
    match Sieve::parse(prompt.text(), &model.filters) {
        Ok(Some(sieve)) => {
            let understood = sieve.understood();
            prompt.understood = (understood != prompt.text()).then_some(understood);
        }
        Ok(None) => {}
        Err(error) => {
            let suggestion = error.suggestion.map(|name| format!(", perhaps {name}")).unwrap_or_default();
            prompt.error = Some((format!("{}{suggestion}", error.message), error.span));
        }
    }
}

fn enter(model: &mut Model, history: &mut History) -> Option<Effect> {
    let Layer::Prompt(prompt) = &model.layer else { return None };
    let (kind, text) = (prompt.kind, prompt.text().trim().to_owned());
    // What is not understood stays to be mended.
    if prompt.error.is_some() {
        return None;
    }
    history.add(kind, &text);
    model.layer = Layer::None;
    match kind {
        Prompt::Filter => {
            set_filter(model, &text);
        }
        Prompt::Containing => {
            let term = value::containing(&text);
            let before = model.timeline.listing.sieve().map(Sieve::understood);
            let text = before.map_or_else(|| term.clone(), |before| format!("({before}) && {term}"));
            set_filter(model, &text);
        }
        Prompt::Search => {
            if let Ok(sieve) = Sieve::parse(&text, &model.filters) {
                model.search.set(sieve);
                return act(model, Action::Found(super::action::Way::Next));
            }
        }
        Prompt::Command => return command::run(model, &text),
    }
    None
}

fn chosen(model: &mut Model, key: KeyEvent) -> Option<Effect> {
    let Layer::Menu(menu) = &mut model.layer else { return None };
    let item = match key.code {
        KeyCode::Down | KeyCode::Char('j') if menu.by_key('j').is_none() => {
            menu.step(true);
            return None;
        }
        KeyCode::Up | KeyCode::Char('k') if menu.by_key('k').is_none() => {
            menu.step(false);
            return None;
        }
        KeyCode::Down => {
            menu.step(true);
            return None;
        }
        KeyCode::Up => {
            menu.step(false);
            return None;
        }
        KeyCode::Enter => menu.items.get(menu.selected).cloned(),
        KeyCode::Char(key) => menu.by_key(key).cloned(),
        _ => None,
    };
    let Some(item) = item else {
        model.layer = Layer::None;
        return None;
    };
    match item.choice {
        Choice::Column(column) => {
            let shown = !model.look.columns.has(column);
            model.look.columns.set(column, shown);
            super::menus::columns_again(model);
            None
        }
        Choice::Field(name) => {
            // It is there, so it is understood.
            let _ = model.fields.toggle(&name);
            super::menus::columns_again(model);
            None
        }
        Choice::AnyField => {
            model.layer = Layer::Prompt(PromptLine::new(Prompt::Command, "column "));
            None
        }
        Choice::Copy(bytes, what) => {
            model.layer = Layer::None;
            Some(Effect::Copy(bytes, what))
        }
        Choice::Save(save) => {
            model.layer = Layer::None;
            Some(Effect::Save(save))
        }
        Choice::Reread(connection, how) => {
            model.layer = Layer::None;
            super::menus::reread(model, connection, how);
            None
        }
    }
}

fn read_help(model: &mut Model, key: KeyEvent) -> Option<Effect> {
    let Layer::Help(top) = &mut model.layer else { return None };
    match keymap::action(key) {
        Some(Action::Move(step)) => *top = moved(*top, step),
        Some(_) | None => model.layer = Layer::None,
    }
    None
}

fn read_diff(model: &mut Model, key: KeyEvent) -> Option<Effect> {
    let Layer::Diff(diff) = &mut model.layer else { return None };
    match keymap::action(key) {
        Some(Action::Move(step)) => diff.top = moved(diff.top, step).min(diff.lines.len().saturating_sub(1)),
        Some(Action::Landmark(way) | Action::Found(way)) => {
            if let Some(at) = diff.next(way.is_next()) {
                diff.top = at;
            }
        }
        Some(_) | None => model.layer = Layer::None,
    }
    None
}

fn moved(at: usize, step: Step) -> usize {
    match step {
        Step::Lines(by) => at.saturating_add_signed(by as isize),
        Step::Halves(by) => at.saturating_add_signed(by as isize * 10),
        Step::Pages(by) => at.saturating_add_signed(by as isize * 20),
        Step::First => 0,
        Step::Last => usize::MAX / 2,
    }
}

//! Lines typed behind `:` to what they do: one table, from which they are also completed.

use super::action::Action;
use super::effect::{Effect, Save, What};
use super::keys::set_filter;
use super::look::{Column, Look, Times};
use super::menus;
use super::model::Model;
use super::reread::As;
use super::theme::{ASCII, UNICODE};
use super::update::{act, selected};
use crate::config::DecodeAs;
use crate::dissect::{PROTOCOLS, Protocol};
use crate::export::FORMATS;

/// A command.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What may stand behind it.
    pub arguments: &'static str,
    /// What it does, for the help.
    pub help: &'static str,
    run: fn(&mut Model, &str) -> Option<Effect>,
}

/// All commands; a number alone goes to the row of that number.
pub const COMMANDS: &[Command] = &[
    Command { name: "quit", arguments: "", help: "leave", run: |_, _| Some(Effect::Quit) },
    Command { name: "help", arguments: "", help: "the keys", run: |model, _| act(model, Action::Help) },
    Command {
        name: "filter",
        arguments: "[EXPRESSION|save NAME|$NAME]",
        help: "set, keep or use a filter",
        run: filter,
    },
    Command { name: "theme", arguments: "[NAME]", help: "choose colours", run: theme },
    Command { name: "times", arguments: "day|date|start|previous", help: "how times are written", run: times },
    Command { name: "column", arguments: "NAME|FIELD|json(…)", help: "show or hide a column", run: column },
    Command {
        name: "decode",
        arguments: "PROTOCOL|bytes|found|tcp.port==N,PROTOCOL",
        help: "read the connection's messages in it",
        run: decode,
    },
    Command { name: "ascii", arguments: "", help: "draw with ASCII only, or not", run: ascii },
    Command { name: "save", arguments: "FORMAT [FILE]", help: "save the listed rows", run: save },
    Command { name: "payload", arguments: "[FILE]", help: "save the payload of the row", run: payload },
    Command { name: "packets", arguments: "[FILE]", help: "save the packets of the connection", run: packets },
    Command {
        name: "settings",
        arguments: "",
        help: "keep theme, times, columns and filters for the next time",
        run: |_, _| Some(Effect::Settings),
    },
];

/// Does what was typed.
pub fn run(model: &mut Model, text: &str) -> Option<Effect> {
    let (name, arguments) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if name.is_empty() {
        return None;
    }
    if let Ok(number) = name.parse::<u32>() {
        model.timeline.select(number.saturating_sub(1));
        return None;
    }
    // As in vi, a beginning that fits is enough.
    let Some(command) = COMMANDS.iter().find(|command| command.name.starts_with(name)) else {
        model.complain(format!("no command {:?}: {}", name, names(COMMANDS.iter().map(|command| command.name))));
        return None;
    };
    (command.run)(model, arguments.trim())
}

/// The command with its name or its last word completed.
pub fn complete(text: &str) -> Option<String> {
    let Some((name, word)) = text.split_once(' ') else {
        let command = COMMANDS.iter().find(|command| command.name.starts_with(text))?;
        return Some(format!("{} ", command.name));
    };
    let found = match name {
        "theme" => Look::themes().find(|name| name.starts_with(word)),
        "save" => FORMATS.iter().map(|row| row.name).find(|name| name.starts_with(word)),
        "decode" => {
            let words = ["found", "bytes"].into_iter().chain(PROTOCOLS.iter().map(|row| row.name));
            words.into_iter().find(|name| name.starts_with(word))
        }
        "column" => match Column::ALL.map(Column::name).into_iter().find(|name| name.starts_with(word)) {
            None => return super::value::complete(text),
            found => found,
        },
        "times" => ["day", "date", "start", "previous"].into_iter().find(|name| name.starts_with(word)),
        "filter" => return super::value::complete(text),
        _ => None,
    }?;
    Some(format!("{name} {found}"))
}

fn filter(model: &mut Model, arguments: &str) -> Option<Effect> {
    if let Some(name) = arguments.strip_prefix("save ") {
        let name = name.trim().trim_start_matches('$').to_owned();
        let Some(text) = model.timeline.listing.sieve().map(|sieve| sieve.text().to_owned()) else {
            model.complain("no filter is set that could be kept");
            return None;
        };
        model.say(format!("kept as ${name}"));
        model.filters.insert(name, text);
        return Some(Effect::Settings);
    }
    if arguments.is_empty() {
        let known: Vec<_> = model.filters.iter().map(|(name, text)| format!("${name} = {text}")).collect();
        model.say(if known.is_empty() { "no filter is kept".to_owned() } else { known.join("   ") });
        return None;
    }
    if set_filter(model, arguments) {
        model.notice = None;
    }
    None
}

fn theme(model: &mut Model, name: &str) -> Option<Effect> {
    if !model.look.choose(name) {
        model.complain(format!("themes: {}", names(Look::themes())));
    }
    model.look.asks.then_some(Effect::AskBackground)
}

fn times(model: &mut Model, name: &str) -> Option<Effect> {
    model.look.times = match name {
        "day" => Times::OfDay,
        "date" => Times::WithDate,
        "start" => Times::SinceStart,
        "previous" => Times::SincePrevious,
        _ => {
            model.complain("times: day, date, start, previous");
            return None;
        }
    };
    None
}

fn column(model: &mut Model, name: &str) -> Option<Effect> {
    if let Some(column) = Column::ALL.into_iter().find(|column| column.name() == name) {
        let shown = !model.look.columns.has(column);
        model.look.columns.set(column, shown);
    } else if name.is_empty() {
        let known = names(Column::ALL.into_iter().map(Column::name));
        model.complain(format!("columns: {known}, a field of filters, or json(…)"));
    } else {
        match model.fields.toggle(name) {
            Ok(_) => {}
            Err(reason) => model.complain(reason),
        }
    }
    None
}

fn decode(model: &mut Model, name: &str) -> Option<Effect> {
    if name.starts_with("tcp.port") {
        let rule = DecodeAs::parse(name).and_then(|rule| model.reread.check(&rule).map(|()| rule));
        return match rule {
            Ok(rule) => Some(Effect::ReadAgain(rule)),
            Err(reason) => {
                model.complain(reason);
                None
            }
        };
    }
    let protocol = Protocol::named(name.split(':').next().unwrap_or_default());
    let how = match (name, protocol) {
        ("found", _) => As::Found,
        ("bytes", _) => As::Bytes,
        (_, Some(_)) => As::Protocol(name.to_owned()),
        (_, None) => {
            model.complain(format!("protocols: found, bytes, {}", names(PROTOCOLS.iter().map(|row| row.name))));
            return None;
        }
    };
    match menus::chosen(model) {
        Some(connection) => menus::reread(model, connection, how),
        None => model.complain("no connection is selected"),
    }
    None
}

fn ascii(model: &mut Model, _: &str) -> Option<Effect> {
    model.look.glyphs = if model.look.glyphs == ASCII { UNICODE } else { ASCII };
    None
}

fn save(model: &mut Model, arguments: &str) -> Option<Effect> {
    let (name, path) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let Some(row) = FORMATS.iter().find(|row| row.name == name) else {
        model.complain(format!("formats: {}", names(FORMATS.iter().map(|row| row.name))));
        return None;
    };
    Some(Effect::Save(Save { what: What::Listed(row.name), path: given(path) }))
}

fn payload(model: &mut Model, path: &str) -> Option<Effect> {
    let (number, _) = selected(model)?;
    Some(Effect::Save(Save { what: What::Payload(number), path: given(path) }))
}

fn packets(model: &mut Model, path: &str) -> Option<Effect> {
    let (_, row) = selected(model)?;
    Some(Effect::Save(Save { what: What::Packets(row.connection.into()), path: given(path) }))
}

fn given(path: &str) -> Option<String> {
    let path = path.trim();
    (!path.is_empty()).then(|| path.to_owned())
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arguments_are_completed() {
        for (typed, completed) in [("th", "theme "), ("theme li", "theme light"), ("save js", "save jsonl")] {
            assert_eq!(complete(typed).as_deref(), Some(completed));
        }
        assert_eq!(complete("theme nothing"), None);
    }
}

//! The choices that the screen offers: what to copy, what to save, which columns.

use crate::dissect::PROTOCOLS;
use crate::event::{ConnectionId, Event};
use crate::export::FORMATS;

use super::doc::payload_of;
use super::effect::{Effect, Save, What};
use super::look::Column;
use super::menu::{Choice, Item, Menu};
use super::model::{Layer, Model, Pane};
use super::reread::As;
use super::show;
use super::update::selected;

/// Copies the value under the cursor, or the payload.
pub fn copy_at_once(model: &mut Model) -> Option<Effect> {
    if model.focus == Pane::Detail
        && let Some((path, value)) = model.detail.doc.as_ref().and_then(|doc| doc.value(model.detail.cursor))
    {
        let path = show::escaped(&path);
        return Some(Effect::Copy(unquoted(value).into_bytes(), format!("the value of {path}")));
    }
    match whole_event(model) {
        Some(event) => payload_of(&event.body)
            .map(|payload| Effect::Copy(payload.bytes.clone(), "the payload".to_owned()))
            .or_else(|| Some(Effect::Copy(show::preview(&event).into_bytes(), "the line".to_owned()))),
        None => {
            model.say("nothing to copy");
            None
        }
    }
}

/// Offers what can be copied.
pub fn copy(model: &mut Model) {
    let Some(event) = whole_event(model) else {
        model.say("nothing to copy");
        return;
    };
    let mut items = Vec::new();
    let mut offer = |key, label: &str, bytes: Vec<u8>| {
        let choice = Choice::Copy(bytes, label.to_owned());
        items.push(Item { key, label: label.to_owned(), choice });
    };
    if let Some(payload) = payload_of(&event.body) {
        use base64::Engine as _;
        offer('p', "the payload as it is", payload.bytes.clone());
        let hex: String = payload.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        offer('x', "the payload in hex", hex.into_bytes());
        let base64 = base64::engine::general_purpose::STANDARD.encode(&payload.bytes);
        offer('b', "the payload in base64", base64.into_bytes());
    }
    if let Some((path, value)) = model.detail.doc.as_ref().and_then(|doc| doc.value(model.detail.cursor)) {
        offer('v', "the value under the cursor", unquoted(value).into_bytes());
        offer('j', "its path, for jq", path.into_bytes());
    }
    if let Some(connection) = model.store.connection(event.connection).filter(|known| !known.uri.is_empty()) {
        offer('u', "the URI of the connection", connection.uri.as_bytes().to_vec());
        offer('w', "a websocat command for it", websocat(connection).into_bytes());
    }
    offer('r', "the JSON record", record(&event, model));
    model.layer = Layer::Menu(Menu::new("copy", items));
}

/// Offers what can be saved.
pub fn export(model: &mut Model) {
    let mut items = Vec::new();
    let mut offer = |key, label: String, what| {
        items.push(Item { key, label, choice: Choice::Save(Save { what, path: None }) });
    };
    let listed = model.timeline.listing.len(&model.store) as u64;
    for (key, row) in ['j', 'a', 't', 'h', 'c', 'k'].into_iter().zip(FORMATS) {
        offer(
            key,
            format!("{} as {}: {}", show::counted(listed, "listed row", "listed rows"), row.name, row.about),
            What::Listed(row.name),
        );
    }
    let marked = model.marks.iter().count() as u64;
    if marked > 0 {
        offer('m', format!("{} as jsonl", show::counted(marked, "marked row", "marked rows")), What::Marked("jsonl"));
    }
    if let Some((number, row)) = selected(model) {
        let connection = u64::from(row.connection);
        offer('1', format!("all rows of connection {connection} as jsonl"), What::Connection(connection, "jsonl"));
        offer('p', format!("the payload of #{}", u64::from(number) + 1), What::Payload(number));
        if !model.reading.live {
            offer('w', format!("the packets of connection {connection} as pcapng"), What::Packets(connection));
        }
    }
    if items.is_empty() {
        model.say("nothing to save yet");
    } else {
        model.layer = Layer::Menu(Menu::new("save", items));
    }
}

/// Saves the packets of the connection of the selected row.
pub fn packets(model: &mut Model) -> Option<Effect> {
    let Some((_, row)) = selected(model) else {
        model.say("nothing is selected");
        return None;
    };
    if model.reading.live {
        let said = match &model.reading.kept {
            Some(path) => {
                let path = show::escaped(&path.display().to_string());
                format!("the packets are in {path}: wireshark {path}, or wscope {path} and W there")
            }
            None => "packets of a live capture are kept with -w FILE, from the start".to_owned(),
        };
        model.say(said);
        return None;
    }
    Some(Effect::Save(Save { what: What::Packets(row.connection.into()), path: None }))
}

/// Offers the columns.
pub fn columns(model: &mut Model) {
    let item = |(index, column): (usize, Column)| Item {
        key: char::from_digit(index as u32 + 1, 10).unwrap_or('-'),
        label: format!("[{}] {}", if model.look.columns.has(column) { "x" } else { " " }, column.name()),
        choice: Choice::Column(column),
    };
    let mut items: Vec<_> = Column::ALL.into_iter().enumerate().map(item).collect();
    items.extend(model.fields.names().zip('a'..='i').map(|(name, key)| Item {
        key,
        label: format!("[x] {}", show::escaped(name)),
        choice: Choice::Field(name.to_owned()),
    }));
    items.push(Item { key: '+', label: "    a field, or json(…)".to_owned(), choice: Choice::AnyField });
    model.layer = Layer::Menu(Menu::new("columns, where there is room", items));
}

/// Offers them again, at the same place.
pub fn columns_again(model: &mut Model) {
    let selected = match &model.layer {
        Layer::Menu(menu) => menu.selected,
        Layer::None | Layer::Help(_) | Layer::Prompt(_) | Layer::Diff(_) => 0,
    };
    columns(model);
    if let Layer::Menu(menu) = &mut model.layer {
        menu.selected = selected;
    }
}

/// Offers the protocols that the messages of a connection can be read in.
pub fn protocols(model: &mut Model) {
    let Some(connection) = chosen(model) else {
        model.say("no connection is selected");
        return;
    };
    let how = model.reread.how(connection);
    let item = |key, label: &str, choice: As| {
        let mark = if choice == *how { "*" } else { " " };
        Item { key, label: format!("{mark} {label}"), choice: Choice::Reread(connection, choice) }
    };
    let mut items = vec![item('0', "as what is found", As::Found), item('-', "as bytes", As::Bytes)];
    // Without those that move, and the one that leaves.
    let letters = ('a'..='z').filter(|letter| !matches!(letter, 'j' | 'k' | 'q'));
    items.extend(
        letters
            .zip(PROTOCOLS)
            .map(|(key, row)| item(key, &format!("{:<12} {}", row.name, row.about), As::Protocol(row.name.to_owned()))),
    );
    model.layer = Layer::Menu(Menu::new(format!("read connection {connection}"), items));
}

/// Reads the messages of a connection in another way.
pub fn reread(model: &mut Model, connection: ConnectionId, how: As) {
    let said = match &how {
        As::Found => "as what is found".to_owned(),
        As::Bytes => "as bytes".to_owned(),
        As::Protocol(protocol) => format!("as {protocol}"),
    };
    match model.reread.begin(&model.store, connection, how) {
        Ok(()) => model.say(format!("connection {connection} is read {said}")),
        Err(reason) => model.complain(reason),
    }
}

/// The connection that is listed, or that of the selected row.
pub fn chosen(model: &Model) -> Option<ConnectionId> {
    match model.connection() {
        0 => selected(model).map(|(_, row)| row.connection.into()),
        connection => Some(connection),
    }
}

fn whole_event(model: &Model) -> Option<Event> {
    model.store.event(selected(model)?.0).ok()
}

/// A JSON text without its quotes and escapes; anything else as it is.
fn unquoted(value: &str) -> String {
    serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned())
}

/// The event as the JSON record of `wscope export --per message`.
fn record(event: &Event, model: &Model) -> Vec<u8> {
    let mut out = Vec::new();
    crate::export::record::Records::new(crate::config::Per::Message).event(event, model.store.started(), &mut out);
    out
}

fn websocat(connection: &crate::store::Connection) -> String {
    let quoted = |text: &str| format!("'{}'", show::escaped(text).replace('\'', "'\\''"));
    let subprotocol = connection.subprotocol.as_deref();
    let protocol = subprotocol.map(|name| format!("--protocol {} ", quoted(name))).unwrap_or_default();
    format!("websocat {protocol}{}", quoted(&connection.uri))
}

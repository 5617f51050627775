//! One event to the lines of the detail pane: what is odd first, then the payload in one of its forms.

use crate::anomaly::Anomaly;
use crate::dissect::decoded::{self, Decoded, Reply};
use crate::event::{Body, Event};
use crate::export::json::Json as _;
use crate::payload::Payload;
use crate::store::Gone;

use super::bits;
use super::form::{self, Form};
use super::heads::{self, ink_of};
use super::ink::{Ink, Inked};
use super::json::{Node, Tree, Value};
use super::show;
use super::theme::Glyphs;

/// Links of one message that are shown; batches have many.
const LINKS: usize = 16;

/// What the detail pane shows of an event.
#[derive(Debug)]
pub struct Doc {
    event: Result<Event, Gone>,
    head: Vec<Inked>,
    body: Shown,
}

/// The payload in the form it is shown in.
#[derive(Debug)]
enum Shown {
    Nothing,
    /// Lines as they are.
    Lines(Vec<Inked>),
    /// A tree of this text.
    Tree(Box<Tree>, Source),
    /// Where each line of the text begins and ends.
    Text(Vec<(usize, usize)>),
    /// Bytes of each line.
    Hex(usize),
}

/// The JSON that a tree was made of, and what it is.
#[derive(Debug)]
enum Source {
    /// The payload from this byte on.
    Payload(usize),
    /// The one value that a payload format has: MessagePack, CBOR, NDJSON, XML.
    Value(String),
    /// What a sub-protocol's dissector made of the message.
    Decoded(String),
}

impl Doc {
    /// What is to be shown of an event, for lines of `columns` columns.
    pub fn new(event: Result<Event, Gone>, form: Form, columns: usize, glyphs: &Glyphs) -> Self {
        let (head, body) = match &event {
            Err(gone) => (vec![Inked::of(Ink::Warning, gone.to_string())], Shown::Nothing),
            Ok(event) => shown(event, form, columns, glyphs),
        };
        Self { event, head, body }
    }

    /// The event.
    pub fn event(&self) -> Option<&Event> {
        self.event.as_ref().ok()
    }

    /// Its payload, where it has one.
    pub fn payload(&self) -> Option<&Payload> {
        payload_of(&self.event()?.body)
    }

    /// How many lines there are.
    pub fn line_count(&self) -> usize {
        let bytes = || self.payload().map_or(0, |payload| payload.bytes.len());
        self.head.len()
            + match &self.body {
                Shown::Nothing => 0,
                Shown::Lines(lines) => lines.len(),
                Shown::Tree(tree, _) => tree.line_count(),
                Shown::Text(lines) => lines.len(),
                Shown::Hex(each) => bytes().div_ceil(*each),
            }
    }

    /// A line by its number, from 0.
    pub fn line(&self, number: usize, glyphs: &Glyphs) -> Option<Inked> {
        let Some(at) = number.checked_sub(self.head.len()) else { return self.head.get(number).cloned() };
        let bytes = || self.payload().map(|payload| &payload.bytes[..]);
        match &self.body {
            Shown::Nothing => None,
            Shown::Lines(lines) => lines.get(at).cloned(),
            Shown::Tree(tree, source) => Some(tree_line(tree.line(at)?, self.source(source)?, glyphs)),
            Shown::Text(lines) => {
                let &(start, end) = lines.get(at)?;
                let text = String::from_utf8_lossy(bytes()?.get(start..end)?).into_owned();
                Some(Inked::of(Ink::Plain, show::line(&text)))
            }
            Shown::Hex(each) => form::hex_line(bytes()?, at, *each),
        }
    }

    /// Whether it is a tree, whose lines can be folded.
    pub fn is_tree(&self) -> bool {
        matches!(self.body, Shown::Tree(..))
    }

    /// The first line behind what is odd.
    pub fn body_start(&self) -> usize {
        self.head.len()
    }

    /// Folds, unfolds or toggles at a line of a tree; the line where the cursor stands then.
    pub fn fold(&mut self, number: usize, fold: Option<bool>) -> usize {
        let head = self.head.len();
        match (&mut self.body, number.checked_sub(head)) {
            (Shown::Tree(tree, _), Some(at)) => head + tree.fold(at, fold),
            _ => number,
        }
    }

    /// Folds or unfolds all of a tree.
    pub fn fold_all(&mut self, fold: bool) {
        if let Shown::Tree(tree, _) = &mut self.body {
            tree.fold_all(fold);
        }
    }

    /// Path and text of the value at a line of a tree.
    pub fn value(&self, number: usize) -> Option<(String, &str)> {
        let Shown::Tree(tree, source) = &self.body else { return None };
        let text = self.source(source)?;
        let at = number.checked_sub(self.head.len())?;
        Some((tree.path(at, text), text.get(tree.value(at)?)?))
    }

    /// A filter that is true where the value at a line of a tree stands at its place; `None` where none can ask that.
    pub fn term(&self, number: usize) -> Option<String> {
        let Shown::Tree(_, source) = &self.body else { return None };
        let (path, value) = self.value(number)?;
        let json = || format!("json({path} == {value})");
        match source {
            Source::Payload(0) | Source::Value(_) => Some(json()),
            // The digits before it make it no JSON to a filter.
            Source::Payload(_) => None,
            Source::Decoded(_) => {
                let Body::Message(message) = &self.event()?.body else { return None };
                let name = path.strip_prefix('.').filter(|name| !name.contains(['.', '[', '"']))?;
                let protocol = &message.decoded.as_ref()?.protocol;
                match name {
                    "protocol" => Some(format!("ws.proto == {value}")),
                    _ => Some(format!("{protocol}.{name} == {value}")),
                }
            }
        }
    }

    fn source<'a>(&'a self, source: &'a Source) -> Option<&'a str> {
        match source {
            Source::Payload(start) => str::from_utf8(self.payload()?.bytes.get(*start..)?).ok(),
            Source::Value(text) | Source::Decoded(text) => Some(text),
        }
    }
}

/// The payload of an event, where it has one.
pub fn payload_of(body: &Body) -> Option<&Payload> {
    match body {
        Body::Message(message) => Some(&message.payload),
        Body::Frame(frame) => Some(&frame.payload),
        Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => None,
    }
}

/// An anomaly as a line.
pub fn anomaly_line(anomaly: &Anomaly) -> Inked {
    let rule = anomaly.code.rule();
    let side = anomaly.side.map(|side| format!("{} ", side.sender())).unwrap_or_default();
    let line = Inked::of(ink_of(rule.severity), format!("! {} {side}{} ", rule.severity.name(), rule.name));
    line.and(Ink::Dim, format!("[{}] ", rule.reference)).and(Ink::Plain, show::escaped(&anomaly.to_string()))
}

fn shown(event: &Event, form: Form, columns: usize, glyphs: &Glyphs) -> (Vec<Inked>, Shown) {
    let wrapped = |line: Inked| line.wrapped(columns, 2);
    if let Body::Handshake(handshake) = &event.body {
        return (Vec::new(), Shown::Lines(heads::lines(handshake, glyphs, columns)));
    }
    let mut head: Vec<_> = event.body.anomalies().iter().take(64).map(anomaly_line).flat_map(wrapped).collect();
    let body = match &event.body {
        Body::Message(message) if form == Form::Frames => Shown::Lines(bits::of_message(message)),
        Body::Frame(frame) if form == Form::Frames => Shown::Lines(bits::of_frame(frame)),
        Body::Message(message) => payload(&message.payload, message.decoded.as_deref(), form, columns),
        Body::Frame(frame) => {
            if let Some(close) = &frame.close {
                let code = close.code.map_or_else(String::new, |code| format!("{code} "));
                let line = Inked::of(Ink::Number, code).and(Ink::Plain, close.name());
                head.push(line.and(Ink::Text, format!("  {}", show::escaped(&close.reason))));
            }
            payload(&frame.payload, None, form, columns)
        }
        Body::Closed(closed) => {
            let mut lines = vec![Inked::of(Ink::Title, show::preview(event))];
            for (side, tally) in [("client", closed.tally.to_server), ("server", closed.tally.to_client)] {
                lines.push(Inked::of(Ink::Dim, format!("{side}  ")).and(
                    Ink::Plain,
                    format!(
                        "{} in {}, payload {} bytes on the wire, {} inflated, {} of stream, {} missing, {}",
                        show::counted(tally.messages, "message", "messages"),
                        show::counted(tally.frames, "frame", "frames"),
                        show::count(tally.payload_bytes),
                        show::count(tally.bytes),
                        show::count(tally.wire_bytes),
                        show::count(tally.missing),
                        show::counted(tally.anomalies, "anomaly", "anomalies"),
                    ),
                ));
            }
            Shown::Lines(lines.into_iter().flat_map(wrapped).collect())
        }
        Body::Gap(_) | Body::Notice(_) | Body::Handshake(_) => Shown::Nothing,
    };
    head.extend(links(&event.body).flat_map(wrapped));
    if let Some(payload) = payload_of(&event.body) {
        head.extend(holes(payload).into_iter().flat_map(wrapped));
    }
    (head, body)
}

/// Which requests a message answers.
fn links(body: &Body) -> impl Iterator<Item = Inked> {
    let decoded = match body {
        Body::Message(message) => message.decoded.as_deref(),
        Body::Frame(_) | Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => None,
    };
    let units = decoded.into_iter().flat_map(|decoded| &decoded.units);
    units.filter_map(|unit| unit.reply.as_ref()).take(LINKS).map(
        |Reply { direction, message, method, latency, .. }| {
            let text = format!("answers message {message} of the {}, {}", direction.sender(), show::escaped(method));
            Inked::of(Ink::Dim, text).and(Ink::Number, format!("  after {}", show::duration(*latency)))
        },
    )
}

/// What of a payload is not there.
fn holes(payload: &Payload) -> Option<Inked> {
    let kept = payload.bytes.len() as u64;
    if payload.is_cut() {
        let text = format!("the first {} of {} bytes are kept", show::count(kept), show::count(payload.length));
        return Some(Inked::of(Ink::Warning, text));
    }
    let (at, length) = payload.holes.first()?;
    let more =
        if payload.holes.len() > 1 { format!(", and {} more holes", payload.holes.len() - 1) } else { String::new() };
    Some(Inked::of(Ink::Warning, format!("{} bytes are missing at byte {at}{more}", show::count(*length))))
}

fn payload(payload: &Payload, decoded: Option<&Decoded>, form: Form, columns: usize) -> Shown {
    let bytes = &payload.bytes;
    if bytes.is_empty() {
        return Shown::Lines(vec![Inked::of(Ink::Dim, "no payload")]);
    }
    let hex = Shown::Hex(form::hex_bytes(columns));
    match form {
        Form::Tree => match tree(bytes).or_else(|| decoded.and_then(tree_of)) {
            Some((tree, source)) => Shown::Tree(Box::new(tree), source),
            None if form::is_readable(bytes) => Shown::Text(form::text_lines(bytes, columns)),
            None => hex,
        },
        Form::Text => Shown::Text(form::text_lines(bytes, columns)),
        Form::Raw => Shown::Lines(form::raw_lines(bytes, columns)),
        Form::Hex | Form::Frames => hex,
    }
}

/// The tree of what was decoded: its one value where it is a payload format, else all that the protocol says.
fn tree_of(decoded: &Decoded) -> Option<(Tree, Source)> {
    if let [unit] = &decoded.units[..]
        && let [(name, decoded::Value::Json(text))] = &unit.fields[..]
        && name == "value"
        && let Some(tree) = Tree::parse(text)
    {
        return Some((tree, Source::Value(text.to_string())));
    }
    let mut out = Vec::new();
    decoded.write(&mut out);
    let text = String::from_utf8(out).ok()?;
    Tree::parse(&text).map(|tree| (tree, Source::Decoded(text)))
}

/// The tree of a payload, and where its text begins: some protocols put a few digits before it (Socket.IO).
fn tree(bytes: &[u8]) -> Option<(Tree, Source)> {
    let text = str::from_utf8(bytes).ok()?;
    let start = text.bytes().take(16).take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':')).count();
    Tree::parse(&text[start..]).map(|tree| (tree, Source::Payload(start)))
}

fn tree_line(node: &Node, text: &str, glyphs: &Glyphs) -> Inked {
    let indent = "  ".repeat(node.depth.min(64).into());
    let fold = match node.value {
        Value::Open { folded: true, .. } => glyphs.folded,
        Value::Open { .. } => glyphs.unfolded,
        Value::Scalar(_) | Value::Close { .. } => " ",
    };
    let mut line = Inked::of(Ink::Dim, format!("{indent}{fold} "));
    if let Some(name) = &node.name {
        line = line.and(Ink::Name, show::line(&text[name.clone()])).and(Ink::Plain, ": ");
    } else if let Some(index) = node.index {
        line = line.and(Ink::Dim, format!("{index}: "));
    }
    match &node.value {
        Value::Scalar(range) => {
            let value = &text[range.clone()];
            let ink = if value.starts_with('"') { Ink::Text } else { Ink::Number };
            // A line is cut where the pane ends; what lies far behind need not be looked at.
            let end = value.char_indices().nth(4096).map_or(value.len(), |(at, _)| at);
            line.and(ink, show::line(&value[..end]))
        }
        Value::Open { object, items, folded, .. } => {
            let (open, close) = if *object { ("{", "}") } else { ("[", "]") };
            let line = line.and(Ink::Plain, open);
            if *folded || *items == 0 {
                let inside = if *items == 0 { String::new() } else { format!(" {items} ") };
                line.and(Ink::Dim, inside).and(Ink::Plain, close)
            } else {
                line.and(Ink::Dim, format!(" {items}"))
            }
        }
        Value::Close { object } => line.and(Ink::Plain, if *object { "}" } else { "]" }),
    }
}

//! One event to the lines of the detail pane: what is odd first, then the payload in one of its forms.

use crate::anomaly::Anomaly;
use crate::event::{Body, Event, Frame, FrameHeader, Message};
use crate::export::escape::is_unsafe;
use crate::payload::Payload;
use crate::store::Gone;

use super::bits::Bits;
use super::heads::{self, ink_of};
use super::ink::{Ink, Inked, end_within};
use super::json::{Node, Tree, Value};
use super::show;
use super::theme::Glyphs;

/// The form in which a payload is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// As a tree, where it is JSON; as text or bytes where it is not.
    #[default]
    Tree,
    /// As text, line by line.
    Text,
    /// As bytes.
    Hex,
    /// As one string with all that is odd written out.
    Raw,
    /// Not at all: the headers of the frames, bit by bit.
    Frames,
}

impl Form {
    /// All of them, in the order in which `v` goes through them.
    pub const ALL: [Self; 5] = [Self::Tree, Self::Text, Self::Hex, Self::Raw, Self::Frames];

    /// `tree`, `text`, `hex`, `raw` or `frames`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Text => "text",
            Self::Hex => "hex",
            Self::Raw => "raw",
            Self::Frames => "frames",
        }
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|&form| form == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// Bytes of a line of hex where there is room for them, and columns that they take then.
const HEX: usize = 16;
const HEX_COLUMNS: usize = 74;
/// Wrapped lines of one payload at most; behind them it is said how much more there is.
const LINES: usize = 1 << 20;

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
    /// A tree; the text behind it begins at this byte of the payload.
    Tree(Box<Tree>, usize),
    /// Where each line of the text begins and ends.
    Text(Vec<(usize, usize)>),
    /// Bytes of each line.
    Hex(usize),
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
            Shown::Tree(tree, start) => {
                Some(tree_line(tree.line(at)?, str::from_utf8(bytes()?.get(*start..)?).ok()?, glyphs))
            }
            Shown::Text(lines) => {
                let &(start, end) = lines.get(at)?;
                let text = String::from_utf8_lossy(bytes()?.get(start..end)?).into_owned();
                Some(Inked::of(Ink::Plain, show::line(&text)))
            }
            Shown::Hex(each) => hex_line(bytes()?, at, *each),
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
        let Shown::Tree(tree, start) = &self.body else { return None };
        let text = str::from_utf8(self.payload()?.bytes.get(*start..)?).ok()?;
        let at = number.checked_sub(self.head.len())?;
        Some((tree.path(at, text), text.get(tree.value(at)?)?))
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

/// Facts about an event, label and value: for the wide screen.
pub fn facts(event: &Event) -> Vec<(&'static str, String)> {
    let mut facts = vec![("time", show::time_of_day(event.time()))];
    let (first, last) = (event.span.first.packet, event.span.last.packet);
    let packets = if first == last { first.to_string() } else { format!("{first}..{last}") };
    facts.push(("packets", packets));
    match &event.body {
        Body::Message(message) => facts.extend(facts_of_message(message)),
        Body::Frame(frame) => facts.extend(facts_of_frame(frame)),
        Body::Gap(gap) => {
            facts.push(("from", gap.direction.sender().to_owned()));
            facts.push(("stream", format!("offset {}, {}", gap.offset, show::counted(gap.length, "byte", "bytes"))));
        }
        Body::Handshake(_) | Body::Notice(_) | Body::Closed(_) => {}
    }
    facts
}

fn facts_of_message(message: &Message) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("from", format!("{}, message {}", message.direction.sender(), message.number)),
        ("frames", format!("{}, stream offset {}", message.frames, message.offset)),
    ];
    let (wire, length) = (message.payload_length, message.payload.length);
    if message.compressed && message.complete && wire > 0 {
        let ratio = length as f64 / wire as f64;
        facts.push(("size", format!("{} inflated to {} bytes ({ratio:.1}x)", show::count(wire), show::count(length))));
    } else {
        facts.push(("size", show::counted(length, "byte", "bytes")));
    }
    if !message.complete {
        let missing = show::counted(message.missing, "byte", "bytes");
        facts.push(("incomplete", format!("{missing} not captured")));
    }
    facts
}

fn facts_of_frame(frame: &Frame) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("from", format!("{}, frame {}, stream offset {}", frame.direction.sender(), frame.number, frame.offset)),
        ("size", show::counted(frame.header.payload_length, "byte", "bytes")),
    ];
    if frame.missing > 0 {
        facts.push(("incomplete", format!("{} not captured", show::counted(frame.missing, "byte", "bytes"))));
    }
    if let Some(rtt) = frame.rtt {
        facts.push(("answered", format!("after {}", show::duration(rtt))));
    }
    facts
}

fn shown(event: &Event, form: Form, columns: usize, glyphs: &Glyphs) -> (Vec<Inked>, Shown) {
    let wrapped = |line: Inked| line.wrapped(columns, 2);
    if let Body::Handshake(handshake) = &event.body {
        return (Vec::new(), Shown::Lines(heads::lines(handshake, glyphs, columns)));
    }
    let mut head: Vec<_> = event.body.anomalies().iter().take(64).map(anomaly_line).flat_map(wrapped).collect();
    let body = match &event.body {
        Body::Message(message) if form == Form::Frames => Shown::Lines(frames(message)),
        Body::Frame(frame) if form == Form::Frames => Shown::Lines(frame_lines(frame)),
        Body::Message(message) => payload(&message.payload, form, columns),
        Body::Frame(frame) => {
            if let Some(close) = &frame.close {
                let code = close.code.map_or_else(String::new, |code| format!("{code} "));
                let line = Inked::of(Ink::Number, code).and(Ink::Plain, close.name());
                head.push(line.and(Ink::Text, format!("  {}", show::escaped(&close.reason))));
            }
            payload(&frame.payload, form, columns)
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
    if let Some(payload) = payload_of(&event.body) {
        head.extend(holes(payload).into_iter().flat_map(wrapped));
    }
    (head, body)
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

fn payload(payload: &Payload, form: Form, columns: usize) -> Shown {
    let bytes = &payload.bytes;
    if bytes.is_empty() {
        return Shown::Lines(vec![Inked::of(Ink::Dim, "no payload")]);
    }
    let hex = Shown::Hex(if columns < HEX_COLUMNS { HEX / 2 } else { HEX });
    match form {
        Form::Tree => match tree(bytes) {
            Some((tree, start)) => Shown::Tree(Box::new(tree), start),
            None if is_readable(bytes) => Shown::Text(text_lines(bytes, columns)),
            None => hex,
        },
        Form::Text => Shown::Text(text_lines(bytes, columns)),
        Form::Raw => Shown::Lines(raw_lines(bytes, columns)),
        Form::Hex | Form::Frames => hex,
    }
}

/// The tree of a payload, and where its text begins: some protocols put a few digits before it (Socket.IO).
fn tree(bytes: &[u8]) -> Option<(Tree, usize)> {
    let text = str::from_utf8(bytes).ok()?;
    let start = text.bytes().take(16).take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':')).count();
    Tree::parse(&text[start..]).map(|tree| (tree, start))
}

fn is_readable(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| !text.chars().take(512).any(|c| is_unsafe(c) && !c.is_ascii_whitespace()))
}

fn text_lines(bytes: &[u8], columns: usize) -> Vec<(usize, usize)> {
    let columns = columns.max(8);
    let mut lines = Vec::new();
    let mut start = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let end = start + line.len();
        let mut visible = end - usize::from(line.ends_with(b"\n"));
        visible -= usize::from(bytes[start..visible].ends_with(b"\r"));
        let mut at = start;
        loop {
            let cut = wrap(&bytes[at..visible], columns);
            lines.push((at, at + cut));
            at += cut;
            if at >= visible || lines.len() >= LINES {
                break;
            }
        }
        start = end;
        if lines.len() >= LINES {
            break;
        }
    }
    lines
}

/// Bytes of the line that fit in the columns, written as `show::line` does.
fn wrap(line: &[u8], columns: usize) -> usize {
    // Each byte takes at least a quarter of a column, as no character has more than four.
    let beginning = &line[..line.len().min(columns * 4 + 4)];
    let text = match str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default(),
        // Bytes that are no text are shown by one replacement character each.
        Err(_) => return 1.min(line.len()),
    };
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let mut bytes = [0; 4];
        used += show::columns(&show::line(c.encode_utf8(&mut bytes)));
        if used > columns && at > 0 {
            return at;
        }
    }
    text.len()
}

fn raw_lines(bytes: &[u8], columns: usize) -> Vec<Inked> {
    let mut escaped = String::new();
    for chunk in bytes.utf8_chunks() {
        escaped.push_str(&show::escaped(chunk.valid()));
        for byte in chunk.invalid() {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    let mut lines = Vec::new();
    let mut rest = escaped.as_str();
    while !rest.is_empty() && lines.len() < LINES {
        let (line, behind) = rest.split_at(end_within(rest, columns.max(8)));
        lines.push(Inked::of(Ink::Plain, line));
        rest = behind;
    }
    lines
}

fn hex_line(bytes: &[u8], number: usize, each: usize) -> Option<Inked> {
    let start = number * each;
    let row = bytes.get(start..bytes.len().min(start + each)).filter(|row| !row.is_empty())?;
    let mut hex = String::new();
    for at in 0..each {
        if at == HEX / 2 {
            hex.push(' ');
        }
        hex.push_str(&row.get(at).map_or_else(|| "   ".to_owned(), |byte| format!("{byte:02x} ")));
    }
    let ascii: String =
        row.iter().map(|&byte| if matches!(byte, 0x20..0x7f) { char::from(byte) } else { '.' }).collect();
    Some(Inked::of(Ink::Dim, format!("{start:06x}  ")).and(Ink::Number, hex).and(Ink::Plain, format!(" {ascii}")))
}

fn frames(message: &Message) -> Vec<Inked> {
    let mut lines = Vec::new();
    for (index, FrameHeader { number, offset, header }) in message.headers.iter().enumerate() {
        if index > 0 {
            lines.push(Inked::default());
        }
        let place = format!("frame {} of {}", index + 1, message.frames);
        lines.push(
            Inked::of(Ink::Title, place)
                .and(Ink::Dim, format!("  number {number} of its side, stream offset {offset}")),
        );
        let direction = message.direction;
        lines.extend(Bits { header, direction, compressed: message.compressed, truncated: false }.lines());
    }
    let more = message.frames - message.headers.len() as u64;
    if more > 0 {
        lines.push(Inked::of(
            Ink::Dim,
            format!("the headers of {} more are not kept", show::counted(more, "frame", "frames")),
        ));
    }
    lines
}

fn frame_lines(frame: &Frame) -> Vec<Inked> {
    let title = Inked::of(Ink::Title, format!("frame {} of the {}", frame.number, frame.direction.sender()));
    let mut lines = vec![title.and(Ink::Dim, format!("  stream offset {}", frame.offset))];
    let bits = Bits {
        header: &frame.header,
        direction: frame.direction,
        compressed: frame.compressed,
        truncated: frame.truncated,
    };
    lines.extend(bits.lines());
    lines
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

//! STOMP 1.0 to 1.2 frames and heart-beats; a frame may take several messages.
//!
//! <https://stomp.github.io/stomp-specification-1.2.html>

use std::borrow::Cow;

use memchr::memchr;

use super::decoded::{Begin, Unit, Value};
use super::json;
use super::pending::Key;
use super::stream::{Cut, Framing, Stream};
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target};
use crate::anomaly::{Code, Detail};
use crate::config::Limits;
use crate::duplex::{Direction, Duplex};

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "stomp",
    about: "STOMP 1.0-1.2",
    subprotocols: &["v10.stomp", "v11.stomp", "v12.stomp", "stomp"],
    target: no_target,
    begins: b"CSUANBDMRE",
    probe,
    make: |opening| Box::new(Stomp::new(opening.late)),
    lasting: true,
    format: false,
    malformed: Code::StompMalformed,
    fields: &[
        ("command", "command of the frame"),
        ("headers", "all headers, as pairs of name and value"),
        ("body", "body of the frame"),
        ("destination", "destination header"),
        ("subscription", "subscription header, or the id of SUBSCRIBE and UNSUBSCRIBE"),
        ("receipt", "receipt header"),
        ("receipt_id", "receipt-id header"),
        ("message_id", "message-id header"),
        ("content_type", "content-type header"),
        ("transaction", "transaction header"),
        ("version", "version or accept-version header"),
        ("heart_beat", "heart-beat header"),
        ("message", "message header of ERROR"),
    ],
};

/// Headers that are fields of their own; of a header that stands twice the first counts (1.2, "Repeated Header Entries").
const NAMED: &[(&str, &str)] = &[
    ("destination", "destination"),
    ("subscription", "subscription"),
    ("receipt", "receipt"),
    ("receipt-id", "receipt_id"),
    ("message-id", "message_id"),
    ("content-type", "content_type"),
    ("transaction", "transaction"),
    ("version", "version"),
    ("accept-version", "version"),
    ("heart-beat", "heart_beat"),
    ("message", "message"),
];

const COMMANDS: &[(&str, Direction)] = &[
    ("CONNECT", Direction::ToServer),
    ("STOMP", Direction::ToServer),
    ("SEND", Direction::ToServer),
    ("SUBSCRIBE", Direction::ToServer),
    ("UNSUBSCRIBE", Direction::ToServer),
    ("ACK", Direction::ToServer),
    ("NACK", Direction::ToServer),
    ("BEGIN", Direction::ToServer),
    ("COMMIT", Direction::ToServer),
    ("ABORT", Direction::ToServer),
    ("DISCONNECT", Direction::ToServer),
    ("CONNECTED", Direction::ToClient),
    ("MESSAGE", Direction::ToClient),
    ("RECEIPT", Direction::ToClient),
    ("ERROR", Direction::ToClient),
];

const FRAMING: Framing = Framing { cut, whole: |bytes| Frame::parse_all(bytes).is_some() };

/// One connection.
#[derive(Debug)]
struct Stomp {
    streams: Duplex<Stream>,
}

impl Stomp {
    fn new(late: bool) -> Self {
        Self { streams: Stream::both(late) }
    }
}

impl Dissect for Stomp {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let rest = self.streams[message.direction].push(message, &FRAMING, |bytes, begin| {
            if is_heartbeat(bytes) {
                found.push(Unit::new("heart-beat").summary("heart-beat").keepalive());
                return Ok(());
            }
            let frame = Frame::parse(bytes).ok_or(Malformed::new("no STOMP frame"))?;
            if !COMMANDS.contains(&(frame.command, message.direction)) {
                return Err(Malformed::new(format!("{} from the {}", frame.command, message.direction.sender())));
            }
            if let Some(length) = frame.wrong {
                let (found_length, expected) = (length.to_string().into(), frame.body.len().to_string().into());
                found.note(Code::StompContentLength, Detail::Mismatch { found: found_length, expected });
            }
            let (unit, link) = frame.unit(begin, message.limits);
            found.push_linked(unit, link);
            Ok(())
        })?;
        found.push_rest(rest);
        Ok(())
    }

    fn lose(&mut self, direction: Direction) {
        self.streams[direction].lose();
    }

    fn held(&self) -> usize {
        Direction::BOTH.iter().map(|&way| self.streams[way].held()).sum()
    }
}

/// One frame: command, headers, body.
#[derive(Debug)]
struct Frame<'a> {
    command: &'a str,
    headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    body: &'a [u8],
    /// A content-length that no NUL stands behind.
    wrong: Option<usize>,
}

impl<'a> Frame<'a> {
    /// Reads exactly one frame with its NUL and the line ends behind it.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (start, length) = head_end(bytes)?;
        let head = str::from_utf8(&bytes[..start]).ok()?;
        let mut lines = head.lines();
        let command = lines.next()?;
        let escaped = !matches!(command, "CONNECT" | "CONNECTED" | "STOMP");
        let header = |line: &'a str| {
            let (name, value) = line.split_once(':')?;
            if escaped { Some((unescape(name)?, unescape(value)?)) } else { Some((name.into(), value.into())) }
        };
        let headers = lines.filter(|line| !line.is_empty()).map(header).collect::<Option<_>>()?;
        let body = &bytes[start..];
        let end = length.filter(|length| body.get(*length) == Some(&0)).or_else(|| memchr(0, body))?;
        let wrong = length.filter(|length| *length != end);
        let body = &body[..end];
        Some(Self { command, headers, body, wrong })
    }

    /// Reads bytes that are nothing but heart-beats and whole frames.
    fn parse_all(mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            let Cut::Unit(length) = cut(bytes) else { return None };
            let (unit, rest) = bytes.split_at_checked(length)?;
            if !is_heartbeat(unit) {
                Frame::parse(unit)?;
            }
            bytes = rest;
        }
        Some(())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    fn unit(&self, begin: Begin, limits: &Limits) -> (Unit, Option<Link>) {
        let mut unit = Unit { begins: Some(begin), ..Unit::new(self.command.to_owned()) };
        unit = unit.with("command", self.command);
        for (header, field) in NAMED {
            unit = unit.with_some(field, self.header(header));
        }
        if matches!(self.command, "SUBSCRIBE" | "UNSUBSCRIBE") {
            unit = unit.with_some("subscription", self.header("id"));
        }
        let mut summary = self.command.to_owned();
        for name in ["destination", "version", "accept-version", "receipt-id", "message"] {
            if let Some(value) = self.header(name) {
                summary = summary + " " + value;
            }
        }
        if !self.body.is_empty() {
            let shown = &self.body[..self.body.len().min(256)];
            summary = summary + ": " + &String::from_utf8_lossy(shown);
            unit = unit.with("body", json::content(self.body, limits));
        }
        unit = unit.with("headers", Value::Json(json::pairs(&self.headers).into()));
        (unit.summary(summary), self.link())
    }

    fn link(&self) -> Option<Link> {
        let connect = Key::new("connect", "");
        match self.command {
            "CONNECT" | "STOMP" => Some(Link::Asks(connect, self.command.into())),
            "CONNECTED" => Some(Link::Answers(connect, true)),
            "RECEIPT" | "ERROR" => match self.header("receipt-id") {
                Some(id) => Some(Link::Answers(Key::new("receipt", id), true)),
                // Refuses to connect, or tells of anything later.
                None => (self.command == "ERROR").then_some(Link::MayAnswer(connect, true)),
            },
            _ => self.header("receipt").map(|id| {
                let method = format!("{} {}", self.command, self.header("destination").unwrap_or_default());
                Link::Asks(Key::new("receipt", id), method.trim_end().into())
            }),
        }
    }
}

/// Where a frame ends; the line ends behind its NUL belong to it.
fn cut(bytes: &[u8]) -> Cut {
    match bytes {
        [b'\n', ..] => return Cut::Unit(1),
        [b'\r', b'\n', ..] => return Cut::Unit(2),
        [b'\r'] => return Cut::Length(2),
        _ => {}
    }
    // No command is longer; what begins otherwise is not waited for.
    let line = &bytes[..memchr(b'\n', bytes).unwrap_or(bytes.len())];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let whole = line.len() < bytes.len();
    if !COMMANDS.iter().any(|(command, _)| command.as_bytes() == line || !whole && command.as_bytes().starts_with(line))
    {
        return Cut::Malformed("no STOMP command");
    }
    let Some(nul) = memchr(0, bytes) else { return Cut::Byte(0) };
    let Some((start, length)) = head_end(bytes) else { return Cut::Malformed("no end of the headers") };
    // Where no NUL stands behind content-length, some count characters for bytes: then the frame ends with its first NUL.
    let first = start + memchr(0, &bytes[start..]).unwrap_or(nul);
    let end = match length.map(|length| start.saturating_add(length)) {
        Some(end) if end >= bytes.len() => return Cut::Length(end.saturating_add(1)),
        Some(end) if bytes[end] == 0 => end,
        Some(_) | None => first,
    };
    Cut::Unit(end + 1 + bytes[end + 1..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count())
}

/// Where the body begins, behind the empty line, and the length of the body where a header gives it.
fn head_end(bytes: &[u8]) -> Option<(usize, Option<usize>)> {
    let (mut at, mut length) = (0, None);
    loop {
        let line = &bytes[at..at + memchr(b'\n', &bytes[at..])?];
        at += line.len() + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Some((at, length));
        }
        if line.contains(&0) {
            return None;
        }
        if let (None, Some(value)) = (length, line.strip_prefix(b"content-length:")) {
            length = Some(str::from_utf8(value).ok()?.trim().parse().ok()?);
        }
    }
}

fn is_heartbeat(bytes: &[u8]) -> bool {
    matches!(bytes, b"\n" | b"\r\n")
}

/// Undoes the escapes of headers (1.2, "Value Encoding"); an undefined one makes the frame invalid.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(text.into());
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next()? {
                'r' => '\r',
                'n' => '\n',
                'c' => ':',
                '\\' => '\\',
                _ => return None,
            },
            c => c,
        });
    }
    Some(out.into())
}

/// A whole frame that opens a connection.
fn probe(message: &Incoming<'_>) -> bool {
    let opens = message.late
        || [&b"CONNECT"[..], b"STOMP", b"CONNECTED"].iter().any(|command| message.bytes.starts_with(command));
    let frame = if opens { Frame::parse(message.bytes) } else { None };
    frame.is_some_and(|frame| COMMANDS.contains(&(frame.command, message.direction)) && message.bytes.contains(&0))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use super::*;

    #[test]
    fn receipts_find_their_frames() {
        let mut talk = Talk::on("/", Some("v12.stomp"));
        talk.client("CONNECT\naccept-version:1.2\nhost:x\n\n\0");
        assert_eq!(talk.server("CONNECTED\r\nversion:1.2\r\n\r\n\0").answers(), Some((1, "CONNECT")));
        let send = talk.client("SEND\ndestination:/queue/a\\cb\nreceipt:r1\n\n{\"a\": 1}\0\n");
        assert_eq!(send.summary(), "SEND /queue/a:b: {\"a\": 1}");
        assert_eq!(send.field("stomp.destination"), [Value::from("/queue/a:b")]);
        assert_eq!(send.field("stomp.body"), [Value::Json("{\"a\":1}".into())]);
        assert_eq!(talk.server("RECEIPT\nreceipt-id:r1\n\n\0").answers(), Some((2, "SEND /queue/a:b")));
        talk.client("DISCONNECT\nreceipt:r2\n\n\0");
        assert_eq!(talk.unanswered(), ["DISCONNECT"]);
    }

    #[test]
    fn a_frame_may_take_several_messages_and_a_message_hold_several() {
        let mut talk = Talk::on("/", Some("v12.stomp"));
        assert_eq!(talk.server("MESSAGE\ncontent-length:5\n").kinds(), ["part"]);
        assert_eq!(talk.server("\na\0b").kinds(), ["part"]);
        let end = talk.server("\0c\0\nMESSAGE\n\nx\0\n\n");
        assert_eq!((end.kinds(), end.begins()), (vec!["MESSAGE", "MESSAGE"], Some(1)));
        assert_eq!(end.field("stomp.body"), [Value::Bytes(b"a\0b\0c"[..].into()), Value::from("x")]);
        assert!(talk.client("\n").is_keepalive());
    }

    #[test]
    fn characters_counted_for_bytes_are_told_and_read() {
        let mut talk = Talk::on("/", Some("v12.stomp"));
        let told = talk.client("SEND\ncontent-length:2\n\näb\0SEND\n\nc\0");
        assert_eq!((told.kinds(), told.codes()), (vec!["SEND", "SEND"], vec!["stomp.content_length"]));
        assert_eq!(told.field("stomp.body"), [Value::from("äb"), Value::from("c")]);
    }

    #[test]
    fn what_is_no_frame_is_told_so() {
        let odd = [
            "SENT\n\n\0",
            "send\n\n\0",
            "SEND\nx\n\n\0",
            "SEND\na:\\t\n\n\0",
            "SEND\n\0",
            "MESSAGE\n\n\0",
            "SEND\ncontent-length:x\n\n\0",
        ];
        for odd in odd {
            let mut talk = Talk::on("/", Some("v12.stomp"));
            let told = talk.client(odd);
            assert_eq!((told.kinds(), told.codes()), (vec!["unknown"], vec!["stomp.malformed"]), "{odd:?}");
            assert_eq!(talk.client("and then").kinds(), ["part"]);
            assert_eq!(talk.client("SEND\n\n\0").kinds(), ["SEND"], "{odd:?}");
        }
    }

    #[test]
    fn it_is_recognised_by_its_first_frame_only() {
        for (message, yes) in
            [("CONNECT\n\n\0", true), ("STOMP\nx:y\n\n\0", true), ("CONNECT\n\n", false), ("SEND\n\n\0", false)]
        {
            assert_eq!(Talk::on("/", None).client(message).protocol() == Some("stomp"), yes, "{message:?}");
        }
        assert_eq!(Talk::on("/", None).server("CONNECT\n\n\0").protocol(), None);
    }
}

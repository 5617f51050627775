//! NATS client protocol: a byte stream of control lines and payloads; requests paired with answers by their inbox.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>

use memchr::memchr;

use super::decoded::{Begin, Unit};
use super::json::{self, Object};
use super::pending::Key;
use super::stream::{Cut, Framing, Stream};
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target};
use crate::anomaly::Code;
use crate::config::Limits;
use crate::duplex::Direction::{self, ToClient, ToServer};
use crate::duplex::Duplex;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "nats",
    about: "NATS client protocol",
    subprotocols: &["nats"],
    target: no_target,
    probe,
    make: |opening| Box::new(Nats::new(opening.late)),
    lasting: true,
    format: false,
    malformed: Code::NatsMalformed,
    fields: &[
        ("subject", "subject"),
        ("reply", "subject that answers go to"),
        ("sid", "subscription identifier"),
        ("queue", "queue group of SUB"),
        ("max", "messages after which UNSUB takes effect"),
        ("headers", "headers of HPUB and HMSG, as pairs of name and value"),
        ("payload", "payload of a message"),
        ("options", "what INFO and CONNECT say"),
        ("error", "what -ERR says"),
    ],
};

/// The operations: who sends them, and whether a payload follows.
const OPERATIONS: &[(&str, Option<Direction>, bool)] = &[
    ("INFO", Some(ToClient), false),
    ("CONNECT", Some(ToServer), false),
    ("PUB", Some(ToServer), true),
    ("HPUB", Some(ToServer), true),
    ("SUB", Some(ToServer), false),
    ("UNSUB", Some(ToServer), false),
    ("MSG", Some(ToClient), true),
    ("HMSG", Some(ToClient), true),
    ("PING", None, false),
    ("PONG", None, false),
    ("+OK", Some(ToClient), false),
    ("-ERR", Some(ToClient), false),
];

const FRAMING: Framing = Framing { cut, whole };

/// One connection.
#[derive(Debug)]
struct Nats {
    streams: Duplex<Stream>,
}

impl Nats {
    fn new(late: bool) -> Self {
        Self { streams: Stream::both(late) }
    }
}

impl Dissect for Nats {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let rest = self.streams[message.direction].push(message, &FRAMING, |bytes, begin| {
            let (unit, link) =
                read(bytes, begin, message.direction, message.limits).ok_or(Malformed::new("no NATS operation"))?;
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

/// Exactly one operation with its payload.
fn read(bytes: &[u8], begin: Begin, direction: Direction, limits: &Limits) -> Option<(Unit, Option<Link>)> {
    let (line, rest) = split_line(bytes)?;
    let line = str::from_utf8(line).ok()?;
    let (name, arguments) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let &(name, sender, _) = OPERATIONS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
    if sender.is_some_and(|sender| sender != direction) {
        return None;
    }
    let words: Vec<_> = arguments.split_ascii_whitespace().collect();
    let unit = Unit { begins: Some(begin), ..Unit::new(name) }.summary(line);
    let ping = || Key::new("ping", "");
    Some(match (name, &words[..]) {
        ("INFO" | "CONNECT", _) => {
            Object::parse(arguments)?;
            (unit.with("options", json::value(arguments.trim(), limits)), None)
        }
        ("PING", []) => (unit.keepalive(), Some(Link::Asks(ping(), name.into()))),
        ("PONG", []) => (unit.keepalive(), Some(Link::Answers(ping(), true))),
        ("+OK", []) => (unit, None),
        ("-ERR", _) => (unit.with("error", arguments.trim().trim_matches('\'')), None),
        ("SUB", [subject, sid]) => (unit.with("subject", *subject).with("sid", *sid), None),
        ("SUB", [subject, queue, sid]) => {
            (unit.with("subject", *subject).with("queue", *queue).with("sid", *sid), None)
        }
        ("UNSUB", [sid]) => (unit.with("sid", *sid), None),
        ("UNSUB", [sid, max]) => (unit.with("sid", *sid).with("max", max.parse::<u64>().ok()?), None),
        ("PUB" | "HPUB" | "MSG" | "HMSG", [subject, middle @ ..]) => {
            let headed = name.starts_with('H');
            let (middle, sizes) = middle.split_at_checked(middle.len().checked_sub(1 + usize::from(headed))?)?;
            let (sid, middle) =
                if name.ends_with("MSG") { (Some(*middle.first()?), &middle[1..]) } else { (None, middle) };
            let reply = match middle {
                [] => None,
                [reply] => Some(*reply),
                _ => return None,
            };
            let body = rest.strip_suffix(b"\r\n")?;
            let headers = if headed { sizes[0].parse().ok()? } else { 0 };
            let (headers, payload) = body.split_at_checked(headers)?;
            let shown = String::from_utf8_lossy(&payload[..payload.len().min(200)]);
            let unit = unit.summary(format!("{name} {subject}: {shown}")).with("subject", *subject);
            let unit = unit.with_some("sid", sid).with_some("reply", reply);
            let unit = unit.with_some("headers", headed.then(|| header_pairs(headers)).flatten());
            let unit = unit.with("payload", json::content(payload, limits));
            // Who asks names an inbox; what is sent to that is the answer.
            let link = match reply {
                Some(inbox) => Link::Asks(Key::new("inbox", inbox), format!("{name} {subject}").into()),
                None => Link::MayAnswer(Key::new("inbox", *subject), false),
            };
            (unit, Some(link))
        }
        _ => return None,
    })
}

/// Headers (NATS/1.0, then lines as in HTTP) as pairs.
fn header_pairs(bytes: &[u8]) -> Option<super::decoded::Value> {
    let text = str::from_utf8(bytes).ok()?;
    let pairs: Vec<_> = text.lines().skip(1).filter_map(|line| line.split_once(':')).collect();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (name.trim().into(), value.trim().into())).collect();
    Some(super::decoded::Value::Json(json::pairs(&pairs).into()))
}

/// The control line without its end, and what follows.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

fn cut(bytes: &[u8]) -> Cut {
    let word = bytes.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let whole = word.len() < bytes.len();
    let fits = |name: &str| {
        if whole {
            name.as_bytes().eq_ignore_ascii_case(word)
        } else {
            name.len() >= word.len() && name.as_bytes()[..word.len()].eq_ignore_ascii_case(word)
        }
    };
    let Some((_, _, payload)) = OPERATIONS.iter().find(|(name, ..)| fits(name)) else {
        return Cut::Malformed("no NATS operation");
    };
    let Some((line, rest)) = split_line(bytes) else { return Cut::Byte(b'\n') };
    let end = bytes.len() - rest.len();
    if !payload {
        return Cut::Unit(end);
    }
    let size = str::from_utf8(line).ok().and_then(|line| line.rsplit([' ', '\t']).next()?.parse::<usize>().ok());
    let Some(size) = size else { return Cut::Malformed("no size of the payload") };
    let end = end.saturating_add(size).saturating_add(2);
    if bytes.len() < end { Cut::Length(end) } else { Cut::Unit(end) }
}

/// Whether all of the bytes are whole operations.
fn whole(mut bytes: &[u8]) -> bool {
    let begin = Begin { message: 0, time: crate::origin::Timestamp(0) };
    while !bytes.is_empty() {
        let Cut::Unit(length) = cut(bytes) else { return false };
        let (unit, rest) = bytes.split_at(length);
        if Direction::BOTH.iter().all(|way| read(unit, begin, *way, &Limits::default()).is_none()) {
            return false;
        }
        bytes = rest;
    }
    true
}

/// The INFO of a server.
fn probe(message: &Incoming<'_>) -> bool {
    let info = message.direction == ToClient && message.bytes.starts_with(b"INFO {");
    let text = message.as_utf8().filter(|text| info && text.ends_with("\r\n"));
    text.and_then(|text| Object::parse(text[5..].lines().next()?)).is_some_and(|info| info.has("server_id"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use crate::dissect::decoded::Value;

    #[test]
    fn answers_are_found_by_their_inbox() {
        let mut talk = Talk::on("/", None);
        assert_eq!(talk.server_binary(b"INFO {\"server_id\":\"a\"}\r\n").kinds(), ["INFO"]);
        let first = talk.client_binary(b"CONNECT {\"verbose\":false}\r\nPING\r\nSUB _INBOX.1.* 1\r\n");
        assert_eq!(first.kinds(), ["CONNECT", "PING", "SUB"]);
        assert_eq!(talk.server_binary(b"PONG\r\n").answers(), Some((1, "PING")));
        talk.client_binary(b"PUB time.now _INBOX.1.a 2\r\nhi\r\n");
        assert_eq!(talk.server_binary(b"MSG _INBOX.1.a 1 5\r\n{\"t\":").kinds(), ["part"]);
        let unit = b"MSG _INBOX.1.a 1 7\r\n{\"t\":1}\r\n";
        let mut talk = Talk::by_hand("nats");
        talk.client_binary(b"PUB time.now _INBOX.1.a 2\r\nhi\r\n");
        let answer = talk.server_binary(unit);
        assert_eq!(
            (answer.answers(), answer.field("nats.payload")),
            (Some((1, "PUB time.now")), vec![Value::Json("{\"t\":1}".into())])
        );
        talk.server_binary(b"HMSG a 2 b.reply 18 20\r\nNATS/1.0\r\nA: b\r\n\r\n..\r\n");
        assert_eq!(talk.client_binary(b"PUB b.reply 0\r\n\r\n").answers(), Some((2, "HMSG a")));
    }

    #[test]
    fn what_is_no_operation_is_told_so() {
        for odd in
            ["", "x", "PUT a 1\r\n", "PUB a x\r\n", "MSG a 1 0\r\n\r\n", "PING x\r\n", "CONNECT {\r\n", "SUB a\r\n"]
        {
            let told = Talk::by_hand("nats").client_binary(odd.as_bytes());
            let malformed = told.codes() == ["nats.malformed"];
            assert_eq!(malformed, !odd.is_empty(), "{odd:?}");
            assert_eq!(told.kinds() == ["empty"], odd.is_empty(), "{odd:?}");
        }
    }
}

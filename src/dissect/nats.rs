//! NATS client protocol: a byte stream of control lines and payloads; requests paired with answers by their inbox.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>

use std::collections::HashMap;

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
    begins: b"IPHM",
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
        ("status", "status of the headers, as 503 where nobody listens"),
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
    subscriptions: Subscriptions,
}

impl Nats {
    fn new(late: bool) -> Self {
        Self { streams: Stream::both(late), subscriptions: Subscriptions::default() }
    }
}

impl Dissect for Nats {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let Self { streams, subscriptions } = self;
        let rest = streams[message.direction].push(message, &FRAMING, |bytes, begin| {
            let read = read(bytes, begin, message.direction, subscriptions, message.limits);
            let (unit, link) = read.ok_or(Malformed::new("no NATS operation"))?;
            found.push_linked(unit, link);
            Ok(())
        })?;
        found.push_rest(rest);
        Ok(())
    }

    fn lose(&mut self, direction: Direction) {
        self.streams[direction].lose();
        self.subscriptions = Subscriptions::default();
    }

    fn held(&self) -> usize {
        self.subscriptions.bytes + Direction::BOTH.iter().map(|&way| self.streams[way].held()).sum::<usize>()
    }
}

/// Subjects by subscription identifier: what JetStream delivers to an inbox bears the subject that it was published on.
#[derive(Debug, Default)]
struct Subscriptions {
    subjects: HashMap<Box<str>, Box<str>>,
    bytes: usize,
}

impl Subscriptions {
    fn add(&mut self, sid: &str, subject: &str, limits: &Limits) {
        self.remove(sid);
        if self.subjects.len() < limits.requests {
            self.bytes += sid.len() + subject.len() + 64;
            self.subjects.insert(sid.into(), subject.into());
        }
    }

    fn remove(&mut self, sid: &str) {
        if let Some(subject) = self.subjects.remove(sid) {
            self.bytes -= sid.len() + subject.len() + 64;
        }
    }
}

/// Exactly one operation with its payload.
fn read(
    bytes: &[u8],
    begin: Begin,
    direction: Direction,
    subscriptions: &mut Subscriptions,
    limits: &Limits,
) -> Option<(Unit, Option<Link>)> {
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
        ("SUB", [subject, queue @ .., sid]) if queue.len() < 2 => {
            subscriptions.add(sid, subject, limits);
            (unit.with("subject", *subject).with_some("queue", queue.first().copied()).with("sid", *sid), None)
        }
        ("UNSUB", [sid]) => {
            subscriptions.remove(sid);
            (unit.with("sid", *sid), None)
        }
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
            let status = status(headers);
            let summary = format!("{name} {subject}: {}{shown}", status.unwrap_or_default());
            // Of JetStream; flow control is to be answered.
            let beats = status.is_some_and(|status| status.starts_with("100")) && reply.is_none();
            let unit = Unit { keepalive: beats, ..unit }.summary(summary).with("subject", *subject);
            let unit = unit.with_some("sid", sid).with_some("reply", reply).with_some("status", status);
            let unit = unit.with_some("headers", headed.then(|| header_pairs(headers)).flatten());
            let unit = unit.with("payload", json::content(payload, limits));
            // Who asks names an inbox; what is sent to that is the answer, and may ask in its turn.
            let inbox = sid.and_then(|sid| subscriptions.subjects.get(sid)).filter(|inbox| !inbox.contains(['*', '>']));
            let answers = Link::MayAnswer(Key::new("inbox", inbox.map_or(*subject, |inbox| inbox)), false);
            let link = match reply {
                Some(reply) => Link::Both(Box::new([answers, asks(name, subject, reply)])),
                None => answers,
            };
            (unit, Some(link))
        }
        _ => return None,
    })
}

/// Asks for an answer to the subject `reply`.
fn asks(name: &str, subject: &str, reply: &str) -> Link {
    let key = Key::new("inbox", reply);
    let asks = Link::Asks(key.clone(), format!("{name} {subject}").into());
    if reply.starts_with("$JS.ACK.") {
        // Whether JetStream wants an acknowledgement is a matter of the consumer, so none is owed.
        Link::Both(Box::new([asks, Link::Cancels(key)]))
    } else if subject.starts_with("$JS.API.CONSUMER.MSG.NEXT.") {
        // One inbox serves many pulls: what comes is held for the answer to the latest, and the others are owed nothing.
        Link::Both(Box::new([Link::Cancels(key), asks]))
    } else {
        asks
    }
}

/// What stands behind the version in the first line of headers: `100 Idle Heartbeat`.
fn status(headers: &[u8]) -> Option<&str> {
    let (line, _) = split_line(headers)?;
    let status = str::from_utf8(line).ok()?.strip_prefix("NATS/1.0")?.trim();
    (!status.is_empty()).then_some(status)
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
        let mut none = Subscriptions::default();
        if Direction::BOTH.iter().all(|way| read(unit, begin, *way, &mut none, &Limits::default()).is_none()) {
            return false;
        }
        bytes = rest;
    }
    true
}

/// The INFO of a server; joined late, operations that have a payload of the size that they say.
fn probe(message: &Incoming<'_>) -> bool {
    let carries = |(name, sender, payload): &(&str, Option<Direction>, bool)| {
        *payload && *sender == Some(message.direction) && message.bytes.starts_with(name.as_bytes())
    };
    if message.late && OPERATIONS.iter().any(carries) && whole(message.bytes) {
        return true;
    }
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
    fn what_jetstream_delivers_to_an_inbox_answers_and_may_be_acknowledged() {
        let mut talk = Talk::by_hand("nats");
        talk.client_binary(b"SUB _INBOX.a 7\r\nPUB $JS.API.CONSUMER.MSG.NEXT.S.c _INBOX.a 0\r\n\r\n");
        let beat = talk.server_binary(b"HMSG _INBOX.a 7 31 31\r\nNATS/1.0 100 Idle Heartbeat\r\n\r\n\r\n");
        assert_eq!((beat.summary().as_str(), beat.is_keepalive()), ("HMSG _INBOX.a: 100 Idle Heartbeat", true));
        let delivered = talk.server_binary(b"MSG news 7 $JS.ACK.S.c.1 2\r\nhi\r\n");
        assert_eq!(delivered.answers(), Some((1, "PUB $JS.API.CONSUMER.MSG.NEXT.S.c")));
        assert_eq!(talk.client_binary(b"PUB $JS.ACK.S.c.1 4\r\n+ACK\r\n").answers(), Some((2, "MSG news")));
        talk.client_binary(b"UNSUB 7\r\n");
        assert_eq!(talk.server_binary(b"MSG news 7 $JS.ACK.S.c.2 2\r\nhi\r\n").answers(), None);
        assert_eq!(talk.unanswered(), [""; 0]);
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

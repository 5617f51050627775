//! Socket.IO 2 to 4 over Engine.IO 3 and 4: packets, acknowledgements, binary attachments, the probe that ends polling.
//!
//! <https://socket.io/docs/v4/engine-io-protocol/>, <https://socket.io/docs/v4/socket-io-protocol/>

use super::decoded::{Begin, Unit};
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Opening, Protocol};
use crate::anomaly::Code;
use crate::duplex::{Direction, Duplex};

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "socketio",
    about: "Socket.IO 2-4 over Engine.IO 3 and 4",
    subprotocols: &[],
    target: is_target,
    begins: b"04",
    probe,
    make: |opening| Box::new(SocketIo::new(opening)),
    lasting: true,
    format: false,
    malformed: Code::SocketioMalformed,
    fields: &[
        ("namespace", "namespace of the packet"),
        ("event", "name of the event"),
        ("data", "arguments of an event or acknowledgement, or what a packet carries"),
        ("sid", "session that the server opened, or socket that it connected"),
        ("attachments", "binary messages that belong to the packet"),
        ("index", "which of them this is, from 0"),
    ],
};

/// One connection.
#[derive(Debug)]
struct SocketIo {
    /// Engine.IO 3 puts a type before binary data too.
    typed_binary: bool,
    /// Whether a Socket.IO packet was seen: without, it may be Engine.IO alone.
    spoken: bool,
    awaiting: Duplex<Option<Awaiting>>,
}

/// A packet whose attachments are to come.
#[derive(Debug)]
struct Awaiting {
    what: Box<str>,
    namespace: Box<str>,
    begin: Begin,
    index: u32,
    count: u32,
}

/// The head of a Socket.IO packet: `<type>[<attachments>-][<namespace>,][<acknowledgement id>]`.
struct Head<'a> {
    kind: Kind,
    attachments: u32,
    namespace: &'a str,
    id: Option<&'a str>,
    data: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

impl SocketIo {
    fn new(opening: &Opening<'_>) -> Self {
        Self { typed_binary: parameter(opening.query, "EIO") == Some("3"), spoken: false, awaiting: Duplex::default() }
    }

    fn engine(&mut self, message: &Incoming<'_>, text: &str, found: &mut Found) -> Result<(), Malformed> {
        let rest = text.get(1..).unwrap_or_default();
        let probe = rest == "probe";
        let beat = |kind: &'static str| {
            Unit::new(kind).summary(if probe { format!("{kind} probe") } else { kind.to_owned() }).keepalive()
        };
        match text.as_bytes().first() {
            Some(b'0') => {
                let Some(open) = Object::parse(rest) else {
                    return Err(Malformed::new("the open packet holds no JSON object"));
                };
                let sid = open.text("sid");
                let unit = Unit::new("open").summary(format!("open {}", sid.as_deref().unwrap_or_default()));
                found.push(unit.with_some("sid", sid).with("data", json::value(rest, message.limits)));
            }
            Some(b'1') if rest.is_empty() => found.push(Unit::new("close").summary("close")),
            Some(b'2') if probe || rest.is_empty() => {
                found.push_linked(beat("ping"), Link::Asks(Key::new("ping", ""), "ping".into()));
            }
            Some(b'3') if probe || rest.is_empty() => {
                // The ping may have come by polling.
                found.push_linked(beat("pong"), Link::MayAnswer(Key::new("ping", ""), true));
            }
            Some(b'4') => return self.packet(message, rest, found),
            Some(b'5') if rest.is_empty() => found.push(Unit::new("upgrade").summary("upgrade: polling is over")),
            Some(b'6') if rest.is_empty() => found.push(Unit::new("noop").summary("noop").keepalive()),
            Some(_) | None => return Err(Malformed::new("no Engine.IO packet type")),
        }
        Ok(())
    }

    fn packet(&mut self, message: &Incoming<'_>, text: &str, found: &mut Found) -> Result<(), Malformed> {
        let unit = match Head::parse(text) {
            Some(head) => self.socket(message, &head),
            None => None,
        };
        match unit {
            Some((unit, link)) => {
                self.spoken = true;
                found.push_linked(unit, link);
                Ok(())
            }
            None if self.spoken => Err(Malformed::new("no Socket.IO packet")),
            None => {
                let data = json::content(text.as_bytes(), message.limits);
                found.push(Unit::new("message").summary(format!("message {text}")).with("data", data));
                Ok(())
            }
        }
    }

    fn socket(&mut self, message: &Incoming<'_>, head: &Head<'_>) -> Option<(Unit, Option<Link>)> {
        let Head { namespace, data, .. } = *head;
        let place = if namespace == "/" { String::new() } else { format!(" {namespace}") };
        let key = |space, id: &str| {
            Key::new(space, if namespace == "/" { id.to_owned() } else { format!("{namespace},{id}") })
        };
        let (unit, link, what) = match head.kind {
            Kind::Connect => {
                let unit = Unit::new("connect").summary(format!("connect{place} {data}"));
                let sid = Object::parse(data).and_then(|answer| answer.text("sid"));
                let link = match message.direction {
                    Direction::ToServer => {
                        Link::Asks(Key::new("connect", namespace), format!("connect {namespace}").into())
                    }
                    // Of version 2 it stands for itself, and what was asked may have been asked by polling.
                    Direction::ToClient => Link::MayAnswer(Key::new("connect", namespace), true),
                };
                let given = (!data.is_empty()).then(|| json::value(data, message.limits));
                (unit.with_some("sid", sid).with_some("data", given), Some(link), "connect".to_owned())
            }
            Kind::ConnectError => {
                let unit = Unit::new("connect_error").summary(format!("connect error{place} {data}"));
                let link = Link::MayAnswer(Key::new("connect", namespace), true);
                (unit.with("data", json::value(data, message.limits)), Some(link), "error".to_owned())
            }
            Kind::Disconnect => (Unit::new("disconnect").summary(format!("disconnect{place}")), None, String::new()),
            Kind::Event => {
                let items = json::array(data)?;
                let name = items.first().map(|name| json::id(name))?;
                let arguments =
                    format!("[{}", json::behind(data, items[0]).trim_start_matches([' ', ',', '\n', '\t', '\r']));
                let ack = head.id.map_or_else(String::new, |id| format!(" ack {id}"));
                let unit = Unit::new("event").summary(format!("event {name}{place}{ack} {arguments}"));
                let link = head.id.map(|id| Link::Asks(key("ack", id), name.as_ref().into()));
                let what = format!("event {name}");
                (unit.with("event", name).with("data", json::value(&arguments, message.limits)), link, what)
            }
            Kind::Ack => {
                let id = head.id?;
                json::array(data)?;
                let unit = Unit::new("ack").summary(format!("ack {id}{place} {data}"));
                (
                    unit.with("data", json::value(data, message.limits)),
                    Some(Link::Answers(key("ack", id), true)),
                    format!("ack {id}"),
                )
            }
        };
        let mut unit = unit.with("namespace", namespace);
        if head.attachments > 0 {
            unit = unit.with("attachments", head.attachments);
            self.awaiting[message.direction] = Some(Awaiting {
                what: what.into(),
                namespace: namespace.into(),
                begin: message.begin(),
                index: 0,
                count: head.attachments,
            });
        }
        Some((unit, link))
    }

    fn attachment(&mut self, message: &Incoming<'_>, bytes: &[u8], found: &mut Found) -> Result<(), Malformed> {
        let slot = &mut self.awaiting[message.direction];
        let Some(packet) = slot else {
            if self.spoken {
                return Err(Malformed::new("a binary message that no packet announced"));
            }
            found.push(Unit::new("message").summary(format!("message of {} bytes", bytes.len())));
            return Ok(());
        };
        let Awaiting { what, namespace, index, count, .. } = packet;
        let summary = format!("attachment {} of {count} to {what}: {} bytes", *index + 1, bytes.len());
        let unit = Unit { begins: Some(packet.begin), ..Unit::new("attachment").summary(summary) };
        found.push(unit.with("namespace", &**namespace).with("index", *index).with("attachments", *count));
        *index += 1;
        if *index == *count {
            *slot = None;
        }
        Ok(())
    }
}

impl Dissect for SocketIo {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        match message.as_text() {
            Some(text) => {
                if text.starts_with('4') && self.awaiting[message.direction].take().is_some() {
                    self.engine(message, text, found)?;
                    return Err(Malformed::new("a packet where an attachment was announced"));
                }
                self.engine(message, text, found)
            }
            None if message.text => Err(Malformed::new("not UTF-8")),
            None if self.typed_binary => match message.bytes.split_first() {
                Some((4, bytes)) => self.attachment(message, bytes, found),
                Some(_) | None => Err(Malformed::new("no Engine.IO 3 message")),
            },
            None => self.attachment(message, message.bytes, found),
        }
    }

    fn lose(&mut self, direction: Direction) {
        self.awaiting[direction] = None;
        // What comes next may be an attachment to what was lost.
        self.spoken = false;
    }
}

impl<'a> Head<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (kind, binary) = match text.as_bytes().first()? {
            b'0' => (Kind::Connect, false),
            b'1' => (Kind::Disconnect, false),
            b'2' => (Kind::Event, false),
            b'3' => (Kind::Ack, false),
            b'4' => (Kind::ConnectError, false),
            b'5' => (Kind::Event, true),
            b'6' => (Kind::Ack, true),
            _ => return None,
        };
        let mut rest = &text[1..];
        let mut attachments = 0;
        if binary {
            let (count, behind) = rest.split_once('-')?;
            attachments = count.parse().ok()?;
            rest = behind;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            // Socket.IO 2 puts a query behind the namespace.
            let (name, behind) = rest.split_once(',').unwrap_or((rest, ""));
            namespace = name.split_once('?').map_or(name, |(name, _)| name);
            rest = behind;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, data) = rest.split_at(digits);
        let valid = data.is_empty() || json::is_valid(data);
        valid.then_some(Self { kind, attachments, namespace, id: (digits > 0).then_some(id), data })
    }
}

/// A value of the query of a target.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

fn is_target(_path: &str, query: &str) -> bool {
    parameter(query, "EIO").is_some() && parameter(query, "transport") == Some("websocket")
}

/// An open packet, or an event.
fn probe(message: &Incoming<'_>) -> bool {
    // Both begin with a digit; most messages of others do not.
    if !matches!(message.bytes.first(), Some(b'0' | b'4')) {
        return false;
    }
    let Some(text) = message.as_text() else { return false };
    if let Some(open) = text.strip_prefix("0{") {
        let open = Object::parse(&text[text.len() - open.len() - 1..]).unwrap_or_default();
        return message.direction == Direction::ToClient && open.has("sid") && open.has("pingInterval");
    }
    let event = text.strip_prefix("42").filter(|rest| rest.starts_with("[\"") || rest.starts_with('/'));
    event.and_then(|_| Head::parse(&text[1..])).is_some_and(|head| json::array(head.data).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Talk, failing};
    use crate::dissect::decoded::Value;

    const TARGET: &str = "/socket.io/?EIO=4&transport=websocket&sid=x";

    #[test]
    fn acknowledgements_find_their_events_in_each_namespace() {
        let mut talk = Talk::on(TARGET, None);
        talk.server(r#"0{"sid":"a","upgrades":[],"pingInterval":700,"pingTimeout":2000}"#);
        assert_eq!(
            talk.client("42/chat,7[\"msg\", {\"a\":1}]").field("socketio.data"),
            [Value::Json("[{\"a\":1}]".into())]
        );
        talk.client("427[\"other\"]");
        let ack = talk.server("43/chat,7[true]");
        assert_eq!(ack.summary(), "ack 7 /chat [true]");
        assert_eq!(ack.answers(), Some((1, "msg")));
        assert_eq!(talk.server("437[]").answers(), Some((2, "other")));
        assert_eq!(talk.server("437[]").answers(), None);
    }

    #[test]
    fn attachments_are_told_with_their_event() {
        let mut talk = Talk::on(TARGET, None);
        talk.client("452-/chat,1[\"bin\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
        talk.server_binary(b"not announced from here");
        assert_eq!(talk.client_binary(b"one").summary(), "attachment 1 of 2 to event bin: 3 bytes");
        let second = talk.client_binary(b"two!");
        assert_eq!((second.summary().as_str(), second.begins()), ("attachment 2 of 2 to event bin: 4 bytes", Some(1)));
        assert_eq!(talk.client_binary(b"three").kinds(), ["unknown"]);
        assert_eq!(talk.server("43/chat,1[]").answers(), Some((1, "bin")));
    }

    #[test]
    fn heartbeats_are_signs_of_life_that_are_answered() {
        let mut talk = Talk::on(TARGET, None);
        assert!(talk.client("2probe").is_keepalive());
        assert_eq!(talk.server("3probe").answers(), Some((1, "ping")));
        assert!(!talk.client("5").is_keepalive());
        assert!(talk.server("2").is_keepalive());
        assert_eq!(talk.client("3").answers(), Some((2, "ping")));
    }

    #[test]
    fn what_is_no_packet_is_told_so() {
        failing(TARGET, &["", "9", "0", "2x", "0[]"], "socketio.malformed");
        let mut talk = Talk::on(TARGET, None);
        assert_eq!(talk.client("4anything").kinds(), ["message"]);
        talk.client("40");
        for odd in ["4", "49", "42{}", "42[", "42", "43[]", "451[\"x\"]"] {
            assert_eq!(talk.client(odd).kinds(), ["unknown"], "{odd}");
        }
    }

    #[test]
    fn it_is_recognised_without_a_handshake() {
        for (message, yes) in
            [("42[\"a\",1]", true), ("42/n,0[\"a\"]", true), ("42", false), ("42[1", false), ("43[1]", false)]
        {
            assert_eq!(Talk::on("/", None).client(message).protocol() == Some("socketio"), yes, "{message}");
        }
        let open = r#"0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":2}"#;
        assert_eq!(Talk::on("/", None).server(open).protocol(), Some("socketio"));
    }
}

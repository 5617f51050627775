//! Phoenix channels (and LiveView), serializer versions 1 and 2: pushes with their replies.
//!
//! <https://hexdocs.pm/phoenix/writing_a_channels_client.html>

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::decoded::{Unit, Value};
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol};
use crate::anomaly::Code;
use crate::config::Limits;
use crate::duplex::Direction;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "phoenix",
    about: "Phoenix channels",
    subprotocols: &["phoenix"],
    target: is_target,
    begins: b"{[",
    probe,
    make: |_| Box::new(Phoenix),
    lasting: true,
    format: false,
    malformed: Code::PhoenixMalformed,
    fields: &[
        ("topic", "topic of the channel"),
        ("event", "name of the event"),
        ("payload", "payload"),
        ("status", "status of a reply"),
        ("join_ref", "join that it belongs to"),
    ],
};

/// One connection; each message stands for itself.
#[derive(Debug)]
struct Phoenix;

/// A message in either form.
struct Push<'a> {
    join: Option<String>,
    reference: Option<String>,
    topic: String,
    event: String,
    payload: &'a [u8],
}

impl Dissect for Phoenix {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let push = match message.as_text() {
            Some(text) => read(text),
            None => binary(message.bytes, message.direction),
        };
        let push = push.ok_or(Malformed::new("no Phoenix message"))?;
        let (unit, link) = push.unit(message.direction, message.limits);
        found.push_linked(unit, link);
        Ok(())
    }
}

impl Push<'_> {
    fn unit(self, direction: Direction, limits: &Limits) -> (Unit, Option<Link>) {
        let Self { join, reference, topic, event, payload } = self;
        let reply = event == "phx_reply";
        let kind = if reply { "reply" } else { "event" };
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(200)]).into_owned();
        let status = if reply {
            str::from_utf8(payload).ok().and_then(Object::parse).and_then(|reply| reply.text("status").map(Value::from))
        } else {
            None
        };
        let key = reference.map(|reference| Key::new("push", format!("{topic} {reference}")));
        let link = match direction {
            Direction::ToClient if reply => key.map(|key| Link::Answers(key, true)),
            // What a server pushes of its own bears the reference of the join at most, and is not answered.
            Direction::ToClient => None,
            Direction::ToServer => key.map(|key| Link::Asks(key, format!("{event} {topic}").into())),
        };
        let unit = Unit { keepalive: topic == "phoenix" && (event == "heartbeat" || reply), ..Unit::new(kind) };
        let unit = unit.summary(format!("{event} {topic} {shown}")).with("topic", topic).with("event", event);
        let unit = unit
            .with("payload", json::content(payload, limits))
            .with_some("status", status)
            .with_some("join_ref", join);
        (unit, link)
    }
}

/// Version 2: `[join_ref, ref, topic, event, payload]`; version 1: an object with these members.
fn read(text: &str) -> Option<Push<'_>> {
    let reference = |json: &str| (json != "null").then(|| json::id(json).into_owned());
    if let Some(object) = Object::parse(text) {
        return Some(Push {
            join: object.get("join_ref").and_then(reference),
            reference: object.get("ref").and_then(reference),
            topic: object.text("topic")?.into_owned(),
            event: object.text("event")?.into_owned(),
            payload: object.get("payload")?.as_bytes(),
        });
    }
    let [join, id, topic, event, payload] = json::array(text)?[..] else { return None };
    Some(Push {
        join: reference(join),
        reference: reference(id),
        topic: json::string(topic)?.into_owned(),
        event: json::string(event)?.into_owned(),
        payload: payload.as_bytes(),
    })
}

/// Version 2 with a binary payload: kind, one length of each text, the texts, the payload.
fn binary(bytes: &[u8], direction: Direction) -> Option<Push<'_>> {
    const PUSH: u8 = 0;
    const REPLY: u8 = 1;
    const BROADCAST: u8 = 2;
    let (&kind, rest) = bytes.split_first()?;
    let count = match (kind, direction) {
        (PUSH, Direction::ToServer) | (REPLY, Direction::ToClient) => 4,
        (PUSH, Direction::ToClient) => 3,
        (BROADCAST, Direction::ToClient) => 2,
        _ => return None,
    };
    let (lengths, mut rest) = rest.split_at_checked(count)?;
    let mut texts = Vec::new();
    for length in lengths {
        let (text, behind) = rest.split_at_checked(usize::from(*length))?;
        texts.push(str::from_utf8(text).ok()?.to_owned());
        rest = behind;
    }
    let event = texts.pop()?;
    let topic = texts.pop()?;
    let mut references = texts.into_iter();
    let (join, reference) = (references.next(), references.next());
    // The fourth text of a reply is its status.
    let event = if kind == REPLY { "phx_reply".to_owned() } else { event };
    Some(Push { join, reference, topic, event, payload: rest })
}

/// `/websocket` with the version of the serializer.
fn is_target(path: &str, query: &str) -> bool {
    path.ends_with("/websocket") && query.split('&').any(|pair| pair.starts_with("vsn="))
}

/// A join, or a heartbeat.
fn probe(message: &Incoming<'_>) -> bool {
    if message.late && message.direction == Direction::ToClient {
        let reply = if message.holds(&REPLY) { message.as_text().and_then(read) } else { None };
        let payload = reply.filter(|reply| reply.event == "phx_reply").map(|reply| reply.payload);
        let payload = payload.and_then(|payload| str::from_utf8(payload).ok()).and_then(Object::parse);
        return payload.is_some_and(|payload| payload.has("status") && payload.has("response"));
    }
    let joins = message.direction == Direction::ToServer && message.holds(&JOIN);
    let push = if joins { message.as_text().and_then(read) } else { None };
    push.is_some_and(|push| push.event == "phx_join" && push.reference.is_some())
}

static JOIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"phx_join\""));
static REPLY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"phx_reply\""));

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;

    #[test]
    fn replies_find_their_pushes_in_both_versions() {
        let mut talk = Talk::on("/socket/websocket?vsn=2.0.0", None);
        talk.client(r#"["1","1","room:a","phx_join",{}]"#);
        let reply = talk.server(r#"["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]"#);
        assert_eq!((reply.answers(), reply.field("phoenix.status")), (Some((1, "phx_join room:a")), vec!["ok".into()]));
        assert!(talk.client(r#"[null,"2","phoenix","heartbeat",{}]"#).is_keepalive());
        talk.client_binary(b"\0\x01\x01\x01\x0213ruphello");
        assert_eq!(talk.server_binary(b"\x01\x01\x01\x01\x0213rokbytes").answers(), Some((3, "up r")));
        assert_eq!(talk.server_binary(b"\x02\x01\x01reall").field("phoenix.event"), ["e".into()]);
        for odd in ["", "{}", "[]", "[1,2,3,4,5]"] {
            assert_eq!(talk.client(odd).codes(), ["phoenix.malformed"], "{odd}");
        }
        let mut talk = Talk::on("/", None);
        talk.client(r#"{"topic":"a","event":"phx_join","payload":{},"ref":1}"#);
        let reply = talk.server(r#"{"topic":"a","event":"phx_reply","payload":{"status":"error"},"ref":1}"#);
        assert_eq!((reply.protocol(), reply.answers()), (Some("phoenix"), Some((1, "phx_join a"))));
    }
}

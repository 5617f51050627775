//! ASP.NET Core SignalR hubs in JSON and MessagePack: invocations with their completions and stream items.
//!
//! <https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md>

use memchr::memchr;

use super::decoded::Unit;
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target, value};
use crate::anomaly::Code;
use crate::duplex::{Direction, Duplex};

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "signalr",
    about: "ASP.NET Core SignalR, JSON and MessagePack",
    subprotocols: &[],
    target: no_target,
    begins: b"{",
    probe,
    make: |opening| {
        Box::new(SignalR { begun: Duplex { to_server: opening.late, to_client: opening.late }, packed: None })
    },
    lasting: true,
    format: false,
    malformed: Code::SignalrMalformed,
    fields: &[
        ("target", "method that is invoked"),
        ("arguments", "its arguments"),
        ("item", "item of a stream"),
        ("result", "result of an invocation"),
        ("error", "why an invocation, the handshake or the connection failed"),
        ("format", "format that the client asked for"),
    ],
};

/// The end of a JSON record.
const END: u8 = 0x1e;

/// One connection.
#[derive(Debug)]
struct SignalR {
    /// Whether the handshake of a side is over.
    begun: Duplex<bool>,
    /// Whether hub messages are MessagePack; `None` before the handshake.
    packed: Option<bool>,
}

/// The types of hub messages, from 1, and the order of their values in MessagePack behind the type.
const TYPES: &[(&str, &[&str])] = &[
    ("invocation", &["headers", "invocationId", "target", "arguments", "streamIds"]),
    ("stream_item", &["headers", "invocationId", "item"]),
    ("completion", &["headers", "invocationId", "kind", "result"]),
    ("stream_invocation", &["headers", "invocationId", "target", "arguments", "streamIds"]),
    ("cancel_invocation", &["headers", "invocationId"]),
    ("ping", &[]),
    ("close", &["error", "allowReconnect"]),
    ("ack", &["sequenceId"]),
    ("sequence", &["sequenceId"]),
];

impl SignalR {
    fn handshake(&mut self, record: &str, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let object = Object::parse(record).ok_or(Malformed::new("no handshake"))?;
        self.begun[message.direction] = true;
        let key = Key::new("handshake", "");
        match (message.direction, object.text("protocol")) {
            (Direction::ToServer, Some(protocol)) => {
                self.packed = Some(protocol == "messagepack");
                let unit = Unit::new("handshake").summary(format!("handshake {protocol}")).with("format", protocol);
                found.push_linked(unit, Link::Asks(key, "handshake".into()));
            }
            (Direction::ToClient, None) => {
                let error = object.text("error");
                let unit =
                    Unit::new("handshake").summary(format!("handshake {}", error.as_deref().unwrap_or("accepted")));
                found.push_linked(unit.with_some("error", error), Link::Answers(key, true));
            }
            _ => return Err(Malformed::new("no handshake")),
        }
        Ok(())
    }

    fn hub(message: &Incoming<'_>, kind: i64, members: &Object<'_>, found: &mut Found) -> Result<(), Malformed> {
        let index = usize::try_from(kind - 1).ok().filter(|index| *index < TYPES.len());
        let name = index.map(|index| TYPES[index].0).ok_or(Malformed::new("no such type of hub message"))?;
        let value = |name| members.get(name).map(|json| json::value(json, message.limits));
        let id = members.get("invocationId").filter(|id| *id != "null").map(json::id);
        let target = members.text("target");
        let shown = ["arguments", "item", "result", "error"].iter().find_map(|name| members.get(name));
        let words = [Some(name), target.as_deref(), shown].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let key = id.map(|id| Key::new("invocation", id));
        let link = match (name, key) {
            ("invocation" | "stream_invocation", Some(key)) => {
                Some(Link::Asks(key, target.as_deref().unwrap_or_default().into()))
            }
            // Streams of the client have items and an end too, under an identifier of their own.
            ("stream_item", Some(key)) => Some(Link::MayAnswer(key, false)),
            ("completion", Some(key)) => Some(Link::MayAnswer(key, true)),
            ("cancel_invocation", Some(key)) => Some(Link::Cancels(key)),
            _ => None,
        };
        let unit = Unit::new(name)
            .summary(words)
            .with_some("target", target)
            .with_some("arguments", value("arguments"))
            .with_some("item", value("item"))
            .with_some("result", value("result"))
            .with_some("error", members.text("error"));
        found.push_linked(if matches!(name, "ping" | "ack") { unit.keepalive() } else { unit }, link);
        Ok(())
    }

    fn packed(message: &Incoming<'_>, bytes: &[u8], found: &mut Found) -> Result<(), Malformed> {
        let text = value::msgpack(bytes, message.limits).ok_or(Malformed::new("no MessagePack"))?;
        let items = json::array(&text).ok_or(Malformed::new("no array"))?;
        let kind: i64 = items.first().and_then(|kind| kind.parse().ok()).ok_or(Malformed::new("no type"))?;
        let names =
            usize::try_from(kind - 1).ok().and_then(|index| TYPES.get(index)).map_or(&[][..], |(_, names)| *names);
        let mut members: Vec<_> = names.iter().map(|name| (*name).into()).zip(items[1..].iter().copied()).collect();
        // A completion says whether an error (1), nothing (2) or a result (3) follows.
        if let Some(result) = members.iter().position(|(name, _)| name == "result")
            && members[result - 1].1 == "1"
        {
            members[result].0 = "error".into();
        }
        members.retain(|(_, value)| *value != "null");
        Self::hub(message, kind, &Object(members), found)
    }
}

impl Dissect for SignalR {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let mut rest = message.bytes;
        if !self.begun[message.direction] {
            let end = memchr(END, rest).ok_or(Malformed::new("no end of the handshake"))?;
            let record = str::from_utf8(&rest[..end]).map_err(|_| Malformed::new("not UTF-8"))?;
            self.handshake(record, message, found)?;
            rest = &rest[end + 1..];
        }
        if self.packed.unwrap_or(!message.text) {
            while !rest.is_empty() {
                let (piece, behind) = split_packed(rest).ok_or(Malformed::new("no whole hub message"))?;
                Self::packed(message, piece, found)?;
                rest = behind;
            }
            return Ok(());
        }
        while let Some(end) = memchr(END, rest) {
            let object =
                str::from_utf8(&rest[..end]).ok().and_then(Object::parse).ok_or(Malformed::new("no JSON object"))?;
            let kind = object.number("type").ok_or(Malformed::new("no type"))?;
            Self::hub(message, kind, &object, found)?;
            rest = &rest[end + 1..];
        }
        if rest.is_empty() { Ok(()) } else { Err(Malformed::new("a record without an end")) }
    }
}

/// A message behind its length: seven bits a byte, low ones first.
fn split_packed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        length |= usize::from(byte & 127) << (7 * index);
        if *byte < 128 {
            return bytes[index + 1..].split_at_checked(length);
        }
    }
    None
}

/// The handshake of a client; joined late, hub messages in JSON.
fn probe(message: &Incoming<'_>) -> bool {
    let is_hub = |record: &str| {
        Object::parse(record).and_then(|object| object.number("type")).is_some_and(|kind| (1..=9).contains(&kind))
    };
    if message.late
        && message.bytes.starts_with(b"{")
        && message.bytes.ends_with(&[END])
        && message.as_text().is_some_and(|text| text.split_terminator(char::from(END)).all(is_hub))
    {
        return true;
    }
    if message.direction == Direction::ToClient || !message.bytes.starts_with(b"{") {
        return false;
    }
    let record = memchr(END, message.bytes).map(|end| &message.bytes[..end]);
    let object = record.and_then(|record| str::from_utf8(record).ok()).and_then(Object::parse);
    object.is_some_and(|object| {
        object.number("version").is_some() && matches!(object.text("protocol").as_deref(), Some("json" | "messagepack"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use crate::dissect::decoded::Value;

    #[test]
    fn completions_find_their_invocations() {
        let mut talk = Talk::on("/hub?id=x", None);
        assert_eq!(talk.client("{\"protocol\":\"json\",\"version\":1}\u{1e}").protocol(), Some("signalr"));
        let told = talk.server("{}\u{1e}{\"type\":6}\u{1e}");
        assert_eq!((told.kinds(), told.answers()), (vec!["handshake", "ping"], Some((1, "handshake"))));
        talk.client("{\"type\":1,\"invocationId\":\"0\",\"target\":\"Add\",\"arguments\":[1,2]}\u{1e}");
        assert_eq!(talk.server("{\"type\":3,\"invocationId\":\"0\",\"result\":3}\u{1e}").answers(), Some((2, "Add")));
        talk.client("{\"type\":4,\"invocationId\":\"1\",\"target\":\"Count\",\"arguments\":[]}\u{1e}");
        assert_eq!(talk.server("{\"type\":2,\"invocationId\":\"1\",\"item\":1}\u{1e}").answers(), Some((3, "Count")));
        for odd in ["", "{\"type\":6}", "{}\u{1e}", "{\"type\":99}\u{1e}"] {
            assert_eq!(talk.client(odd).codes().len(), usize::from(!odd.is_empty()), "{odd}");
        }
    }

    #[test]
    fn messagepack_says_the_same() {
        let mut talk = Talk::on("/hub", None);
        talk.client("{\"protocol\":\"messagepack\",\"version\":1}\u{1e}");
        talk.server("{}\u{1e}");
        let call = talk.client_binary(b"\x0d\x96\x01\x80\xa1\x30\xa3Add\x91\x05\x90");
        assert_eq!(call.codes(), ["signalr.malformed"], "the length must fit");
        let call = talk.client_binary(b"\x0c\x95\x01\x80\xa1\x30\xa3Add\x92\x05\x06");
        assert_eq!(
            (call.summary().as_str(), call.field("signalr.arguments")),
            ("invocation Add [5,6]", vec![Value::Json("[5,6]".into())])
        );
        let failed = talk.server_binary(b"\x09\x95\x03\x80\xa1\x30\x01\xa2no\x02\x91\x06");
        assert_eq!((failed.kinds(), failed.answers()), (vec!["completion", "ping"], Some((3, "Add"))));
        assert_eq!(failed.field("signalr.error"), ["no".into()]);
    }
}

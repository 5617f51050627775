//! WAMP 2 in JSON, MessagePack and CBOR, also batched: calls with their results, subscriptions with their topics.
//!
//! <https://wamp-proto.org/wamp_latest_ietf.html>

use std::collections::HashMap;

use super::decoded::Unit;
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Opening, Protocol, no_target, value};
use crate::anomaly::Code;
use crate::config::Limits;
use crate::duplex::Direction::{self, ToClient, ToServer};

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "wamp",
    about: "WAMP 2 in JSON, MessagePack and CBOR",
    subprotocols: &[
        "wamp.2.json",
        "wamp.2.msgpack",
        "wamp.2.cbor",
        "wamp.2.json.batched",
        "wamp.2.msgpack.batched",
        "wamp.2.cbor.batched",
    ],
    target: no_target,
    begins: b"[",
    probe,
    make: |opening| Box::new(Wamp::new(opening)),
    lasting: true,
    format: false,
    malformed: Code::WampMalformed,
    fields: &[
        ("realm", "realm of HELLO"),
        ("session", "session of WELCOME"),
        ("uri", "topic, procedure, error or reason"),
        ("args", "positional arguments"),
        ("kwargs", "keyword arguments"),
        ("options", "options or details"),
        ("method", "authentication method of CHALLENGE"),
        ("subscription", "subscription identifier"),
        ("registration", "registration identifier"),
        ("publication", "publication identifier"),
    ],
};

/// A type of message (§"Message Definitions"): its code and name, who may send it, what stands in it behind the code, and its role.
struct Type {
    code: i64,
    name: &'static str,
    sender: Option<Direction>,
    fields: &'static [&'static str],
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Asks,
    /// Asks only where an option says so.
    AsksIf(&'static str),
    Answers,
    /// The request is the one of the type and identifier that it names.
    Fails,
    Opens,
    Opened(bool),
    Leaves,
    Nothing,
}

const fn row(
    code: i64,
    name: &'static str,
    sender: Option<Direction>,
    fields: &'static [&'static str],
    role: Role,
) -> Type {
    Type { code, name, sender, fields, role }
}

const CLIENT: Option<Direction> = Some(ToServer);
const ROUTER: Option<Direction> = Some(ToClient);
const TYPES: &[Type] = &[
    row(1, "HELLO", CLIENT, &["realm", "options"], Role::Opens),
    row(2, "WELCOME", ROUTER, &["session", "options"], Role::Opened(true)),
    row(3, "ABORT", None, &["options", "uri"], Role::Opened(true)),
    row(4, "CHALLENGE", ROUTER, &["method", "options"], Role::Opened(false)),
    row(5, "AUTHENTICATE", CLIENT, &["", "options"], Role::Nothing),
    row(6, "GOODBYE", None, &["options", "uri"], Role::Leaves),
    row(8, "ERROR", None, &["", "id", "options", "uri", "args", "kwargs"], Role::Fails),
    row(16, "PUBLISH", CLIENT, &["id", "options", "uri", "args", "kwargs"], Role::AsksIf("acknowledge")),
    row(17, "PUBLISHED", ROUTER, &["id", "publication"], Role::Answers),
    row(32, "SUBSCRIBE", CLIENT, &["id", "options", "uri"], Role::Asks),
    row(33, "SUBSCRIBED", ROUTER, &["id", "subscription"], Role::Answers),
    row(34, "UNSUBSCRIBE", CLIENT, &["id", "subscription"], Role::Asks),
    row(35, "UNSUBSCRIBED", ROUTER, &["id"], Role::Answers),
    row(36, "EVENT", ROUTER, &["subscription", "publication", "options", "args", "kwargs"], Role::Nothing),
    row(48, "CALL", CLIENT, &["id", "options", "uri", "args", "kwargs"], Role::Asks),
    row(49, "CANCEL", CLIENT, &["id", "options"], Role::Nothing),
    row(50, "RESULT", ROUTER, &["id", "options", "args", "kwargs"], Role::Answers),
    row(64, "REGISTER", CLIENT, &["id", "options", "uri"], Role::Asks),
    row(65, "REGISTERED", ROUTER, &["id", "registration"], Role::Answers),
    row(66, "UNREGISTER", CLIENT, &["id", "registration"], Role::Asks),
    row(67, "UNREGISTERED", ROUTER, &["id"], Role::Answers),
    row(68, "INVOCATION", ROUTER, &["id", "registration", "options", "args", "kwargs"], Role::Asks),
    row(69, "INTERRUPT", ROUTER, &["id", "options"], Role::Nothing),
    row(70, "YIELD", CLIENT, &["id", "options", "args", "kwargs"], Role::Answers),
];

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    MsgPack,
    Cbor,
}

/// One session.
#[derive(Debug)]
struct Wamp {
    encoding: Encoding,
    batched: bool,
    names: Names,
    left: bool,
}

impl Wamp {
    fn new(opening: &Opening<'_>) -> Self {
        let subprotocol = opening.subprotocol.unwrap_or_default();
        let encoding = match subprotocol.strip_prefix("wamp.2.").and_then(|name| name.split('.').next()) {
            Some("msgpack") => Encoding::MsgPack,
            Some("cbor") => Encoding::Cbor,
            Some(_) | None => Encoding::Json,
        };
        Self { encoding, batched: subprotocol.ends_with(".batched"), names: Names::default(), left: false }
    }

    fn one(&mut self, json: &str, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let items = json::array(json).ok_or(Malformed::new("no array"))?;
        let code: i64 = items.first().and_then(|code| code.parse().ok()).ok_or(Malformed::new("no message type"))?;
        let row =
            TYPES.iter().find(|row| row.code == code && row.sender.is_none_or(|sender| sender == message.direction));
        let row =
            row.ok_or_else(|| Malformed::new(format!("message type {code} from the {}", message.direction.sender())))?;
        let values: Vec<(&'static str, &str)> = row.fields.iter().copied().zip(items[1..].iter().copied()).collect();
        let required = row.fields.iter().filter(|field| !matches!(**field, "args" | "kwargs")).count();
        if values.len() < required {
            return Err(Malformed::new(format!("{} with {} of {required} fields", row.name, values.len())));
        }
        let parts = Parts(&values);
        let uri = self.names.name(row, &parts, message.limits);
        let mut unit = Unit::new(row.name).summary(summary(row, &parts, uri.as_deref()));
        for (name, value) in values.iter().filter(|(name, _)| !matches!(*name, "" | "id")) {
            unit = match *name {
                "uri" => unit,
                "args" | "kwargs" | "options" => unit.with(name, json::value(value, message.limits)),
                _ => unit.with(name, json::id(value)),
            };
        }
        let method = format!("{} {}", row.name, uri.as_deref().unwrap_or_default());
        let unit = unit.with_some("uri", uri);
        let link = self.link(row, &parts, method.trim_end());
        found.push_linked(unit, link);
        Ok(())
    }

    fn link(&mut self, row: &Type, parts: &Parts<'_>, method: &str) -> Option<Link> {
        let request = || parts.get("id").map(|id| Key::new("request", id));
        let session = Key::new("session", "");
        // Progressive results come before the last one.
        let last = || !parts.option("progress");
        match row.role {
            Role::Asks => Some(Link::Asks(request()?, method.into())),
            Role::AsksIf(option) => parts.option(option).then_some(Link::Asks(request()?, method.into())),
            Role::Answers => Some(Link::Answers(request()?, last())),
            Role::Fails => Some(Link::Answers(request()?, true)),
            Role::Opens => Some(Link::Asks(session, method.into())),
            Role::Opened(last) => Some(Link::Answers(session, last)),
            Role::Leaves if self.left => Some(Link::Answers(Key::new("goodbye", ""), true)),
            Role::Leaves => {
                self.left = true;
                Some(Link::Asks(Key::new("goodbye", ""), row.name.into()))
            }
            Role::Nothing => None,
        }
    }
}

impl Dissect for Wamp {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        for piece in pieces(message.bytes, self.encoding, self.batched).ok_or(Malformed::new("no whole batch"))? {
            let read = match self.encoding {
                Encoding::Json => str::from_utf8(piece).ok().map(str::to_owned),
                Encoding::MsgPack => value::msgpack(piece, message.limits),
                Encoding::Cbor => value::cbor(piece, message.limits),
            };
            self.one(&read.ok_or(Malformed::new("no whole value"))?, message, found)?;
        }
        Ok(())
    }

    fn lose(&mut self, _direction: Direction) {
        self.names = Names::default();
    }

    fn held(&self) -> usize {
        self.names.bytes
    }
}

/// What stands in a message, by name.
struct Parts<'a>(&'a [(&'static str, &'a str)]);

impl Parts<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| *value)
    }

    fn option(&self, name: &str) -> bool {
        self.get("options").and_then(Object::parse).and_then(|options| options.get(name)) == Some("true")
    }
}

/// The URIs behind the identifiers that the router gives.
#[derive(Debug, Default)]
struct Names {
    asked: HashMap<Box<str>, Box<str>>,
    given: HashMap<Box<str>, Box<str>>,
    bytes: usize,
}

impl Names {
    /// The URI that a message is about, its own or that of its subscription or registration.
    fn name(&mut self, row: &Type, parts: &Parts<'_>, limits: &Limits) -> Option<String> {
        let own = parts.get("uri").map(|uri| json::id(uri).into_owned());
        let given = parts.get("subscription").or(parts.get("registration"));
        let id = parts.get("id");
        match row.name {
            "SUBSCRIBE" | "REGISTER" => {
                if self.asked.len() < limits.requests
                    && let (Some(id), Some(uri)) = (id, &own)
                {
                    self.bytes += 2 * (id.len() + uri.len() + 32);
                    self.asked.insert(id.into(), uri.as_str().into());
                }
            }
            "SUBSCRIBED" | "REGISTERED" => {
                let uri = self.asked.remove(id?)?;
                if self.given.len() < limits.requests {
                    self.given.insert(given?.into(), uri.clone());
                }
                return Some(uri.into());
            }
            _ => {}
        }
        own.or_else(|| self.given.get(given?).map(ToString::to_string))
    }
}

fn summary(row: &Type, parts: &Parts<'_>, uri: Option<&str>) -> String {
    let mut text = row.name.to_owned();
    let named = ["realm", "session", "method"].iter().filter_map(|name| parts.get(name)).map(json::id);
    for word in named.chain(uri.map(Into::into)) {
        text = text + " " + &word;
    }
    for name in ["args", "kwargs"] {
        if let Some(value) = parts.get(name).filter(|value| !matches!(*value, "null" | "{}" | "[]")) {
            text = text + " " + value;
        }
    }
    text
}

/// The messages in one WebSocket message (§"Batched Transport"): ended by 0x18, or behind a length of four bytes.
fn pieces(bytes: &[u8], encoding: Encoding, batched: bool) -> Option<Vec<&[u8]>> {
    match (batched, encoding) {
        (false, _) => Some(vec![bytes]),
        (true, Encoding::Json) => Some(bytes.strip_suffix(b"\x18")?.split(|byte| *byte == 0x18).collect()),
        (true, Encoding::MsgPack | Encoding::Cbor) => {
            let (mut pieces, mut rest) = (Vec::new(), bytes);
            while let Some((length, behind)) = rest.split_first_chunk() {
                let (piece, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
                pieces.push(piece);
                rest = behind;
            }
            rest.is_empty().then_some(pieces)
        }
    }
}

/// A HELLO that names roles.
fn probe(message: &Incoming<'_>) -> bool {
    let Some(text) = message.as_text().filter(|text| message.direction == ToServer && text.starts_with("[1,")) else {
        return false;
    };
    let items = json::array(text).unwrap_or_default();
    let [_, realm, details] = items[..] else { return false };
    json::string(realm).is_some() && Object::parse(details).is_some_and(|details| details.has("roles"))
}

#[cfg(test)]
mod tests {
    use super::super::decoded::Value;
    use super::super::testing::Talk;

    #[test]
    fn results_errors_and_yields_find_their_calls() {
        let mut talk = Talk::on("/", Some("wamp.2.json"));
        talk.client(r#"[1,"realm1",{"roles":{}}]"#);
        assert_eq!(talk.server(r#"[2,9129137332,{"roles":{}}]"#).answers(), Some((1, "HELLO")));
        talk.client(r#"[64,1,{},"com.sum"]"#);
        assert_eq!(talk.server("[65,1,77]").summary(), "REGISTERED com.sum");
        assert_eq!(talk.server("[68,500,77,{},[2,3]]").summary(), "INVOCATION com.sum [2,3]");
        assert_eq!(talk.client("[70,500,{},[5]]").answers(), Some((3, "INVOCATION com.sum")));
        talk.client(r#"[48,2,{},"com.other",[1],{"a":null}]"#);
        assert_eq!(talk.server(r#"[50,2,{"progress":true},[1]]"#).answers(), Some((4, "CALL com.other")));
        let error = talk.server(r#"[8,48,2,{},"wamp.error.no_such_procedure"]"#);
        assert_eq!(
            (error.answers(), error.field("wamp.uri")),
            (Some((4, "CALL com.other")), vec!["wamp.error.no_such_procedure".into()])
        );
        talk.client(r#"[16,3,{},"com.topic",["x"]]"#);
        talk.client(r#"[16,4,{"acknowledge":true},"com.topic"]"#);
        assert_eq!(talk.unanswered(), ["PUBLISH com.topic"]);
    }

    #[test]
    fn all_encodings_say_the_same() {
        let json = talk("wamp.2.json", b"[36,5,6,{},[1]]");
        assert_eq!(json.0, "EVENT [1]");
        assert_eq!(talk("wamp.2.msgpack", b"\x95\x24\x05\x06\x80\x91\x01"), json);
        assert_eq!(talk("wamp.2.cbor", b"\x85\x18\x24\x05\x06\xa0\x81\x01"), json);
        assert_eq!(talk("wamp.2.json.batched", b"[36,5,6,{},[1]]\x18"), json);
        assert_eq!(talk("wamp.2.msgpack.batched", b"\0\0\0\x07\x95\x24\x05\x06\x80\x91\x01"), json);
    }

    fn talk(subprotocol: &str, bytes: &[u8]) -> (String, Vec<Value>) {
        let told = Talk::on("/", Some(subprotocol)).server_binary(bytes);
        (told.summary(), told.field("wamp.args"))
    }

    #[test]
    fn what_is_no_message_is_told_so() {
        for odd in ["{}", "[]", "[\"a\"]", "[2,1,{}]", "[48,1]", "[99]", "[48,1,{},\"a\""] {
            let told = Talk::on("/", Some("wamp.2.json")).client(odd);
            assert_eq!((told.kinds(), told.codes()), (vec!["unknown"], vec!["wamp.malformed"]), "{odd}");
        }
        let cut = Talk::on("/", Some("wamp.2.cbor.batched")).server_binary(b"\0\0\0\x02\x81");
        assert_eq!(cut.codes(), ["wamp.malformed"]);
    }

    #[test]
    fn it_is_recognised_by_hello() {
        let protocol = |text: &str| Talk::on("/", None).client(text).protocol().map(str::to_owned);
        assert_eq!(protocol(r#"[1,"r",{"roles":{}}]"#).as_deref(), Some("wamp"));
        assert_eq!(protocol(r#"[1,"r",{}]"#).as_deref(), Some("json"));
    }
}

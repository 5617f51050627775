//! What a message means: named values, one summary line, and which request it answers.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::duplex::Direction;
use crate::origin::Timestamp;

/// What the dissector of a sub-protocol made of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decoded {
    /// Name of the protocol: a row of [`PROTOCOLS`](super::PROTOCOLS).
    pub protocol: Cow<'static, str>,
    /// What begins or ends in the message, in order, at least one: byte streams and batches put several into one message.
    pub units: Vec<Unit>,
}

/// One thing that the protocol sends: a packet, a frame, an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unit {
    /// The protocol that it is of, where it stands inside another one.
    pub protocol: Option<Cow<'static, str>>,
    /// What it is, in the protocol's words.
    pub kind: Cow<'static, str>,
    /// What it says, in one line as sent: to be escaped before it is shown.
    pub summary: String,
    /// Its values by the names of the protocol's table of fields.
    pub fields: Vec<(Cow<'static, str>, Value)>,
    /// The identifier that links requests with answers, as sent.
    pub id: Option<Box<str>>,
    /// Whether it asks or answers.
    pub role: Option<Role>,
    /// Whether it only keeps the connection alive.
    pub keepalive: bool,
    /// The request that it answers, where that was seen.
    pub reply: Option<Reply>,
    /// The message that it begins in, where that is an earlier one.
    pub begins: Option<Begin>,
}

/// A value of a field, or a tree of them as JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Text, as sent.
    Text(Box<str>),
    /// Bytes that are no text.
    Bytes(Box<[u8]>),
    /// One JSON value without line breaks, nested at most [`Limits::depth`](crate::config::Limits::depth) deep.
    ///
    /// Trees are kept as text: exports write it as it stands, and who wants nodes reads them of the one message looked at.
    Json(Box<str>),
    /// More than [`Limits::decode`](crate::config::Limits::decode) bytes: so many, not shown.
    Omitted(u64),
}

/// Whether a unit asks or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The peer is to answer.
    Request,
    /// An answer.
    Reply,
}

impl Role {
    /// `request` or `reply`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Reply => "reply",
        }
    }
}

/// A link to the request that is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Which way the request went.
    pub direction: Direction,
    /// Number of its message.
    pub message: u64,
    /// What was asked for: method, topic, operation.
    pub method: Box<str>,
    /// Nanoseconds from the packet that ended the request to the one that began the answer.
    pub latency: i64,
    /// Whether it is the first answer to this request.
    pub first: bool,
    /// Whether the request was but a sign of life, as its answer then is.
    pub keepalive: bool,
}

/// A request that was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// Which way it went.
    pub direction: Direction,
    /// Number of its message.
    pub message: u64,
    /// What was asked for.
    pub method: Box<str>,
    /// Its identifier; empty where the protocol answers in order.
    pub id: Box<str>,
}

/// Where a unit begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Number of the message.
    pub message: u64,
    /// Capture time of the message's first packet.
    pub time: Timestamp,
}

impl Decoded {
    /// All values of a filter field, as `mqtt.topic`: the protocol's name, then that of a row of its fields.
    pub fn field<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, Value>> + 'a {
        let (protocol, name) = name.split_once('.').unwrap_or_default();
        let units = self.units.iter();
        let units = units.filter(move |unit| unit.protocol.as_ref().unwrap_or(&self.protocol) == protocol);
        units.flat_map(move |unit| unit.values(name))
    }

    /// The link of the first unit that answers a request which was seen.
    pub fn reply(&self) -> Option<&Reply> {
        self.units.iter().find_map(|unit| unit.reply.as_ref())
    }

    /// Whether nothing in the message is more than a sign of life.
    pub fn is_keepalive(&self) -> bool {
        self.units.iter().all(|unit| unit.keepalive)
    }

    /// The summaries of all units, joined; to be escaped before it is shown.
    pub fn summary(&self) -> String {
        let mut line = String::new();
        for unit in self.units.iter().filter(|unit| !unit.summary.is_empty()) {
            if !line.is_empty() {
                line.push_str("; ");
            }
            if line.len() > MAX_SUMMARY {
                write!(line, "… {} in all", self.units.len()).expect("a String takes all");
                break;
            }
            line.push_str(&unit.summary);
        }
        line
    }
}

/// Bytes of a summary.
const MAX_SUMMARY: usize = 240;

impl Unit {
    /// A unit with nothing but a kind.
    pub fn new(kind: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }

    /// The same with a summary, cut where it is long.
    #[must_use]
    pub fn summary(mut self, text: impl Into<String>) -> Self {
        self.summary = text.into();
        if self.summary.len() > MAX_SUMMARY {
            self.summary.truncate(self.summary.floor_char_boundary(MAX_SUMMARY));
            self.summary.push('…');
        }
        self
    }

    /// The same with a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The same with a value, where there is one.
    #[must_use]
    pub fn with_some<V: Into<Value>>(self, name: &'static str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same, marked as a sign of life.
    #[must_use]
    pub fn keepalive(self) -> Self {
        Self { keepalive: true, ..self }
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, Value>> + 'a {
        let common = match name {
            "kind" => Some(Value::Text(self.kind.as_ref().into())),
            "id" => self.id.clone().map(Value::Text),
            "role" => self.role.map(|role| Value::Text(role.name().into())),
            _ => None,
        };
        let own = self.fields.iter().filter(move |(field, _)| *field == name).map(|(_, value)| Cow::Borrowed(value));
        common.map(Cow::Owned).into_iter().chain(own)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Cow<'_, str>> for Value {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Text(text.into())
    }
}

macro_rules! numbers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Value {
            fn from(number: $integer) -> Self {
                Self::Number(i64::from(number))
            }
        }
    )*};
}
numbers!(u8 u16 u32 i64);

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_dotted_names() {
        let unit = Unit::new("event").with("event", "chat").with("data", 1u8);
        let decoded = Decoded { protocol: "socketio".into(), units: vec![unit.clone(), unit] };
        let values = |name: &str| decoded.field(name).map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(values("socketio.event"), [Value::from("chat"), Value::from("chat")]);
        assert_eq!(values("socketio.kind").len(), 2);
        for absent in ["socketio.other", "mqtt.event", "event", "socketio.event.x"] {
            assert_eq!(values(absent), [], "{absent}");
        }
    }

    #[test]
    fn summaries_are_cut_between_characters() {
        let unit = Unit::new("x").summary("ä".repeat(200));
        assert!(unit.summary.len() <= MAX_SUMMARY + '…'.len_utf8());
        let decoded = Decoded { protocol: "x".into(), units: vec![unit; 50] };
        assert!(decoded.summary().ends_with("… 50 in all"));
    }
}

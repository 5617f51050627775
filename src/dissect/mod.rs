//! Messages to what they mean in their sub-protocol: a stage on events, behind the core and unseen by it.
//!
//! ```text
//!  Event ─► Dissector ─► Conversation (one a connection) ─► Dissect (one a protocol) ─► Unit, Link ─► Pending ─► Event + decoded
//! ```
//!
//! A protocol is a file and a line in [`PROTOCOLS`]. It is taken because the handshake names it, or by hand, or because one of the
//! first messages can be nothing else: a wrong guess would be a lie.

mod actioncable;
mod candidates;
mod cdp;
pub mod conversation;
pub mod decoded;
mod formats;
mod graphql;
pub mod json;
mod jsonrpc;
mod jupyter;
mod mqtt;
mod nats;
pub mod pending;
mod phoenix;
pub mod protobuf;
mod signalr;
mod soap;
mod socketio;
mod sockjs;
mod stomp;
pub mod stream;
#[cfg(test)]
mod testing;
pub mod value;
mod wamp;
pub mod xml;
mod xmpp;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;

use foldhash::quality::RandomState;
use memchr::memmem::Finder;
use prost_reflect::DescriptorPool;

use crate::anomaly::{Anomaly, Code, Detail};
use crate::config::{Config, Decode, DecodeAs, Limits};
use crate::duplex::Direction;
use crate::event::{Body, ConnectionId, Event, Handshake};
use crate::origin::Span;
use crate::outbox::Counts;
use conversation::Conversation;
use decoded::{Begin, Unit};
use pending::Key;
use stream::Rest;

/// Every protocol there is; those that one message decides for stand first, formats of single messages last.
pub const PROTOCOLS: &[&Protocol] = &[
    &socketio::PROTOCOL,
    &stomp::PROTOCOL,
    &mqtt::PROTOCOL,
    &graphql::PROTOCOL,
    &wamp::PROTOCOL,
    &signalr::PROTOCOL,
    &sockjs::PROTOCOL,
    &xmpp::PROTOCOL,
    &actioncable::PROTOCOL,
    &phoenix::PROTOCOL,
    &jupyter::PROTOCOL,
    &cdp::PROTOCOL,
    &nats::PROTOCOL,
    &jsonrpc::PROTOCOL,
    &soap::PROTOCOL,
    &formats::JSON,
    &formats::NDJSON,
    &xml::PROTOCOL,
    &formats::MSGPACK,
    &formats::CBOR,
    &protobuf::PROTOCOL,
];

/// A row of the table of protocols.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// Name in records, on the command line and in filters: lower-case letters and digits.
    pub name: &'static str,
    /// What it is, and where it is specified.
    pub about: &'static str,
    /// The subprotocols that stand for it in a handshake.
    pub subprotocols: &'static [&'static str],
    /// Whether the target of a handshake, path and query, can stand for nothing else.
    pub target: fn(&str, &str) -> bool,
    /// The bytes that such a message can begin with, blanks left aside; none: any byte, or none at all. It is not asked about others.
    pub begins: &'static [u8],
    /// Whether a message, among the first of either side, can be nothing else: one that opens the protocol, or, of a connection that was
    /// joined late, one that nobody else would write; where it decides for itself alone, whether it is worth
    /// reading as one: then only what fits is taken for it.
    pub probe: fn(&Incoming<'_>) -> bool,
    /// Makes a dissector of one connection.
    pub make: fn(&Opening<'_>) -> Box<dyn Dissect>,
    /// Whether one message decides for all that follow; what each message says of itself, and payload formats, are found one by one.
    pub lasting: bool,
    /// Whether it is but the format of a payload, in which nobody asks or answers.
    pub format: bool,
    /// What is said of a message that does not fit.
    pub malformed: Code,
    /// The names of its values, and what they are; filters put `name.` before them.
    pub fields: &'static [(&'static str, &'static str)],
}

impl Protocol {
    /// Whether its messages can begin so.
    fn can_begin(&self, first: Option<u8>) -> bool {
        self.begins.is_empty() || first.is_some_and(|first| self.begins.contains(&first))
    }

    /// The row of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROTOCOLS.iter().copied().find(|row| row.name == name)
    }
}

/// What every unit has besides the fields of its protocol, by the same prefix.
pub const COMMON_FIELDS: &[(&str, &str)] = &[
    ("kind", "what it is, in the protocol's words"),
    ("id", "what links requests with answers"),
    ("role", "request or reply"),
];

/// The names that filters can ask [`Decoded::field`](decoded::Decoded::field) for, and what they are.
pub fn fields() -> impl Iterator<Item = (String, &'static str)> {
    let all =
        |row: &'static Protocol| row.fields.iter().chain(COMMON_FIELDS).map(move |(field, about)| (row, field, about));
    PROTOCOLS.iter().copied().flat_map(all).map(|(row, field, about)| (format!("{}.{field}", row.name), *about))
}

/// Attaches to each message what it means, and to the end of a connection what was never answered.
#[derive(Debug)]
pub struct Dissector {
    limits: Limits,
    formats: bool,
    decode_as: Vec<DecodeAs>,
    schema: Option<DescriptorPool>,
    /// Those of which more is known than that they are there, or that said something.
    conversations: HashMap<ConnectionId, Conversation, RandomState>,
    held: usize,
    anomalies: Counts,
}

impl Dissector {
    /// For the events of one capture.
    pub fn new(config: &Config) -> Self {
        Self {
            limits: config.limits.clone(),
            formats: config.decode != Decode::Protocols,
            decode_as: config.decode_as.clone(),
            schema: config.schema.clone(),
            conversations: HashMap::default(),
            held: 0,
            anomalies: Counts::default(),
        }
    }

    /// Takes each event in order; adds to messages and ends, and changes nothing else.
    pub fn event(&mut self, event: &mut Event) {
        match &mut event.body {
            Body::Handshake(handshake) if handshake.established => {
                let by_hand = self.by_hand(handshake);
                let conversation = Conversation::new(handshake, by_hand, self.schema.as_ref(), self.formats);
                if !conversation.is_blank() {
                    self.conversations.insert(event.connection, conversation);
                }
            }
            Body::Message(message) => {
                let blank = || Conversation::blank(self.formats);
                let conversation = self.conversations.entry(event.connection).or_insert_with(blank);
                let before = conversation.held();
                let known = message.anomalies.len();
                conversation.message(message, event.span, &self.limits);
                self.held = (self.held + conversation.held()).saturating_sub(before);
                if self.held > self.limits.decode_total {
                    self.held -= conversation.held();
                    conversation.forget();
                    message.anomalies.push(Code::LimitDecode.into());
                    self.held += conversation.held();
                }
                for anomaly in &message.anomalies[known..] {
                    self.anomalies.add(anomaly.code);
                }
            }
            Body::Gap(gap) => {
                if let Some(conversation) = self.conversations.get_mut(&event.connection) {
                    conversation.lose(gap.direction);
                }
            }
            Body::Closed(closed) => {
                if let Some(conversation) = self.conversations.remove(&event.connection) {
                    self.held = self.held.saturating_sub(conversation.held());
                    (closed.unanswered, closed.forgotten) = conversation.finish();
                }
            }
            Body::Handshake(_) | Body::Frame(_) | Body::Notice(_) => {}
        }
    }

    /// The anomalies that were added, by code.
    pub fn anomalies(&self) -> &Counts {
        &self.anomalies
    }

    fn by_hand(&self, handshake: &Handshake) -> Option<(&'static Protocol, &str)> {
        let ports = [handshake.server.port, handshake.client.port];
        let rules = self.decode_as.iter().filter(|rule| ports.contains(&rule.port));
        rules.filter_map(|rule| Some((Protocol::named(rule.name())?, rule.parameter()))).next()
    }
}

/// Takes away what a dissector added.
pub fn undo(body: &mut Body) {
    match body {
        Body::Message(message) => {
            message.decoded = None;
            message.anomalies.retain(|anomaly| !is_added(anomaly.code));
        }
        Body::Closed(closed) => (closed.unanswered, closed.forgotten) = (Vec::new(), 0),
        Body::Handshake(_) | Body::Frame(_) | Body::Gap(_) | Body::Notice(_) => {}
    }
}

/// Whether it is a dissector that raises this.
fn is_added(code: Code) -> bool {
    code == Code::LimitDecode || PROTOCOLS.iter().any(|row| row.malformed == code)
}

/// The dissector of one protocol on one connection.
pub trait Dissect: fmt::Debug + Send {
    /// Takes a whole message, and tells what begins or ends in it.
    ///
    /// # Errors
    /// Where the message, behind what was told, is not what the protocol allows.
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed>;

    /// Bytes of a direction were lost.
    fn lose(&mut self, _direction: Direction) {}

    /// Bytes of memory that it keeps for messages to come.
    fn held(&self) -> usize {
        0
    }
}

/// What a handshake makes known.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// The path of the request's target; empty where that was not captured.
    pub path: &'a str,
    /// Its query, without the question mark; empty where it has none.
    pub query: &'a str,
    /// The subprotocol chosen.
    pub subprotocol: Option<&'a str>,
    /// Whether messages were sent before the capture began.
    pub late: bool,
    /// What was named by hand behind the protocol.
    pub parameter: &'a str,
    /// The types of Protocol Buffers that are known.
    pub schema: Option<&'a DescriptorPool>,
}

/// A whole message, as dissectors see it.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Which way it went.
    pub direction: Direction,
    /// Its number.
    pub number: u64,
    /// Whether it is a text message.
    pub text: bool,
    /// All of its payload.
    pub bytes: &'a [u8],
    /// The packets that carried it.
    pub span: Span,
    /// The bounds.
    pub limits: &'a Limits,
    /// Whether messages were sent before the capture began, so that what opens a protocol was not seen.
    pub late: bool,
    /// The payload, where it is UTF-8: looked at once, when a protocol first asks.
    utf8: &'a OnceCell<Option<&'a str>>,
}

impl<'a> Incoming<'a> {
    /// A text inside of it.
    #[must_use]
    pub fn with_text<'b>(&self, text: &'b str, utf8: &'b OnceCell<Option<&'b str>>) -> Incoming<'b>
    where
        'a: 'b,
    {
        Incoming { text: true, bytes: text.as_bytes(), utf8, ..*self }
    }

    /// The payload, where it is UTF-8.
    pub fn as_utf8(&self) -> Option<&'a str> {
        *self.utf8.get_or_init(|| simdutf8::basic::from_utf8(self.bytes).ok())
    }

    /// The payload of a text message.
    pub fn as_text(&self) -> Option<&'a str> {
        if self.text { self.as_utf8() } else { None }
    }

    /// Its first byte that is no blank.
    pub fn first(&self) -> Option<u8> {
        self.bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace())
    }

    /// Whether these bytes stand in it; cheaper than to see whether it is UTF-8, and than to read it.
    pub fn holds(&self, needle: &Finder<'_>) -> bool {
        needle.find(self.bytes).is_some()
    }

    /// Where a unit begins that begins here.
    pub fn begin(&self) -> Begin {
        Begin { message: self.number, time: self.span.first.time }
    }
}

/// What a dissector finds in one message.
#[derive(Debug, Default)]
pub struct Found {
    units: Vec<(Unit, Option<Link>)>,
    anomalies: Vec<Anomaly>,
}

/// How a unit is linked with others.
#[derive(Debug)]
pub enum Link {
    /// It wants an answer that bears this key; what it asks for.
    Asks(Key, Box<str>),
    /// It answers the request of this key, and is the last answer or not.
    Answers(Key, bool),
    /// It is an answer, the last or not, where the request of this key waits for one, and else stands for itself.
    MayAnswer(Key, bool),
    /// It belongs to the request of this key, but does not count as its answer.
    Belongs(Key),
    /// It takes back the own request of this key.
    Cancels(Key),
    /// Both, in this order.
    Both(Box<[Link; 2]>),
}

impl Found {
    /// A unit.
    pub fn push(&mut self, unit: Unit) {
        self.push_linked(unit, None);
    }

    /// A unit that asks for `method`, or that answers.
    pub fn push_linked(&mut self, unit: Unit, link: impl Into<Option<Link>>) {
        if self.units.is_empty() {
            // Most messages hold one; a vector begins with room for four.
            self.units.reserve_exact(1);
        }
        self.units.push((unit, link.into()));
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// All of `other` too.
    pub fn append(&mut self, mut other: Self) {
        self.units.append(&mut other.units);
        self.anomalies.append(&mut other.anomalies);
    }

    /// Something odd that does not keep the message from being read.
    pub fn note(&mut self, code: Code, detail: Detail) {
        self.anomalies.push(Anomaly::new(code, detail));
    }

    /// What a stream says of the end of a message.
    fn push_rest(&mut self, rest: Rest) {
        match rest {
            // Some write the empty payload of a packet as a message of its own.
            Rest::Nothing if self.is_empty() => self.push(Unit::new("empty").summary("no bytes")),
            Rest::Nothing => {}
            Rest::More(bytes) => {
                self.push(Unit::new("part").summary(format!("bytes so far: {bytes}, continued in the next message")));
            }
            Rest::Lost => self.push(Unit::new("part").summary("of something that began in bytes that were lost")),
        }
    }
}

/// Why a message is not what its protocol allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    why: Cow<'static, str>,
    limit: bool,
}

impl Malformed {
    /// For this reason.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self { why: why.into(), limit: false }
    }

    /// What is told in place of a unit.
    fn unit(&self) -> Unit {
        Unit::new("unknown").summary(self.why.clone())
    }

    fn anomaly(self, row: &Protocol) -> Anomaly {
        let code = if self.limit { Code::LimitDecode } else { row.malformed };
        Anomaly::new(code, Detail::Because(self.why))
    }

    /// No fault of the peer: it is longer than we look at.
    fn too_long(bytes: usize) -> Self {
        Self { why: format!("{bytes} bytes").into(), limit: true }
    }
}

/// For protocols that no target stands for.
fn no_target(_path: &str, _query: &str) -> bool {
    false
}

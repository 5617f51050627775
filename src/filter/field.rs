//! The fields that a filter can ask for: one table, from which the parser, the evaluation and the help page are made.
//!
//! A new field is a row here and the function in `read.rs` that reads it. Those of sub-protocols stand in the tables of their
//! dissectors.

use std::sync::LazyLock;

use super::Subject;
use super::read;
use super::value::{Kind, Value};
use crate::dissect;

/// A field of an event, or of its connection.
#[derive(Debug)]
pub struct Field {
    /// Name: Wireshark's, where it has such a field.
    pub name: &'static str,
    /// A shorter name.
    pub alias: Option<&'static str>,
    /// What it holds.
    pub kind: Kind,
    /// What must be known of an event to read it.
    pub scope: Scope,
    /// How it is read.
    pub(super) read: Read,
    /// What it means, in one line.
    pub meaning: &'static str,
}

/// What must be known of an event to decide a filter; later ones need more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Its connection only: number and handshake.
    Connection,
    /// Itself, but not its payload.
    Event,
    /// Its payload.
    Payload,
}

/// How the values of a field are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Read {
    /// At most one.
    One(for<'a> fn(&Subject<'a>) -> Option<Value<'a>>),
    /// Any number: handed to the function until it says that it has enough; whether it did.
    Many(for<'a> fn(&Subject<'a>, &mut dyn FnMut(Value<'a>) -> bool) -> bool),
    /// What the dissector of a sub-protocol calls by the field's name.
    Decoded,
}

impl Field {
    /// The field of this name or alias.
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|field| field.name == name || field.alias == Some(name))
    }

    /// All of them: those of the table, then those of sub-protocols.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        FIELDS.iter().chain(DECODED.iter())
    }

    /// All names and aliases.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::all().flat_map(|field| field.alias.into_iter().chain([field.name]))
    }

    /// The alias, or where there is none the name.
    pub fn short(&self) -> &'static str {
        self.alias.unwrap_or(self.name)
    }

    /// Hands its values to `enough` until that says so; whether it did.
    pub(super) fn values<'a>(&self, subject: &Subject<'a>, enough: &mut dyn FnMut(Value<'a>) -> bool) -> bool {
        match self.read {
            Read::One(read) => read(subject).is_some_and(enough),
            Read::Many(read) => read(subject, enough),
            Read::Decoded => read::decoded(subject, self.name, enough),
        }
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Kinds of events, in the words of `ws.type`.
pub(super) const TYPES: &[&str] =
    &["handshake", "continuation", "text", "binary", "close", "ping", "pong", "reserved", "gap", "notice", "closed"];
const DIRECTIONS: &[&str] = &["c2s", "s2c"];
const VERDICTS: &[&str] = &["accepted", "rejected", "invalid", "incomplete", "unseen"];
const ENDS: &[&str] = &["closing handshake", "fin", "reset", "idle", "evicted", "end of capture"];
const SEVERITIES: &[&str] = &["note", "loss", "warning", "violation"];

/// Every field there is, in the order of the help page.
pub const FIELDS: &[Field] = {
    use Kind::{Address, Bytes, Duration, Flag, Number, Opcode, Real, Text, Time, Word};
    use Read::{Many, One};
    use Scope::{Connection, Event, Payload};
    &[
        // -- connection
        row("conn", "", Number, Connection, One(read::connection), "number of the connection"),
        row("http.host", "ws.host", Text, Connection, One(read::host), "host that was asked for"),
        row("http.request.full_uri", "ws.uri", Text, Connection, One(read::uri), "where the client went, as a URI"),
        row("http.request.uri", "", Text, Connection, One(read::target), "request target, as sent"),
        row("http.request.method", "", Text, Connection, One(read::method), "method of the upgrade request"),
        row("http.request.line", "", Text, Connection, Many(read::request_lines), "each header line of the request"),
        row("http.user_agent", "", Text, Connection, One(read::user_agent), "User-Agent of the client"),
        row("ws.origin", "", Text, Connection, One(read::origin), "Origin of the page that connected"),
        row("http.response.code", "", Number, Connection, One(read::status), "status of the response"),
        row("http.response.line", "", Text, Connection, Many(read::response_lines), "each header line of the response"),
        row("ws.subprotocol", "", Text, Connection, One(read::subprotocol), "subprotocol that was chosen"),
        row("ws.extension", "", Text, Connection, One(read::extension), "extensions that were agreed"),
        row("ws.verdict", "", Word(VERDICTS), Connection, One(read::verdict), "what came of the handshake"),
        row("ws.latency", "", Duration, Connection, One(read::latency), "from the request to the response"),
        row("http2.streamid", "", Number, Connection, One(read::stream), "HTTP/2 stream that it runs on"),
        row("ws.proxy", "", Text, Connection, One(read::proxy), "target of the CONNECT of its tunnel"),
        row("ip.addr", "", Address, Connection, Many(read::addresses), "address of either side"),
        row("tcp.port", "", Number, Connection, Many(read::ports), "port of either side"),
        // -- event
        row("ws.type", "", Word(TYPES), Event, One(read::kind), "what it is"),
        row("ws.dir", "", Word(DIRECTIONS), Event, One(read::direction), "which way it went"),
        row("ip.src", "", Address, Event, One(read::source), "address of the sender"),
        row("ip.dst", "", Address, Event, One(read::destination), "address of the receiver"),
        row("tcp.srcport", "", Number, Event, One(read::source_port), "port of the sender"),
        row("tcp.dstport", "", Number, Event, One(read::destination_port), "port of the receiver"),
        row("frame.number", "packet", Number, Event, Many(read::packets), "its first and last captured packet"),
        row("frame.time", "time", Time, Event, One(read::time), "when it was captured"),
        row("frame.time_relative", "elapsed", Duration, Event, One(read::elapsed), "time since the first packet"),
        row("websocket", "", Flag, Event, One(read::websocket), "a frame or message"),
        row("http", "", Flag, Event, One(read::http), "a handshake"),
        row("websocket.opcode", "ws.op", Opcode, Event, One(read::opcode), "opcode"),
        row("websocket.fin", "ws.fin", Flag, Event, One(read::fin), "FIN of a frame"),
        row("websocket.rsv", "ws.rsv", Number, Event, One(read::rsv), "reserved bits of a frame: 4, 2, 1"),
        row("websocket.mask", "ws.mask", Flag, Event, One(read::mask), "whether a frame is masked"),
        row("websocket.masking_key", "", Bytes, Event, One(read::masking_key), "masking key of a frame"),
        row("websocket.pmc", "ws.compressed", Flag, Event, One(read::compressed), "whether it is compressed"),
        row("websocket.payload_length", "ws.len", Number, Event, One(read::wire_length), "payload bytes on the wire"),
        row("ws.size", "", Number, Event, One(read::size), "payload bytes after inflating"),
        row("ws.ratio", "", Real, Event, One(read::ratio), "ws.size / ws.len, where compressed"),
        row("ws.msg", "", Number, Event, One(read::message), "number of the message, per side"),
        row("ws.frame", "", Number, Event, One(read::frame), "number of the frame, per side"),
        row("ws.frames", "", Number, Event, One(read::frames), "frames of a message"),
        row("ws.proto", "", Text, Event, One(read::protocol), "sub-protocol that a message is read in"),
        row("ws.control", "", Flag, Event, One(read::control), "whether it is a control frame"),
        row("ws.complete", "", Flag, Event, One(read::complete), "whether all of it is known"),
        row("ws.missing", "", Number, Event, One(read::missing), "bytes that were not captured"),
        row("ws.gap", "", Flag, Event, One(read::gap), "bytes are missing here"),
        row("ws.rtt", "", Duration, Event, One(read::rtt), "of a pong: time since its ping"),
        row("ws.answer", "", Duration, Event, One(read::answer), "of an answer: time since its request"),
        row(
            "websocket.payload.close.status_code",
            "ws.close",
            Number,
            Event,
            One(read::close_code),
            "status code of a close frame, or of the end",
        ),
        row("websocket.payload.close.reason", "ws.reason", Text, Event, One(read::close_reason), "its reason"),
        row("ws.end", "", Word(ENDS), Event, One(read::end), "how the connection ended, on its last event"),
        row("ws.anomaly", "", Text, Event, Many(read::anomalies), "code of each anomaly on it: ws.mask.missing …"),
        row("ws.severity", "", Word(SEVERITIES), Event, Many(read::severities), "severity of each anomaly on it"),
        row("mark", "", Flag, Event, One(read::mark), "whether you marked it (in the terminal UI)"),
        // -- payload
        row("websocket.payload.text", "ws.text", Text, Payload, One(read::text), "payload of text"),
        row("websocket.payload", "ws.data", Bytes, Payload, One(read::payload), "payload, text or not"),
        row("ws.keepalive", "", Flag, Payload, One(read::keepalive), "ping, pong, or a heartbeat of known protocols"),
        row("any", "", Text, Payload, Many(read::any), "what words are looked for in"),
    ]
};

/// Names and meanings of the fields of sub-protocols.
static NAMED: LazyLock<Vec<(String, &'static str)>> = LazyLock::new(|| dissect::fields().collect());
/// The fields of sub-protocols, by their dotted names: `mqtt.topic`.
static DECODED: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let named: &'static [(String, &'static str)] = &NAMED;
    named.iter().map(|(name, meaning)| row(name, "", Kind::Any, Scope::Event, Read::Decoded, meaning)).collect()
});

/// A row of the table; an empty alias is none.
const fn row(
    name: &'static str,
    alias: &'static str,
    kind: Kind,
    scope: Scope,
    read: Read,
    meaning: &'static str,
) -> Field {
    let alias = if alias.is_empty() { None } else { Some(alias) };
    Field { name, alias, kind, scope, read, meaning }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::Severity;
    use crate::event::{End, Verdict};

    #[test]
    fn names_are_unique_and_meanings_are_short() {
        let names: Vec<_> = Field::names().collect();
        assert!(names.contains(&"mqtt.topic") && names.contains(&"stomp.kind"));
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name}");
            assert_eq!(Field::find(name).map(|field| field.name == *name || field.alias == Some(name)), Some(true));
        }
        assert!(FIELDS.iter().all(|field| field.meaning.chars().count() <= 47));
    }

    #[test]
    fn words_are_those_of_the_records() {
        assert!(Verdict::ALL.iter().all(|verdict| VERDICTS.contains(&verdict.name())));
        let ends = [End::ClosingHandshake, End::Fin, End::Reset, End::Idle, End::Evicted, End::EndOfCapture];
        assert!(ends.iter().all(|end| ENDS.contains(&end.name())));
        let severities = [Severity::Note, Severity::Loss, Severity::Warning, Severity::Violation];
        assert!(severities.iter().all(|severity| SEVERITIES.contains(&severity.name())));
    }
}

//! Events to a conformance report: per connection which rules were broken, how often, where first, and a verdict.

pub mod jsonl;
pub mod text;

use std::collections::BTreeMap;
use std::fmt;

use crate::anomaly::{Code, Severity};
use crate::duplex::Direction;
use crate::event::{Body, ConnectionId, Event, Handshake, Verdict as HandshakeVerdict};
use crate::export::text::count;
use crate::net::segment::Endpoint;
use crate::outbox::{Counts, Summary};

/// Gathers what is found on each connection until it is over.
#[derive(Debug, Default)]
pub struct Check {
    open: BTreeMap<ConnectionId, Connection>,
    totals: Totals,
    /// What events of connections carried.
    on_connections: Counts,
}

/// What was found on all connections together, and beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Connections that were seen whole and broke no MUST.
    pub conform: u64,
    /// Connections on which a MUST was broken.
    pub violate: u64,
    /// Connections that were not seen whole.
    pub cannot_tell: u64,
    /// What belongs to no connection, and how often.
    pub capture: Vec<(Code, u64)>,
    /// The heaviest finding of all.
    pub heaviest: Option<Severity>,
}

/// Codes that belong to no connection, unless an event of one carries them.
pub const OF_THE_CAPTURE: &[Code] = &[
    Code::TlsKeysMissing,
    Code::TlsDecryptFailed,
    Code::TlsUnsupported,
    Code::CaptureTruncated,
    Code::CaptureDropped,
    Code::LimitHead,
    Code::LimitFragments,
];

/// What was found on one connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its number.
    pub number: ConnectionId,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// Where it went, as a URI; absent where the request was not captured.
    pub uri: Option<String>,
    /// What came of the handshake.
    pub handshake: HandshakeVerdict,
    /// Status of the response.
    pub status: Option<u16>,
    /// Frames that did not come whole.
    pub cut: u64,
    /// Findings, the heaviest first.
    pub findings: Vec<Finding>,
}

/// A rule and how often one side gave cause to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub code: Code,
    /// Who; absent where it cannot be said.
    pub side: Option<Direction>,
    /// How often.
    pub count: u64,
    /// Packet that showed it first.
    pub packet: u64,
    /// Where in the stream it was first, for frames and gaps.
    pub offset: Option<u64>,
    /// What it means, and what was found the first time.
    pub text: String,
}

/// Whether a connection kept the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No MUST was broken, and all was seen.
    Conforms,
    /// A MUST was broken.
    Violates,
    /// No MUST was seen broken, but not all was seen: why not.
    CannotTell(Vec<String>),
}

impl Verdict {
    /// `conforms`, `violates` or `cannot tell`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Violates => "violates",
            Self::CannotTell(_) => "cannot tell",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())?;
        match self {
            Self::CannotTell(reasons) => write!(out, ": {}", reasons.join(", ")),
            Self::Conforms | Self::Violates => Ok(()),
        }
    }
}

impl Check {
    /// Takes an event; the connection that is over with it.
    pub fn event(&mut self, event: &Event) -> Option<Connection> {
        let over = match &event.body {
            Body::Handshake(handshake) => {
                self.open.insert(event.connection, Connection::new(event.connection, handshake));
                !handshake.established
            }
            Body::Closed(_) => true,
            Body::Frame(_) | Body::Message(_) | Body::Gap(_) | Body::Notice(_) => false,
        };
        let connection = self.open.get_mut(&event.connection)?;
        event.body.anomalies().iter().for_each(|anomaly| self.on_connections.add(anomaly.code));
        connection.add(event);
        if !over {
            return None;
        }
        let mut connection = self.open.remove(&event.connection)?;
        connection
            .findings
            .sort_by_key(|finding| (std::cmp::Reverse(finding.severity()), finding.packet, finding.code));
        self.totals.add(&connection);
        Some(connection)
    }

    /// What was found on all of a capture with these counters.
    pub fn finish(mut self, summary: &Summary) -> Totals {
        let counts = summary.anomalies.iter().filter(|(code, _)| OF_THE_CAPTURE.contains(code));
        let counts = counts.map(|(code, count)| (code, count - self.on_connections.of(code)));
        self.totals.capture = counts.filter(|(_, count)| *count > 0).collect();
        let heaviest = self.totals.capture.iter().map(|(code, _)| code.rule().severity).max();
        self.totals.heaviest = self.totals.heaviest.max(heaviest);
        self.totals
    }
}

impl Totals {
    fn add(&mut self, connection: &Connection) {
        match connection.verdict() {
            Verdict::Conforms => self.conform += 1,
            Verdict::Violates => self.violate += 1,
            Verdict::CannotTell(_) => self.cannot_tell += 1,
        }
        self.heaviest = self.heaviest.max(connection.findings.iter().map(Finding::severity).max());
    }
}

impl Connection {
    fn new(number: ConnectionId, handshake: &Handshake) -> Self {
        Self {
            number,
            client: handshake.client,
            server: handshake.server,
            uri: handshake.uri(),
            handshake: handshake.verdict,
            status: handshake.response.as_ref().map(|response| response.status),
            cut: 0,
            findings: Vec::new(),
        }
    }

    fn add(&mut self, event: &Event) {
        let offset = match &event.body {
            Body::Frame(frame) => {
                self.cut += u64::from(frame.missing > 0 || frame.truncated);
                Some(frame.offset)
            }
            Body::Message(message) => Some(message.offset),
            Body::Gap(gap) => Some(gap.offset),
            Body::Handshake(_) | Body::Notice(_) | Body::Closed(_) => None,
        };
        for anomaly in event.body.anomalies() {
            // Payload is not kept for a report, so this says nothing.
            if anomaly.code == Code::LimitPayload {
                continue;
            }
            let side = anomaly.side.or(event.body.direction());
            match self.findings.iter_mut().find(|finding| (finding.code, finding.side) == (anomaly.code, side)) {
                Some(finding) => finding.count += 1,
                None => self.findings.push(Finding {
                    code: anomaly.code,
                    side,
                    count: 1,
                    packet: event.span.first.packet,
                    offset,
                    text: anomaly.to_string(),
                }),
            }
        }
    }

    /// Whether it kept the rules.
    pub fn verdict(&self) -> Verdict {
        if self.findings.iter().any(|finding| finding.severity() == Severity::Violation) {
            return Verdict::Violates;
        }
        let mut reasons = Vec::new();
        match self.handshake {
            HandshakeVerdict::Unseen => reasons.push("handshake not captured".to_owned()),
            HandshakeVerdict::Incomplete => reasons.push("half of the handshake is missing".to_owned()),
            HandshakeVerdict::Accepted | HandshakeVerdict::Rejected | HandshakeVerdict::Invalid => {}
        }
        let of = |codes: &[Code]| {
            let counts = self.findings.iter().filter(|finding| codes.contains(&finding.code));
            counts.map(|finding| finding.count).sum::<u64>()
        };
        let gaps = of(&[Code::TcpGap, Code::CaptureSnap, Code::LimitReorder]);
        let unread = of(&[Code::DeflateDictionaryLost, Code::DeflateUnknown, Code::LimitInflate]);
        for (how_many, one, many) in [
            (gaps, "gap", "gaps"),
            (unread, "message not inflated", "messages not inflated"),
            (self.cut, "frame not whole", "frames not whole"),
        ] {
            if how_many > 0 {
                reasons.push(count(how_many, one, many));
            }
        }
        if of(&[Code::LimitFlows]) > 0 {
            reasons.push("given up for others".to_owned());
        }
        if reasons.is_empty() { Verdict::Conforms } else { Verdict::CannotTell(reasons) }
    }
}

impl Finding {
    /// How much it weighs.
    pub fn severity(&self) -> Severity {
        self.code.rule().severity
    }
}

//! One TCP connection: HTTP up to the upgrade, WebSocket behind it.
//!
//! ```text
//!   Http ───────── 101 ─────────► WebSocket ── end of the stream ──► told
//!     │                                ▲
//!     ├── not HTTP, beginning not seen ┴─ Joining ──┐
//!     └── anything else ────────────────────────────┴─► Foreign
//! ```

use crate::anomaly::{Anomaly, Code, Detail};
use crate::chunk::Chunk;
use crate::duplex::{Direction, Duplex};
use crate::event::{Body, ConnectionId, Event, Gap, Handshake};
use crate::http::exchange::{Answered, Asked, Exchange, Step};
use crate::http::head;
use crate::http::inbox::Inbox;
use crate::ledger::Nonce;
use crate::net::segment::Endpoint;
use crate::origin::{Origin, Span};
use crate::shared::Shared;
use crate::ws::connection::{Ending, Opening, WebSocket};
use crate::ws::handshake;
use crate::ws::join::{self, Look};

/// The two ends of a TCP connection, and whether it was seen from its beginning.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// Who opened it.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// Whether the capture began after the connection did.
    pub late: bool,
}

/// What a TCP connection speaks.
#[derive(Debug)]
pub enum Session {
    /// HTTP, or nothing yet.
    Http(Box<Http>),
    /// Perhaps a WebSocket whose handshake was before the capture.
    Joining(Box<Duplex<Inbox>>),
    /// WebSocket.
    WebSocket(Box<WebSocket>),
    /// Something else, which nobody here looks at.
    Foreign,
}

/// Requests and responses, and the upgrade among them that waits for its answer.
#[derive(Debug, Default)]
pub struct Http {
    exchange: Exchange,
    connection: Option<ConnectionId>,
    /// Nonce of the last handshake: asking again on the same TCP connection, say with credentials, may repeat it.
    nonce: Option<Nonce>,
    /// What was odd in the transport of the handshake, to be told with it.
    notices: Vec<Anomaly>,
}

impl Default for Session {
    fn default() -> Self {
        Self::Http(Box::default())
    }
}

impl Session {
    /// Takes bytes of one direction.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>, ends: Ends, shared: &mut Shared) {
        match self {
            Self::Http(http) => {
                http.exchange.push(direction, chunk);
                self.step(ends, shared);
            }
            Self::Joining(inboxes) => {
                inboxes[direction].push(chunk);
                self.join(false, ends, shared);
            }
            Self::WebSocket(socket) => socket.push(direction, chunk, shared),
            Self::Foreign => {}
        }
    }

    /// Learns of bytes that will never come; `origin` is the packet that made it known.
    pub fn gap(&mut self, gap: Gap, origin: Origin, ends: Ends, shared: &mut Shared) {
        match self {
            Self::Http(http) => {
                if !http.exchange.gap(gap.direction, gap.length) {
                    self.give_up(ends, shared);
                }
            }
            Self::Joining(_) => self.give_up(ends, shared),
            Self::WebSocket(_) | Self::Foreign => {}
        }
        // Also where it has just turned out to be one: the 101 is in the gap, and perhaps frames behind it.
        if let Self::WebSocket(socket) = self {
            socket.gap(gap, origin, shared);
        }
    }

    /// Learns of something odd in the transport.
    pub fn notice(&mut self, anomaly: Anomaly, origin: Origin, shared: &mut Shared) {
        match self {
            Self::WebSocket(socket) => socket.tell(Body::Notice(vec![anomaly]), Span::at(origin), shared),
            Self::Http(http) => http.note(anomaly),
            Self::Joining(_) | Self::Foreign => {}
        }
    }

    /// The stream is over.
    pub fn finish(&mut self, ending: Ending, ends: Ends, shared: &mut Shared) {
        self.give_up(ends, shared);
        if let Self::WebSocket(socket) = self {
            socket.finish(ending, shared);
        }
        *self = Self::Foreign;
    }

    /// Whether bytes of a stream tell that client and server were mistaken for each other.
    pub fn is_reversed(&self, direction: Direction, bytes: &[u8]) -> bool {
        let opposite_head = || match direction {
            Direction::ToServer => head::looks_like_response(bytes) == Some(true),
            Direction::ToClient => head::looks_like_request(bytes) == Some(true),
        };
        let masked_by_server = || is_masked(bytes) == Some(direction == Direction::ToClient);
        match self {
            // Bytes from the middle of a head may look like anything.
            Self::Http(http) => {
                let first = http.exchange.is_untouched() && http.exchange.inbox(direction).is_empty();
                first && (opposite_head() || masked_by_server())
            }
            Self::Joining(inboxes) => inboxes[direction].is_empty() && masked_by_server(),
            Self::WebSocket(_) | Self::Foreign => false,
        }
    }

    /// Takes the client for the server.
    pub fn swap(&mut self) {
        match self {
            Self::Http(http) => http.exchange.swap(),
            Self::Joining(inboxes) => inboxes.swap(),
            Self::WebSocket(_) | Self::Foreign => {}
        }
    }

    /// Whether it is nothing for us.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign)
    }

    /// Number of the WebSocket connection it is.
    pub fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Http(http) => http.connection,
            Self::WebSocket(socket) => Some(socket.number()),
            Self::Joining(_) | Self::Foreign => None,
        }
    }

    /// Decides with what is there.
    fn give_up(&mut self, ends: Ends, shared: &mut Shared) {
        if let Self::Http(http) = self {
            http.exchange.force();
            self.step(ends, shared);
        }
        if let Self::Http(http) = self {
            if let Some(asked) = http.exchange.pending() {
                http.tell(Some(asked), None, false, ends, shared);
            }
            *self = Self::Foreign;
        }
        self.join(true, ends, shared);
    }

    /// Decides whether what was joined late is a WebSocket; `ended`: nothing more will come.
    fn join(&mut self, ended: bool, ends: Ends, shared: &mut Shared) {
        let Self::Joining(inboxes) = self else { return };
        let looks = Direction::BOTH.map(|way| join::look(inboxes[way].bytes()));
        let full = Direction::BOTH.iter().any(|&way| inboxes[way].bytes().len() > join::LOOK);
        match join::decide(looks, ended || full) {
            Some(true) => *self = Self::WebSocket(WebSocket::join(inboxes, ends.client, ends.server, shared)),
            Some(false) => *self = Self::Foreign,
            None => {}
        }
    }

    fn step(&mut self, ends: Ends, shared: &mut Shared) {
        while let Self::Http(http) = self {
            let Some(step) = http.exchange.step(&shared.config.limits) else { return };
            match step {
                Step::Asked => http.connection = Some(shared.ledger.number()),
                Step::Refused(asked, answered) => {
                    http.tell(Some(asked), Some(answered), false, ends, shared);
                }
                Step::Switched(asked, answered) => {
                    let mut socket = WebSocket::new(http.tell(asked, answered, true, ends, shared));
                    socket.push_waiting(Direction::BOTH.map(|way| http.exchange.inbox(way)), shared);
                    *self = Self::WebSocket(socket);
                }
                Step::Foreign { asked: None, .. } if http.is_tls() => {
                    shared.outbox.summary.tls += 1;
                    shared.outbox.summary.anomalies.add(Code::TlsUnsupported);
                    *self = Self::Foreign;
                }
                Step::Foreign { asked: None, .. } if ends.late && http.exchange.is_untouched() => {
                    *self = Self::Joining(Box::new(http.exchange.take_inboxes()));
                    self.join(false, ends, shared);
                }
                Step::Foreign { asked, oversized } => {
                    if asked.is_some() {
                        http.tell(asked, None, false, ends, shared);
                    }
                    if oversized {
                        shared.outbox.summary.anomalies.add(Code::LimitHead);
                    }
                    *self = Self::Foreign;
                }
            }
        }
    }
}

impl Http {
    /// Whether what waits begins with a TLS record.
    fn is_tls(&self) -> bool {
        Direction::BOTH.iter().any(|&way| head::is_tls(self.exchange.inbox(way).bytes()))
    }

    /// Keeps an anomaly until the handshake is told; one of each kind and side is enough.
    fn note(&mut self, anomaly: Anomaly) {
        if !self.notices.iter().any(|other| (other.code, other.side) == (anomaly.code, anomaly.side)) {
            self.notices.push(anomaly);
        }
    }

    /// Judges a handshake and tells it; `established`: a WebSocket follows.
    fn tell(
        &mut self,
        asked: Option<Asked>,
        answered: Option<Answered>,
        established: bool,
        ends: Ends,
        shared: &mut Shared,
    ) -> Opening {
        let connection = self.connection.take().unwrap_or_else(|| shared.ledger.number());
        let request = asked.as_ref().map(|asked| &asked.request);
        let mut judged = handshake::judge(request, answered.as_ref().map(|answered| &answered.response));
        if let Some(key) = &judged.terms.key
            && let Some(nonce) = handshake::nonce(key)
            && self.nonce.replace(nonce) != Some(nonce)
            && shared.ledger.is_reused(nonce, shared.config.limits.nonces)
        {
            let reused = Anomaly::new(Code::HandshakeKeyReused, Detail::Found(key.clone()));
            judged.anomalies.push(reused.by(Direction::ToServer));
        }
        judged.anomalies.append(&mut self.notices);
        let spans = (asked.as_ref().map(|asked| asked.span), answered.as_ref().map(|answered| answered.span));
        let span = match spans {
            (Some(asked), Some(answered)) => Span { first: asked.first, last: answered.last },
            (Some(span), None) | (None, Some(span)) => span,
            (None, None) => Span::default(),
        };
        let opening = Opening {
            connection,
            first: span.first,
            heard: Duplex { to_server: asked.is_some(), to_client: answered.is_some() },
            agreement: judged.agreement,
            answered_at: answered.as_ref().map(|answered| answered.end),
        };
        let handshake = Handshake {
            client: ends.client,
            server: ends.server,
            proxy: self.exchange.proxy().map(Into::into),
            turn: spans.0.zip(spans.1).map(|(asked, answered)| (asked.last, answered.first)),
            request: asked.map(|asked| asked.request),
            response: answered.map(|answered| answered.response),
            terms: judged.terms,
            verdict: judged.verdict,
            established,
            anomalies: judged.anomalies,
        };
        shared.outbox.push(Event { connection, span, body: Body::Handshake(Box::new(handshake)) });
        opening
    }
}

/// Whether bytes look like frames, and masked ones.
fn is_masked(bytes: &[u8]) -> Option<bool> {
    match join::look(bytes) {
        Look::Frames { masked, .. } => masked,
        Look::Foreign => None,
    }
}

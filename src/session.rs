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
use crate::config::Config;
use crate::duplex::{Direction, Duplex};
use crate::event::{Body, Closed, ConnectionId, End, Event, Gap, Handshake, Tally, Terms, Verdict};
use crate::http::exchange::{Answered, Asked, Exchange, Step};
use crate::http::head;
use crate::http::inbox::Inbox;
use crate::ledger::Ledger;
use crate::net::segment::Endpoint;
use crate::origin::{Origin, Span};
use crate::outbox::Outbox;
use crate::ws::extension::Agreement;
use crate::ws::handshake;
use crate::ws::join::{self, Look};
use crate::ws::ping::Pings;
use crate::ws::receiver::{Context, Receiver, Tools};

/// What all sessions share.
#[derive(Debug, Default)]
pub struct Shared {
    /// What is asked for.
    pub config: Config,
    /// Where events go.
    pub outbox: Outbox,
    /// Inflaters and room to work in.
    pub tools: Tools,
    /// What connections know of each other.
    pub ledger: Ledger,
}

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

/// How a TCP connection ended, as far as it was seen.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// In which manner.
    pub how: End,
    /// Who began it.
    pub by: Option<Direction>,
    /// Its last packet.
    pub last: Origin,
    /// Whether the peers ended it, so that nothing more was sent: what did not come will not come.
    pub over: bool,
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
}

/// An established WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    connection: ConnectionId,
    first: Origin,
    receivers: Duplex<Receiver>,
    pings: Duplex<Pings>,
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
            Self::WebSocket(socket) => socket.gap(gap, origin, shared),
            Self::Foreign => {}
        }
    }

    /// Learns of something odd in the transport.
    pub fn notice(&mut self, anomaly: Anomaly, origin: Origin, shared: &mut Shared) {
        if let Self::WebSocket(socket) = self {
            socket.tell(Body::Notice(vec![anomaly]), Span::at(origin), shared);
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
        let head = match direction {
            Direction::ToServer => head::looks_like_response(bytes),
            Direction::ToClient => head::looks_like_request(bytes),
        };
        let masked_by_server = is_masked(bytes).is_some_and(|masked| masked == (direction == Direction::ToClient));
        match self {
            // Bytes from the middle of a head may look like anything.
            Self::Http(http) => {
                let first = http.exchange.is_untouched() && http.exchange.inbox(direction).is_empty();
                first && (head == Some(true) || masked_by_server)
            }
            Self::Joining(inboxes) => inboxes[direction].is_empty() && masked_by_server,
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
            Self::WebSocket(socket) => Some(socket.connection),
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
            Some(true) => *self = Self::WebSocket(WebSocket::join(inboxes, ends, shared)),
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
                    let mut socket = http.tell(asked, answered, true, ends, shared);
                    socket.push_waiting(Direction::BOTH.map(|way| http.exchange.inbox(way)), shared);
                    *self = Self::WebSocket(socket);
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
    /// Judges a handshake and tells it. The WebSocket that it opens, where `established`.
    fn tell(
        &mut self,
        asked: Option<Asked>,
        answered: Option<Answered>,
        established: bool,
        ends: Ends,
        shared: &mut Shared,
    ) -> Box<WebSocket> {
        let connection = self.connection.take().unwrap_or_else(|| shared.ledger.number());
        let request = asked.as_ref().map(|asked| &asked.request);
        let mut judged = handshake::judge(request, answered.as_ref().map(|answered| &answered.response));
        if let Some(key) = &judged.terms.key
            && let Some(nonce) = handshake::nonce(key)
            && shared.ledger.is_reused(nonce, shared.config.limits.nonces)
        {
            let reused = Anomaly::new(Code::HandshakeKeyReused, Detail::Found(key.clone()));
            judged.anomalies.push(reused.by(Direction::ToServer));
        }
        let spans = (asked.as_ref().map(|asked| asked.span), answered.as_ref().map(|answered| answered.span));
        let span = match spans {
            (Some(asked), Some(answered)) => Span { first: asked.first, last: answered.last },
            (Some(span), None) | (None, Some(span)) => span,
            (None, None) => Span::default(),
        };
        let answered_at = answered.as_ref().map(|answered| answered.end);
        let socket = WebSocket::new(connection, span.first, judged.agreement, answered_at);
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
        socket.tell(Body::Handshake(Box::new(handshake)), span, shared);
        socket
    }
}

impl WebSocket {
    fn new(connection: ConnectionId, first: Origin, agreement: Agreement, answered_at: Option<u64>) -> Box<Self> {
        let receiver = |direction| Receiver::new(direction, agreement, answered_at);
        Box::new(Self {
            connection,
            first,
            receivers: Duplex { to_server: receiver(Direction::ToServer), to_client: receiver(Direction::ToClient) },
            pings: Duplex::default(),
        })
    }

    /// A WebSocket whose handshake was before the capture.
    fn join(inboxes: &Duplex<Inbox>, ends: Ends, shared: &mut Shared) -> Box<Self> {
        let first = Direction::BOTH.iter().filter_map(|&way| inboxes[way].chunks().next());
        let first = first.map(|chunk| chunk.origin).min_by_key(|origin| origin.packet).unwrap_or_default();
        let agreement = Agreement { unknown: true, ..Agreement::default() };
        let mut socket = Self::new(shared.ledger.number(), first, agreement, None);
        let handshake = Handshake {
            client: ends.client,
            server: ends.server,
            proxy: None,
            request: None,
            response: None,
            turn: None,
            terms: Terms::default(),
            verdict: Verdict::Unseen,
            established: true,
            anomalies: vec![Code::TcpMidstream.into()],
        };
        socket.tell(Body::Handshake(Box::new(handshake)), Span::at(first), shared);
        socket.push_waiting(Direction::BOTH.map(|way| &inboxes[way]), shared);
        socket
    }

    /// Takes what came before it was known what it is, in the order in which it came.
    fn push_waiting(&mut self, inboxes: [&Inbox; 2], shared: &mut Shared) {
        let waiting = Direction::BOTH.into_iter().zip(inboxes).flat_map(|(way, inbox)| {
            // The bytes of one side are in order, but their packets need not be.
            let mut latest = 0;
            inbox.chunks().map(move |chunk| {
                latest = latest.max(chunk.origin.packet);
                (latest, way, chunk)
            })
        });
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort_by_key(|(latest, ..)| *latest);
        for (_, direction, chunk) in waiting {
            self.push(direction, chunk, shared);
        }
    }

    fn push(&mut self, direction: Direction, chunk: Chunk<'_>, shared: &mut Shared) {
        let (receiver, mut cx) = self.receiver(direction, shared);
        receiver.push(chunk, &mut cx);
    }

    fn gap(&mut self, gap: Gap, origin: Origin, shared: &mut Shared) {
        let Gap { direction, length, .. } = gap;
        self.tell(Body::Gap(gap), Span::at(origin), shared);
        let (receiver, mut cx) = self.receiver(direction, shared);
        receiver.gap(length, origin, &mut cx);
    }

    fn finish(&mut self, ending: Ending, shared: &mut Shared) {
        let Ending { how, by, last, over } = ending;
        for direction in Direction::BOTH {
            let (receiver, mut cx) = self.receiver(direction, shared);
            receiver.finish(last, &mut cx);
        }
        let anomalies = if over { self.judge_end() } else { Vec::new() };
        if !anomalies.is_empty() {
            self.tell(Body::Notice(anomalies), Span::at(last), shared);
        }
        let closes =
            Direction::BOTH.map(|way| self.receivers[way].close().map(|(close, sent)| (sent.packet, way, close)));
        let first = closes.iter().flatten().min_by_key(|(packet, ..)| *packet);
        let (how, by) = match first {
            Some((_, way, _)) if closes.iter().all(Option::is_some) => (End::ClosingHandshake, Some(*way)),
            Some(_) | None => (how, by),
        };
        let closed = Closed {
            how,
            by,
            close: first.map(|&(.., close)| close.clone()),
            duration: last.time.since(self.first.time),
            tally: Duplex { to_server: *self.tally(Direction::ToServer), to_client: *self.tally(Direction::ToClient) },
        };
        let span = Span { first: self.first, last };
        self.tell(Body::Closed(Box::new(closed)), span, shared);
    }

    /// What is wrong with the end, where all that was sent up to it was seen.
    fn judge_end(&self) -> Vec<Anomaly> {
        let mut anomalies = Vec::new();
        if Direction::BOTH.iter().any(|&way| self.tally(way).missing > 0) {
            return anomalies;
        }
        // Where nothing at all came of one side, the capture may have only the other.
        let both_seen = Direction::BOTH.iter().all(|&way| self.tally(way).wire_bytes > 0);
        let closed = Direction::BOTH.map(|way| self.receivers[way].close().map(|(_, sent)| sent.time));
        let unanswered = |side| Anomaly::from(Code::CloseUnanswered).by(side);
        match closed {
            [None, None] => anomalies.push(Code::CloseMissing.into()),
            [Some(_), None] if both_seen => anomalies.push(unanswered(Direction::ToClient)),
            [None, Some(_)] if both_seen => anomalies.push(unanswered(Direction::ToServer)),
            [..] => {}
        }
        // §5.5.2: a Ping is answered unless a Close was received before.
        let until = closed.into_iter().flatten().min();
        for direction in Direction::BOTH.into_iter().filter(|_| both_seen) {
            let count = until.map_or(0, |until| self.pings[direction].unanswered_before(until));
            if count > 0 {
                let unanswered = Anomaly::new(Code::PingUnanswered, Detail::Number("pings", count as u64));
                anomalies.push(unanswered.by(direction.opposite()));
            }
        }
        anomalies
    }

    fn tally(&self, direction: Direction) -> &Tally {
        self.receivers[direction].tally()
    }

    fn receiver<'a>(&'a mut self, direction: Direction, shared: &'a mut Shared) -> (&'a mut Receiver, Context<'a>) {
        let cx = Context {
            connection: self.connection,
            config: &shared.config,
            outbox: &mut shared.outbox,
            tools: &mut shared.tools,
            pings: &mut self.pings,
        };
        (&mut self.receivers[direction], cx)
    }

    fn tell(&self, body: Body, span: Span, shared: &mut Shared) {
        shared.outbox.push(Event { connection: self.connection, span, body });
    }
}

/// Whether bytes look like frames, and masked ones.
fn is_masked(bytes: &[u8]) -> Option<bool> {
    match join::look(bytes) {
        Look::Frames { masked, .. } => masked,
        Look::Foreign => None,
    }
}

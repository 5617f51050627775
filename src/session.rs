//! One TCP connection: HTTP up to the upgrade, WebSocket behind it, or HTTP/2 with WebSockets in it.
//!
//! ```text
//!   Http ───────── 101 ─────────► WebSocket ── end of the stream ──► told
//!     ├── preface ──► Http2            ▲
//!     ├── not HTTP, beginning not seen ┴─ Joining ──┐
//!     └── anything else ────────────────────────────┴─► Foreign
//! ```

use crate::anomaly::{Anomaly, Code};
use crate::carrier::Carrier;
use crate::chunk::Chunk;
use crate::duplex::Direction;
use crate::event::{Body, ConnectionId, Gap};
use crate::http::exchange::Step;
use crate::http::head;
use crate::http2::frame::PREFACE;
use crate::origin::{Origin, Span};
use crate::secure::Secure;
use crate::shared::Shared;
use crate::streams::{self, Streams};
use crate::tls::record;
use crate::upgrade::Upgrade;
use crate::ws::connection::{Ending, WebSocket};
use crate::ws::join::{Beginning, Joining, Verdict};

/// What a TCP connection speaks.
#[derive(Debug)]
pub enum Session {
    /// HTTP, or nothing yet.
    Http(Box<Upgrade>),
    /// Perhaps a WebSocket whose handshake was before the capture.
    Joining(Box<Joining>),
    /// TLS, with a session of its own inside.
    Tls(Box<Secure>),
    /// WebSocket.
    WebSocket(Box<WebSocket>),
    /// HTTP/2, and the WebSockets in its streams.
    Http2(Box<Streams>),
    /// Something else, which nobody here looks at.
    Foreign,
}

impl Default for Session {
    fn default() -> Self {
        Self::Http(Box::default())
    }
}

impl Session {
    /// Takes bytes of one direction.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>, carrier: Carrier<'_>, shared: &mut Shared) {
        match self {
            Self::Http(http) => {
                http.exchange.push(direction, chunk);
                self.step(carrier, shared);
            }
            Self::Joining(joining) => {
                joining.push(direction, chunk);
                self.join(false, carrier, shared);
            }
            Self::WebSocket(socket) => socket.push(direction, chunk, shared),
            Self::Http2(streams) => streams.push(direction, chunk, carrier, shared),
            Self::Tls(secure) => {
                if !secure.push(direction, chunk, carrier, shared) {
                    *self = Self::Foreign;
                }
            }
            Self::Foreign => {}
        }
    }

    /// Secrets have come that it waits for.
    pub fn retry(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        if let Self::Tls(secure) = self
            && !secure.retry(carrier, shared)
        {
            *self = Self::Foreign;
        }
    }

    /// Learns of bytes that will never come; `origin` is the packet that made it known.
    pub fn gap(&mut self, gap: Gap, origin: Origin, carrier: Carrier<'_>, shared: &mut Shared) {
        match self {
            Self::Http(http) => {
                if gap.exact && http.exchange.gap(gap.direction, gap.length) {
                    // The hole was inside a body.
                } else if http.exchange.is_untouched() && http.exchange.is_empty() {
                    // The handshake itself may be in the gap.
                    let mut joining = Joining::new(&http.exchange.take_inboxes());
                    joining.gap(gap.direction, gap.offset + gap.length);
                    *self = Self::Joining(Box::new(joining));
                } else {
                    self.give_up(carrier, shared);
                }
            }
            Self::Joining(joining) => joining.gap(gap.direction, gap.offset + gap.length),
            Self::Http2(streams) => streams.gap(gap.clone(), origin, carrier, shared),
            Self::Tls(secure) => {
                if !secure.gap(&gap, origin, carrier, shared) {
                    *self = Self::Foreign;
                }
            }
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
            Self::Http2(streams) => streams.notice(anomaly, origin, shared),
            Self::Tls(secure) => secure.above().notice(anomaly, origin, shared),
            Self::Joining(_) | Self::Foreign => {}
        }
    }

    /// The stream is over.
    pub fn finish(&mut self, ending: Ending, carrier: Carrier<'_>, shared: &mut Shared) {
        self.give_up(carrier, shared);
        match self {
            Self::WebSocket(socket) => socket.finish(ending, shared),
            Self::Tls(secure) => secure.finish(ending, carrier, shared),
            Self::Http2(streams) => streams.finish(ending, carrier, shared),
            Self::Http(_) | Self::Joining(_) | Self::Foreign => {}
        }
        *self = Self::Foreign;
    }

    /// Lets go of what can be done without, as too much is kept over all connections.
    pub fn release(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        match self {
            Self::Http(_) | Self::Joining(_) => {
                shared.outbox.summary.anomalies.add(Code::LimitHead);
                self.give_up(carrier, shared);
            }
            Self::WebSocket(socket) => socket.release(shared),
            Self::Tls(secure) => secure.release(carrier, shared),
            Self::Http2(streams) => streams.release(carrier, shared),
            Self::Foreign => {}
        }
    }

    /// Memory kept between packets that no other limit bounds over all connections, in bytes.
    pub fn held(&self) -> usize {
        match self {
            Self::Http(http) => http.exchange.held(),
            Self::Joining(joining) => joining.held(),
            Self::WebSocket(socket) => socket.held(),
            Self::Tls(secure) => secure.held(),
            Self::Http2(streams) => streams.held(),
            Self::Foreign => 0,
        }
    }

    /// Whether bytes of a stream tell that client and server were mistaken for each other.
    pub fn is_reversed(&self, direction: Direction, bytes: &[u8]) -> bool {
        let opposite_head = || match direction {
            Direction::ToServer => head::looks_like_response(bytes) == Some(true),
            Direction::ToClient => head::looks_like_request(bytes) == Some(true) || bytes.starts_with(PREFACE),
        };
        let masked_by_server = || Beginning::of(bytes) == Beginning::Frame(direction == Direction::ToClient);
        let opposite_hello = || record::sender_of_hello(bytes) == Some(direction.opposite());
        match self {
            // Bytes from the middle of a head may look like anything.
            Self::Http(http) => {
                let first = http.exchange.is_untouched() && http.exchange.inbox(direction).is_empty();
                first && (opposite_head() || opposite_hello() || masked_by_server())
            }
            Self::Joining(joining) => joining.is_reversed(),
            Self::Tls(_) | Self::WebSocket(_) | Self::Http2(_) | Self::Foreign => false,
        }
    }

    /// Takes the client for the server.
    pub fn swap(&mut self) {
        match self {
            Self::Http(http) => http.exchange.swap(),
            Self::Joining(joining) => joining.swap(),
            Self::Tls(_) | Self::WebSocket(_) | Self::Http2(_) | Self::Foreign => {}
        }
    }

    /// Whether it waits for secrets.
    pub fn wants_keys(&self) -> bool {
        matches!(self, Self::Tls(secure) if secure.wants_keys())
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
            Self::Http2(streams) => streams.connection(),
            Self::Tls(secure) => secure.connection(),
            Self::Joining(_) | Self::Foreign => None,
        }
    }

    /// Decides with what is there.
    fn give_up(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        if let Self::Http(http) = self {
            http.exchange.force();
            self.step(carrier, shared);
        }
        if let Self::Http(http) = self {
            if let Some(asked) = http.exchange.pending() {
                http.tell(Some(asked), None, false, carrier, shared);
            }
            *self = Self::Foreign;
        }
        self.join(true, carrier, shared);
    }

    /// Decides whether what was joined late is a WebSocket; `ended`: nothing more will come.
    fn join(&mut self, ended: bool, carrier: Carrier<'_>, shared: &mut Shared) {
        let Self::Joining(joining) = self else { return };
        // In the stream of one it is none itself.
        if carrier.stream.is_none()
            && let Some(inboxes) = joining.beginnings()
        {
            match streams::recognise(inboxes) {
                Some(true) => return self.begin_http2(true, carrier, shared),
                None if !ended => return,
                None | Some(false) => {}
            }
        }
        let perhaps_tls = carrier.tls.is_none() && !shared.tls.keys.is_empty();
        if perhaps_tls && Direction::BOTH.iter().any(|&way| record::is_in(joining.waiting(way).bytes())) {
            let secure = Secure::new(&joining.take_inboxes(), None, carrier, shared);
            *self = secure.map_or(Self::Foreign, Self::Tls);
            return;
        }
        match joining.decide(ended) {
            Verdict::WebSocket => {
                let unseen = match carrier.stream {
                    _ if carrier.late => Code::TcpMidstream,
                    // It may have been seen, but not been read.
                    Some(_) => Code::Http2HeadUnknown,
                    None => Code::TcpGap,
                };
                *self = Self::WebSocket(WebSocket::join(joining.take(), Some(unseen), carrier, shared));
            }
            // Where it is known who opened the connection, it is none; else the next bytes turn it round.
            Verdict::Reversed if !carrier.late => *self = Self::Foreign,
            Verdict::Foreign => *self = Self::Foreign,
            Verdict::Reversed | Verdict::Open => {}
        }
    }

    /// What waits is HTTP/2, from its beginning or (`late`) from somewhere.
    fn begin_http2(&mut self, late: bool, carrier: Carrier<'_>, shared: &mut Shared) {
        let inboxes = match self {
            Self::Http(http) => http.exchange.take_inboxes(),
            Self::Joining(joining) => joining.take_inboxes(),
            Self::Tls(_) | Self::WebSocket(_) | Self::Http2(_) | Self::Foreign => return,
        };
        let mut streams = Box::new(Streams::new(late));
        for direction in Direction::BOTH {
            for chunk in inboxes[direction].chunks() {
                streams.push(direction, chunk, carrier, shared);
            }
        }
        *self = Self::Http2(streams);
    }

    fn step(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        while let Self::Http(http) = self {
            let step = http.exchange.step(&shared.config.limits);
            for _ in 0..http.exchange.take_forgotten() {
                shared.outbox.summary.anomalies.add(Code::LimitForgotten);
            }
            for passed in http.exchange.passed() {
                shared.outbox.passed(passed, carrier.client, carrier.server);
            }
            let Some(step) = step else { return };
            if http.exchange.has_overrun() {
                http.note(Code::LimitEarly.into());
            }
            match step {
                Step::Asked => http.connection = Some(shared.outbox.begin()),
                Step::Refused(asked, answered) => {
                    http.tell(Some(asked), Some(answered), false, carrier, shared);
                }
                Step::Switched(asked, answered) => {
                    let mut socket = WebSocket::new(http.tell(asked, answered, true, carrier, shared));
                    socket.push_waiting(Direction::BOTH.map(|way| http.exchange.inbox(way)), shared);
                    *self = Self::WebSocket(socket);
                }
                Step::Http2 | Step::Foreign { asked: None, .. } if !carrier.has_room() => *self = Self::Foreign,
                Step::Foreign { asked: None, .. } if http.is_tls() => {
                    let inboxes = http.exchange.take_inboxes();
                    let secure = Secure::new(&inboxes, http.exchange.proxy(), carrier, shared);
                    *self = secure.map_or(Self::Foreign, Self::Tls);
                }
                Step::Http2 => self.begin_http2(false, carrier, shared),
                Step::Foreign { asked: None, .. } if http.is_http2() => self.begin_http2(false, carrier, shared),
                Step::Foreign { asked: None, .. }
                    if http.exchange.is_untouched()
                        && shared.config.is_websocket([carrier.client.port, carrier.server.port]) =>
                {
                    let found = Joining::new(&http.exchange.take_inboxes()).take();
                    let unseen = carrier.late.then_some(Code::TcpMidstream);
                    *self = Self::WebSocket(WebSocket::join(found, unseen, carrier, shared));
                }
                Step::Foreign { asked: None, .. } if carrier.late && http.exchange.is_untouched() => {
                    *self = Self::Joining(Box::new(Joining::new(&http.exchange.take_inboxes())));
                    self.join(false, carrier, shared);
                }
                Step::Foreign { asked, oversized } => {
                    if asked.is_some() {
                        http.tell(asked, None, false, carrier, shared);
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

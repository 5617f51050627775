//! One HTTP/2 stream that carries a WebSocket or a tunnel, or may: from its two heads to what runs in it.

use crate::anomaly::{Anomaly, Code};
use crate::carrier::Carrier;
use crate::chunk::Chunk;
use crate::duplex::{Direction, Duplex};
use crate::event::{ConnectionId, End, Gap};
use crate::http::exchange::{Answered, Asked};
use crate::http2::reader::Hole;
use crate::inbox::Inbox;
use crate::opening::Halves;
use crate::origin::Origin;
use crate::session::Session;
use crate::shared::Shared;
use crate::ws::connection::{Ending, WebSocket};
use crate::ws::frame::MAX_HEADER;
use crate::ws::join::{Beginning, Joining, Verdict};
use crate::ws::resync::KEPT;

/// A stream.
#[derive(Debug)]
pub struct Stream {
    state: State,
    /// Bytes of it that passed, captured or not.
    passed: Duplex<u64>,
    ended: Duplex<bool>,
    first_to_end: Option<(Direction, End)>,
    /// Whether it was reset, by either side.
    reset: bool,
    last: Origin,
}

#[derive(Debug)]
enum State {
    /// One half of its handshake waits for the other.
    Waiting(Box<Waiting>),
    /// What was asked for was granted, or may have been.
    Open {
        session: Box<Session>,
        /// Target of the CONNECT whose tunnel it is.
        tunnel: Option<Box<str>>,
    },
}

/// Half a handshake, and what already stands behind it.
#[derive(Debug)]
struct Waiting {
    half: Half,
    inboxes: Duplex<Inbox>,
    /// What is missing before that.
    missing: Duplex<Option<(Gap, Origin)>>,
}

#[derive(Debug)]
enum Half {
    Asked(Asked, Wanted),
    Answered(Answered),
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A WebSocket (RFC 8441 §4), and the number of its connection.
    WebSocket(ConnectionId),
    /// A tunnel (RFC 9113 §8.5).
    Tunnel,
}

impl Stream {
    /// A stream whose request was captured.
    pub fn asked(asked: Asked, wanted: Wanted) -> Self {
        Self::waiting(Half::Asked(asked, wanted))
    }

    /// A stream whose response stands in the capture, but not yet its request.
    pub fn answered(answered: Answered) -> Self {
        Self::waiting(Half::Answered(answered))
    }

    /// A stream whose heads are not known.
    pub fn unknown() -> Self {
        Self::in_state(open(Session::Joining(Box::new(Joining::new(&Duplex::default()))), None))
    }

    /// A stream that is nothing for us.
    pub fn foreign() -> Self {
        Self::in_state(open(Session::Foreign, None))
    }

    fn waiting(half: Half) -> Self {
        let waiting = Waiting { half, inboxes: Duplex::default(), missing: Duplex::default() };
        Self::in_state(State::Waiting(Box::new(waiting)))
    }

    fn in_state(state: State) -> Self {
        Self {
            state,
            passed: Duplex::default(),
            ended: Duplex::default(),
            first_to_end: None,
            reset: false,
            last: Origin::default(),
        }
    }

    /// Takes bytes of it.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>, carrier: Carrier<'_>, shared: &mut Shared) {
        let chunk = Chunk { offset: self.passed[direction], ..chunk };
        self.passed[direction] += chunk.bytes.len() as u64;
        self.last = chunk.origin;
        if let State::Waiting(waiting) = &mut self.state {
            waiting.inboxes[direction].push(chunk);
            if waiting.is_decided(direction, shared) {
                self.decide(carrier, shared);
            }
        } else if let State::Open { session, tunnel } = &mut self.state {
            // What is acknowledged are bytes of the connection: in a tunnel that tells nothing.
            let acknowledged = chunk.acknowledged.filter(|_| tunnel.is_none());
            session.push(direction, Chunk { acknowledged, ..chunk }, inside(tunnel.as_deref(), carrier), shared);
        }
    }

    /// Learns of bytes of it, or of the connection, that will never come.
    pub fn miss(&mut self, direction: Direction, hole: Hole, carrier: Carrier<'_>, shared: &mut Shared) {
        if self.ended[direction] {
            return;
        }
        let gap = Gap::new(direction, self.passed[direction], hole.length, hole.reason);
        let gap = if hole.exact { gap } else { gap.inexact() };
        self.passed[direction] += hole.length;
        if let State::Waiting(waiting) = &mut self.state {
            if waiting.inboxes[direction].is_empty() {
                waiting.miss(gap, hole.origin);
                return;
            }
            self.decide(carrier, shared);
        }
        if let State::Open { session, tunnel } = &mut self.state {
            session.gap(gap, hole.origin, inside(tunnel.as_deref(), carrier), shared);
        }
    }

    /// The request has come; gives back the response that waited for it.
    pub fn ask(&mut self, asked: &Asked, wanted: Wanted) -> Option<Answered> {
        let State::Waiting(waiting) = &mut self.state else { return None };
        match std::mem::replace(&mut waiting.half, Half::Asked(asked.clone(), wanted)) {
            Half::Answered(answered) => Some(answered),
            Half::Asked(..) => None,
        }
    }

    /// The response has come to what was asked for.
    pub fn answer(&mut self, answered: Answered, anomalies: Vec<Anomaly>, carrier: Carrier<'_>, shared: &mut Shared) {
        let State::Waiting(waiting) = std::mem::replace(&mut self.state, open(Session::Foreign, None)) else { return };
        let Waiting { half: Half::Asked(asked, wanted), inboxes, missing } = *waiting else { return };
        let granted = answered.response.is_acceptance();
        match wanted {
            Wanted::WebSocket(connection) => {
                let halves = Halves {
                    connection,
                    asked: Some(asked),
                    answered: Some(answered),
                    established: granted,
                    anomalies,
                };
                self.open_websocket(halves, &inboxes, missing, carrier, shared);
            }
            Wanted::Tunnel if granted => {
                let target = asked.request.target;
                let mut session = Session::default();
                for way in Direction::BOTH {
                    for chunk in inboxes[way].chunks() {
                        session.push(
                            way,
                            Chunk { acknowledged: None, ..chunk },
                            inside(Some(&target), carrier),
                            shared,
                        );
                    }
                }
                self.state = open(session, Some(target));
            }
            Wanted::Tunnel => {}
        }
    }

    /// One side has ended it; whether it is over.
    pub fn end(&mut self, by: Direction, how: End, last: Origin) -> bool {
        self.ended[by] = true;
        self.first_to_end.get_or_insert((by, how));
        self.last = last;
        self.ended[by.opposite()]
    }

    /// One side has reset it; whether that is new.
    pub fn reset(&mut self) -> bool {
        !std::mem::replace(&mut self.reset, true)
    }

    /// Learns of something odd in the transport; whether it is a WebSocket that can tell it.
    pub fn notice(&mut self, anomaly: &Anomaly, origin: Origin, shared: &mut Shared) -> bool {
        match &mut self.state {
            State::Open { session, .. } if session.connection().is_some() => {
                session.notice(anomaly.clone(), origin, shared);
                true
            }
            State::Open { .. } | State::Waiting(_) => false,
        }
    }

    /// Nothing more will come: tells what is left to be told.
    pub fn finish(mut self, ending: Ending, carrier: Carrier<'_>, shared: &mut Shared) {
        self.decide(carrier, shared);
        let ending = match self.first_to_end {
            Some((by, how)) => {
                let last = if how == End::Reset { self.last } else { ending.last };
                Ending { how, by: Some(by), last, ..ending }
            }
            None => ending,
        };
        if let State::Open { session, tunnel } = &mut self.state {
            session.finish(ending, inside(tunnel.as_deref(), carrier), shared);
        }
    }

    /// Lets go of what can be done without.
    pub fn release(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        if let State::Waiting(_) = &self.state {
            shared.outbox.summary.anomalies.add(Code::LimitHead);
            self.decide(carrier, shared);
        } else if let State::Open { session, tunnel } = &mut self.state {
            session.release(inside(tunnel.as_deref(), carrier), shared);
        }
    }

    /// Memory kept between packets, in bytes.
    pub fn held(&self) -> usize {
        match &self.state {
            State::Waiting(waiting) => waiting.held(),
            State::Open { session, .. } => session.held(),
        }
    }

    /// Whether its request waits for the response.
    pub fn is_asked(&self) -> bool {
        matches!(&self.state, State::Waiting(waiting) if matches!(waiting.half, Half::Asked(..)))
    }

    /// Whether its response waits for the request.
    pub fn is_answered(&self) -> bool {
        matches!(&self.state, State::Waiting(waiting) if matches!(waiting.half, Half::Answered(_)))
    }

    /// Whether it is nothing for us.
    pub fn is_foreign(&self) -> bool {
        matches!(&self.state, State::Open { session, .. } if session.is_foreign())
    }

    /// Number of the WebSocket that it carries, or that it asks for.
    pub fn connection(&self) -> Option<ConnectionId> {
        match &self.state {
            State::Open { session, .. } => session.connection(),
            State::Waiting(waiting) => match waiting.half {
                Half::Asked(_, Wanted::WebSocket(connection)) => Some(connection),
                Half::Asked(_, Wanted::Tunnel) | Half::Answered(_) => None,
            },
        }
    }

    /// The packet of its last bytes.
    pub fn last(&self) -> Origin {
        self.last
    }

    /// Decides with the half that is there, by what stands behind it.
    fn decide(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        let State::Waiting(_) = &self.state else { return };
        let State::Waiting(waiting) = std::mem::replace(&mut self.state, open(Session::Foreign, None)) else { return };
        let frames = waiting.holds_frames();
        let overrun = waiting.inboxes.to_server.bytes().len() > shared.config.limits.early;
        let Waiting { half, inboxes, missing } = *waiting;
        let (connection, asked, answered) = match half {
            Half::Asked(asked, Wanted::WebSocket(connection)) => (connection, Some(asked), None),
            Half::Answered(answered) if frames => (shared.outbox.begin(), None, Some(answered)),
            Half::Asked(_, Wanted::Tunnel) | Half::Answered(_) => return,
        };
        let anomalies = overrun.then(|| Code::LimitEarly.into()).into_iter().collect();
        let halves = Halves { connection, asked, answered, established: frames, anomalies };
        self.open_websocket(halves, &inboxes, missing, carrier, shared);
    }

    fn open_websocket(
        &mut self,
        halves: Halves,
        inboxes: &Duplex<Inbox>,
        missing: Duplex<Option<(Gap, Origin)>>,
        carrier: Carrier<'_>,
        shared: &mut Shared,
    ) {
        let established = halves.established;
        let opening = halves.tell(carrier, shared);
        if !established {
            return;
        }
        let mut socket = WebSocket::new(opening);
        for (gap, origin) in [missing.to_server, missing.to_client].into_iter().flatten() {
            socket.gap(gap, origin, shared);
        }
        socket.push_waiting(Direction::BOTH.map(|way| &inboxes[way]), shared);
        self.state = open(Session::WebSocket(socket), None);
    }
}

impl Waiting {
    /// Whether the other half can no longer be waited for.
    fn is_decided(&self, direction: Direction, shared: &Shared) -> bool {
        let bytes = self.inboxes[direction].bytes();
        match self.half {
            // The server has answered, though its head is not known.
            Half::Asked(..) if direction == Direction::ToClient => {
                bytes.len() >= EVIDENCE || beginning(bytes) == Beginning::Foreign
            }
            Half::Asked(..) => bytes.len() > shared.config.limits.early,
            Half::Answered(_) => bytes.len() > KEPT,
        }
    }

    fn held(&self) -> usize {
        let headers = match &self.half {
            Half::Asked(asked, _) => &asked.request.headers,
            Half::Answered(answered) => &answered.response.headers,
        };
        headers.held() + self.inboxes.to_server.held() + self.inboxes.to_client.held()
    }

    fn miss(&mut self, gap: Gap, origin: Origin) {
        let Gap { direction, length, .. } = gap;
        match &mut self.missing[direction] {
            Some((before, _)) => {
                let length = before.length.saturating_add(length);
                let exact = before.exact && gap.exact;
                *before = Gap { exact, ..Gap::new(direction, before.offset, length, before.reason) };
            }
            missing @ None => *missing = Some((gap, origin)),
        }
    }

    /// Whether what came looks like frames: the client's masked, the server's not.
    fn holds_frames(&self) -> bool {
        match self.half {
            Half::Asked(..) => Direction::BOTH
                .into_iter()
                .any(|way| beginning(self.inboxes[way].bytes()) == Beginning::Frame(way == Direction::ToServer)),
            Half::Answered(_) => Joining::new(&self.inboxes).decide(true) == Verdict::WebSocket,
        }
    }
}

/// So many bytes tell whether frames stand behind a head that is not known: as many as the longest header has. Were there more
/// looked at where more came at once, it would depend on how the bytes are split.
const EVIDENCE: usize = MAX_HEADER;

fn beginning(bytes: &[u8]) -> Beginning {
    Beginning::of(&bytes[..bytes.len().min(EVIDENCE)])
}

fn open(session: Session, tunnel: Option<Box<str>>) -> State {
    State::Open { session: Box::new(session), tunnel }
}

/// What the session of a stream runs on: in a tunnel the stream is that of the proxy.
fn inside<'a>(tunnel: Option<&'a str>, carrier: Carrier<'a>) -> Carrier<'a> {
    match tunnel {
        Some(target) => Carrier { proxy: Some(target), stream: None, late: false, ..carrier },
        None => carrier,
    }
}

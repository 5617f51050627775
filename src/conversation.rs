//! One TCP connection under analysis: its flow, and what is spoken on it.

use crate::anomaly::{Anomaly, Code, Detail};
use crate::carrier::Carrier;
use crate::chunk::Chunk;
use crate::config::Config;
use crate::duplex::Direction;
use crate::event::{End, Gap, GapReason};
use crate::net::segment::Segment;
use crate::session::Session;
use crate::shared::Shared;
use crate::tcp::flow::Flow;
use crate::tcp::key::Key;
use crate::tcp::reassembler::Ready;
use crate::ws::connection::Ending;

/// A TCP connection that is followed. It does not know its key, which stands beside it.
#[derive(Debug)]
pub struct Conversation {
    /// Its two streams.
    pub flow: Flow,
    /// What they speak.
    pub session: Session,
    /// Whether it is waited for late packets alone.
    pub lingers: bool,
    /// How much it was counted to keep between packets.
    pub counted: usize,
    /// Whether it stands among the holders.
    pub holds: bool,
}

impl Conversation {
    /// A connection that begins with this segment.
    pub fn new(first: &Segment<'_>) -> Box<Self> {
        let (flow, session) = (Flow::new(first), Session::default());
        Box::new(Self { flow, session, lingers: false, counted: 0, holds: false })
    }

    /// Takes a segment, and what can be read now.
    pub fn push(&mut self, segment: &Segment<'_>, key: &Key, shared: &mut Shared) {
        if segment.is_bare() {
            // As half of them are.
            return self.flow.acknowledge(segment, &mut shared.spares);
        }
        let (mut direction, arrival) = self.flow.insert(segment, &shared.config.limits, &mut shared.spares);
        if let Some(offset) = arrival.conflict {
            let conflict = Anomaly::new(Code::TcpOverlapConflict, Detail::Number("at stream offset".into(), offset));
            self.session.notice(conflict.by(direction), segment.origin, shared);
        }
        if let Some(chunk) = arrival.chunk {
            direction = self.take(direction, chunk, key, shared);
        }
        if let Some((offset, length)) = arrival.cut {
            let gap = Gap::new(direction, offset, length, GapReason::SnapLength);
            self.session.gap(gap, segment.origin, self.carrier(key), shared);
        }
    }

    /// Takes bytes that are in order; which way they really go.
    fn take(&mut self, direction: Direction, chunk: Chunk<'_>, key: &Key, shared: &mut Shared) -> Direction {
        if let Session::WebSocket(socket) = &mut self.session {
            // As nearly always; what it runs on is of no interest any more.
            socket.push(direction, chunk, shared);
            return direction;
        }
        let direction = self.orient(direction, chunk.bytes);
        self.session.push(direction, chunk, self.carrier(key), shared);
        direction
    }

    /// Memory it keeps between packets, in bytes.
    pub fn held(&self) -> usize {
        self.flow.held() + self.session.held()
    }

    /// Whether frames go on, and nothing waits or ends: then there is nothing to do but to take what comes.
    pub fn is_steady(&self) -> bool {
        matches!(self.session, Session::WebSocket(_)) && self.flow.is_steady()
    }

    /// What its session runs on.
    pub fn carrier(&self, key: &Key) -> Carrier<'static> {
        let (client, server) = self.flow.peers(key);
        Carrier { client, server, late: self.flow.is_late(), tls: None, proxy: None, stream: None, layers: 0 }
    }

    /// Corrects a wrong guess of who is the client; which way the bytes go then.
    fn orient(&mut self, direction: Direction, bytes: &[u8]) -> Direction {
        if self.flow.stream(direction).is_anchored() || !self.session.is_reversed(direction, bytes) {
            return direction;
        }
        self.flow.swap();
        self.session.swap();
        direction.opposite()
    }

    /// Whether there is anything to [`advance`](Self::advance); `waiting` bytes wait behind holes over all flows.
    pub fn has_work(&self, waiting: usize, config: &Config) -> bool {
        Direction::BOTH
            .into_iter()
            .any(|direction| self.flow.stream(direction).is_ready() || self.is_hole_overdue(direction, waiting, config))
    }

    fn is_hole_overdue(&self, direction: Direction, waiting: usize, config: &Config) -> bool {
        self.flow.is_hole_overdue(direction, &config.limits)
            || waiting > config.limits.reorder_total && self.flow.is_waiting(direction)
    }

    /// Hands on one piece that is in order, or gives one hole up that is overdue; whether there was any.
    pub fn advance(&mut self, key: &Key, waiting: usize, shared: &mut Shared) -> bool {
        self.by_packet().into_iter().any(|direction| {
            self.hand_on(direction, key, shared)
                || self.is_hole_overdue(direction, waiting, &shared.config) && {
                    let limit = !self.flow.stream(direction).has_acknowledged_hole();
                    self.give_up_hole(direction, limit, key, shared)
                }
        })
    }

    /// Hands on one piece of what still waits, or gives one hole up; whether there was any.
    pub fn drain(&mut self, key: &Key, shared: &mut Shared) -> bool {
        self.by_packet()
            .into_iter()
            .any(|direction| self.hand_on(direction, key, shared) || self.give_up_hole(direction, false, key, shared))
    }

    /// The directions, first the one whose bytes wait from an earlier packet on.
    fn by_packet(&self) -> [Direction; 2] {
        let mut directions = Direction::BOTH;
        directions.sort_by_key(|&direction| self.flow.stream(direction).first_waiting().unwrap_or(u64::MAX));
        directions
    }

    fn hand_on(&mut self, direction: Direction, key: &Key, shared: &mut Shared) -> bool {
        match self.flow.ready(direction, &shared.config.limits, &mut shared.spares) {
            Some(Ready::Bytes(waited)) => {
                self.take(direction, waited.chunk(), key, shared);
            }
            Some(Ready::Cut(origin, offset, length)) => {
                let gap = Gap::new(direction, offset, length, GapReason::SnapLength);
                self.session.gap(gap, origin, self.carrier(key), shared);
            }
            None => return false,
        }
        true
    }

    /// Gives up the hole that is waited for; where it is the start of the stream that was, that is settled.
    fn give_up_hole(&mut self, direction: Direction, limit: bool, key: &Key, shared: &mut Shared) -> bool {
        let Some((offset, length)) = self.flow.give_up_hole(direction) else {
            return self.flow.stream(direction).is_ready();
        };
        let reason = if limit { GapReason::Limit } else { GapReason::NotCaptured };
        let (origin, carrier) = (self.flow.last(), self.carrier(key));
        self.session.gap(Gap::new(direction, offset, length, reason), origin, carrier, shared);
        true
    }

    /// Tells the end: as the peers made it, else `how` it came.
    pub fn finish(&mut self, how: End, key: &Key, shared: &mut Shared) {
        let (by, how) = match self.flow.first_to_end() {
            Some((by, how)) => (Some(by), how),
            None => (None, how),
        };
        let ending = Ending { how, by, last: self.flow.last(), over: self.flow.is_ending() };
        self.session.finish(ending, self.carrier(key), shared);
    }
}

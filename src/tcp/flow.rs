//! One TCP connection as seen from outside: who is the client, where it begins, how it ends (RFC 9293 §3.3.2).
//!
//! ```text
//!   SYN, SYN-ACK or data ──► Open ──► both FINs, all bytes there ──────────────► over
//!                              │
//!                              └────► RST, or FINs with a hole ──► linger ─────► over
//! ```
//!
//! After a RST late packets may still bring bytes that were on the way, so the flow lingers before it is over.

use crate::config::Limits;
use crate::duplex::{Direction, Duplex};
use crate::event::End;
use crate::net::segment::{Endpoint, Flags, Segment};
use crate::net::seq::SeqNumber;
use crate::origin::{Origin, Timestamp};
use crate::tcp::key::Key;
use crate::tcp::reassembler::{Arrival, Ready, Reassembler};
use crate::tcp::unacknowledged::Spares;

/// One TCP connection.
#[derive(Debug)]
pub struct Flow {
    streams: Duplex<Reassembler>,
    syns: Syns,
    /// Whether the lower endpoint opened it; a guess until a SYN or a request is seen.
    lower_is_client: bool,
    ended: Duplex<Option<End>>,
    first_to_end: Option<(Direction, End)>,
    last: Origin,
    seldom: Option<Box<Seldom>>,
}

/// Sequence numbers of the SYNs that were seen of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Syns {
    numbers: Duplex<SeqNumber>,
    seen: Duplex<bool>,
}

impl Syns {
    /// Whether this is one of them.
    pub fn contain(&self, seq: SeqNumber) -> bool {
        Direction::BOTH.iter().any(|&way| self.of(way) == Some(seq))
    }

    fn of(&self, direction: Direction) -> Option<SeqNumber> {
        self.seen[direction].then_some(self.numbers[direction])
    }

    fn set(&mut self, direction: Direction, seq: SeqNumber) {
        self.numbers[direction] = seq;
        self.seen[direction] = true;
    }

    fn swap(&mut self) {
        self.numbers.swap();
        self.seen.swap();
    }
}

/// What few connections have.
#[derive(Debug, Default)]
struct Seldom {
    /// Sequence number of the first RST.
    reset: Duplex<Option<SeqNumber>>,
    hole: Duplex<Option<Hole>>,
    /// First sequence number of a SYN that contradicts this connection, and whether the lower endpoint sent it.
    rival: Option<(bool, SeqNumber)>,
}

impl Seldom {
    /// Whether there is nothing left of it.
    fn is_over(&self) -> bool {
        let none = |way| self.reset[way].is_none() && self.hole[way].is_none();
        self.rival.is_none() && Direction::BOTH.into_iter().all(none)
    }
}

/// What a segment is to a connection of the same endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Part of it.
    Own,
    /// A SYN that contradicts it, and may be forged.
    Rival,
    /// Part of another connection that was opened after it.
    Successor,
}

/// Since when a hole is waited for that the receiver has acknowledged.
#[derive(Debug, Clone, Copy)]
struct Hole {
    since: Timestamp,
    segments: u32,
}

impl Flow {
    /// A flow whose first captured segment is this.
    pub fn new(first: &Segment<'_>) -> Self {
        let from_server = first.flags.has(Flags::SYN) && first.flags.has(Flags::ACK)
            || !first.flags.has(Flags::SYN) && first.source.port < first.destination.port;
        Self {
            streams: Duplex::default(),
            syns: Syns::default(),
            lower_is_client: first.is_from_lower() != from_server,
            ended: Duplex::default(),
            first_to_end: None,
            last: first.origin,
            seldom: None,
        }
    }

    /// Takes the client for the server, where the guess turned out wrong.
    pub fn swap(&mut self) {
        self.lower_is_client = !self.lower_is_client;
        self.streams.swap();
        self.syns.swap();
        self.ended.swap();
        if let Some(seldom) = &mut self.seldom {
            seldom.reset.swap();
            seldom.hole.swap();
        }
        if let Some((by, _)) = &mut self.first_to_end {
            *by = by.opposite();
        }
    }

    /// Client and server of this flow, whose key it is.
    pub fn peers(&self, key: &Key) -> (Endpoint, Endpoint) {
        let [lower, higher] = key.endpoints();
        if self.lower_is_client { (lower, higher) } else { (higher, lower) }
    }

    /// Takes a segment of this flow.
    pub fn insert<'a>(
        &mut self,
        segment: &Segment<'a>,
        limits: &Limits,
        spares: &mut Spares,
    ) -> (Direction, Arrival<'a>) {
        let credible = credible(segment);
        let segment = credible.as_ref().unwrap_or(segment);
        let direction = self.direction(segment);
        self.last = segment.origin;
        let syn = segment.flags.has(Flags::SYN);
        // A SYN takes the sequence number before the first byte.
        let first = if syn { segment.seq.plus(1) } else { segment.seq };
        if syn {
            self.syns.set(direction, segment.seq);
            self.streams[direction].anchor(first);
        }
        let mut acknowledged = None;
        if let Some(ack) = segment.ack {
            let opposite = &mut self.streams[direction.opposite()];
            if syn {
                opposite.anchor(ack);
            }
            opposite.acknowledge(ack, spares);
            acknowledged = opposite.stream_offset(ack);
        }
        let settling = self.streams[direction].is_settling();
        let arrival = self.streams[direction].insert(segment, first, acknowledged, limits, spares);
        if settling && !self.streams[direction].is_settling() {
            // The other side was waited for as long: its request should not come after the response.
            self.streams[direction.opposite()].settle();
        }
        let wire_len = segment.payload.len() as u32 + segment.cut;
        if segment.flags.has(Flags::FIN) && self.streams[direction].end_at(first.plus(wire_len)) {
            self.ended[direction].get_or_insert(End::Fin);
            self.first_to_end.get_or_insert((direction, End::Fin));
        }
        if segment.flags.has(Flags::RST) {
            self.seldom.get_or_insert_default().reset[direction].get_or_insert(first);
        }
        self.watch_holes(segment.origin.time);
        (direction, arrival)
    }

    /// Takes a segment of this flow that is [bare](Segment::is_bare), as [`insert`](Self::insert) would.
    pub fn acknowledge(&mut self, segment: &Segment<'_>, spares: &mut Spares) {
        self.last = segment.origin;
        if let Some(ack) = segment.ack {
            let opposite = self.direction(segment).opposite();
            self.streams[opposite].acknowledge(ack, spares);
        }
        self.watch_holes(segment.origin.time);
    }

    /// Whether nothing waits or is searched for, and nothing was seen that may end it.
    pub fn is_steady(&self) -> bool {
        self.first_to_end.is_none()
            && self.seldom.as_ref().is_none_or(|seldom| seldom.is_over())
            && Direction::BOTH.iter().all(|&way| self.streams[way].is_steady())
    }

    /// One direction's stream.
    pub fn stream(&self, direction: Direction) -> &Reassembler {
        &self.streams[direction]
    }

    /// The next piece of a direction that waited and is now in order.
    pub fn ready(&mut self, direction: Direction, limits: &Limits, spares: &mut Spares) -> Option<Ready> {
        self.streams[direction].ready(limits, spares)
    }

    /// Whether the capture began after the connection did: no SYN was seen.
    pub fn is_late(&self) -> bool {
        Direction::BOTH.iter().all(|&way| !self.streams[way].is_anchored())
    }

    /// Gives up the hole that a direction waits for: its stream offset and length, where there is one.
    pub fn give_up_hole(&mut self, direction: Direction) -> Option<(u64, u64)> {
        if let Some(seldom) = &mut self.seldom {
            seldom.hole[direction] = None;
        }
        self.streams[direction].give_up_hole()
    }

    /// Which way a segment of this flow goes.
    pub fn direction(&self, segment: &Segment<'_>) -> Direction {
        if segment.is_from_lower() == self.lower_is_client { Direction::ToServer } else { Direction::ToClient }
    }

    /// What a segment of the same endpoints is to this connection.
    ///
    /// One SYN does not end a connection in which data flows (anyone on the path could send it); the answer to it,
    /// or data behind it that does not fit this connection, does.
    pub fn relation(&mut self, segment: &Segment<'_>) -> Relation {
        let syn = segment.flags.has(Flags::SYN);
        if let Some((rival, seq)) = self.seldom.as_ref().and_then(|seldom| seldom.rival) {
            let first = seq.plus(1);
            let opposite = &self.streams[self.direction(segment).opposite()];
            let follows = segment.is_from_lower() == rival && !syn && segment.seq == first;
            if follows && segment.ack.is_some_and(|ack| !opposite.expects(ack))
                || segment.is_from_lower() != rival && syn && segment.ack == Some(first)
            {
                return Relation::Successor;
            }
        }
        if !syn || self.is_opened_by(segment) {
            return Relation::Own;
        }
        let alive = !self.is_ending() && Direction::BOTH.iter().all(|&way| self.streams[way].has_delivered());
        if !alive {
            return Relation::Successor;
        }
        if segment.ack.is_none() {
            self.seldom.get_or_insert_default().rival = Some((segment.is_from_lower(), segment.seq));
        }
        Relation::Rival
    }

    /// Whether a SYN is this connection's own, come late or twice.
    fn is_opened_by(&self, segment: &Segment<'_>) -> bool {
        let direction = self.direction(segment);
        match self.syns.of(direction) {
            Some(seq) => seq == segment.seq,
            None => {
                self.streams[direction].begins_at(segment.seq.plus(1))
                    && segment.ack.is_none_or(|ack| self.streams[direction.opposite()].begins_at(ack))
            }
        }
    }

    /// Whether a hole of this direction has been waited for long enough.
    pub fn is_hole_overdue(&self, direction: Direction, limits: &Limits) -> bool {
        if self.streams[direction].waiting_bytes() > limits.reorder {
            return true;
        }
        let Some(hole) = self.seldom.as_ref().and_then(|seldom| seldom.hole[direction]) else { return false };
        let waited = self.last.time.since(hole.since);
        u64::from(hole.segments) >= limits.patience_segments
            || i128::from(waited) >= limits.patience.as_nanos().cast_signed()
    }

    /// Memory that waits behind holes, in bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.streams.to_server.waiting_bytes() + self.streams.to_client.waiting_bytes()
    }

    /// Lets go of delivered bytes: retransmissions of them are no longer compared.
    pub fn release(&mut self) {
        self.streams.to_server.release();
        self.streams.to_client.release();
    }

    /// Memory for delivered bytes that are not acknowledged.
    pub fn held(&self) -> usize {
        self.streams.to_server.held() + self.streams.to_client.held()
    }

    /// Whether anything of this direction waits behind a hole.
    pub fn is_waiting(&self, direction: Direction) -> bool {
        self.streams[direction].waiting_bytes() > 0
    }

    /// Sequence numbers of the SYNs that were seen.
    pub fn syns(&self) -> Syns {
        self.syns
    }

    /// The end of this direction's stream, once all its bytes are delivered.
    pub fn end_of(&self, direction: Direction) -> Option<End> {
        self.ended[direction].filter(|_| self.streams[direction].is_complete())
    }

    /// Whether nothing more can come: both directions ended with FIN, and all is delivered.
    pub fn is_over(&self) -> bool {
        Direction::BOTH.into_iter().all(|direction| self.end_of(direction) == Some(End::Fin))
    }

    /// Whether a RST was seen, or a FIN from each side.
    pub fn is_ending(&mut self) -> bool {
        self.judge_resets();
        let both = Direction::BOTH.map(|direction| self.ended[direction]);
        both.contains(&Some(End::Reset)) || both.iter().all(Option::is_some)
    }

    /// Who ended the stream first, and how.
    pub fn first_to_end(&mut self) -> Option<(Direction, End)> {
        self.judge_resets();
        self.first_to_end
    }

    /// Its last packet.
    pub fn last(&self) -> Origin {
        self.last
    }

    /// RFC 5961 §3.2: only a RST with the very next number resets; one that is ahead waits for the bytes before it.
    fn judge_resets(&mut self) {
        let Some(seldom) = &self.seldom else { return };
        for direction in Direction::BOTH {
            if seldom.reset[direction].is_some_and(|seq| self.streams[direction].is_next(seq)) {
                self.ended[direction] = Some(End::Reset);
                self.first_to_end.get_or_insert((direction, End::Reset));
            }
        }
    }

    fn watch_holes(&mut self, now: Timestamp) {
        if !self.is_steady() {
            for direction in Direction::BOTH {
                self.watch_hole(direction, now);
            }
        }
    }

    fn watch_hole(&mut self, direction: Direction, now: Timestamp) {
        let stream = &self.streams[direction];
        if !stream.has_acknowledged_hole() && !stream.is_settling() {
            if let Some(seldom) = &mut self.seldom {
                seldom.hole[direction] = None;
            }
            return;
        }
        match &mut self.seldom.get_or_insert_default().hole[direction] {
            Some(hole) => hole.segments += 1,
            none => *none = Some(Hole { since: now, segments: 0 }),
        }
    }
}

/// A segment without what nobody could have sent or used (payload of a RST, bytes cut off by the million), where it has any.
fn credible<'a>(segment: &Segment<'a>) -> Option<Segment<'a>> {
    const MAX_CUT: u32 = 16 << 20;
    if segment.flags.has(Flags::RST) {
        return Some(Segment { payload: &[], cut: 0, ack: None, ..*segment });
    }
    (segment.cut > MAX_CUT).then_some(Segment { cut: 0, ..*segment })
}

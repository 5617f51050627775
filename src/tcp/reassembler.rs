//! Segments of one direction, in any order, to its bytes in order (RFC 9293 §3.4, §3.10.7.4).
//!
//! ```text
//!  delivered          │ hole │ waiting │ hole │ waiting
//!  ───────────────────┤......├─────────┤......├────────
//!       └─unacknowledged     │                │
//!  0                  next   └ pieces never overlap: the first copy of a byte wins
//! ```
//!
//! What arrives in order passes through borrowed; only what waits behind a hole is copied, and the last delivered bytes that
//! the receiver has not acknowledged ([`Unacknowledged`]). When a hole is given up is the flow's decision ([`super::flow`]).

use crate::chunk::Chunk;
use crate::config::Limits;
use crate::net::segment::Segment;
use crate::net::seq::SeqNumber;
use crate::origin::Origin;
use crate::pieces::{Content, Piece, Pieces, first_difference};
use crate::tcp::unacknowledged::{Spares, Unacknowledged};

/// Internal offset of the first sequence number seen; what was sent before it lies below.
const BASE: u64 = 1 << 32;

/// The largest window that TCP can have (RFC 7323 §2.3); what lies further ahead is not of this connection.
const MAX_WINDOW: u64 = 1 << 30;

/// An acknowledgment of so much more than was seen is taken for an error or a lie.
const MAX_LOST: u64 = 64 << 20;

/// So much is handed on at once: one captured packet can hold megabytes (offload), and each byte a frame's beginning.
const PIECE: usize = 256 << 10;

/// While the start of the stream is not known, so many segments or bytes are waited for to find its lowest one.
const SETTLING_SEGMENTS: usize = 8;
const SETTLING_BYTES: usize = 64 << 10;

/// One direction of a flow.
#[derive(Debug, Default)]
pub struct Reassembler {
    position: Option<Position>,
    /// Internal offset up to which the receiver has acknowledged.
    acknowledged: u64,
    /// The last delivered bytes, up to `next`, that are not.
    unacknowledged: Unacknowledged,
    /// What lies ahead of `next`, where anything is known of it.
    ahead: Option<Box<Ahead>>,
}

/// What is known of a stream behind the bytes that come next.
#[derive(Debug, Default)]
struct Ahead {
    /// Pieces behind a hole by internal offset.
    waiting: Pieces<Tag>,
    /// Internal offset of FIN.
    end: Option<u64>,
}

/// How the beginning of a stream is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Not yet: what comes may lie before.
    Open,
    /// It was chosen, as the lowest byte seen.
    Chosen,
    /// It was seen: SYN, or its acknowledgment.
    Anchored,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// Internal offset of the stream's first byte.
    base: u64,
    /// Internal offset of the next byte to deliver.
    next: u64,
    /// Its sequence number.
    seq: SeqNumber,
    /// How `base` is known.
    start: Start,
}

impl Position {
    fn at(seq: SeqNumber) -> Self {
        Self { base: BASE, next: BASE, seq, start: Start::Open }
    }

    fn is_settled(self) -> bool {
        self.start != Start::Open
    }

    /// Internal offset of a sequence number, taken to be within 2^31 of `next`.
    fn offset(self, seq: SeqNumber) -> u64 {
        self.next.saturating_add_signed(i64::from(seq.distance_from(self.seq)))
    }

    fn advance(&mut self, to: u64) {
        // Truncation is the arithmetic modulo 2^32 that sequence numbers have.
        self.seq = self.seq.plus(to.wrapping_sub(self.next) as u32);
        self.next = to;
    }
}

/// Where a piece that waits came from, and what its sender had acknowledged of the opposite stream.
#[derive(Debug, Clone, Copy)]
struct Tag {
    origin: Origin,
    acknowledged: Option<u64>,
}

/// What the arrival of a segment makes known at once.
#[derive(Debug, Default)]
pub struct Arrival<'a> {
    /// Its bytes, where they are next in order.
    pub chunk: Option<Chunk<'a>>,
    /// Bytes behind `chunk` that the snap length cut off: stream offset and count.
    pub cut: Option<(u64, u64)>,
    /// Stream offset at which it contradicts a copy that came first.
    pub conflict: Option<u64>,
}

/// What is next in order among the bytes that waited.
#[derive(Debug)]
pub enum Ready {
    /// Bytes, owned: [`Waited::chunk`] lends them.
    Bytes(Waited),
    /// Bytes that the snap length cut off: the packet, stream offset and count.
    Cut(Origin, u64, u64),
}

/// Bytes that waited behind a hole and are now in order.
#[derive(Debug)]
pub struct Waited {
    origin: Origin,
    acknowledged: Option<u64>,
    offset: u64,
    bytes: Box<[u8]>,
}

impl Waited {
    /// The bytes as a chunk.
    pub fn chunk(&self) -> Chunk<'_> {
        Chunk { origin: self.origin, offset: self.offset, acknowledged: self.acknowledged, bytes: &self.bytes }
    }
}

impl Reassembler {
    /// Learns the sequence number of the stream's first byte, from SYN or from its acknowledgment.
    ///
    /// Has no effect once delivery has begun.
    pub fn anchor(&mut self, first: SeqNumber) {
        match &mut self.position {
            None => self.position = Some(Position { start: Start::Anchored, ..Position::at(first) }),
            Some(position) if position.is_settled() => {}
            Some(position) => {
                let base = position.offset(first);
                position.advance(base);
                position.base = base;
                position.start = Start::Anchored;
                if let Some(ahead) = &mut self.ahead {
                    ahead.waiting.drop_before(base);
                }
            }
        }
    }

    /// Whether the stream can begin at `first`: it does, or what was seen of it begins a little later.
    pub fn begins_at(&self, first: SeqNumber) -> bool {
        const LITTLE: u64 = 1 << 20;
        let Some(position) = self.position else { return true };
        let offset = position.offset(first);
        offset == position.base
            || position.start != Start::Anchored
                && (position.base.saturating_sub(LITTLE)..=position.next).contains(&offset)
    }

    /// Whether any byte was delivered.
    pub fn has_delivered(&self) -> bool {
        self.position.is_some_and(|position| position.next > position.base)
    }

    /// Whether a RST with this number resets the connection now (RFC 5961 §3.2): it is next, or behind the FIN.
    pub fn is_next(&self, seq: SeqNumber) -> bool {
        self.position.is_none_or(|position| {
            let offset = position.offset(seq);
            offset == position.next || self.end() == Some(position.next) && offset == position.next + 1
        })
    }

    /// Whether the receiver may acknowledge up to here: what was sent and not acknowledged before.
    pub fn expects(&self, ack: SeqNumber) -> bool {
        self.position.is_some_and(|position| (self.acknowledged..=position.next + 1).contains(&position.offset(ack)))
    }

    /// Whether the stream's true beginning was seen.
    pub fn is_anchored(&self) -> bool {
        self.position.is_some_and(|position| position.start == Start::Anchored)
    }

    /// Takes a segment's payload; `acknowledged` is its sender's acknowledgment as offset of the opposite stream.
    pub fn insert<'a>(
        &mut self,
        segment: &Segment<'a>,
        first: SeqNumber,
        acknowledged: Option<u64>,
        limits: &Limits,
        spares: &mut Spares,
    ) -> Arrival<'a> {
        let mut arrival = Arrival::default();
        if segment.payload.is_empty() && segment.cut == 0 {
            return arrival;
        }
        let position = *self.position.get_or_insert_with(|| Position::at(first));
        let start = position.offset(first);
        let whole = start + segment.payload.len() as u64;
        let cut_end = whole + u64::from(segment.cut);
        // A FIN that was not reached is contradicted by bytes behind it; behind one that was nothing counts.
        if let Some(ahead) = &mut self.ahead {
            ahead.end = ahead.end.filter(|&end| end <= position.next || whole <= end);
        }
        if start > position.next + MAX_WINDOW || self.end().is_some_and(|end| start >= end) {
            return arrival;
        }
        if start != position.next || !position.is_settled() {
            self.insert_out_of_order(segment, start, acknowledged, &mut arrival);
            return arrival;
        }
        // In order. Pieces that wait further on keep what they hold: they came first.
        let room = self.waiting().map_or(u64::MAX, |(first, _)| first - start);
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(segment.payload.len()).min(PIECE);
        let (now, beyond) = segment.payload.split_at(fits);
        if !now.is_empty() {
            let offset = position.next - position.base;
            arrival.chunk = Some(Chunk { origin: segment.origin, offset, acknowledged, bytes: now });
            self.deliver(now, limits, spares);
        }
        if !beyond.is_empty() || (segment.cut > 0 && room < cut_end - start) {
            self.insert_out_of_order(segment, start, acknowledged, &mut arrival);
        } else if segment.cut > 0 {
            arrival.cut = Some((whole - position.base, u64::from(segment.cut)));
            self.skip(cut_end);
        }
        arrival
    }

    /// The next piece that waited and is now in order.
    pub fn ready(&mut self, limits: &Limits, spares: &mut Spares) -> Option<Ready> {
        let position = self.position.filter(|_| self.is_ready())?;
        let ahead = self.ahead.as_mut()?;
        let (_, piece) = ahead.waiting.pop_first()?;
        if ahead.waiting.count() == 0 && ahead.end.is_none() {
            self.ahead = None;
        }
        let offset = position.next - position.base;
        let Tag { origin, acknowledged } = piece.tag;
        match piece.content {
            Content::Bytes(bytes) => {
                self.deliver(&bytes, limits, spares);
                Some(Ready::Bytes(Waited { origin, acknowledged, offset, bytes }))
            }
            Content::Cut(length) => {
                self.skip(position.next + length);
                Some(Ready::Cut(origin, offset, length))
            }
        }
    }

    /// Whether [`ready`](Self::ready) has something.
    pub fn is_ready(&self) -> bool {
        let Some((first, _)) = self.waiting() else { return false };
        self.position.is_some_and(|position| position.is_settled() && first == position.next)
    }

    /// Learns what the receiver has acknowledged.
    pub fn acknowledge(&mut self, ack: SeqNumber, spares: &mut Spares) {
        let Some(position) = self.position else { return };
        let offset = position.offset(ack);
        if offset <= self.acknowledged || offset > position.next + MAX_LOST {
            return;
        }
        self.acknowledged = offset;
        let open = usize::try_from(position.next.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.unacknowledged.settle(open, spares);
    }

    /// Learns where the stream ends: the sequence number of FIN. Whether that can be.
    pub fn end_at(&mut self, seq: SeqNumber) -> bool {
        let position = *self.position.get_or_insert_with(|| Position::at(seq));
        let offset = position.offset(seq);
        let possible = (position.next..=position.next + MAX_WINDOW).contains(&offset) || !position.is_settled();
        if possible {
            let end = &mut self.ahead.get_or_insert_default().end;
            *end = Some(end.map_or(offset, |end| end.min(offset)));
        }
        possible
    }

    /// Whether all bytes up to the known end are delivered.
    pub fn is_complete(&self) -> bool {
        match (self.position, self.end()) {
            (Some(position), Some(end)) => position.is_settled() && position.next >= end,
            (None, _) | (_, None) => false,
        }
    }

    /// Whether bytes are missing before the next piece, and the receiver has acknowledged them.
    pub fn has_acknowledged_hole(&self) -> bool {
        let (Some(position), Some((first, _))) = (self.position, self.waiting()) else { return false };
        position.is_settled() && first > position.next && self.acknowledged >= first
    }

    /// Gives up the hole before the next piece: its stream offset and length.
    ///
    /// Where nothing waits: the bytes that the end of the stream or an acknowledgment tells of.
    pub fn give_up_hole(&mut self) -> Option<(u64, u64)> {
        self.settle();
        let position = self.position?;
        // An acknowledgment one beyond the last byte is that of a FIN which was not captured.
        let unseen_fin = self.acknowledged == position.next + 1;
        let known_end = self.end().unwrap_or(if unseen_fin { position.next } else { self.acknowledged });
        let resume = self.waiting().map_or(known_end, |(first, _)| first);
        if resume <= position.next {
            return None;
        }
        self.skip(resume);
        Some((position.next - position.base, resume - position.next))
    }

    /// Memory that waits behind holes, in bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.ahead.as_ref().map_or(0, |ahead| ahead.waiting.held())
    }

    /// Memory for delivered bytes that are not acknowledged.
    pub fn held(&self) -> usize {
        self.unacknowledged.held()
    }

    /// Lets go of delivered bytes: retransmissions of them are no longer compared.
    pub fn release(&mut self) {
        self.unacknowledged.release();
    }

    /// Number of the packet that brought the next piece that waits.
    pub fn first_waiting(&self) -> Option<u64> {
        self.waiting().map(|(_, piece)| piece.tag.origin.packet)
    }

    /// Whether nothing waits behind a hole, its end is not known, and its beginning is not searched for.
    pub fn is_steady(&self) -> bool {
        self.ahead.is_none() && !self.is_settling()
    }

    /// Whether the start of the stream is still open.
    pub fn is_settling(&self) -> bool {
        self.position.is_some_and(|position| !position.is_settled())
    }

    /// Takes the lowest byte seen so far for the start of the stream.
    pub fn settle(&mut self) {
        if !self.is_settling() {
            return;
        }
        self.drop_probe();
        let lowest = self.waiting().map(|(lowest, _)| lowest);
        let Some(position) = &mut self.position else { return };
        if let Some(lowest) = lowest {
            position.advance(lowest);
        }
        position.base = position.next;
        position.start = Start::Chosen;
    }

    /// A sequence number as offset of the stream; `None` while the start is open, or where it lies before.
    pub fn stream_offset(&self, seq: SeqNumber) -> Option<u64> {
        let position = self.position.filter(|position| position.is_settled())?;
        position.offset(seq).checked_sub(position.base)
    }

    /// RFC 9293 §3.8.4: a stream joined late may seem to begin with the zero byte of a keep-alive probe.
    fn drop_probe(&mut self) {
        let Some(waiting) = self.ahead.as_mut().map(|ahead| &mut ahead.waiting) else { return };
        let (Some((at, first)), Some(next)) = (waiting.first(), waiting.second()) else { return };
        if at + 1 == next && matches!(&first.content, Content::Bytes(bytes) if **bytes == [0]) {
            waiting.pop_first();
        }
    }

    /// The first piece that waits, and its internal offset.
    fn waiting(&self) -> Option<(u64, &Piece<Tag>)> {
        self.ahead.as_ref()?.waiting.first()
    }

    /// Internal offset of FIN.
    fn end(&self) -> Option<u64> {
        self.ahead.as_ref()?.end
    }

    fn deliver(&mut self, bytes: &[u8], limits: &Limits, spares: &mut Spares) {
        let Some(position) = &mut self.position else { return };
        let end = position.next + bytes.len() as u64;
        position.advance(end);
        if self.acknowledged >= end {
            self.unacknowledged.settle(0, spares);
        } else {
            self.unacknowledged.push(bytes, limits.unacknowledged, spares);
        }
    }

    fn skip(&mut self, to: u64) {
        self.release();
        if let Some(position) = &mut self.position {
            position.advance(to);
        }
    }

    fn insert_out_of_order(
        &mut self,
        segment: &Segment<'_>,
        start: u64,
        acknowledged: Option<u64>,
        arrival: &mut Arrival<'_>,
    ) {
        let Some(position) = self.position else { return };
        let tag = Tag { origin: segment.origin, acknowledged };
        let whole = start + segment.payload.len() as u64;
        let slice = |from: u64, to: u64| {
            let (from, to) = ((from - start) as usize, (to - start) as usize);
            &segment.payload[from..to]
        };
        // §3.8.4: a keep-alive repeats the last byte, or garbage in its place.
        let keep_alive = segment.payload.len() <= 1 && start + 1 == position.next;
        let floor = if position.is_settled() { position.next } else { 0 };
        let limit = self.end().map_or(whole, |end| whole.min(end));

        let old = limit.min(floor);
        if old > start && !keep_alive {
            arrival.conflict = self.contradicts_delivered(slice(start, old), old);
        }
        let at = start.max(floor);
        if at < limit {
            let conflict = self.ahead.get_or_insert_default().waiting.insert(at, slice(at, limit), tag);
            let conflict = conflict.map(|at| at.saturating_sub(position.base));
            arrival.conflict = arrival.conflict.or(conflict);
        }
        if segment.cut > 0 {
            let ahead = self.ahead.get_or_insert_default();
            ahead.waiting.insert_cut(whole.max(floor), whole + u64::from(segment.cut), tag);
        }
        let enough =
            |ahead: &Ahead| ahead.waiting.count() >= SETTLING_SEGMENTS || ahead.waiting.held() >= SETTLING_BYTES;
        if self.ahead.as_deref().is_some_and(enough) {
            self.settle();
        }
    }

    /// Compares bytes that end at the internal offset `end` with those already delivered but not acknowledged.
    fn contradicts_delivered(&self, bytes: &[u8], end: u64) -> Option<u64> {
        let position = self.position?;
        let kept_from = position.next - self.unacknowledged.bytes().len() as u64;
        let acknowledged = self.acknowledged.max(kept_from);
        let start = end - bytes.len() as u64;
        let from = start.max(acknowledged);
        if from >= end {
            return None;
        }
        let first = &self.unacknowledged.bytes()[(from - kept_from) as usize..(end - kept_from) as usize];
        let second = &bytes[(from - start) as usize..];
        Some(from + first_difference(first, second)? - position.base)
    }
}

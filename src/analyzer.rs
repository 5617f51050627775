//! The core: packets in, events out. No I/O, no clock, no threads; the same input always gives the same events.
//!
//! ```text
//!  Packet ─► net::decode ─► Table ─► Flow ─► Session ─► Outbox ─► Event
//!                                     └── what waits or is over ─► Work, done one piece at a time
//! ```
//!
//! One packet can set free megabytes that waited, which can inflate to gigabytes. So that is left as work, and done
//! only as events are taken: [`Analyzer::next_event`].

use std::collections::{BTreeSet, VecDeque};

use crate::anomaly::{Anomaly, Code, Detail};
use crate::carrier::Carrier;
use crate::config::Config;
use crate::duplex::Direction;
use crate::event::{Body, End, Event, Gap, GapReason, NO_CONNECTION};
use crate::input::{Input, Packet, Secret};
use crate::net::fragment::{Fragment, Fragments, Joined};
use crate::net::segment::{Flags, Segment};
use crate::net::seq::SeqNumber;
use crate::net::{self, Decoded, Skip};
use crate::origin::{Origin, Span, Timestamp};
use crate::outbox::Summary;
use crate::session::Session;
use crate::shared::Shared;
use crate::tcp::flow::{Flow, Relation};
use crate::tcp::half_open::{Answer, HalfOpen};
use crate::tcp::reassembler::Ready;
use crate::tcp::table::{FlowId, Key, Table};
use crate::ws::connection::Ending;

/// The analysis of one capture.
///
/// ```
/// # use wscope::{analyzer::Analyzer, config::Config, input::Input, origin::Timestamp};
/// let mut analyzer = Analyzer::new(Config::default());
/// # let inputs = [Input::Tick(Timestamp(0))];
/// for input in inputs {
///     analyzer.push(input);
///     while let Some(event) = analyzer.next_event() {
///         println!("{event:?}");
///     }
/// }
/// analyzer.finish();
/// while let Some(event) = analyzer.next_event() {
///     println!("{event:?}");
/// }
/// ```
#[derive(Debug, Default)]
pub struct Analyzer {
    shared: Shared,
    fragments: Fragments,
    half_open: HalfOpen,
    flows: Table<Entry>,
    work: VecDeque<Work>,
    /// Flows that wait for late packets, and until when; the same span for all, so in order.
    lingering: VecDeque<(Timestamp, FlowId)>,
    /// Memory that waits behind holes, over all flows.
    waiting: usize,
    /// Flows that wait for TLS secrets.
    awaiting: BTreeSet<FlowId>,
    /// Memory that flows keep between packets, over all of them.
    held: usize,
    /// The flows that do, the one that began first in front.
    holders: VecDeque<FlowId>,
    now: Timestamp,
    /// The last packet.
    latest: Origin,
    /// What it belongs to.
    touched: Touched,
}

/// What is known by now of what the last packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// To no TCP connection.
    None,
    /// A fragment of IP, which alone does not tell.
    Fragment,
    /// To the TCP connection of this number (1, 2, 3…), of which it is not known yet what it speaks.
    Open(u64),
    /// To one that asked for a WebSocket, or is one.
    WebSocket(u64),
    /// To one that is nothing for us.
    Foreign(u64),
}

#[derive(Debug, Clone, Copy, Default)]
enum Touched {
    #[default]
    Nothing,
    Fragment,
    /// A SYN without answer, with the number of its flow.
    HalfOpen(u64),
    Flow(FlowId),
}

#[derive(Debug)]
struct Entry {
    /// 1, 2, 3… over all flows.
    number: u64,
    /// Whether it asked for a WebSocket, or is one; it remains when the flow is over.
    websocket: bool,
    last: Timestamp,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Followed.
    Live(Box<Live>),
    /// Found not to be WebSocket.
    Foreign,
    /// Over; its initial sequence numbers tell late duplicates from a new connection.
    Ended([Option<SeqNumber>; 2]),
}

#[derive(Debug)]
struct Live {
    flow: Flow,
    session: Session,
    lingers: Option<Timestamp>,
    /// How much it was counted to keep between packets.
    held: usize,
    /// Whether it stands among the holders.
    holds: bool,
}

/// What is left to do.
#[derive(Debug)]
enum Work {
    /// Bytes of this flow are in order, or its hole is given up.
    Advance(FlowId),
    /// Secrets have come, perhaps of this flow.
    Retry(FlowId),
    /// This flow is over.
    Close(Box<Live>, End),
}

impl Analyzer {
    /// An analysis that has seen nothing yet.
    pub fn new(config: Config) -> Self {
        Self { shared: Shared { config, ..Shared::default() }, ..Self::default() }
    }

    /// Takes the next input. Take its events before the next one: what is left is worked off then, and waits in memory.
    pub fn push(&mut self, input: Input<'_>) {
        while self.do_work() {}
        match input {
            Input::Packet(packet) => self.push_packet(&packet),
            Input::Tick(now) => self.pass_time(now),
            Input::Secret(secret) => self.push_secret(&secret),
            Input::Dropped(count) => self.note_dropped(count),
        }
    }

    /// Learns that an input was damaged or cut: what stood behind is lost.
    pub fn note_damage(&mut self) {
        self.shared.outbox.summary.anomalies.add(Code::CaptureTruncated);
    }

    /// The capture is over: closes all that is open.
    pub fn finish(&mut self) {
        while self.do_work() {}
        self.lingering.clear();
        let mut open: Vec<_> = (0..self.flows.bound()).filter_map(|id| self.detach(id)).collect();
        open.sort_by_key(|live| live.session.connection().unwrap_or(u64::MAX));
        self.work.extend(open.into_iter().map(|live| Work::Close(live, End::EndOfCapture)));
    }

    /// The next event; `None` when more input is needed.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.shared.outbox.pop() {
                return Some(event);
            }
            if !self.do_work() {
                return None;
            }
        }
    }

    /// What was counted so far.
    pub fn summary(&self) -> Summary {
        Summary {
            connections: self.shared.ledger.connections(),
            fragments: self.fragments.unjoined(),
            ..self.shared.outbox.summary.clone()
        }
    }

    /// Capture time of the first packet.
    pub fn started(&self) -> Option<Timestamp> {
        self.shared.outbox.summary.period.map(|(first, _)| first)
    }

    /// What is known of what the last packet belongs to; ask when its events were taken.
    pub fn standing(&self) -> Standing {
        match self.touched {
            Touched::Nothing => Standing::None,
            Touched::Fragment => Standing::Fragment,
            Touched::HalfOpen(number) => Standing::Open(number),
            Touched::Flow(id) => match self.flows.get(id) {
                None => Standing::None,
                Some(Entry { number, websocket: true, .. }) => Standing::WebSocket(*number),
                Some(Entry { number, state: State::Live(_), .. }) => Standing::Open(*number),
                Some(Entry { number, .. }) => Standing::Foreign(*number),
            },
        }
    }

    /// What was dropped belongs to no connection in particular.
    fn note_dropped(&mut self, count: u64) {
        let dropped = Anomaly::new(Code::CaptureDropped, Detail::Number("packets:".into(), count));
        let span = Span::at(self.latest);
        self.shared.outbox.push(Event { connection: NO_CONNECTION, span, body: Body::Notice(vec![dropped]) });
    }

    fn push_secret(&mut self, secret: &Secret<'_>) {
        if secret.kind != Secret::TLS_KEY_LOG {
            return;
        }
        let Shared { tls, config, outbox, .. } = &mut self.shared;
        tls.keys.extend(secret.bytes, config.limits.tls_sessions);
        outbox.summary.tls.malformed_lines = tls.keys.malformed();
        self.work.extend(self.awaiting.iter().copied().map(Work::Retry));
    }

    /// Tries again to open what waited for secrets.
    fn retry(&mut self, id: FlowId) {
        let Some(State::Live(live)) = self.flows.get_mut(id).map(|entry| &mut entry.state) else { return };
        live.session.retry(live.carrier(), &mut self.shared);
        if !live.session.wants_keys() {
            self.awaiting.remove(&id);
        }
        if live.session.is_foreign() {
            self.drop_foreign(id);
        }
    }

    fn push_packet(&mut self, packet: &Packet<'_>) {
        self.latest = Origin { packet: packet.number, time: packet.time };
        self.touched = Touched::Nothing;
        let summary = &mut self.shared.outbox.summary;
        summary.packets += 1;
        summary.bytes += packet.bytes.len() as u64;
        let (_, latest) = summary.period.get_or_insert((packet.time, packet.time));
        *latest = (*latest).max(packet.time);
        match net::decode(packet) {
            Decoded::Segment(segment) => {
                self.pass_time(packet.time);
                self.push_segment(&segment);
            }
            Decoded::Fragment(fragment) => {
                self.touched = Touched::Fragment;
                self.push_fragment(&fragment);
            }
            Decoded::Skipped(skip) => self.count_skipped(skip),
        }
    }

    fn push_fragment(&mut self, fragment: &Fragment<'_>) {
        let mut whole = self.join(fragment);
        while let Some(joined) = whole.take() {
            let conflict = joined.has_conflict();
            match joined.decode() {
                Decoded::Segment(segment) => {
                    self.pass_time(segment.origin.time);
                    self.push_segment(&segment);
                    if conflict {
                        self.note_conflict(&segment);
                    }
                }
                // A tunnel, whose packets were fragmented before they entered it.
                Decoded::Fragment(inner) => whole = self.join(&inner),
                Decoded::Skipped(skip) => self.count_skipped(skip),
            }
        }
    }

    fn join(&mut self, fragment: &Fragment<'_>) -> Option<Joined> {
        let joined = self.fragments.insert(fragment, &self.shared.config.limits);
        for _ in 0..self.fragments.take_evicted() {
            self.shared.outbox.summary.anomalies.add(Code::LimitFragments);
        }
        joined
    }

    /// Tells of the connection that a segment belongs to that the segment's fragments contradicted each other.
    fn note_conflict(&mut self, segment: &Segment<'_>) {
        let Some(id) = self.flows.find(&Key::from(segment)) else { return };
        if let Some(State::Live(live)) = self.flows.get_mut(id).map(|entry| &mut entry.state) {
            let conflict = Anomaly::from(Code::IpOverlapConflict).by(live.flow.direction(segment));
            live.session.notice(conflict, segment.origin, &mut self.shared);
        }
    }

    fn count_skipped(&mut self, skip: Skip) {
        let summary = &mut self.shared.outbox.summary;
        match skip {
            Skip::NotTcp | Skip::Malformed => summary.other += 1,
            Skip::Truncated => summary.headers_cut += 1,
            Skip::UnknownLink(link) => {
                summary.unknown_links.insert(link.0);
            }
        }
    }

    fn push_segment(&mut self, segment: &Segment<'_>) {
        let key = Key::from(segment);
        let Some(id) = self.find(&key, segment) else { return };
        self.touched = Touched::Flow(id);
        let Some(entry) = self.flows.get_mut(id) else { return };
        entry.last = self.now;
        let State::Live(live) = &mut entry.state else { return };
        let limits = &self.shared.config.limits;
        let before = live.flow.waiting_bytes();
        let (mut direction, arrival) = live.flow.insert(segment, limits);
        self.waiting = self.waiting + live.flow.waiting_bytes() - before;
        if let Some(offset) = arrival.conflict {
            let conflict = Anomaly::new(Code::TcpOverlapConflict, Detail::Number("at stream offset".into(), offset));
            live.session.notice(conflict.by(direction), segment.origin, &mut self.shared);
        }
        if let Some(chunk) = arrival.chunk {
            direction = live.orient(direction, chunk.bytes);
            live.session.push(direction, chunk, live.carrier(), &mut self.shared);
        }
        if let Some((offset, length)) = arrival.cut {
            let gap = Gap::new(direction, offset, length, GapReason::SnapLength);
            live.session.gap(gap, segment.origin, live.carrier(), &mut self.shared);
        }
        entry.websocket |= live.session.connection().is_some();
        if live.session.wants_keys() {
            self.awaiting.insert(id);
        }
        let foreign = live.session.is_foreign();
        self.account(id);
        let Some(State::Live(live)) = self.flows.get_mut(id).map(|entry| &mut entry.state) else { return };
        if foreign {
            self.drop_foreign(id);
        } else if live.has_work(self.waiting, &self.shared.config) {
            self.work.push_back(Work::Advance(id));
        } else {
            self.end_if_over(id);
        }
    }

    /// Counts what a flow keeps between packets, and lets the oldest go of theirs while it is too much over all.
    fn account(&mut self, id: FlowId) {
        if let Some(State::Live(live)) = self.flows.get_mut(id).map(|entry| &mut entry.state) {
            let held = live.flow.held() + live.session.held();
            self.held = self.held + held - live.held;
            live.held = held;
            if held > 0 && !live.holds {
                live.holds = true;
                self.holders.push_back(id);
            }
        }
        while self.held > self.shared.config.limits.connections
            && let Some(id) = self.holders.pop_front()
        {
            let Some(State::Live(live)) = self.flows.get_mut(id).map(|entry| &mut entry.state) else { continue };
            live.holds = false;
            live.flow.release();
            live.session.release(live.carrier(), &mut self.shared);
            let held = live.flow.held() + live.session.held();
            self.held = self.held + held - live.held;
            live.held = held;
            if live.session.is_foreign() {
                self.drop_foreign(id);
            }
        }
    }

    /// The entry that a segment belongs to, a new one where it opens one.
    fn find(&mut self, key: &Key, segment: &Segment<'_>) -> Option<FlowId> {
        let syn = segment.flags.has(Flags::SYN);
        if let Some(id) = self.flows.find(key).or_else(|| self.half_opened(key, segment)) {
            let relation = match &mut self.flows.get_mut(id)?.state {
                State::Live(live) => live.flow.relation(segment),
                State::Foreign if syn && segment.ack.is_none() => Relation::Successor,
                State::Ended(syns) if syn && !syns.contains(&Some(segment.seq)) => Relation::Successor,
                State::Foreign | State::Ended(_) => Relation::Own,
            };
            match relation {
                Relation::Own => return Some(id),
                Relation::Rival => return None,
                Relation::Successor => {}
            }
            self.close(id, End::Evicted);
            self.flows.remove(id);
        }
        // Without payload or SYN there is nothing to follow, and of a SYN that is not answered neither.
        if !syn && segment.payload.is_empty() || matches!(self.touched, Touched::HalfOpen(_)) {
            return None;
        }
        self.shared.outbox.summary.flows += 1;
        let number = self.shared.outbox.summary.flows;
        if self.half_open.insert(number, *key, segment, self.shared.config.limits.half_open) {
            self.touched = Touched::HalfOpen(number);
            return None;
        }
        Some(self.open(number, *key, segment))
    }

    /// The flow that a SYN opened, where this segment answers one.
    fn half_opened(&mut self, key: &Key, segment: &Segment<'_>) -> Option<FlowId> {
        match self.half_open.answer(key, segment) {
            Answer::Nothing => None,
            Answer::Repetition(number) => {
                self.touched = Touched::HalfOpen(number);
                None
            }
            Answer::Opened(syn) => {
                let id = self.open(syn.number, *key, &syn.segment);
                if let Some(State::Live(live)) = self.flows.get_mut(id).map(|entry| &mut entry.state) {
                    live.flow.insert(&syn.segment, &self.shared.config.limits);
                }
                Some(id)
            }
        }
    }

    /// A new flow, that begins with this segment.
    fn open(&mut self, number: u64, key: Key, first: &Segment<'_>) -> FlowId {
        if self.flows.len() >= self.shared.config.limits.flows {
            self.make_room();
        }
        let live = Live { flow: Flow::new(first), session: Session::default(), lingers: None, held: 0, holds: false };
        let state = State::Live(Box::new(live));
        self.flows.insert(key, Entry { number, websocket: false, last: self.now, state })
    }

    /// Lets one flow go: the longest idle one of those that the sweep comes by next, WebSockets last.
    fn make_room(&mut self) {
        const CANDIDATES: usize = 16;
        let ids: Vec<_> = (0..CANDIDATES).filter_map(|_| self.flows.sweep()).collect();
        let value = |id: &FlowId| {
            let entry = self.flows.get(*id)?;
            let websocket = matches!(&entry.state, State::Live(live) if live.session.connection().is_some());
            Some((websocket, entry.last))
        };
        if let Some(id) = ids.into_iter().min_by_key(value) {
            if let Some(State::Live(live)) = self.flows.get_mut(id).map(|entry| &mut entry.state) {
                let origin = live.flow.last();
                live.session.notice(Code::LimitFlows.into(), origin, &mut self.shared);
            }
            self.close(id, End::Evicted);
            self.flows.remove(id);
        }
    }

    /// Ends what has lingered or idled long enough.
    ///
    /// Time stands still where a capture's clock runs back a little. Where it jumps back (files in another order, one
    /// packet with a time of its own) it is set, and what lingered has lingered enough.
    fn pass_time(&mut self, time: Timestamp) {
        let jumped = time.plus(self.shared.config.limits.idle) < self.now;
        self.now = if jumped { time } else { self.now.max(time) };
        while let Some(&(due, id)) = self.lingering.front()
            && (jumped || due <= self.now)
        {
            self.lingering.pop_front();
            let linger = self.shared.config.limits.linger;
            let Some(entry) = self.flows.get_mut(id) else { continue };
            let State::Live(live) = &mut entry.state else { continue };
            if live.lingers != Some(due) {
                continue;
            }
            // Whoever still sends is not at the end, and lingers again: from now, so that the queue stays in order.
            if !jumped && entry.last.plus(linger) > self.now {
                let due = self.now.plus(linger);
                live.lingers = Some(due);
                self.lingering.push_back((due, id));
            } else {
                self.close(id, End::Idle);
            }
        }
        if let Some(id) = self.flows.sweep() {
            self.forget_if_old(id);
        }
    }

    fn forget_if_old(&mut self, id: FlowId) {
        let limits = &self.shared.config.limits;
        let Some(entry) = self.flows.get(id) else { return };
        let patience = match &entry.state {
            State::Live(_) | State::Foreign => limits.idle,
            State::Ended(_) => limits.remember,
        };
        if entry.last.plus(patience) < self.now {
            self.close(id, End::Idle);
            self.flows.remove(id);
        }
    }

    /// Does one piece of what is left to do; whether there was any.
    fn do_work(&mut self) -> bool {
        match self.work.pop_front() {
            None => return false,
            Some(Work::Advance(id)) => {
                let Some(entry) = self.flows.get_mut(id) else { return true };
                let State::Live(live) = &mut entry.state else { return true };
                let before = live.flow.waiting_bytes();
                let advanced = live.advance(self.waiting, &mut self.shared);
                self.waiting = self.waiting + live.flow.waiting_bytes() - before;
                entry.websocket |= live.session.connection().is_some();
                if live.session.wants_keys() {
                    self.awaiting.insert(id);
                }
                let foreign = live.session.is_foreign();
                self.account(id);
                if foreign {
                    self.drop_foreign(id);
                } else if advanced {
                    self.work.push_front(Work::Advance(id));
                } else {
                    self.end_if_over(id);
                }
            }
            Some(Work::Retry(id)) => self.retry(id),
            Some(Work::Close(mut live, how)) => {
                if live.drain(&mut self.shared) {
                    self.work.push_front(Work::Close(live, how));
                } else {
                    live.finish(how, &mut self.shared);
                }
            }
        }
        true
    }

    /// Keeps of a flow that is nothing for us its entry alone.
    fn drop_foreign(&mut self, id: FlowId) {
        self.detach(id);
        if let Some(entry) = self.flows.get_mut(id) {
            entry.state = State::Foreign;
        }
    }

    /// Closes a flow that is over, or lets it linger.
    fn end_if_over(&mut self, id: FlowId) {
        let Some(State::Live(live)) = self.flows.get_mut(id).map(|entry| &mut entry.state) else { return };
        // Secrets may still come, as long as late packets are waited for.
        if live.flow.is_over() && !live.session.wants_keys() {
            self.close(id, End::Fin);
        } else if live.lingers.is_none() && live.flow.is_ending() {
            let due = self.now.plus(self.shared.config.limits.linger);
            live.lingers = Some(due);
            self.lingering.push_back((due, id));
        }
    }

    /// Ends a flow; its entry remains, to recognise late duplicates.
    fn close(&mut self, id: FlowId, how: End) {
        if let Some(live) = self.detach(id) {
            self.work.push_back(Work::Close(live, how));
        }
    }

    fn detach(&mut self, id: FlowId) -> Option<Box<Live>> {
        let entry = self.flows.get_mut(id)?;
        let State::Live(live) = &entry.state else { return None };
        let ended = State::Ended(live.flow.initial_sequence_numbers());
        let State::Live(live) = std::mem::replace(&mut entry.state, ended) else { return None };
        self.waiting -= live.flow.waiting_bytes();
        self.awaiting.remove(&id);
        self.held -= live.held;
        Some(live)
    }
}

impl Live {
    fn carrier(&self) -> Carrier<'static> {
        let Flow { client, server, .. } = self.flow;
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

    fn has_work(&mut self, waiting: usize, config: &Config) -> bool {
        Direction::BOTH
            .into_iter()
            .any(|direction| self.flow.stream(direction).is_ready() || self.is_hole_overdue(direction, waiting, config))
    }

    fn is_hole_overdue(&self, direction: Direction, waiting: usize, config: &Config) -> bool {
        self.flow.is_hole_overdue(direction, &config.limits)
            || waiting > config.limits.reorder_total && self.flow.is_waiting(direction)
    }

    /// Hands on one piece that is in order, or gives one hole up that is overdue; whether there was any.
    fn advance(&mut self, waiting: usize, shared: &mut Shared) -> bool {
        self.by_packet().into_iter().any(|direction| {
            self.hand_on(direction, shared)
                || self.is_hole_overdue(direction, waiting, &shared.config) && {
                    let limit = !self.flow.stream(direction).has_acknowledged_hole();
                    self.give_up_hole(direction, limit, shared)
                }
        })
    }

    /// Hands on one piece of what still waits, or gives one hole up; whether there was any.
    fn drain(&mut self, shared: &mut Shared) -> bool {
        self.by_packet()
            .into_iter()
            .any(|direction| self.hand_on(direction, shared) || self.give_up_hole(direction, false, shared))
    }

    /// The directions, first the one whose bytes wait from an earlier packet on.
    fn by_packet(&mut self) -> [Direction; 2] {
        let mut directions = Direction::BOTH;
        directions.sort_by_key(|&direction| self.flow.stream(direction).first_waiting().unwrap_or(u64::MAX));
        directions
    }

    fn hand_on(&mut self, direction: Direction, shared: &mut Shared) -> bool {
        match self.flow.stream(direction).ready(&shared.config.limits) {
            Some(Ready::Bytes(waited)) => {
                let chunk = waited.chunk();
                let direction = self.orient(direction, chunk.bytes);
                self.session.push(direction, chunk, self.carrier(), shared);
            }
            Some(Ready::Cut(origin, offset, length)) => {
                let gap = Gap::new(direction, offset, length, GapReason::SnapLength);
                self.session.gap(gap, origin, self.carrier(), shared);
            }
            None => return false,
        }
        true
    }

    /// Gives up the hole that is waited for; where it is the start of the stream that was, that is settled.
    fn give_up_hole(&mut self, direction: Direction, limit: bool, shared: &mut Shared) -> bool {
        let Some((offset, length)) = self.flow.give_up_hole(direction) else {
            return self.flow.stream(direction).is_ready();
        };
        let reason = if limit { GapReason::Limit } else { GapReason::NotCaptured };
        let (origin, carrier) = (self.flow.last(), self.carrier());
        self.session.gap(Gap::new(direction, offset, length, reason), origin, carrier, shared);
        true
    }

    /// Tells the end: as the peers made it, else `how` it came.
    fn finish(&mut self, how: End, shared: &mut Shared) {
        let (by, how) = match self.flow.first_to_end() {
            Some((by, how)) => (Some(by), how),
            None => (None, how),
        };
        let ending = Ending { how, by, last: self.flow.last(), over: self.flow.is_ending() };
        self.session.finish(ending, self.carrier(), shared);
    }
}

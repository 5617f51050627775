//! All flows: segments in, what is told of their connections out.
//!
//! ```text
//!  Segment ─► Table ─► Flow ─► Session ─► Outbox ─► Told
//!               └── what waits or is over ─► Work, done one piece at a time
//! ```
//!
//! One packet can set free megabytes that waited, which can inflate to gigabytes. So that is left as work, and done
//! only as what is told is taken: [`Flows::take`].

use std::collections::{BTreeMap, VecDeque};

use crate::anomaly::{Anomaly, Code, Detail};
use crate::config::Config;
use crate::conversation::Conversation;
use crate::entry::{Entry, State};
use crate::event::{Body, End, Event, NO_CONNECTION};
use crate::front::Task;
use crate::holders::Holders;
use crate::net::segment::{Flags, Segment};
use crate::origin::{Origin, Span, Timestamp};
use crate::outbox::{Summary, Told};
use crate::shared::Shared;
use crate::tcp::deadlines::{Deadlines, Filed, Queue};
use crate::tcp::flow::Relation;
use crate::tcp::half_open::{Answer, HalfOpen};
use crate::tcp::key::Key;
use crate::tcp::table::{FlowId, Table};

/// The flows of a capture, or a share of them.
#[derive(Debug, Default)]
pub struct Flows {
    shared: Shared,
    half_open: HalfOpen,
    table: Table<Entry>,
    deadlines: Deadlines,
    work: VecDeque<Work>,
    /// Memory that waits behind holes, over all flows.
    waiting: usize,
    /// Flows that wait for TLS secrets, by their first packet.
    awaiting: BTreeMap<u64, FlowId>,
    /// What flows keep between packets.
    holders: Holders,
    /// When the last tick began.
    now: Timestamp,
    /// What the last segment belongs to.
    touched: Touched,
    /// First packet of the flow that was worked on last.
    at: u64,
}

/// What is known by now of what the last packet belongs to. Connections are named by the packet that began them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// To no TCP connection.
    None,
    /// A fragment of IP, which alone does not tell.
    Fragment,
    /// To this TCP connection, of which it is not known yet what it speaks.
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
    /// A SYN without answer, which came in this packet.
    HalfOpen(u64),
    Flow(FlowId),
}

/// What is left to do.
#[derive(Debug)]
enum Work {
    /// Bytes of this flow are in order, or its hole is given up.
    Advance(FlowId),
    /// Secrets have come, perhaps of this flow.
    Retry(FlowId),
    /// This flow is over.
    Close(Box<Closing>),
    /// The capture is over, and so are these, what began first in front.
    Finish(std::vec::IntoIter<(u64, FlowId)>),
}

/// A flow that is over, as far as that is not told yet.
#[derive(Debug)]
struct Closing {
    conversation: Box<Conversation>,
    key: Key,
    /// Its first packet.
    opened: u64,
    how: End,
}

impl Flows {
    /// None yet.
    pub fn new(config: Config) -> Self {
        Self { shared: Shared { config, ..Shared::default() }, ..Self::default() }
    }

    /// Does what a task asks for at once; the rest is left for [`take`](Self::take).
    pub fn push(&mut self, task: Task<'_>) {
        match task {
            Task::Segment(segment, contradicted) => {
                self.push_segment(&segment);
                if contradicted {
                    self.note_conflict(&segment);
                }
            }
            Task::Tick(now, jumped) => self.pass_time(now, jumped),
            Task::Secrets(lines) => self.push_secrets(lines),
            Task::Dropped(count, behind) => self.note_dropped(count, behind),
            Task::Finish => self.finish(),
        }
    }

    /// Whether anything is left to be told or done.
    pub fn has_work(&self) -> bool {
        !self.shared.outbox.is_empty() || !self.work.is_empty()
    }

    /// Does one piece of what is left to do; whether there was any.
    pub fn work(&mut self) -> bool {
        match self.work.pop_front() {
            None => return false,
            Some(Work::Advance(id)) => self.advance(id),
            Some(Work::Retry(id)) => self.retry(id),
            Some(Work::Close(mut closing)) => {
                let Closing { conversation, key, opened, how } = &mut *closing;
                self.at = *opened;
                if conversation.drain(key, &mut self.shared) {
                    self.work.push_front(Work::Close(closing));
                } else {
                    conversation.finish(*how, key, &mut self.shared);
                }
            }
            Some(Work::Finish(mut open)) => {
                if let Some((_, id)) = open.next() {
                    self.work.push_front(Work::Finish(open));
                    if let Some(closing) = self.detach(id) {
                        self.work.push_front(Work::Close(Box::new(closing)));
                    }
                }
            }
        }
        true
    }

    /// What is told next; `None` when there is nothing left to do.
    pub fn take(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.shared.outbox.pop() {
                return Some(told);
            }
            if !self.work() {
                return None;
            }
        }
    }

    /// First packet of the flow that what was told last is of. Of tasks that concern all flows, it never goes back.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// What was counted so far.
    pub fn summary(&self) -> &Summary {
        &self.shared.outbox.summary
    }

    /// Forgets what the last segment belonged to: another packet comes, which may hold none.
    pub fn leave(&mut self) {
        self.touched = Touched::Nothing;
    }

    /// What is known of what the last segment belongs to; ask when all was taken that it made known.
    pub fn standing(&self) -> Standing {
        match self.touched {
            Touched::Nothing => Standing::None,
            Touched::HalfOpen(packet) => Standing::Open(packet),
            Touched::Flow(id) => match self.table.get(id) {
                None => Standing::None,
                Some(Entry { opened, state, .. }) if state.is_websocket() => Standing::WebSocket(*opened),
                Some(Entry { opened, state: State::Live { .. }, .. }) => Standing::Open(*opened),
                Some(Entry { opened, .. }) => Standing::Foreign(*opened),
            },
        }
    }

    /// What was dropped belongs to no connection in particular.
    fn note_dropped(&mut self, count: u64, behind: Origin) {
        let dropped = Anomaly::new(Code::CaptureDropped, Detail::Number("packets:".into(), count));
        let (span, body) = (Span::at(behind), Body::Notice(vec![dropped]));
        self.shared.outbox.push(Event { connection: NO_CONNECTION, span, body });
    }

    fn push_secrets(&mut self, lines: &[u8]) {
        let Shared { tls, config, outbox, .. } = &mut self.shared;
        tls.keys.extend(lines, config.limits.tls_sessions);
        outbox.summary.tls.malformed_lines = tls.keys.malformed();
        self.work.extend(self.awaiting.values().copied().map(Work::Retry));
    }

    /// Tries again to open what waited for secrets.
    fn retry(&mut self, id: FlowId) {
        let Some(key) = self.table.key(id) else { return };
        let Some(entry) = self.table.get_mut(id) else { return };
        let State::Live { conversation, .. } = &mut entry.state else { return };
        self.at = entry.opened;
        conversation.session.retry(conversation.carrier(&key), &mut self.shared);
        if !conversation.session.wants_keys() {
            self.awaiting.remove(&entry.opened);
        }
        if conversation.session.is_foreign() {
            self.drop_foreign(id);
        }
    }

    /// Tells of the connection that a segment belongs to that the segment's fragments contradicted each other.
    fn note_conflict(&mut self, segment: &Segment<'_>) {
        let Some(id) = self.table.find(&Key::from(segment)) else { return };
        if let Some(conversation) = self.table.live(id) {
            let conflict = Anomaly::from(Code::IpOverlapConflict).by(conversation.flow.direction(segment));
            conversation.session.notice(conflict, segment.origin, &mut self.shared);
        }
    }

    fn push_segment(&mut self, segment: &Segment<'_>) {
        let key = Key::from(segment);
        self.touched = Touched::Nothing;
        let found = self.table.find(&key);
        if let Some(id) = found
            && self.push_steady(id, &key, segment)
        {
            return;
        }
        let Some(id) = self.find(found, &key, segment) else { return };
        self.touched = Touched::Flow(id);
        let Some(entry) = self.table.get_mut(id) else { return };
        entry.last = self.now.max(segment.origin.time);
        let State::Live { conversation, .. } = &mut entry.state else { return };
        let before = conversation.flow.waiting_bytes();
        conversation.push(segment, &key, &mut self.shared);
        self.follow(id, before);
    }

    /// Takes a segment of a WebSocket on which nothing waits or ends, as nearly all are; whether it is one.
    fn push_steady(&mut self, id: FlowId, key: &Key, segment: &Segment<'_>) -> bool {
        let Some(entry) = self.table.get_mut(id) else { return false };
        let State::Live { conversation, websocket: true } = &mut entry.state else { return false };
        let is_own = !segment.flags.has(Flags::SYN) && !entry.filed.is_due(segment.origin.time);
        if !is_own || !conversation.is_steady() {
            return false;
        }
        self.touched = Touched::Flow(id);
        entry.last = self.now.max(segment.origin.time);
        let before = conversation.flow.held();
        conversation.push(segment, key, &mut self.shared);
        if segment.is_bare() {
            self.holders.lessen(before - conversation.flow.held(), conversation);
        } else if conversation.is_steady() {
            self.holders.count(id, conversation);
            self.relieve();
        } else {
            self.follow(id, 0);
        }
        true
    }

    /// Settles what a segment made of a flow, behind whose holes `before` bytes waited.
    fn follow(&mut self, id: FlowId, before: usize) {
        let Some(conversation) = self.table.live(id) else { return };
        self.waiting = self.waiting + conversation.flow.waiting_bytes() - before;
        if !self.settle(id) {
            return;
        }
        let Some(conversation) = self.table.live(id) else { return };
        let work = if conversation.has_work(self.waiting, &self.shared.config) {
            Some(Work::Advance(id))
        } else {
            self.end_if_over(id)
        };
        if let Some(work) = work {
            self.work.push_back(work);
        }
    }

    fn advance(&mut self, id: FlowId) {
        let Some(key) = self.table.key(id) else { return };
        let Some(entry) = self.table.get_mut(id) else { return };
        let State::Live { conversation, .. } = &mut entry.state else { return };
        self.at = entry.opened;
        let before = conversation.flow.waiting_bytes();
        let advanced = conversation.advance(&key, self.waiting, &mut self.shared);
        self.waiting = self.waiting + conversation.flow.waiting_bytes() - before;
        if !self.settle(id) {
            return;
        }
        // What this packet brought comes before what else there is to do.
        let work = if advanced { Some(Work::Advance(id)) } else { self.end_if_over(id) };
        if let Some(work) = work {
            self.work.push_front(work);
        }
    }

    /// Notes what a flow has become by bytes that came; whether it is worth to go on with it.
    fn settle(&mut self, id: FlowId) -> bool {
        let Some(entry) = self.table.get_mut(id) else { return false };
        let State::Live { conversation, websocket } = &mut entry.state else { return false };
        if conversation.session.wants_keys() {
            self.awaiting.insert(entry.opened, id);
        }
        let foreign = conversation.session.is_foreign();
        if !*websocket && conversation.session.connection().is_some() {
            *websocket = true;
            self.file(id);
        }
        if let Some(conversation) = self.table.live(id) {
            self.holders.count(id, conversation);
        }
        self.relieve();
        if foreign {
            self.drop_foreign(id);
        }
        !foreign
    }

    /// Lets flows go of what they keep between packets, the oldest first, while it is too much over all.
    fn relieve(&mut self) {
        while let Some(id) = self.holders.next_beyond(self.shared.config.limits.connections) {
            let Some(key) = self.table.key(id) else { continue };
            let Some(conversation) = self.table.live(id) else { continue };
            conversation.holds = false;
            conversation.flow.release();
            conversation.session.release(conversation.carrier(&key), &mut self.shared);
            self.holders.recount(conversation);
            if conversation.session.is_foreign() {
                self.drop_foreign(id);
            }
        }
    }

    /// The entry that a segment belongs to, a new one where it opens one; `found` is that of its key.
    fn find(&mut self, found: Option<FlowId>, key: &Key, segment: &Segment<'_>) -> Option<FlowId> {
        let syn = segment.flags.has(Flags::SYN);
        let found = found.filter(|&id| !self.has_expired(id, segment.origin.time));
        if let Some(id) = found.or_else(|| self.half_opened(key, segment)) {
            let relation = match &mut self.table.get_mut(id)?.state {
                State::Live { conversation, .. } => conversation.flow.relation(segment),
                State::Foreign { .. } if syn && segment.ack.is_none() => Relation::Successor,
                State::Ended { syns, .. } if syn && !syns.contain(segment.seq) => Relation::Successor,
                State::Foreign { .. } | State::Ended { .. } => Relation::Own,
            };
            match relation {
                Relation::Own => return Some(id),
                Relation::Rival => return None,
                Relation::Successor => {}
            }
            self.close(id, End::Evicted);
            self.forget(id);
        }
        // Without payload or SYN there is nothing to follow, and of a SYN that is not answered neither.
        if !syn && segment.payload.is_empty() || matches!(self.touched, Touched::HalfOpen(_)) {
            return None;
        }
        let Shared { outbox, config, .. } = &mut self.shared;
        outbox.summary.flows += 1;
        if self.half_open.insert(*key, segment, config.limits.half_open, &mut outbox.summary.anomalies) {
            self.touched = Touched::HalfOpen(segment.origin.packet);
            return None;
        }
        Some(self.open(*key, segment))
    }

    /// The flow that a SYN opened, where this segment answers one.
    fn half_opened(&mut self, key: &Key, segment: &Segment<'_>) -> Option<FlowId> {
        match self.half_open.answer(key, segment) {
            Answer::Nothing => None,
            Answer::Repetition(first) => {
                self.touched = Touched::HalfOpen(first);
                None
            }
            Answer::Opened(syn) => {
                let id = self.open(*key, &syn);
                if let Some(conversation) = self.table.live(id) {
                    let Shared { config, spares, .. } = &mut self.shared;
                    conversation.flow.insert(&syn, &config.limits, spares);
                }
                Some(id)
            }
        }
    }

    /// A new flow, that begins with this segment.
    fn open(&mut self, key: Key, first: &Segment<'_>) -> FlowId {
        if self.table.len() >= self.shared.config.limits.flows {
            self.make_room();
        }
        let state = State::Live { conversation: Conversation::new(first), websocket: false };
        let last = self.now.max(first.origin.time);
        let mut entry = Entry { opened: first.origin.packet, last, filed: Filed::new(Queue::Other, last), state };
        let filed = entry.deadline(&self.shared.config.limits);
        entry.filed = filed;
        let id = self.table.insert(key, entry);
        self.deadlines.file(id, filed);
        id
    }

    /// Lets the flow go that was silent longest, WebSockets last.
    fn make_room(&mut self) {
        while let Some(id) = self.deadlines.pop_first() {
            let Some(entry) = self.table.get_mut(id) else { continue };
            let filed = entry.deadline(&self.shared.config.limits);
            if filed != std::mem::replace(&mut entry.filed, filed) {
                self.deadlines.file(id, filed);
                continue;
            }
            if let State::Live { conversation, .. } = &mut entry.state {
                let origin = conversation.flow.last();
                conversation.session.notice(Code::LimitFlows.into(), origin, &mut self.shared);
            }
            self.close(id, End::Evicted);
            self.forget(id);
            return;
        }
    }

    /// Ends what has lingered or idled long enough. Where the clock jumped, what lingered has lingered enough.
    fn pass_time(&mut self, now: Timestamp, jumped: bool) {
        self.now = now;
        let mut over = Vec::new();
        while let Some(id) = self.deadlines.pop_due(now) {
            let Some(entry) = self.table.get_mut(id) else { continue };
            entry.filed = entry.deadline(&self.shared.config.limits);
            if entry.filed.is_due(now) {
                over.push((entry.opened, id));
            } else {
                self.deadlines.file(id, entry.filed);
            }
        }
        while jumped && let Some(id) = self.deadlines.pop_lingering() {
            over.extend(self.table.get(id).map(|entry| (entry.opened, id)));
        }
        // In an order that does not depend on what else there is.
        over.sort_unstable();
        for (_, id) in over {
            self.expire(id);
        }
    }

    /// Whether a flow was over by `time`, and is gone now.
    fn has_expired(&mut self, id: FlowId, time: Timestamp) -> bool {
        while let Some(entry) = self.table.get(id) {
            // Where it is filed is never later than its deadline.
            if !entry.filed.is_due(time) || !entry.deadline(&self.shared.config.limits).is_due(time) {
                return false;
            }
            self.expire(id);
        }
        true
    }

    /// Its time is over: ends it where it lingered, else forgets it too.
    fn expire(&mut self, id: FlowId) {
        let Some(entry) = self.table.get(id) else { return };
        let lingered = matches!(&entry.state, State::Live { conversation, .. } if conversation.lingers);
        self.close(id, End::Idle);
        if !lingered {
            self.forget(id);
        }
    }

    /// Files a flow anew, as its deadline may be an earlier one now.
    fn file(&mut self, id: FlowId) {
        let Some(entry) = self.table.get_mut(id) else { return };
        self.deadlines.strike(id, entry.filed);
        entry.filed = entry.deadline(&self.shared.config.limits);
        self.deadlines.file(id, entry.filed);
    }

    fn forget(&mut self, id: FlowId) {
        if let Some(entry) = self.table.remove(id) {
            self.deadlines.strike(id, entry.filed);
        }
    }

    /// Keeps of a flow that is nothing for us its entry alone.
    fn drop_foreign(&mut self, id: FlowId) {
        self.detach(id);
        if let Some(entry) = self.table.get_mut(id) {
            entry.state = State::Foreign { websocket: entry.state.is_websocket() };
        }
        self.file(id);
    }

    /// What is to be done for a flow that is over; one that is about to be lingers.
    fn end_if_over(&mut self, id: FlowId) -> Option<Work> {
        let conversation = self.table.live(id)?;
        // Secrets may still come, as long as late packets are waited for.
        if conversation.flow.is_over() && !conversation.session.wants_keys() {
            return self.end(id, End::Fin);
        }
        if !conversation.lingers && conversation.flow.is_ending() {
            conversation.lingers = true;
            self.file(id);
        }
        None
    }

    /// Closes a flow once what is to be done before is done.
    fn close(&mut self, id: FlowId, how: End) {
        let work = self.end(id, how);
        self.work.extend(work);
    }

    /// Ends a flow; its entry remains, to recognise late duplicates.
    fn end(&mut self, id: FlowId, how: End) -> Option<Work> {
        let mut closing = self.detach(id)?;
        self.file(id);
        closing.how = how;
        Some(Work::Close(Box::new(closing)))
    }

    /// The capture is over: closes all that is open, what began first in front. Each is let go of as it is told, so that this
    /// takes little memory.
    fn finish(&mut self) {
        let live = |id| self.table.get(id).filter(|entry| matches!(entry.state, State::Live { .. }));
        let mut open: Vec<_> = (0..self.table.bound()).filter_map(|id| Some((live(id)?.opened, id))).collect();
        open.sort_unstable();
        self.work.push_back(Work::Finish(open.into_iter()));
    }

    /// Takes a flow that is followed out of its entry.
    fn detach(&mut self, id: FlowId) -> Option<Closing> {
        let key = self.table.key(id)?;
        let Entry { opened, state, .. } = self.table.get_mut(id)?;
        let State::Live { conversation, websocket } = state else { return None };
        let ended = State::Ended { syns: conversation.flow.syns(), websocket: *websocket };
        let State::Live { conversation, .. } = std::mem::replace(state, ended) else { return None };
        self.awaiting.remove(opened);
        self.waiting -= conversation.flow.waiting_bytes();
        self.holders.leave(&conversation);
        Some(Closing { conversation, key, opened: *opened, how: End::EndOfCapture })
    }
}

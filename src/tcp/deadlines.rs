//! When each flow is to be looked at next, in ticks of capture time: what is silent is found without looking at the rest.
//!
//! A flow is filed once, and again only when it is looked at: packets cost nothing here.

use std::collections::BTreeSet;

use crate::origin::Timestamp;
use crate::tcp::table::FlowId;

/// A tick has 2^20 ns, about a millisecond.
const TICK: u32 = 20;

/// Number of the tick that a moment lies in.
pub fn tick(time: Timestamp) -> i64 {
    time.0 >> TICK
}

/// All flows, each in one queue.
#[derive(Debug, Default)]
pub struct Deadlines {
    queues: [BTreeSet<(i64, FlowId)>; 3],
}

/// What a flow waits for, in the order in which room is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Being forgotten, or silence, where nothing is known to be lost by that.
    Other,
    /// Late packets, after its end.
    Lingering,
    /// Silence, as a WebSocket.
    WebSocket,
}

/// Where a flow is filed: the tick in which it is to be looked at, and below it the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filed(i64);

impl Filed {
    /// In this queue, to be looked at once `time` has passed.
    pub fn new(queue: Queue, time: Timestamp) -> Self {
        // A tick has 44 bits, so there is room for the queue.
        Self((tick(time) + 1) << 2 | queue as i64)
    }

    /// Whether that has passed by `now`.
    pub fn is_due(self, now: Timestamp) -> bool {
        self.due() <= tick(now)
    }

    fn due(self) -> i64 {
        self.0 >> 2
    }

    /// Number of the queue.
    fn queue(self) -> usize {
        (self.0 & 3) as usize
    }
}

impl Deadlines {
    /// Files a flow, which must not be filed yet.
    pub fn file(&mut self, id: FlowId, at: Filed) {
        self.queues[at.queue()].insert((at.due(), id));
    }

    /// Takes a flow out.
    pub fn strike(&mut self, id: FlowId, at: Filed) {
        self.queues[at.queue()].remove(&(at.due(), id));
    }

    /// Takes out one flow that is due by now.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<FlowId> {
        let now = tick(now);
        let due = self.queues.iter_mut().find(|queue| queue.first().is_some_and(|(due, _)| *due <= now));
        due?.pop_first().map(|(_, id)| id)
    }

    /// Takes out one flow that lingers.
    pub fn pop_lingering(&mut self) -> Option<FlowId> {
        self.queues[Queue::Lingering as usize].pop_first().map(|(_, id)| id)
    }

    /// Takes out the flow that is due first, of the first queue that has any.
    pub fn pop_first(&mut self) -> Option<FlowId> {
        self.queues.iter_mut().find_map(BTreeSet::pop_first).map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_out_and_room_is_made_of_websockets_last() {
        let at = |queue, ms: i64| Filed::new(queue, Timestamp(ms << TICK));
        let mut deadlines = Deadlines::default();
        deadlines.file(1, at(Queue::WebSocket, 10));
        deadlines.file(2, at(Queue::Other, 30));
        deadlines.file(3, at(Queue::Other, 20));
        deadlines.file(4, at(Queue::Lingering, 5));
        assert_eq!(deadlines.pop_due(Timestamp(11 << TICK)), Some(4));
        assert_eq!(deadlines.pop_due(Timestamp(11 << TICK)), Some(1));
        assert_eq!(deadlines.pop_due(Timestamp(11 << TICK)), None);
        deadlines.file(1, at(Queue::WebSocket, 10));
        assert_eq!(deadlines.pop_first(), Some(3));
        deadlines.strike(2, at(Queue::Other, 30));
        assert_eq!(deadlines.pop_first(), Some(1));
        assert_eq!(deadlines.pop_first(), None);
    }
}

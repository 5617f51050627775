//! Which flows keep something between packets, and how much that is over all of them.

use std::collections::VecDeque;

use crate::conversation::Conversation;
use crate::tcp::table::FlowId;

/// The flows that keep something.
#[derive(Debug, Default)]
pub struct Holders {
    held: usize,
    /// The one that began first to keep something in front.
    flows: VecDeque<FlowId>,
}

impl Holders {
    /// Counts what a flow keeps now.
    pub fn count(&mut self, id: FlowId, conversation: &mut Conversation) {
        self.recount(conversation);
        if conversation.counted > 0 && !conversation.holds {
            conversation.holds = true;
            self.flows.push_back(id);
        }
    }

    /// The same, of a flow that has let go of what it could: what is left does not count as begun anew.
    pub fn recount(&mut self, conversation: &mut Conversation) {
        let held = conversation.held();
        self.held = self.held + held - conversation.counted;
        conversation.counted = held;
    }

    /// A flow keeps so much less than it was counted to.
    pub fn lessen(&mut self, by: usize, conversation: &mut Conversation) {
        self.held -= by;
        conversation.counted -= by;
    }

    /// Forgets what a flow keeps that is followed no more.
    pub fn leave(&mut self, conversation: &Conversation) {
        self.held -= conversation.counted;
    }

    /// The next flow that has to let go, while more than `limit` is kept.
    pub fn next_beyond(&mut self, limit: usize) -> Option<FlowId> {
        if self.held > limit { self.flows.pop_front() } else { None }
    }
}

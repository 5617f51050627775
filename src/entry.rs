//! What stands in the table for a flow: followed, foreign, or over, and when its time is.

use crate::config::Limits;
use crate::conversation::Conversation;
use crate::origin::Timestamp;
use crate::tcp::deadlines::{Filed, Queue};
use crate::tcp::flow::Syns;
use crate::tcp::table::{FlowId, Table};

/// What stands in the table for a flow.
#[derive(Debug)]
pub struct Entry {
    /// Its first packet.
    pub opened: u64,
    /// When its last packet came.
    pub last: Timestamp,
    /// Where its deadline is filed.
    pub filed: Filed,
    /// What it is.
    pub state: State,
}

/// What a flow is; and whether it asked for a WebSocket, or is one, which remains when it is over.
#[derive(Debug)]
pub enum State {
    /// Followed.
    Live {
        /// The connection.
        conversation: Box<Conversation>,
        /// Whether it asked for a WebSocket.
        websocket: bool,
    },
    /// Found not to be WebSocket.
    Foreign {
        /// Whether it asked for one.
        websocket: bool,
    },
    /// Over.
    Ended {
        /// They tell late duplicates from a new connection.
        syns: Syns,
        /// Whether it asked for a WebSocket.
        websocket: bool,
    },
}

impl State {
    /// Whether the flow asked for a WebSocket, or is one.
    pub fn is_websocket(&self) -> bool {
        match *self {
            Self::Live { websocket, .. } | Self::Foreign { websocket } | Self::Ended { websocket, .. } => websocket,
        }
    }
}

impl Entry {
    /// When the flow is over, if nothing more comes of it, and what it waits for till then.
    pub fn deadline(&self, limits: &Limits) -> Filed {
        let (queue, patience) = match &self.state {
            State::Live { conversation, .. } if conversation.lingers => (Queue::Lingering, limits.linger),
            State::Live { websocket: true, .. } => (Queue::WebSocket, limits.idle),
            State::Live { .. } | State::Foreign { .. } => (Queue::Other, limits.idle),
            State::Ended { .. } => (Queue::Other, limits.remember),
        };
        Filed::new(queue, self.last.plus(patience))
    }
}

impl Table<Entry> {
    /// The connection of a flow that is followed.
    pub fn live(&mut self, id: FlowId) -> Option<&mut Conversation> {
        match &mut self.get_mut(id)?.state {
            State::Live { conversation, .. } => Some(conversation),
            State::Foreign { .. } | State::Ended { .. } => None,
        }
    }
}

//! What connections have to know of each other: their numbers, and which keys were used before.
//!
//! Everything else in the core concerns one TCP connection alone.

use std::collections::{HashSet, VecDeque};

use foldhash::quality::RandomState;

use crate::event::ConnectionId;

/// Numbers connections and remembers their keys.
#[derive(Debug, Default)]
pub struct Ledger {
    connections: ConnectionId,
    keys: HashSet<Box<str>, RandomState>,
    oldest_first: VecDeque<Box<str>>,
}

/// Keys longer than this are not remembered; a right one has 24 characters.
const MAX_KEY: usize = 64;

impl Ledger {
    /// The number of a new connection: 1, 2, 3…
    pub fn number(&mut self) -> ConnectionId {
        self.connections += 1;
        self.connections
    }

    /// How many connections were numbered.
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// Whether an earlier connection had this key; of more than `limit` keys the oldest is forgotten.
    pub fn is_key_reused(&mut self, key: &str, limit: usize) -> bool {
        if key.len() > MAX_KEY {
            return false;
        }
        if self.keys.contains(key) {
            return true;
        }
        if self.oldest_first.len() >= limit
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.keys.remove(&oldest);
        }
        self.keys.insert(key.into());
        self.oldest_first.push_back(key.into());
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn a_key_is_known_until_it_is_forgotten() {
        let mut ledger = Ledger::default();
        assert!(!ledger.is_key_reused("a", 2));
        assert!(ledger.is_key_reused("a", 2));
        assert!(!ledger.is_key_reused("b", 2));
        assert!(!ledger.is_key_reused("c", 2));
        assert!(!ledger.is_key_reused("a", 2));
    }
}

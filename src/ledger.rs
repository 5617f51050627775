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
    nonces: HashSet<Nonce, RandomState>,
    oldest_first: VecDeque<Nonce>,
}

/// Room for so many nonces is made at once, where as many are to be remembered.
const AT_ONCE: usize = 1 << 14;

/// The 16 bytes of a Sec-WebSocket-Key (RFC 6455 §4.1).
pub type Nonce = [u8; 16];

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

    /// Whether an earlier connection had this nonce; of more than `limit` the oldest is forgotten.
    pub fn is_reused(&mut self, nonce: Nonce, limit: usize) -> bool {
        // All at once, so that memory does not grow with the capture.
        let room = limit.min(AT_ONCE);
        self.nonces.reserve(room.saturating_sub(self.nonces.len()));
        self.oldest_first.reserve(room.saturating_sub(self.oldest_first.len()));
        if self.nonces.contains(&nonce) {
            return true;
        }
        if self.oldest_first.len() >= limit
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.nonces.remove(&oldest);
        }
        self.nonces.insert(nonce);
        self.oldest_first.push_back(nonce);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn a_nonce_is_known_until_it_is_forgotten() {
        let mut ledger = Ledger::default();
        assert!(!ledger.is_reused([b'a'; 16], 2));
        assert!(ledger.is_reused([b'a'; 16], 2));
        assert!(!ledger.is_reused([b'b'; 16], 2));
        assert!(!ledger.is_reused([b'c'; 16], 2));
        assert!(!ledger.is_reused([b'a'; 16], 2));
    }
}

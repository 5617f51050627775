//! What connections have to know of each other: their numbers, which keys were used before, what was polled before, and how many were told of that
//! could not be opened.
//!
//! Everything else in the core concerns one TCP connection alone. So this is settled where all that is told comes together,
//! in the order of the capture.

use std::collections::{HashSet, VecDeque};

use foldhash::quality::RandomState;

use crate::anomaly::{Anomaly, Code, Detail};
use crate::duplex::Direction;
use crate::event::{Body, ConnectionId, Event, Handshake, NO_CONNECTION};
use crate::limits::Limits;
use crate::outbox::{Counts, Summary, Told};
use crate::polling::Polls;

/// Numbers connections and remembers their keys.
#[derive(Debug, Default)]
pub struct Ledger {
    connections: ConnectionId,
    nonces: HashSet<Nonce, RandomState>,
    oldest_first: VecDeque<Nonce>,
    /// What was polled before there was a WebSocket.
    polls: Polls,
    /// Whether the handshake that is told next repeats a nonce.
    reused: bool,
    /// Connections that were told not to have been opened.
    unopened: u64,
    anomalies: Counts,
}

/// Room for so many nonces is made at once, where as many are to be remembered.
const AT_ONCE: usize = 1 << 14;

/// The 16 bytes of a Sec-WebSocket-Key (RFC 6455 §4.1).
pub type Nonce = [u8; 16];

impl Ledger {
    /// Settles what was told: the event to be handed on, where it is one.
    pub fn settle(&mut self, told: Told, limits: &Limits) -> Option<Event> {
        match told {
            Told::Begun(_) => self.connections += 1,
            Told::Passed(told) => {
                let (passed, client, server) = *told;
                self.polls.passed(passed, client, server, limits.polls);
            }
            Told::Nonce(nonce) => self.reused = self.is_reused(nonce, limits.nonces),
            Told::Event(mut event) => {
                match &mut event.body {
                    Body::Handshake(handshake) => {
                        self.judge_nonce(handshake);
                        self.find_prologue(handshake);
                    }
                    Body::Notice(anomalies) if event.connection == NO_CONNECTION && is_unopened(anomalies) => {
                        self.unopened += 1;
                        if self.unopened > limits.tls_told {
                            return None;
                        }
                    }
                    Body::Frame(_) | Body::Message(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => {}
                }
                return Some(event);
            }
        }
        None
    }

    /// How many connections began.
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// What was counted here.
    pub fn summary(&self) -> Summary {
        Summary { connections: self.connections, anomalies: self.anomalies, ..Summary::default() }
    }

    fn judge_nonce(&mut self, handshake: &mut Handshake) {
        if std::mem::take(&mut self.reused) {
            let key = handshake.terms.key.clone().unwrap_or_default();
            let reused = Anomaly::new(Code::HandshakeKeyReused, Detail::Found(key));
            handshake.anomalies.push(reused.by(Direction::ToServer));
            self.anomalies.add(Code::HandshakeKeyReused);
        }
    }

    fn find_prologue(&mut self, handshake: &mut Handshake) {
        if let Some(request) = handshake.request.as_ref().filter(|_| handshake.established) {
            let prologue = self.polls.replaced_by(&request.target, handshake.client, handshake.server);
            handshake.prologue = prologue.map(Box::new);
        }
    }

    /// Whether an earlier connection had this nonce; of more than `limit` the oldest is forgotten, and counted.
    fn is_reused(&mut self, nonce: Nonce, limit: usize) -> bool {
        // All at once, so that memory does not grow with the capture.
        let room = limit.min(AT_ONCE);
        self.nonces.reserve(room.saturating_sub(self.nonces.len()));
        self.oldest_first.reserve(room.saturating_sub(self.oldest_first.len()));
        if !self.nonces.insert(nonce) {
            return true;
        }
        self.oldest_first.push_back(nonce);
        if self.oldest_first.len() > limit
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.nonces.remove(&oldest);
            self.anomalies.add(Code::LimitForgotten);
        }
        false
    }
}

/// Whether a connection could not be opened.
fn is_unopened(anomalies: &[Anomaly]) -> bool {
    let codes = [Code::TlsKeysMissing, Code::TlsDecryptFailed, Code::TlsUnsupported];
    anomalies.iter().any(|anomaly| codes.contains(&anomaly.code))
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

//! A stream of events to those that a filter chooses, each asked together with the handshake of its connection.

use std::collections::{HashMap, HashSet};

use foldhash::quality::RandomState;

use super::{Filter, Subject};
use crate::event::{Body, ConnectionId, Event, Handshake};
use crate::http::headers::Headers;
use crate::origin::Timestamp;

/// Chooses among events as they come.
#[derive(Debug)]
pub struct Selection {
    filter: Filter,
    by: By,
}

/// What a choice is made of.
#[derive(Debug)]
enum By {
    /// Each event; handshakes are kept for those that follow.
    Event { known: HashMap<ConnectionId, Box<Handshake>, RandomState>, held: usize, limit: usize, not_kept: u64 },
    /// Each connection, by its handshake; those that were refused.
    Connection(HashSet<ConnectionId, RandomState>),
}

impl Selection {
    /// Chooses single events; at most `limit` bytes of handshakes are kept
    /// ([`Limits::handshakes`](crate::config::Limits::handshakes)).
    pub fn of_events(filter: Filter, limit: usize) -> Self {
        Self { filter, by: By::Event { known: HashMap::default(), held: 0, limit, not_kept: 0 } }
    }

    /// Chooses connections with all their events: those of whose handshake the filter is true.
    pub fn of_connections(filter: Filter) -> Self {
        Self { filter, by: By::Connection(HashSet::default()) }
    }

    /// Whether the event, or its connection, is chosen; `started` is the time of the capture's first packet.
    ///
    /// To be asked once about each event, in their order.
    pub fn chooses(&mut self, event: &Event, started: Timestamp) -> bool {
        if self.filter.expr().is_none() {
            return true;
        }
        match &mut self.by {
            By::Event { known, held, limit, not_kept } => {
                let handshake = known.get(&event.connection).map(|handshake| &**handshake);
                let chosen = self.filter.matches(&Subject { event, handshake, started, marked: false });
                match &event.body {
                    Body::Handshake(handshake) if handshake.established => {
                        let size = size(handshake);
                        if *held + size <= *limit {
                            *held += size;
                            known.insert(event.connection, handshake.clone());
                        } else {
                            *not_kept += 1;
                        }
                    }
                    Body::Closed(_) => {
                        let gone = known.remove(&event.connection);
                        *held -= gone.as_deref().map_or(0, size);
                    }
                    Body::Handshake(_) | Body::Frame(_) | Body::Message(_) | Body::Gap(_) | Body::Notice(_) => {}
                }
                chosen
            }
            By::Connection(refused) => match &event.body {
                Body::Handshake(handshake) => {
                    let chosen = self.filter.matches(&Subject { event, handshake: None, started, marked: false });
                    if !chosen && handshake.established {
                        refused.insert(event.connection);
                    }
                    chosen
                }
                Body::Closed(_) => !refused.remove(&event.connection),
                Body::Frame(_) | Body::Message(_) | Body::Gap(_) | Body::Notice(_) => {
                    !refused.contains(&event.connection)
                }
            },
        }
    }

    /// What the choice could not be made of, in sentences for a person.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let undecided = self.filter.undecided();
        if undecided > 0 {
            remarks.push(format!(
                "-Y: json(…) came to no end on {undecided} events, or they were too large for it; it was taken for false"
            ));
        }
        if let By::Event { not_kept: not_kept @ 1.., .. } = self.by {
            remarks.push(format!(
                "-Y: the handshakes of {not_kept} connections were too many to keep; their events had no host, address and the like"
            ));
        }
        remarks
    }
}

/// Bytes that a handshake holds, about.
fn size(handshake: &Handshake) -> usize {
    let lines = |headers: &Headers| headers.held() + headers.malformed.as_ref().map_or(0, |line| line.len());
    let request = handshake.request.as_ref().map_or(0, |request| request.target.len() + lines(&request.headers));
    let response = handshake.response.as_ref().map_or(0, |response| response.reason.len() + lines(&response.headers));
    // Terms repeat what stands in the headers.
    size_of::<Handshake>() + 2 * (request + response)
}

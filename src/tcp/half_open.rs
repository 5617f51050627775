//! SYNs that wait for their answer: so little is kept of each that a flood of them costs nothing that lasts.
//!
//! Only what answers a SYN makes a flow of it. Of too many the oldest are forgotten; where one of them is answered after
//! all, its SYN-ACK tells the same (RFC 9293 §3.5).

use std::collections::{HashMap, VecDeque};

use foldhash::quality::RandomState;

use crate::anomaly::Code;
use crate::net::segment::{Flags, Segment};
use crate::outbox::Counts;
use crate::tcp::key::Key;

/// The SYNs, by the endpoints they are between.
#[derive(Debug, Default)]
pub struct HalfOpen {
    syns: HashMap<Key, Segment<'static>, RandomState>,
    /// Their packets and keys; those that were answered or replaced go when they are the oldest.
    oldest_first: VecDeque<(u64, Key)>,
}

/// What a segment is to the SYN that waits between the same endpoints.
#[derive(Debug)]
pub enum Answer {
    /// None waits.
    Nothing,
    /// The same once more, with the packet of the first.
    Repetition(u64),
    /// Part of the connection that it opened.
    Opened(Segment<'static>),
}

impl HalfOpen {
    /// Takes a segment, where it is a SYN that carries nothing; of more than `limit` the oldest is forgotten,
    /// and counted in `forgotten`.
    pub fn insert(&mut self, key: Key, segment: &Segment<'_>, limit: usize, forgotten: &mut Counts) -> bool {
        if !segment.flags.has(Flags::SYN) || !segment.payload.is_empty() || segment.cut > 0 {
            return false;
        }
        let Self { syns, oldest_first } = self;
        let limit = limit.max(1);
        let waits = |syns: &HashMap<_, Segment<'_>, _>, (packet, key): &(u64, Key)| {
            syns.get(key).is_some_and(|syn| syn.origin.packet == *packet)
        };
        while let Some(oldest) = oldest_first.front() {
            if waits(syns, oldest) {
                if syns.len() < limit {
                    break;
                }
                syns.remove(&oldest.1);
                forgotten.add(Code::LimitForgotten);
            }
            oldest_first.pop_front();
        }
        // At most every other one waits then, so that looking at all of them costs each a constant.
        if oldest_first.len() >= 2 * limit {
            oldest_first.retain(|syn| waits(syns, syn));
        }
        self.syns.insert(key, Segment { payload: &[], ..*segment });
        self.oldest_first.push_back((segment.origin.packet, key));
        true
    }

    /// What a segment is to the SYN that waits; one that is answered no longer does, nor one that another replaces.
    pub fn answer(&mut self, key: &Key, segment: &Segment<'_>) -> Answer {
        let Some(syn) = self.syns.get(key) else { return Answer::Nothing };
        if segment.flags.has(Flags::SYN) && segment.source == syn.source && segment.payload.is_empty() {
            if segment.seq == syn.seq {
                return Answer::Repetition(syn.origin.packet);
            }
            self.syns.remove(key);
            return Answer::Nothing;
        }
        match self.syns.remove(key) {
            // A closed port.
            Some(_) if segment.flags.has(Flags::RST) => Answer::Nothing,
            Some(syn) => Answer::Opened(syn),
            None => Answer::Nothing,
        }
    }
}

//! Where events wait for the edge, and what is counted of them on the way.
//!
//! What connections would have to know of each other is asked here too, and settled where all that was told comes
//! together: see [`ledger`](crate::ledger).

use std::collections::{BTreeSet, VecDeque};

use crate::anomaly::{Code, RULES};
use crate::event::{Body, ConnectionId, Event, Verdict};
use crate::input::Counters;
use crate::ledger::Nonce;
use crate::net::segment::Endpoint;
use crate::origin::Timestamp;
use crate::polling::Passed;
use crate::ws::frame::Opcode;

/// What leaves the analysis of connections.
#[derive(Debug)]
pub enum Told {
    /// A connection begins: numbers are given in this order.
    Begun(ConnectionId),
    /// The handshake told next has this nonce, and its TCP connection had no other with the same.
    Nonce(Nonce),
    /// An ordinary exchange of a client with a server; in a box, as it is seldom and larger than an event.
    Passed(Box<(Passed, Endpoint, Endpoint)>),
    /// An event.
    Event(Event),
}

/// What is told, in order, and the summary of all that went through.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Told>,
    /// How many connections began.
    connections: ConnectionId,
    /// Payload bytes that are kept, in events that wait and in messages that are not yet told.
    pub held: usize,
    /// The counters.
    pub summary: Summary,
}

impl Outbox {
    /// The number of a new connection: 1, 2, 3… of those told here.
    pub fn begin(&mut self) -> ConnectionId {
        self.connections += 1;
        self.queue.push_back(Told::Begun(self.connections));
        self.connections
    }

    /// Asks whether an earlier connection had the nonce of the handshake that is told next.
    pub fn ask(&mut self, nonce: Nonce) {
        self.queue.push_back(Told::Nonce(nonce));
    }

    /// Tells of an ordinary exchange, which may turn out to be polling.
    pub fn passed(&mut self, passed: Passed, client: Endpoint, server: Endpoint) {
        self.queue.push_back(Told::Passed(Box::new((passed, client, server))));
    }

    /// Adds an event.
    pub fn push(&mut self, event: Event) {
        for anomaly in event.body.anomalies() {
            self.summary.anomalies.add(anomaly.code);
        }
        match &event.body {
            Body::Handshake(handshake) => self.summary.handshakes[handshake.verdict as usize] += 1,
            Body::Gap(gap) => {
                self.summary.gaps += 1;
                self.summary.missing += gap.length;
            }
            Body::Frame(_) | Body::Message(_) | Body::Notice(_) | Body::Closed(_) => {}
        }
        self.queue.push_back(Told::Event(event));
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes what was told first.
    pub fn pop(&mut self) -> Option<Told> {
        let told = self.queue.pop_front()?;
        if let Told::Event(event) = &told {
            match &event.body {
                Body::Frame(frame) => self.held -= frame.payload.held(),
                Body::Message(message) => self.held -= message.payload.held(),
                Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => {}
            }
        }
        Some(told)
    }
}

/// Counters over the whole capture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Capture times of the first and of the latest packet.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Packets.
    pub packets: u64,
    /// Captured bytes of them.
    pub bytes: u64,
    /// TCP flows.
    pub flows: u64,
    /// Connections: handshakes, accepted or not, and WebSockets joined late.
    pub connections: u64,
    /// Handshakes by verdict, in the order of [`Verdict::ALL`].
    pub handshakes: [u64; Verdict::ALL.len()],
    /// Frames by opcode.
    pub frames: [u64; 16],
    /// Messages that ended.
    pub messages: u64,
    /// Gaps.
    pub gaps: u64,
    /// Bytes of them.
    pub missing: u64,
    /// Anomalies by code: those of events, and those that no event carries (damage, IP fragments, heads).
    pub anomalies: Counts,
    /// What a live capture counted; `None` where files were read.
    pub capture: Option<Counters>,
    /// TLS connections.
    pub tls: TlsCounts,
    /// Packets that were not TCP over IP.
    pub other: u64,
    /// Packets cut inside their headers by the snap length.
    pub headers_cut: u64,
    /// IP fragments that did not become part of a whole packet.
    pub fragments: u64,
    /// Link-layer types that are not known, by number.
    pub unknown_links: BTreeSet<u16>,
}

/// TLS connections, and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TlsCounts {
    /// All of them.
    pub connections: u64,
    /// Of which something was opened.
    pub decrypted: u64,
    /// For which there was no secret.
    pub without_keys: u64,
    /// That could not be opened with the secrets there were, or by no means.
    pub failed: u64,
    /// Lines of the key log that could not be understood.
    pub malformed_lines: u64,
}

impl Summary {
    /// Counts all of `other` too, which was counted beside it.
    pub fn merge(&mut self, other: &Self) {
        let Self { period, packets, bytes, flows, connections, handshakes, frames, messages, gaps, missing, .. } = self;
        *period = match (*period, other.period) {
            (Some((first, latest)), Some((other_first, other_latest))) => {
                Some((first.min(other_first), latest.max(other_latest)))
            }
            (one, another) => one.or(another),
        };
        *packets += other.packets;
        *bytes += other.bytes;
        *flows += other.flows;
        *connections += other.connections;
        add_each(handshakes, &other.handshakes);
        add_each(frames, &other.frames);
        *messages += other.messages;
        *gaps += other.gaps;
        *missing += other.missing;
        self.anomalies.merge(&other.anomalies);
        self.capture = self.capture.or(other.capture);
        self.tls.merge(other.tls);
        self.other += other.other;
        self.headers_cut += other.headers_cut;
        self.fragments += other.fragments;
        self.unknown_links.extend(&other.unknown_links);
    }

    /// Frames of an opcode.
    pub fn frames_of(&self, opcode: Opcode) -> u64 {
        self.frames[usize::from(opcode.0 & 15)]
    }
}

impl TlsCounts {
    /// Every thread reads the whole key log, so its lines count once.
    fn merge(&mut self, other: Self) {
        self.connections += other.connections;
        self.decrypted += other.decrypted;
        self.without_keys += other.without_keys;
        self.failed += other.failed;
        self.malformed_lines = self.malformed_lines.max(other.malformed_lines);
    }
}

fn add_each(counts: &mut [u64], more: &[u64]) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count += more;
    }
}

/// A count for each anomaly code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts([u64; RULES.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; RULES.len()])
    }
}

impl Counts {
    /// Counts one.
    pub fn add(&mut self, code: Code) {
        self.0[code as usize] += 1;
    }

    /// Counts all of `other` too.
    pub fn merge(&mut self, other: &Self) {
        add_each(&mut self.0, &other.0);
    }

    /// How often this code was counted.
    pub fn of(&self, code: Code) -> u64 {
        self.0[code as usize]
    }

    /// The codes that were counted, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (Code, u64)> {
        RULES.iter().zip(self.0).filter(|(_, count)| *count > 0).map(|(rule, count)| (rule.code, count))
    }
}

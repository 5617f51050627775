//! Inputs to what the flows have to do: packets to segments, fragments to whole packets, times to ticks.
//!
//! All that concerns the capture and no flow is here. So that flows can be shared out among threads, what concerns all of
//! them (ticks, secrets, the end) is told in so many words, and nothing else but the segments of a flow can change it.

use crate::anomaly::Code;
use crate::config::Config;
use crate::input::{Input, Packet, Secret};
use crate::limits::Limits;
use crate::net::fragment::{Fragment, Fragments, Joined};
use crate::net::segment::Segment;
use crate::net::{self, Decoded, Skip};
use crate::origin::{Origin, Timestamp};
use crate::outbox::Summary;
use crate::tcp::deadlines::tick;

/// Something for the flows to do.
#[derive(Debug, Clone, Copy)]
pub enum Task<'a> {
    /// Take this segment; with whether its fragments contradicted each other.
    Segment(Segment<'a>, bool),
    /// Another tick began; with whether the capture's clock jumped back to it.
    Tick(Timestamp, bool),
    /// Take these lines of a key log.
    Secrets(&'a [u8]),
    /// Tell that so many packets were dropped behind this one.
    Dropped(u64, Origin),
    /// The capture is over.
    Finish,
}

impl Task<'_> {
    /// Whether it concerns all flows.
    pub fn is_for_all(&self) -> bool {
        matches!(self, Self::Tick(..) | Self::Secrets(_) | Self::Finish)
    }
}

/// What is known of a capture as a whole.
#[derive(Debug, Default)]
pub struct Front {
    limits: Limits,
    fragments: Fragments,
    now: Timestamp,
    latest: Origin,
    in_fragments: bool,
    summary: Summary,
}

impl Front {
    /// Of a capture that begins.
    pub fn new(config: &Config) -> Self {
        Self { limits: config.limits.clone(), ..Self::default() }
    }

    /// Hands what is to be done for an input to `act`.
    pub fn push(&mut self, input: Input<'_>, act: &mut impl FnMut(Task<'_>)) {
        match input {
            Input::Packet(packet) => self.push_packet(&packet, act),
            Input::Tick(now) => self.pass_time(now, act),
            Input::Secret(Secret { kind: Secret::TLS_KEY_LOG, bytes }) => act(Task::Secrets(bytes)),
            Input::Secret(_) => {}
            Input::Dropped(count) => act(Task::Dropped(count, self.latest)),
        }
    }

    /// Learns that an input was damaged or cut: what stood behind is lost.
    pub fn note_damage(&mut self) {
        self.summary.anomalies.add(Code::CaptureTruncated);
    }

    /// Whether the last packet was a fragment of IP.
    pub fn is_in_fragments(&self) -> bool {
        self.in_fragments
    }

    /// Capture time of the first packet.
    pub fn started(&self) -> Option<Timestamp> {
        self.summary.period.map(|(first, _)| first)
    }

    /// What was counted so far.
    pub fn summary(&self) -> Summary {
        Summary { fragments: self.fragments.unjoined(), ..self.summary.clone() }
    }

    fn push_packet(&mut self, packet: &Packet<'_>, act: &mut impl FnMut(Task<'_>)) {
        self.latest = Origin { packet: packet.number, time: packet.time };
        self.in_fragments = false;
        self.summary.packets += 1;
        self.summary.bytes += packet.bytes.len() as u64;
        let (_, latest) = self.summary.period.get_or_insert((packet.time, packet.time));
        *latest = (*latest).max(packet.time);
        match net::decode(packet) {
            Decoded::Segment(segment) => {
                act(Task::Segment(segment, false));
                self.pass_time(packet.time, act);
            }
            Decoded::Fragment(fragment) => self.push_fragment(&fragment, act),
            Decoded::Skipped(skip) => self.count_skipped(skip),
        }
    }

    fn push_fragment(&mut self, fragment: &Fragment<'_>, act: &mut impl FnMut(Task<'_>)) {
        self.in_fragments = true;
        let mut whole = self.join(fragment);
        while let Some(joined) = whole.take() {
            let conflict = joined.has_conflict();
            match joined.decode() {
                Decoded::Segment(segment) => {
                    act(Task::Segment(segment, conflict));
                    self.pass_time(segment.origin.time, act);
                }
                // A tunnel, whose packets were fragmented before they entered it.
                Decoded::Fragment(inner) => whole = self.join(&inner),
                Decoded::Skipped(skip) => self.count_skipped(skip),
            }
        }
    }

    fn join(&mut self, fragment: &Fragment<'_>) -> Option<Joined> {
        let joined = self.fragments.insert(fragment, &self.limits);
        for _ in 0..self.fragments.take_evicted() {
            self.summary.anomalies.add(Code::LimitFragments);
        }
        joined
    }

    fn count_skipped(&mut self, skip: Skip) {
        match skip {
            Skip::NotTcp | Skip::Malformed => self.summary.other += 1,
            Skip::Truncated => self.summary.headers_cut += 1,
            Skip::UnknownLink(link) => {
                self.summary.unknown_links.insert(link.0);
            }
        }
    }

    /// Time stands still where a capture's clock runs back a little. Where it jumps back (files in another order, one
    /// packet with a time of its own) it is set.
    fn pass_time(&mut self, time: Timestamp, act: &mut impl FnMut(Task<'_>)) {
        let jumped = time.plus(self.limits.idle) < self.now;
        let before = tick(self.now);
        self.now = if jumped { time } else { self.now.max(time) };
        if tick(self.now) != before {
            act(Task::Tick(self.now, jumped));
        }
    }
}

//! When a run ends before its source does.

use std::time::{Duration, Instant};

use crate::event::{Body, Event};

/// When a run ends before its source does: whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stop {
    /// After so many messages were told; of frames, those of so many messages.
    pub messages: Option<u64>,
    /// After so many packets.
    pub packets: Option<u64>,
    /// After so much time; looked at in live captures alone, within 100 ms.
    pub duration: Option<Duration>,
}

/// What is left until a stop.
#[derive(Debug)]
pub(super) struct Countdown {
    messages: u64,
    packets: u64,
    end: Option<Instant>,
}

impl Countdown {
    /// Begins now.
    pub(super) fn begin(stop: &Stop) -> Self {
        Self {
            messages: stop.messages.unwrap_or(u64::MAX),
            packets: stop.packets.unwrap_or(u64::MAX),
            end: stop.duration.and_then(|duration| Instant::now().checked_add(duration)),
        }
    }

    /// Counts a packet.
    pub(super) fn packet(&mut self) {
        self.packets -= 1;
    }

    /// Counts an event; whether it is to be told. Behind the last message only the ends of connections are.
    pub(super) fn admits(&mut self, event: &Event) -> bool {
        if self.messages == 0 {
            return matches!(event.body, Body::Closed(_));
        }
        self.messages -= u64::from(ends_message(&event.body));
        true
    }

    /// Whether enough was counted.
    pub(super) fn is_over(&self) -> bool {
        self.messages == 0 || self.packets == 0
    }

    /// Whether the time is up.
    pub(super) fn is_late(&self) -> bool {
        self.end.is_some_and(|end| end <= Instant::now())
    }
}

fn ends_message(body: &Body) -> bool {
    match body {
        Body::Message(_) => true,
        Body::Frame(frame) => frame.header.fin && !frame.header.opcode.is_control(),
        Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => false,
    }
}

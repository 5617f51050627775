//! What the two directions of a WebSocket share, or what few of them have: so a direction has one cache line.

use std::num::NonZero;

use crate::anomaly::Anomaly;
use crate::duplex::{Direction, Duplex};
use crate::event::Tally;
use crate::origin::Origin;
use crate::ws::close::Close;
use crate::ws::extension::Agreement;
use crate::ws::judge::Judge;
use crate::ws::ping::Pings;

/// What the two directions of a WebSocket share.
#[derive(Debug)]
pub struct Sides {
    /// The rules for headers.
    pub judge: Judge,
    /// Pings that wait for their Pong.
    pub pings: Pings,
    /// Where the 101 ends in the server's stream, until the client has sent a frame.
    answered_at: Option<NonZero<u64>>,
    seldom: Option<Box<Duplex<Seldom>>>,
}

/// What few directions have before their end.
#[derive(Debug, Default)]
pub struct Seldom {
    /// The first Close frame, and its last packet.
    pub close: Option<(Close, Origin)>,
    /// Bytes passed over before the frame boundary was found again, until that is told.
    pub resynced: Option<u64>,
    /// How many more bytes came out of compressed payload than went in.
    pub gained: i64,
    /// Messages that were cut off.
    pub cut_off: u64,
    gaps: u64,
    missing: u64,
    anomalies: u64,
}

impl Sides {
    /// Under an agreement; `answered_at` is where the 101 ends in the server's stream.
    pub fn new(agreement: Agreement, answered_at: Option<u64>) -> Self {
        let answered_at = answered_at.and_then(NonZero::new);
        Self { judge: Judge::new(agreement), pings: Pings::default(), answered_at, seldom: None }
    }

    /// A frame begins whose sender had acknowledged so much of the opposite stream; whether it is the client's first, and
    /// the client could not have seen the whole 101.
    pub fn is_early(&mut self, direction: Direction, acknowledged: Option<u64>) -> bool {
        let answered_at = if direction == Direction::ToServer { self.answered_at.take() } else { None };
        answered_at.is_some_and(|at| acknowledged.is_some_and(|acknowledged| acknowledged < at.get()))
    }

    /// What few directions have, where this one has any of it.
    pub fn seldom(&self, direction: Direction) -> Option<&Seldom> {
        self.seldom.as_ref().map(|seldom| &seldom[direction])
    }

    /// The same, to change it.
    pub fn seldom_mut(&mut self, direction: Direction) -> Option<&mut Seldom> {
        self.seldom.as_mut().map(|seldom| &mut seldom[direction])
    }

    /// The same, of a direction that has it from now on.
    pub fn begin_seldom(&mut self, direction: Direction) -> &mut Seldom {
        &mut self.seldom.get_or_insert_default()[direction]
    }

    /// The first Close frame of a direction, and its last packet.
    pub fn close(&self, direction: Direction) -> Option<&(Close, Origin)> {
        self.seldom(direction)?.close.as_ref()
    }

    /// So many bytes of a direction will never come.
    pub fn count_gap(&mut self, direction: Direction, length: u64) {
        let seldom = self.begin_seldom(direction);
        seldom.gaps += 1;
        seldom.missing += length;
    }

    /// What was found in a direction.
    pub fn count_anomalies(&mut self, direction: Direction, anomalies: &[Anomaly]) {
        if !anomalies.is_empty() {
            self.begin_seldom(direction).anomalies += anomalies.len() as u64;
        }
    }

    /// How many payload bytes of a direction were more, or less, after inflating.
    pub fn count_gain(&mut self, direction: Direction, inflated: u64, wire: u64) {
        if inflated != wire {
            self.begin_seldom(direction).gained += inflated.cast_signed() - wire.cast_signed();
        }
    }

    /// The part of a direction's tally that is kept here.
    pub fn tally(&self, direction: Direction) -> Tally {
        let Some(seldom) = self.seldom(direction) else { return Tally::default() };
        let Seldom { gaps, missing, anomalies, .. } = *seldom;
        Tally { gaps, missing, anomalies, ..Tally::default() }
    }
}

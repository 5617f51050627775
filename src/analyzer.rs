//! The core: packets in, events out. No I/O, no clock, no threads; the same input always gives the same events.
//!
//! ```text
//!  Input ─► Front ─Task─► Flows ─Told─► Ledger ─► Event
//! ```

use crate::config::Config;
use crate::event::Event;
use crate::flows::{Flows, Standing};
use crate::front::{Front, Task};
use crate::input::Input;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::origin::Timestamp;
use crate::outbox::Summary;

/// The analysis of one capture.
///
/// ```
/// # use wscope::{analyzer::Analyzer, config::Config, input::Input, origin::Timestamp};
/// let mut analyzer = Analyzer::new(Config::default());
/// # let inputs = [Input::Tick(Timestamp(0))];
/// for input in inputs {
///     analyzer.push(input);
///     while let Some(event) = analyzer.next_event() {
///         println!("{event:?}");
///     }
/// }
/// analyzer.finish();
/// while let Some(event) = analyzer.next_event() {
///     println!("{event:?}");
/// }
/// ```
#[derive(Debug, Default)]
pub struct Analyzer {
    limits: Limits,
    front: Front,
    flows: Flows,
    ledger: Ledger,
}

impl Analyzer {
    /// An analysis that has seen nothing yet.
    pub fn new(config: Config) -> Self {
        let front = Front::new(&config);
        Self { limits: config.limits.clone(), front, flows: Flows::new(config), ledger: Ledger::default() }
    }

    /// Takes the next input. Take its events before the next one: what is left is worked off then, and waits in memory.
    pub fn push(&mut self, input: Input<'_>) {
        while self.flows.work() {}
        if matches!(input, Input::Packet(_)) {
            self.flows.leave();
        }
        self.front.push(input, &mut |task| self.flows.push(task));
    }

    /// Learns that an input was damaged or cut: what stood behind is lost.
    pub fn note_damage(&mut self) {
        self.front.note_damage();
    }

    /// The capture is over: closes all that is open.
    pub fn finish(&mut self) {
        while self.flows.work() {}
        self.flows.push(Task::Finish);
    }

    /// Whether there is anything to be told or done; else there is no next event.
    pub fn has_work(&self) -> bool {
        self.flows.has_work()
    }

    /// The next event; `None` when more input is needed.
    pub fn next_event(&mut self) -> Option<Event> {
        while let Some(told) = self.flows.take() {
            if let Some(event) = self.ledger.settle(told, &self.limits) {
                return Some(event);
            }
        }
        None
    }

    /// What was counted so far.
    pub fn summary(&self) -> Summary {
        let mut summary = self.front.summary();
        summary.merge(self.flows.summary());
        summary.merge(&self.ledger.summary());
        summary
    }

    /// Capture time of the first packet.
    pub fn started(&self) -> Option<Timestamp> {
        self.front.started()
    }

    /// What is known of what the last packet belongs to; ask when its events were taken.
    pub fn standing(&self) -> Standing {
        match self.flows.standing() {
            Standing::None if self.front.is_in_fragments() => Standing::Fragment,
            standing => standing,
        }
    }
}

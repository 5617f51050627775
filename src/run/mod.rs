//! The loops that drive the core: inputs in, outputs out. The only place with signals and progress.

pub mod check;
pub mod export;
pub mod interrupt;
pub mod output;
pub mod progress;

use std::io;

use crate::analyzer::Analyzer;
use crate::capture::{Error as CaptureError, Source, Step};
use crate::config::Config;
use crate::event::Event;
use crate::input::{Counters, Input};
use crate::origin::Timestamp;
use crate::outbox::Summary;
use progress::Progress;

/// Why a run stopped without an end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The output could not be written.
    #[error("{name}: {source}")]
    Output {
        /// The output as named by the user.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Whether nobody reads the output any more, which is no error.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// The counters.
    pub summary: Summary,
    /// What was wrong with the inputs: one message each.
    pub damaged: Vec<String>,
    /// Why a live capture ended before anybody asked for it.
    pub failed: Option<String>,
}

impl Finished {
    /// Whether all inputs were read to their end.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.failed.is_none()
    }
}

/// Where events go.
pub trait Sink {
    /// Takes an event; `started` is the time of the capture's first packet.
    ///
    /// # Errors
    /// When it cannot be passed on.
    fn event(&mut self, event: Event, started: Timestamp) -> Result<(), Error>;

    /// Nothing comes for now: what was gathered is better shown.
    ///
    /// # Errors
    /// When it cannot be passed on.
    fn pause(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// How a live capture is going; ten times a second or more.
    ///
    /// # Errors
    /// When it cannot be passed on.
    fn status(&mut self, _status: Status) -> Result<(), Error> {
        Ok(())
    }
}

/// How a live capture is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Up to when it was looked: the last packet, or the time that passed in silence.
    pub now: Timestamp,
    /// What was received and what was dropped.
    pub counters: Counters,
}

impl<F: FnMut(Event, Timestamp) -> Result<(), Error>> Sink for F {
    fn event(&mut self, event: Event, started: Timestamp) -> Result<(), Error> {
        self(event, started)
    }
}

/// Reads a source to its end, at most `count` packets of it, and hands each event to `sink`.
///
/// # Errors
/// When an input cannot be read at all, or `sink` fails. What happens later to an input is no error: see [`Finished`].
pub fn analyse(
    source: &mut dyn Source,
    config: Config,
    count: Option<u64>,
    mut sink: impl Sink,
) -> Result<Finished, Error> {
    let mut analyzer = Analyzer::new(config);
    let mut progress = Progress::begin();
    let mut finished = Finished::default();
    let mut left = count.unwrap_or(u64::MAX);
    let mut now = Timestamp::default();
    while left > 0 {
        let mut breathes = false;
        match source.step() {
            Ok(Step::End) => break,
            Ok(Step::Pause) => breathes = true,
            Ok(Step::Input(input)) => {
                match input {
                    Input::Packet(packet) => (left, now) = (left - 1, packet.time),
                    Input::Tick(time) => (breathes, now) = (true, time),
                    Input::Secret(_) | Input::Dropped(_) => {}
                }
                analyzer.push(input);
            }
            Err(error) if error.is_damage() => {
                analyzer.note_damage();
                finished.damaged.push(error.to_string());
            }
            Err(error) if error.is_of_a_live_capture() => {
                finished.failed = Some(error.to_string());
                break;
            }
            Err(error) => return Err(error.into()),
        }
        drain(&mut analyzer, &mut sink)?;
        if breathes {
            sink.pause()?;
            if let Some(counters) = source.counters() {
                sink.status(Status { now, counters })?;
            }
        }
        progress.tick(|| source.progress());
    }
    analyzer.finish();
    drain(&mut analyzer, &mut sink)?;
    finished.summary = Summary { capture: source.counters(), ..analyzer.summary() };
    Ok(finished)
}

fn drain(analyzer: &mut Analyzer, sink: &mut impl Sink) -> Result<(), Error> {
    while let Some(event) = analyzer.next_event() {
        sink.event(event, analyzer.started().unwrap_or_default())?;
    }
    Ok(())
}

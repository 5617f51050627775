//! The loops that drive the core: inputs in, outputs out. The only place with signals and progress.

pub mod check;
pub mod export;
pub mod interrupt;
pub mod output;
pub mod progress;
pub mod stop;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::analyzer::Analyzer;
use crate::capture::{Error as CaptureError, Source, Step};
use crate::config::Config;
use crate::event::Event;
use crate::export::text;
use crate::input::{Counters, Input};
use crate::origin::Timestamp;
use crate::outbox::Summary;
use progress::Progress;
use stop::{Countdown, Stop};

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

    /// Notes what happened to an input, where the rest can go on, or at least be told.
    fn take(&mut self, error: CaptureError, analyzer: &mut Analyzer) -> Result<(), Error> {
        if error.is_damage() {
            analyzer.note_damage();
            self.damaged.push(error.to_string());
        } else if error.is_of_a_live_capture() {
            self.failed = Some(error.to_string());
        } else {
            return Err(error.into());
        }
        Ok(())
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

/// What a run is asked for.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// How the capture is analysed.
    pub config: Config,
    /// When it ends before its source does.
    pub stop: Stop,
    /// Set by whoever wants the counters on standard error; unset when they were printed.
    pub report: Arc<AtomicBool>,
}

impl Run {
    /// Reads a source to its end, or to a stop, and hands each event to `sink`.
    ///
    /// # Errors
    /// When an input cannot be read at all, or `sink` fails. What happens later to an input is no error: see [`Finished`].
    pub fn analyse(&self, source: &mut dyn Source, mut sink: impl Sink) -> Result<Finished, Error> {
        let mut analyzer = Analyzer::new(self.config.clone());
        let mut progress = Progress::begin();
        let mut countdown = Countdown::begin(&self.stop);
        let mut finished = Finished::default();
        let mut now = Timestamp::default();
        while !countdown.is_over() {
            let mut breathes = false;
            match source.step() {
                Ok(Step::End) => break,
                Ok(Step::Pause) => breathes = true,
                Ok(Step::Input(input)) => {
                    match input {
                        Input::Packet(packet) => {
                            countdown.packet();
                            now = packet.time;
                        }
                        Input::Tick(time) => (breathes, now) = (true, time),
                        Input::Secret(_) | Input::Dropped(_) => {}
                    }
                    analyzer.push(input);
                }
                Err(error) => finished.take(error, &mut analyzer)?,
            }
            drain(&mut analyzer, &mut countdown, &mut sink)?;
            if breathes {
                sink.pause()?;
                if let Some(counters) = source.counters() {
                    sink.status(Status { now, counters })?;
                }
            }
            if finished.failed.is_some() || breathes && countdown.is_late() {
                break;
            }
            if self.report.swap(false, Ordering::Relaxed) {
                eprintln!("wscope: {}", text::summary(&counted(&analyzer, source)));
            }
            progress.tick(|| source.progress());
        }
        analyzer.finish();
        drain(&mut analyzer, &mut countdown, &mut sink)?;
        finished.summary = counted(&analyzer, source);
        Ok(finished)
    }
}

fn counted(analyzer: &Analyzer, source: &dyn Source) -> Summary {
    Summary { capture: source.counters(), ..analyzer.summary() }
}

fn drain(analyzer: &mut Analyzer, countdown: &mut Countdown, sink: &mut impl Sink) -> Result<(), Error> {
    while let Some(event) = analyzer.next_event() {
        if countdown.admits(&event) {
            sink.event(event, analyzer.started().unwrap_or_default())?;
        }
    }
    Ok(())
}

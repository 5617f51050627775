//! The loops that drive the core: inputs in, outputs out. The only place with signals and progress.

pub mod check;
pub mod export;
pub mod interrupt;
pub mod output;
pub mod progress;

use std::io;

use crate::analyzer::Analyzer;
use crate::capture::{Error as CaptureError, Files, Step};
use crate::config::Config;
use crate::event::Event;
use crate::input::Input;
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
}

impl<F: FnMut(Event, Timestamp) -> Result<(), Error>> Sink for F {
    fn event(&mut self, event: Event, started: Timestamp) -> Result<(), Error> {
        self(event, started)
    }
}

/// Reads all inputs, at most `count` packets of them, and hands each event to `sink`.
///
/// # Errors
/// When an input cannot be read at all, or `sink` fails. Damage inside an input is no error: see [`Finished::damaged`].
pub fn analyse(files: &mut Files, config: Config, count: Option<u64>, mut sink: impl Sink) -> Result<Finished, Error> {
    let mut analyzer = Analyzer::new(config);
    let mut progress = Progress::begin();
    let mut damaged = Vec::new();
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        match files.step() {
            Ok(Step::End) => break,
            Ok(Step::Pause) => sink.pause()?,
            Ok(Step::Input(input)) => {
                left -= u64::from(matches!(input, Input::Packet(_)));
                analyzer.push(input);
            }
            Err(error) if error.is_damage() => {
                analyzer.note_damage();
                damaged.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        drain(&mut analyzer, &mut sink)?;
        progress.tick(|| files.progress());
    }
    analyzer.finish();
    drain(&mut analyzer, &mut sink)?;
    Ok(Finished { summary: analyzer.summary(), damaged })
}

fn drain(analyzer: &mut Analyzer, sink: &mut impl Sink) -> Result<(), Error> {
    while let Some(event) = analyzer.next_event() {
        sink.event(event, analyzer.started().unwrap_or_default())?;
    }
    Ok(())
}

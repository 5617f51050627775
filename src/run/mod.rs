//! The loops that drive the core: inputs in, outputs out. The only place with signals and progress.

pub mod check;
pub mod export;
pub mod interrupt;
pub mod output;
pub mod progress;

use std::io;

use crate::analyzer::Analyzer;
use crate::capture::{Error as CaptureError, Files};
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

/// Reads all inputs, at most `count` packets of them, and hands each event to `each`.
///
/// # Errors
/// When an input cannot be read at all, or `each` fails. Damage inside an input is no error: see [`Finished::damaged`].
pub fn analyse(
    files: &mut Files,
    config: Config,
    count: Option<u64>,
    mut each: impl FnMut(Event, Timestamp) -> Result<(), Error>,
) -> Result<Finished, Error> {
    let mut analyzer = Analyzer::new(config);
    let mut progress = Progress::begin();
    let mut damaged = Vec::new();
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        match files.next_input() {
            Ok(None) => break,
            Ok(Some(input)) => {
                left -= u64::from(matches!(input, Input::Packet(_)));
                analyzer.push(input);
            }
            Err(error) if error.is_damage() => {
                analyzer.note_damage();
                damaged.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        drain(&mut analyzer, &mut each)?;
        progress.tick(|| files.progress());
    }
    analyzer.finish();
    drain(&mut analyzer, &mut each)?;
    Ok(Finished { summary: analyzer.summary(), damaged })
}

fn drain(analyzer: &mut Analyzer, each: &mut impl FnMut(Event, Timestamp) -> Result<(), Error>) -> Result<(), Error> {
    while let Some(event) = analyzer.next_event() {
        each(event, analyzer.started().unwrap_or_default())?;
    }
    Ok(())
}

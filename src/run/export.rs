//! `wscope export`: events to an output, in a format of the table.

use crate::capture::Source;
use crate::event::Event;
use crate::export::redact::redact;
use crate::export::{Conclusion, Format};
use crate::filter::Filter;
use crate::filter::selection::Selection;
use crate::origin::Timestamp;
use crate::run::output::Output;
use crate::run::{Error, Finished, Run, Sink};

/// What an export is asked for.
pub struct Export {
    /// How the capture is read and analysed.
    pub run: Run,
    /// Which events are written.
    pub filter: Filter,
    /// How events are written.
    pub format: Box<dyn Format>,
    /// Whether credentials are blotted out.
    pub redact: bool,
}

/// So many bytes are gathered before they are written, unless the input pauses.
const BLOCK: usize = 64 << 10;

impl Export {
    /// Exports all of `source`.
    ///
    /// # Errors
    /// When an input cannot be read at all, or the output cannot be written.
    pub fn run(self, source: &mut dyn Source, output: Output) -> Result<Finished, Error> {
        let Self { run, filter, format, redact } = self;
        let selection = Selection::of_events(filter, run.config.limits.handshakes);
        let mut writer = Writer { selection, format, redact, output, gathered: Vec::with_capacity(2 * BLOCK) };
        writer.format.begin(&mut writer.gathered);
        let mut finished = run.analyse(source, &mut writer)?;
        finished.notes.extend(writer.selection.remarks());
        writer.format.end(&Conclusion { summary: &finished.summary, damaged: &finished.damaged }, &mut writer.gathered);
        writer.write()?;
        writer.output.finish()?;
        Ok(finished)
    }
}

/// Events on their way to the output.
struct Writer {
    selection: Selection,
    format: Box<dyn Format>,
    redact: bool,
    output: Output,
    gathered: Vec<u8>,
}

impl Writer {
    /// Writes what was gathered.
    fn write(&mut self) -> Result<(), Error> {
        let written = self.output.write(&self.gathered);
        self.gathered.clear();
        written
    }
}

impl Sink for &mut Writer {
    fn event(&mut self, event: &mut Event, started: Timestamp) -> Result<(), Error> {
        if !self.selection.chooses(event, started) {
            return Ok(());
        }
        if self.redact {
            redact(event);
        }
        self.format.event(event, started, &mut self.gathered);
        if self.gathered.len() >= BLOCK || self.output.is_terminal() { self.write() } else { Ok(()) }
    }

    fn pause(&mut self) -> Result<(), Error> {
        if self.gathered.is_empty() { Ok(()) } else { self.write() }
    }
}

//! `wscope check`: a conformance report of all connections.

use crate::anomaly::Severity;
use crate::capture::Source;
use crate::check::{Check, jsonl, text};
use crate::event::Event;
use crate::export::redact::redact;
use crate::filter::Filter;
use crate::filter::selection::Selection;
use crate::run::output::Output;
use crate::run::{Error, Finished, Run};

/// What a report is asked for.
#[derive(Debug)]
pub struct Report {
    /// How the capture is read and analysed; of payload no more is kept than a Close or Ping has.
    pub run: Run,
    /// Which connections are reported on.
    pub filter: Filter,
    /// Whether it is written as JSON lines.
    pub jsonl: bool,
    /// From which severity on a finding is a failure.
    pub threshold: Severity,
    /// Whether credentials are blotted out.
    pub redact: bool,
}

impl Report {
    /// Reports on all of `source`; with the end of the run, whether the threshold was reached.
    ///
    /// # Errors
    /// When an input cannot be read at all, or the output cannot be written.
    pub fn run(self, source: &mut dyn Source, mut output: Output) -> Result<(Finished, bool), Error> {
        let mut check = Check::default();
        let mut out = Vec::new();
        let config = self.run.config.without_payload();
        let mut selection = Selection::of_connections(self.filter);
        let mut finished = Run { config, ..self.run }.analyse(source, |event: &mut Event, started| {
            if !selection.chooses(event, started) {
                return Ok(());
            }
            if self.redact {
                redact(event);
            }
            let Some(connection) = check.event(event) else { return Ok(()) };
            out.clear();
            if self.jsonl {
                jsonl::connection(&connection, &mut out);
            } else {
                out.extend_from_slice(text::connection(&connection).as_bytes());
            }
            output.write(&out)
        })?;
        finished.notes.extend(selection.remarks());
        let totals = check.finish(&finished.summary);
        let reached = totals.heaviest >= Some(self.threshold);
        out.clear();
        if self.jsonl {
            jsonl::totals(&totals, reached, &mut out);
        } else {
            out.extend_from_slice(text::totals(&totals).as_bytes());
        }
        output.write(&out)?;
        output.finish()?;
        Ok((finished, reached))
    }
}

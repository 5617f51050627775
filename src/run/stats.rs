//! `wscope stats`: the numbers of all connections, at the end.

use crate::capture::Source;
use crate::config::{Config, Decode, Limits, Per};
use crate::event::Event;
use crate::export::Conclusion;
use crate::export::redact::redact;
use crate::filter::Filter;
use crate::filter::selection::Selection;
use crate::run::output::Output;
use crate::run::{Error, Finished, Run};
use crate::stats::{Stats, json, text};

/// What numbers are asked for.
#[derive(Debug)]
pub struct Count {
    /// How the capture is read and analysed; where nothing is decoded, no more is kept of payload than a Close or Ping has.
    pub run: Run,
    /// Which connections are counted.
    pub filter: Filter,
    /// Whether they are written as JSON.
    pub json: bool,
    /// Whether credentials are blotted out.
    pub redact: bool,
}

impl Count {
    /// Counts all of `source`.
    ///
    /// # Errors
    /// When an input cannot be read at all, or the output cannot be written.
    pub fn run(self, source: &mut dyn Source, mut output: Output) -> Result<Finished, Error> {
        let config = self.run.config;
        let mut stats = Stats::new(config.limits.rows, config.limits.methods);
        // What messages ask and answer is known only of whole ones.
        let config = if config.decode != Decode::Nothing { messages(config) } else { config.without_payload() };
        let mut selection = Selection::of_connections(self.filter);
        let mut finished = Run { config, ..self.run }.analyse(source, |event: &mut Event, started| {
            if selection.chooses(event, started) {
                if self.redact {
                    redact(event);
                }
                stats.event(event);
            }
            Ok(())
        })?;
        finished.notes.extend(selection.remarks());
        if self.json {
            let mut out = Vec::new();
            let end = Conclusion { summary: &finished.summary, damaged: &finished.damaged };
            json::write(&stats, &end, &mut out);
            output.write(&out)?;
        } else {
            text::table(&stats, &finished.summary, |text| output.write(text.as_bytes()))?;
        }
        output.finish()?;
        Ok(finished)
    }
}

/// The same for whole messages of sub-protocols, with the headers of their frames, whose lengths are counted.
fn messages(config: Config) -> Config {
    let limits = &config.limits;
    let (headers, payload) = (limits.headers.max(HEADERS), limits.payload.min(PAYLOAD));
    let limits = Limits { headers, payload, ..config.limits };
    Config { per: Per::Message, decode: Decode::Protocols, limits, ..config }
}

/// A larger message is counted, but not decoded: what it asks or answers is not known.
const PAYLOAD: usize = 256 << 10;

/// Headers of one message whose exact length is counted; of more, it is reckoned.
const HEADERS: usize = 64;

//! `wscope export`: events to an output, in a format of the table.

use crate::capture::Files;
use crate::config::Config;
use crate::export::escape::escape_json;
use crate::export::redact::redact;
use crate::export::{Conclusion, Format};
use crate::run::output::Output;
use crate::run::{Error, Finished, analyse};

/// What an export is asked for.
pub struct Export {
    /// How the capture is analysed.
    pub config: Config,
    /// How events are written.
    pub format: Box<dyn Format>,
    /// Whether credentials are blotted out.
    pub redact: bool,
    /// At most so many packets are read.
    pub count: Option<u64>,
}

/// So many bytes are gathered before they are written.
const BLOCK: usize = 64 << 10;

impl Export {
    /// Exports all of `files`.
    ///
    /// # Errors
    /// When an input cannot be read at all, or the output cannot be written.
    pub fn run(mut self, files: &mut Files, mut output: Output) -> Result<Finished, Error> {
        let terminal = output.is_terminal();
        let mut gathered = Vec::with_capacity(2 * BLOCK);
        let mut write = |gathered: &mut Vec<u8>| {
            // Payload must not talk to the terminal; a file or pipe gets the bytes as they are.
            let written = if terminal { output.write(&escape_json(gathered)) } else { output.write(gathered) };
            gathered.clear();
            written
        };
        self.format.begin(&mut gathered);
        let finished = analyse(files, self.config, self.count, |mut event, started| {
            if self.redact {
                redact(&mut event);
            }
            self.format.event(&event, started, &mut gathered);
            if gathered.len() >= BLOCK || terminal { write(&mut gathered) } else { Ok(()) }
        })?;
        self.format.end(&Conclusion { summary: &finished.summary, damaged: &finished.damaged }, &mut gathered);
        write(&mut gathered)?;
        output.finish()?;
        Ok(finished)
    }
}

//! What was read, once more: opened anew to take packets of it, or to read all of it in another way.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::capture::{Error, Source};
use crate::config::{Config, DecodeAs};
use crate::run::Run;
use crate::run::stop::Stop;

use super::feed::{Feed, Reading};

/// Opens inputs as they were opened at first; they end where the flag is set.
pub type Open = Arc<dyn Fn(Arc<AtomicBool>) -> Result<Box<dyn Source>, Error> + Send + Sync>;

/// The inputs, and how they are read.
#[derive(Clone, Default)]
pub struct Inputs {
    /// Opens them; `None` where they cannot be read twice: standard input, interfaces.
    pub open: Option<Open>,
    /// How they are analysed.
    pub config: Config,
    /// By how many threads.
    pub threads: usize,
    /// When reading ends before they do.
    pub stop: Stop,
    /// Whether credentials are blotted out.
    pub redact: bool,
}

impl Inputs {
    /// Reads them from the beginning, with one rule more for what runs on which port.
    ///
    /// # Errors
    /// When they cannot be read again, or the system gives no thread.
    pub fn read(&mut self, rule: DecodeAs) -> io::Result<Feed> {
        let Some(open) = &self.open else {
            return Err(io::Error::other("this cannot be read again: begin with -d"));
        };
        let stop = Arc::new(AtomicBool::new(false));
        let source = open(Arc::clone(&stop)).map_err(io::Error::other)?;
        // The latest is the one that counts.
        self.config.decode_as.insert(0, rule);
        let run = Run { config: self.config.clone(), stop: self.stop, threads: self.threads, ..Run::default() };
        Feed::begin(source, Reading { run, redact: self.redact, stop })
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Inputs").field("config", &self.config).finish_non_exhaustive()
    }
}

//! From interfaces to inputs, as they happen.
//!
//! ```text
//!  kernel ring ──► Sniffer (a thread) ──Batch──► queue, bounded in bytes ──► Live::step ──Input──► the loop
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::input::{Counters, Input};
use crate::origin::Timestamp;

use super::batch::Batch;
use super::device::{Device, Options};
use super::error::Error;
use super::sniffer::{Shared, Sniffer};
use super::source::{Source, Step};
use super::writer::Description;

/// How long the interfaces must be silent before it is told that time passes.
const TICK: Duration = Duration::from_millis(100);
/// On busy interfaces a pause is told that often, so that what was gathered gets out.
const BREATH: Duration = Duration::from_millis(50);

/// Interfaces that are open for capture; until it is started the kernel gathers their packets.
pub struct Interfaces {
    devices: Vec<Device>,
    descriptions: Vec<Description>,
}

impl Interfaces {
    /// Opens the interfaces, which is all that needs privileges.
    ///
    /// # Errors
    /// [`Error::Interface`] when one cannot be opened, [`Error::Filter`] when the expression is wrong.
    pub fn open(names: &[String], options: &Options) -> Result<Self, Error> {
        let devices: Vec<_> = names.iter().map(|name| Device::open(name, options)).collect::<Result<_, _>>()?;
        let describe = |device: &Device| Description {
            name: Some(device.name.clone()),
            snap_len: options.snap_len,
            filter: options.filter.clone(),
        };
        Ok(Self { descriptions: devices.iter().map(describe).collect(), devices })
    }

    /// What is captured from, in the order of [`Packet::interface`](crate::input::Packet::interface).
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    /// Begins to capture. Of packets that wait for the analysis at most `room` bytes are kept. Once `interrupt` is set, the
    /// capture ends behind what came before that.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start(self, room: usize, interrupt: Arc<AtomicBool>) -> Result<Live, Error> {
        let (sender, batches) = channel();
        let shared = Arc::new(Shared::default());
        let sniffer = Sniffer::new(self.devices, room, sender, Arc::clone(&shared), interrupt);
        let thread = thread::Builder::new().name("capture".to_owned()).spawn(|| sniffer.run());
        let thread = thread.map_err(|error| Error::interface("capture thread", error.to_string()))?;
        Ok(Live {
            batches,
            thread: Some(thread),
            failed: None,
            shared,
            batch: Batch::default(),
            next: 0,
            packets: 0,
            dropped: 0,
            is_dry: false,
            paused: Instant::now(),
        })
    }
}

/// A capture that runs.
pub struct Live {
    batches: Receiver<Batch>,
    /// Until it was found to be over.
    thread: Option<JoinHandle<Result<(), Error>>>,
    /// Why it is over, where nobody asked for it.
    failed: Option<Error>,
    shared: Arc<Shared>,
    batch: Batch,
    /// Index of the next packet in `batch`.
    next: usize,
    packets: u64,
    /// Dropped packets that were told.
    dropped: u64,
    /// Whether the queue was empty and a pause was told since.
    is_dry: bool,
    paused: Instant,
}

impl Source for Live {
    fn step(&mut self) -> Result<Step<'_>, Error> {
        while self.next == self.batch.count() {
            if let Some(step) = self.turn()? {
                return Ok(step);
            }
        }
        self.next += 1;
        self.packets += 1;
        let packet = self.batch.get(self.next - 1, self.packets).expect("it is one of those counted");
        Ok(Step::Input(Input::Packet(packet)))
    }

    fn counters(&self) -> Option<Counters> {
        Some(self.shared.counters())
    }
}

impl Live {
    /// Between two batches: what there is to tell, or `None` where there are packets.
    fn turn(&mut self) -> Result<Option<Step<'static>>, Error> {
        let dropped = self.shared.counters().dropped();
        if dropped > self.dropped {
            let more = dropped - std::mem::replace(&mut self.dropped, dropped);
            return Ok(Some(Step::Input(Input::Dropped(more))));
        }
        if self.paused.elapsed() >= BREATH && !self.is_dry {
            self.paused = Instant::now();
            return Ok(Some(Step::Pause));
        }
        match self.receive() {
            Ok(batch) => {
                self.shared.queued.fetch_sub(batch.size(), Ordering::Relaxed);
                (self.batch, self.next, self.is_dry) = (batch, 0, false);
                Ok(None)
            }
            Err(RecvTimeoutError::Timeout) if self.is_dry => Ok(Some(Step::Input(Input::Tick(silent_since())))),
            Err(RecvTimeoutError::Timeout) => {
                (self.is_dry, self.paused) = (true, Instant::now());
                Ok(Some(Step::Pause))
            }
            Err(RecvTimeoutError::Disconnected) => self.end(),
        }
    }

    /// Waits for the next batch only where a pause was told before.
    fn receive(&self) -> Result<Batch, RecvTimeoutError> {
        if self.is_dry {
            return self.batches.recv_timeout(TICK);
        }
        self.batches.try_recv().map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn end(&mut self) -> Result<Option<Step<'static>>, Error> {
        if let Some(thread) = self.thread.take() {
            self.failed = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).err();
            // Its last counters first.
            return Ok(Some(Step::Pause));
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(Some(Step::End)),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// The time up to which no packet can come any more.
fn silent_since() -> Timestamp {
    let now = SystemTime::now().checked_sub(TICK).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Timestamp::default().plus(now.unwrap_or_default())
}

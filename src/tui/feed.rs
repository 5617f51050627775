//! A capture to news: a thread reads and analyses, and hands on what it finds in batches over a bounded channel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::capture::{Progress, Source};
use crate::event::{Body, Event};
use crate::export::redact::redact;
use crate::origin::Timestamp;
use crate::run::{Error, Finished, Run, Sink, Status};

/// Batches that wait for the screen at most; with their bounds about 100 MiB in the worst case.
const WAITING: usize = 4;
/// A batch is handed on with so many events,
const EVENTS: usize = 512;
/// or so many payload bytes,
const BYTES: usize = 1 << 20;
/// or at this age, once more is read.
const AGE: Duration = Duration::from_millis(50);

/// What the reader tells.
#[derive(Debug)]
pub enum News {
    /// Events, and the time of the capture's first packet.
    Events(Vec<Event>, Timestamp),
    /// How far reading has come.
    Progress(Progress),
    /// How a live capture is going.
    Status(Status),
    /// It is over.
    Finished(Box<Result<Finished, Error>>),
}

/// A reader at work.
#[derive(Debug)]
pub struct Feed {
    news: Receiver<News>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How the capture is read.
#[derive(Debug)]
pub struct Reading {
    /// What is asked of it.
    pub run: Run,
    /// Whether credentials are blotted out.
    pub redact: bool,
    /// Ends reading once it is set; the same that the source was opened with.
    pub stop: Arc<AtomicBool>,
}

impl Feed {
    /// Begins to read.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn begin(mut source: Box<dyn Source>, reading: Reading) -> io::Result<Self> {
        let (sender, news) = sync_channel(WAITING);
        let stop = Arc::clone(&reading.stop);
        let thread = Builder::new().name("reader".to_owned()).spawn(move || {
            let Reading { run, redact, .. } = reading;
            let mut batch =
                Batch { sender, redact, events: Vec::new(), bytes: 0, started: None, handed: Instant::now() };
            let finished = run.analyse(&mut *source, &mut batch);
            // Nobody listens any more where this fails.
            let _ = batch.hand_on();
            let _ = batch.sender.send(News::Finished(Box::new(finished)));
        })?;
        Ok(Self { news, stop, thread: Some(thread) })
    }

    /// What was told since, if anything.
    pub fn take(&mut self) -> Option<News> {
        match self.news.try_recv() {
            Ok(news) => Some(news),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                // It ends without a last word only by a panic, which is passed on.
                if let Some(thread) = self.thread.take()
                    && let Err(panic) = thread.join()
                {
                    std::panic::resume_unwind(panic);
                }
                None
            }
        }
    }

    /// Ends reading: as at the end of the input.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // The thread ends with the next batch that nobody takes, or with its input.
        self.stop();
    }
}

/// Events that are not handed on yet.
struct Batch {
    sender: SyncSender<News>,
    redact: bool,
    events: Vec<Event>,
    bytes: usize,
    started: Option<Timestamp>,
    handed: Instant,
}

impl Batch {
    fn hand_on(&mut self) -> Result<(), Error> {
        self.handed = Instant::now();
        if self.events.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let events = std::mem::take(&mut self.events);
        self.send(News::Events(events, self.started.unwrap_or_default()))
    }

    fn send(&self, news: News) -> Result<(), Error> {
        self.sender.send(news).map_err(|_| {
            let name = "the screen".to_owned();
            Error::Output { name, source: io::ErrorKind::BrokenPipe.into() }
        })
    }
}

impl Sink for &mut Batch {
    fn event(&mut self, mut event: Event, started: Timestamp) -> Result<(), Error> {
        if self.redact {
            redact(&mut event);
        }
        self.started = Some(started);
        self.bytes += match &event.body {
            Body::Message(message) => message.payload.bytes.len(),
            Body::Frame(frame) => frame.payload.bytes.len(),
            Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => 0,
        };
        self.events.push(event);
        if self.events.len() >= EVENTS || self.bytes >= BYTES { self.hand_on() } else { Ok(()) }
    }

    fn pause(&mut self) -> Result<(), Error> {
        self.hand_on()
    }

    fn progress(&mut self, position: Progress) -> Result<(), Error> {
        if self.handed.elapsed() >= AGE {
            self.hand_on()?;
            self.send(News::Progress(position))?;
        }
        Ok(())
    }

    fn status(&mut self, status: Status) -> Result<(), Error> {
        self.send(News::Status(status))
    }

    fn shows_progress(&self) -> bool {
        true
    }
}

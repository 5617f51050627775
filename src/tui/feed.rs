//! A capture to news: a thread reads and analyses, and hands on what it finds in batches over a bounded channel.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::capture::{Progress, Source};
use crate::event::{Body, Event};
use crate::export::redact::redact;
use crate::origin::Timestamp;
use crate::run::{Error, Finished, Run, Sink, Status};

/// Batches that wait for the screen at most: enough that neither thread waits for the other to be scheduled.
const WAITING: usize = 8;
/// A batch is handed on with so many events,
const EVENTS: usize = 2048;
/// or so many payload bytes,
const BYTES: usize = 1 << 20;
/// or at this age, once more is read.
const AGE: Duration = Duration::from_millis(50);
/// What an event has beside itself and its payload, about.
const EVENT: usize = 512;

/// What the reader tells.
#[derive(Debug)]
pub enum News {
    /// Events, the time of the capture's first packet, and what they take.
    Events(Vec<Event>, Timestamp, Waiting),
    /// How far reading has come.
    Progress(Progress),
    /// How a live capture is going.
    Status(Status),
    /// It is over.
    Finished(Box<Result<Finished, Error>>),
}

/// Bytes of a batch that waits, as long as it does.
#[derive(Debug)]
pub struct Waiting(usize, Arc<AtomicUsize>);

impl Waiting {
    fn new(bytes: usize, all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(bytes, Ordering::Relaxed);
        Self(bytes, Arc::clone(all))
    }

    /// Bytes of all batches that wait.
    pub fn all(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// A reader at work.
#[derive(Debug)]
pub struct Feed {
    news: Receiver<News>,
    /// Holds a byte for each of the news that wait.
    bell: PipeReader,
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
    /// When the system gives no thread, or no pipe.
    pub fn begin(mut source: Box<dyn Source>, reading: Reading) -> io::Result<Self> {
        let (sender, news) = sync_channel(WAITING);
        let (bell, ringer) = io::pipe()?;
        let stop = Arc::clone(&reading.stop);
        let thread = Builder::new().name("reader".to_owned()).spawn(move || {
            let Reading { run, redact, .. } = reading;
            let mut batch = Batch {
                sender,
                ringer,
                redact,
                events: Vec::new(),
                bytes: 0,
                waiting: Arc::default(),
                started: None,
                handed: Instant::now(),
            };
            let finished = run.analyse(&mut *source, &mut batch);
            // Nobody listens any more where this fails.
            let _ = batch.hand_on();
            let _ = batch.send(News::Finished(Box::new(finished)));
        })?;
        Ok(Self { news, bell, stop, thread: Some(thread) })
    }

    /// What was told since, if anything.
    pub fn take(&mut self) -> Option<News> {
        match self.news.try_recv() {
            Ok(news) => {
                // Written right behind it; at the end of the pipe there is nothing more to wait for.
                let _ = self.bell.read(&mut [0]);
                Some(news)
            }
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

    /// Can be read from while there are news.
    pub fn bell(&self) -> &PipeReader {
        &self.bell
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
    ringer: PipeWriter,
    redact: bool,
    events: Vec<Event>,
    /// Their payload.
    bytes: usize,
    /// Bytes of all batches that wait.
    waiting: Arc<AtomicUsize>,
    started: Option<Timestamp>,
    handed: Instant,
}

impl Batch {
    fn hand_on(&mut self) -> Result<(), Error> {
        self.handed = Instant::now();
        if self.events.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut self.events);
        let bytes = std::mem::take(&mut self.bytes) + events.len() * (size_of::<Event>() + EVENT);
        let waiting = Waiting::new(bytes, &self.waiting);
        self.send(News::Events(events, self.started.unwrap_or_default(), waiting))
    }

    fn send(&mut self, news: News) -> Result<(), Error> {
        let gone = |source| Error::Output { name: "the screen".to_owned(), source };
        self.sender.send(news).map_err(|_| gone(io::ErrorKind::BrokenPipe.into()))?;
        self.ringer.write_all(&[0]).map_err(gone)
    }
}

impl Sink for &mut Batch {
    fn event(&mut self, event: &mut Event, started: Timestamp) -> Result<(), Error> {
        if self.redact {
            redact(event);
        }
        self.started = Some(started);
        self.bytes += match &event.body {
            Body::Message(message) => message.payload.bytes.len(),
            Body::Frame(frame) => frame.payload.bytes.len(),
            Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => 0,
        };
        self.events.push(std::mem::take(event));
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

//! The loops that drive the core: inputs in, outputs out. The only place with signals and progress.

pub mod check;
pub mod export;
pub mod interrupt;
pub mod output;
mod parallel;
pub mod privileges;
pub mod progress;
pub mod stats;
pub mod stop;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::analyzer::Analyzer;
use crate::capture::{Error as CaptureError, Progress as Position, Recorder, Source, Step};
use crate::config::{Config, Decode, Per};
use crate::dissect::Dissector;
use crate::event::Event;
use crate::export::text;
use crate::input::{Counters, Input};
use crate::origin::Timestamp;
use crate::outbox::Summary;
use progress::Progress;
use stop::{Countdown, Stop};

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
    /// Why it ended before anybody asked for it: an interface failed, or what is captured could not be written.
    pub failed: Option<String>,
    /// What else is worth saying: one message each.
    pub notes: Vec<String>,
}

/// What an error of a source means for the run.
enum Trouble {
    /// Something was lost, and the rest goes on.
    Damage,
    /// Nothing more comes.
    End,
}

impl Finished {
    /// Notes what happened, where the rest can go on, or at least be told.
    fn note(&mut self, error: CaptureError) -> Result<Trouble, Error> {
        if error.is_damage() {
            self.damaged.push(error.to_string());
            return Ok(Trouble::Damage);
        }
        if !error.ends_in_order() {
            return Err(error.into());
        }
        if !error.is_broken_pipe() {
            self.failed = Some(error.to_string());
        }
        Ok(Trouble::End)
    }

    /// Whether all inputs were read to their end.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.failed.is_none()
    }
}

/// Where events go.
pub trait Sink {
    /// Takes an event; `started` is the time of the capture's first packet. What is to be kept is taken out of its place: the rest
    /// is freed by the thread that made it, which costs less.
    ///
    /// # Errors
    /// When it cannot be passed on.
    fn event(&mut self, event: &mut Event, started: Timestamp) -> Result<(), Error>;

    /// Nothing comes for now: what was gathered is better shown.
    ///
    /// # Errors
    /// When it cannot be passed on.
    fn pause(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// How a live capture is going; ten times a second or more.
    ///
    /// # Errors
    /// When it cannot be passed on.
    fn status(&mut self, _status: Status) -> Result<(), Error> {
        Ok(())
    }

    /// How far reading has come; every few thousand packets.
    ///
    /// # Errors
    /// When it cannot be passed on.
    fn progress(&mut self, _position: Position) -> Result<(), Error> {
        Ok(())
    }

    /// Whether it tells the user by itself how far reading has come, so that no bar is to be drawn.
    fn shows_progress(&self) -> bool {
        false
    }
}

/// How a live capture is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Up to when it was looked: the last packet, or the time that passed in silence.
    pub now: Timestamp,
    /// What was received and what was dropped.
    pub counters: Counters,
}

impl<F: FnMut(&mut Event, Timestamp) -> Result<(), Error>> Sink for F {
    fn event(&mut self, event: &mut Event, started: Timestamp) -> Result<(), Error> {
        self(event, started)
    }
}

/// What a run is asked for.
#[derive(Debug, Default)]
pub struct Run {
    /// How the capture is analysed.
    pub config: Config,
    /// When it ends before its source does.
    pub stop: Stop,
    /// What writes down what is captured.
    pub recorder: Option<Recorder>,
    /// Set by whoever wants the counters on standard error; unset when they were printed.
    pub report: Arc<AtomicBool>,
    /// How many threads analyse, where several can; 0 and 1: one, which reads and writes too.
    pub threads: usize,
}

impl Run {
    /// Reads a source to its end, or to a stop, and hands each event to `sink`.
    ///
    /// # Errors
    /// When an input cannot be read at all, or `sink` fails. What happens later to an input is no error: see [`Finished`].
    pub fn analyse(self, source: &mut dyn Source, sink: impl Sink) -> Result<Finished, Error> {
        if self.threads > 1 && self.can_be_shared_out(source) {
            return parallel::analyse(&self.config, self.threads, source, sink, &self.report);
        }
        let mut progress = Progress::begin(!sink.shows_progress());
        let decode = self.config.decode != Decode::Nothing && self.config.per == Per::Message;
        let mut course = Course {
            dissector: decode.then(|| Dissector::new(&self.config)),
            analyzer: Analyzer::new(self.config),
            countdown: Countdown::begin(&self.stop),
            recorder: self.recorder,
            finished: Finished::default(),
            now: Timestamp::default(),
            over: false,
            sink,
        };
        course.over = course.countdown.is_over();
        while !course.over {
            course.step(source)?;
            // Read first, as a swap is a locked one, and this is done for each packet.
            if self.report.load(Ordering::Relaxed) && self.report.swap(false, Ordering::Relaxed) {
                eprintln!("wscope: {}", text::summary(&course.counted(source)));
            }
            if let Some(position) = progress.tick(|| source.progress()) {
                course.sink.progress(position)?;
            }
        }
        course.finish(source)
    }
}

impl Run {
    /// Whether nothing depends on how far the analysis is when a packet is read: no packet is written down, no end set but that
    /// of the files, and nothing has to be waited for.
    fn can_be_shared_out(&self, source: &dyn Source) -> bool {
        let files = source.progress().is_some_and(|position| position.total.is_some());
        files && self.recorder.is_none() && self.stop == Stop::default()
    }
}

/// A run under way.
struct Course<S> {
    analyzer: Analyzer,
    dissector: Option<Dissector>,
    countdown: Countdown,
    recorder: Option<Recorder>,
    finished: Finished,
    /// Up to when it was looked.
    now: Timestamp,
    over: bool,
    sink: S,
}

impl<S: Sink> Course<S> {
    /// Takes the next of what the source has.
    fn step(&mut self, source: &mut dyn Source) -> Result<(), Error> {
        match source.step() {
            Ok(Step::End) => self.over = true,
            Ok(Step::Input(Input::Packet(packet))) => {
                self.now = packet.time;
                self.countdown.packet();
                self.analyzer.push(Input::Packet(packet));
                if self.analyzer.has_work() {
                    self.drain()?;
                }
                if self.recorder.is_some() {
                    let standing = self.analyzer.standing();
                    self.record(|recorder| recorder.packet(&packet, standing))?;
                    self.over |= self.recorder.as_mut().is_some_and(Recorder::is_full);
                }
            }
            Ok(Step::Input(input)) => {
                if let Input::Secret(secret) = input {
                    self.record(|recorder| recorder.secret(&secret))?;
                }
                self.analyzer.push(input);
                self.drain()?;
                if let Input::Tick(now) = input {
                    self.now = now;
                    self.breathe(source)?;
                }
            }
            Ok(Step::Pause) => self.breathe(source)?,
            Err(error) => self.take(error)?,
        }
        self.over |= self.countdown.is_over();
        Ok(())
    }

    /// Lets out what was gathered.
    fn breathe(&mut self, source: &dyn Source) -> Result<(), Error> {
        // First, so that what was told is also written.
        self.record(Recorder::flush)?;
        self.sink.pause()?;
        if let Some(counters) = source.counters() {
            self.sink.status(Status { now: self.now, counters })?;
        }
        self.over |= self.countdown.is_late();
        Ok(())
    }

    /// Does something with the recorder, where there is one.
    fn record(&mut self, act: impl FnOnce(&mut Recorder) -> Result<(), CaptureError>) -> Result<(), Error> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        let Err(error) = act(recorder) else { return Ok(()) };
        self.recorder = None;
        self.take(error)
    }

    fn take(&mut self, error: CaptureError) -> Result<(), Error> {
        match self.finished.note(error)? {
            Trouble::Damage => {
                self.analyzer.note_damage();
                self.drain()
            }
            Trouble::End => {
                self.over = true;
                Ok(())
            }
        }
    }

    fn drain(&mut self) -> Result<(), Error> {
        while let Some(mut event) = self.analyzer.next_event() {
            if let Some(dissector) = &mut self.dissector {
                dissector.event(&mut event);
            }
            if self.countdown.admits(&event) {
                self.sink.event(&mut event, self.analyzer.started().unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn counted(&self, source: &dyn Source) -> Summary {
        let mut summary = Summary { capture: source.counters(), ..self.analyzer.summary() };
        if let Some(dissector) = &self.dissector {
            summary.anomalies.merge(dissector.anomalies());
        }
        summary
    }

    fn finish(mut self, source: &dyn Source) -> Result<Finished, Error> {
        self.analyzer.finish();
        self.drain()?;
        if let Some(recorder) = self.recorder.take() {
            let lost = recorder.lost();
            if lost > 0 {
                let name = recorder.name();
                self.finished.notes.push(format!(
                    "{name}: {lost} packets had to be let go before it was known whether they belong to a WebSocket"
                ));
            }
            if let Err(error) = recorder.finish(source.counters()) {
                self.take(error)?;
            }
        }
        self.finished.summary = self.counted(source);
        Ok(self.finished)
    }
}

//! One capture by several threads: the same events in the same order as by one.
//!
//! ```text
//!           reader                     analyses                  merge
//!  Source ─► Front ─┬─Share─► Flows, Dissector ─Found─► Lane ─┐
//!                   ├─Share─► Flows, Dissector ─Found─► Lane ─┼─► Ledger ─► Sink
//!                   └─Share─► Flows, Dissector ─Found─► Lane ─┘
//! ```
//!
//! A flow belongs to one thread. Each task has its turn in the capture, and what was told is merged by turns; tasks that
//! concern all flows (ticks, secrets, the end) are done by every thread, what is told of them goes by the first packet of the
//! flow.
//!
//! The threads take turns at the reader: whoever has nothing to analyse. So as many are busy as were asked for, beside the merge. All
//! channels are bounded. They cannot lock each other up: every thread gets a share of every stretch, empty or not, and who reads has
//! handed on all that it found before; so whoever is waited for has all that it needs.

mod lane;
mod stretch;

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, OnceLock};
use std::thread;

use foldhash::fast::FixedState;

use crate::capture::{Progress as Position, Source, Step};
use crate::config::Config;
use crate::export::text;
use crate::front::{Front, Task};
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::origin::Timestamp;
use crate::outbox::{Summary, Told};
use crate::tcp::key::Key;

use super::progress::Progress;
use super::{Error, Finished, Sink, Trouble};
use lane::Lane;
use stretch::Share;

/// Stretches that wait for a thread at most.
const WAITING: usize = 2;
/// Blocks of what was told that wait to be merged, a thread.
const FOUND: usize = 4;

/// Analyses a source of regular files by so many threads beside the merge.
///
/// # Errors
/// When an input cannot be read at all, or `sink` fails.
pub(super) fn analyse(
    config: &Config,
    threads: usize,
    source: &mut dyn Source,
    sink: impl Sink,
    report: &AtomicBool,
) -> Result<Finished, Error> {
    let config = Config { limits: config.limits.shared_by(threads), ..config.clone() };
    let (marks, marked) = channel();
    let (spare, spares) = channel();
    let (mut lanes, mut shares, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..threads {
        let (share, taken) = sync_channel(WAITING);
        let (found, told) = sync_channel(FOUND);
        let (spent, back) = channel();
        shares.push((share, Share::default()));
        parts.push((taken, found, back));
        lanes.push(Lane::new(told, spent));
    }
    let started = OnceLock::new();
    let reading = Reading(Mutex::new(Some(Reader {
        source,
        front: Front::new(&config),
        turn: 0,
        shares,
        spares,
        marks,
        started: &started,
        progress: Progress::begin(!sink.shows_progress()),
        latest: None,
        finished: Finished::default(),
    })));
    thread::scope(|scope| {
        let analyses = parts.into_iter().enumerate().map(|(place, (taken, found, back))| {
            let (config, reading) = (config.clone(), &reading);
            scope.spawn(move || lane::analyse(config, place, reading, &taken, found, back))
        });
        let analyses: Vec<_> = analyses.collect();
        let mut merge = Merge { lanes, ledger: Ledger::default(), limits: config.limits.clone(), sink };
        let merged = merge.run(&marked, &spare, &started, report);
        let mut summary = merge.counted();
        // What still waits is let go, so that nobody waits for us.
        drop((merge, marked, spare));
        let mut read = None;
        for analysis in analyses {
            read = analysis.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).or(read);
        }
        merged?;
        let read = read.expect("all threads came to the end, and one of them was the first");
        let mut finished = (*read)?;
        summary.merge(&finished.summary);
        finished.summary = summary;
        Ok(finished)
    })
}

/// The reader, at which the threads take turns: whoever has nothing else to do. It is gone at the end of what is read.
struct Reading<'a>(Mutex<Option<Reader<'a>>>);

/// What came of a turn at the reader.
enum Turn {
    /// There is more to analyse, for every thread.
    Read,
    /// Nothing more comes.
    End(Box<Result<Finished, Error>>),
    /// Another thread is at it, or has come to the end.
    Taken,
}

impl Reading<'_> {
    /// Reads a stretch, unless somebody is at it; the share of the thread at `place` is handed out first.
    fn take_turn(&self, place: usize) -> Turn {
        let Ok(mut reading) = self.0.try_lock() else { return Turn::Taken };
        // Where it comes to the end, or panics, it is gone: who waits for a share learns of it.
        let Some(mut reader) = reading.take() else { return Turn::Taken };
        match reader.read(place) {
            Some(end) => Turn::End(Box::new(end)),
            None => {
                *reading = Some(reader);
                Turn::Read
            }
        }
    }
}

/// What the reader tells of a stretch.
struct Mark {
    position: Option<Position>,
    /// What was counted of the capture as a whole.
    summary: Box<Summary>,
}

/// What reads, and shares out what there is to do.
struct Reader<'a> {
    source: &'a mut dyn Source,
    front: Front,
    turn: u64,
    shares: Vec<(SyncSender<Share>, Share)>,
    spares: Receiver<Share>,
    marks: Sender<Mark>,
    started: &'a OnceLock<Timestamp>,
    progress: Progress,
    latest: Option<Position>,
    finished: Finished,
}

/// Nobody takes what is read any more.
struct Gone;

impl Reader<'_> {
    /// Reads a stretch for the thread at `place` and all others; at the end of what there is, how that came.
    fn read(&mut self, place: usize) -> Option<Result<Finished, Error>> {
        loop {
            match self.source.step() {
                Ok(Step::Input(input)) => {
                    let Self { front, turn, shares, .. } = self;
                    front.push(input, &mut |task| deal(shares, turn, task));
                }
                Ok(Step::Pause) => {}
                Ok(Step::End) => break,
                Err(error) => match self.finished.note(error) {
                    Ok(Trouble::Damage) => self.front.note_damage(),
                    Ok(Trouble::End) => break,
                    Err(error) => {
                        // What was read before is told, as by one thread.
                        let _ = self.hand_on(place);
                        return Some(Err(error));
                    }
                },
            }
            self.latest = self.progress.tick(|| self.source.progress()).or(self.latest);
            if self.shares.iter().any(|(_, share)| share.is_full()) {
                let handed_on = self.hand_on(place);
                return handed_on.is_err().then(|| Ok(std::mem::take(&mut self.finished)));
            }
        }
        deal(&mut self.shares, &mut self.turn, Task::Finish);
        // Where nobody takes it, the merge tells why.
        let _ = self.hand_on(place);
        self.finished.summary = self.front.summary();
        Some(Ok(std::mem::take(&mut self.finished)))
    }

    /// Ends a stretch: hands every thread its share, first the one at `place`.
    fn hand_on(&mut self, place: usize) -> Result<(), Gone> {
        if let Some(started) = self.front.started() {
            self.started.get_or_init(|| started);
        }
        let mark = Mark { position: self.latest.take(), summary: Box::new(self.front.summary()) };
        self.marks.send(mark).map_err(|_| Gone)?;
        let (before, from) = self.shares.split_at_mut(place);
        for (sender, share) in from.iter_mut().chain(before) {
            let empty = self.spares.try_recv().unwrap_or_default();
            sender.send(std::mem::replace(share, empty)).map_err(|_| Gone)?;
        }
        Ok(())
    }
}

/// Gives a task to the thread whose flow it is of, or to all.
fn deal(shares: &mut [(SyncSender<Share>, Share)], turn: &mut u64, task: Task<'_>) {
    *turn += 1;
    let hash = match task {
        _ if task.is_for_all() => {
            shares.iter_mut().for_each(|(_, share)| share.push(*turn, task));
            return;
        }
        Task::Segment(segment, _) => FixedState::default().hash_one(Key::from(&segment)),
        _ => 0,
    };
    let place = (hash % shares.len() as u64) as usize;
    shares[place].1.push(*turn, task);
}

/// What all threads told, in one order.
struct Merge<S> {
    lanes: Vec<Lane>,
    ledger: Ledger,
    limits: Limits,
    sink: S,
}

impl<S: Sink> Merge<S> {
    /// Merges one stretch after the other, until there are no more.
    fn run(
        &mut self,
        marked: &Receiver<Mark>,
        spare: &Sender<Share>,
        started: &OnceLock<Timestamp>,
        report: &AtomicBool,
    ) -> Result<(), Error> {
        while let Ok(mark) = marked.recv() {
            // A thread that is gone took a panic with it, which the scope passes on; or reading failed.
            let Ok(merged) = self.merge_stretch(started) else { return Ok(()) };
            merged?;
            for lane in &mut self.lanes {
                if let Some(mut share) = lane.turn() {
                    share.clear();
                    // The reader may have come to its end.
                    let _ = spare.send(share);
                }
            }
            if report.swap(false, Ordering::Relaxed) {
                let mut summary = self.counted();
                summary.merge(&mark.summary);
                eprintln!("wscope: {}", text::summary(&summary));
            }
            if let Some(position) = mark.position {
                self.sink.progress(position)?;
            }
        }
        Ok(())
    }

    fn merge_stretch(&mut self, started: &OnceLock<Timestamp>) -> Result<Result<(), Error>, RecvError> {
        loop {
            let mut first: Option<((u64, u64), usize)> = None;
            let mut until = (u64::MAX, u64::MAX);
            for (index, lane) in self.lanes.iter_mut().enumerate() {
                let Some(task) = lane.peek()? else { continue };
                match first {
                    Some((earliest, _)) if earliest <= task => until = until.min(task),
                    Some((earliest, _)) => {
                        until = earliest;
                        first = Some((task, index));
                    }
                    None => first = Some((task, index)),
                }
            }
            let Some((_, index)) = first else { return Ok(Ok(())) };
            while let Some(told) = self.lanes[index].take_up_to(until) {
                if let Err(error) = self.tell(index, told, started) {
                    return Ok(Err(error));
                }
            }
        }
    }

    fn tell(&mut self, index: usize, told: Told, started: &OnceLock<Timestamp>) -> Result<(), Error> {
        let own = if let Told::Begun(own) = told { Some(own) } else { None };
        let event = self.ledger.settle(told, &self.limits);
        let lane = &mut self.lanes[index];
        if let Some(own) = own {
            lane.number(own, self.ledger.connections());
        }
        let Some(mut event) = event else { return Ok(()) };
        lane.renumber(&mut event);
        self.sink.event(&mut event, started.get().copied().unwrap_or_default())?;
        lane.give_back(event);
        Ok(())
    }

    /// What was counted of flows so far.
    fn counted(&self) -> Summary {
        let mut summary = self.ledger.summary();
        self.lanes.iter().for_each(|lane| summary.merge(&lane.summary));
        summary
    }
}

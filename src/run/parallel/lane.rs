//! One thread of the analysis: its share of each stretch in, what it tells of it out.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, RecvError, Sender, SyncSender, TryRecvError};

use crate::config::{Config, Decode, Per};
use crate::dissect::Dissector;
use crate::event::{Body, ConnectionId, Event, NO_CONNECTION};
use crate::flows::Flows;
use crate::numbered::Numbered;
use crate::outbox::{Summary, Told};

use super::stretch::Share;
use super::{Error, Finished, Reading, Turn};

/// So much is handed on at once,
const TOLD: usize = 256;
/// or so many payload bytes.
const BYTES: usize = 512 << 10;

/// What was told, and by which task: its turn, and the first packet of the flow where it concerns all flows.
type Item = ((u64, u64), Told);

/// What a thread hands on.
#[derive(Debug)]
pub(super) enum Found {
    /// What was told, in order.
    Told(Vec<Item>),
    /// Its share of a stretch is done, and is given back; what was counted up to here.
    Done(Share, Box<Summary>),
}

/// Analyses shares until no more come, or nobody takes what is found; reads on where none waits. What was told of it comes back by
/// `spent`, and is freed. How the reading came to its end, where that was here.
pub(super) fn analyse(
    config: Config,
    place: usize,
    reading: &Reading<'_>,
    shares: &Receiver<Share>,
    found: SyncSender<Found>,
    spent: Receiver<Vec<Event>>,
) -> Option<Box<Result<Finished, Error>>> {
    let decode = config.decode != Decode::Nothing && config.per == Per::Message;
    let dissector = decode.then(|| Dissector::new(&config));
    let mut work = Work { flows: Flows::new(config), dissector, found, spent, told: Vec::new(), bytes: 0 };
    let mut end = None;
    loop {
        let share = match shares.try_recv() {
            Err(TryRecvError::Empty) => match reading.take_turn(place) {
                Turn::Read => continue,
                Turn::End(how) => {
                    end = Some(how);
                    continue;
                }
                // Whoever is at it has a share for everybody, or lets go of the other end.
                Turn::Taken => shares.recv().ok(),
            },
            share => share.ok(),
        };
        if share.and_then(|share| work.analyse(share)).is_none() {
            return end;
        }
    }
}

struct Work {
    flows: Flows,
    dissector: Option<Dissector>,
    found: SyncSender<Found>,
    spent: Receiver<Vec<Event>>,
    told: Vec<Item>,
    bytes: usize,
}

impl Work {
    /// `None` where nobody takes it any more.
    fn analyse(&mut self, share: Share) -> Option<()> {
        for (turn, task) in share.tasks() {
            let for_all = task.is_for_all();
            self.flows.push(task);
            while let Some(mut told) = self.flows.take() {
                if let Told::Event(event) = &mut told {
                    if let Some(dissector) = &mut self.dissector {
                        dissector.event(event);
                    }
                    self.bytes += kept(event);
                }
                self.told.push(((turn, if for_all { self.flows.at() } else { 0 }), told));
                if self.told.len() >= TOLD || self.bytes >= BYTES {
                    self.hand_on()?;
                }
            }
        }
        if !self.told.is_empty() {
            self.hand_on()?;
        }
        let mut summary = self.flows.summary().clone();
        if let Some(dissector) = &self.dissector {
            summary.anomalies.merge(dissector.anomalies());
        }
        self.found.send(Found::Done(share, Box::new(summary))).ok()
    }

    fn hand_on(&mut self) -> Option<()> {
        self.spent.try_iter().for_each(drop);
        self.bytes = 0;
        let told = std::mem::replace(&mut self.told, Vec::with_capacity(TOLD));
        self.found.send(Found::Told(told)).ok()
    }
}

/// Payload bytes that an event keeps.
fn kept(event: &Event) -> usize {
    match &event.body {
        Body::Frame(frame) => frame.payload.bytes.len(),
        Body::Message(message) => message.payload.bytes.len(),
        Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => 0,
    }
}

/// What one thread found, as it is taken.
pub(super) struct Lane {
    found: Receiver<Found>,
    told: VecDeque<Item>,
    /// Events that were taken, and where they go to be freed.
    taken: Vec<Event>,
    taken_bytes: usize,
    spent: Sender<Vec<Event>>,
    /// What is given back of a stretch whose end was reached.
    done: Option<Share>,
    /// Its numbers of connections, and what they are over all threads; those alone of which more may be told.
    numbers: Numbered<NonZero<ConnectionId>>,
    /// What it counted up to the last stretch.
    pub(super) summary: Box<Summary>,
}

impl Lane {
    pub(super) fn new(found: Receiver<Found>, spent: Sender<Vec<Event>>) -> Self {
        Self {
            found,
            told: VecDeque::new(),
            taken: Vec::new(),
            taken_bytes: 0,
            spent,
            done: None,
            numbers: Numbered::default(),
            summary: Box::default(),
        }
    }

    /// By which task the next of the stretch was told; `None` at its end. Waits for it.
    ///
    /// # Errors
    /// Where the thread is gone: at the end of the capture, or by a panic.
    pub(super) fn peek(&mut self) -> Result<Option<(u64, u64)>, RecvError> {
        while self.told.is_empty() && self.done.is_none() {
            match self.found.recv()? {
                Found::Told(told) => self.told = told.into(),
                Found::Done(share, summary) => {
                    self.done = Some(share);
                    self.summary = summary;
                }
            }
        }
        Ok(self.told.front().map(|(task, _)| *task))
    }

    /// Takes what is next, if it was told up to this task.
    pub(super) fn take_up_to(&mut self, task: (u64, u64)) -> Option<Told> {
        self.told.pop_front_if(|(told, _)| *told <= task).map(|(_, told)| told)
    }

    /// Gives an event back to the thread that made it: memory is freed for less where it was taken.
    pub(super) fn give_back(&mut self, event: Event) {
        self.taken_bytes += kept(&event);
        self.taken.push(event);
        if self.taken.len() >= TOLD || self.taken_bytes >= BYTES {
            self.taken_bytes = 0;
            let taken = std::mem::replace(&mut self.taken, Vec::with_capacity(TOLD));
            // A thread that is gone needs nothing back.
            let _ = self.spent.send(taken);
        }
    }

    /// Begins the next stretch; the share of the last, to be filled again.
    pub(super) fn turn(&mut self) -> Option<Share> {
        self.done.take()
    }

    /// A connection of this thread has this number over all.
    pub(super) fn number(&mut self, own: ConnectionId, number: ConnectionId) {
        self.numbers.insert(own, NonZero::new(number).expect("numbers begin with 1"));
    }

    /// Gives an event the number that its connection has over all threads.
    pub(super) fn renumber(&mut self, event: &mut Event) {
        let own = event.connection;
        if own == NO_CONNECTION {
            return;
        }
        let last = match &event.body {
            Body::Closed(_) => true,
            Body::Handshake(handshake) => !handshake.established,
            Body::Frame(_) | Body::Message(_) | Body::Gap(_) | Body::Notice(_) => false,
        };
        let number = if last { self.numbers.remove(own) } else { self.numbers.get(own).copied() };
        event.connection = number.expect("a connection is numbered before anything is told of it").get();
    }
}

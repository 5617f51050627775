//! Bytes of one direction, with holes, to whole records.
//!
//! ```text
//!  record │ rec~~~hole~~~ord │ record          the length of the record is known: it goes on behind it
//!  record │ rec~~~hole~~~~~~~~~~~?  record     where the next one begins is looked for, and its tag proves it
//! ```

use std::collections::VecDeque;

use crate::chunk::Chunk;
use crate::event::GapReason;
use crate::inbox::Inbox;
use crate::origin::Origin;

use super::messages::Messages;
use super::protection::{Epoch, Protection};
use super::record::{self, APPLICATION_DATA, HEADER, Header};

/// One direction of a TLS connection.
#[derive(Debug, Default)]
pub struct Half {
    /// What was not opened yet, up to the first hole.
    pub inbox: Inbox,
    /// Holes, and what stands behind each.
    later: VecDeque<(Hole, Inbox)>,
    /// Bytes of a lost record that are still to come.
    skip: u64,
    /// Whether it is not known where the next record begins.
    adrift: bool,
    /// What was lost since the last record that was opened.
    pub lost: Option<Lost>,
    /// Its handshake messages.
    pub messages: Messages,
    /// How far it has come.
    pub epoch: Epoch,
    /// What protects its records, once the keys are known.
    pub protection: Option<Protection>,
    /// Offset of the next byte in the plaintext.
    pub plain: u64,
    /// What it waits for.
    pub blocked: Option<Blocked>,
    /// Whether a record of it was ever opened.
    pub opened: bool,
    /// Whether the capture may begin in the middle of a record.
    pub late: bool,
    /// Whether nobody tries any longer to open any.
    pub dead: bool,
    /// Whether it is no TLS.
    pub foreign: bool,
    ends: VecDeque<(u64, u64)>,
    /// The last of `ends` that was forgotten.
    forgotten: (u64, u64),
}

/// What a direction waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// What the other side says.
    Facts,
    /// A line of the key log.
    Keys,
}

/// Bytes that were never seen.
#[derive(Debug, Clone, Copy)]
pub struct Hole {
    /// How many.
    pub length: u64,
    /// Why.
    pub reason: GapReason,
    /// The packet that made it known.
    pub origin: Origin,
}

/// Records that were lost.
#[derive(Debug, Clone, Copy)]
pub struct Lost {
    /// Their bytes, headers included, as far as can be said.
    pub bytes: u64,
    /// Records that they were at least.
    pub records: u64,
    /// Records that could not be opened.
    pub tried: u32,
    /// Whether `bytes` and `records` are exact, and all was application data.
    pub exact: bool,
    /// The hole that they fell into; `None`: they are there, and could not be opened.
    pub hole: Option<Hole>,
    /// The packet that ended the first one that could not be opened.
    pub origin: Origin,
}

/// Ends of records that are remembered until they are acknowledged.
const MAX_ENDS: usize = 64;

impl Half {
    /// Takes bytes; a buffer for them is taken from `spare`.
    pub fn push(&mut self, chunk: Chunk<'_>, spare: &mut Vec<u8>) {
        match self.later.back_mut() {
            Some((_, inbox)) => inbox.push(chunk),
            None => {
                self.inbox.exchange_buffer(spare);
                self.inbox.push(chunk);
            }
        }
    }

    /// Learns of bytes that will never come.
    pub fn gap(&mut self, hole: Hole) {
        self.later.push_back((hole, Inbox::default()));
    }

    /// The next record, once it is whole; it stands at the front of `inbox`.
    pub fn front(&mut self) -> Option<Header> {
        loop {
            self.pass_over();
            if let Some(header) = Header::parse(self.inbox.bytes()) {
                if header.is_plausible() {
                    if self.inbox.bytes().len() >= HEADER + header.length {
                        return Some(header);
                    }
                    self.inbox.reserve(HEADER + header.length);
                } else if self.opened || self.adrift || self.late {
                    self.drift();
                    continue;
                } else {
                    self.foreign = true;
                    return None;
                }
            }
            let (hole, inbox) = self.later.pop_front()?;
            self.fall(hole, inbox);
        }
    }

    /// The packet that ended the record at the front.
    pub fn origin(&self, header: Header) -> Origin {
        self.inbox.span(HEADER + header.length).last
    }

    /// The record at the front is done with.
    pub fn consume(&mut self, header: Header) {
        self.inbox.consume(HEADER + header.length);
    }

    /// The record at the front could not be opened.
    pub fn lose(&mut self, header: Header) {
        let origin = self.origin(header);
        let lost = self.lost.get_or_insert_with(|| Lost::new(origin));
        lost.tried += 1;
        lost.exact = false;
        if self.adrift {
            // Perhaps it was none.
            self.drift();
        } else {
            lost.bytes += (HEADER + header.length) as u64;
            self.consume(header);
        }
    }

    /// The record at the front is one: what was lost before it, told once.
    pub fn recover(&mut self) -> Option<Lost> {
        self.adrift = false;
        self.lost.take()
    }

    /// Notes that the record at the front says so much.
    pub fn advance(&mut self, header: Header, content: usize) {
        self.plain += content as u64;
        if self.ends.len() == MAX_ENDS {
            self.forgotten = self.ends.pop_front().unwrap_or_default();
        }
        self.ends.push_back((self.inbox.offset() + (HEADER + header.length) as u64, self.plain));
    }

    /// How much of the plaintext was acknowledged with so much of the stream; where that is not remembered, at most.
    ///
    /// Acknowledgments never run back, so what lies behind this one is forgotten.
    pub fn acknowledged(&self, stream: u64) -> u64 {
        let unread = stream.saturating_sub(self.inbox.offset());
        let last = self.ends.iter().take_while(|(end, _)| *end <= stream).last();
        match last {
            Some((_, plain)) => plain + unread,
            None => self.forgotten.1 + unread,
        }
    }

    /// Bytes that wait, and what it costs to keep them.
    pub fn waiting(&self) -> usize {
        let later = self.later.iter().map(|(_, inbox)| inbox.bytes().len() + size_of::<(Hole, Inbox)>());
        self.inbox.bytes().len() + later.sum::<usize>()
    }

    /// Memory for the record and the message under way, in bytes; of what waits for a secret see [`waiting`](Self::waiting).
    pub fn held(&self) -> usize {
        let record = if self.blocked.is_some() { 0 } else { self.inbox.held() };
        record + self.messages.held()
    }

    /// Lets go of the record and of the message under way, as if they had not been captured.
    pub fn release(&mut self) {
        if self.blocked.is_some() || self.held() == 0 {
            return;
        }
        let (length, end) = (self.inbox.bytes().len(), self.inbox.offset() + self.inbox.bytes().len() as u64);
        if length < HEADER || self.adrift {
            self.inbox.shrink();
            return;
        }
        let hole = Hole { length: 0, reason: GapReason::Limit, origin: self.inbox.span(length).last };
        self.fall(hole, Inbox::default());
        self.inbox.pass(end);
    }

    /// Whether anything is left that was never told.
    pub fn leftover(&self) -> u64 {
        let lost = self.lost.filter(|lost| lost.hole.is_some() || lost.tried > 0).map_or(0, |lost| lost.bytes);
        let later = self.later.iter().map(|(hole, inbox)| hole.length + inbox.bytes().len() as u64);
        lost + self.inbox.bytes().len() as u64 + later.sum::<u64>()
    }

    /// Lets go what is known not to be a record.
    fn pass_over(&mut self) {
        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.inbox.bytes().len());
        self.inbox.consume(passed);
        self.skip -= passed as u64;
        if self.adrift {
            let waiting = self.inbox.bytes().len();
            self.drop_front(record::find(self.inbox.bytes(), 0).unwrap_or(waiting));
        }
    }

    /// There is no record at the front, after all.
    fn drift(&mut self) {
        self.adrift = true;
        self.messages.lose();
        self.drop_front(1);
    }

    fn drop_front(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let origin = self.inbox.span(1).first;
        let lost = self.lost.get_or_insert_with(|| Lost::new(origin));
        lost.bytes += count as u64;
        lost.exact = false;
        self.inbox.consume(count);
    }

    /// What waits ends at a hole.
    fn fall(&mut self, hole: Hole, inbox: Inbox) {
        let pending = self.inbox.bytes().len() as u64;
        let header = Header::parse(self.inbox.bytes()).filter(|_| !self.adrift);
        let whole = header.map_or(0, |header| (HEADER + header.length) as u64);
        let lost = self.lost.get_or_insert_with(|| Lost::new(hole.origin));
        lost.hole = Some(hole);
        if hole.length <= self.skip {
            self.skip -= hole.length;
        } else if pending + hole.length <= whole {
            lost.bytes += whole;
            lost.records += 1;
            lost.exact &= header.is_some_and(|header| header.kind == APPLICATION_DATA);
            self.skip = whole - pending - hole.length;
        } else {
            lost.bytes += pending + hole.length - self.skip;
            lost.exact = false;
            self.skip = 0;
            self.adrift = true;
        }
        self.messages.lose();
        self.inbox = inbox;
    }
}

impl Lost {
    fn new(origin: Origin) -> Self {
        Self { bytes: 0, records: 0, tried: 0, exact: true, hole: None, origin }
    }
}

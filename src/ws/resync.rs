//! Where the next frame begins: behind a gap, or in a stream whose beginning was not captured.
//!
//! Nothing in the stream says it, so it is looked for where packets begin, for senders put the beginning of a frame
//! there, and taken for found once enough speaks for the frames that follow ([`evidence`](crate::ws::evidence)).
//! Within a packet, where more bytes are to be mistaken, more is wanted.
//! What was never sent must never be told, so the search rather passes over what was.

use crate::chunk::Chunk;
use crate::inbox::Inbox;
use crate::ws::evidence::{Chain, Expected, PLENTY};

/// As much is kept while something may speak for its first byte.
pub const KEPT: usize = 64 << 10;

/// Evidence in bits that is wanted within a packet.
const INSIDE: u32 = 48;

/// And of it up to the end of the first frame that is told.
const DOUBT_INSIDE: u32 = 24;

/// Evidence that is wanted, in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Of all frames that follow.
    all: u32,
    /// Up to the end of the first frame that is told.
    first: u32,
}

/// A search in one direction.
#[derive(Debug)]
pub struct Search {
    expected: Expected,
    wanted: Wanted,
    /// Stream offset at which it began.
    from: u64,
    /// What came since then and is not refuted.
    inbox: Inbox,
    /// The frames that may begin with the first byte.
    chain: Chain,
    /// Places that were refuted.
    refuted: u32,
}

impl Search {
    /// Behind a gap in a stream that is known to be a WebSocket's.
    pub const GAP: Wanted = Wanted { all: 24, first: 12 };

    /// Where the stream of a WebSocket was joined: its first packet probably begins with a frame.
    pub const JOINED: Wanted = Wanted { all: 12, first: 8 };

    /// In a stream of which nothing is known.
    pub const ANY: Wanted = Wanted { all: PLENTY, first: 0 };

    /// From a stream offset on.
    pub fn new(from: u64, expected: Expected, wanted: Wanted) -> Self {
        Self { expected, wanted, from, inbox: Inbox::default(), chain: Chain::new(expected, wanted.first), refuted: 0 }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Chunk<'_>) {
        self.inbox.push(chunk);
    }

    /// Memory for what came, in bytes.
    pub fn held(&self) -> usize {
        self.inbox.held()
    }

    /// Passes over all that came.
    pub fn release(&mut self) {
        self.gap(self.inbox.offset() + self.inbox.bytes().len() as u64);
    }

    /// Learns that the bytes up to `offset` will not come.
    pub fn gap(&mut self, offset: u64) {
        self.empty(offset);
        self.begin();
    }

    /// Looks at what has come: whether a frame begins with the first byte of what is left. `ended`: no more will come.
    pub fn look(&mut self, ended: bool) -> bool {
        while !self.inbox.is_empty() {
            let bytes = self.inbox.bytes();
            let follows = self.chain.follow(bytes, |at| self.inbox.chunk_ending_at(at));
            // What ends where nothing more comes is not disproved by what comes.
            let wanted = if ended { self.wanted.all - self.wanted.all / 6 } else { self.wanted.all };
            if follows && self.chain.bits() >= wanted {
                return true;
            }
            if follows && !ended && bytes.len() <= KEPT {
                return false;
            }
            let first = self.inbox.first_chunk();
            let inside = if follows { None } else { self.look_inside(first) };
            self.inbox.consume(inside.unwrap_or(first));
            if self.inbox.is_empty() {
                self.empty(self.inbox.offset());
            }
            self.begin();
            self.refuted += 1;
            if inside.is_some() {
                return true;
            }
        }
        false
    }

    /// What is left, whose first byte begins a frame once that is found.
    pub fn take(&mut self) -> Inbox {
        self.inbox.consume(self.chain.certain().unwrap_or(0));
        std::mem::take(&mut self.inbox)
    }

    /// What is left, whatever it begins with.
    pub fn take_all(&mut self) -> Inbox {
        std::mem::take(&mut self.inbox)
    }

    /// Whether it is told what was passed over: not where nothing was, and nothing lost.
    pub fn is_told(&self) -> bool {
        self.wanted == Self::GAP || self.passed() > 0
    }

    /// Bytes that were passed over.
    pub fn passed(&self) -> u64 {
        let doubtful = self.chain.certain().unwrap_or(0) as u64;
        (self.inbox.offset() + doubtful).saturating_sub(self.from)
    }

    /// Stream offset at which it began.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// What speaks for a frame at the first byte of what is left.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What is left.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Whether nothing has come.
    pub fn is_untouched(&self) -> bool {
        self.refuted == 0 && self.inbox.is_empty()
    }

    /// How many places were refuted.
    pub fn refuted(&self) -> u32 {
        self.refuted
    }

    /// Gives the room back that the bytes took.
    fn empty(&mut self, offset: u64) {
        self.inbox = Inbox::default();
        self.inbox.pass(offset);
    }

    fn begin(&mut self) {
        self.chain = Chain::new(self.expected, self.wanted.first);
    }

    /// Where within the first packet a frame begins that is beyond doubt, and frames follow to the very end of the packet.
    fn look_inside(&self, length: usize) -> Option<usize> {
        let packet = &self.inbox.bytes()[..length];
        (1..length).find_map(|at| {
            let bytes = &packet[at..];
            let ending_at = |end| if end == bytes.len() { length } else { 0 };
            let mut chain = Chain::new(self.expected, DOUBT_INSIDE);
            // Bytes that say nothing for themselves are no beginning.
            let begins = chain.follow_one(bytes, ending_at) == Some(true) && chain.bits() > 0;
            let enough = begins && chain.follow(bytes, ending_at) && chain.bits() >= INSIDE;
            let ends = chain.next() == bytes.len() || chain.bits() >= PLENTY;
            chain.certain().filter(|_| enough && ends).map(|certain| at + certain)
        })
    }
}

//! Where a stream stands other than between frames: what has come of a frame, or that the next one is searched for.

use crate::anomaly::Anomaly;
use crate::chunk::Chunk;
use crate::origin::Origin;
use crate::payload::Payload;
use crate::ws::frame::{Header, MAX_HEADER};
use crate::ws::resync::Search;

/// Where a stream stands.
#[derive(Debug)]
pub enum State {
    /// Inside a header.
    Header(Partial),
    /// Inside a payload.
    Payload(Current),
    /// Where the next frame begins is not known.
    Searching(Box<Search>),
}

/// Where a frame begins.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Stream offset of its first byte.
    pub offset: u64,
    /// The packet that brought it.
    pub first: Origin,
    /// How much of the opposite stream its sender had acknowledged; `None` where that is not known.
    pub acknowledged: Option<u64>,
}

impl Start {
    /// Where a chunk begins.
    pub fn of(chunk: &Chunk<'_>) -> Self {
        Self { offset: chunk.offset, first: chunk.origin, acknowledged: chunk.acknowledged }
    }
}

/// The bytes of a header that have come, while they are not all there.
#[derive(Debug)]
pub struct Partial {
    /// Where it begins.
    pub start: Start,
    bytes: [u8; MAX_HEADER],
    len: usize,
}

impl Partial {
    /// None yet.
    pub fn new(start: Start) -> Self {
        Self { start, bytes: [0; MAX_HEADER], len: 0 }
    }

    /// Takes the next bytes; once it is whole the header, and how many of these were its own.
    pub fn push(&mut self, bytes: &[u8]) -> Option<(Header, usize)> {
        let before = self.len;
        let count = bytes.len().min(MAX_HEADER - before);
        self.bytes[before..before + count].copy_from_slice(&bytes[..count]);
        self.len += count;
        let (header, length) = Header::parse(&self.bytes[..self.len])?;
        Some((header, length - before))
    }

    /// What they say of the header, where no more will come.
    pub fn truncated(&self) -> Option<Header> {
        Header::parse_truncated(&self.bytes[..self.len])
    }
}

/// The frame that is being received.
#[derive(Debug)]
pub struct Current {
    /// Where it begins.
    pub start: Start,
    /// Its header.
    pub header: Header,
    /// Payload bytes that passed, captured or not.
    pub position: u64,
    /// Payload bytes that passed and were not captured.
    pub missing: u64,
    /// Whether its header never became whole.
    pub truncated: bool,
    /// What it carries, unless the message collects it.
    pub payload: Payload,
    /// Whether it is a fragment of the message that is being received.
    pub member: bool,
    /// What is wrong with it.
    pub anomalies: Vec<Anomaly>,
}

impl Current {
    /// Payload bytes that have not passed.
    pub fn left(&self) -> u64 {
        self.header.payload_length - self.position
    }
}

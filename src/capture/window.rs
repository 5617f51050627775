//! From a stream of bytes to whole records: the one buffer that packets are borrowed from.
//!
//! ```text
//!          start            end
//! before   ▼                ▼                        record needs more than is there
//!  ────────[unread records: AAAA]──────────────────
//! after     start end
//!  [AAAA]──────────────────────  refilled behind `end`; the buffer grows only when full of bytes that really came
//! ```

use std::io::{self, Read};
use std::ops::Range;

use super::error::Fault;
use super::stream::Stream;

/// Read at once: small enough to stay in the second-level cache until its packets are looked at.
const BLOCK: usize = 256 << 10;

/// A view of the next bytes of a stream, as long as asked for.
pub(super) struct Window {
    stream: Stream,
    /// Bytes read stand in `start..end`; what lies behind is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Position of `start` in the stream.
    offset: u64,
    source: Source,
}

impl Window {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, buffer: vec![0; BLOCK], start: 0, end: 0, offset: 0, source: Source::Open }
    }

    /// The bytes from here on: at least `len`, fewer only where the stream ends, breaks or runs dry before.
    ///
    /// Ranges of [`take`](Self::take) are void after it.
    #[inline]
    pub(super) fn fill(&mut self, len: usize) -> &[u8] {
        if self.end - self.start < len {
            self.refill(len);
        }
        &self.buffer[self.start..self.end]
    }

    /// Steps over `len` bytes that `fill` has shown; where they stand in the buffer.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Range<usize> {
        let taken = self.start..self.start + len;
        debug_assert!(taken.end <= self.end, "only bytes that were shown are taken");
        self.start = taken.end;
        self.offset += len as u64;
        taken
    }

    /// When fewer bytes are there than a record needs: fine between two records, else the reason. After
    /// [`Fault::Dry`] the same record is asked for again.
    #[cold]
    pub(super) fn end(&mut self, expected: impl Into<String>) -> Result<(), Fault> {
        let found = self.end - self.start;
        match std::mem::replace(&mut self.source, Source::Ended) {
            Source::Broken(error) => Err(Fault::Read { error, found }),
            Source::Dry => {
                self.source = Source::Awaited;
                Err(Fault::Dry)
            }
            Source::Open | Source::Awaited | Source::Ended if found == 0 => Ok(()),
            Source::Open | Source::Awaited | Source::Ended => Err(Fault::Cut { expected: expected.into(), found }),
        }
    }

    /// The bytes of a range that `take` gave.
    #[inline]
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// How many bytes of the stream were stepped over.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    #[cold]
    fn refill(&mut self, len: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < len && matches!(self.source, Source::Open | Source::Awaited) {
            if matches!(self.source, Source::Open) && self.stream.is_dry() {
                self.source = Source::Dry;
                return;
            }
            if self.end == self.buffer.len() {
                self.buffer.resize(2 * self.end, 0);
            }
            let room = self.buffer.len().min(self.end + BLOCK);
            match self.stream.read(&mut self.buffer[self.end..room]) {
                Ok(0) => self.source = Source::Ended,
                Ok(count) => {
                    self.end += count;
                    self.source = Source::Open;
                }
                Err(error) => self.source = Source::Broken(error),
            }
        }
    }
}

/// Whether more bytes can come.
enum Source {
    Open,
    /// They can, but not now. Told by `end`; then what is wanted is tried again.
    Dry,
    /// That was told, so the next read may wait.
    Awaited,
    Ended,
    /// Told by `end`, once the whole records before it were taken.
    Broken(io::Error),
}

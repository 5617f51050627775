//! Bytes appended, read back by their place: the newest in memory, older ones in a file without a name.
//!
//! ```text
//!  forgotten ──── lost? ──── in the file ──── in memory ──── the chunk being filled
//!  0 …         disk full      oldest first                    next byte = len
//! ```

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes of a chunk; what is in memory is counted, written and forgotten in chunks.
pub const CHUNK: usize = 1 << 20;

/// An append-only sequence of bytes.
#[derive(Debug, Default)]
pub struct Spool {
    /// Chunks in memory, the last of them being filled.
    chunks: VecDeque<Vec<u8>>,
    /// Number of the first chunk in memory.
    first: u64,
    /// Number of the first chunk that was not forgotten.
    kept: u64,
    /// From this chunk on what left the memory could not be written.
    lost: Option<u64>,
    file: Option<File>,
    /// A chunk that was written out, to be filled anew: freed and taken again, memory would fall to pieces.
    spare: Option<Vec<u8>>,
    failure: Option<io::Error>,
}

impl Spool {
    /// Writes to this file once there is need; otherwise one is made then.
    pub fn set_file(&mut self, file: File) {
        self.file.get_or_insert(file);
    }

    /// Appends the parts one behind the other; where they begin.
    pub fn append(&mut self, parts: &[&[u8]]) -> u64 {
        let place = self.len();
        for part in parts {
            let mut rest = *part;
            while !rest.is_empty() {
                if self.chunks.back().is_none_or(|chunk| chunk.len() == CHUNK) {
                    self.chunks.push_back(self.spare.take().unwrap_or_else(|| Vec::with_capacity(CHUNK)));
                }
                let chunk = self.chunks.back_mut().expect("one was just added where there was none");
                let (now, later) = rest.split_at(rest.len().min(CHUNK - chunk.len()));
                chunk.extend_from_slice(now);
                rest = later;
            }
        }
        place
    }

    /// Writes the oldest full chunks out until those in memory take at most `budget` bytes, the one being filled apart.
    ///
    /// Where they cannot be written they are lost, and [`failure`](Self::failure) tells why.
    pub fn fit(&mut self, budget: usize) {
        while self.chunks.len() > 1 && (self.chunks.len() - 1) * CHUNK > budget {
            let Some(mut chunk) = self.chunks.pop_front() else { return };
            let number = self.first;
            self.first += 1;
            if self.lost.is_none()
                && let Err(error) = self.write(number, &chunk)
            {
                self.failure = Some(error);
                self.lost = Some(number);
            }
            chunk.clear();
            self.spare = Some(chunk);
        }
    }

    /// Gives back what lies before `place`, in memory and on the disk.
    pub fn forget(&mut self, place: u64) {
        let kept = (place / CHUNK as u64).max(self.kept);
        while self.first < kept && self.chunks.len() > 1 {
            self.chunks.pop_front();
            self.first += 1;
        }
        let (from, to) = (self.kept, kept.min(self.first));
        self.kept = kept;
        #[cfg(target_os = "linux")]
        if let Some(file) = &self.file
            && from < to
        {
            use rustix::fs::{FallocateFlags, fallocate};
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // A file system that cannot do so keeps the bytes until the end; nothing else is wrong then.
            let _ = fallocate(file, flags, from * CHUNK as u64, (to - from) * CHUNK as u64);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (from, to);
    }

    /// Appends the `count` bytes at `place` to `out`.
    ///
    /// # Errors
    /// When they were forgotten or lost, or the system cannot read them.
    pub fn read(&self, place: u64, count: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let (mut at, end) = (place, place + count as u64);
        while at < end {
            let number = at / CHUNK as u64;
            let within = (at % CHUNK as u64) as usize;
            let here = (CHUNK - within).min((end - at) as usize);
            if number >= self.first {
                let chunk = self.chunks.get((number - self.first) as usize);
                let bytes = chunk.and_then(|chunk| chunk.get(within..within + here));
                out.extend_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            } else if number < self.kept || self.lost.is_some_and(|lost| number >= lost) {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no longer kept"));
            } else {
                let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
                let start = out.len();
                out.resize(start + here, 0);
                file.read_exact_at(&mut out[start..], at)?;
            }
            at += here as u64;
        }
        Ok(())
    }

    /// Bytes appended so far, those forgotten too.
    pub fn len(&self) -> u64 {
        let last = self.chunks.back().map_or(0, Vec::len);
        let full = self.chunks.len().saturating_sub(1) as u64;
        (self.first + full) * CHUNK as u64 + last as u64
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory taken.
    pub fn memory(&self) -> usize {
        (self.chunks.len() + usize::from(self.spare.is_some())) * CHUNK
    }

    /// Bytes on the disk.
    pub fn spilled(&self) -> u64 {
        let end = self.lost.unwrap_or(self.first);
        end.saturating_sub(self.kept) * CHUNK as u64
    }

    /// Why bytes could not be written to the file, where that happened.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    fn write(&mut self, number: u64, chunk: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            // In $TMPDIR; it has no name there, so nothing of it is left however we end.
            self.file = Some(tempfile::tempfile()?);
        }
        let file = self.file.as_ref().expect("made above where there was none");
        file.write_all_at(chunk, number * CHUNK as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(from: u64, count: usize) -> Vec<u8> {
        (from..from + count as u64).map(|at| (at % 251) as u8).collect()
    }

    /// Five and a half chunks, appended in odd pieces.
    fn filled() -> Spool {
        let mut spool = Spool::default();
        while spool.len() < 11 * CHUNK as u64 / 2 {
            let at = spool.len();
            assert_eq!(spool.append(&[&pattern(at, 70_001), &pattern(at + 70_001, 13)]), at);
        }
        spool
    }

    #[test]
    fn what_left_the_memory_reads_the_same() {
        let mut spool = filled();
        spool.fit(2 * CHUNK);
        assert_eq!((spool.memory(), spool.spilled()), (4 * CHUNK, 3 * CHUNK as u64));
        for place in [0, CHUNK as u64 - 5, 3 * CHUNK as u64 - 100, spool.len() - 300_000] {
            let mut out = b"before".to_vec();
            spool.read(place, 300_000, &mut out).expect("kept");
            assert_eq!(&out[6..], pattern(place, 300_000));
        }
    }

    #[test]
    fn what_was_forgotten_is_an_error_and_what_is_behind_it_is_not() {
        let mut spool = filled();
        spool.fit(CHUNK);
        spool.forget(2 * CHUNK as u64 + 10);
        assert!(spool.read(2 * CHUNK as u64 - 1, 1, &mut Vec::new()).is_err());
        let mut out = Vec::new();
        spool.read(2 * CHUNK as u64, 10, &mut out).expect("the chunk holds more than what was forgotten");
        assert_eq!(out, pattern(2 * CHUNK as u64, 10));
        spool.forget(spool.len());
        assert_eq!(spool.memory(), 2 * CHUNK);
    }

    #[test]
    fn nothing_behind_the_end_is_read() {
        let spool = filled();
        assert!(spool.read(spool.len() - 1, 2, &mut Vec::new()).is_err());
    }
}

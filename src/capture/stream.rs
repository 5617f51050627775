//! From an open file or pipe to the bytes of the capture in it: decompressed, and deaf to nothing.
//!
//! Compression is recognised by its magic number, so that a pipe and a misnamed file are read as well.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::ahead::Ahead;
use super::inflate::{Gunzip, Unzstd};

/// How long an interrupt may go unnoticed while a pipe is silent.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// Compressed bytes read at once.
const COMPRESSED_BLOCK: usize = 64 << 10;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// Second to fourth byte of a skippable frame, with which pzstd and the seekable format begin; the first is 0x50 to 0x5f.
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// The decompressed bytes of an input.
pub(super) enum Stream {
    Plain(Tap),
    /// Of a pipe: what is there is read at once.
    Packed(Packed),
    /// Of a regular file.
    Ahead(Ahead),
}

/// A compressed input, and what decompresses it.
pub(super) enum Packed {
    Gzip(Box<Gunzip<BufReader<Tap>>>),
    Zstd(Box<Unzstd<BufReader<Tap>>>),
}

impl Stream {
    /// Looks at the first bytes, so it waits for them where `file` is a pipe.
    pub(super) fn new(file: File, interrupt: Arc<AtomicBool>) -> io::Result<Self> {
        let mut tap = Tap::new(file, interrupt)?;
        let is_regular = tap.is_regular;
        let buffered = |tap| BufReader::with_capacity(COMPRESSED_BLOCK, tap);
        let packed = match *tap.peek()? {
            [first, second, ..] if [first, second] == GZIP => Packed::Gzip(Box::new(Gunzip::new(buffered(tap)))),
            ZSTD => Packed::Zstd(Box::new(Unzstd::new(buffered(tap))?)),
            [0x50..=0x5f, ref rest @ ..] if *rest == ZSTD_SKIPPABLE => {
                Packed::Zstd(Box::new(Unzstd::new(buffered(tap))?))
            }
            _ => return Ok(Self::Plain(tap)),
        };
        Ok(if is_regular { Self::Ahead(Ahead::begin(packed)?) } else { Self::Packed(packed) })
    }

    /// Bytes read of the input so far, compressed where it is.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(tap) => tap.bytes_read(),
            Self::Packed(packed) => packed.tap().bytes_read(),
            Self::Ahead(ahead) => ahead.bytes_read(),
        }
    }

    /// Whether reading on may have to wait; never of a regular file.
    pub(super) fn is_dry(&self) -> bool {
        match self {
            Self::Plain(tap) => tap.is_dry(),
            Self::Packed(packed) => packed.tap().is_dry(),
            Self::Ahead(_) => false,
        }
    }

    /// Whether the stream ended because of an interrupt.
    pub(super) fn is_interrupted(&self) -> bool {
        match self {
            Self::Plain(tap) => tap.is_interrupted(),
            Self::Packed(packed) => packed.tap().is_interrupted(),
            Self::Ahead(ahead) => ahead.is_interrupted(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tap) => tap.read(buffer),
            Self::Packed(packed) => packed.read(buffer),
            Self::Ahead(ahead) => ahead.read(buffer),
        }
    }
}

impl Packed {
    pub(super) fn tap(&self) -> &Tap {
        match self {
            Self::Gzip(gunzip) => gunzip.get_ref().get_ref(),
            Self::Zstd(unzstd) => unzstd.get_ref().get_ref(),
        }
    }
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(gunzip) => gunzip.read(buffer),
            Self::Zstd(unzstd) => unzstd.read(buffer),
        }
    }
}

/// A file or pipe that ends at its end, or when the user interrupts.
pub(super) struct Tap {
    file: File,
    /// A regular file never makes wait; a pipe, a socket or a device may.
    is_regular: bool,
    interrupt: Arc<AtomicBool>,
    interrupted: bool,
    read: u64,
    /// The magic number, zeros where there are fewer bytes.
    head: [u8; 4],
    /// What of `head` was not handed on yet.
    pending: std::ops::Range<usize>,
}

impl Tap {
    fn new(file: File, interrupt: Arc<AtomicBool>) -> io::Result<Self> {
        let is_regular = file.metadata()?.is_file();
        Ok(Self { file, is_regular, interrupt, interrupted: false, read: 0, head: [0; 4], pending: 0..0 })
    }

    /// The first bytes, without taking them; zeros behind the end.
    fn peek(&mut self) -> io::Result<&[u8; 4]> {
        while self.pending.end < self.head.len() {
            let mut head = self.head;
            match self.read_file(&mut head[self.pending.end..])? {
                0 => break,
                count => self.pending.end += count,
            }
            self.head = head;
        }
        Ok(&self.head)
    }

    fn read_file(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.interrupt.load(Ordering::Relaxed) {
                self.interrupted = true;
                return Ok(0);
            }
            if !self.is_regular && !self.wait()? {
                continue;
            }
            match self.file.read(buffer) {
                Ok(count) => {
                    self.read += count as u64;
                    return Ok(count);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    fn is_dry(&self) -> bool {
        // An error is told by the read that follows.
        !self.is_regular && self.pending.is_empty() && matches!(self.poll(&NOW), Ok(false))
    }

    /// Waits a moment for bytes or the end; whether there is either.
    fn wait(&self) -> io::Result<bool> {
        self.poll(&PATIENCE)
    }

    fn poll(&self, patience: &Timespec) -> io::Result<bool> {
        let mut files = [PollFd::new(&self.file, PollFlags::IN)];
        match poll(&mut files, Some(patience)) {
            Ok(count) => Ok(count > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.is_empty() {
            return self.read_file(buffer);
        }
        let count = (&self.head[self.pending.clone()]).read(buffer)?;
        self.pending.start += count;
        Ok(count)
    }
}

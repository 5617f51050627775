//! Decompresses ahead of the reader, in a thread of its own.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::stream::Packed;

/// Decompressed at once.
const BLOCK: usize = 256 << 10;
/// Blocks that wait to be read at most.
const WAITING: usize = 2;

/// The decompressed bytes of a regular file.
pub(super) struct Ahead {
    blocks: Receiver<Block>,
    /// Blocks that were read go back to be filled again.
    empty: Sender<Vec<u8>>,
    current: Block,
    /// How much of it was read.
    at: usize,
    thread: Option<JoinHandle<()>>,
}

/// Some bytes, and what is behind them.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    fault: Option<io::Error>,
    /// Compressed bytes read so far.
    read: u64,
    interrupted: bool,
}

impl Ahead {
    /// Begins to decompress.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn begin(packed: Packed) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(WAITING);
        let (empty, empties) = channel();
        let thread = Builder::new().name("decompress".to_owned()).spawn(move || unpack(packed, &sender, &empties))?;
        Ok(Self { blocks, empty, current: Block::default(), at: 0, thread: Some(thread) })
    }

    /// Compressed bytes that were read for what was handed on.
    pub(super) fn bytes_read(&self) -> u64 {
        self.current.read
    }

    /// Whether it ended because of an interrupt.
    pub(super) fn is_interrupted(&self) -> bool {
        self.current.interrupted
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.bytes.len() {
            if let Some(fault) = self.current.fault.take() {
                return Err(fault);
            }
            let Ok(block) = self.blocks.recv() else {
                // It ends without a last word only by a panic, which is passed on.
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    std::panic::resume_unwind(panic);
                }
                return Ok(0);
            };
            let read = std::mem::replace(&mut self.current, block);
            self.at = 0;
            // At the end nobody fills it again.
            let _ = self.empty.send(read.bytes);
        }
        let count = (&self.current.bytes[self.at..]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

/// Decompresses until the end, a fault, or until nobody reads any more.
fn unpack(mut packed: Packed, blocks: &SyncSender<Block>, empties: &Receiver<Vec<u8>>) {
    let mut over = false;
    while !over {
        let mut bytes = empties.try_recv().unwrap_or_default();
        bytes.resize(BLOCK, 0);
        let (mut filled, mut fault) = (0, None);
        while filled < bytes.len() && !over {
            match packed.read(&mut bytes[filled..]) {
                Ok(count) => (filled, over) = (filled + count, count == 0),
                Err(error) => (fault, over) = (Some(error), true),
            }
        }
        bytes.truncate(filled);
        let (read, interrupted) = (packed.tap().bytes_read(), packed.tap().is_interrupted());
        if blocks.send(Block { bytes, fault, read, interrupted }).is_err() {
            return;
        }
    }
}

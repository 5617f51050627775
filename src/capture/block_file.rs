//! From pcapng blocks to a file that ends behind a whole block, whatever happens to us or to the disk.
//!
//! Blocks are gathered and written many at a time, so that a kill loses what was gathered, and cuts none. Where the disk
//! is full the file is cut back to the last whole block.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// So many bytes are gathered at most.
const GATHERED: usize = 64 << 10;

/// A file of blocks.
#[derive(Debug)]
pub(super) struct BlockFile {
    target: Target,
    /// Whole blocks that were not written yet.
    gathered: Vec<u8>,
    /// Bytes written before them.
    written: u64,
}

#[derive(Debug)]
enum Target {
    Stdout(io::Stdout),
    File(File),
}

impl BlockFile {
    /// Makes the file, or empties it; `-` is standard output.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let target =
            if path.as_os_str() == "-" { Target::Stdout(io::stdout()) } else { Target::File(File::create(path)?) };
        Ok(Self { target, gathered: Vec::new(), written: 0 })
    }

    /// Bytes of it, those included that are not written yet.
    pub(super) fn len(&self) -> u64 {
        self.written + self.gathered.len() as u64
    }

    fn cut_back(&self) {
        let Target::File(file) = &self.target else { return };
        let Ok(metadata) = file.metadata() else { return };
        if metadata.is_file() && metadata.len() > self.written {
            let whole = whole_blocks(&self.gathered, metadata.len() - self.written);
            // Where that fails, readers still have all whole blocks, and say that one is cut.
            let _ = file.set_len(self.written + whole);
        }
    }
}

impl Write for BlockFile {
    /// Takes whole blocks.
    fn write(&mut self, blocks: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + blocks.len() > GATHERED {
            self.flush()?;
        }
        self.gathered.extend_from_slice(blocks);
        Ok(blocks.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = match &mut self.target {
            Target::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(&self.gathered).and_then(|()| stdout.flush())
            }
            Target::File(file) => file.write_all(&self.gathered),
        };
        if written.is_err() {
            self.cut_back();
        }
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        written
    }
}

/// Bytes of the whole blocks among the first `len` of these.
fn whole_blocks(mut blocks: &[u8], len: u64) -> u64 {
    let mut whole = 0;
    while let Some(&[a, b, c, d]) = blocks.get(4..8) {
        let block = u64::from(u32::from_le_bytes([a, b, c, d]));
        if whole + block > len {
            break;
        }
        whole += block;
        blocks = &blocks[block as usize..];
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::whole_blocks;

    #[test]
    fn a_cut_block_is_none() {
        let block = |len: u8| [&[6, 0, 0, 0, len, 0, 0, 0][..], &vec![0; usize::from(len) - 8]].concat();
        let blocks = [block(12), block(20), block(16)].concat();
        for (len, whole) in [(0, 0), (11, 0), (12, 12), (31, 12), (32, 32), (47, 32), (48, 48), (99, 48)] {
            assert_eq!(whole_blocks(&blocks, len), whole);
        }
    }
}

//! From gzip (RFC 1952) and Zstandard (RFC 8878) to what was compressed.
//!
//! The readers of flate2 and zstd lose what they decompressed in the very call in which they meet a fault; these hand on
//! every byte before it. A fault is `InvalidData`, an end inside a member or frame `UnexpectedEof`.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder, Operation};

/// gzip's `MAX_WBITS`.
const WINDOW_BITS: u8 = 15;
/// Zstandard blocks begin with so many bytes, which its decoder counts as the end of the block before.
const BLOCK_HEADER: usize = 3;

/// Decompresses gzip members, one after the other.
pub(super) struct Gunzip<R> {
    input: R,
    /// `None` between members.
    member: Option<Decompress>,
}

impl<R> Gunzip<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, member: None }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.input
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            if at_end && self.member.is_none() {
                return Ok(0);
            }
            let member = self.member.get_or_insert_with(|| Decompress::new_gzip(WINDOW_BITS));
            let (before_in, before_out) = (member.total_in(), member.total_out());
            let result = member.decompress(input, output, FlushDecompress::None);
            let consumed = (member.total_in() - before_in) as usize;
            let produced = (member.total_out() - before_out) as usize;
            self.input.consume(consumed);
            if matches!(result, Ok(Status::StreamEnd)) {
                self.member = None;
            }
            if produced > 0 {
                // A fault behind these bytes stays in the decompressor's state and is told at the next call.
                return Ok(produced);
            }
            match result {
                Err(error) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, format!("gzip: {error}")));
                }
                Ok(Status::Ok | Status::BufError) if at_end => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(Status::Ok | Status::BufError | Status::StreamEnd) => {}
            }
        }
    }
}

/// Decompresses Zstandard frames, one after the other.
pub(super) struct Unzstd<R> {
    input: R,
    decoder: Decoder<'static>,
    /// How much the decoder asks for; 0 between frames.
    wanted: usize,
}

impl<R> Unzstd<R> {
    pub(super) fn new(input: R) -> io::Result<Self> {
        Ok(Self { input, decoder: Decoder::new()?, wanted: 0 })
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.input
    }
}

impl<R: BufRead> Read for Unzstd<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            if at_end && self.wanted == 0 {
                return Ok(0);
            }
            // One block at a time, without the header of the next: a fault in that would take this block with it.
            let piece = match self.wanted {
                0..=BLOCK_HEADER => self.wanted.max(1),
                wanted => wanted - BLOCK_HEADER,
            };
            let input = &input[..piece.min(input.len())];
            let status = match self.decoder.run_on_buffers(input, output) {
                Ok(status) => status,
                Err(error) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}")));
                }
            };
            self.wanted = status.remaining;
            self.input.consume(status.bytes_read);
            if status.bytes_written > 0 {
                return Ok(status.bytes_written);
            }
            if at_end && status.remaining > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// 600 KiB that compress to something, in several Zstandard blocks.
    fn plain() -> Vec<u8> {
        (0..150_u32 << 10).flat_map(|n| (n.wrapping_mul(2_654_435_761) & 0xffff).to_le_bytes()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("into memory");
        encoder.finish().expect("into memory")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).expect("into memory")
    }

    /// All that can be had, and how it ended.
    fn drain(mut reader: impl Read) -> (Vec<u8>, Option<io::ErrorKind>) {
        let mut all = Vec::new();
        let mut block = vec![0; 256 << 10];
        loop {
            match reader.read(&mut block) {
                Ok(0) => return (all, None),
                Ok(count) => all.extend_from_slice(&block[..count]),
                Err(error) => return (all, Some(error.kind())),
            }
        }
    }

    fn unzstd(bytes: &[u8]) -> Unzstd<&[u8]> {
        Unzstd::new(bytes).expect("memory for a decoder")
    }

    #[test]
    fn members_and_frames_follow_each_other() {
        let plain = plain();
        let (first, second) = plain.split_at(1000);
        assert!(drain(Gunzip::new(&[gzip(first), gzip(b""), gzip(second)].concat()[..])) == (plain.clone(), None));
        assert!(drain(unzstd(&[zstd(first), zstd(b""), zstd(second)].concat())) == (plain, None));
    }

    #[test]
    fn a_cut_is_an_unexpected_end_behind_a_true_prefix() {
        let plain = plain();
        for (compressed, is_gzip) in [(gzip(&plain), true), (zstd(&plain), false)] {
            for cut in (1..compressed.len()).step_by(1 + compressed.len() / 50) {
                let bytes = &compressed[..cut];
                let (out, end) = if is_gzip { drain(Gunzip::new(bytes)) } else { drain(unzstd(bytes)) };
                assert_eq!(end, Some(io::ErrorKind::UnexpectedEof), "cut at {cut}");
                assert!(plain.starts_with(&out), "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_stands_before_a_fault_is_handed_on() {
        let plain = plain();
        // A second member or frame with a fault in its first bytes: the first must come whole.
        let broken = [gzip(&plain), b"\x1f\x8b\x07 not deflate".to_vec()].concat();
        assert!(drain(Gunzip::new(&broken[..])) == (plain.clone(), Some(io::ErrorKind::InvalidData)));
        let broken = [zstd(&plain), b"garbage behind the frame".to_vec()].concat();
        assert!(drain(unzstd(&broken)) == (plain.clone(), Some(io::ErrorKind::InvalidData)));

        // A deflate block of the reserved type 3 behind a stored block.
        let mut stored = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x00\x05\0\xfa\xffhello\x06".to_vec();
        assert_eq!(drain(Gunzip::new(&stored[..])), (b"hello".to_vec(), Some(io::ErrorKind::InvalidData)));
        stored.truncate(18);
        assert_eq!(drain(Gunzip::new(&stored[..])), (b"hel".to_vec(), Some(io::ErrorKind::UnexpectedEof)));

        // A Zstandard block of the reserved type 3 behind a raw block.
        let raw = b"\x28\xb5\x2f\xfd\x00\x58\x28\0\0hello\x06\0\0";
        assert_eq!(drain(unzstd(raw)), (b"hello".to_vec(), Some(io::ErrorKind::InvalidData)));
    }
}

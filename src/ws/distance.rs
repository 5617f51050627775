//! How far back DEFLATE data refers (RFC 1951 §3.2), to hold it against the agreed window (RFC 7692 §7.1.2).
//!
//! An inflater with a large window does not tell, and one with a small window fails where its own buffers end. So
//! where less than 32 KiB was agreed, which is rare, the codes are read a second time, without putting anything out.

/// Reads the distances in the messages of one direction.
#[derive(Debug)]
pub struct Distances {
    limit: u16,
    state: State,
    /// Bytes not yet read to their end, at most one block header and a few codes.
    pending: Vec<u8>,
    /// Bits of `pending` that are read.
    read: usize,
}

#[derive(Debug)]
enum State {
    BlockHeader,
    /// Bytes of a stored block that are left, and whether it is the last of its stream.
    Stored(usize, bool),
    Codes(Box<Codes>, bool),
    /// A distance was too far, or this is no DEFLATE data: nothing more is told of this message.
    Over,
}

#[derive(Debug)]
struct Codes {
    literals: Huffman,
    distances: Huffman,
}

/// Why reading stopped.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    NeedsMore,
    Invalid,
    TooFar(u16),
}

const LENGTH_EXTRA: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_EXTRA: [u8; 30] =
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
];
/// The order in which the lengths of the code length codes are sent (§3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Distances {
    /// For a window of 2^`window_bits` bytes; `None` where no distance can be too far.
    pub fn new(window_bits: u8) -> Option<Self> {
        let limit = (window_bits < 15).then(|| 1 << window_bits)?;
        Some(Self { limit, state: State::BlockHeader, pending: Vec::new(), read: 0 })
    }

    /// A message begins.
    pub fn begin(&mut self) {
        self.state = State::BlockHeader;
        self.pending.clear();
        self.read = 0;
    }

    /// Takes compressed bytes; the first distance of the message that is too far, told once.
    pub fn push(&mut self, bytes: &[u8]) -> Option<u16> {
        if matches!(self.state, State::Over) {
            return None;
        }
        self.pending.extend_from_slice(bytes);
        let stop = loop {
            // Whatever cannot be read to its end is read again from its start when more has come.
            let mark = self.read;
            if let Err(stop) = self.step() {
                if stop == Stop::NeedsMore {
                    self.read = mark;
                }
                break stop;
            }
        };
        self.pending.drain(..self.read / 8);
        self.read %= 8;
        match stop {
            Stop::NeedsMore => None,
            Stop::Invalid => {
                self.state = State::Over;
                None
            }
            Stop::TooFar(distance) => {
                self.state = State::Over;
                Some(distance)
            }
        }
    }

    fn step(&mut self) -> Result<(), Stop> {
        let mut bits = Bits { bytes: &self.pending, read: self.read };
        match &mut self.state {
            State::BlockHeader => {
                let last = bits.take(1)? == 1;
                self.state = match bits.take(2)? {
                    0 => {
                        bits.align();
                        let length = bits.take(16)?;
                        if bits.take(16)? != !length & 0xffff {
                            return Err(Stop::Invalid);
                        }
                        State::Stored(length as usize, last)
                    }
                    1 => State::Codes(Box::new(Codes::fixed()), last),
                    2 => State::Codes(Box::new(Codes::read(&mut bits)?), last),
                    _ => return Err(Stop::Invalid),
                };
            }
            State::Stored(left, last) => {
                let skipped = (*left).min(bits.bytes.len() - bits.read / 8);
                bits.read += 8 * skipped;
                *left -= skipped;
                if *left > 0 {
                    self.read = bits.read;
                    return if skipped == 0 { Err(Stop::NeedsMore) } else { Ok(()) };
                }
                // A new stream may follow the last block of one (RFC 7692 §7.2.3.4), and begins with a byte.
                if *last {
                    bits.align();
                }
                self.state = State::BlockHeader;
            }
            State::Codes(codes, last) => {
                if codes.step(&mut bits, self.limit)? {
                    if *last {
                        bits.align();
                    }
                    self.state = State::BlockHeader;
                }
            }
            State::Over => return Err(Stop::Invalid),
        }
        self.read = bits.read;
        Ok(())
    }
}

impl Codes {
    fn fixed() -> Self {
        let lengths: [u8; 288] = std::array::from_fn(|symbol| match symbol {
            0..=143 => 8,
            144..=255 => 9,
            256..=279 => 7,
            _ => 8,
        });
        Self { literals: Huffman::new(&lengths), distances: Huffman::new(&[5; 30]) }
    }

    /// Reads the codes of a block with dynamic Huffman codes (§3.2.7).
    fn read(bits: &mut Bits<'_>) -> Result<Self, Stop> {
        let literals = bits.take(5)? as usize + 257;
        let distances = bits.take(5)? as usize + 1;
        let count = bits.take(4)? as usize + 4;
        let mut lengths = [0; 19];
        for &symbol in &ORDER[..count] {
            lengths[symbol] = bits.take(3)? as u8;
        }
        let code_lengths = Huffman::new(&lengths);
        let mut lengths = Vec::with_capacity(320);
        while lengths.len() < literals + distances {
            let (value, times) = match code_lengths.symbol(bits)? {
                length @ 0..=15 => (length as u8, 1),
                16 => (*lengths.last().ok_or(Stop::Invalid)?, 3 + bits.take(2)?),
                17 => (0, 3 + bits.take(3)?),
                _ => (0, 11 + bits.take(7)?),
            };
            lengths.extend(std::iter::repeat_n(value, times as usize));
        }
        let (literals, distances) = lengths.get(..literals + distances).ok_or(Stop::Invalid)?.split_at(literals);
        Ok(Self { literals: Huffman::new(literals), distances: Huffman::new(distances) })
    }

    /// Reads one literal, or one length and distance; whether the block ended.
    fn step(&self, bits: &mut Bits<'_>, limit: u16) -> Result<bool, Stop> {
        let symbol = match self.literals.symbol(bits)? {
            0..=255 => return Ok(false),
            256 => return Ok(true),
            length => usize::from(length) - 257,
        };
        bits.take(*LENGTH_EXTRA.get(symbol).ok_or(Stop::Invalid)?)?;
        let symbol = usize::from(self.distances.symbol(bits)?);
        let extra = bits.take(*DISTANCE_EXTRA.get(symbol).ok_or(Stop::Invalid)?)?;
        let distance = DISTANCE_BASE[symbol] + extra as u16;
        if distance > limit { Err(Stop::TooFar(distance)) } else { Ok(false) }
    }
}

/// A canonical Huffman code (§3.2.2): how many codes there are of each length, and their symbols in order.
#[derive(Debug)]
struct Huffman {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Huffman {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        let mut symbols: Vec<u16> =
            (0..lengths.len() as u16).filter(|&symbol| lengths[usize::from(symbol)] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
        for &symbol in &symbols {
            counts[usize::from(lengths[usize::from(symbol)])] += 1;
        }
        Self { counts, symbols }
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Result<u16, Stop> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &self.counts[1..] {
            code |= bits.take(1)?;
            let count = u32::from(count);
            if code < first + count {
                let at = index + code.checked_sub(first).ok_or(Stop::Invalid)?;
                return self.symbols.get(at as usize).copied().ok_or(Stop::Invalid);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Stop::Invalid)
    }
}

/// Bits of bytes, the lowest first (§3.1.1).
struct Bits<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl Bits<'_> {
    /// The next `count` bits as a number, at most 16.
    fn take(&mut self, count: u8) -> Result<u32, Stop> {
        let mut value = 0;
        for bit in 0..count {
            let byte = self.bytes.get(self.read / 8).ok_or(Stop::NeedsMore)?;
            value |= u32::from(byte >> (self.read % 8) & 1) << bit;
            self.read += 1;
        }
        Ok(value)
    }

    fn align(&mut self) {
        self.read = self.read.next_multiple_of(8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zlib_rs::{Deflate, DeflateFlush};

    /// Compresses with a window of 15 bits, flushed as permessage-deflate does, without the tail.
    fn deflate(text: &[u8], level: i32) -> Vec<u8> {
        let mut out = vec![0; text.len() + 1000];
        let mut deflate = Deflate::new(level, false, 15);
        deflate.compress(text, &mut out, DeflateFlush::SyncFlush).expect("room enough");
        out.truncate(deflate.total_out() as usize - 4);
        out
    }

    fn scan(window_bits: u8, wire: &[u8], piece: usize) -> Option<u16> {
        let mut distances = Distances::new(window_bits).expect("less than 15");
        wire.chunks(piece).chain([&[0, 0, 0xff, 0xff][..]]).find_map(|piece| distances.push(piece))
    }

    /// Bytes that repeat after `distance`, and nowhere nearer.
    fn repeating(distance: usize) -> Vec<u8> {
        let noise = (0..distance).scan(1u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 24) as u8)
        });
        let noise: Vec<u8> = noise.collect();
        [&noise[..], &noise[..distance / 2]].concat()
    }

    #[test]
    fn a_distance_beyond_the_window_is_told_and_one_within_is_not() {
        for distance in [300, 1000, 5000] {
            let bits = (distance as f64).log2().floor() as u8;
            for level in [1, 6, 9] {
                let wire = deflate(&repeating(distance), level);
                for piece in [1, 7, wire.len()] {
                    assert_eq!(scan(bits, &wire, piece), Some(distance as u16), "level {level}");
                    assert_eq!(scan(bits + 1, &wire, piece), None, "level {level}");
                }
            }
        }
    }

    #[test]
    fn dynamic_blocks_are_read_to_their_end() {
        let text: Vec<u8> = (0..60_000u32).flat_map(|n| format!("{{\"n\":{}}}", n % 97).into_bytes()).collect();
        let wire = deflate(&text, 9);
        for piece in [3, wire.len()] {
            let mut distances = Distances::new(14).expect("less than 15");
            assert!(wire.chunks(piece).all(|piece| distances.push(piece).is_none()));
            assert!(!matches!(distances.state, State::Over), "read without a fault");
            assert!(distances.pending.len() < 400);
        }
    }

    #[test]
    fn what_is_no_deflate_data_is_passed_over() {
        for first in 0..=255 {
            scan(9, &[first, 0xff, 0x37, 0x9a, 0xff, 0x00, 0x80, 0x11, 0x5c, first, 0xee], 2);
        }
        assert!(Distances::new(15).is_none());
    }
}

//! DEFLATE data to literals and copies (RFC 1951 §3.2), piece by piece.
//!
//! What an inflater does behind closed doors, for those who must see the distances: to hold them against the agreed
//! window ([`distance`](crate::ws::distance)), and to copy out of a window that is not wholly known
//! ([`partial`](crate::ws::partial)). Whoever needs only the bytes takes the library's inflater, which is faster.

/// What DEFLATE data consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    /// A byte.
    Literal(u8),
    /// `length` (3-258) bytes again that stand `distance` (1-32768) bytes back.
    Copy {
        /// How many.
        length: usize,
        /// How far back the first one stands.
        distance: usize,
    },
}

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The rest of a symbol has not come.
    NeedsMore,
    /// This is no DEFLATE data.
    Invalid,
}

/// Reads the symbols of one message after the other.
#[derive(Debug, Default)]
pub struct Symbols {
    state: State,
    /// Bytes not yet read to their end: what came last, and at most one block header before it.
    pending: Vec<u8>,
    /// Bits of `pending` that are read.
    read: usize,
    /// Whether the block that is being read is the last of its stream (BFINAL).
    last: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    BlockHeader,
    /// Bytes of a stored block that are left.
    Stored(usize),
    Fixed,
    Dynamic(Box<Codes>),
}

/// What a sender leaves away at the end of each message (RFC 7692 §7.2.1), and an empty block with BFINAL set.
const TAIL_AND_LAST: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x03, 0x00];

const LENGTH_EXTRA: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const LENGTH_BASE: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const DISTANCE_EXTRA: [u8; 30] =
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
];
/// The order in which the lengths of the code length codes are sent (§3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Symbols {
    /// A message begins.
    pub fn begin(&mut self) {
        *self = Self { pending: std::mem::take(&mut self.pending), ..Self::default() };
        self.pending.clear();
    }

    /// Adds compressed bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.pending.drain(..self.read / 8);
        self.read %= 8;
        self.pending.extend_from_slice(bytes);
    }

    /// The next symbol of what was added.
    pub fn read(&mut self) -> Result<Symbol, Stop> {
        loop {
            // Whatever cannot be read to its end is read again from its start when more has come.
            let mut bits = Bits { bytes: &self.pending, read: self.read };
            let symbol = match &mut self.state {
                State::BlockHeader => {
                    (self.state, self.last) = begin_block(&mut bits)?;
                    self.read = bits.read;
                    continue;
                }
                State::Stored(0) => None,
                State::Stored(left) => {
                    let byte = bits.take(8)?;
                    *left -= 1;
                    Some(Symbol::Literal(byte as u8))
                }
                State::Fixed => FIXED.symbol(&mut bits)?,
                State::Dynamic(codes) => codes.symbol(&mut bits)?,
            };
            if symbol.is_none() {
                self.state = State::BlockHeader;
                // A new stream may follow the last block of one (RFC 7692 §7.2.3.4), and begins with a byte.
                if self.last {
                    bits.read = bits.read.next_multiple_of(8);
                }
            }
            self.read = bits.read;
            if let Some(symbol) = symbol {
                return Ok(symbol);
            }
        }
    }

    /// All of a message was added, and its symbols were read. Whether it ends where a block does (§7.2.1).
    pub fn ends_with_block(&mut self) -> bool {
        let all_read = matches!(self.state, State::BlockHeader) && self.read == 8 * self.pending.len();
        // Nothing at all, or a last block: nothing is open.
        if all_read && (self.pending.is_empty() || self.last) {
            return true;
        }
        // What was left away makes an empty block; another one shows that it did, and ended there.
        self.push(&TAIL_AND_LAST);
        self.read() == Err(Stop::NeedsMore)
            && self.last
            && matches!(self.state, State::BlockHeader)
            && self.read == 8 * self.pending.len()
    }
}

/// Reads what a block begins with; whether it is the last of its stream.
fn begin_block(bits: &mut Bits<'_>) -> Result<(State, bool), Stop> {
    let last = bits.take(1)? == 1;
    let state = match bits.take(2)? {
        0 => {
            bits.read = bits.read.next_multiple_of(8);
            let length = bits.take(16)?;
            if bits.take(16)? != !length & 0xffff {
                return Err(Stop::Invalid);
            }
            State::Stored(length as usize)
        }
        1 => State::Fixed,
        2 => State::Dynamic(Box::new(Codes::read(bits)?)),
        _ => return Err(Stop::Invalid),
    };
    Ok((state, last))
}

/// The two codes of a block.
#[derive(Debug)]
struct Codes {
    literals: Huffman,
    distances: Huffman,
}

/// The codes of a block with fixed Huffman codes (§3.2.6).
static FIXED: Codes = {
    let mut lengths = [8; 288];
    let mut symbol = 144;
    while symbol < 280 {
        lengths[symbol] = if symbol < 256 { 9 } else { 7 };
        symbol += 1;
    }
    Codes { literals: Huffman::new(&lengths), distances: Huffman::new(&[5; 32]) }
};

impl Codes {
    /// Reads the codes of a block with dynamic Huffman codes (§3.2.7).
    fn read(bits: &mut Bits<'_>) -> Result<Self, Stop> {
        let literals = bits.take(5)? as usize + 257;
        let distances = bits.take(5)? as usize + 1;
        let count = bits.take(4)? as usize + 4;
        if literals > 286 || distances > 30 {
            return Err(Stop::Invalid);
        }
        let mut lengths = [0; 19];
        for &symbol in &ORDER[..count] {
            lengths[symbol] = bits.take(3)? as u8;
        }
        let code_lengths = Huffman::new(&lengths);
        if !code_lengths.is_complete() {
            return Err(Stop::Invalid);
        }
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
        if lengths.len() > literals + distances || lengths[256] == 0 {
            return Err(Stop::Invalid);
        }
        let (literals, distances) = lengths.split_at(literals);
        let codes = Self { literals: Huffman::new(literals), distances: Huffman::new(distances) };
        // One code alone has one bit, of which only the 0 is used; and there may be no distances at all.
        let usable = |code: &Huffman| code.is_complete() || code.is_single();
        let distances = usable(&codes.distances) || codes.distances.is_empty();
        if usable(&codes.literals) && distances { Ok(codes) } else { Err(Stop::Invalid) }
    }

    /// Reads one literal, or one length and distance; `None`: the block ended.
    fn symbol(&self, bits: &mut Bits<'_>) -> Result<Option<Symbol>, Stop> {
        let symbol = match self.literals.symbol(bits)? {
            literal @ 0..=255 => return Ok(Some(Symbol::Literal(literal as u8))),
            256 => return Ok(None),
            length => usize::from(length) - 257,
        };
        let extra = bits.take(*LENGTH_EXTRA.get(symbol).ok_or(Stop::Invalid)?)?;
        let length = usize::from(LENGTH_BASE[symbol]) + extra as usize;
        let symbol = usize::from(self.distances.symbol(bits)?);
        let extra = bits.take(*DISTANCE_EXTRA.get(symbol).ok_or(Stop::Invalid)?)?;
        let distance = usize::from(DISTANCE_BASE[symbol]) + extra as usize;
        Ok(Some(Symbol::Copy { length, distance }))
    }
}

/// A canonical Huffman code (§3.2.2): how many codes there are of each length, and their symbols in order.
#[derive(Debug)]
struct Huffman {
    counts: [u16; 16],
    symbols: [u16; 288],
}

impl Huffman {
    /// The code in which each symbol has the length that stands in its place, 0 if it has no code.
    const fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        let mut symbol = 0;
        while symbol < lengths.len() {
            counts[lengths[symbol] as usize] += 1;
            symbol += 1;
        }
        counts[0] = 0;
        let mut places = [0; 16];
        let mut length = 1;
        while length < 16 {
            places[length] = places[length - 1] + counts[length - 1];
            length += 1;
        }
        let mut symbols = [0; 288];
        symbol = 0;
        while symbol < lengths.len() {
            let length = lengths[symbol] as usize;
            if length > 0 {
                symbols[places[length] as usize] = symbol as u16;
                places[length] += 1;
            }
            symbol += 1;
        }
        Self { counts, symbols }
    }

    /// Whether each sequence of bits begins with a code, and with one only.
    fn is_complete(&self) -> bool {
        let used: u32 = (1..16).map(|length| u32::from(self.counts[length]) << (15 - length)).sum();
        used == 1 << 15
    }

    fn is_single(&self) -> bool {
        self.counts[1] == 1 && self.counts[2..].iter().all(|&count| count == 0)
    }

    fn is_empty(&self) -> bool {
        self.counts == [0; 16]
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Result<u16, Stop> {
        let (ahead, available) = bits.peek();
        // Codes are sent with their highest bit first.
        let code = ahead.reverse_bits() >> 17;
        let (mut first, mut index) = (0, 0);
        for length in 1..16 {
            let count = u32::from(self.counts[length]);
            let place = (code >> (15 - length)).wrapping_sub(first);
            if place < count {
                if length > available {
                    return Err(Stop::NeedsMore);
                }
                bits.read += length;
                return Ok(self.symbols[(index + place) as usize]);
            }
            index += count;
            first = (first + count) << 1;
        }
        Err(if available < 15 { Stop::NeedsMore } else { Stop::Invalid })
    }
}

/// Bits of bytes, the lowest first (§3.1.1).
struct Bits<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl Bits<'_> {
    /// What comes next, the next bit lowest, and how many bits of it there are: at least 25, or all.
    fn peek(&self) -> (u32, usize) {
        let (at, bit) = (self.read / 8, self.read % 8);
        let rest = &self.bytes[at.min(self.bytes.len())..];
        let four = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut four = [0; 4];
            four[..rest.len()].copy_from_slice(rest);
            four
        });
        (u32::from_le_bytes(four) >> bit, (8 * rest.len().min(4)).saturating_sub(bit))
    }

    /// The next `count` bits as a number, at most 16.
    fn take(&mut self, count: u8) -> Result<u32, Stop> {
        let (ahead, available) = self.peek();
        if available < usize::from(count) {
            return Err(Stop::NeedsMore);
        }
        self.read += usize::from(count);
        Ok(ahead & ((1 << count) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The symbols of a message, and why reading stopped.
    fn read(wire: &[u8]) -> (Vec<Symbol>, Stop) {
        let mut symbols = Symbols::default();
        symbols.push(wire);
        let mut read = Vec::new();
        loop {
            match symbols.read() {
                Ok(symbol) => read.push(symbol),
                Err(stop) => return (read, stop),
            }
        }
    }

    #[test]
    fn examples_of_rfc_7692_section_7_2_3() {
        let hello = b"Hello".map(Symbol::Literal);
        assert_eq!(read(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).0, hello);
        assert_eq!(read(&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]).0, hello);
        let again = [Symbol::Literal(b'H'), Symbol::Copy { length: 4, distance: 5 }];
        assert_eq!(read(&[0xf2, 0x00, 0x11, 0x00, 0x00]).0, again);
    }

    #[test]
    fn what_is_no_deflate_data_is_told() {
        for wire in [
            // a block type that does not exist
            &[0x06, 0, 0, 0][..],
            // a stored block whose length and its complement differ
            &[0x00, 0x05, 0x00, 0x00, 0x00],
            // 31 distance codes
            &[0x04, 0x1e, 0, 0, 0],
            // code lengths of 7 bits each, too few of them
            &[0x04, 0x00, 0xfe, 0xff, 0xff],
            // a length code that does not exist (286, eight bits 11000110)
            &[0x1b, 0x03, 0, 0],
        ] {
            assert_eq!(read(wire).1, Stop::Invalid, "{wire:x?}");
        }
    }

    #[test]
    fn a_message_ends_where_a_block_does() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        for end in 0..=hello.len() {
            let mut symbols = Symbols::default();
            symbols.push(&hello[..end]);
            while symbols.read().is_ok() {}
            assert_eq!(symbols.ends_with_block(), end == 0 || end == hello.len(), "{end} bytes");
        }
    }
}

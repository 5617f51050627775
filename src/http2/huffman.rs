//! Huffman-coded octets to octets (RFC 7541 §5.2).

/// Length of each symbol's code in bits; the last one is the end of the string (RFC 7541, Appendix B).
///
/// The code is canonical, so that the lengths say all: codes of one length are consecutive, in the order of their symbols.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6,
    6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6,
    6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22,
    20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23,
    22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22,
    23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22,
    25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// Length of the longest code in bits.
const LONGEST: usize = 30;

/// The end of the string, which must not stand in one.
const END: u16 = 256;

/// The code, ready to be read.
struct Code {
    /// For each length what lies behind its last code, put in front of 32 bits.
    limit: [u64; LONGEST + 1],
    /// For each length the index of its first symbol in `symbols`, and its first code.
    first: [(usize, u32); LONGEST + 1],
    /// The symbols in the order of their codes.
    symbols: [u16; LENGTHS.len()],
}

static CODE: Code = Code::new();

impl Code {
    const fn new() -> Self {
        let mut code = Self { limit: [0; LONGEST + 1], first: [(0, 0); LONGEST + 1], symbols: [0; LENGTHS.len()] };
        let (mut next, mut count, mut length) = (0, 0, 1);
        while length <= LONGEST {
            next <<= 1;
            code.first[length] = (count, next);
            let mut symbol = 0;
            while symbol < LENGTHS.len() {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[count] = symbol as u16;
                    count += 1;
                    next += 1;
                }
                symbol += 1;
            }
            code.limit[length] = (next as u64) << (32 - length);
            length += 1;
        }
        code
    }

    /// The symbol that begins these 32 bits, and the length of its code.
    fn read(&self, window: u32) -> Option<(u16, usize)> {
        let length = (5..=LONGEST).find(|&length| u64::from(window) < self.limit[length])?;
        let (index, first) = self.first[length];
        let symbol = self.symbols.get(index + ((window >> (32 - length)) - first) as usize)?;
        Some((*symbol, length))
    }
}

/// Decodes a string; `None` where it is not one.
pub fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    // The shortest codes have 5 bits.
    let mut out = Vec::with_capacity(bytes.len() * 8 / 5);
    let mut rest = bytes.iter();
    let (mut bits, mut count) = (0_u64, 0);
    loop {
        while count <= 56
            && let Some(&byte) = rest.next()
        {
            bits |= u64::from(byte) << (56 - count);
            count += 8;
        }
        // §5.2: what fills up the last octet is the beginning of the end's code, all ones, and shorter than an octet.
        if count < 8 && bits == !(u64::MAX >> count) {
            return Some(out);
        }
        let (symbol, length) = CODE.read((bits >> 32) as u32)?;
        if length > count || symbol == END {
            return None;
        }
        out.push(symbol as u8);
        bits <<= length;
        count -= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_rfc_7541_appendix_c_4() {
        let cases: [(&[u8], &[u8]); 3] = [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff], b"www.example.com"),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], b"no-cache"),
            (&[], b""),
        ];
        for (coded, plain) in cases {
            assert_eq!(decode(coded).as_deref(), Some(plain));
        }
    }

    #[test]
    fn padding_is_at_most_seven_ones() {
        assert_eq!(decode(&[0x1f]), Some(b"a".to_vec()));
        assert_eq!(decode(&[0x1e]), None, "padded with a zero");
        assert_eq!(decode(&[0x1f, 0xff]), None, "a whole octet of padding");
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff]), None, "the end itself");
    }

    /// Puts a string into the code, symbol by symbol from the table of lengths.
    fn encode(plain: &[u8]) -> Vec<u8> {
        let code_of = |symbol: u8| {
            let length = usize::from(LENGTHS[usize::from(symbol)]);
            let (index, first) = CODE.first[length];
            let place =
                CODE.symbols[index..].iter().position(|other| *other == u16::from(symbol)).expect("every symbol");
            (0..length).rev().map(move |bit| (first as usize + place) >> bit & 1)
        };
        let bits: Vec<usize> = plain.iter().flat_map(|symbol| code_of(*symbol)).collect();
        bits.chunks(8).map(|octet| (0..8).fold(0, |byte, at| byte << 1 | *octet.get(at).unwrap_or(&1) as u8)).collect()
    }

    #[test]
    fn every_symbol_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
    }
}

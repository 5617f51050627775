//! Inflates out of a window that is not wholly known: after a loss, or where a connection was joined late.
//!
//! ```text
//!  lost              ?????????????????????????????????      the window when the first message comes
//!  literal "Hi"      ???????????????????????????????Hi
//!  copy 5 from 4     ??????????????????????????Hi??Hi?      what is copied from known bytes is known, the rest is not
//!  …                 {"price":17,"volume":3}{"price":1      known output fills the window: the library's inflater again
//! ```
//!
//! A message begins with a block (RFC 7692 §7.2.1), so its codes can be read whatever was lost; only what they copy
//! may be unknown. Each byte is told as known or not, and a known one is never wrong.

use crate::payload::{Range, add_range};
use crate::ws::deflate::WINDOW;
use crate::ws::symbols::{Stop, Symbol, Symbols};

/// In the window: a byte that is not known.
const UNKNOWN: u16 = 0x100;

/// The most bytes that a symbol stands for.
const LONGEST: usize = 258;

/// An inflater whose window was lost.
#[derive(Debug)]
pub struct Partial {
    symbols: Symbols,
    /// The last bytes put out, each a value or [`UNKNOWN`]; a ring.
    window: Box<[u16]>,
    /// Where in the window the next byte goes.
    at: usize,
    /// How many of the last bytes are known without a break.
    known: usize,
    failed: bool,
}

/// What was put out at a time.
#[derive(Debug, Default)]
pub struct Output {
    /// The bytes; 0 in place of those that are not known.
    pub bytes: Vec<u8>,
    /// Those that are not known.
    pub unknown: Vec<Range>,
}

/// Why nothing more comes of what was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The output is full.
    Full,
    /// All was read.
    Done,
    /// This is no DEFLATE data.
    Corrupt,
}

impl Default for Partial {
    fn default() -> Self {
        let window = vec![UNKNOWN; WINDOW].into();
        Self { symbols: Symbols::default(), window, at: 0, known: 0, failed: false }
    }
}

impl Partial {
    /// A message begins.
    pub fn begin(&mut self) {
        self.symbols.begin();
        self.failed = false;
    }

    /// Takes compressed bytes, and puts out at most [`WINDOW`] of what they give; to be called until that is not full.
    pub fn next(&mut self, input: &mut &[u8], out: &mut Output) -> Pause {
        self.symbols.push(input);
        *input = &[];
        out.bytes.clear();
        out.unknown.clear();
        while out.bytes.len() <= WINDOW - LONGEST && !self.failed {
            match self.symbols.read() {
                Ok(Symbol::Literal(byte)) => self.put(byte.into(), out),
                Ok(Symbol::Copy { length, distance }) => {
                    for _ in 0..length {
                        self.put(self.window[self.at.wrapping_sub(distance) % WINDOW], out);
                    }
                }
                Err(Stop::NeedsMore) => return Pause::Done,
                Err(Stop::Invalid) => self.failed = true,
            }
        }
        if self.failed { Pause::Corrupt } else { Pause::Full }
    }

    /// A message was received whole. Whether its data end where a block does.
    pub fn end(&mut self) -> bool {
        self.symbols.ends_with_block()
    }

    /// The window, once all of it is known.
    pub fn healed(&self) -> Option<Vec<u8>> {
        let (newer, older) = self.window.split_at(self.at % WINDOW);
        (self.known >= WINDOW).then(|| older.iter().chain(newer).map(|&value| value as u8).collect())
    }

    fn put(&mut self, value: u16, out: &mut Output) {
        self.window[self.at % WINDOW] = value;
        self.at = self.at.wrapping_add(1);
        match u8::try_from(value) {
            Ok(byte) => {
                self.known += 1;
                out.bytes.push(byte);
            }
            Err(_) => {
                self.known = 0;
                add_range(&mut out.unknown, out.bytes.len() as u64, 1);
                out.bytes.push(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use crate::ws::deflate::tests::{Deflater, TAKEOVER, message};
    use crate::ws::deflate::{Engines, Inflater};

    /// Inflates a message given in pieces; its bytes, `None` those that are not known.
    fn inflate(partial: &mut Partial, wire: &[u8], piece: usize) -> Result<Vec<Option<u8>>, Pause> {
        let (mut told, mut out) = (Vec::new(), Output::default());
        partial.begin();
        for mut input in wire.chunks(piece) {
            loop {
                let pause = partial.next(&mut input, &mut out);
                let from = told.len();
                told.extend(out.bytes.iter().copied().map(Some));
                for range in &out.unknown {
                    told[from + range.0 as usize..][..range.1 as usize].fill(None);
                }
                match pause {
                    Pause::Full => {}
                    Pause::Done => break,
                    Pause::Corrupt => return Err(pause),
                }
            }
        }
        if partial.end() { Ok(told) } else { Err(Pause::Corrupt) }
    }

    #[test]
    fn what_is_copied_from_known_bytes_is_known() {
        let mut partial = Partial::default();
        // The RFC's examples: "Hello", referring to the message before, then in full, then referring again.
        let (hello, again) = ([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], [0xf2, 0x00, 0x11, 0x00, 0x00]);
        let whole = b"Hello".map(Some);
        assert_eq!(inflate(&mut partial, &again, 9).as_deref(), Ok(&[Some(b'H'), None, None, None, None][..]));
        assert_eq!(inflate(&mut partial, &hello, 9).as_deref(), Ok(&whole[..]));
        assert_eq!(inflate(&mut partial, &again, 1).as_deref(), Ok(&whole[..]));
    }

    #[test]
    fn a_window_that_known_bytes_filled_is_handed_over() {
        let (mut partial, mut deflater) = (Partial::default(), Deflater::default());
        let noise: Vec<u8> = (0..WINDOW as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let first = deflater.message(&noise[..WINDOW - 1]);
        assert!(inflate(&mut partial, &first, 999).is_ok());
        assert_eq!(partial.healed(), None);
        assert!(inflate(&mut partial, &deflater.message(b"!"), 9).is_ok());
        assert_eq!(partial.healed(), Some([&noise[..WINDOW - 1], b"!"].concat()));
    }

    /// Texts that repeat themselves and each other, and bytes that do not.
    fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let word = prop_oneof!["[a-d]{1,12}", Just("{\"price\":".to_owned()), Just(",\"name\":\"".to_owned())];
        let text = proptest::collection::vec(word, 0..60).prop_map(|words| words.concat().into_bytes());
        let noise = proptest::collection::vec(any::<u8>(), 0..3000);
        let long = (any::<u8>(), 0..70_000usize).prop_map(|(byte, length)| vec![byte; length]);
        proptest::collection::vec(prop_oneof![6 => text, 2 => noise, 1 => long], 1..12)
    }

    proptest! {
        // The same cases each time; others with PROPTEST_CASES.
        #![proptest_config(ProptestConfig {
            rng_seed: if std::env::var_os("PROPTEST_CASES").is_some() { RngSeed::Random } else { RngSeed::Fixed(7692) },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn known_bytes_are_true_and_nothing_is_unknown_before_a_loss(
            sent in messages(), lost in 0..4usize, level in 1..10u32, piece in 1..2000usize,
        ) {
            let mut deflater = Deflater::new(level);
            let wires: Vec<_> = sent.iter().map(|text| deflater.message(text)).collect();
            let mut partial = Partial::default();
            for (text, wire) in sent.iter().zip(&wires).skip(lost) {
                let told = inflate(&mut partial, wire, piece);
                let told = told.expect("what was compressed can be read");
                prop_assert_eq!(told.len(), text.len());
                for (told, sent) in told.iter().zip(text) {
                    prop_assert!(told.is_none_or(|told| told == *sent));
                    prop_assert!(lost > 0 || told.is_some());
                }
            }
        }

        #[test]
        fn any_bytes_are_read_as_the_library_reads_them(
            wire in proptest::collection::vec(any::<u8>(), 0..300), spoilt in any::<proptest::sample::Index>(),
            flip in 0..8u8, level in 1..10u32, text in "[a-e]{0,400}", noise: bool,
        ) {
            let mut wire = if noise { wire } else { Deflater::new(level).message(text.as_bytes()) };
            if !wire.is_empty() {
                let at = spoilt.index(wire.len());
                wire[at] ^= 1 << flip;
            }
            let engines = &mut Engines::default();
            let library = message(&mut Inflater::new(TAKEOVER), engines, &wire, 9);
            // The library refuses references to what was before the connection; nothing else is known there.
            let ours = inflate(&mut Partial::default(), &wire, 9);
            match (library, ours) {
                (Ok(library), ours) => prop_assert_eq!(Ok(library.into_iter().map(Some).collect()), ours),
                (Err(error), Ok(ours)) => prop_assert!(ours.contains(&None), "{error} {wire:x?}"),
                (Err(_), Err(_)) => {}
            }
        }
    }
}

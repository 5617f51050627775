//! Byte ranges that come in any order, may overlap and contradict each other, to what is known of a sequence of bytes.
//!
//! ```text
//!  before   ├── one ──┤        ├── two ──┤
//!  comes        ├──────── three ─────┤
//!  after    ├── one ──┼─ three ┼── two ──┤        the first copy of a byte wins
//! ```

use std::collections::BTreeMap;

/// Longer ranges are kept in pieces of this size, so that each can be handed on and let go by itself.
const PIECE: usize = 256 << 10;

/// Pieces by offset, each with a `T`; they never overlap.
#[derive(Debug)]
pub struct Pieces<T> {
    pieces: BTreeMap<u64, Piece<T>>,
    known: u64,
    held: usize,
}

/// What is known of a range.
#[derive(Debug)]
pub struct Piece<T> {
    /// Where it came from.
    pub tag: T,
    /// What it is.
    pub content: Content,
}

/// Bytes, or the knowledge that they will not come.
#[derive(Debug)]
pub enum Content {
    /// Bytes.
    Bytes(Box<[u8]>),
    /// So many bytes that a snap length cut off.
    Cut(u64),
}

impl<T> Default for Pieces<T> {
    fn default() -> Self {
        Self { pieces: BTreeMap::new(), known: 0, held: 0 }
    }
}

impl<T: Copy> Pieces<T> {
    /// Adds the bytes from `at` on, where nothing is yet; offset of the first byte that contradicts one which came before.
    pub fn insert(&mut self, mut at: u64, mut bytes: &[u8], tag: T) -> Option<u64> {
        let mut conflict = None;
        while !bytes.is_empty() {
            let (now, known) = match self.covering(at) {
                Some((from, piece)) => (from + piece.content.len() - at, Some((from, piece))),
                None => (self.next_from(at).map_or(PIECE as u64, |next| (next - at).min(PIECE as u64)), None),
            };
            let (first, rest) = bytes.split_at(usize::try_from(now).unwrap_or(usize::MAX).min(bytes.len()));
            match known {
                Some((from, Piece { content: Content::Bytes(known), .. })) => {
                    let known = &known[(at - from) as usize..][..first.len()];
                    conflict = conflict.or_else(|| Some(at + first_difference(known, first)?));
                }
                Some((_, Piece { content: Content::Cut(_), .. })) => {}
                None => self.add(at, Piece { tag, content: Content::Bytes(first.into()) }),
            }
            at += first.len() as u64;
            bytes = rest;
        }
        conflict
    }

    /// Notes that the bytes `from..to` were cut off, up to where something else is known.
    pub fn insert_cut(&mut self, from: u64, to: u64, tag: T) {
        let from = self.covering(from).map_or(from, |(at, piece)| at + piece.content.len());
        let to = self.next_from(from).map_or(to, |next| next.min(to));
        if from < to {
            self.add(from, Piece { tag, content: Content::Cut(to - from) });
        }
    }

    /// The first piece and its offset, taken out.
    pub fn pop_first(&mut self) -> Option<(u64, Piece<T>)> {
        let (at, piece) = self.pieces.pop_first()?;
        self.known -= piece.content.len();
        self.held -= piece.held();
        Some((at, piece))
    }

    /// Lets go of the pieces that begin before `offset`.
    pub fn drop_before(&mut self, offset: u64) {
        while self.first().is_some_and(|(at, _)| at < offset) {
            self.pop_first();
        }
    }

    /// The first piece and its offset.
    pub fn first(&self) -> Option<(u64, &Piece<T>)> {
        self.pieces.first_key_value().map(|(&at, piece)| (at, piece))
    }

    /// Offset of the second piece.
    pub fn second(&self) -> Option<u64> {
        self.pieces.keys().nth(1).copied()
    }

    /// Offset behind the last piece; 0 where there is none.
    pub fn end(&self) -> u64 {
        self.pieces.last_key_value().map_or(0, |(&at, piece)| at + piece.content.len())
    }

    /// How many pieces there are.
    pub fn count(&self) -> usize {
        self.pieces.len()
    }

    /// How many bytes are known, or known to be cut off.
    pub fn known(&self) -> u64 {
        self.known
    }

    /// Memory it takes, in bytes.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The piece that holds the byte at `at`, and where it begins.
    fn covering(&self, at: u64) -> Option<(u64, &Piece<T>)> {
        let (&from, piece) = self.pieces.range(..=at).next_back()?;
        (from + piece.content.len() > at).then_some((from, piece))
    }

    fn next_from(&self, at: u64) -> Option<u64> {
        self.pieces.range(at..).next().map(|(&next, _)| next)
    }

    fn add(&mut self, at: u64, piece: Piece<T>) {
        self.known += piece.content.len();
        self.held += piece.held();
        self.pieces.insert(at, piece);
    }
}

impl<T> Piece<T> {
    /// What it costs to keep it: one byte costs far more than itself.
    fn held(&self) -> usize {
        // Nodes of the tree are little more than half full, and the smallest allocation has 32 bytes.
        const OVERHEAD: usize = 32;
        OVERHEAD
            + 2 * (size_of::<u64>() + size_of::<Self>())
            + match &self.content {
                Content::Bytes(bytes) => bytes.len(),
                Content::Cut(_) => 0,
            }
    }
}

impl Content {
    /// How many bytes it stands for.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Cut(length) => *length,
        }
    }

    /// Whether that is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Index of the first byte in which two copies differ.
pub fn first_difference(first: &[u8], second: &[u8]) -> Option<u64> {
    // Comparing whole slices is far faster, and nearly always enough.
    (first != second).then(|| first.iter().zip(second).take_while(|(first, second)| first == second).count() as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_copy_of_a_byte_wins(ranges in vec((0..60u64, vec(prop_oneof![9 => Just(b'a'), 1 => Just(b'b')], 0..12)), 1..30)) {
            let mut pieces = Pieces::default();
            let mut model = BTreeMap::new();
            for (at, bytes) in &ranges {
                let mut expected = None;
                for (offset, &byte) in (*at..).zip(bytes) {
                    if *model.entry(offset).or_insert(byte) != byte {
                        expected = expected.or(Some(offset));
                    }
                }
                prop_assert_eq!(pieces.insert(*at, bytes, ()), expected);
                prop_assert_eq!(pieces.known(), model.len() as u64);
            }
            let mut found = BTreeMap::new();
            while let Some((at, piece)) = pieces.pop_first() {
                let Content::Bytes(bytes) = piece.content else { panic!("nothing was cut") };
                found.extend((at..).zip(bytes));
            }
            prop_assert_eq!(found, model);
            prop_assert_eq!((pieces.known(), pieces.held()), (0, 0));
        }
    }

    #[test]
    fn a_cut_reaches_from_what_is_known_to_what_is_known() {
        let mut pieces = Pieces::default();
        pieces.insert(10, b"abc", ());
        pieces.insert(20, b"d", ());
        pieces.insert_cut(11, 30, ());
        pieces.insert_cut(12, 13, ());
        let found: Vec<_> =
            std::iter::from_fn(|| pieces.pop_first()).map(|(at, piece)| (at, piece.content.len())).collect();
        assert_eq!(found, [(10, 3), (13, 7), (20, 1)]);
    }

    #[test]
    fn long_ranges_are_kept_in_pieces() {
        let mut pieces = Pieces::default();
        pieces.insert(0, &vec![1; 2 * PIECE + 1], ());
        assert_eq!((pieces.count(), pieces.end(), pieces.second()), (3, 2 * PIECE as u64 + 1, Some(PIECE as u64)));
    }
}

//! How far back DEFLATE data refers (RFC 1951 §3.2), to hold it against the agreed window (RFC 7692 §7.1.2).
//!
//! An inflater with a large window does not tell, and one with a small window fails where its own buffers end. So
//! where less than 32 KiB was agreed, which is rare, the codes are read a second time, without putting anything out.

use crate::ws::symbols::{Stop, Symbol, Symbols};

/// Reads the distances in the messages of one direction.
#[derive(Debug)]
pub struct Distances {
    limit: usize,
    symbols: Symbols,
    /// A distance was too far, or this is no DEFLATE data: nothing more is told of this message.
    over: bool,
}

impl Distances {
    /// For a window of 2^`window_bits` bytes; `None` where no distance can be too far.
    pub fn new(window_bits: u8) -> Option<Self> {
        (window_bits < 15).then(|| Self { limit: 1 << window_bits, symbols: Symbols::default(), over: false })
    }

    /// A message begins.
    pub fn begin(&mut self) {
        self.symbols.begin();
        self.over = false;
    }

    /// Takes compressed bytes; the first distance of the message that is too far, told once.
    pub fn push(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.over {
            return None;
        }
        self.symbols.push(bytes);
        let stop = loop {
            match self.symbols.read() {
                Ok(Symbol::Copy { distance, .. }) if distance > self.limit => {
                    self.over = true;
                    return Some(distance);
                }
                Ok(Symbol::Literal(_) | Symbol::Copy { .. }) => {}
                Err(stop) => break stop,
            }
        };
        self.over = stop == Stop::Invalid;
        None
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

    fn scan(window_bits: u8, wire: &[u8], piece: usize) -> Option<usize> {
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
                    assert_eq!(scan(bits, &wire, piece), Some(distance), "level {level}");
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
            assert!(!distances.over, "read without a fault");
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

//! Any bytes, inflated as messages: what is told where the window was lost agrees with what the library makes of the same bytes with
//! the window there, byte for byte where it is said to be known, and in whether it is DEFLATE at all.
//!
//! Input: for each message its length (2 bytes), the size of the pieces it comes in, and its bytes.

use wscope::duplex::Direction;
use wscope::payload::Range;
use wscope::ws::deflate::{Engines, Inflated, Inflater, WINDOW};
use wscope::ws::extension::{self, Deflate};

/// No more is inflated of a message: what is looked for is not how much comes out.
const ENOUGH: usize = 1 << 20;

/// What came of a message.
#[derive(Debug, Default)]
struct Told {
    bytes: Vec<u8>,
    /// Those that are not known: first byte and count.
    unknown: Vec<(usize, usize)>,
    /// Whether it is DEFLATE that ends where a block does.
    sound: bool,
    /// Whether all of it was looked at.
    whole: bool,
}

/// See above.
pub fn run(data: &[u8]) {
    let mut engines = Engines::default();
    let mut known = Inflater::new(parameters());
    let history: Vec<u8> = (0..WINDOW as u32).map(|number| (number.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    let filled = inflate(&mut known, &stored(&history), usize::MAX, &mut engines);
    assert_eq!((&filled.bytes, filled.sound), (&history, true));
    let mut lost = Inflater::new(parameters());
    lost.lose();

    let mut rest = data;
    while let [low, high, cut, behind @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (message, behind) = behind.split_at(behind.len().min(length));
        rest = behind;
        let expected = inflate(&mut known, message, usize::MAX, &mut engines);
        let found = inflate(&mut lost, message, usize::from(*cut) + 1, &mut engines);
        let mut unknown = vec![false; found.bytes.len()];
        for &(first, count) in &found.unknown {
            unknown[first..first + count].fill(true);
        }
        for (at, (found, expected)) in found.bytes.iter().zip(&expected.bytes).enumerate() {
            assert!(unknown[at] || found == expected, "byte {at}");
        }
        if !(found.whole && expected.whole) {
            return;
        }
        assert_eq!(found.sound, expected.sound, "{found:?}");
        if !found.sound {
            return;
        }
        assert_eq!(found.bytes.len(), expected.bytes.len());
    }
}

fn parameters() -> Deflate {
    let agreement = extension::agree(Some(Some(OFFER)), Some(OFFER), &mut Vec::new());
    agreement.deflate.expect("it was agreed")[Direction::ToServer]
}

const OFFER: &str = "permessage-deflate";

/// A message, in pieces of this size.
fn inflate(inflater: &mut Inflater, message: &[u8], piece: usize, engines: &mut Engines) -> Told {
    let mut told = Told { whole: true, ..Told::default() };
    inflater.begin(engines);
    for piece in message.chunks(piece.min(message.len()).max(1)) {
        let mut input = piece;
        loop {
            match inflater.next(&mut input, engines) {
                Inflated::Bytes { bytes, unknown } => {
                    let behind = told.bytes.len();
                    told.unknown.extend(
                        unknown.iter().map(|&(first, count): &Range| (behind + first as usize, count as usize)),
                    );
                    told.bytes.extend_from_slice(bytes);
                }
                Inflated::Done => break,
                Inflated::Corrupt => {
                    inflater.abandon(engines);
                    return told;
                }
            }
            if told.bytes.len() > ENOUGH {
                inflater.abandon(engines);
                return Told { whole: false, ..told };
            }
        }
    }
    told.sound = inflater.end(engines);
    inflater.finish(engines);
    told
}

/// Bytes as stored blocks (RFC 1951 §3.2.4).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u16).to_le_bytes();
    let complement = (!(bytes.len() as u16)).to_le_bytes();
    [&[0][..], &length, &complement, bytes, &[0]].concat()
}

//! Pieces of a stream in any order, held against a model that keeps every byte in a map: the first copy of a byte wins, and later
//! ones contradict it until its receiver has acknowledged it.
//!
//! Input: the lowest byte of the initial sequence number, then for each piece where it begins, how long it is, and what is
//! acknowledged behind it; three quarters of its bytes are what all copies of the stream have.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use wscope::config::Limits;
use wscope::net::segment::{Context, Endpoint, Flags, Segment};
use wscope::net::seq::SeqNumber;
use wscope::origin::Origin;
use wscope::tcp::reassembler::{Arrival, Ready, Reassembler};
use wscope::tcp::unacknowledged::Spares;

/// A piece of one direction: where it begins, its bytes, and what the receiver acknowledges after it.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Offset of its first byte.
    pub at: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Offset that is acknowledged.
    pub acknowledge: usize,
}

/// What the pieces of a stream came to: delivered bytes by offset, and the first offset of a contradiction.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    delivered: Vec<u8>,
    conflicts: Vec<Option<u64>>,
}

/// See above.
pub fn run(data: &[u8]) {
    let Some((&isn, rest)) = data.split_first() else { return };
    let piece = |&[at, length, acknowledge]: &[u8; 3]| {
        let byte = |offset: usize| if (offset * 7 + usize::from(acknowledge)).is_multiple_of(4) { length } else { 0 };
        let at = usize::from(at);
        let bytes = (at..at + usize::from(length % 32)).map(byte).collect();
        Piece { at, bytes, acknowledge: usize::from(acknowledge) }
    };
    let pieces: Vec<_> = rest.as_chunks::<3>().0.iter().map(piece).collect();
    assert_eq!(reassembled(&pieces, 0xffff_ff00 | u32::from(isn)), modelled(&pieces));
}

/// What the reassembler makes of pieces, where the stream begins with this sequence number.
pub fn reassembled(pieces: &[Piece], isn: u32) -> Outcome {
    let limits = Limits::default();
    let seq = |at: usize| SeqNumber(isn.wrapping_add(at as u32));
    let endpoint = |port| Endpoint { ip: Ipv4Addr::LOCALHOST.into(), port };
    let (mut stream, mut spares) = (Reassembler::default(), Spares::default());
    stream.anchor(seq(0));
    let mut outcome = Outcome::default();
    for piece in pieces {
        let segment = Segment {
            origin: Origin::default(),
            source: endpoint(1),
            destination: endpoint(2),
            context: Context::default(),
            seq: seq(piece.at),
            ack: None,
            flags: Flags::PSH,
            payload: &piece.bytes,
            cut: 0,
        };
        let Arrival { chunk, cut, conflict } = stream.insert(&segment, segment.seq, None, &limits, &mut spares);
        assert_eq!(cut, None);
        outcome.delivered.extend(chunk.iter().flat_map(|chunk| chunk.bytes));
        while let Some(ready) = stream.ready(&limits, &mut spares) {
            let Ready::Bytes(waited) = ready else { panic!("nothing was cut") };
            assert_eq!(waited.chunk().offset, outcome.delivered.len() as u64);
            outcome.delivered.extend_from_slice(waited.chunk().bytes);
        }
        stream.acknowledge(seq(piece.acknowledge), &mut spares);
        outcome.conflicts.push(conflict);
    }
    outcome
}

/// The same by a map of all bytes.
pub fn modelled(pieces: &[Piece]) -> Outcome {
    let mut map = BTreeMap::new();
    let mut outcome = Outcome::default();
    let mut acknowledged = 0;
    for piece in pieces {
        let mut conflict = None;
        let delivered = outcome.delivered.len();
        // §3.8.4: one byte before the next may be garbage, to keep the connection alive.
        let keep_alive = piece.bytes.len() <= 1 && piece.at + 1 == delivered;
        for (&byte, at) in piece.bytes.iter().zip(piece.at..) {
            let first = *map.entry(at).or_insert(byte);
            // What the receiver has acknowledged cannot change any more.
            let settled = at < delivered && (at < acknowledged || keep_alive);
            if first != byte && !settled {
                conflict.get_or_insert(at as u64);
            }
        }
        while let Some(&byte) = map.get(&outcome.delivered.len()) {
            outcome.delivered.push(byte);
        }
        acknowledged = acknowledged.max(piece.acknowledge);
        outcome.conflicts.push(conflict);
    }
    outcome
}

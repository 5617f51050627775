//! Inflates the messages of one direction (RFC 7692 §7.2.2), piece by piece.
//!
//! ```text
//!  connection A ─► history ─┐   lends     ┌──────────┐
//!  connection B ─► history ─┼───────────► │ Engines  │  as many as there are messages half received
//!  connection C ─► history ─┘  per message└──────────┘
//! ```
//!
//! A connection keeps only the last 32 KiB that it inflated; the inflater itself, with its tables, is lent for the
//! length of a message and primed with that history. So thousands of connections cost little, most messages find a
//! warm inflater, and a block with BFINAL set (§7.2.3.4), after which an inflater forgets, loses no context.
//!
//! History always holds true bytes only. After a loss it starts anew, and a reference to what lies before it is
//! refused by the inflater instead of answered with something else.

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::ws::distance::Distances;
use crate::ws::extension::Deflate;

/// The largest window there is.
const WINDOW: usize = 32 << 10;

/// What a sender leaves away at the end of each message (§7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// An empty block with BFINAL set.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// Inflaters that wait to be lent, and room for what they put out. One value for all connections.
pub struct Engines {
    idle: Vec<Inflate>,
    output: Box<[u8]>,
}

impl Default for Engines {
    fn default() -> Self {
        Self { idle: Vec::new(), output: vec![0; WINDOW].into() }
    }
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Engines").field("idle", &self.idle.len()).finish_non_exhaustive()
    }
}

/// The compressed messages of one direction.
pub struct Inflater {
    parameters: Deflate,
    /// Where less than the largest window was agreed.
    distances: Option<Distances>,
    history: Vec<u8>,
    /// Inflated since the history began anew; `None` while it never was lost.
    since_loss: Option<u64>,
    /// Lent while a message is being received.
    engine: Option<Inflate>,
    /// The last block ended with BFINAL, and nothing came behind it.
    at_end: bool,
    /// Why the rest of the message cannot be had.
    failed: Option<Failure>,
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    Lost,
    Corrupt,
}

impl From<Failure> for Inflated<'_> {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lost => Self::Lost,
            Failure::Corrupt => Self::Corrupt,
        }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Inflater").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

/// What a piece of compressed data gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Inflated<'a> {
    /// Bytes; there may be more.
    Bytes(&'a [u8]),
    /// All that could be told of the input was told.
    Done,
    /// It cannot be inflated, and may refer to history that was lost.
    Lost,
    /// It is not DEFLATE data.
    Corrupt,
}

impl Inflater {
    /// An inflater for the messages of a direction with these parameters.
    pub fn new(parameters: Deflate) -> Self {
        let distances = Distances::new(parameters.window_bits);
        Self { parameters, distances, history: Vec::new(), since_loss: None, engine: None, at_end: false, failed: None }
    }

    /// A message begins.
    pub fn begin(&mut self, engines: &mut Engines) {
        let mut engine = engines.idle.pop().unwrap_or_else(|| Inflate::new(false, 15));
        prime(&mut engine, &self.history);
        self.engine = Some(engine);
        self.at_end = false;
        self.failed = None;
        if let Some(distances) = &mut self.distances {
            distances.begin();
        }
    }

    /// The first distance in the message that is beyond the agreed window; to be asked once of each input.
    pub fn too_far(&mut self, input: &[u8]) -> Option<u16> {
        self.distances.as_mut()?.push(input)
    }

    /// Inflates what it can of `input` and takes it away from there; to be called until it is done.
    ///
    /// After an error the rest of the message cannot be had: [`abandon`](Self::abandon) it.
    pub fn next<'a>(&mut self, input: &mut &[u8], engines: &'a mut Engines) -> Inflated<'a> {
        let Some(engine) = &mut self.engine else { return Inflated::Done };
        if let Some(failure) = self.failed {
            return failure.into();
        }
        loop {
            if self.at_end {
                if input.is_empty() {
                    return Inflated::Done;
                }
                prime(engine, &self.history);
                self.at_end = false;
            }
            let (read, written) = (engine.total_in(), engine.total_out());
            let status = engine.decompress(input, &mut engines.output, InflateFlush::SyncFlush);
            *input = &input[(engine.total_in() - read) as usize..];
            let written = (engine.total_out() - written) as usize;
            self.at_end = status == Ok(Status::StreamEnd);
            self.since_loss =
                self.since_loss.map(|since| since + written as u64).filter(|&since| since < WINDOW as u64);
            if status.is_err() {
                // Shortly after a loss that is taken for the reason. The engine's own is no help: for short input it
                // tells a distance too far back, for long input only that it failed.
                let lost = self.since_loss.is_some();
                self.failed = Some(if lost { Failure::Lost } else { Failure::Corrupt });
            }
            if written > 0 {
                let bytes = &engines.output[..written];
                remember(&mut self.history, bytes);
                return Inflated::Bytes(bytes);
            }
            if let Some(failure) = self.failed {
                return failure.into();
            }
            if !self.at_end {
                return Inflated::Done;
            }
        }
    }

    /// A message was received whole. Whether its data end where a block does (§7.2.1), so that nothing of it is open.
    pub fn end(&mut self, engines: &mut Engines) -> bool {
        // A message whose last block has BFINAL set may end right there.
        let Some(engine) = self.engine.as_mut().filter(|_| !self.at_end) else { return true };
        // Strictly even an empty message has a byte (§7.2.3.6), but nothing of it is open.
        if engine.total_in() == 0 {
            return true;
        }
        // What was left away makes an empty block; another one shows that it did, and ended there.
        [(&TAIL[..], Status::Ok), (&LAST_BLOCK, Status::StreamEnd)].into_iter().all(|(wire, wanted)| {
            let (read, written) = (engine.total_in(), engine.total_out());
            let status = engine.decompress(wire, &mut engines.output, InflateFlush::SyncFlush);
            let consumed = engine.total_in() - read == wire.len() as u64;
            status == Ok(wanted) && consumed && engine.total_out() == written
        })
    }

    /// A message ended, and all of it was inflated.
    pub fn finish(&mut self, engines: &mut Engines) {
        engines.idle.extend(self.engine.take());
        if !self.parameters.context_takeover {
            self.history.clear();
            self.since_loss = None;
        }
    }

    /// The rest of a message cannot be inflated, so what later messages may refer to is lost.
    pub fn abandon(&mut self, engines: &mut Engines) {
        self.lose();
        self.finish(engines);
    }

    /// Messages were lost that later ones may refer to.
    pub fn lose(&mut self) {
        self.history.clear();
        self.since_loss = self.parameters.context_takeover.then_some(0);
    }
}

/// Makes an inflater forget all but this history.
fn prime(engine: &mut Inflate, history: &[u8]) {
    engine.reset(false);
    let last = &history[history.len().saturating_sub(WINDOW)..];
    if !last.is_empty() {
        engine.set_dictionary(last).expect("a raw inflater takes a dictionary at any time");
    }
}

/// Keeps the last [`WINDOW`] bytes, and up to as many before them so that moving costs a constant per byte.
fn remember(history: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() >= WINDOW {
        history.clear();
    } else if history.len() + bytes.len() > 2 * WINDOW {
        history.drain(..history.len() + bytes.len() - WINDOW);
    }
    history.extend_from_slice(&bytes[bytes.len().saturating_sub(WINDOW)..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEOVER: Deflate = Deflate { window_bits: 15, context_takeover: true };

    /// Inflates a message given in pieces of `piece` bytes.
    fn message(
        inflater: &mut Inflater,
        engines: &mut Engines,
        wire: &[u8],
        piece: usize,
    ) -> Result<Vec<u8>, &'static str> {
        let mut out = Vec::new();
        inflater.begin(engines);
        for mut input in wire.chunks(piece.max(1)) {
            loop {
                match inflater.next(&mut input, engines) {
                    Inflated::Bytes(bytes) => out.extend_from_slice(bytes),
                    Inflated::Done => break,
                    error => {
                        let error = if error == Inflated::Lost { "lost" } else { "corrupt" };
                        inflater.abandon(engines);
                        return Err(error);
                    }
                }
            }
        }
        if !inflater.end(engines) {
            inflater.abandon(engines);
            return Err("open");
        }
        inflater.finish(engines);
        Ok(out)
    }

    #[test]
    fn examples_of_rfc_7692_section_7_2_3() {
        let engines = &mut Engines::default();
        for piece in 1..12 {
            let mut inflater = Inflater::new(TAKEOVER);
            for wire in [
                &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
                // shares the LZ77 window (§7.2.3.2)
                &[0xf2, 0x00, 0x11, 0x00, 0x00],
                // no compression (§7.2.3.3)
                &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
                // BFINAL (§7.2.3.4)
                &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
                // the window survives it
                &[0xf2, 0x00, 0x11, 0x00, 0x00],
                // two blocks (§7.2.3.5)
                &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
                // BFINAL without the empty block behind it, which some peers send
                &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            ] {
                assert_eq!(message(&mut inflater, engines, wire, piece).as_deref(), Ok(&b"Hello"[..]), "{wire:x?}");
            }
        }
        assert_eq!(engines.idle.len(), 1, "one inflater serves them all");
    }

    #[test]
    fn a_reference_to_lost_history_is_not_answered() {
        let engines = &mut Engines::default();
        let mut inflater = Inflater::new(TAKEOVER);
        let (hello, again) = ([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], [0xf2, 0x00, 0x11, 0x00, 0x00]);
        // The same, but long enough for the engine's fast path.
        let long = [&again[..3], &[0; 60]].concat();
        for wire in [&again[..], &long] {
            inflater.begin(engines);
            inflater.abandon(engines);
            assert_eq!(message(&mut inflater, engines, wire, 99), Err("lost"));
        }
        assert_eq!(message(&mut inflater, engines, &hello, 9).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(message(&mut inflater, engines, &again, 9).as_deref(), Ok(&b"Hello"[..]));
    }

    #[test]
    fn a_message_that_ends_inside_a_block_is_not_whole() {
        let engines = &mut Engines::default();
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        for end in 1..hello.len() {
            let mut inflater = Inflater::new(TAKEOVER);
            assert!(message(&mut inflater, engines, &hello[..end], 9).is_err(), "{end} bytes");
        }
        assert_eq!(message(&mut Inflater::new(TAKEOVER), engines, &[], 9).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn without_takeover_a_reference_to_the_message_before_is_corrupt() {
        let engines = &mut Engines::default();
        let mut inflater = Inflater::new(Deflate { context_takeover: false, ..TAKEOVER });
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(message(&mut inflater, engines, &hello, 9).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(message(&mut inflater, engines, &[0xf2, 0x00, 0x11, 0x00, 0x00], 9), Err("corrupt"));
        assert_eq!(message(&mut inflater, engines, &hello, 9).as_deref(), Ok(&b"Hello"[..]));
    }

    #[test]
    fn history_is_the_last_window() {
        let mut history = Vec::new();
        let all: Vec<u8> = (0..400_000u32).map(|n| (n / 7) as u8).collect();
        for piece in all.chunks(11_111) {
            remember(&mut history, piece);
            assert!(history.len() <= 2 * WINDOW);
        }
        assert_eq!(history[history.len() - WINDOW..], all[all.len() - WINDOW..]);
    }
}

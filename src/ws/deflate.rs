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
//! History always holds true bytes only. After a loss a slower inflater of ours takes over, which tells the bytes that
//! are known from those that are not ([`partial`](crate::ws::partial)), until a message ends with a whole window known.

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::payload::Range;
use crate::ws::distance::Distances;
use crate::ws::extension::Deflate;
use crate::ws::partial::{Output, Partial, Pause};

/// The largest window there is.
pub const WINDOW: usize = 32 << 10;

/// About what an inflater takes: a window, and tables.
const ENGINE: usize = 48 << 10;

/// Inflaters that are kept to be lent again; those of thousands of messages that were under way at once are given back.
const MOST_IDLE: usize = 64;

/// What a sender leaves away at the end of each message (§7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// An empty block with BFINAL set.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// Inflaters that wait to be lent, and room for what they put out. One value for all connections.
pub struct Engines {
    idle: Vec<Inflate>,
    output: Box<[u8]>,
    partial: Output,
}

impl Default for Engines {
    fn default() -> Self {
        Self { idle: Vec::new(), output: vec![0; WINDOW].into(), partial: Output::default() }
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
    window: Window,
    /// Lent while a message is being received and the window is known.
    engine: Option<Inflate>,
    /// The last block ended with BFINAL, and nothing came behind it.
    at_end: bool,
    /// The rest of the message cannot be had.
    failed: bool,
}

/// What later messages may refer to.
enum Window {
    /// All that there was, at most [`WINDOW`] and what was not yet thrown away.
    Known(Vec<u8>),
    /// Nothing of it is known, and no message has come since.
    Lost,
    /// Part of it is known.
    Partial(Box<Partial>),
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
    Bytes {
        /// The bytes; 0 in place of those that are not known.
        bytes: &'a [u8],
        /// Those of them that are not known, for they were copied from what was lost.
        unknown: &'a [Range],
    },
    /// All that could be told of the input was told.
    Done,
    /// It is not DEFLATE data.
    Corrupt,
}

impl Inflater {
    /// An inflater for the messages of a direction with these parameters.
    pub fn new(parameters: Deflate) -> Self {
        let distances = Distances::new(parameters.window_bits);
        let window = Window::Known(Vec::new());
        Self { parameters, distances, window, engine: None, at_end: false, failed: false }
    }

    /// A message begins.
    pub fn begin(&mut self, engines: &mut Engines) {
        if matches!(self.window, Window::Lost) {
            self.window = Window::Partial(Box::default());
        }
        match &mut self.window {
            Window::Known(history) => {
                let mut engine = engines.idle.pop().unwrap_or_else(|| Inflate::new(false, 15));
                prime(&mut engine, history);
                self.engine = Some(engine);
            }
            Window::Partial(partial) => partial.begin(),
            Window::Lost => {}
        }
        self.at_end = false;
        self.failed = false;
        if let Some(distances) = &mut self.distances {
            distances.begin();
        }
    }

    /// The first distance in the message that is beyond the agreed window; to be asked once of each input.
    pub fn too_far(&mut self, input: &[u8]) -> Option<usize> {
        self.distances.as_mut()?.push(input)
    }

    /// Inflates what it can of `input` and takes it away from there; to be called until it is done.
    ///
    /// After an error the rest of the message cannot be had: [`abandon`](Self::abandon) it.
    pub fn next<'a>(&mut self, input: &mut &[u8], engines: &'a mut Engines) -> Inflated<'a> {
        let history = match &mut self.window {
            Window::Known(history) => history,
            Window::Partial(partial) => {
                let pause = partial.next(input, &mut engines.partial);
                let Output { bytes, unknown } = &engines.partial;
                return match pause {
                    _ if !bytes.is_empty() => Inflated::Bytes { bytes, unknown },
                    Pause::Full | Pause::Done => Inflated::Done,
                    Pause::Corrupt => Inflated::Corrupt,
                };
            }
            Window::Lost => return Inflated::Done,
        };
        let Some(engine) = &mut self.engine else { return Inflated::Done };
        loop {
            if self.failed {
                return Inflated::Corrupt;
            }
            if self.at_end {
                if input.is_empty() {
                    return Inflated::Done;
                }
                prime(engine, history);
                self.at_end = false;
            }
            let (read, written) = (engine.total_in(), engine.total_out());
            let status = engine.decompress(input, &mut engines.output, InflateFlush::SyncFlush);
            *input = &input[(engine.total_in() - read) as usize..];
            let written = (engine.total_out() - written) as usize;
            self.at_end = status == Ok(Status::StreamEnd);
            self.failed = status.is_err();
            if written > 0 {
                let bytes = &engines.output[..written];
                remember(history, bytes);
                return Inflated::Bytes { bytes, unknown: &[] };
            }
            if !self.failed && !self.at_end {
                return Inflated::Done;
            }
        }
    }

    /// A message was received whole. Whether its data end where a block does (§7.2.1), so that nothing of it is open.
    pub fn end(&mut self, engines: &mut Engines) -> bool {
        if let Window::Partial(partial) = &mut self.window {
            return partial.end();
        }
        // A message whose last block has BFINAL set may end right there.
        let Some(engine) = self.engine.as_mut().filter(|_| !self.at_end) else { return true };
        // Strictly even an empty message has a byte (§7.2.3.6), but nothing of it is open.
        if engine.total_in() == 0 {
            return true;
        }
        // What was left away makes an empty block, which may be the last of its stream; else another one shows that it
        // did, and ended there.
        let mut put_behind = |wire: &[u8]| {
            let (read, written) = (engine.total_in(), engine.total_out());
            let status = engine.decompress(wire, &mut engines.output, InflateFlush::SyncFlush);
            let consumed = engine.total_in() - read == wire.len() as u64;
            status.ok().filter(|_| consumed && engine.total_out() == written)
        };
        match put_behind(&TAIL) {
            Some(Status::Ok) => put_behind(&LAST_BLOCK) == Some(Status::StreamEnd),
            end => end == Some(Status::StreamEnd),
        }
    }

    /// A message ended, and all of it was inflated.
    pub fn finish(&mut self, engines: &mut Engines) {
        if engines.idle.len() < MOST_IDLE {
            engines.idle.extend(self.engine.take());
        }
        self.engine = None;
        if !self.parameters.context_takeover {
            self.window = Window::Known(Vec::new());
        } else if let Window::Partial(partial) = &self.window
            && let Some(history) = partial.healed()
        {
            self.window = Window::Known(history);
        }
    }

    /// The rest of a message cannot be inflated, so what later messages may refer to is lost.
    pub fn abandon(&mut self, engines: &mut Engines) {
        self.lose();
        self.finish(engines);
    }

    /// Messages were lost that later ones may refer to.
    pub fn lose(&mut self) {
        let lost = self.parameters.context_takeover;
        self.window = if lost { Window::Lost } else { Window::Known(Vec::new()) };
    }

    /// Memory for what later messages may refer to, in bytes.
    pub fn held(&self) -> usize {
        let engine = if self.engine.is_some() { ENGINE } else { 0 };
        engine
            + match &self.window {
                Window::Known(history) => history.capacity(),
                // Two bytes for each of the window, and the tables of a block.
                Window::Partial(_) => 3 * WINDOW,
                Window::Lost => 0,
            }
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
pub(super) mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    pub(in crate::ws) const TAKEOVER: Deflate = Deflate { window_bits: 15, context_takeover: true };

    /// Compresses messages as a sender with context takeover does (§7.2.1).
    pub(in crate::ws) struct Deflater(Compress);

    impl Deflater {
        pub(in crate::ws) fn new(level: u32) -> Self {
            Self(Compress::new(Compression::new(level), false))
        }

        pub(in crate::ws) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
            let mut out = Vec::with_capacity(2 * payload.len() + 64);
            self.0.compress_vec(payload, &mut out, FlushCompress::Sync).expect("room enough");
            // Nothing to flush: an empty block (§7.2.3.6).
            out.strip_suffix(&TAIL).map_or_else(|| vec![0x00], <[u8]>::to_vec)
        }
    }

    impl Default for Deflater {
        fn default() -> Self {
            Self::new(6)
        }
    }

    /// Inflates a message given in pieces of `piece` bytes; fails where a byte is not known.
    pub(in crate::ws) fn message(
        inflater: &mut Inflater,
        engines: &mut Engines,
        wire: &[u8],
        piece: usize,
    ) -> Result<Vec<u8>, &'static str> {
        let (mut out, mut whole) = (Vec::new(), true);
        inflater.begin(engines);
        for mut input in wire.chunks(piece.max(1)) {
            loop {
                match inflater.next(&mut input, engines) {
                    Inflated::Bytes { bytes, unknown: [] } => out.extend_from_slice(bytes),
                    Inflated::Bytes { .. } => whole = false,
                    Inflated::Done => break,
                    Inflated::Corrupt => {
                        inflater.abandon(engines);
                        return Err("corrupt");
                    }
                }
            }
        }
        if !inflater.end(engines) {
            inflater.abandon(engines);
            return Err("open");
        }
        inflater.finish(engines);
        if whole { Ok(out) } else { Err("lost") }
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
                // BFINAL on the empty block of which only the header is sent
                &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x04],
                // BFINAL without the empty block behind it, which some peers send
                &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            ] {
                assert_eq!(message(&mut inflater, engines, wire, piece).as_deref(), Ok(&b"Hello"[..]), "{wire:x?}");
            }
        }
        assert_eq!(engines.idle.len(), 1, "one inflater serves them all");
    }

    #[test]
    fn a_reference_to_lost_history_is_not_answered_until_the_window_is_known_again() {
        let engines = &mut Engines::default();
        let (mut inflater, mut deflater) = (Inflater::new(TAKEOVER), Deflater::default());
        let filling = [7; 2 * WINDOW];
        let texts = [&b"what was lost"[..], b"what was lost", b"found at last", b"found at last", &filling, b"and now"];
        let wires: Vec<_> = texts.iter().map(|text| deflater.message(text)).collect();
        inflater.lose();
        for (index, (text, wire)) in texts.iter().zip(&wires).enumerate().skip(1) {
            let told = message(&mut inflater, engines, wire, 9);
            assert!(if index == 1 { told == Err("lost") } else { told.as_deref() == Ok(text) }, "message {index}");
        }
        assert!(matches!(inflater.window, Window::Known(_)), "the library's inflater is back");
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

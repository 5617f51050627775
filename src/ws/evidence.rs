//! Bytes to how much speaks for frames in them: headers that follow one another without a rule broken, and payload that
//! is what its opcode says (RFC 6455 §5).
//!
//! Nothing announces a frame, so it is weighed: in bits, how seldom other bytes would look so. Other bytes are not
//! random, therefore what they often hold counts for nothing: runs of zeros and lengths in front of records (`00 00 00
//! 05 …` reads as unmasked fragments), the same header again and again, bytes that continue a character of UTF-8.

use std::ops::Range;

use crate::ws::frame::{Header, Opcode, RSV1};
use crate::ws::mask;
use crate::ws::symbols::{Stop, Symbols};
use crate::ws::utf8;

/// Behind so much evidence it is not looked any further.
pub const PLENTY: u32 = 80;

/// So many frames that say little are followed; behind them it is given up.
const MAX_FRAMES: u32 = 64;

/// Of longer payloads only the beginning is looked into.
const SAMPLE: usize = 256;

/// As far as compressed payload is looked into.
const COMPRESSED: usize = 4 << 10;

/// What is known of the frames that are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Whether they are masked, as a client's are.
    pub masked: Option<bool>,
    /// The reserved bits that the first frame of a message may have set.
    pub rsv: u8,
}

/// Frames that follow one another, and what speaks for them.
#[derive(Debug, Clone)]
pub struct Chain {
    expected: Expected,
    /// Where the next frame begins.
    next: usize,
    frames: u32,
    /// Whether a message is under way.
    open: Option<bool>,
    closed: bool,
    /// First two bytes of each header there was.
    seen: Vec<[u8; 2]>,
    /// Evidence that is wanted up to the end of a frame to take it for one, in bits.
    doubt: u32,
    /// Where the first frame begins that is beyond doubt.
    certain: Option<usize>,
    /// Where the last payload stands.
    previous: Range<usize>,
    bits: u32,
}

impl Chain {
    /// None yet.
    ///
    /// What is no frame may happen to end where one begins, and then all that follow speak for it. So the first frames are
    /// only taken for some once they and those before them have `doubt` bits of evidence.
    pub fn new(expected: Expected, doubt: u32) -> Self {
        Self {
            expected,
            next: 0,
            frames: 0,
            open: None,
            closed: false,
            seen: Vec::new(),
            previous: 0..0,
            doubt,
            certain: None,
            bits: 0,
        }
    }

    /// Follows the frames as far as they are whole; `false`: these are none.
    ///
    /// `bytes` are those from the first frame on, the same and more each time. `ending_at` tells how long the packet
    /// is that ends at a place, 0 where none does.
    pub fn follow(&mut self, bytes: &[u8], ending_at: impl Fn(usize) -> usize) -> bool {
        loop {
            match self.follow_one(bytes, &ending_at) {
                Some(true) if self.bits >= PLENTY => return true,
                Some(true) => {}
                Some(false) => return true,
                None => return false,
            }
        }
    }

    /// Follows one frame; whether it is whole, `None` where it is none.
    pub fn follow_one(&mut self, bytes: &[u8], ending_at: impl Fn(usize) -> usize) -> Option<bool> {
        let rest = &bytes[self.next..];
        // What the first two bytes break counts even where the rest has not come.
        let Some(start) = Header::parse_truncated(rest) else { return Some(false) };
        if self.contradicts(&start) {
            return None;
        }
        let Some((header, length)) = Header::parse(rest) else { return Some(false) };
        if !header.is_minimal() || header.payload_length >> 40 != 0 || self.contradicts(&header) {
            return None;
        }
        self.expected.masked = Some(header.masked);
        let Some(payload) = rest[length..].get(..header.payload_length as usize) else { return Some(false) };
        let inside = inside(&header, payload)?;
        let (before, whole) = (&bytes[..self.next], length + payload.len());
        let again = payload == &bytes[self.previous.clone()];
        self.previous = self.next + length..self.next + whole;
        self.next += whole;
        if !is_common(&header, before, rest[0]) {
            // Senders put the end of a frame where a packet ends; by chance that is seldom so, but where frames are short.
            let lands = ending_at(self.next).min(whole).checked_ilog2().unwrap_or(0).min(8);
            self.bits += lands + if again { 0 } else { self.weigh(&header, [rest[0], rest[1]], inside) };
        }
        if self.certain.is_none() && self.bits >= self.doubt {
            self.certain = Some(self.next - whole);
        }
        self.frames += 1;
        self.seen.push([rest[0], rest[1]]);
        self.closed |= header.opcode == Opcode::CLOSE;
        if !header.opcode.is_control() {
            self.open = Some(!header.fin);
        }
        (self.frames < MAX_FRAMES).then_some(true)
    }

    /// How much speaks for the frames, in bits.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Whole frames.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Where the first frame begins that is beyond doubt.
    pub fn certain(&self) -> Option<usize> {
        self.certain
    }

    /// Where the next frame begins.
    pub fn next(&self) -> usize {
        self.next
    }

    /// Whether they are masked, as their headers say; `None` while no header is whole.
    pub fn masked(&self) -> Option<bool> {
        self.expected.masked
    }

    /// Whether no sender writes this header here.
    fn contradicts(&self, header: &Header) -> bool {
        let control = header.opcode.is_control();
        let rsv = if control || header.opcode == Opcode::CONTINUATION { 0 } else { self.expected.rsv };
        let wrong_control = control && (!header.fin || header.payload_length > 125 || header.length_bits > 7);
        // §5.4: a message's fragments follow one another.
        let wrong_fragment = !control
            && match self.open {
                None => false,
                Some(open) => open != (header.opcode == Opcode::CONTINUATION),
            };
        header.opcode.is_reserved()
            || header.rsv & !rsv != 0
            || wrong_control
            || wrong_fragment
            || self.closed && !matches!(header.opcode, Opcode::PING | Opcode::PONG)
            || header.length_bits != 0 && self.expected.masked.is_some_and(|masked| masked != header.masked)
    }

    /// What a whole frame says for itself with its header and what is `inside`, in bits.
    fn weigh(&self, header: &Header, start: [u8; 2], inside: u32) -> u32 {
        if self.seen.contains(&start) {
            // What repeats itself may be any payload.
            return inside.min(8);
        }
        // What stood before the first one is not known: it may be the middle of a text.
        let texty = start[0] & 0xc0 == 0x80 && matches!(start[1], 9 | 10 | 13 | 32..);
        let doubtful = !header.masked && self.frames == 0 && texty;
        5 + if doubtful { inside.min(4) } else { inside }
    }
}

/// Whether other bytes than frames often look so.
fn is_common(header: &Header, before: &[u8], first: u8) -> bool {
    // First byte 0: what precedes a record in many protocols; nothing inside: zeros behind a small number.
    let zeros = first == 0 || header.payload_length == 0 && !header.opcode.is_control();
    !header.masked && (zeros || utf8::continues(before, first))
}

/// What the payload says for its header: text is text, a Close is a Close, and compressed data can be inflated.
fn inside(header: &Header, payload: &[u8]) -> Option<u32> {
    let compressed = header.rsv & RSV1 != 0;
    let mut sample = payload[..payload.len().min(if compressed { COMPRESSED } else { SAMPLE })].to_vec();
    if let Some(key) = header.masking_key {
        mask::apply(&mut sample, key, 0);
    }
    let whole = sample.len() == payload.len() && header.fin;
    match header.opcode {
        _ if header.rsv & !RSV1 != 0 => Some(0),
        Opcode::TEXT | Opcode::BINARY if compressed => inflatable(&sample, whole),
        Opcode::TEXT => match str::from_utf8(&sample) {
            Err(error) if error.error_len().is_some() || whole => None,
            // Letters under the mask of others are characters too, but such as texts do not have.
            Ok(_) | Err(_) if sample.iter().any(|&byte| is_odd(byte)) => Some(0),
            Ok(_) | Err(_) => Some(sample.len().min(16) as u32),
        },
        Opcode::CLOSE => match sample[..] {
            [] => Some(3),
            // Two bytes, of which 15 and 2,000 values are codes (§7.4).
            [3, 232..=246, ref reason @ ..] => str::from_utf8(reason).ok().map(|_| 15),
            [0x0b..=0x13, _, ref reason @ ..] if reason.iter().any(|&byte| is_odd(byte)) => Some(0),
            [0x0b..=0x13, _, ref reason @ ..] => str::from_utf8(reason).ok().map(|_| 3),
            [..] => None,
        },
        _ => Some(0),
    }
}

fn is_odd(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Whether this is the beginning of DEFLATE data, and where it is `whole`, all of a message (RFC 7692 §7.2.1).
fn inflatable(sample: &[u8], whole: bool) -> Option<u32> {
    let mut symbols = Symbols::default();
    symbols.push(sample);
    let stop = loop {
        if let Err(stop) = symbols.read() {
            break stop;
        }
    };
    match stop {
        Stop::Invalid => None,
        Stop::NeedsMore if whole => symbols.ends_with_block().then_some(8),
        Stop::NeedsMore => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Expected = Expected { masked: None, rsv: RSV1 };

    /// What speaks for frames in these bytes, with a packet's end at their end; `None`: they are none.
    fn bits(bytes: &[u8]) -> Option<u32> {
        let mut chain = Chain::new(ANY, 0);
        chain.follow(bytes, |at| if at == bytes.len() { at } else { 0 }).then_some(chain.bits)
    }

    #[test]
    fn frames_speak_for_themselves() {
        assert!(bits(b"\x81\x05Hello\x81\x06 World\x89\x00").is_some_and(|bits| bits >= 24));
        assert!(bits(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").is_some_and(|bits| bits >= 10));
        assert!(
            bits(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00").is_some_and(|bits| bits >= 24)
        );
        assert_eq!(bits(b"\x82\x7e\x10\x00not yet whole"), Some(0));
    }

    #[test]
    fn what_is_not_frames_is_refuted() {
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00"[..],
            b"\x17\x03\x03\x00\x20",
            b"SSH-2.0-OpenSSH\r\n",
            b"GET / HTTP/1.1\r\n",
            b"\x81\x05He\xff\xffo",
            b"\x88\x02\x00\x01",
            b"\x82\x7e\x00\x05Hello",
            b"\x81\x05Hello\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
            b"\x82\x01a\x80\x01b",
            b"\x02\x01a\x02\x01b",
            b"\x88\x00\x81\x01a",
            b"\xc1\x02\x06\x06",
        ] {
            assert_eq!(bits(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn what_other_bytes_often_hold_says_little() {
        for bytes in [
            &[0; 60][..],
            // records of four bytes' length, as of BitTorrent
            b"\0\0\0\x05\x04\0\0\0\x2a\0\0\0\x05\x04\0\0\0\x2b",
            // and of two
            b"\0\x07\x01\0\0\x01\0\0\0\0\x03abc",
            // CBOR: pairs of small numbers
            b"\x82\x01\x02\x82\x01\x03\x82\x01\x02\x82\x01\x07",
            // "т т т …" from the middle of its first letter
            "т 45678901234567890123456789012т 45678901234567890123456789012т 4567890".as_bytes().split_at(1).1,
        ] {
            assert!(bits(bytes).is_none_or(|bits| bits < 20), "{bytes:x?} {:?}", bits(bytes));
        }
    }
}

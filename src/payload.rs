//! Application data as it is kept for showing.

use serde::{Deserialize, Serialize};

use crate::config::Limits;

/// Application data, unmasked and inflated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payload {
    /// The bytes kept for showing: the first of `length`.
    pub bytes: Vec<u8>,
    /// Bytes there were, as far as they were captured and could be inflated.
    pub length: u64,
    /// Whether `bytes` are text: the message is, and they are valid UTF-8 and without a hole.
    pub text: bool,
    /// Where bytes are missing between those that are kept.
    pub holes: Vec<Range>,
    /// Which of `bytes` are not known, for a compression window was lost; they are 0.
    pub unknown: Vec<Range>,
    /// How many bytes were counted as held.
    #[serde(skip)]
    held: usize,
}

/// Position in [`Payload::bytes`], and how many bytes.
pub type Range = (u64, u64);

/// Behind so many holes nothing more is kept: each costs more than the byte that may stand before it.
const MAX_HOLES: usize = 1024;

impl Payload {
    /// Adds bytes; keeps those that fit below `limit`.
    pub fn append(&mut self, bytes: &[u8], limit: usize) {
        if !self.is_cut() && self.holes.len() < MAX_HOLES {
            let room = limit.saturating_sub(self.bytes.len());
            let kept = &bytes[..bytes.len().min(room)];
            if self.bytes.is_empty() {
                // Nearly all come in one piece, which then takes as much room as it has bytes.
                self.bytes = kept.to_vec();
            } else {
                self.bytes.extend_from_slice(kept);
            }
        }
        self.length += bytes.len() as u64;
    }

    /// Adds bytes within the limits, and which of them are not known; `held` is how many are kept by now over all
    /// connections.
    pub fn keep(&mut self, bytes: &[u8], unknown: &[Range], limits: &Limits, held: &mut usize) {
        let (before, ranges) = (self.bytes.len(), self.unknown.len());
        self.append(bytes, if *held < limits.payload_total { limits.payload } else { 0 });
        let kept = self.bytes.len() - before;
        for &(position, count) in unknown {
            let count = count.min((kept as u64).saturating_sub(position));
            add_range(&mut self.unknown, before as u64 + position, count);
        }
        let kept = kept + (self.unknown.len() - ranges) * size_of::<Range>();
        self.held += kept;
        *held += kept;
    }

    /// How many bytes of it were counted as held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Notes that `count` bytes are missing here.
    pub fn miss(&mut self, count: u64) {
        let position = self.bytes.len() as u64;
        if self.is_cut() || count == 0 {
            return;
        }
        match self.holes.last_mut() {
            Some((last, length)) if *last == position => *length = length.saturating_add(count),
            Some(_) | None => self.holes.push((position, count)),
        }
    }

    /// Whether fewer bytes are kept than there were.
    pub fn is_cut(&self) -> bool {
        (self.bytes.len() as u64) < self.length
    }

    /// Decides whether it is text, where the message is: cuts off the character that the limit split.
    pub fn judge_text(&mut self) {
        if !self.unknown.is_empty() || self.holes.iter().any(|&(position, _)| position < self.bytes.len() as u64) {
            return;
        }
        if simdutf8::basic::from_utf8(&self.bytes).is_ok() {
            self.text = true;
        } else if let Err(error) = str::from_utf8(&self.bytes)
            && error.error_len().is_none()
            && self.is_cut()
        {
            self.bytes.truncate(error.valid_up_to());
            self.text = true;
        }
    }
}

/// Adds a range behind others, or to the last one where it begins at its end.
pub fn add_range(ranges: &mut Vec<Range>, position: u64, count: u64) {
    match ranges.last_mut() {
        _ if count == 0 => {}
        Some((last, length)) if *last + *length == position => *length += count,
        Some(_) | None => ranges.push((position, count)),
    }
}

#[cfg(test)]
mod tests {
    use super::Payload;
    use crate::config::Limits;

    #[test]
    fn unknown_bytes_are_counted_in_what_is_kept_and_are_no_text() {
        let (mut payload, mut held) = (Payload::default(), 0);
        let limits = Limits { payload: 6, ..Limits::default() };
        payload.keep(b"ab\0", &[(2, 1)], &limits, &mut held);
        payload.keep(b"\0c\0\0\0", &[(0, 1), (2, 3)], &limits, &mut held);
        payload.judge_text();
        assert_eq!((&payload.unknown[..], payload.length, payload.text), (&[(2, 2), (5, 1)][..], 8, false));
        assert_eq!((held, payload.held()), (6 + 2 * 16, 6 + 2 * 16));
    }

    #[test]
    fn what_is_over_the_limit_is_counted_but_not_kept() {
        let mut payload = Payload::default();
        payload.append("ab€".as_bytes(), 4);
        payload.append(b"more", 4);
        payload.judge_text();
        assert_eq!((&payload.bytes[..], payload.length, payload.text), (&b"ab"[..], 9, true));
    }

    #[test]
    fn text_with_a_hole_is_no_text_but_may_be_short() {
        let mut payload = Payload::default();
        payload.append(b"ab", 99);
        payload.miss(2);
        payload.miss(3);
        let mut short = payload.clone();
        short.judge_text();
        assert_eq!((short.text, short.holes), (true, vec![(2, 5)]));
        payload.append(b"cd", 99);
        payload.judge_text();
        assert!(!payload.text);
    }
}

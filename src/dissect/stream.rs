//! Messages of one direction to units of a protocol that is a byte stream: a unit may span messages, a message may hold many.
//!
//! ```text
//!  messages   |--- 1 ---|--- 2 ---|--- 3 ---|          buffer before 3:  |##1##|###2###|
//!  units      |== a ==|====== b ======|= c =|          after it:         nothing, b and c are told
//! ```

use memchr::memchr;

use super::decoded::Begin;
use super::{Incoming, Malformed};
use crate::duplex::{Direction, Duplex};

/// How a protocol cuts its stream into units.
#[derive(Debug, Clone, Copy)]
pub struct Framing {
    /// Where the unit at the start of some bytes, of which there is at least one, ends.
    pub cut: fn(&[u8]) -> Cut,
    /// Whether some bytes are nothing but whole and valid units: how the boundary is found again after a loss.
    pub whole: fn(&[u8]) -> bool,
}

/// What the start of some bytes shows of the unit there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is whole and has so many bytes, more than none.
    Unit(usize),
    /// Nothing more can be said before there are so many bytes.
    Length(usize),
    /// Nothing more can be said before this byte comes.
    Byte(u8),
    /// No unit begins so.
    Malformed(&'static str),
}

/// The bytes of a unit under way, in one direction.
#[derive(Debug, Default)]
pub struct Stream {
    buffer: Vec<u8>,
    begin: Option<Begin>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// In step.
    #[default]
    Boundary,
    /// Waiting for so many bytes.
    Length(usize),
    /// Waiting for a byte.
    Byte(u8),
    /// Bytes were lost: where a unit begins is not known.
    Lost,
}

/// What a message left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing: it ended with a unit.
    Nothing,
    /// The unit at its end goes on; so many bytes of that are there by now.
    More(usize),
    /// Where its units begin is not known, for bytes were lost before.
    Lost,
}

impl Stream {
    /// Takes a message, and hands each unit that ends in it to `take`.
    ///
    /// # Errors
    /// Where the protocol cannot go on so, or `take` says so; the boundary is then lost.
    pub fn push(
        &mut self,
        message: &Incoming<'_>,
        framing: &Framing,
        mut take: impl FnMut(&[u8], Begin) -> Result<(), Malformed>,
    ) -> Result<Rest, Malformed> {
        if self.state == State::Lost {
            if message.bytes.is_empty() || !(framing.whole)(message.bytes) {
                return Ok(Rest::Lost);
            }
            self.state = State::Boundary;
        }
        let joined = if self.buffer.is_empty() {
            None
        } else {
            self.buffer.extend_from_slice(message.bytes);
            if !self.is_ready(message.bytes) {
                return self.keep(message);
            }
            Some(std::mem::take(&mut self.buffer))
        };
        let bytes = joined.as_deref().unwrap_or(message.bytes);
        let mut begin = self.begin.take().unwrap_or(message.begin());
        let mut at = 0;
        self.state = State::Boundary;
        while at < bytes.len() && self.state == State::Boundary {
            let cut = match (framing.cut)(&bytes[at..]) {
                Cut::Unit(length) => take(&bytes[at..at + length], begin).map(|()| {
                    at += length;
                    begin = message.begin();
                }),
                Cut::Length(length) => {
                    self.state = State::Length(length);
                    Ok(())
                }
                Cut::Byte(byte) => {
                    self.state = State::Byte(byte);
                    Ok(())
                }
                Cut::Malformed(why) => Err(Malformed::new(why)),
            };
            if let Err(malformed) = cut {
                self.lose();
                return Err(malformed);
            }
        }
        if at == bytes.len() {
            return Ok(Rest::Nothing);
        }
        self.begin = Some(begin);
        self.buffer = bytes[at..].to_vec();
        self.keep(message)
    }

    /// Both directions of a connection; of one that was joined `late` what came before is lost.
    pub fn both(late: bool) -> Duplex<Self> {
        let mut streams = Duplex::default();
        if late {
            Direction::BOTH.into_iter().for_each(|way| Self::lose(&mut streams[way]));
        }
        streams
    }

    /// Bytes were lost.
    pub fn lose(&mut self) {
        *self = Self { state: State::Lost, ..Self::default() };
    }

    /// Bytes that it keeps.
    pub fn held(&self) -> usize {
        self.buffer.capacity()
    }

    fn is_ready(&self, new: &[u8]) -> bool {
        match self.state {
            State::Length(length) => self.buffer.len() >= length,
            State::Byte(byte) => memchr(byte, new).is_some(),
            State::Boundary | State::Lost => true,
        }
    }

    fn keep(&mut self, message: &Incoming<'_>) -> Result<Rest, Malformed> {
        let needed = if let State::Length(length) = self.state { length } else { self.buffer.len() };
        if needed > message.limits.payload {
            self.lose();
            return Err(Malformed::too_long(needed));
        }
        Ok(Rest::More(self.buffer.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use super::*;
    use crate::config::Limits;
    use crate::duplex::Direction;
    use crate::origin::{Origin, Span, Timestamp};

    /// A digit, and so many bytes.
    const FRAMING: Framing = Framing {
        cut: |bytes| match bytes[0] {
            digit @ b'0'..=b'9' => {
                let length = 1 + usize::from(digit - b'0');
                if bytes.len() < length { Cut::Length(length) } else { Cut::Unit(length) }
            }
            b'>' => memchr(b'.', bytes).map_or(Cut::Byte(b'.'), |at| Cut::Unit(at + 1)),
            _ => Cut::Malformed("no digit"),
        },
        whole: |bytes| bytes[0] == b'0',
    };

    fn push(stream: &mut Stream, number: u64, bytes: &str) -> (Vec<(String, u64)>, Result<Rest, Malformed>) {
        let origin = Origin { packet: number, time: Timestamp(0) };
        let limits = Limits { payload: 20, ..Limits::default() };
        let (direction, span) = (Direction::ToServer, Span::at(origin));
        let (text, utf8) = (true, &OnceCell::new());
        let message =
            Incoming { direction, number, text, bytes: bytes.as_bytes(), span, limits: &limits, late: false, utf8 };
        let mut units = Vec::new();
        let rest = stream.push(&message, &FRAMING, |unit, begin| {
            units.push((String::from_utf8_lossy(unit).into_owned(), begin.message));
            Ok(())
        });
        (units, rest)
    }

    #[test]
    fn units_need_not_align_with_messages() {
        let mut stream = Stream::default();
        assert_eq!(push(&mut stream, 1, "1a3x"), (vec![("1a".into(), 1)], Ok(Rest::More(2))));
        assert_eq!(push(&mut stream, 2, "y"), (vec![], Ok(Rest::More(3))));
        assert_eq!(push(&mut stream, 3, "z0>q"), (vec![("3xyz".into(), 1), ("0".into(), 3)], Ok(Rest::More(2))));
        assert_eq!(push(&mut stream, 4, "q."), (vec![(">qq.".into(), 3)], Ok(Rest::Nothing)));
        assert_eq!(stream.held(), 0);
    }

    #[test]
    fn after_a_loss_only_whole_units_are_believed() {
        let mut stream = Stream::default();
        stream.lose();
        for part in ["1a", ""] {
            assert_eq!(push(&mut stream, 1, part), (vec![], Ok(Rest::Lost)));
        }
        assert_eq!(push(&mut stream, 2, "01a"), (vec![("0".into(), 2), ("1a".into(), 2)], Ok(Rest::Nothing)));
    }

    #[test]
    fn what_does_not_fit_or_grows_too_long_loses_the_boundary() {
        let mut stream = Stream::default();
        let (units, rest) = push(&mut stream, 1, "1a?");
        assert_eq!((units.len(), rest.is_err()), (1, true));
        assert_eq!(push(&mut stream, 2, "1a").1, Ok(Rest::Lost));
        let mut stream = Stream::default();
        assert_eq!(push(&mut stream, 1, ">234567890123456789").1, Ok(Rest::More(19)));
        assert!(push(&mut stream, 2, "23").1.is_err());
        assert_eq!(stream.held(), 0);
    }
}

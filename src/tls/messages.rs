//! Handshake messages out of the records that they are split over or joined in (RFC 8446 §5.1).

use super::hello;

/// Joins the handshake messages of one direction.
#[derive(Debug, Default)]
pub struct Messages {
    /// The message under way, its header first.
    started: Vec<u8>,
    /// Bytes of its body that nobody needs, still to come.
    skipped: usize,
}

/// One handshake message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its type.
    pub kind: u8,
    /// Its body, of the types that an observer reads; of others empty.
    pub body: Vec<u8>,
}

impl Messages {
    /// Takes the content of a record; the messages that end in it. Of bodies above `limit` bytes none is kept.
    pub fn push(&mut self, mut bytes: &[u8], limit: usize) -> Vec<Message> {
        let mut whole = Vec::new();
        loop {
            let passed = self.skipped.min(bytes.len());
            self.skipped -= passed;
            bytes = &bytes[passed..];
            if self.skipped > 0 {
                return whole;
            }
            let wanted = self.wanted(limit);
            let missing = wanted - self.started.len();
            let (now, rest) = bytes.split_at(missing.min(bytes.len()));
            self.started.extend_from_slice(now);
            bytes = rest;
            if self.started.len() < wanted {
                return whole;
            }
            // The header may just have become whole.
            if self.wanted(limit) > wanted {
                continue;
            }
            let kind = self.started[0];
            self.skipped = self.length() - (self.started.len() - hello::HEADER);
            whole.push(Message { kind, body: self.started.split_off(hello::HEADER) });
            self.started.clear();
        }
    }

    /// Memory for the message under way, in bytes.
    pub fn held(&self) -> usize {
        self.started.capacity()
    }

    /// Bytes were lost: what is under way will not be whole.
    pub fn lose(&mut self) {
        *self = Self::default();
    }

    /// How many bytes the message under way is gathered to.
    fn wanted(&self, limit: usize) -> usize {
        let read = matches!(
            self.started.first(),
            Some(
                &hello::CLIENT_HELLO
                    | &hello::SERVER_HELLO
                    | &hello::ENCRYPTED_EXTENSIONS
                    | &hello::CLIENT_KEY_EXCHANGE
            )
        );
        let length = self.length();
        hello::HEADER + if read && length <= limit { length } else { 0 }
    }

    /// Length of the body; 0 while the header is not whole.
    fn length(&self) -> usize {
        match self.started[..] {
            [_, high, middle, low, ..] => usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_split_gives_the_same_messages() {
        let hello = [&[hello::CLIENT_HELLO, 0, 0, 3][..], b"abc"].concat();
        let certificate = [&[11, 0, 1, 0][..], &[7; 256]].concat();
        let large = [&[hello::SERVER_HELLO, 0, 0, 200][..], &[7; 200]].concat();
        let finished = [&[hello::FINISHED, 0, 0, 12][..], &[7; 12]].concat();
        let bytes = [hello, certificate, large, finished, vec![hello::CLIENT_HELLO, 0, 0, 9, 1]].concat();
        let message = |kind, body: &[u8]| Message { kind, body: body.to_vec() };
        let expected = [message(1, b"abc"), message(11, b""), message(2, b""), message(hello::FINISHED, b"")];
        for size in 1..=bytes.len() {
            let mut messages = Messages::default();
            let found: Vec<_> = bytes.chunks(size).flat_map(|piece| messages.push(piece, 100)).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }
}

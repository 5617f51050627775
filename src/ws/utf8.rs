//! Judges UTF-8 as it streams in (RFC 6455 §8.1, RFC 3629).

/// So many bytes take no longer to be looked at twice than to begin validating them.
const SHORT: usize = 512;

/// A text that is being received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Utf8 {
    /// First bytes of a character whose rest has not come.
    carry: [u8; 3],
    carried: usize,
    /// Bytes seen.
    length: u64,
    failed: bool,
}

impl Utf8 {
    /// Takes the next bytes. `Some`: the offset of the first byte with which the text cannot be valid; told once.
    pub fn push(&mut self, bytes: &[u8]) -> Option<u64> {
        if self.failed {
            return None;
        }
        let mut rest = bytes;
        // A character that began earlier takes bytes until it is whole.
        while self.carried > 0 {
            let (&next, after) = rest.split_first()?;
            let mut character = [0; 4];
            character[..self.carried].copy_from_slice(&self.carry[..self.carried]);
            character[self.carried] = next;
            match str::from_utf8(&character[..=self.carried]) {
                Ok(_) => self.carried = 0,
                Err(error) if error.error_len().is_none() => {
                    self.carry[self.carried] = next;
                    self.carried += 1;
                }
                Err(_) => return self.fail(self.length),
            }
            self.length += 1;
            rest = after;
        }
        // Most texts are short and ASCII, which is quicker seen.
        if rest.len() <= SHORT && rest.is_ascii() {
            self.length += rest.len() as u64;
            return None;
        }
        match simdutf8::compat::from_utf8(rest) {
            Ok(_) => {}
            Err(error) => {
                let valid = error.valid_up_to();
                if let Some(bad) = error.error_len() {
                    // A lead byte that no character has is itself the culprit, else the byte behind the good ones.
                    let good = if matches!(rest[valid], 0x80..=0xc1 | 0xf5..=0xff) { 0 } else { bad };
                    return self.fail(self.length + (valid + good) as u64);
                }
                self.carried = rest.len() - valid;
                self.carry[..self.carried].copy_from_slice(&rest[valid..]);
            }
        }
        self.length += rest.len() as u64;
        None
    }

    /// The text is over. `Some`: its length, where it ends inside a character; told once.
    pub fn finish(&mut self) -> Option<u64> {
        if self.failed || self.carried == 0 {
            return None;
        }
        self.fail(self.length)
    }

    /// Whether all seen so far is a valid text.
    pub fn is_whole(&self) -> bool {
        !self.failed && self.carried == 0
    }

    /// Whether all seen so far can be the beginning of one.
    pub fn is_valid(&self) -> bool {
        !self.failed
    }

    fn fail(&mut self, offset: u64) -> Option<u64> {
        self.failed = true;
        Some(offset)
    }
}

/// Whether a byte goes on with a character that the bytes before it begin.
pub fn continues(before: &[u8], byte: u8) -> bool {
    let lead = before.iter().rev().take(3).position(|&byte| byte & 0xc0 != 0x80);
    let length = lead.map(|back| (back, before[before.len() - 1 - back].leading_ones() as usize));
    byte & 0xc0 == 0x80 && length.is_some_and(|(back, length)| (2..=4).contains(&length) && back + 1 < length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_continued_up_to_its_length() {
        let text = "aд€𐍈z".as_bytes();
        let continued: Vec<bool> = (0..text.len()).map(|at| continues(&text[..at], text[at])).collect();
        let expected = [0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 0].map(|continues| continues == 1);
        assert_eq!(continued, expected);
        assert!(!continues("д".as_bytes(), 0x80) && !continues(b"", 0x80) && !continues(b"\xc3", b'a'));
    }

    /// First offset at which a text cannot be valid, byte by byte, by the standard library.
    fn naive(text: &[u8]) -> Option<u64> {
        for end in 1..=text.len() {
            if str::from_utf8(&text[..end]).is_err_and(|error| error.error_len().is_some()) {
                return Some(end as u64 - 1);
            }
        }
        str::from_utf8(text).is_err().then_some(text.len() as u64)
    }

    #[test]
    fn any_split_gives_the_first_offset_at_which_it_cannot_be_valid() {
        let texts: [&[u8]; 14] = [
            b"plain",
            "κόσμε €𐍈".as_bytes(),
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
            b"\xff",
            b"a\x80",
            b"\xc0\xaf",
            b"\xc1\xbf",
            b"\xe0\x80\x80",
            b"\xe2\x28\xa1",
            b"\xf4\x90\x80\x80",
            b"\xf0\x9f\x98",
            b"ab\xe2\x82",
            b"\xf8\x88\x80\x80\x80",
            b"0123456789012345678901234567890123456789012345678901234567890123456789\xf0\x9f\x98\x80\xf0\x9f\x98z",
        ];
        for text in texts {
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut utf8 = Utf8::default();
                    let pieces = [&text[..first], &text[first..second], &text[second..]];
                    let mut found = pieces.into_iter().filter_map(|piece| utf8.push(piece)).collect::<Vec<_>>();
                    found.extend(utf8.finish());
                    assert_eq!(found, Vec::from_iter(naive(text)), "{text:x?} at {first}, {second}");
                }
            }
        }
    }
}

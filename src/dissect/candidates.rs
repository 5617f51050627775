//! The first byte of a message to the protocols that it can be of: most are out of question before any of them is asked.

use super::{PROTOCOLS, Protocol};

/// Rows of [`PROTOCOLS`], in their order; a bit each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidates(u32);

impl Candidates {
    /// Those that a message can be of whose first byte that is no blank is `first`. `lasting`: also those that one message decides
    /// for; `formats`: also payload formats.
    pub(super) fn of(first: Option<u8>, lasting: bool, formats: bool) -> Self {
        let rows = first.map_or(BLANK, |first| BY_FIRST[usize::from(first)]);
        let rows = if lasting { rows } else { rows & !LASTING };
        Self(if formats { rows } else { rows & !FORMATS })
    }
}

impl Iterator for Candidates {
    type Item = &'static Protocol;

    fn next(&mut self) -> Option<&'static Protocol> {
        let row = PROTOCOLS.get(self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(row)
    }
}

/// For each byte, those whose messages can begin with it.
static BY_FIRST: [u32; 256] = {
    let mut table = [BLANK; 256];
    let mut row = 0;
    while row < PROTOCOLS.len() {
        let mut begins = PROTOCOLS[row].begins;
        while let [byte, rest @ ..] = begins {
            table[*byte as usize] |= 1 << row;
            begins = rest;
        }
        row += 1;
    }
    table
};

/// Those whose messages can begin with any byte: only they can be blank.
const BLANK: u32 = sums().0;
const LASTING: u32 = sums().1;
const FORMATS: u32 = sums().2;

const fn sums() -> (u32, u32, u32) {
    let (mut blank, mut lasting, mut formats) = (0, 0, 0);
    let mut row = 0;
    while row < PROTOCOLS.len() {
        let Protocol { begins, lasting: lasts, format, .. } = PROTOCOLS[row];
        blank |= (begins.is_empty() as u32) << row;
        lasting |= (*lasts as u32) << row;
        formats |= (*format as u32) << row;
        row += 1;
    }
    (blank, lasting, formats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_message_can_be_of_is_asked() {
        let names = |first, lasting, formats| {
            Candidates::of(first, lasting, formats).map(|row| row.name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(Some(b'{'), false, false), "jsonrpc");
        assert_eq!(names(Some(b'{'), false, true), "jsonrpc json ndjson msgpack cbor");
        assert_eq!(names(Some(b'['), true, false), "wamp phoenix jupyter jsonrpc");
        assert_eq!(names(Some(b'x'), false, false), "");
        assert_eq!(names(None, false, true), "msgpack cbor");
    }

    #[test]
    fn each_row_is_among_them_where_its_messages_begin_so() {
        for row in PROTOCOLS {
            for first in (0..=255).filter(|first| row.can_begin(Some(*first))) {
                assert!(Candidates::of(Some(first), true, true).any(|other| other.name == row.name), "{}", row.name);
            }
        }
    }
}

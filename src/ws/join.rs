//! Whether a TCP stream whose beginning was not captured is a WebSocket, judged by its first bytes.
//!
//! Nothing announces a frame (RFC 6455 §5.2), so one header proves little. What proves a lot: headers that follow one
//! another without a rule broken, one direction masked and the other not, and payload that is what its opcode says.

use crate::ws::frame::{Header, Opcode, RSV1};
use crate::ws::mask;

/// How much is looked at per direction.
pub const LOOK: usize = 64 << 10;

/// Behind so many whole frames it is not looked any further.
const ENOUGH: usize = 8;

/// Texts longer than this are not looked into.
const SAMPLE: usize = 256;

/// What the first bytes of one direction look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Not like frames.
    Foreign,
    /// Like frames, as far as they go.
    Frames {
        /// Whether they are masked, as a client's are; `None` while no header is whole.
        masked: Option<bool>,
        /// How many are whole.
        whole: usize,
        /// How many of those hold what their opcode says, which could have been otherwise.
        proven: usize,
    },
}

/// Looks at bytes that may begin with a frame.
pub fn look(bytes: &[u8]) -> Look {
    let mut rest = &bytes[..bytes.len().min(LOOK)];
    let (mut masked, mut whole, mut proven) = (None, 0, 0);
    while whole < ENOUGH
        && let Some(header) = Header::parse_truncated(rest)
    {
        // What the first two bytes break counts even where the rest has not come.
        if breaks_rules(&header) || header.length_bits != 0 && masked.is_some_and(|masked| masked != header.masked) {
            return Look::Foreign;
        }
        let Some((header, length)) = Header::parse(rest) else { break };
        if !header.is_minimal() || header.payload_length >> 32 != 0 || breaks_rules(&header) {
            return Look::Foreign;
        }
        masked = Some(header.masked);
        let Some(payload) = rest[length..].get(..header.payload_length as usize) else { break };
        match holds_what_it_says(&header, payload) {
            Some(true) => proven += 1,
            Some(false) => return Look::Foreign,
            None => {}
        }
        whole += 1;
        rest = &rest[length + payload.len()..];
    }
    Look::Frames { masked, whole, proven }
}

/// Whether what two directions look like is enough to take them for a WebSocket; `None`: more is needed.
///
/// `ended`: nothing more will come.
pub fn decide(looks: [Look; 2], ended: bool) -> Option<bool> {
    let mut total = (0, 0);
    let mut masks = [None; 2];
    for (look, mask) in looks.into_iter().zip(&mut masks) {
        let Look::Frames { masked, whole, proven } = look else { return Some(false) };
        total = (total.0 + whole, total.1 + proven);
        *mask = masked;
    }
    match masks {
        [Some(a), Some(b)] if a == b => return Some(false),
        [Some(_), Some(_)] if total.0 >= 2 && total.1 >= 1 || total.0 >= 4 => return Some(true),
        _ if total.0 >= 3 && total.1 >= 2 || total.0 >= ENOUGH => return Some(true),
        [..] => {}
    }
    ended.then_some(total.1 >= 1)
}

/// Whether what stands behind a gap is taken for frames again, of a direction that is known to be masked or not.
///
/// Less is asked for than where nothing is known. `ended`: nothing more will come.
pub fn resumes(look: Look, masked: bool, ended: bool) -> bool {
    match look {
        Look::Frames { masked: Some(known), whole, proven } if known == masked => {
            whole >= 2 || whole == 1 && (proven == 1 || ended)
        }
        Look::Frames { .. } | Look::Foreign => false,
    }
}

/// Whether a header is one that no sender writes.
fn breaks_rules(header: &Header) -> bool {
    let control = header.opcode.is_control();
    header.opcode.is_reserved()
        || header.rsv & !RSV1 != 0
        || header.rsv != 0 && (control || header.opcode == Opcode::CONTINUATION)
        || control && (!header.fin || header.payload_length > 125 || header.length_bits > 7)
}

/// Whether text is text and a Close is a Close; `None` where nothing can be said.
fn holds_what_it_says(header: &Header, payload: &[u8]) -> Option<bool> {
    if header.rsv & RSV1 != 0 || payload.is_empty() {
        return None;
    }
    let mut sample = payload[..payload.len().min(SAMPLE)].to_vec();
    if let Some(key) = header.masking_key {
        mask::apply(&mut sample, key, 0);
    }
    match header.opcode {
        Opcode::TEXT => Some(match str::from_utf8(&sample) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none() && (sample.len() < payload.len() || !header.fin),
        }),
        Opcode::CLOSE => Some(matches!(sample[..], [3 | 4 | 0x0b..=0x13, _, ..])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &[u8] = b"\x81\x05Hello\x89\x00";
    const CLIENT: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

    #[test]
    fn frames_of_both_sides_are_a_websocket() {
        assert_eq!(decide([look(SERVER), look(CLIENT)], false), Some(true));
        assert_eq!(decide([look(CLIENT), look(SERVER)], false), Some(true));
    }

    #[test]
    fn one_frame_is_not_enough_until_the_end() {
        assert_eq!(decide([look(b"\x81\x05Hello"), look(b"")], false), None);
        assert_eq!(decide([look(b"\x81\x05Hello"), look(b"")], true), Some(true));
        assert_eq!(decide([look(b"\x82\x05Hello"), look(b"")], true), Some(false));
    }

    #[test]
    fn what_is_not_frames_is_foreign() {
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00"[..],
            b"\x17\x03\x03\x00\x20",
            b"SSH-2.0-OpenSSH\r\n",
            b"GET / HTTP/1.1\r\n",
            b"\x81\x05He\xff\xffo",
            b"\x88\x02\x00\x01",
            b"\x82\x7e\x00\x05Hello",
            b"\x81\x05Hello\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        ] {
            assert_eq!(look(bytes), Look::Foreign, "{bytes:x?}");
        }
        assert_eq!(decide([look(SERVER), look(SERVER)], false), Some(false), "nobody masks");
    }
}

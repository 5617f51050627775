//! A frame header to the lines that show its bits and what they mean (RFC 6455 §5.2).

use crate::duplex::Direction;
use crate::event::{Frame, FrameHeader, Message};
use crate::ws::frame::{Header, Opcode, RSV1};

use super::ink::{Ink, Inked};
use super::show;

/// Whose header it is, which tells what its bits have to be.
#[derive(Debug, Clone, Copy)]
pub struct Bits<'a> {
    /// As it stood on the wire.
    pub header: &'a Header,
    /// Which way it went.
    pub direction: Direction,
    /// Whether it belongs to a compressed message.
    pub compressed: bool,
    /// Whether it never became whole; then only its first byte is known.
    pub truncated: bool,
}

impl Bits<'_> {
    /// A line for each field, its bits where they stand in their byte.
    pub fn lines(self) -> Vec<Inked> {
        let Header { fin, rsv, opcode, .. } = *self.header;
        let mut lines = vec![
            row(&bit(fin, 0), "FIN", fin_meaning(fin, opcode), Ink::Plain),
            self.rsv(RSV1, 1),
            self.rsv(2, 2),
            self.rsv(1, 3),
            row(&format!(".... {:04b}", opcode.0 & 15), "opcode", &self.opcode(), self.opcode_ink()),
        ];
        debug_assert!(rsv < 8, "three bits");
        if self.truncated {
            lines.push(Inked::of(Ink::Warning, "the rest of the header never came"));
            return lines;
        }
        lines.push(self.mask());
        lines.push(self.length());
        if let Some([a, b, c, d]) = self.header.masking_key {
            let key = format!("{a:02x}{b:02x}{c:02x}{d:02x}");
            lines.push(row(&format!("{key} "), "masking key", "payload is XORed with it (§5.3)", Ink::Plain));
        }
        lines
    }

    fn rsv(&self, value: u8, place: usize) -> Inked {
        let set = self.header.rsv & value != 0;
        let (meaning, ink) = match (set, value == RSV1) {
            (true, true) if self.compressed => ("compressed (permessage-deflate, RFC 7692 §6)", Ink::Plain),
            (true, _) => ("set, though no agreed extension defines it", Ink::Violation),
            (false, true) if self.compressed => ("further fragment of a compressed message", Ink::Plain),
            (false, true) => ("not compressed", Ink::Plain),
            (false, false) => ("reserved, must be 0", Ink::Plain),
        };
        row(&bit(set, place), ["RSV1", "RSV2", "RSV3"][place - 1], meaning, ink)
    }

    fn opcode(&self) -> String {
        let opcode = self.header.opcode;
        let kind = match opcode.is_control() {
            true => "control frame, §5.5",
            false => "data frame, §5.6",
        };
        format!("{} (0x{:X}, {kind})", opcode.name(), opcode.0 & 15)
    }

    fn opcode_ink(&self) -> Ink {
        if self.header.opcode.is_reserved() { Ink::Violation } else { Ink::Plain }
    }

    fn mask(&self) -> Inked {
        let (meaning, ink) = match (self.header.masked, self.direction) {
            (true, Direction::ToServer) => ("masked, as a client must (§5.1)", Ink::Plain),
            (false, Direction::ToServer) => ("not masked, which a client must be (§5.1)", Ink::Violation),
            (true, Direction::ToClient) => ("masked, which a server must not be (§5.1)", Ink::Violation),
            (false, Direction::ToClient) => ("not masked, as a server must (§5.1)", Ink::Plain),
        };
        row(&bit(self.header.masked, 0), "MASK", meaning, ink)
    }

    fn length(&self) -> Inked {
        let header = self.header;
        let seven = match header.length_bits {
            16 => 126,
            64 => 127,
            _ => (header.payload_length & 0x7f) as u8,
        };
        let bits = format!(".{:03b} {:04b}", seven >> 4, seven & 15);
        let how = match header.length_bits {
            16 => " in 16 bits more",
            64 => " in 64 bits more",
            _ => "",
        };
        let bytes = show::counted(header.payload_length, "byte", "bytes");
        if header.is_minimal() {
            row(&bits, "length", &format!("{bytes}{how}"), Ink::Plain)
        } else {
            row(&bits, "length", &format!("{bytes}{how}, not the shortest form"), Ink::Violation)
        }
    }
}

fn fin_meaning(fin: bool, opcode: Opcode) -> &'static str {
    match (fin, opcode.is_control(), opcode == Opcode::CONTINUATION) {
        (true, true, _) => "whole, as control frames must be",
        (true, false, false) => "the only frame of its message",
        (true, false, true) => "the last fragment of its message",
        (false, false, _) => "more fragments follow (§5.4)",
        (false, true, _) => "fragmented, which control frames must not be",
    }
}

/// `..1. ....`: a bit at its place in the first half of a byte.
fn bit(set: bool, place: usize) -> String {
    let mut bits = *b".... ....";
    bits[place] = if set { b'1' } else { b'0' };
    bits.iter().map(|&byte| char::from(byte)).collect()
}

fn row(bits: &str, name: &str, meaning: &str, ink: Ink) -> Inked {
    Inked::of(Ink::Number, bits.to_owned()).and(Ink::Dim, format!("  {name:<11}  ")).and(ink, meaning.to_owned())
}

/// The headers of a message's frames, as far as they are kept.
pub fn of_message(message: &Message) -> Vec<Inked> {
    let mut lines = Vec::new();
    for (index, FrameHeader { number, offset, header }) in message.headers.iter().enumerate() {
        if index > 0 {
            lines.push(Inked::default());
        }
        let place = format!("frame {} of {}", index + 1, message.frames);
        lines.push(
            Inked::of(Ink::Title, place)
                .and(Ink::Dim, format!("  number {number} of its side, stream offset {offset}")),
        );
        let direction = message.direction;
        lines.extend(Bits { header, direction, compressed: message.compressed, truncated: false }.lines());
    }
    let more = message.frames - message.headers.len() as u64;
    if more > 0 {
        lines.push(Inked::of(
            Ink::Dim,
            format!("the headers of {} more are not kept", show::counted(more, "frame", "frames")),
        ));
    }
    lines
}

/// The header of a frame.
pub fn of_frame(frame: &Frame) -> Vec<Inked> {
    let title = Inked::of(Ink::Title, format!("frame {} of the {}", frame.number, frame.direction.sender()));
    let mut lines = vec![title.and(Ink::Dim, format!("  stream offset {}", frame.offset))];
    let bits = Bits {
        header: &frame.header,
        direction: frame.direction,
        compressed: frame.compressed,
        truncated: frame.truncated,
    };
    lines.extend(bits.lines());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], direction: Direction, compressed: bool) -> Vec<String> {
        let (header, _) = Header::parse(bytes).expect("a header");
        let bits = Bits { header: &header, direction, compressed, truncated: false };
        bits.lines().iter().map(Inked::text).collect()
    }

    #[test]
    fn the_masked_hello_of_rfc_6455_section_5_7() {
        let told = [
            "1... ....  FIN          the only frame of its message",
            ".0.. ....  RSV1         not compressed",
            "..0. ....  RSV2         reserved, must be 0",
            "...0 ....  RSV3         reserved, must be 0",
            ".... 0001  opcode       text (0x1, data frame, §5.6)",
            "1... ....  MASK         masked, as a client must (§5.1)",
            ".000 0101  length       5 bytes",
            "37fa213d   masking key  payload is XORed with it (§5.3)",
        ];
        assert_eq!(shown(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d], Direction::ToServer, false), told);
    }

    #[test]
    fn what_must_not_be_is_said() {
        let told = shown(&[0x62, 126, 0, 5], Direction::ToServer, false);
        assert!(told[0].contains("more fragments follow"), "{told:?}");
        assert!(told[1].contains("no agreed extension") && told[2].contains("no agreed extension"), "{told:?}");
        assert!(told[5].contains("must be (§5.1)") && told[6].contains("not the shortest form"), "{told:?}");
    }
}

//! What the memory keeps of each event: its time, kind, size and place; all else is read back when it is looked at.

use crate::anomaly::Severity;
use crate::duplex::Direction;
use crate::event::{Body, Event};
use crate::origin::Timestamp;
use crate::ws::frame::Opcode;

/// An index row: 32 bytes for each event, so that ten million take 320 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Where its record begins in the spool.
    pub place: u64,
    /// When it happened.
    pub time: Timestamp,
    /// On which connection.
    pub connection: u32,
    /// Bytes of the record.
    pub record: u32,
    /// Payload bytes after inflating, of a gap the bytes that are missing; `u32::MAX` stands for that and more.
    pub size: u32,
    /// What it is.
    pub kind: Kind,
    marks: u8,
}

/// What a row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Opening handshake.
    Handshake,
    /// Text message.
    Text,
    /// Binary message.
    Binary,
    /// Close frame.
    Close,
    /// Ping frame.
    Ping,
    /// Pong frame.
    Pong,
    /// A frame that belongs to no message, or has a reserved opcode.
    Frame,
    /// Bytes never seen.
    Gap,
    /// Oddities that belong to no frame.
    Notice,
    /// End of the connection.
    Closed,
}

const TO_SERVER: u8 = 1;
const TO_CLIENT: u8 = 2;
const WHOLE: u8 = 4;
const KEEP_ALIVE: u8 = 8;
const SEVERITIES: [Severity; 4] = [Severity::Note, Severity::Loss, Severity::Warning, Severity::Violation];
const SEVERITY_SHIFT: u8 = 4;

impl Row {
    /// The row of an event whose record has `record` bytes at `place`.
    pub fn new(event: &Event, place: u64, record: usize) -> Self {
        let direction = match event.body.direction() {
            Some(Direction::ToServer) => TO_SERVER,
            Some(Direction::ToClient) => TO_CLIENT,
            None => 0,
        };
        let (kind, size, whole) = match &event.body {
            Body::Handshake(_) => (Kind::Handshake, 0, true),
            Body::Frame(frame) => {
                (Kind::of_frame(frame.header.opcode), frame.payload.length, frame.missing == 0 && !frame.truncated)
            }
            Body::Message(message) => {
                let kind = if message.text { Kind::Text } else { Kind::Binary };
                (kind, message.payload.length, message.complete)
            }
            Body::Gap(gap) => (Kind::Gap, gap.length, false),
            Body::Notice(_) => (Kind::Notice, 0, true),
            Body::Closed(_) => (Kind::Closed, 0, true),
        };
        let heaviest = event.body.anomalies().iter().map(|anomaly| anomaly.code.rule().severity).max();
        let severity = heaviest.map_or(0, |heaviest| heaviest as u8 + 1);
        Self {
            place,
            time: event.time(),
            connection: u32::try_from(event.connection).unwrap_or(u32::MAX),
            record: u32::try_from(record).unwrap_or(u32::MAX),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            kind,
            marks: direction
                | if whole { WHOLE } else { 0 }
                | if keeps_alive(&event.body) { KEEP_ALIVE } else { 0 }
                | severity << SEVERITY_SHIFT,
        }
    }

    /// Which way it went, where it belongs to one direction.
    pub fn direction(&self) -> Option<Direction> {
        match self.marks & (TO_SERVER | TO_CLIENT) {
            TO_SERVER => Some(Direction::ToServer),
            TO_CLIENT => Some(Direction::ToClient),
            _ => None,
        }
    }

    /// The heaviest of its anomalies.
    pub fn severity(&self) -> Option<Severity> {
        let index = usize::from(self.marks >> SEVERITY_SHIFT).checked_sub(1)?;
        SEVERITIES.get(index).copied()
    }

    /// Whether all of it is known.
    pub fn is_whole(&self) -> bool {
        self.marks & WHOLE != 0
    }

    /// Whether it only keeps the connection alive: a Ping or Pong (RFC 6455 §5.5.2, §5.5.3), or what a sub-protocol has for
    /// that.
    pub fn is_keep_alive(&self) -> bool {
        self.marks & KEEP_ALIVE != 0
    }

    /// Whether it is one that a reader looks for: a gap, a close, an end, or worse than a note.
    pub fn is_landmark(&self) -> bool {
        matches!(self.kind, Kind::Gap | Kind::Close | Kind::Closed) || self.severity() > Some(Severity::Note)
    }
}

fn keeps_alive(body: &Body) -> bool {
    match body {
        Body::Frame(frame) => matches!(frame.header.opcode, Opcode::PING | Opcode::PONG),
        Body::Message(message) => message.decoded.as_ref().is_some_and(|decoded| decoded.is_keepalive()),
        Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => false,
    }
}

impl Kind {
    fn of_frame(opcode: Opcode) -> Self {
        match opcode {
            Opcode::CLOSE => Self::Close,
            Opcode::PING => Self::Ping,
            Opcode::PONG => Self::Pong,
            Opcode::TEXT => Self::Text,
            Opcode::BINARY => Self::Binary,
            _ => Self::Frame,
        }
    }

    /// One word for it, at most nine letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Frame => "frame",
            Self::Gap => "gap",
            Self::Notice => "notice",
            Self::Closed => "end",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Gap, GapReason};
    use crate::origin::Span;

    #[test]
    fn a_row_is_small_and_tells_its_event() {
        assert_eq!(size_of::<Row>(), 32);
        let gap = Gap::new(Direction::ToClient, 7, 1 << 40, GapReason::NotCaptured);
        let row = Row::new(&Event { connection: 3, span: Span::default(), body: Body::Gap(Box::new(gap)) }, 9, 11);
        assert_eq!((row.kind, row.direction(), row.size), (Kind::Gap, Some(Direction::ToClient), u32::MAX));
        assert_eq!((row.severity(), row.is_whole(), row.is_landmark()), (Some(Severity::Loss), false, true));
    }

    #[test]
    fn severities_are_told_as_they_are_ranked() {
        for (index, severity) in SEVERITIES.into_iter().enumerate() {
            assert_eq!(severity as usize, index);
        }
    }
}

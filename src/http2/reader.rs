//! One direction of an HTTP/2 connection: bytes in order to the parts of frames that matter (RFC 9113 §4, §6).
//!
//! ```text
//!              ┌─────────── frame over ───────────┐
//!              ▼                                  │
//!  Preface ─► Header ─── header whole ───► Payload ┘
//!              ▲  │                          │
//!              │  └────────── gap ───────────┴─ gap beyond the frame ──► Searching ──┐
//!              └──────────────── frames found that follow one another ───────────────┘
//! ```

use std::collections::VecDeque;

use crate::anomaly::{Anomaly, Code, Detail};
use crate::chunk::Chunk;
use crate::config::Limits;
use crate::event::GapReason;
use crate::http2::frame::{self, Header, Kind};
use crate::http2::heads::{Head, Heads, Outcome};
use crate::inbox::Inbox;
use crate::origin::Origin;

/// What the frames of one direction say.
#[derive(Debug)]
pub enum Part<'a> {
    /// A head; of trailers too.
    Head(Head),
    /// Bytes of a stream, without padding. Their offset is that in the connection.
    Data(u32, Chunk<'a>),
    /// Bytes of a stream were never seen.
    Missing(u32, Hole),
    /// A stream ends here in this direction.
    End(u32, Place),
    /// A stream ends here in both.
    Reset(u32, Place),
    /// Streams above this one were not looked at, and never will be.
    GoAway(u32, Place),
    /// A setting and its value (§6.5.1).
    Setting(u16, u32),
    /// Bytes were never seen, and frame headers among them: each stream may have lost some of its own.
    Lost(Hole),
    /// What stands behind such a gap, from the first frame found there on; to be read next.
    Resumed(Box<Inbox>),
    /// Something odd about a stream.
    Odd(u32, Anomaly, Origin),
}

/// Where a frame ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its last packet.
    pub origin: Origin,
    /// Offset behind it in the bytes of the connection.
    pub end: u64,
}

/// Bytes that were never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// How many; at most so many where it is not `exact`.
    pub length: u64,
    /// Whether that is known exactly.
    pub exact: bool,
    /// Why.
    pub reason: GapReason,
    /// The packet that made it known.
    pub origin: Origin,
}

/// One direction of an HTTP/2 connection.
#[derive(Debug)]
pub struct Reader {
    state: State,
    heads: Heads,
    /// Streams of the latest frames, newest last: they are looked for behind a gap.
    recent: VecDeque<u32>,
    /// What is known and not yet taken.
    known: VecDeque<Part<'static>>,
}

#[derive(Debug)]
enum State {
    /// Inside the client's preface; bytes of it that passed.
    Preface(usize),
    /// Between frames, or inside a header.
    Header(Partial),
    /// Inside a payload.
    Payload(Payload),
    /// Where the next frame begins is not known: what came since the gap.
    Searching(Box<Inbox>),
}

/// The bytes of a header that have come.
#[derive(Debug, Clone, Copy, Default)]
struct Partial {
    bytes: [u8; frame::HEADER],
    len: usize,
    first: Origin,
}

/// The payload that is being received.
#[derive(Debug)]
struct Payload {
    header: Header,
    stage: Stage,
    /// Bytes of it that did not pass yet.
    left: u64,
    /// How many of those are padding, as far as is known.
    padding: u64,
    /// What came of a frame that is small.
    small: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The length of the padding comes next.
    PadLength,
    /// So many bytes of priority, or of a promised stream, come next.
    Prefix(u64),
    /// Content, and then padding.
    Content,
}

/// So much is looked at of SETTINGS and other small frames; there are only a few settings.
const SMALL: usize = 1024;

/// So many streams are looked for behind a gap.
const RECENT: usize = 32;

/// As much is looked at to find whether frames begin at a byte: several of the usual size.
pub const LOOK: usize = 64 << 10;

impl Reader {
    /// From the beginning of a connection; the client's side begins with the preface.
    pub fn new(preface: bool) -> Self {
        Self::in_state(if preface { State::Preface(0) } else { State::Header(Partial::default()) })
    }

    /// From somewhere in a connection.
    pub fn late() -> Self {
        let mut reader = Self::in_state(State::Searching(Box::default()));
        reader.heads.lose();
        reader
    }

    fn in_state(state: State) -> Self {
        Self { state, heads: Heads::default(), recent: VecDeque::new(), known: VecDeque::new() }
    }

    /// The next part that `rest` makes known; takes away from it what was read. `None` when more bytes are needed.
    pub fn next<'a>(&mut self, rest: &mut Chunk<'a>, limits: &Limits) -> Option<Part<'a>> {
        loop {
            if let Some(part) = self.known.pop_front() {
                return Some(part);
            }
            if rest.bytes.is_empty() {
                return None;
            }
            match &mut self.state {
                State::Preface(passed) => {
                    let (_, behind) = rest.split_at(frame::PREFACE.len() - *passed);
                    *passed += rest.bytes.len() - behind.bytes.len();
                    if *passed == frame::PREFACE.len() {
                        self.state = State::Header(Partial::default());
                    }
                    *rest = behind;
                }
                State::Header(partial) => {
                    if partial.len == 0 {
                        partial.first = rest.origin;
                    }
                    let (piece, behind) = rest.split_at(frame::HEADER - partial.len);
                    partial.bytes[partial.len..partial.len + piece.bytes.len()].copy_from_slice(piece.bytes);
                    partial.len += piece.bytes.len();
                    *rest = behind;
                    let partial = *partial;
                    if let Some(header) = Header::parse(&partial.bytes[..partial.len]) {
                        self.begin(header, partial.first);
                        self.end_if_whole(Place { origin: piece.origin, end: behind.offset }, limits);
                    }
                }
                State::Payload(_) => {
                    if let Some((stream, chunk)) = self.push_payload(rest, limits) {
                        return Some(Part::Data(stream, chunk));
                    }
                }
                State::Searching(inbox) => {
                    inbox.push(*rest);
                    *rest = rest.split_at(rest.bytes.len()).1;
                    return self.search().map(Part::Resumed);
                }
            }
        }
    }

    /// Learns of the bytes up to the offset `end` that they will never come; what that means is the next part.
    pub fn gap(&mut self, hole: Hole, end: u64, limits: &Limits) {
        let Hole { length, origin, .. } = hole;
        let mut inside = 0;
        match &mut self.state {
            State::Preface(passed) => {
                inside = length.min((frame::PREFACE.len() - *passed) as u64);
                *passed += inside as usize;
                if *passed == frame::PREFACE.len() {
                    self.state = State::Header(Partial::default());
                }
            }
            State::Payload(payload) if hole.exact => {
                inside = length.min(payload.left);
                let content = if payload.stage == Stage::PadLength { 0 } else { payload.padding };
                let missing = inside.min(payload.left - content);
                payload.stage = Stage::Content;
                payload.left -= inside;
                payload.padding = payload.padding.min(payload.left);
                payload.small.clear();
                match payload.header.kind {
                    Kind::DATA if missing > 0 => {
                        let part = Part::Missing(payload.header.stream, Hole { length: missing, ..hole });
                        self.known.push_back(part);
                    }
                    Kind::HEADERS | Kind::PUSH_PROMISE | Kind::CONTINUATION if missing > 0 => self.heads.spoil(),
                    Kind(_) => {}
                }
                self.end_if_whole(Place { origin, end: end - (length - inside) }, limits);
            }
            State::Payload(_) | State::Header(_) | State::Searching(_) => {}
        }
        if inside < length {
            self.heads.lose();
            // Which of them were those of a stream is not known.
            self.known.push_back(Part::Lost(Hole { length: length - inside, exact: false, ..hole }));
            self.state = State::Searching(Box::default());
        }
    }

    /// Lets go of what can be done without: heads that refer to it are then told as not known.
    pub fn release(&mut self) {
        self.heads.spoil();
        if let State::Searching(inbox) = &mut self.state {
            let length = inbox.bytes().len();
            let origin = inbox.span(length).last;
            **inbox = Inbox::default();
            if length > 0 {
                let hole = Hole { length: length as u64, exact: false, reason: GapReason::Limit, origin };
                self.known.push_back(Part::Lost(hole));
            }
        }
    }

    /// Memory kept between packets, in bytes.
    pub fn held(&self) -> usize {
        let searched = match &self.state {
            State::Searching(inbox) => inbox.held(),
            State::Preface(_) | State::Header(_) | State::Payload(_) => 0,
        };
        searched + self.heads.held()
    }

    /// A header is whole.
    fn begin(&mut self, header: Header, first: Origin) {
        let has_padding = matches!(header.kind, Kind::DATA | Kind::HEADERS | Kind::PUSH_PROMISE);
        match header.kind {
            Kind::HEADERS => self.heads.begin(header.stream, header.has(frame::END_STREAM), false, first),
            Kind::PUSH_PROMISE => self.heads.begin(header.stream, false, true, first),
            Kind::CONTINUATION if self.heads.stream() == Some(header.stream) => {}
            Kind(_) => self.heads.interrupt(),
        }
        self.note_stream(header.stream);
        self.state = State::Payload(Payload {
            header,
            stage: if has_padding && header.has(frame::PADDED) {
                Stage::PadLength
            } else {
                Stage::Prefix(header.prefix())
            },
            left: header.length.into(),
            padding: 0,
            small: Vec::new(),
        });
    }

    /// Takes bytes of the payload away from `rest`; those of a stream are handed on.
    fn push_payload<'a>(&mut self, rest: &mut Chunk<'a>, limits: &Limits) -> Option<(u32, Chunk<'a>)> {
        let State::Payload(payload) = &mut self.state else { return None };
        let content = payload.left - payload.padding;
        let count = match payload.stage {
            Stage::PadLength => 1,
            Stage::Prefix(prefix) => prefix.min(content),
            Stage::Content if content == 0 => payload.padding,
            Stage::Content => content,
        };
        let (piece, behind) = rest.split_at(usize::try_from(count).unwrap_or(usize::MAX));
        *rest = behind;
        let taken = piece.bytes.len() as u64;
        payload.left -= taken;
        let mut data = None;
        match payload.stage {
            Stage::PadLength => {
                let padding = piece.bytes.first().copied().unwrap_or_default().into();
                payload.padding = payload.left.min(padding);
                if padding > payload.left {
                    let odd = Anomaly::new(Code::Http2Padding, Detail::Number("bytes".into(), padding));
                    self.known.push_back(Part::Odd(payload.header.stream, odd, piece.origin));
                }
                payload.stage = Stage::Prefix(payload.header.prefix());
            }
            Stage::Prefix(prefix) => {
                payload.stage = if taken < count { Stage::Prefix(prefix - taken) } else { Stage::Content };
            }
            Stage::Content if content == 0 => payload.padding = payload.left,
            Stage::Content => match payload.header.kind {
                Kind::DATA => data = Some((payload.header.stream, piece)),
                Kind::HEADERS | Kind::PUSH_PROMISE | Kind::CONTINUATION => self.heads.push(piece.bytes, limits),
                Kind::RST_STREAM | Kind::SETTINGS | Kind::GOAWAY => {
                    let room = SMALL.saturating_sub(payload.small.len());
                    payload.small.extend_from_slice(&piece.bytes[..piece.bytes.len().min(room)]);
                }
                Kind(_) => {}
            },
        }
        self.end_if_whole(Place { origin: piece.origin, end: behind.offset }, limits);
        data
    }

    /// Tells what a frame says once all of it has passed.
    fn end_if_whole(&mut self, place: Place, limits: &Limits) {
        if !matches!(&self.state, State::Payload(payload) if payload.left == 0) {
            return;
        }
        let State::Payload(payload) = std::mem::replace(&mut self.state, State::Header(Partial::default())) else {
            return;
        };
        let Payload { header, small, .. } = payload;
        let number = |at| small.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        match header.kind {
            Kind::DATA if header.has(frame::END_STREAM) => self.known.push_back(Part::End(header.stream, place)),
            Kind::HEADERS | Kind::PUSH_PROMISE | Kind::CONTINUATION if header.has(frame::END_HEADERS) => {
                self.end_head(place, limits);
            }
            Kind::RST_STREAM => self.known.push_back(Part::Reset(header.stream, place)),
            Kind::GOAWAY => {
                self.known.extend(number(0).map(|last| Part::GoAway(last & 0x7fff_ffff, place)));
            }
            Kind::SETTINGS => {
                for setting in small.as_chunks::<6>().0 {
                    let [a, b, value @ ..] = *setting;
                    let part = Part::Setting(u16::from_be_bytes([a, b]), u32::from_be_bytes(value));
                    self.known.push_back(part);
                }
            }
            Kind(_) => {}
        }
    }

    fn end_head(&mut self, place: Place, limits: &Limits) {
        let (head, odd) = match self.heads.end(place.origin, place.end, limits) {
            Outcome::Head(head) => (head, None),
            Outcome::Oversized(head) => (head, Some(Code::LimitHead)),
            Outcome::Corrupt(head) => (head, Some(Code::Http2HpackCorrupt)),
            Outcome::Nothing => return,
        };
        let end = head.ends.then_some(Part::End(head.stream, place));
        self.known.extend(odd.map(|code| Part::Odd(head.stream, code.into(), place.origin)));
        self.known.push_back(Part::Head(head));
        self.known.extend(end);
    }

    fn note_stream(&mut self, stream: u32) {
        if self.recent.back() == Some(&stream) {
            return;
        }
        self.recent.retain(|other| *other != stream);
        self.recent.push_back(stream);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Looks for frames behind a gap: what waits, from the first one on.
    ///
    /// Where a packet begins they may be of any stream, elsewhere only of one that is known.
    fn search(&mut self) -> Option<Box<Inbox>> {
        let State::Searching(inbox) = &mut self.state else { return None };
        while !inbox.is_empty() {
            let bytes = inbox.bytes();
            let chain = frame::chain(bytes, |stream| inbox.is_at_start() || self.recent.contains(&stream));
            match chain.whole {
                Some(whole) if whole >= 2 || whole == 1 && chain.even => {
                    let inbox = std::mem::take(inbox);
                    self.state = State::Header(Partial::default());
                    return Some(inbox);
                }
                Some(_) if bytes.len() <= LOOK => return None,
                Some(_) | None => inbox.consume(1),
            }
        }
        None
    }
}

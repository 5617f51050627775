//! In-order bytes of one direction to frames and messages (RFC 6455 §5, §6.2), judged on the way.
//!
//! ```text
//!              ┌──────────────── frame over ────────────────┐
//!              ▼                                            │
//!  ───────► Between ─────── header whole ──────► Payload ───┘
//!            ▲ │ └─► Header ─── header whole ──►    │
//!            │ └─ gap ──┴────────────────────── gap beyond the frame ──► Searching ──┐
//!            └─────────────────── frames found where a packet begins ────────────────┘
//! ```
//!
//! What is under way lies in boxes that serve one frame after the other, so that a connection is small while nothing is
//! ([`Tools`]), and a frame costs no allocation but that of its event.
//!
//! An endpoint would fail the connection at the first violation; this goes on, and shows what came next.

use crate::anomaly::{self, Anomaly, Code, Detail};
use crate::chunk::Chunk;
use crate::config::{Config, Per};
use crate::duplex::Direction;
use crate::event::{Body, ConnectionId, Event, Frame, FrameHeader, Tally};
use crate::origin::{Origin, Span};
use crate::outbox::Outbox;
use crate::payload::Payload;
use crate::ws::close::Close;
use crate::ws::deflate::Inflater;
use crate::ws::evidence::Expected;
use crate::ws::extension::Agreement;
use crate::ws::frame::{Header, Opcode, RSV1};
use crate::ws::judge::Sender;
use crate::ws::mask;
use crate::ws::message::{Assembly, Compression, Fragment};
use crate::ws::resync::{Search, Wanted};
use crate::ws::sides::Sides;
use crate::ws::tools::Tools;
use crate::ws::underway::{Current, Partial, Start, State};

/// What receivers share: where events go, and the tools that are lent.
#[derive(Debug)]
pub struct Context<'a> {
    /// Whose frames they are.
    pub connection: ConnectionId,
    /// What is asked for.
    pub config: &'a Config,
    /// Where events go.
    pub outbox: &'a mut Outbox,
    /// Inflaters and room to work in.
    pub tools: &'a mut Tools,
    /// What both directions of the WebSocket share.
    pub sides: &'a mut Sides,
}

/// Payload is worked on in pieces of this size, which stay in the first-level cache.
const PIECE: usize = 16 << 10;

/// Nobody sends longer texts. What follows a header that promises one, and then ends, is no broken text but a sign that
/// the length is wrong.
const LONGEST_TEXT: u64 = 1 << 32;

/// One direction of a WebSocket.
#[derive(Debug)]
pub struct Receiver {
    /// `None` between frames.
    state: Option<Box<State>>,
    message: Option<Box<Assembly>>,
    inflater: Option<Box<Inflater>>,
    count: Count,
    direction: Direction,
    terms: Terms,
    /// Whether a message may be under way whose beginning was not seen.
    mid_message: bool,
}

/// What was sent so far, of which its [`Tally`] is made.
#[derive(Debug, Default)]
struct Count {
    frames: u64,
    /// Messages that began.
    messages: u64,
    payload_bytes: u64,
    wire_bytes: u64,
}

/// Where the terms of compression come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Terms {
    /// The handshake.
    Agreed,
    /// They are assumed, which no message has needed yet.
    Assumed,
    /// They are assumed, and that was told.
    Told,
}

impl Receiver {
    /// A receiver for the bytes behind the opening handshake.
    pub fn new(direction: Direction, agreement: Agreement) -> Self {
        Self {
            state: None,
            message: None,
            inflater: agreement.deflate.map(|deflate| Box::new(Inflater::new(deflate[direction]))),
            count: Count::default(),
            direction,
            terms: if agreement.unknown { Terms::Assumed } else { Terms::Agreed },
            mid_message: false,
        }
    }

    /// Learns that the bytes from `offset` on need not begin with a frame; how much evidence for one is wanted.
    pub fn begin_anywhere(&mut self, offset: u64, wanted: Wanted, agreement: Agreement) {
        self.mid_message = true;
        // What was compressed before is lost to those who refer to it.
        if let Some(inflater) = &mut self.inflater {
            inflater.lose();
        }
        let masked = Some(self.direction == Direction::ToServer);
        let expected = Expected { masked, rsv: agreement.expected_rsv() };
        self.state = Some(Box::new(State::Searching(Box::new(Search::new(offset, expected, wanted)))));
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Chunk<'_>, cx: &mut Context<'_>) {
        self.count.wire_bytes += chunk.bytes.len() as u64;
        self.decode(chunk, cx);
    }

    fn decode(&mut self, chunk: Chunk<'_>, cx: &mut Context<'_>) {
        let mut rest = chunk;
        while !rest.bytes.is_empty() {
            match self.state.as_deref_mut() {
                None => rest = self.push_start(rest, cx),
                Some(State::Header(_)) => rest = self.push_header(rest, cx),
                Some(State::Payload(_)) => rest = self.push_further(rest, cx),
                Some(State::Searching(search)) => {
                    search.push(rest);
                    self.search(false, cx);
                    return;
                }
            }
        }
    }

    /// Learns that the `length` bytes from `offset` on, the next ones, will never come; `origin` is the packet that made it known.
    pub fn gap(&mut self, offset: u64, length: u64, exact: bool, origin: Origin, cx: &mut Context<'_>) {
        cx.sides.count_gap(self.direction, length);
        let mut inside = 0;
        // Where it is not known how much is missing, it is not known where the payload ends either.
        if exact && let Some(mut state) = self.state.take() {
            if let State::Payload(current) = &mut *state {
                inside = length.min(current.left());
                self.miss(current, inside, cx);
            }
            self.put_back(state, origin, cx);
        }
        if inside < length {
            self.finish(origin, cx);
            self.begin_anywhere(offset + length, Search::GAP, cx.sides.judge.agreement());
        }
    }

    /// Nothing more can be told of the stream: tells what is unfinished.
    pub fn finish(&mut self, last: Origin, cx: &mut Context<'_>) {
        self.search(true, cx);
        match self.state.take().as_deref_mut() {
            Some(State::Payload(current)) => {
                self.miss(current, current.left(), cx);
                self.tell_frame(current, false, last, cx);
            }
            Some(State::Header(partial)) => {
                if let Some(header) = partial.truncated() {
                    let mut current = self.begin(header, &partial.start, true, cx);
                    self.tell_frame(&mut current, false, last, cx);
                }
            }
            None | Some(State::Searching(_)) => {}
        }
        self.cut_message_off(last, cx);
    }

    /// Lets go of what can be done without: what later messages would refer to is then told as lost.
    pub fn release(&mut self, cx: &mut Context<'_>) {
        if let Some(State::Searching(search)) = self.state.as_deref_mut() {
            search.release();
        }
        if let Some(message) = &mut self.message
            && message.release(self.inflater.as_deref_mut(), &mut cx.tools.engines)
        {
            let body = Body::Notice(vec![Anomaly::from(Code::LimitConnections).by(self.direction)]);
            cx.outbox.push(Event { connection: cx.connection, span: Span::at(message.first), body });
        }
        if let Some(inflater) = &mut self.inflater {
            inflater.lose();
        }
    }

    /// Memory kept between packets that a frame or message does not account for, in bytes.
    pub fn held(&self) -> usize {
        let searched = match self.state.as_deref() {
            Some(State::Searching(search)) => search.held(),
            None | Some(State::Header(_) | State::Payload(_)) => 0,
        };
        let message = self.message.as_ref().map_or(0, |message| message.held());
        searched + message + self.inflater.as_ref().map_or(0, |inflater| inflater.held())
    }

    /// What was sent so far.
    pub fn tally(&self, sides: &Sides) -> Tally {
        let Count { frames, messages, payload_bytes, wire_bytes } = self.count;
        let (gained, cut_off) = sides.seldom(self.direction).map_or((0, 0), |seldom| (seldom.gained, seldom.cut_off));
        let messages = messages - cut_off - u64::from(self.message.is_some());
        let bytes = payload_bytes.saturating_add_signed(gained);
        Tally { frames, messages, payload_bytes, bytes, wire_bytes, ..sides.tally(self.direction) }
    }

    /// Looks for the next frame where it is not known where it begins; `ended`: with what is there.
    fn search(&mut self, ended: bool, cx: &mut Context<'_>) {
        let Some(State::Searching(search)) = self.state.as_deref_mut() else { return };
        if !search.look(ended) {
            return;
        }
        if search.is_told() {
            cx.sides.begin_seldom(self.direction).resynced = Some(search.passed());
        }
        let inbox = search.take();
        self.state = None;
        for chunk in inbox.chunks() {
            self.decode(chunk, cx);
        }
    }

    fn push_start<'a>(&mut self, chunk: Chunk<'a>, cx: &mut Context<'_>) -> Chunk<'a> {
        let start = Start::of(&chunk);
        match Header::parse(chunk.bytes) {
            Some((header, length)) => {
                let current = self.begin(header, &start, false, cx);
                self.push_first(current, chunk.split_at(length).1, cx)
            }
            None => {
                let mut partial = Partial::new(start);
                partial.push(chunk.bytes);
                self.state = Some(cx.tools.states.boxed(State::Header(partial)));
                chunk.split_at(chunk.bytes.len()).1
            }
        }
    }

    fn push_header<'a>(&mut self, chunk: Chunk<'a>, cx: &mut Context<'_>) -> Chunk<'a> {
        let Some(State::Header(partial)) = self.state.as_deref_mut() else { return chunk };
        let start = partial.start;
        match partial.push(chunk.bytes) {
            Some((header, length)) => {
                if let Some(state) = self.state.take() {
                    cx.tools.states.take_back(state);
                }
                let current = self.begin(header, &start, false, cx);
                self.push_first(current, chunk.split_at(length).1, cx)
            }
            None => chunk.split_at(chunk.bytes.len()).1,
        }
    }

    /// Takes what is there of the payload of a frame that just began; only where that is not all of it, a box is needed.
    fn push_first<'a>(&mut self, mut current: Current, chunk: Chunk<'a>, cx: &mut Context<'_>) -> Chunk<'a> {
        let rest = self.push_payload(&mut current, chunk, cx);
        if current.left() == 0 {
            self.tell_frame(&mut current, true, chunk.origin, cx);
        } else {
            self.state = Some(cx.tools.states.boxed(State::Payload(current)));
        }
        rest
    }

    /// Goes on with the payload that is under way.
    fn push_further<'a>(&mut self, chunk: Chunk<'a>, cx: &mut Context<'_>) -> Chunk<'a> {
        let mut rest = chunk;
        if let Some(mut state) = self.state.take() {
            if let State::Payload(current) = &mut *state {
                rest = self.push_payload(current, chunk, cx);
            }
            self.put_back(state, chunk.origin, cx);
        }
        rest
    }

    /// Tells the frame that is under way, and the message it ends, once all of its payload has passed.
    fn put_back(&mut self, mut state: Box<State>, last: Origin, cx: &mut Context<'_>) {
        match &mut *state {
            State::Payload(current) if current.left() == 0 => {
                self.tell_frame(current, true, last, cx);
                cx.tools.states.take_back(state);
            }
            State::Payload(_) | State::Header(_) | State::Searching(_) => self.state = Some(state),
        }
    }

    /// A header is whole, or nothing more of it will come.
    fn begin(&mut self, header: Header, start: &Start, truncated: bool, cx: &mut Context<'_>) -> Current {
        self.count.frames += 1;
        cx.outbox.summary.frames[usize::from(header.opcode.0 & 15)] += 1;
        let mut anomalies = Vec::new();
        let direction = self.direction;
        let early = cx.sides.is_early(direction, start.acknowledged);
        let mut closed = false;
        if let Some(seldom) = cx.sides.seldom_mut(direction) {
            closed = seldom.close.is_some();
            if let Some(skipped) = seldom.resynced.take() {
                anomalies.push(Anomaly::new(Code::WsResync, Detail::Number("bytes passed over".into(), skipped)));
            }
        }
        cx.sides.judge.header(&header, Sender { direction, early, closed }, &mut anomalies);
        let data = matches!(header.opcode, Opcode::CONTINUATION | Opcode::TEXT | Opcode::BINARY);
        let member = data && self.begin_fragment(&header, start, &mut anomalies, cx);
        Current {
            start: *start,
            header,
            position: 0,
            missing: 0,
            truncated,
            payload: Payload::default(),
            member,
            anomalies,
        }
    }

    /// A data frame begins; whether it belongs to a message.
    fn begin_fragment(
        &mut self,
        header: &Header,
        start: &Start,
        anomalies: &mut Vec<Anomaly>,
        cx: &mut Context<'_>,
    ) -> bool {
        if header.opcode == Opcode::CONTINUATION {
            if self.message.is_none() && !self.mid_message {
                anomalies.push(Code::ContinuationUnexpected.into());
            }
            self.mid_message &= !header.fin;
        } else {
            self.mid_message = false;
            if self.message.is_some() {
                anomalies.push(Code::ContinuationExpected.into());
                self.cut_message_off(start.first, cx);
            }
            let compression = match &mut self.inflater {
                Some(inflater) if header.rsv & RSV1 != 0 => {
                    inflater.begin(&mut cx.tools.engines);
                    Compression::Deflate
                }
                Some(_) | None => Compression::None,
            };
            self.count.messages += 1;
            let text = header.opcode == Opcode::TEXT;
            let mut message = cx.tools.messages.take().unwrap_or_default();
            message.begin(self.direction, self.count.messages, start.offset, start.first, text, compression);
            if compression == Compression::Deflate && self.terms != Terms::Agreed {
                message.assume();
                if std::mem::replace(&mut self.terms, Terms::Told) == Terms::Assumed {
                    anomalies.push(Code::DeflateUnknown.into());
                }
            }
            self.message = Some(message);
        }
        if cx.sides.judge.may_transform(header)
            && let Some(message) = &mut self.message
            && message.is_readable()
        {
            anomalies.push(Code::DeflateUnknown.into());
            message.cannot_be_read(self.inflater.as_deref_mut(), &mut cx.tools.engines);
        }
        if let Some(message) = &mut self.message {
            let frame = FrameHeader { number: self.count.frames, offset: start.offset, header: *header };
            message.begin_fragment(frame, cx.config.limits.headers);
        }
        self.message.is_some()
    }

    /// Takes payload bytes as they stood on the wire; what stands behind them.
    fn push_payload<'a>(&mut self, current: &mut Current, chunk: Chunk<'a>, cx: &mut Context<'_>) -> Chunk<'a> {
        let (Chunk { bytes: wire, .. }, rest) = chunk.split_at(usize::try_from(current.left()).unwrap_or(usize::MAX));
        let Current { header, payload, anomalies, .. } = current;
        self.count.payload_bytes += wire.len() as u64;
        let message = self.message.as_deref_mut().filter(|_| current.member);
        if !cx.config.keeps_payload(header.opcode) && message.as_ref().is_none_or(|message| message.is_opaque()) {
            current.position += wire.len() as u64;
            payload.length += wire.len() as u64;
            return rest;
        }
        let Tools { engines, unmasked, .. } = &mut *cx.tools;
        let mut message = message;
        for piece in wire.chunks(PIECE) {
            let bytes = match header.masking_key {
                None => piece,
                Some(key) => {
                    unmasked.clear();
                    unmasked.extend_from_slice(piece);
                    mask::apply(unmasked, key, current.position);
                    &**unmasked
                }
            };
            current.position += piece.len() as u64;
            let inflated = match &mut message {
                Some(message) => {
                    let fragment = &mut Fragment { payload, anomalies, config: cx.config, held: &mut cx.outbox.held };
                    message.push(bytes, self.inflater.as_deref_mut(), engines, fragment)
                }
                None => {
                    payload.keep(bytes, &[], &cx.config.limits, &mut cx.outbox.held);
                    bytes.len() as u64
                }
            };
            cx.sides.count_gain(self.direction, inflated, bytes.len() as u64);
        }
        rest
    }

    /// The next bytes of the payload will never come.
    fn miss(&mut self, current: &mut Current, count: u64, cx: &mut Context<'_>) {
        if count == 0 {
            return;
        }
        current.position += count;
        current.missing += count;
        let Current { payload, anomalies, .. } = current;
        match self.message.as_deref_mut().filter(|_| current.member) {
            Some(message) => {
                let fragment = &mut Fragment { payload, anomalies, config: cx.config, held: &mut cx.outbox.held };
                message.miss(count, self.inflater.as_deref_mut(), &mut cx.tools.engines, fragment);
            }
            None => payload.miss(count),
        }
    }

    /// Tells a frame, and the message it ends; `over`: its end was reached, if over missing bytes.
    fn tell_frame(&mut self, current: &mut Current, over: bool, last: Origin, cx: &mut Context<'_>) {
        if current.missing > 0 && current.header.payload_length > LONGEST_TEXT {
            current.anomalies.retain(|anomaly| anomaly.code != Code::Utf8Text);
        }
        let ends = over && current.header.fin && current.member;
        if ends && let Some(message) = &mut self.message {
            let Current { payload, anomalies, .. } = current;
            let fragment = &mut Fragment { payload, anomalies, config: cx.config, held: &mut cx.outbox.held };
            message.end(self.inflater.as_deref_mut(), &mut cx.tools.engines, fragment);
        }
        let mut close = None;
        let mut rtt = None;
        if current.missing == 0 && !current.truncated {
            let cut = current.payload.is_cut();
            let limit = cx.config.limits.pings;
            let payload = &current.payload.bytes;
            match current.header.opcode {
                Opcode::CLOSE => close = Some(Close::parse(payload, cut, &mut current.anomalies)),
                Opcode::PING => {
                    let forgotten = cx.sides.pings.sent(self.direction, payload, last.time, limit);
                    if forgotten {
                        cx.outbox.summary.anomalies.add(Code::LimitForgotten);
                    }
                }
                Opcode::PONG => {
                    rtt = cx.sides.pings.answered(self.direction.opposite(), payload, last.time, limit);
                }
                _ => {}
            }
        }
        if let Some(close) = &close {
            cx.sides.begin_seldom(self.direction).close.get_or_insert_with(|| (close.clone(), last));
        }
        let message = self.message.as_deref_mut().filter(|_| current.member);
        if cx.config.per == Per::Message
            && let Some(message) = message
        {
            message.add_anomalies(std::mem::take(&mut current.anomalies), cx.config.limits.anomalies);
        } else {
            if cx.config.keeps_payload(current.header.opcode) {
                if current.payload.is_cut() {
                    current.anomalies.push(Code::LimitPayload.into());
                }
                if message.as_ref().is_some_and(|message| message.is_text()) {
                    current.payload.judge_text();
                }
            }
            let mut anomalies = Vec::new();
            anomaly::gather(&mut anomalies, std::mem::take(&mut current.anomalies), cx.config.limits.anomalies);
            let frame = Frame {
                direction: self.direction,
                number: self.count.frames,
                offset: current.start.offset,
                header: current.header,
                compressed: message.as_ref().is_some_and(|message| message.is_compressed()),
                payload: std::mem::take(&mut current.payload),
                missing: current.missing,
                truncated: current.truncated,
                close,
                message: message.map(|message| message.number()),
                rtt,
                anomalies,
            };
            cx.sides.count_anomalies(self.direction, &frame.anomalies);
            let span = Span { first: current.start.first, last };
            cx.outbox.push(Event { connection: cx.connection, span, body: Body::Frame(Box::new(frame)) });
        }
        if ends {
            cx.outbox.summary.messages += 1;
            self.tell_message(last, cx);
        }
    }

    /// The message ends without its last fragment.
    fn cut_message_off(&mut self, last: Origin, cx: &mut Context<'_>) {
        if let Some(message) = &mut self.message {
            message.cut_off(self.inflater.as_deref_mut(), &mut cx.tools.engines);
            cx.sides.begin_seldom(self.direction).cut_off += 1;
            self.tell_message(last, cx);
        }
    }

    fn tell_message(&mut self, last: Origin, cx: &mut Context<'_>) {
        let Some(mut assembly) = self.message.take() else { return };
        if cx.config.per == Per::Message {
            let span = Span { first: assembly.first, last };
            let message = assembly.take_message();
            cx.sides.count_anomalies(self.direction, &message.anomalies);
            cx.outbox.push(Event { connection: cx.connection, span, body: Body::Message(message) });
        }
        cx.tools.messages.take_back(assembly);
    }
}

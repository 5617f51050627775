//! The requests and responses of one TCP connection, up to the one that makes it a WebSocket (RFC 9112 §9).
//!
//! ```text
//!  client:  Head ─► Body ─► Head …      upgrade or CONNECT: ─► Waiting ─ 101, 2xx ─► the next protocol
//!           │  ▲                                                  │
//!       gap │  └──────────────────── any other status ────────────┘
//!           └─► Lost ── a packet that begins with a request ─► Head
//!  server:  Head ─► Body ─► Head …      (1xx other than 101 announce another head)
//! ```

use std::collections::VecDeque;

use crate::chunk::Chunk;
use crate::config::Limits;
use crate::duplex::{Direction, Duplex};
use crate::http::body::Body;
use crate::http::head::{self, Request, Response};
use crate::http::headers::Name;
use crate::inbox::Inbox;
use crate::origin::Span;
use crate::polling::{self, Exchanged, Passed};

/// A TCP connection that speaks HTTP/1.1, as far as is known.
#[derive(Debug, Default)]
pub struct Exchange {
    inbox: Duplex<Inbox>,
    state: Duplex<State>,
    /// Requests whose response has not come, oldest first; `None` where the head was not captured whole.
    outstanding: VecDeque<Option<Asked>>,
    /// Requests that were forgotten: the oldest of too many that wait.
    forgotten: usize,
    /// Bytes of the heads that wait.
    waiting: usize,
    /// Target of the CONNECT that this exchange runs inside of.
    proxy: Option<Box<str>>,
    /// Whether the other half can no longer be expected.
    forced: bool,
    /// Whether more came early than is waited with.
    overrun: bool,
    /// Requests that were forgotten, and not yet told of.
    untold: u64,
    /// What it has to tell of ordinary exchanges.
    passed: Vec<Passed>,
    /// The exchange whose response is under way.
    current: Option<Exchanged>,
    /// Bytes of bodies that the client sent since the last response.
    sent: u64,
}

/// Line ends in front of a request (RFC 9112 §2.2) that are looked at again when more comes.
const BLANK: usize = 4;

/// A request and the packets that carried its head.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The head.
    pub request: Request,
    /// Its packets.
    pub span: Span,
    /// Bytes of the head; 0 over HTTP/2.
    pub length: usize,
    /// Whether it asks for a WebSocket over HTTP/1.1, rightly or not.
    pub upgrade: bool,
}

/// A response and the packets that carried its head.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The head.
    pub response: Response,
    /// Its packets.
    pub span: Span,
    /// Offset behind the head in the server's stream.
    pub end: u64,
    /// Bytes of the head; 0 over HTTP/2.
    pub length: usize,
}

/// What an exchange found.
#[derive(Debug)]
pub enum Step {
    /// An upgrade request was recognised.
    Asked,
    /// The response to an upgrade request that is not a 101.
    Refused(Asked, Answered),
    /// A WebSocket begins behind what was consumed. Either half can be missing from the capture.
    Switched(Option<Asked>, Option<Answered>),
    /// HTTP/2 begins behind what was consumed (RFC 7540 §3.2).
    Http2,
    /// No WebSocket can come of this connection.
    Foreign {
        /// The upgrade request that was never answered.
        asked: Option<Asked>,
        /// Whether that was given up because a head was too large.
        oversized: bool,
    },
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Body(Body),
    Waiting,
    /// A head was not captured whole, and what comes may be the rest of it, another one, or the next protocol.
    Lost,
}

impl Exchange {
    /// Takes bytes of one direction; [`step`](Self::step) tells what they make known.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>) {
        let mut rest = chunk;
        if let State::Body(body) = &mut self.state[direction]
            && self.inbox[direction].is_empty()
        {
            let skipped = body.skip(chunk.bytes);
            rest = chunk.split_at(skipped).1;
            self.inbox[direction].pass(rest.offset);
            self.count(direction, skipped);
        }
        if self.state[direction] == State::Lost && head::looks_like_request(rest.bytes) == Some(true) {
            self.state[direction] = State::Head;
            self.inbox[direction] = Inbox::default();
        }
        if !rest.bytes.is_empty() {
            self.inbox[direction].push(rest);
        }
    }

    /// Learns that bytes are missing; whether parsing can go on behind them.
    pub fn gap(&mut self, direction: Direction, length: u64) -> bool {
        match &mut self.state[direction] {
            State::Body(Body::Length(left)) if *left >= length && self.inbox[direction].is_empty() => {
                *left -= length;
                true
            }
            // Which of the server's answers belongs to it still shows, and a 101 says all that is needed.
            State::Head | State::Lost if direction == Direction::ToServer => {
                let inbox = &mut self.inbox.to_server;
                let behind = inbox.offset() + inbox.bytes().len() as u64 + length;
                *inbox = Inbox::default();
                inbox.pass(behind);
                if self.state.to_server == State::Head {
                    self.outstanding.push_back(None);
                    self.state.to_server = State::Lost;
                }
                true
            }
            State::Head | State::Body(_) | State::Waiting | State::Lost => false,
        }
    }

    /// Learns that nothing more will come: decides with what is there.
    pub fn force(&mut self) {
        self.forced = true;
    }

    /// Whether the answer to an upgrade request is no longer waited for, as too much came before it.
    pub fn has_overrun(&self) -> bool {
        self.overrun
    }

    /// How many requests were forgotten since this was asked last.
    pub fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.untold)
    }

    /// Takes the client for the server.
    pub fn swap(&mut self) {
        self.inbox.swap();
        self.state.swap();
    }

    /// Target of the CONNECT that this exchange runs inside of.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// What waits of one direction.
    pub fn inbox(&self, direction: Direction) -> &Inbox {
        &self.inbox[direction]
    }

    /// Memory for heads and for what waits, in bytes.
    pub fn held(&self) -> usize {
        self.waiting + Direction::BOTH.iter().map(|&way| self.inbox[way].held()).sum::<usize>()
    }

    /// Whether nothing was recognised yet.
    pub fn is_untouched(&self) -> bool {
        let start = |way| self.inbox[way].offset() == 0 && self.state[way] == State::Head;
        start(Direction::ToServer) && start(Direction::ToClient)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        Direction::BOTH.iter().all(|&way| self.inbox[way].is_empty())
    }

    /// Takes away all that waits.
    pub fn take_inboxes(&mut self) -> Duplex<Inbox> {
        std::mem::take(&mut self.inbox)
    }

    /// What became known of ordinary exchanges since it was last asked.
    pub fn passed(&mut self) -> std::vec::Drain<'_, Passed> {
        self.passed.drain(..)
    }

    /// The upgrade request that waits for its response.
    pub fn pending(&mut self) -> Option<Asked> {
        self.outstanding.pop_back().flatten().filter(|asked| asked.upgrade)
    }

    /// The next thing that is known; `None` when more bytes are needed.
    pub fn step(&mut self, limits: &Limits) -> Option<Step> {
        self.client_step(limits).or_else(|| self.server_step(limits))
    }

    fn client_step(&mut self, limits: &Limits) -> Option<Step> {
        loop {
            self.forget_oldest(limits);
            self.skip_body(Direction::ToServer);
            let inbox = &mut self.inbox.to_server;
            match &self.state.to_server {
                State::Body(_) => return None,
                State::Waiting => {
                    self.overrun |= inbox.bytes().len() > limits.early;
                    let given_up = self.forced || self.overrun;
                    return if given_up { Some(self.switch_unanswered()) } else { None };
                }
                State::Lost => {
                    self.overrun |= inbox.bytes().len() > limits.early;
                    return self.overrun.then_some(Step::Foreign { asked: None, oversized: false });
                }
                State::Head => {}
            }
            let blank = inbox.bytes().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let request = head::looks_like_request(at_most(&inbox.bytes()[blank..], limits));
            // Where no request is behind them they may be the first bytes of anything that was joined late.
            if request == Some(true) || blank > BLANK {
                inbox.consume(blank);
            }
            let length = if request == Some(true) { inbox.head_length() } else { None };
            let Some(length) = length.filter(|&length| length <= limits.head) else {
                let oversized = inbox.bytes().len() > limits.head;
                return (request == Some(false) || oversized).then(|| self.foreign(oversized && request == Some(true)));
            };
            let request = head::request(&inbox.bytes()[..length]);
            let upgrade = is_upgrade(&request);
            let asked = Asked { request, span: inbox.span(length), length, upgrade };
            inbox.consume(length);
            self.state.to_server = State::Body(Body::of_request(&asked.request));
            if !upgrade && asked.request.target.len() <= polling::TARGET {
                self.passed.push(Passed::Asked(asked.request.target.clone()));
            }
            self.outstanding.push_back(Some(asked));
            self.waiting += length;
            if upgrade {
                return Some(Step::Asked);
            }
        }
    }

    /// Where the capture has only the client, no response makes room.
    fn forget_oldest(&mut self, limits: &Limits) {
        while self.outstanding.len() > limits.pipelined || self.outstanding.len() > 1 && self.waiting > limits.head {
            self.waiting -= self.outstanding.pop_front().flatten().map_or(0, |forgotten| forgotten.length);
            self.forgotten += 1;
            self.untold += 1;
        }
    }

    fn server_step(&mut self, limits: &Limits) -> Option<Step> {
        loop {
            self.skip_body(Direction::ToClient);
            let inbox = &mut self.inbox.to_client;
            if matches!(self.state.to_client, State::Body(_)) || inbox.is_empty() {
                return None;
            }
            // The capture may hold a response before its request: wait for what its sender had seen.
            if self.outstanding.is_empty() && !self.forced {
                let seen = self.inbox.to_server.offset() + self.inbox.to_server.bytes().len() as u64;
                let all_there = inbox.acknowledged().is_some_and(|acknowledged| acknowledged <= seen);
                if !all_there && inbox.bytes().len() <= limits.head {
                    return None;
                }
            }
            let response = head::looks_like_response(inbox.bytes());
            let length = if response == Some(true) { inbox.head_length() } else { None };
            let Some(length) = length.filter(|&length| length <= limits.head) else {
                // The answer was not captured, and this stands behind it.
                if response == Some(false) && self.state.to_server == State::Waiting {
                    return Some(self.switch_unanswered());
                }
                let oversized = inbox.bytes().len() > limits.head;
                return (response == Some(false) || oversized)
                    .then(|| self.foreign(oversized && response == Some(true)));
            };
            let answered = Answered {
                response: head::response(&inbox.bytes()[..length]),
                span: inbox.span(length),
                end: inbox.offset() + length as u64,
                length,
            };
            inbox.consume(length);
            // RFC 9110 §15.2: interim responses announce the final one.
            if (100..=199).contains(&answered.response.status) && answered.response.status != 101 {
                continue;
            }
            // Responses come in the order of the requests: the first are to those that were forgotten.
            let asked = if self.forgotten > 0 {
                self.forgotten -= 1;
                None
            } else {
                self.outstanding.pop_front().flatten().inspect(|asked| self.waiting -= asked.length)
            };
            if let Some(step) = self.answer(asked, answered) {
                return Some(step);
            }
        }
    }

    fn answer(&mut self, asked: Option<Asked>, answered: Answered) -> Option<Step> {
        let response = &answered.response;
        let upgrade = asked.as_ref().is_some_and(|asked| asked.upgrade);
        if response.status == 101 {
            let websocket = upgrade || response.headers.has_token(Name::Upgrade, "websocket");
            if !websocket && response.headers.has_token(Name::Upgrade, "h2c") {
                return Some(Step::Http2);
            }
            return Some(if websocket { Step::Switched(asked, Some(answered)) } else { self.foreign(false) });
        }
        let method = asked.as_ref().map_or("GET", |asked| &asked.request.method);
        if method == "CONNECT" && (200..=299).contains(&response.status) {
            self.proxy = asked.map(|asked| asked.request.target);
            self.state = Duplex::default();
            return None;
        }
        let body = Body::of_response(method, response);
        let endless = matches!(body, Body::UntilClose | Body::Unknown);
        self.state.to_client = State::Body(body);
        let sent = std::mem::take(&mut self.sent);
        let told = asked.as_ref().filter(|asked| !upgrade && asked.request.target.len() <= polling::TARGET);
        self.current = told.map(|asked| Exchanged {
            target: asked.request.target.clone(),
            asked: asked.span.last.time,
            answered: answered.span.first.time,
            header_bytes: (asked.length + answered.length) as u64,
            payload_bytes: sent,
        });
        if endless {
            self.passed.extend(self.current.take().map(Passed::Over));
        }
        // Not where an earlier request was answered, and the one that the client waits for was not.
        if self.state.to_server == State::Waiting && self.outstanding.is_empty() {
            self.state.to_server = State::Head;
        }
        match asked.filter(|_| upgrade) {
            Some(asked) => Some(Step::Refused(asked, answered)),
            None => endless.then(|| self.foreign(false)),
        }
    }

    /// Counts bytes of a body.
    fn count(&mut self, direction: Direction, bytes: usize) {
        match (direction, &mut self.current) {
            (Direction::ToServer, _) => self.sent += bytes as u64,
            (Direction::ToClient, Some(current)) => current.payload_bytes += bytes as u64,
            (Direction::ToClient, None) => {}
        }
    }

    fn skip_body(&mut self, direction: Direction) {
        let State::Body(body) = &mut self.state[direction] else { return };
        let inbox = &mut self.inbox[direction];
        let skipped = body.skip(inbox.bytes());
        inbox.consume(skipped);
        let over = body.is_over();
        self.count(direction, skipped);
        if over {
            if direction == Direction::ToClient {
                self.passed.extend(self.current.take().map(Passed::Over));
            }
            let last = self.outstanding.back().and_then(Option::as_ref);
            let waits = direction == Direction::ToServer
                && last.is_some_and(|last| last.upgrade || &*last.request.method == "CONNECT");
            self.state[direction] = if waits { State::Waiting } else { State::Head };
        }
    }

    /// The client did not wait, or the capture has only its half: what it sent behind the request tells.
    fn switch_unanswered(&mut self) -> Step {
        // §5.1: a client's frames are masked, so the second byte has its top bit set.
        let frame = matches!(self.inbox.to_server.bytes(), [first, second, ..] if first & 0x70 & !0x40 == 0 && second & 0x80 != 0);
        match self.pending() {
            Some(asked) if frame => Step::Switched(Some(asked), None),
            asked => Step::Foreign { asked, oversized: false },
        }
    }

    fn foreign(&mut self, oversized: bool) -> Step {
        Step::Foreign { asked: self.pending(), oversized }
    }
}

/// What may be looked at of a head; one byte more than the limit shows that it is over.
fn at_most<'a>(bytes: &'a [u8], limits: &Limits) -> &'a [u8] {
    &bytes[..bytes.len().min(limits.head.saturating_add(1))]
}

/// Whether a request asks for a WebSocket, rightly or not.
fn is_upgrade(request: &Request) -> bool {
    request.headers.has_token(Name::Upgrade, "websocket") || request.headers.first(Name::SecWebSocketKey).is_some()
}

//! One WebSocket: both directions, the pings between them, and the end (RFC 6455 §5.5, §7).

use crate::anomaly::{Anomaly, Code, Detail};
use crate::carrier::Carrier;
use crate::chunk::Chunk;
use crate::duplex::{Direction, Duplex};
use crate::event::{Body, Closed, ConnectionId, End, Event, Gap, Handshake, Tally};
use crate::inbox::Inbox;
use crate::origin::{Origin, Span, Timestamp};
use crate::shared::Shared;
use crate::ws::extension::Agreement;
use crate::ws::receiver::{Context, Receiver};
use crate::ws::resync::Search;
use crate::ws::sides::Sides;

/// An established WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    connection: ConnectionId,
    first: Origin,
    receivers: Duplex<Receiver>,
    sides: Sides,
    /// Whether the capture has the handshake of each side.
    heard: Duplex<bool>,
}

/// What an opening handshake makes known of the WebSocket that it opens.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Number of the connection.
    pub connection: ConnectionId,
    /// Its first packet.
    pub first: Origin,
    /// Whose half of the handshake was captured.
    pub heard: Duplex<bool>,
    /// The extensions.
    pub agreement: Agreement,
    /// Where the 101 ends in the server's stream.
    pub answered_at: Option<u64>,
}

/// How a TCP connection ended, as far as it was seen.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// In which manner.
    pub how: End,
    /// Who began it.
    pub by: Option<Direction>,
    /// Its last packet.
    pub last: Origin,
    /// Whether the peers ended it, so that nothing more was sent: what did not come will not come.
    pub over: bool,
}

impl WebSocket {
    /// A WebSocket whose frames begin now.
    pub fn new(opening: Opening) -> Box<Self> {
        let Opening { connection, first, heard, agreement, answered_at } = opening;
        let receiver = |direction| Receiver::new(direction, agreement);
        Box::new(Self {
            connection,
            first,
            heard,
            receivers: Duplex { to_server: receiver(Direction::ToServer), to_client: receiver(Direction::ToClient) },
            sides: Sides::new(agreement, answered_at),
        })
    }

    /// A WebSocket whose handshake was before the capture.
    ///
    /// Of each direction there is what may begin with a frame, and where it began before what is none was passed over.
    /// `unseen` says why there is no handshake; `None`: there was none, and the first byte begins a frame.
    pub fn join(
        found: Duplex<(Inbox, u64)>,
        unseen: Option<Code>,
        carrier: Carrier<'_>,
        shared: &mut Shared,
    ) -> Box<Self> {
        let first = Direction::BOTH.iter().filter_map(|&way| found[way].0.chunks().next());
        let first = first.map(|chunk| chunk.origin).min_by_key(|origin| origin.packet).unwrap_or_default();
        let agreement = Agreement::UNSEEN;
        let connection = shared.outbox.begin();
        let heard = Duplex::default();
        let mut socket = Self::new(Opening { connection, first, heard, agreement, answered_at: None });
        for direction in Direction::BOTH {
            if unseen.is_some() {
                socket.receivers[direction].begin_anywhere(found[direction].1, Search::JOINED, agreement);
            }
        }
        let handshake = Handshake {
            transport: carrier.transport(),
            anomalies: unseen.into_iter().map(Into::into).collect(),
            ..Handshake::unseen(carrier.client, carrier.server)
        };
        socket.tell(Body::Handshake(Box::new(handshake)), Span::at(first), shared);
        socket.push_waiting(Direction::BOTH.map(|way| &found[way].0), shared);
        socket
    }

    /// Takes what came before it was known what it is, in the order in which it came.
    pub fn push_waiting(&mut self, inboxes: [&Inbox; 2], shared: &mut Shared) {
        let mut waiting = Vec::new();
        for (way, inbox) in Direction::BOTH.into_iter().zip(inboxes) {
            // The bytes of one side are in order, but their packets need not be.
            let mut latest = 0;
            for chunk in inbox.chunks() {
                latest = latest.max(chunk.origin.packet);
                waiting.push((latest, way, chunk));
            }
        }
        waiting.sort_by_key(|(latest, ..)| *latest);
        let agreement = self.sides.judge.agreement();
        for (direction, inbox) in Direction::BOTH.into_iter().zip(inboxes) {
            // The half of the handshake that was not captured may have taken frames with it.
            if !self.heard[direction] && self.heard[direction.opposite()] {
                self.receivers[direction].begin_anywhere(inbox.offset(), Search::JOINED, agreement);
            }
        }
        for (_, direction, chunk) in waiting {
            self.push(direction, chunk, shared);
        }
    }

    /// Takes bytes of one direction.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>, shared: &mut Shared) {
        let (receiver, mut cx) = self.receiver(direction, shared);
        receiver.push(chunk, &mut cx);
    }

    /// Learns of bytes that will never come; `origin` is the packet that made it known.
    pub fn gap(&mut self, gap: Gap, origin: Origin, shared: &mut Shared) {
        let Gap { direction, offset, length, exact, .. } = gap;
        self.tell(Body::Gap(Box::new(gap)), Span::at(origin), shared);
        let (receiver, mut cx) = self.receiver(direction, shared);
        receiver.gap(offset, length, exact, origin, &mut cx);
    }

    /// The stream is over.
    pub fn finish(&mut self, ending: Ending, shared: &mut Shared) {
        let Ending { how, by, last, over } = ending;
        for direction in Direction::BOTH {
            let (receiver, mut cx) = self.receiver(direction, shared);
            receiver.finish(last, &mut cx);
        }
        let anomalies = if over { self.judge_end() } else { Vec::new() };
        if !anomalies.is_empty() {
            self.tell(Body::Notice(anomalies), Span::at(last), shared);
        }
        let closes = Direction::BOTH.map(|way| self.sides.close(way).map(|(close, sent)| (sent.packet, way, close)));
        let first = closes.iter().flatten().min_by_key(|(packet, ..)| *packet);
        let (how, by) = match first {
            Some((_, way, _)) if closes.iter().all(Option::is_some) => (End::ClosingHandshake, Some(*way)),
            Some(_) | None => (how, by),
        };
        let closed = Closed {
            how,
            by,
            close: first.map(|&(.., close)| close.clone()),
            duration: last.time.since(self.first.time),
            tally: Duplex { to_server: self.tally(Direction::ToServer), to_client: self.tally(Direction::ToClient) },
            unanswered: Vec::new(),
            forgotten: 0,
        };
        let span = Span { first: self.first, last };
        self.tell(Body::Closed(Box::new(closed)), span, shared);
    }

    /// Tells an event of this connection.
    pub fn tell(&self, body: Body, span: Span, shared: &mut Shared) {
        shared.outbox.push(Event { connection: self.connection, span, body });
    }

    /// Lets go of what can be done without.
    pub fn release(&mut self, shared: &mut Shared) {
        self.sides.pings.release();
        for direction in Direction::BOTH {
            let (receiver, mut cx) = self.receiver(direction, shared);
            receiver.release(&mut cx);
        }
    }

    /// Memory kept between packets that a frame or message does not account for, in bytes.
    pub fn held(&self) -> usize {
        self.receivers.to_server.held() + self.receivers.to_client.held() + self.sides.pings.held()
    }

    /// Its number.
    pub fn number(&self) -> ConnectionId {
        self.connection
    }

    /// What is wrong with the end, where all that was sent up to it was seen.
    fn judge_end(&self) -> Vec<Anomaly> {
        let mut anomalies = Vec::new();
        if Direction::BOTH.iter().any(|&way| self.tally(way).missing > 0) {
            return anomalies;
        }
        // Where nothing at all came of one side, the capture may have only the other.
        let both_seen = Direction::BOTH.iter().all(|&way| self.heard[way] || self.tally(way).wire_bytes > 0);
        let closed = Direction::BOTH.map(|way| self.sides.close(way).map(|(_, sent)| sent.time));
        let unanswered = |side| Anomaly::from(Code::CloseUnanswered).by(side);
        match closed {
            [None, None] => anomalies.push(Code::CloseMissing.into()),
            [Some(_), None] if both_seen => anomalies.push(unanswered(Direction::ToClient)),
            [None, Some(_)] if both_seen => anomalies.push(unanswered(Direction::ToServer)),
            [..] => {}
        }
        // §5.5.2: a Ping is answered unless a Close was received before.
        let until = closed.into_iter().flatten().min().unwrap_or(Timestamp(i64::MAX));
        for direction in Direction::BOTH.into_iter().filter(|_| both_seen) {
            let count = self.sides.pings.unanswered_before(direction, until);
            if count > 0 {
                let unanswered = Anomaly::new(Code::PingUnanswered, Detail::Number("pings".into(), count as u64));
                anomalies.push(unanswered.by(direction.opposite()));
            }
        }
        anomalies
    }

    fn tally(&self, direction: Direction) -> Tally {
        self.receivers[direction].tally(&self.sides)
    }

    fn receiver<'a>(&'a mut self, direction: Direction, shared: &'a mut Shared) -> (&'a mut Receiver, Context<'a>) {
        let cx = Context {
            connection: self.connection,
            config: &shared.config,
            outbox: &mut shared.outbox,
            tools: &mut shared.tools,
            sides: &mut self.sides,
        };
        (&mut self.receivers[direction], cx)
    }
}

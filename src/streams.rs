//! The streams of one HTTP/2 connection, and the WebSockets among them (RFC 8441).
//!
//! ```text
//!  extended CONNECT, or CONNECT ─► Waiting ── 2xx ──► Open ── END_STREAM of both sides, RST_STREAM, GOAWAY,
//!     │                               └── other status ─┐ │     or the end of the connection ──► told
//!     └─ head not known: frames? ─► Open ───────────────┴─┴─► foreign
//! ```
//!
//! Ordinary requests are passed over, but for what they tell of polling. Whatever a stream carries is told with offsets in its own bytes.

use std::collections::{BTreeMap, VecDeque};

use crate::anomaly::{Anomaly, Code};
use crate::carrier::Carrier;
use crate::chunk::Chunk;
use crate::duplex::{Direction, Duplex};
use crate::event::{ConnectionId, End, Gap};
use crate::http::exchange::{Answered, Asked};
use crate::http2::frame::{self, Chain};
use crate::http2::heads::Head;
use crate::http2::reader::{Hole, LOOK, Part, Place, Reader};
use crate::inbox::Inbox;
use crate::origin::{Origin, Timestamp};
use crate::requests::Requests;
use crate::shared::Shared;
use crate::stream::{Stream, Wanted};
use crate::ws::connection::Ending;

/// Whether what two directions of a TCP connection begin with, which was joined late, is HTTP/2; `None`: more is needed.
pub fn recognise(inboxes: Duplex<&Inbox>) -> Option<bool> {
    let chains = Direction::BOTH.map(|way| (inboxes[way].bytes(), frame::chain(inboxes[way].bytes(), |_| true)));
    if chains.iter().any(|(_, chain)| matches!(chain.whole, Some(whole) if whole >= 2 || whole == 1 && chain.even)) {
        return Some(true);
    }
    let open = |(bytes, chain): &(&[u8], Chain)| !bytes.is_empty() && bytes.len() <= LOOK && chain.whole.is_some();
    if chains.iter().any(open) { None } else { Some(false) }
}

/// SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3).
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// The streams of one HTTP/2 connection.
#[derive(Debug)]
pub struct Streams {
    readers: Duplex<Reader>,
    /// Those that carry a WebSocket or a tunnel, or may.
    streams: BTreeMap<u32, Stream>,
    requests: Requests,
    /// Memory that they keep between packets.
    held: usize,
    /// The highest stream that the client has opened.
    highest: u32,
    /// Whether heads were not seen or not read, so that a stream may be anything.
    unsure: bool,
    /// Whether the server takes extended CONNECTs.
    announced: bool,
    /// Streams that one side reset: what the other one sent before it knew may still come.
    resets: VecDeque<Reset>,
    /// What was odd, to be told with the next handshake.
    notices: Vec<Anomaly>,
    /// The first WebSocket that was found in them.
    connection: Option<ConnectionId>,
}

/// A stream that was reset.
#[derive(Debug, Clone, Copy)]
struct Reset {
    stream: u32,
    by: Direction,
    /// Offset behind the RST_STREAM in the bytes of the connection.
    end: u64,
    /// When the other side knows, whatever it acknowledges.
    due: Timestamp,
}

impl Streams {
    /// The streams of a connection that begins, or (`late`) of one that was joined somewhere.
    pub fn new(late: bool) -> Self {
        let reader = |preface| if late { Reader::late() } else { Reader::new(preface) };
        Self {
            readers: Duplex { to_server: reader(true), to_client: reader(false) },
            streams: BTreeMap::new(),
            requests: Requests::default(),
            held: 0,
            highest: 0,
            unsure: late,
            announced: false,
            resets: VecDeque::new(),
            notices: Vec::new(),
            connection: None,
        }
    }

    /// Takes bytes of one direction.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>, carrier: Carrier<'_>, shared: &mut Shared) {
        self.end_resets(direction, &chunk, carrier, shared);
        let mut rest = chunk;
        while let Some(part) = self.readers[direction].next(&mut rest, &shared.config.limits) {
            self.take(direction, part, carrier, shared);
        }
    }

    /// Learns of bytes that will never come; `origin` is the packet that made it known.
    pub fn gap(&mut self, gap: Gap, origin: Origin, carrier: Carrier<'_>, shared: &mut Shared) {
        let Gap { direction, offset, length, exact, reason, .. } = gap;
        let end = offset.saturating_add(length);
        self.readers[direction].gap(Hole { length, exact, reason, origin }, end, &shared.config.limits);
        self.push(direction, Chunk { origin, offset: end, acknowledged: None, bytes: &[] }, carrier, shared);
    }

    /// Learns of something odd in the transport: it may concern each WebSocket, or the next one.
    pub fn notice(&mut self, anomaly: Anomaly, origin: Origin, shared: &mut Shared) {
        let told = |stream: &mut Stream| stream.notice(&anomaly, origin, shared);
        if self.streams.values_mut().map(told).filter(|told| *told).count() == 0 {
            self.note(anomaly);
        }
    }

    /// The connection is over.
    pub fn finish(&mut self, ending: Ending, carrier: Carrier<'_>, shared: &mut Shared) {
        while let Some((id, stream)) = self.streams.pop_first() {
            stream.finish(ending, on_stream(id, carrier), shared);
        }
        for anomaly in self.notices.drain(..) {
            shared.outbox.summary.anomalies.add(anomaly.code);
        }
    }

    /// Lets go of what can be done without, here and in all streams.
    pub fn release(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        self.each(|id, stream| stream.release(on_stream(id, carrier), shared));
        self.requests.clear();
        for direction in Direction::BOTH {
            self.readers[direction].release();
            let mut nothing = Chunk { origin: Origin::default(), offset: 0, acknowledged: None, bytes: &[] };
            while let Some(part) = self.readers[direction].next(&mut nothing, &shared.config.limits) {
                self.take(direction, part, carrier, shared);
            }
        }
    }

    /// Memory kept between packets, in bytes.
    pub fn held(&self) -> usize {
        self.readers.to_server.held() + self.readers.to_client.held() + self.requests.held() + self.held
    }

    /// Number of the first WebSocket that was found in them.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.connection
    }

    /// Whether all heads were read so far: then it is known of each stream what it carries.
    pub fn is_sure(&self) -> bool {
        !self.unsure
    }

    fn take(&mut self, direction: Direction, part: Part<'_>, carrier: Carrier<'_>, shared: &mut Shared) {
        match part {
            Part::Head(head) => self.take_head(direction, head, carrier, shared),
            Part::Data(id, chunk) => {
                self.requests.data(id, chunk.bytes.len());
                if self.unsure && id != 0 && !self.streams.contains_key(&id) {
                    self.insert(id, Stream::unknown(), carrier, shared);
                }
                let connection = self.with(id, |stream| {
                    stream.push(direction, chunk, on_stream(id, carrier), shared);
                    stream.connection()
                });
                self.connection = self.connection.or(connection.flatten());
            }
            Part::Missing(id, hole) => {
                self.with(id, |stream| stream.miss(direction, hole, on_stream(id, carrier), shared));
            }
            Part::Lost(hole) => {
                self.unsure = true;
                self.requests.clear();
                self.each(|id, stream| stream.miss(direction, hole, on_stream(id, carrier), shared));
            }
            Part::Resumed(inbox) => {
                for chunk in inbox.chunks() {
                    self.push(direction, chunk, carrier, shared);
                }
            }
            Part::End(id, place) => {
                if direction == Direction::ToClient
                    && let Some(over) = self.requests.end(id)
                {
                    shared.outbox.passed(over, carrier.client, carrier.server);
                }
                if self.streams.get_mut(&id).is_some_and(|stream| stream.end(direction, End::Fin, place.origin)) {
                    self.remove(id, place.origin, carrier, shared);
                }
            }
            Part::Reset(id, place) => self.reset(direction, id, place, carrier, shared),
            // §6.8: what the server has not looked at by then it never will.
            Part::GoAway(last, place) if direction == Direction::ToClient => {
                let ignored: Vec<_> = self.streams.range(last + 1..).map(|(id, _)| *id).collect();
                for id in ignored {
                    self.reset(direction, id, place, carrier, shared);
                }
            }
            Part::Setting(ENABLE_CONNECT_PROTOCOL, 1) if direction == Direction::ToClient => self.announced = true,
            Part::GoAway(..) | Part::Setting(..) => {}
            Part::Odd(id, anomaly, origin) => {
                let anomaly = anomaly.by(direction);
                if !self.streams.get_mut(&id).is_some_and(|stream| stream.notice(&anomaly, origin, shared)) {
                    self.note(anomaly);
                }
            }
        }
    }

    fn take_head(&mut self, direction: Direction, head: Head, carrier: Carrier<'_>, shared: &mut Shared) {
        let Head { stream: id, fields, span, end, .. } = head;
        let Some(fields) = fields else {
            self.unsure = true;
            return;
        };
        self.unsure |= fields.is_incomplete();
        let odd = id % 2 == 1;
        let waits_for_request = self.streams.get(&id).is_none_or(Stream::is_answered);
        match direction {
            // Trailers, or pushed by the server.
            Direction::ToServer if !waits_for_request || !odd => {}
            Direction::ToServer => {
                self.highest = self.highest.max(id);
                let asked = || Asked { request: fields.request(), span, length: 0, upgrade: false };
                let wanted = if fields.is_extended_connect() {
                    Some(Wanted::WebSocket(shared.outbox.begin()))
                } else {
                    // A tunnel in a tunnel is not followed: hardly anybody does that, and it could go on without end.
                    (fields.is_tunnel() && carrier.proxy.is_none()).then_some(Wanted::Tunnel)
                };
                if wanted.is_none()
                    && let Some(asked) = self.requests.ask(id, &fields, span, shared.config.limits.streams)
                {
                    shared.outbox.passed(asked, carrier.client, carrier.server);
                }
                match wanted {
                    Some(wanted) => self.ask(id, asked(), wanted, carrier, shared),
                    // It may have asked for anything.
                    None if fields.pseudo(":method").is_none() => {}
                    None if self.unsure => self.insert(id, Stream::foreign(), carrier, shared),
                    None => {
                        self.take_out(id);
                    }
                }
            }
            // Interim responses announce the final one (RFC 9110 §15.2).
            Direction::ToClient if fields.status().is_none_or(|status| (100..=199).contains(&status)) => {}
            Direction::ToClient => {
                self.requests.answer(id, &fields, span);
                let answered = || Answered { response: fields.response(), span, end, length: 0 };
                if self.streams.get(&id).is_some_and(Stream::is_asked) {
                    self.answer(id, answered(), carrier, shared);
                } else if odd && id > self.highest && !self.streams.contains_key(&id) {
                    // The capture has the response first.
                    self.insert(id, Stream::answered(answered()), carrier, shared);
                }
            }
        }
    }

    fn ask(&mut self, id: u32, asked: Asked, wanted: Wanted, carrier: Carrier<'_>, shared: &mut Shared) {
        if let Wanted::WebSocket(connection) = wanted {
            self.connection.get_or_insert(connection);
        }
        match self.with(id, |stream| stream.ask(&asked, wanted)).flatten() {
            Some(answered) => self.answer(id, answered, carrier, shared),
            None => self.insert(id, Stream::asked(asked, wanted), carrier, shared),
        }
    }

    fn answer(&mut self, id: u32, answered: Answered, carrier: Carrier<'_>, shared: &mut Shared) {
        let mut anomalies = std::mem::take(&mut self.notices);
        if !self.announced && !self.unsure {
            anomalies.push(Anomaly::from(Code::HandshakeConnectUnannounced).by(Direction::ToServer));
        }
        self.with(id, |stream| stream.answer(answered, anomalies, on_stream(id, carrier), shared));
    }

    fn reset(&mut self, by: Direction, id: u32, place: Place, carrier: Carrier<'_>, shared: &mut Shared) {
        self.requests.cancel(id);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.end(by, End::Reset, place.origin) {
            self.remove(id, place.origin, carrier, shared);
        } else if stream.reset() {
            let due = place.origin.time.plus(shared.config.limits.linger);
            self.resets.push_back(Reset { stream: id, by, end: place.end, due });
        }
        // No more than there may be streams: the oldest has waited enough.
        if self.resets.len() > shared.config.limits.streams
            && let Some(oldest) = self.resets.pop_front()
        {
            self.remove(oldest.stream, place.origin, carrier, shared);
        }
    }

    /// Ends streams that were reset, once the other side knows.
    fn end_resets(&mut self, direction: Direction, chunk: &Chunk<'_>, carrier: Carrier<'_>, shared: &mut Shared) {
        while let Some(&Reset { stream, by, end, due }) = self.resets.front() {
            let knows = by != direction && chunk.acknowledged.is_some_and(|acknowledged| acknowledged >= end);
            if !knows && chunk.origin.time < due {
                return;
            }
            self.resets.pop_front();
            self.remove(stream, chunk.origin, carrier, shared);
        }
    }

    /// A stream is over.
    fn remove(&mut self, id: u32, last: Origin, carrier: Carrier<'_>, shared: &mut Shared) {
        if let Some(stream) = self.take_out(id) {
            let ending = Ending { how: End::Fin, by: None, last, over: true };
            stream.finish(ending, on_stream(id, carrier), shared);
        }
    }

    /// Adds a stream; where there are too many, one that is nothing for us makes room, else the oldest.
    fn insert(&mut self, id: u32, stream: Stream, carrier: Carrier<'_>, shared: &mut Shared) {
        if self.streams.len() >= shared.config.limits.streams && !self.streams.contains_key(&id) {
            let foreign = self.streams.iter().find(|(_, stream)| stream.is_foreign()).map(|(id, _)| *id);
            let oldest = foreign.or_else(|| self.streams.keys().next().copied());
            if let Some((id, mut stream)) = oldest.and_then(|id| Some((id, self.take_out(id)?))) {
                let last = stream.last();
                stream.notice(&Code::LimitStreams.into(), last, shared);
                let ending = Ending { how: End::Evicted, by: None, last, over: false };
                stream.finish(ending, on_stream(id, carrier), shared);
            }
        }
        self.held += stream.held();
        let before = self.streams.insert(id, stream);
        self.held -= before.map_or(0, |before| before.held());
    }

    fn take_out(&mut self, id: u32) -> Option<Stream> {
        self.streams.remove(&id).inspect(|stream| self.held -= stream.held())
    }

    /// Changes what a stream keeps; `None` where there is no such stream.
    fn with<T>(&mut self, id: u32, change: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        let stream = self.streams.get_mut(&id)?;
        let before = stream.held();
        let outcome = change(stream);
        self.held = self.held + stream.held() - before;
        Some(outcome)
    }

    /// Changes what each of the streams keeps.
    fn each(&mut self, mut change: impl FnMut(u32, &mut Stream)) {
        self.streams.iter_mut().for_each(|(id, stream)| change(*id, stream));
        self.held = self.streams.values().map(Stream::held).sum();
    }

    /// Keeps an anomaly until the next handshake is told; one of each kind and side is enough.
    fn note(&mut self, anomaly: Anomaly) {
        if !self.notices.iter().any(|other| (other.code, other.side) == (anomaly.code, anomaly.side)) {
            self.notices.push(anomaly);
        }
    }
}

fn on_stream(id: u32, carrier: Carrier<'_>) -> Carrier<'_> {
    Carrier { stream: Some(id), layers: carrier.layers + 1, ..carrier }
}

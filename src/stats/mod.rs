//! Events to numbers: of each connection and of all, always up to date, and in bounded memory.
//!
//! ```text
//!  Event ─► Stats ─► Row (a connection), Traffic (all) ─► text, json, the statistics view
//! ```

mod asked;
pub mod histogram;
pub mod json;
pub mod kinds;
pub mod methods;
pub mod polling;
pub mod rate;
mod sent;
mod sparse;
pub mod text;
pub mod traffic;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::anomaly::Code;
use crate::check::OF_THE_CAPTURE;
use crate::duplex::{Direction, Duplex};
use crate::event::{Body, Closed, ConnectionId, End, Event, Frame, FrameHeader, Handshake, Message, Verdict};
use crate::net::segment::Endpoint;
use crate::numbered::Numbered;
use crate::origin::Timestamp;
use crate::outbox::Summary;
use crate::ws::close::Close;
use kinds::Kind;
use methods::Methods;
use polling::{Polling, handshake_bytes};
use sent::{Sent, Whole};
use traffic::Traffic;

/// What was counted until now.
#[derive(Debug)]
pub struct Stats {
    rows: Numbered<Box<Row>>,
    /// Ended connections by their bytes, to shed the row of the smallest; none where all are kept.
    ended: BTreeSet<(u64, ConnectionId)>,
    limit: usize,
    methods: usize,
    /// Bytes that the methods of all rows take.
    methods_memory: usize,
    shed: Shed,
    total: Traffic,
    totals: Totals,
    /// Where the latest connection went: the next one may go there too, and then they share it.
    uri: Option<Arc<str>>,
}

/// What is counted of connections as such.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Connections, by what came of their handshake, in the order of [`Verdict::ALL`].
    pub verdicts: [u64; Verdict::ALL.len()],
    /// Connections that ended, by how: the name of each [`End`].
    pub ends: BTreeMap<&'static str, u64>,
    /// Ends by the first status code; `None` without one.
    pub codes: BTreeMap<Option<u16>, u64>,
    /// Times of the first and the latest event.
    pub period: Option<(Timestamp, Timestamp)>,
}

/// Connections that have no row any more: those with the fewest bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shed {
    /// How many.
    pub count: u64,
    /// None of them had more bytes on the wire.
    pub largest: u64,
}

/// A connection and its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub connection: ConnectionId,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// Where it went, as a URI; absent where the request was not captured.
    pub uri: Option<Arc<str>>,
    /// What came of the handshake.
    pub verdict: Verdict,
    /// Nanoseconds from the request to the response.
    pub latency: Option<i64>,
    /// Subprotocol chosen.
    pub subprotocol: Option<Box<str>>,
    /// Time of its first event.
    pub begin: Timestamp,
    /// Time of its latest.
    pub latest: Timestamp,
    /// How it ended, if it did.
    pub end: Option<Box<Ended>>,
    /// What went over it.
    pub traffic: Traffic,
    polling: Polling,
    /// Bytes of the message that each side has under way.
    under_way: Duplex<u64>,
}

/// The end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// In which manner.
    pub how: End,
    /// Which side began it.
    pub by: Option<Direction>,
    /// The first Close frame.
    pub close: Option<Close>,
    /// From the first packet of the connection to the last, in nanoseconds.
    pub duration: i64,
}

impl Stats {
    /// Keeps rows of at most `limit` ended connections ([`Limits::rows`](crate::limits::Limits::rows)); open ones are as many as
    /// there are. Of each and of all it tells at most `methods` methods apart ([`Limits::methods`](crate::limits::Limits::methods)).
    pub fn new(limit: usize, methods: usize) -> Self {
        Self {
            rows: Numbered::default(),
            ended: BTreeSet::new(),
            limit,
            methods,
            methods_memory: 0,
            shed: Shed::default(),
            total: Traffic::default(),
            totals: Totals::default(),
            uri: None,
        }
    }

    /// Counts an event, told per frame or per message.
    pub fn event(&mut self, event: &Event) {
        let time = event.time();
        let period = self.totals.period.get_or_insert((time, time));
        period.1 = period.1.max(time);
        for anomaly in event.body.anomalies() {
            self.total.kinds.add(Kind::Anomaly(anomaly.code), 1);
        }
        if let Body::Handshake(handshake) = &event.body {
            self.handshake(event.connection, time, handshake);
        }
        let Some(row) = self.rows.get_mut(event.connection) else { return };
        row.latest = row.latest.max(time);
        for anomaly in event.body.anomalies() {
            row.traffic.kinds.add(Kind::Anomaly(anomaly.code), 1);
        }
        match &event.body {
            Body::Frame(frame) => {
                let ended = row.ends_message(frame).map(|size| row.whole(size, time));
                let sent = Sent::frame(frame, ended);
                row.traffic.add(&sent);
                self.total.add(&sent);
            }
            Body::Message(message) => {
                let ended = ends(message).then(|| row.whole(message.payload.length, time));
                let sent = Sent::message(message, ended);
                row.traffic.add(&sent);
                self.total.add(&sent);
                let decoded = message.decoded.as_ref().filter(|decoded| ended.is_some() && decoded.reply().is_some());
                if let Some(decoded) = decoded {
                    let before = row.methods_memory();
                    row.traffic.methods_mut().answers(decoded, self.methods);
                    self.total.methods_mut().answers(decoded, self.methods);
                    self.methods_memory += row.methods_memory() - before;
                }
            }
            Body::Gap(gap) => {
                row.traffic.gap(gap.direction, gap.length);
                self.total.gap(gap.direction, gap.length);
            }
            Body::Handshake(handshake) if handshake.established => {}
            Body::Handshake(_) => self.over(event.connection),
            Body::Notice(_) => {}
            Body::Closed(closed) => {
                row.end = Some(Box::new(Ended::new(closed)));
                if !closed.unanswered.is_empty() || closed.forgotten > 0 {
                    let before = row.methods_memory();
                    for traffic in [&mut row.traffic, &mut self.total] {
                        let methods = traffic.methods_mut();
                        methods.ended(event.connection, &closed.unanswered, closed.forgotten, self.methods);
                    }
                    self.methods_memory += row.methods_memory() - before;
                }
                // Of a message that the stream's end cut, the last frame says that it ends.
                for way in Direction::BOTH {
                    let (told, ended) = (row.traffic.more().messages[way], closed.tally[way].messages);
                    if told != ended {
                        row.traffic.recount(way, told, ended);
                        self.total.recount(way, told, ended);
                    }
                }
                *self.totals.ends.entry(closed.how.name()).or_default() += 1;
                *self.totals.codes.entry(closed.close.as_ref().and_then(|close| close.code)).or_default() += 1;
                self.over(event.connection);
            }
        }
    }

    fn handshake(&mut self, connection: ConnectionId, time: Timestamp, handshake: &Handshake) {
        self.totals.verdicts[handshake.verdict as usize] += 1;
        let uri = handshake.uri();
        if self.uri.as_deref() != uri.as_deref() {
            self.uri = uri.map(Into::into);
        }
        let mut row = Row::new(connection, time, handshake, self.uri.clone());
        let (bytes, polled) = (handshake_bytes(handshake), handshake.prologue.as_ref().map(|prologue| &prologue.cost));
        row.traffic.handshake(bytes, polled);
        self.total.handshake(bytes, polled);
        self.rows.insert(connection, Box::new(row));
    }

    /// Nothing more comes of a connection: of too many that are over, the smallest loses its row.
    fn over(&mut self, connection: ConnectionId) {
        if self.limit == usize::MAX {
            return;
        }
        let bytes = self.rows.get(connection).map_or(0, |row| row.traffic.wire_bytes());
        self.ended.insert((bytes, connection));
        if self.ended.len() > self.limit
            && let Some((bytes, smallest)) = self.ended.pop_first()
        {
            self.drop_row(smallest);
            self.shed.count += 1;
            self.shed.largest = self.shed.largest.max(bytes);
        }
    }

    /// Lets go of a connection: it has no row any more, and stays in the total.
    pub fn forget(&mut self, connection: ConnectionId) {
        if let Some(row) = self.drop_row(connection) {
            self.ended.remove(&(row.traffic.wire_bytes(), connection));
        }
    }

    fn drop_row(&mut self, connection: ConnectionId) -> Option<Box<Row>> {
        let row = self.rows.remove(connection)?;
        self.methods_memory -= row.methods_memory();
        Some(row)
    }

    /// Takes other methods for those of a connection.
    pub fn set_methods(&mut self, connection: ConnectionId, methods: Methods) {
        if let Some(row) = self.rows.get_mut(connection) {
            self.methods_memory = self.methods_memory + methods.memory() - row.methods_memory();
            row.traffic.set_methods(methods);
        }
    }

    /// What went over all connections.
    pub fn total(&self) -> &Traffic {
        &self.total
    }

    /// Bytes of memory that the methods of all connections take, about; all else of a connection is a row's size and a little.
    pub fn methods_memory(&self) -> usize {
        self.methods_memory
    }

    /// What is counted of connections as such.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The connections that have a row, in the order of their numbers.
    pub fn rows(&self) -> Vec<&Row> {
        self.rows.values().map(|row| &**row).collect()
    }

    /// The row of a connection.
    pub fn row(&self, connection: ConnectionId) -> Option<&Row> {
        self.rows.get(connection).map(|row| &**row)
    }

    /// Anomalies of the capture that no event told of.
    pub fn beside(&self, summary: &Summary) -> Vec<(Code, u64)> {
        let counts = summary.anomalies.iter().filter(|(code, _)| OF_THE_CAPTURE.contains(code));
        let counts = counts.map(|(code, count)| (code, count.saturating_sub(self.total.kinds.of(Kind::Anomaly(code)))));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Which connections have none any more.
    pub fn shed(&self) -> Shed {
        self.shed
    }
}

impl Row {
    fn new(connection: ConnectionId, time: Timestamp, handshake: &Handshake, uri: Option<Arc<str>>) -> Self {
        Self {
            connection,
            client: handshake.client,
            server: handshake.server,
            uri,
            verdict: handshake.verdict,
            latency: handshake.turn.map(|(asked, answered)| answered.time.since(asked.time)),
            subprotocol: handshake.terms.subprotocol.clone(),
            begin: time,
            latest: time,
            end: None,
            traffic: Traffic::default(),
            polling: Polling::of(handshake),
            under_way: Duplex::default(),
        }
    }

    /// Nanoseconds that it lasted, or lasts until now.
    pub fn duration(&self) -> i64 {
        self.end.as_ref().map_or_else(|| self.latest.since(self.begin), |end| end.duration)
    }

    fn methods_memory(&self) -> usize {
        self.traffic.more().methods.as_ref().map_or(0, |methods| methods.memory())
    }

    /// What a message of so many bytes adds.
    fn whole(&self, size: u64, time: Timestamp) -> Whole {
        Whole { size: Kind::of_size(size), time, polling_bytes: self.polling.0 + size }
    }

    /// The size of the message that ends with this frame, if one does.
    fn ends_message(&mut self, frame: &Frame) -> Option<u64> {
        if frame.header.opcode.is_control() || frame.message.is_none() {
            return None;
        }
        let size = &mut self.under_way[frame.direction];
        *size += frame.payload.length;
        frame.header.fin.then(|| std::mem::take(size))
    }
}

/// Whether a message ended, as far as its frames are known; one that the stream's end cut did not.
fn ends(message: &Message) -> bool {
    let cut = |last: &FrameHeader| message.headers.len() as u64 == message.frames && !last.header.fin;
    message.complete || !message.headers.last().is_some_and(cut)
}

impl Ended {
    fn new(closed: &Closed) -> Self {
        Self { how: closed.how, by: closed.by, close: closed.close.clone(), duration: closed.duration }
    }
}

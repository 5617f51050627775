//! Events kept for looking at: an index in memory, records in a spool that leaves the memory for the disk.
//!
//! ```text
//!  Event ─► record ─► Spool: memory, then an unlinked file
//!    ├────► Row: 32 bytes; number ─► row ─► record at once
//!    ├────► Connection: a line about it, and the numbers of its rows
//!    └────► Stats: the numbers of each connection and of all
//! ```
//!
//! One budget bounds all of it, and where the system tells what memory the process has, that as a whole. What no longer fits is written to the disk; where the index alone does not fit, or the disk
//! is full, the oldest is shed, and [`Store::shed`] tells how much.

pub mod connection;
pub mod list;
pub mod record;
pub mod row;
pub mod spool;

use std::collections::VecDeque;
use std::fs::File;

use crate::event::{Body, ConnectionId, Event, Handshake};
use crate::origin::Timestamp;
use crate::stats::methods::Methods;
use crate::stats::{self, Stats};

pub use connection::Connection;
pub use list::List;
pub use row::{Kind, Row};

use record::Unread;
use spool::{CHUNK, Spool};

/// Number of a row, from 0 in the order in which events came; the reader sees it from 1.
pub type RowId = u32;

/// Rows of a piece of the index: 2 MiB, shed as one.
const PIECE: usize = 1 << 16;
/// The spool keeps at least so much in memory, so that what was just seen is at hand.
const SPOOL_MIN: usize = 4 * CHUNK;
/// Bytes read at first for a glance at a record: head and beginning of the payload of nearly all.
const GLANCE: usize = 1024;
/// Methods of a sub-protocol that the numbers of a connection tell apart.
pub const METHODS: usize = 32;

/// Bytes of a connection besides its own: its names, the least that a list of rows takes, its place in the table of numbers.
const CONNECTION: usize = 1024;
/// After so many events the budget is looked at.
const LOOK: usize = 1024;

/// All that was told.
#[derive(Debug)]
pub struct Store {
    budget: usize,
    spool: Spool,
    pieces: VecDeque<Piece>,
    /// Number of the first row that is kept.
    first: RowId,
    next: RowId,
    /// By number, from 1; those are `None` that were shed.
    connections: Vec<Option<Box<Connection>>>,
    /// How many of them are kept.
    live: usize,
    stats: Stats,
    started: Timestamp,
    /// Bytes taken elsewhere that count in the budget.
    beside: usize,
    /// Bytes that the process takes besides what is counted here, where the system tells.
    rest: usize,
    shed: Shed,
    until_look: usize,
    head: Vec<u8>,
}

/// Some of the rows.
#[derive(Debug, Default)]
struct Piece {
    rows: Vec<Row>,
    /// Where the record of its first row was put; none of its records stands before that.
    place: u64,
}

/// What could not be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shed {
    /// The oldest rows, for which the index had no room.
    pub rows: u64,
    /// Why records that left the memory could not be written to the disk.
    pub records: Option<String>,
}

/// What became of a row that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// It was shed, or never was.
    #[error("no longer kept: the memory budget was used up")]
    Shed,
    /// The disk did not take it or does not give it.
    #[error("no longer kept: it could not be written to the disk, or read from it")]
    Unreadable,
}

impl Store {
    /// An empty store that takes at most about `budget` bytes of memory.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            spool: Spool::default(),
            pieces: VecDeque::new(),
            first: 0,
            next: 0,
            connections: Vec::new(),
            live: 0,
            // A connection keeps its numbers as long as it is kept.
            stats: Stats::new(usize::MAX, METHODS),
            started: Timestamp::default(),
            beside: 0,
            rest: 0,
            shed: Shed::default(),
            until_look: LOOK,
            head: Vec::new(),
        }
    }

    /// Takes the file to which records go that leave the memory, where none can be made later.
    pub fn set_file(&mut self, file: File) {
        self.spool.set_file(file);
    }

    /// Counts bytes in the budget that what belongs to the store takes elsewhere: lists of what a filter chose, events on their way.
    pub fn set_beside(&mut self, bytes: usize) {
        self.beside = bytes;
    }

    /// Learns what memory the process has, so that the spool leaves room for the analysis and all else. The index does not: rows
    /// that are shed are gone, while records are on the disk.
    pub fn set_resident(&mut self, bytes: usize) {
        self.rest = bytes.saturating_sub(self.index_memory() + self.spool.memory());
    }

    /// Keeps an event; the number of its row, or `None` where it could not be kept.
    pub fn push(&mut self, mut event: Event) -> Option<RowId> {
        let number = self.next;
        let row = number.checked_add(1).and_then(|_| self.record(&mut event));
        let Some(row) = row else {
            self.shed.rows += 1;
            return None;
        };
        self.next += 1;
        self.index(row);
        self.learn(&event, number, &row);
        self.look();
        Some(number)
    }

    /// Puts an event that is read in another way in the place of one that is kept; its numbers stay.
    pub fn replace(&mut self, number: RowId, mut event: Event) {
        if self.row(number).is_none() {
            return;
        }
        let Some(row) = self.record(&mut event) else { return };
        let at = (number - self.first) as usize;
        self.pieces[at / PIECE].rows[at % PIECE] = row;
        self.look();
    }

    /// Writes the record of an event; what takes no more of them is told.
    fn record(&mut self, event: &mut Event) -> Option<Row> {
        self.head.clear();
        match record::write(event, &mut self.head) {
            Ok(payload) => {
                let place = self.spool.append(&[&self.head, &payload]);
                Some(Row::new(event, place, self.head.len() + payload.len()))
            }
            Err(error) => {
                self.shed.records = Some(error.to_string());
                None
            }
        }
    }

    /// Looks at the budget now and then.
    fn look(&mut self) {
        self.until_look -= 1;
        if self.until_look == 0 {
            self.until_look = LOOK;
            self.fit();
        }
    }

    /// Brings the memory down to the budget.
    fn fit(&mut self) {
        let mut index = self.index_memory() + self.beside;
        while index + SPOOL_MIN > self.budget && self.pieces.len() > 1 {
            self.shed_piece();
            index = self.index_memory() + self.beside;
        }
        let index = index - self.beside + self.beside.max(self.rest);
        let spool = self.budget.saturating_sub(index).max(SPOOL_MIN);
        // The chunk being filled and the spare one are not counted there.
        self.spool.fit(spool - 2 * CHUNK);
        if self.shed.records.is_none()
            && let Some(failure) = self.spool.failure()
        {
            self.shed.records = Some(failure.to_string());
        }
    }

    /// The row of this number.
    pub fn row(&self, number: RowId) -> Option<&Row> {
        let at = number.checked_sub(self.first)? as usize;
        self.pieces.get(at / PIECE)?.rows.get(at % PIECE)
    }

    /// The event of a row, whole.
    ///
    /// # Errors
    /// When it was shed, or cannot be read back.
    pub fn event(&self, number: RowId) -> Result<Event, Gone> {
        self.read(number, usize::MAX)
    }

    /// The event of a row with at most about a kilobyte of its payload.
    ///
    /// # Errors
    /// When it was shed, or cannot be read back.
    pub fn glance(&self, number: RowId) -> Result<Event, Gone> {
        self.read(number, GLANCE)
    }

    /// The handshake of a connection.
    pub fn handshake(&self, connection: ConnectionId) -> Option<Box<Handshake>> {
        let number = self.connection(connection)?.handshake?;
        match self.event(number).ok()?.body {
            Body::Handshake(handshake) => Some(handshake),
            Body::Frame(_) | Body::Message(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => None,
        }
    }

    /// A connection by its number.
    pub fn connection(&self, number: ConnectionId) -> Option<&Connection> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.connections.get(index)?.as_deref()
    }

    /// The connections in order.
    pub fn connections(&self) -> impl DoubleEndedIterator<Item = &Connection> {
        self.connections.iter().flatten().map(|connection| &**connection)
    }

    /// How many connections were told, those that were shed too.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Number of the first row that is kept, and the one that comes next.
    pub fn bounds(&self) -> (RowId, RowId) {
        (self.first, self.next)
    }

    /// Learns when the capture began.
    pub fn set_started(&mut self, started: Timestamp) {
        self.started = started;
    }

    /// When the capture began: the time of its first packet.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// What was counted of all that was told, also of rows that were shed.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The numbers of a connection.
    pub fn numbers(&self, connection: ConnectionId) -> Option<&stats::Row> {
        self.stats.row(connection)
    }

    /// Takes other latencies of a connection's methods, as its messages are read in another way; those of all stay.
    pub fn set_methods(&mut self, connection: ConnectionId, methods: Methods) {
        self.stats.set_methods(connection, methods);
    }

    /// Bytes of memory that it may take.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// What could not be kept.
    pub fn shed(&self) -> &Shed {
        &self.shed
    }

    /// Bytes of memory taken, about; those counted beside too.
    pub fn memory(&self) -> usize {
        self.index_memory() + self.beside + self.spool.memory()
    }

    /// Bytes on the disk.
    pub fn spilled(&self) -> u64 {
        self.spool.spilled()
    }

    fn index(&mut self, row: Row) {
        if self.pieces.back().is_none_or(|piece| piece.rows.len() == PIECE) {
            // The first pieces of small captures take what they need.
            let room = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push_back(Piece { rows: Vec::with_capacity(room), place: row.place });
        }
        self.pieces.back_mut().expect("one was just added where there was none").rows.push(row);
    }

    fn learn(&mut self, event: &Event, number: RowId, row: &Row) {
        self.stats.event(event);
        let Ok(index) = usize::try_from(event.connection.saturating_sub(1)) else { return };
        if index >= self.connections.len() {
            self.connections.resize_with(index + 1, || None);
        }
        let slot = &mut self.connections[index];
        self.live += usize::from(slot.is_none());
        let connection = slot.get_or_insert_with(|| Box::new(Connection::new(event.connection, row.time)));
        connection.learn(event, number, row);
    }

    fn shed_piece(&mut self) {
        let Some(piece) = self.pieces.pop_front() else { return };
        self.first += piece.rows.len() as RowId;
        self.shed.rows += piece.rows.len() as u64;
        if let Some(piece) = self.pieces.front() {
            self.spool.forget(piece.place);
        }
        for slot in &mut self.connections {
            let Some(connection) = slot else { continue };
            connection.rows.drop_before(self.first);
            if connection.rows.is_empty() && connection.is_over() {
                self.stats.forget(connection.id);
                self.live -= 1;
                *slot = None;
            }
        }
    }

    fn index_memory(&self) -> usize {
        let rows: usize = self.pieces.iter().map(|piece| piece.rows.capacity()).sum();
        let slots = self.connections.capacity() * size_of::<Option<Box<Connection>>>();
        // Each row is in the list of one connection.
        let lists = (self.next - self.first) as usize * size_of::<RowId>();
        let connection = size_of::<Connection>() + size_of::<stats::Row>() + CONNECTION;
        rows * size_of::<Row>() + slots + lists + self.live * connection + self.stats.methods_memory()
    }

    fn read(&self, number: RowId, limit: usize) -> Result<Event, Gone> {
        let row = self.row(number).ok_or(Gone::Shed)?;
        let mut bytes = Vec::new();
        let mut count = (row.record as usize).min(limit);
        loop {
            bytes.clear();
            self.spool.read(row.place, count, &mut bytes).map_err(|_| Gone::Unreadable)?;
            match record::read(&bytes) {
                Ok(event) => return Ok(event),
                // A long head, as handshakes have.
                Err(Unread::Needs(more)) if more > count && more <= row.record as usize => count = more,
                Err(Unread::Needs(_) | Unread::Broken) => return Err(Gone::Unreadable),
            }
        }
    }
}

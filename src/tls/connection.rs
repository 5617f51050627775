//! One TLS connection, both directions: records in, what they say out (RFC 8446, RFC 5246).
//!
//! ```text
//!  TLS 1.3   Clear ─ 0-RTT accepted ─► Early ─ EndOfEarlyData ─► Handshake ─ Finished ─► Application ⟲ KeyUpdate
//!              └────────────────────────────────────────────────────▲
//!  TLS 1.2   Clear ─ ChangeCipherSpec ─► Application ⟲ ChangeCipherSpec of a renegotiation
//! ```
//!
//! A direction that needs a secret which is not known, or what the other side has yet to say, waits with its records.
//! Behind a hole, and where no hello was captured, numbers and secrets are tried within bounds: a tag that verifies
//! settles both. Knows nothing of what runs above.

use crate::chunk::Chunk;
use crate::config::Limits;
use crate::duplex::{Direction, Duplex};
use crate::event::{GapReason, TlsSession};
use crate::inbox::Inbox;
use crate::origin::Origin;

use super::Tools;
use super::facts::{Early, Facts};
use super::half::{Blocked, Half, Hole, Lost};
use super::hello;
use super::keylog::{KeyLog, Label, Session};
use super::messages::Message;
use super::protection::{Attempt, Epoch, Protection};
use super::record::{self, HEADER, Header};
use super::suite::{self, Suite, Version};

/// A TLS connection.
#[derive(Debug, Default)]
pub struct Connection {
    halves: Duplex<Half>,
    /// What the hellos say.
    facts: Facts,
    /// Whether the hellos, or one of them, will not be seen.
    late: bool,
    /// Its first and its latest packet.
    packets: Option<(Origin, Origin)>,
    /// The record that was told last, still to be consumed.
    told: Option<(Direction, Header)>,
    /// Bytes that may be tried.
    budget: u64,
    /// Whether client and server turned out to be the other way round.
    reversed: bool,
}

/// What a connection makes known.
#[derive(Debug)]
pub enum Step {
    /// Application data: [`Connection::chunks`] lends them, up to the next step.
    Data(Data),
    /// Plaintext that cannot be had.
    Gap(Missing),
    /// It was never TLS.
    Foreign,
    /// Version or cipher suite are not known.
    Unsupported,
}

/// Where application data of a record stand.
#[derive(Debug, Clone, Copy)]
pub struct Data {
    /// Which way they go.
    pub direction: Direction,
    /// Offset in the plaintext.
    offset: u64,
    start: usize,
    length: usize,
}

/// Plaintext that cannot be had.
#[derive(Debug, Clone, Copy)]
pub struct Missing {
    /// Which way it went.
    pub direction: Direction,
    /// Offset in the plaintext.
    pub offset: u64,
    /// Bytes; at most so many where it is not exact.
    pub length: u64,
    /// Whether `length` is exact.
    pub exact: bool,
    /// Why.
    pub reason: GapReason,
    /// The packet that made it known.
    pub origin: Origin,
}

/// What came of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Records were opened.
    Opened,
    /// No secret was known.
    KeysMissing,
    /// There were secrets, and nothing could be opened with them.
    Failed,
}

/// How a record was dealt with.
enum Progress {
    Step(Step),
    Again,
    Blocked(Blocked),
}

/// Of a direction of which nothing could be opened so many records are tried.
const TRIES: u32 = 32;
/// What setting up a key costs, in bytes of a record.
const SETUP: u64 = 2048;
/// Bytes that may be tried for each byte that came.
const REFILL: u64 = 256;

impl Connection {
    /// A connection of which these bytes came. `late`: it began before the capture.
    pub fn new(inboxes: &Duplex<Inbox>, late: bool, tools: &mut Tools, limits: &Limits) -> Self {
        let mut connection = Self { late, budget: limits.tls_tries, ..Self::default() };
        for direction in Direction::BOTH {
            connection.halves[direction].late = late;
            connection.late &= inboxes[direction].bytes().first() != Some(&record::HANDSHAKE);
            for chunk in inboxes[direction].chunks() {
                connection.push(direction, chunk, tools, limits);
            }
        }
        connection
    }

    /// Takes bytes; [`step`](Self::step) tells what they make known.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>, tools: &mut Tools, limits: &Limits) {
        self.consume_told(tools);
        let (_, last) = self.packets.get_or_insert((chunk.origin, chunk.origin));
        *last = chunk.origin;
        self.budget = limits.tls_tries.min(self.budget + REFILL * chunk.bytes.len() as u64);
        self.halves[direction].push(chunk, &mut tools.spare);
    }

    /// Learns of bytes that will never come.
    pub fn gap(&mut self, direction: Direction, hole: Hole) {
        self.halves[direction].gap(hole);
    }

    /// What waits for secrets, or for the other side, is given up.
    pub fn give_up(&mut self) {
        for direction in Direction::BOTH {
            let half = &mut self.halves[direction];
            if half.blocked.take().is_some() {
                half.dead = true;
                half.epoch = Epoch::Application;
            }
        }
    }

    /// Secrets have come.
    pub fn retry(&mut self) {
        for direction in Direction::BOTH {
            self.halves[direction].blocked = None;
        }
    }

    /// The next thing that is known; `None` when more bytes or secrets are needed.
    pub fn step(&mut self, tools: &mut Tools, limits: &Limits) -> Option<Step> {
        self.consume_told(tools);
        loop {
            let Some((direction, header)) = self.next_record() else {
                let foreign = Direction::BOTH.iter().any(|&way| self.halves[way].foreign);
                return foreign.then_some(Step::Foreign);
            };
            match self.read(direction, header, tools, limits) {
                Progress::Step(step) => return Some(step),
                Progress::Again => {}
                Progress::Blocked(blocked) => self.halves[direction].blocked = Some(blocked),
            }
        }
    }

    /// What a record says, as the chunks in which it came.
    pub fn chunks(&self, data: Data) -> impl Iterator<Item = Chunk<'_>> {
        let Data { direction, offset, start, length } = data;
        let half = &self.halves[direction];
        let opposite = &self.halves[direction.opposite()];
        let from = half.inbox.offset() + start as u64;
        half.inbox.part(start, length).map(move |chunk| Chunk {
            offset: offset + (chunk.offset - from),
            acknowledged: chunk.acknowledged.map(|acknowledged| opposite.acknowledged(acknowledged)),
            ..chunk
        })
    }

    /// What is left that will not be opened any more; told at the end.
    pub fn leftovers(&self) -> impl Iterator<Item = Missing> {
        let last = self.packets.map_or_else(Origin::default, |(_, last)| last);
        Direction::BOTH.into_iter().filter_map(move |direction| {
            let half = &self.halves[direction];
            let length = half.leftover();
            let failed = half.lost.is_some_and(|lost| lost.hole.is_none() && lost.tried > 0);
            let unseen = if failed { GapReason::NotDecrypted } else { GapReason::NotCaptured };
            let hole = half.lost.and_then(|lost| lost.hole);
            let reason = hole.map_or(unseen, |hole| hole.reason);
            let (offset, origin) = (half.plain, hole.map_or(last, |hole| hole.origin));
            (half.opened && length > 0).then_some(Missing { direction, offset, length, exact: false, reason, origin })
        })
    }

    /// The session, as events tell it.
    pub fn session(&self) -> TlsSession {
        let facts = &self.facts;
        let (version, suite) = match (&facts.server, facts.found) {
            (Some(server), _) => (server.version, server.suite),
            (None, Some((_, suite))) => (Version::TLS13, suite),
            (None, None) => return TlsSession { sni: self.sni().map(Into::into), ..TlsSession::default() },
        };
        let (version, cipher) = (version.name(), suite::name(suite));
        TlsSession { version, cipher, sni: self.sni().map(Into::into), alpn: facts.alpn.clone() }
    }

    /// The server name asked for.
    pub fn sni(&self) -> Option<&str> {
        self.facts.client.as_ref()?.sni.as_deref()
    }

    /// Its first and its latest packet.
    pub fn packets(&self) -> (Origin, Origin) {
        self.packets.unwrap_or_default()
    }

    /// Whether the hellos are before the capture.
    pub fn is_late(&self) -> bool {
        self.late
    }

    /// Whether client and server turned out to be the other way round.
    pub fn is_reversed(&self) -> bool {
        self.reversed
    }

    /// Whether a secret is waited for.
    pub fn wants_keys(&self) -> bool {
        Direction::BOTH.iter().any(|&way| self.halves[way].blocked == Some(Blocked::Keys))
    }

    /// Bytes that wait for a secret.
    pub fn waiting(&self) -> usize {
        Direction::BOTH
            .iter()
            .map(|&way| &self.halves[way])
            .filter(|half| half.blocked.is_some())
            .map(Half::waiting)
            .sum()
    }

    /// Lets go of records and messages under way.
    pub fn release(&mut self) {
        for direction in Direction::BOTH {
            self.halves[direction].release();
        }
    }

    /// Memory for records and messages under way, in bytes; what waits for a secret is not among it.
    pub fn held(&self) -> usize {
        self.halves.to_server.held() + self.halves.to_client.held()
    }

    /// Whether nobody tries any longer to open anything.
    pub fn is_hopeless(&self) -> bool {
        Direction::BOTH.iter().all(|&way| self.halves[way].dead)
    }

    /// What came of it.
    pub fn outcome(&self) -> Outcome {
        let any = |is: fn(&Half) -> bool| Direction::BOTH.iter().any(|&way| is(&self.halves[way]));
        if any(|half| half.opened) {
            Outcome::Opened
        } else if !self.late && any(|half| half.lost.is_some_and(|lost| lost.tried > 0)) {
            Outcome::Failed
        } else {
            Outcome::KeysMissing
        }
    }

    /// Of the records that are whole the one whose last packet came first.
    fn next_record(&mut self) -> Option<(Direction, Header)> {
        let fronts = Direction::BOTH.map(|way| {
            let half = &mut self.halves[way];
            let header = half.front().filter(|_| half.blocked.is_none())?;
            Some((half.origin(header).packet, way, header))
        });
        let (_, direction, header) = fronts.into_iter().flatten().min_by_key(|(packet, ..)| *packet)?;
        Some((direction, header))
    }

    fn consume_told(&mut self, tools: &mut Tools) {
        let Some((direction, header)) = self.told.take() else { return };
        let half = &mut self.halves[direction];
        half.consume(header);
        half.inbox.exchange_buffer(&mut tools.spare);
    }

    fn read(&mut self, direction: Direction, header: Header, tools: &mut Tools, limits: &Limits) -> Progress {
        let half = &mut self.halves[direction];
        // TLS 1.3 protects nothing but records that say they are application data, and from TLS 1.2 on nothing else
        // stands before ChangeCipherSpec.
        let by_kind = half.epoch == Epoch::Clear || self.facts.is_13();
        if by_kind && header.kind != record::APPLICATION_DATA {
            return self.read_clear(direction, header, tools, limits);
        }
        if half.dead {
            half.consume(header);
            return Progress::Again;
        }
        if half.lost.is_some() {
            return self.recover(direction, header, tools, limits);
        }
        if half.protection.is_none() {
            match self.protect(direction, &tools.keys) {
                Protect::Ready(protection) => self.halves[direction].begin(protection),
                Protect::Wait(blocked) => return Progress::Blocked(blocked),
                Protect::Try => return self.recover(direction, header, tools, limits),
            }
        }
        self.open(direction, header, tools, limits)
    }

    fn read_clear(&mut self, direction: Direction, header: Header, tools: &mut Tools, limits: &Limits) -> Progress {
        let hello_lost = self.late || self.is_hello_lost();
        let half = &mut self.halves[direction];
        match header.kind {
            record::HANDSHAKE => {
                half.recover();
                let body = &half.inbox.bytes()[HEADER..HEADER + header.length];
                let messages = half.messages.push(body, limits.tls_hello);
                half.consume(header);
                for message in messages {
                    if let Some(step) = self.learn(direction, &message, &mut tools.keys) {
                        return Progress::Step(step);
                    }
                }
            }
            // Of TLS 1.3 it means nothing (RFC 8446 §5); so the version must be known.
            record::CHANGE_CIPHER_SPEC => match self.facts.version {
                None if !hello_lost => return Progress::Blocked(Blocked::Facts),
                Some(version) if version < Version::TLS13 => {
                    half.epoch = Epoch::Application;
                    half.consume(header);
                }
                Some(_) | None => half.consume(header),
            },
            _ => half.consume(header),
        }
        Progress::Again
    }

    /// Opens the record at the front.
    fn open(&mut self, direction: Direction, header: Header, tools: &mut Tools, limits: &Limits) -> Progress {
        let half = &mut self.halves[direction];
        let Some(protection) = &mut half.protection else { return Progress::Again };
        let body = &mut half.inbox.bytes_mut()[HEADER..HEADER + header.length];
        let Some((kind, content)) = protection.open(header, body) else {
            return self.fail(direction, header);
        };
        half.opened = true;
        match kind {
            record::APPLICATION_DATA if !content.is_empty() => {
                let (start, length) = (HEADER + content.start, content.len());
                let data = Data { direction, offset: half.plain, start, length };
                half.advance(header, length);
                self.told = Some((direction, header));
                return Progress::Step(Step::Data(data));
            }
            record::HANDSHAKE => {
                let content = &half.inbox.bytes()[HEADER..][content];
                let messages = half.messages.push(content, limits.tls_hello);
                half.consume(header);
                for message in messages {
                    if let Some(step) = self.learn(direction, &message, &mut tools.keys) {
                        return Progress::Step(step);
                    }
                }
            }
            record::CHANGE_CIPHER_SPEC => {
                half.protection = None;
                half.consume(header);
            }
            _ => half.consume(header),
        }
        Progress::Again
    }

    /// The record at the front is not authentic.
    fn fail(&mut self, direction: Direction, header: Header) -> Progress {
        let half = &mut self.halves[direction];
        // RFC 8446 §4.2.10: a server that rejects 0-RTT data passes over what its handshake keys do not open.
        let rejected = self.facts.early == Early::Rejected && half.epoch == Epoch::Handshake;
        if direction == Direction::ToServer && rejected && !half.opened {
            half.consume(header);
            return Progress::Again;
        }
        half.lose(header);
        Progress::Again
    }

    /// What protects the next record of a direction.
    fn protect(&self, direction: Direction, keys: &KeyLog) -> Protect {
        let (facts, half) = (&self.facts, &self.halves[direction]);
        let Some(server) = &facts.server else {
            // Its own ServerHello did not come before, or cannot come.
            let lost = direction == Direction::ToClient || self.is_hello_lost();
            return if lost { Protect::Try } else { Protect::Wait(Blocked::Facts) };
        };
        let (Some(client), Some(suite)) = (&facts.client, facts.suite) else { return Protect::Try };
        if server.version < Version::TLS13 {
            let Some(master) = facts.master(keys) else { return Protect::Wait(Blocked::Keys) };
            let protection = Protection::with_master(suite, &master, &client.random, server, direction);
            // Where ChangeCipherSpec was lost, so was Finished, which has the number 0.
            return if half.epoch == Epoch::Clear { Protect::Try } else { Protect::Ready(protection) };
        }
        let session = keys.session(&client.random);
        let get = |label| session.and_then(|session: &Session| session.get(label));
        let epoch = match (half.epoch, direction, facts.early) {
            (Epoch::Clear, Direction::ToServer, Early::Accepted) => Epoch::Early,
            (Epoch::Clear, Direction::ToServer, Early::Offered)
                if get(Label::HandshakeTraffic(Direction::ToClient)).is_some() && !self.halves.to_client.dead =>
            {
                return Protect::Wait(Blocked::Facts);
            }
            (Epoch::Clear, ..) => Epoch::Handshake,
            (epoch, ..) => epoch,
        };
        match get(epoch.label(direction)) {
            Some(secret) => Protect::Ready(Protection::with_secret(suite, secret, epoch)),
            // What is behind the handshake can be opened all the same.
            None if epoch != Epoch::Application && get(Label::Traffic(direction)).is_some() => Protect::Try,
            None => Protect::Wait(Blocked::Keys),
        }
    }

    /// Looks for the number, and where it must for the secret, of the record at the front.
    fn recover(&mut self, direction: Direction, header: Header, tools: &mut Tools, limits: &Limits) -> Progress {
        let found = self.find(direction, header, tools, limits);
        // The other side may wait for what is now found, or found to be lost.
        self.retry_facts(direction.opposite());
        let half = &mut self.halves[direction];
        let Some((protection, records)) = found else {
            half.lose(header);
            half.dead = !half.opened && half.lost.is_some_and(|lost| lost.tried >= TRIES);
            return Progress::Again;
        };
        let missing = half.recover().and_then(|lost| {
            // What could not be opened before anything was opened are handshake messages.
            let told = half.opened || lost.hole.is_some() && !self.late;
            told.then(|| missing(direction, half.plain, &lost, records, &protection))
        });
        half.begin(protection);
        half.opened = true;
        half.plain += missing.map_or(0, |missing| missing.length);
        missing.map_or(Progress::Again, |missing| Progress::Step(Step::Gap(missing)))
    }

    /// A protection whose next record is the one at the front, and how many records were lost before it.
    fn find(
        &mut self,
        direction: Direction,
        header: Header,
        tools: &mut Tools,
        limits: &Limits,
    ) -> Option<(Protection, u64)> {
        let Self { halves, facts, budget, .. } = self;
        let half = &mut halves[direction];
        let body = &half.inbox.bytes()[HEADER..HEADER + header.length];
        let (bytes, least) = half.lost.map_or((0, 0), |lost| (lost.bytes, lost.records));
        let attempt = &mut Attempt { budget, scratch: &mut tools.scratch };
        let behind = |protection: &Protection| (bytes / protection.least()).max(least).min(limits.tls_search) + 1;
        let fresh = half.protection.is_none();
        if let Some(mut protection) = half.protection.take() {
            let (seq, behind) = (protection.seq, behind(&protection));
            if protection.find(seq + least..seq + behind, header, body, attempt) {
                let records = protection.seq - seq;
                return Some((protection, records));
            }
            if let Some(mut updated) = protection.updated()
                && updated.find(0..behind, header, body, attempt)
            {
                let records = updated.seq;
                return Some((updated, records));
            }
            half.protection = Some(protection);
        }
        for mut protection in facts.later(direction, half.epoch, fresh, &tools.keys) {
            let behind = behind(&protection);
            if protection.find(0..behind, header, body, attempt) {
                let records = protection.seq;
                return Some((protection, records));
            }
        }
        if facts.server.is_some() { None } else { self.join(direction, header, tools, limits) }
    }

    /// No ServerHello was captured: tries the secrets of the key log.
    fn join(
        &mut self,
        direction: Direction,
        header: Header,
        tools: &mut Tools,
        limits: &Limits,
    ) -> Option<(Protection, u64)> {
        let Self { halves, facts, budget, reversed, .. } = self;
        let body = &halves[direction].inbox.bytes()[HEADER..HEADER + header.length];
        let sender = if *reversed { direction.opposite() } else { direction };
        let candidates = facts.candidates(sender, &tools.keys);
        // Each gets the same share of half of what may be tried: another record may be smaller.
        let share = (*budget / 2).checked_div(candidates.len() as u64)?.saturating_sub(SETUP);
        let numbers = limits.tls_search.min(share / Protection::cost(body));
        for (random, label, id) in candidates {
            let Some(suite) = Suite::new(id, Version::TLS13) else { continue };
            let Some(secret) = tools.keys.session(&random).and_then(|session| session.get(label)) else { continue };
            *budget = budget.saturating_sub(SETUP);
            let mut protection = Protection::with_secret(suite, secret, Epoch::Application);
            let attempt = &mut Attempt { budget, scratch: &mut tools.scratch };
            if protection.find(0..numbers, header, body, attempt) {
                tools.keys.see(&random);
                facts.found = Some((random, id));
                *reversed = label == Label::Traffic(direction.opposite());
                let records = protection.seq;
                return Some((protection, records));
            }
        }
        None
    }

    /// Learns what a handshake message says.
    fn learn(&mut self, direction: Direction, message: &Message, keys: &mut KeyLog) -> Option<Step> {
        let (facts, half) = (&mut self.facts, &mut self.halves[direction]);
        let body = &message.body[..];
        match (message.kind, direction) {
            (hello::CLIENT_HELLO, Direction::ToServer) => {
                let hello = hello::client_hello(body)?;
                keys.see(&hello.random);
                let again = facts.early == Early::Rejected;
                facts.early = if hello.early_data && !again { Early::Offered } else { facts.early };
                facts.client = Some(hello);
            }
            (hello::SERVER_HELLO, Direction::ToClient) => {
                let hello = hello::server_hello(body)?;
                facts.version = Some(hello.version);
                if hello.retry {
                    // RFC 8446 §4.2.10: there is no 0-RTT behind it.
                    facts.early = Early::Rejected;
                    return None;
                }
                facts.suite = Suite::new(hello.suite, hello.version);
                facts.alpn = hello.alpn.clone().or(facts.alpn.take());
                facts.server = Some(hello);
                self.retry_facts(Direction::ToServer);
                return self.facts.suite.is_none().then_some(Step::Unsupported);
            }
            (hello::ENCRYPTED_EXTENSIONS, Direction::ToClient) => {
                let extensions = hello::encrypted_extensions(body);
                facts.alpn = extensions.alpn;
                facts.early = match facts.early {
                    Early::Offered if extensions.early_data => Early::Accepted,
                    Early::Offered => Early::Rejected,
                    early @ (Early::None | Early::Accepted | Early::Rejected) => early,
                };
                self.retry_facts(Direction::ToServer);
            }
            (hello::CLIENT_KEY_EXCHANGE, Direction::ToServer) => facts.premaster = hello::encrypted_premaster(body),
            (hello::FINISHED, _) if facts.is_13() => half.enter(Epoch::Application),
            (hello::END_OF_EARLY_DATA, Direction::ToServer) => half.enter(Epoch::Handshake),
            (hello::KEY_UPDATE, _) => half.protection = half.protection.take().map(|old| old.updated().unwrap_or(old)),
            _ => {}
        }
        None
    }

    /// What this direction waits for from the other may be known now.
    fn retry_facts(&mut self, direction: Direction) {
        let blocked = &mut self.halves[direction].blocked;
        *blocked = blocked.filter(|blocked| *blocked != Blocked::Facts);
    }

    /// Whether the ServerHello will not be seen.
    fn is_hello_lost(&self) -> bool {
        let server = &self.halves.to_client;
        self.facts.client.is_none() || server.lost.is_some() || server.opened || server.dead
    }
}

impl Half {
    /// From here on this protects its records.
    fn begin(&mut self, protection: Protection) {
        self.epoch = protection.epoch;
        self.protection = Some(protection);
    }

    /// From here on other keys protect its records, which are looked up when the next one is there.
    fn enter(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.protection = None;
    }
}

/// What protects a record.
enum Protect {
    Ready(Protection),
    Wait(Blocked),
    /// Numbers, and perhaps secrets, have to be tried.
    Try,
}

/// Records that were lost, as plaintext.
fn missing(direction: Direction, offset: u64, lost: &Lost, records: u64, protection: &Protection) -> Missing {
    let length = protection.plaintext(lost.bytes, records);
    let exact = lost.exact && records == lost.records && protection.is_exact();
    let reason = lost.hole.map_or(GapReason::NotDecrypted, |hole| hole.reason);
    let origin = lost.hole.map_or(lost.origin, |hole| hole.origin);
    Missing { direction, offset, length, exact, reason, origin }
}

//! Ordinary HTTP exchanges to the polling that a WebSocket took the place of.
//!
//! Engine.IO begins with polling, and names the session in the upgrade too (`sid`). Other long polling shows in that one target is
//! asked for again and again and the answers are held back; what is then upgraded from the same client to the same server replaces it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use crate::net::segment::Endpoint;
use crate::origin::Timestamp;

/// The polling before a WebSocket, as far as it was known when that opened: a poll that is held then has no answer here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prologue {
    /// Whether it is a polling transport of Engine.IO, or long polling in general.
    pub engine_io: bool,
    /// What was asked for, without the query.
    pub path: Box<str>,
    /// What it took.
    pub cost: Cost,
}

/// What exchanges over HTTP took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Requests.
    pub requests: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Bytes of the heads of exchanges that are over.
    pub header_bytes: u64,
    /// Bytes of their bodies, chunked coding included; without those that only the end of the connection ends.
    pub payload_bytes: u64,
    /// Nanoseconds from request to response, of all answers together.
    pub latency: i64,
    /// Nanoseconds from request to response, of the slowest.
    pub slowest: i64,
}

impl Prologue {
    /// `engine.io polling` or `long polling`.
    pub fn name(&self) -> &'static str {
        if self.engine_io { "engine.io polling" } else { "long polling" }
    }
}

impl Cost {
    /// Nanoseconds from request to response, on average; `None` without an answer.
    pub fn mean_latency(&self) -> Option<i64> {
        self.latency.checked_div(self.answered.cast_signed())
    }

    /// Takes more exchanges into account.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.answered += other.answered;
        self.header_bytes += other.header_bytes;
        self.payload_bytes += other.payload_bytes;
        self.latency = self.latency.saturating_add(other.latency);
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// What a connection tells of its exchanges.
#[derive(Debug)]
pub enum Passed {
    /// A request whose head is whole.
    Asked(Box<str>),
    /// An exchange that is over.
    Over(Exchanged),
}

/// A request and its response, both whole.
#[derive(Debug)]
pub struct Exchanged {
    /// Target of the request.
    pub target: Box<str>,
    /// When the request's head was whole.
    pub asked: Timestamp,
    /// When the response's head began.
    pub answered: Timestamp,
    /// Bytes of both heads.
    pub header_bytes: u64,
    /// Bytes of both bodies.
    pub payload_bytes: u64,
}

/// What was asked for lately, by client and server.
#[derive(Debug, Default)]
pub struct Polls {
    hosts: HashMap<Host, VecDeque<Poll>, RandomState>,
    oldest_first: VecDeque<Host>,
}

/// The address of a client and the server that it asks, whatever connections it uses.
type Host = (IpAddr, Endpoint);

/// So many targets are remembered of a client and its server.
const TARGETS: usize = 16;
/// Longer targets are not remembered, in bytes.
pub const TARGET: usize = 512;
/// From the third request on the same target is polled.
const REPEATED: u64 = 3;
/// An answer that takes as long was held back, in nanoseconds.
const HELD: i64 = 100_000_000;

#[derive(Debug)]
struct Poll {
    /// Session of Engine.IO; empty in its first request.
    session: Option<Box<str>>,
    /// Answers that were held back.
    held: u64,
    told: Prologue,
}

impl Polls {
    /// Takes what a connection between these tells; at most `limit` pairs of client and server are remembered.
    pub fn passed(&mut self, passed: Passed, client: Endpoint, server: Endpoint, limit: usize) {
        let host = (client.ip, server);
        match passed {
            Passed::Asked(target) => {
                let polls = self.hosts.entry(host).or_insert_with(|| {
                    self.oldest_first.push_back(host);
                    VecDeque::new()
                });
                ask(polls, &target);
                if self.hosts.len() > limit
                    && let Some(oldest) = self.oldest_first.pop_front()
                {
                    self.hosts.remove(&oldest);
                }
            }
            Passed::Over(exchanged) => {
                if let Some(polls) = self.hosts.get_mut(&host) {
                    answer(polls, &exchanged);
                }
            }
        }
    }

    /// The polling that an upgrade to this target replaces; told once.
    pub fn replaced_by(&mut self, target: &str, client: Endpoint, server: Endpoint) -> Option<Prologue> {
        let polls = self.hosts.get_mut(&(client.ip, server))?;
        let (path, query) = split(target);
        let session = parameter(query, "sid");
        let found = match session {
            Some(session) => polls.iter().position(|poll| poll.is(path, Some(session))),
            None => {
                let polled = polls.iter().enumerate().filter(|(_, poll)| poll.is_long_polling());
                polled.max_by_key(|(_, poll)| poll.told.cost.requests).map(|(at, _)| at)
            }
        };
        polls.remove(found?).map(|poll| poll.told)
    }
}

impl Poll {
    fn is(&self, path: &str, session: Option<&str>) -> bool {
        self.session.as_deref() == session && *self.told.path == *path
    }

    fn is_long_polling(&self) -> bool {
        !self.told.engine_io && self.told.cost.requests >= REPEATED && 2 * self.held >= self.told.cost.answered.max(1)
    }
}

fn ask(polls: &mut VecDeque<Poll>, target: &str) {
    let (path, session) = named(target);
    // Each first request of Engine.IO begins a session, whose name is in the answer; the next one bears it.
    let known = match session {
        Some("") => None,
        _ => polls.iter().position(|poll| poll.is(path, session)),
    };
    let begun =
        || session.filter(|name| !name.is_empty()).and_then(|_| polls.iter().position(|poll| poll.is(path, Some(""))));
    let at = known.or_else(begun).unwrap_or_else(|| {
        let told = Prologue { engine_io: session.is_some(), path: path.into(), cost: Cost::default() };
        if polls.len() == TARGETS {
            polls.pop_front();
        }
        polls.push_back(Poll { session: None, held: 0, told });
        polls.len() - 1
    });
    if let Some(poll) = polls.get_mut(at) {
        poll.session = session.map(Into::into);
        poll.told.cost.requests += 1;
    }
}

fn answer(polls: &mut VecDeque<Poll>, exchanged: &Exchanged) {
    let (path, session) = named(&exchanged.target);
    // The session of a first request may have got its name meanwhile.
    let begun = |poll: &&mut Poll| {
        session == Some("") && poll.told.engine_io && poll.told.cost.answered == 0 && *poll.told.path == *path
    };
    let Some(poll) = polls.iter_mut().find(|poll| poll.is(path, session) || begun(poll)) else { return };
    let latency = exchanged.answered.since(exchanged.asked).max(0);
    poll.held += u64::from(latency >= HELD);
    poll.told.cost.add(&Cost {
        requests: 0,
        answered: 1,
        header_bytes: exchanged.header_bytes,
        payload_bytes: exchanged.payload_bytes,
        latency,
        slowest: latency,
    });
}

/// Path, and the session of Engine.IO where it is one of its polls.
fn named(target: &str) -> (&str, Option<&str>) {
    let (path, query) = split(target);
    let engine_io = parameter(query, "transport") == Some("polling");
    (path, engine_io.then(|| parameter(query, "sid").unwrap_or_default()))
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(host: u8, port: u16) -> Endpoint {
        Endpoint { ip: [10, 0, 0, host].into(), port }
    }

    /// Each exchange on a connection of its own, a second after the other; the answer takes so many milliseconds.
    fn polled(exchanges: &[(&str, Option<i64>)]) -> Polls {
        let mut polls = Polls::default();
        for (port, (target, millis)) in (1..).zip(exchanges) {
            let asked = Timestamp(i64::from(port) * 1_000_000_000);
            polls.passed(Passed::Asked((*target).into()), end(1, port), end(2, 80), 8);
            let Some(millis) = millis else { continue };
            let answered = Timestamp(asked.0 + millis * 1_000_000);
            let over = Exchanged { target: (*target).into(), asked, answered, header_bytes: 100, payload_bytes: 10 };
            polls.passed(Passed::Over(over), end(1, port), end(2, 80), 8);
        }
        polls
    }

    #[test]
    fn polls_of_engine_io_are_found_by_their_session() {
        let first = "/socket.io/?EIO=4&transport=polling";
        let of = |sid: &str| format!("{first}&sid={sid}");
        let mut polls = polled(&[(first, Some(1)), (&of("a"), Some(300)), (&of("b"), Some(1)), (&of("a"), None)]);
        let upgrade = "/socket.io/?EIO=4&transport=websocket&sid=a";
        assert_eq!(polls.replaced_by(upgrade, end(3, 9), end(2, 80)), None, "another client");
        let told = polls.replaced_by(upgrade, end(1, 9), end(2, 80)).expect("polled");
        assert_eq!((told.name(), told.cost.requests, told.cost.answered), ("engine.io polling", 3, 2));
        assert_eq!((told.cost.header_bytes, told.cost.payload_bytes, told.cost.slowest), (200, 20, 300_000_000));
        assert_eq!(told.cost.mean_latency(), Some(150_500_000));
        assert_eq!(polls.replaced_by(upgrade, end(1, 9), end(2, 80)), None, "told once");
    }

    #[test]
    fn long_polling_is_repeated_and_held() {
        let held = ("/events?since=1", Some(800));
        let mut polls = polled(&[("/logo", Some(2)), held, held, ("/events?since=2", None)]);
        let told = polls.replaced_by("/feed", end(1, 9), end(2, 80)).expect("polled");
        assert_eq!(
            (told.name(), &*told.path, told.cost.requests, told.cost.answered),
            ("long polling", "/events", 3, 2)
        );
        let quick = ("/data", Some(1));
        assert_eq!(polled(&[quick; 5]).replaced_by("/feed", end(1, 9), end(2, 80)), None, "answered at once");
        assert_eq!(polled(&[held; 2]).replaced_by("/feed", end(1, 9), end(2, 80)), None, "not often enough");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let targets: Vec<_> = (0..1000).map(|number| format!("/{number}")).collect();
        let polls = polled(&targets.iter().map(|target| (target.as_str(), Some(1))).collect::<Vec<_>>());
        assert_eq!(polls.hosts.values().map(VecDeque::len).sum::<usize>(), TARGETS);
        let mut polls = Polls::default();
        for host in 0..100 {
            polls.passed(Passed::Asked("/".into()), end(host, 1), end(200, 80), 8);
        }
        assert_eq!((polls.hosts.len(), polls.oldest_first.len()), (8, 8));
    }
}

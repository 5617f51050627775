//! Requests and answers to pairs: which request an answer belongs to, and which were never answered.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::decoded::{Begin, Reply, Unanswered};
use crate::duplex::Direction;
use crate::origin::Timestamp;

/// What links an answer to its request: a space of the protocol's own, and the identifier in it.
///
/// An empty identifier stands for requests that are answered in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Keeps identifiers of different kinds apart.
    pub space: &'static str,
    /// As sent.
    pub id: Box<str>,
}

impl Key {
    /// Of a space.
    pub fn new(space: &'static str, id: impl Into<Box<str>>) -> Self {
        Self { space, id: id.into() }
    }
}

/// The requests of one direction that wait for their answers.
#[derive(Debug, Default)]
pub struct Pending {
    /// In the order in which they were asked.
    requests: BTreeMap<u64, Request>,
    /// The serial numbers of those that bear a key.
    keys: HashMap<Key, VecDeque<u64>>,
    next: u64,
    forgotten: u64,
    /// Bytes of memory of all requests.
    held: usize,
}

/// What asks.
#[derive(Debug)]
pub struct Ask {
    /// What its answer bears.
    pub key: Key,
    /// What it asks for.
    pub method: Box<str>,
    /// Number of its message.
    pub message: u64,
    /// When that was whole.
    pub sent: Timestamp,
    /// Whether it is but a sign of life.
    pub keepalive: bool,
}

#[derive(Debug)]
struct Request {
    ask: Ask,
    answers: u64,
    /// Whether who asked took it back: what was under way may still come, but nothing is owed.
    cancelled: bool,
    /// Whether another request bears its key now, so that no answer will find it.
    replaced: bool,
}

impl Request {
    /// Whether an answer is still due.
    fn is_owed(&self) -> bool {
        self.answers == 0 && !self.cancelled
    }

    /// Bytes of memory that it takes, its key in the index too, about.
    fn held(&self) -> usize {
        2 * (size_of::<Self>() + self.ask.key.id.len()) + self.ask.method.len()
    }

    fn reply(&self, begin: Begin, direction: Direction, first: bool) -> Reply {
        let Ask { ref method, message, sent, keepalive, .. } = self.ask;
        Reply { direction, message, method: method.clone(), latency: begin.time.since(sent), first, keepalive }
    }
}

impl Pending {
    /// A request was sent; at most `limit` are remembered.
    pub fn ask(&mut self, ask: Ask, limit: usize) {
        let serial = self.next;
        self.next += 1;
        let serials = self.keys.entry(ask.key.clone()).or_default();
        let older = if ask.key.id.is_empty() { None } else { serials.pop_front() };
        serials.push_back(serial);
        if let Some(older) = older
            && let Some(request) = self.requests.get_mut(&older)
        {
            request.replaced = true;
            if !request.is_owed() {
                self.take(older);
            }
        }
        let request = Request { ask, answers: 0, cancelled: false, replaced: false };
        self.held += request.held();
        self.requests.insert(serial, request);
        if self.requests.len() > limit
            && let Some((&oldest, _)) = self.requests.first_key_value()
            && let Some(request) = self.take(oldest)
        {
            self.forgotten += u64::from(request.is_owed());
            self.release(&request, oldest);
        }
    }

    /// An answer begins with `begin`; where it is the `last` one the request is settled. `direction` is that of the request.
    pub fn answer(&mut self, key: &Key, last: bool, begin: Begin, direction: Direction) -> Option<Reply> {
        let serial = *self.keys.get(key)?.front()?;
        let request = self.requests.get_mut(&serial)?;
        request.answers += 1;
        let reply = request.reply(begin, direction, request.answers == 1);
        if last && let Some(request) = self.take(serial) {
            self.release(&request, serial);
        }
        Some(reply)
    }

    /// Something that belongs to a request begins with `begin`; it settles nothing.
    pub fn refer(&self, key: &Key, begin: Begin, direction: Direction) -> Option<Reply> {
        let request = self.requests.get(self.keys.get(key)?.front()?)?;
        Some(request.reply(begin, direction, false))
    }

    /// A request was taken back by who asked.
    pub fn cancel(&mut self, key: &Key) {
        for serial in self.keys.get(key).into_iter().flatten() {
            if let Some(request) = self.requests.get_mut(serial) {
                request.cancelled = true;
            }
        }
    }

    /// Bytes of a direction were lost: where answers come in order, it is no longer known whose they are.
    pub fn lose_order(&mut self) {
        let ordered: Vec<_> =
            self.keys.extract_if(|key, _| key.id.is_empty()).flat_map(|(_, serials)| serials).collect();
        for serial in ordered {
            self.take(serial);
        }
    }

    /// All of them are forgotten, as too much is kept over all connections.
    pub fn forget(&mut self) {
        let open = self.requests.values().filter(|request| request.answers == 0).count() as u64;
        *self = Self { next: self.next, forgotten: self.forgotten + open, ..Self::default() };
    }

    /// The requests that were never answered, in their order, and how many older ones were forgotten.
    pub fn unanswered(&self, direction: Direction) -> (Vec<Unanswered>, u64) {
        let unanswered = self.requests.values().filter(|request| request.is_owed());
        let unanswered = unanswered.map(|request| Unanswered {
            direction,
            message: request.ask.message,
            method: request.ask.method.clone(),
            id: request.ask.key.id.clone(),
        });
        (unanswered.collect(), self.forgotten)
    }

    /// Bytes of memory that the requests take, about.
    pub fn held(&self) -> usize {
        self.held
    }

    fn take(&mut self, serial: u64) -> Option<Request> {
        let request = self.requests.remove(&serial)?;
        self.held -= request.held();
        Some(request)
    }

    fn release(&mut self, request: &Request, serial: u64) {
        if request.replaced {
            return;
        }
        if let Some(serials) = self.keys.get_mut(&request.ask.key) {
            serials.retain(|&other| other != serial);
            if serials.is_empty() {
                self.keys.remove(&request.ask.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Direction = Direction::ToServer;

    fn at(time: i64) -> Begin {
        Begin { message: 1, time: Timestamp(time) }
    }

    fn ask(pending: &mut Pending, id: &str, message: u64) {
        let sent = Timestamp(10 * message as i64);
        pending.ask(Ask { key: Key::new("call", id), method: "sum".into(), message, sent, keepalive: false }, 3);
    }

    #[test]
    fn an_answer_finds_its_request_once() {
        let mut pending = Pending::default();
        ask(&mut pending, "a", 1);
        ask(&mut pending, "b", 2);
        let reply = pending.answer(&Key::new("call", "b"), true, at(25), WAY).expect("asked for");
        assert_eq!((reply.message, reply.latency, reply.first), (2, 5, true));
        assert_eq!(pending.answer(&Key::new("call", "b"), true, at(26), WAY), None);
        assert_eq!(pending.answer(&Key::new("other", "a"), true, at(26), WAY), None);
        assert_eq!(pending.unanswered(WAY).0.iter().map(|request| &*request.id).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn many_answers_belong_to_one_request_until_the_last() {
        let mut pending = Pending::default();
        ask(&mut pending, "a", 1);
        let firsts: Vec<_> =
            [false, false, true, true].map(|last| pending.answer(&Key::new("call", "a"), last, at(20), WAY)).into();
        let firsts: Vec<_> = firsts.into_iter().map(|reply| reply.map(|reply| reply.first)).collect();
        assert_eq!(firsts, [Some(true), Some(false), Some(false), None]);
        assert_eq!(pending.unanswered(WAY), (vec![], 0));
    }

    #[test]
    fn without_identifiers_answers_come_in_order_and_with_them_the_latest_counts() {
        let mut pending = Pending::default();
        ask(&mut pending, "", 1);
        ask(&mut pending, "", 2);
        assert_eq!(pending.answer(&Key::new("call", ""), true, at(30), WAY).map(|reply| reply.message), Some(1));
        let mut pending = Pending::default();
        ask(&mut pending, "a", 1);
        ask(&mut pending, "a", 2);
        assert_eq!(pending.answer(&Key::new("call", "a"), true, at(30), WAY).map(|reply| reply.message), Some(2));
        assert_eq!(pending.unanswered(WAY).0.len(), 1);
    }

    #[test]
    fn what_was_taken_back_is_not_owed_but_may_still_be_answered() {
        let mut pending = Pending::default();
        ask(&mut pending, "a", 1);
        pending.cancel(&Key::new("call", "a"));
        assert_eq!(pending.unanswered(WAY), (vec![], 0));
        assert!(pending.answer(&Key::new("call", "a"), true, at(30), WAY).is_some_and(|reply| reply.first));
        assert_eq!((pending.held(), pending.keys.len()), (0, 0));
    }

    #[test]
    fn the_oldest_are_forgotten_and_counted() {
        let mut pending = Pending::default();
        for message in 1..=5 {
            ask(&mut pending, &message.to_string(), message);
        }
        let (unanswered, forgotten) = pending.unanswered(WAY);
        assert_eq!((unanswered.len(), forgotten), (3, 2));
        assert_eq!(pending.answer(&Key::new("call", "1"), true, at(90), WAY), None);
        assert_eq!(pending.keys.len(), 3);
    }
}

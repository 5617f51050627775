//! Requests of sub-protocols and their answers to the latency of each method, and to the requests that nobody answered.

use std::collections::BTreeMap;

use crate::dissect::decoded::{Decoded, Unanswered};
use crate::event::ConnectionId;
use crate::stats::histogram::Histogram;

/// What was asked for, and how long the answers took; of a connection or of all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Methods {
    /// By name, the first so many.
    named: BTreeMap<Box<str>, Method>,
    /// All that came when there was no room for another name.
    pub others: Method,
    /// The first requests that were not answered, in the order in which their connections ended.
    pub unanswered: Vec<(ConnectionId, Unanswered)>,
    /// How many more there are.
    pub more: u64,
    memory: usize,
}

/// Bytes of a latency's classes, and of what holds a name and a method together, about.
const BESIDE: usize = 256;

/// One method, topic or operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Method {
    /// Nanoseconds from each request to its first answer.
    pub latency: Histogram,
    /// Requests without any.
    pub unanswered: u64,
}

impl Methods {
    /// Counts the answers in a message; at most `limit` methods are told apart.
    pub fn answers(&mut self, decoded: &Decoded, limit: usize) {
        let replies = decoded.units.iter().filter_map(|unit| unit.reply.as_ref());
        for reply in replies.filter(|reply| reply.first) {
            self.method(&reply.method, limit).latency.add(reply.latency.max(0).unsigned_abs());
        }
    }

    /// Counts what a connection left unanswered, and `forgotten` requests of which nothing more is known; at most `limit` are listed.
    pub fn ended(&mut self, connection: ConnectionId, unanswered: &[Unanswered], forgotten: u64, limit: usize) {
        for request in unanswered {
            self.method(&request.method, limit).unanswered += 1;
            if self.unanswered.len() < limit {
                let texts = request.method.len() + request.id.len();
                self.memory += size_of::<(ConnectionId, Unanswered)>() + texts;
                self.unanswered.push((connection, request.clone()));
            } else {
                self.more += 1;
            }
        }
        self.others.unanswered += forgotten;
        self.more += forgotten;
    }

    /// The methods that have a name, those with most answers first.
    pub fn by_answers(&self) -> Vec<(&str, &Method)> {
        let mut named: Vec<_> = self.named.iter().map(|(name, method)| (&**name, method)).collect();
        named.sort_by_key(|(_, method)| std::cmp::Reverse(method.latency.count()));
        named
    }

    /// Bytes of memory taken, about.
    pub fn memory(&self) -> usize {
        self.memory
    }

    fn method(&mut self, name: &str, limit: usize) -> &mut Method {
        if self.named.len() >= limit && !self.named.contains_key(name) {
            return &mut self.others;
        }
        self.named.entry(name.into()).or_insert_with(|| {
            self.memory += size_of::<Method>() + name.len() + BESIDE;
            Method::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::decoded::{Reply, Unit};
    use crate::duplex::Direction;

    fn answer(method: &str, latency: i64, first: bool) -> Decoded {
        let reply = Reply {
            direction: Direction::ToServer,
            message: 1,
            method: method.into(),
            latency,
            first,
            keepalive: false,
        };
        Decoded { protocol: "jsonrpc".into(), units: vec![Unit { reply: Some(reply), ..Unit::default() }] }
    }

    #[test]
    fn each_method_has_its_own_latency_while_there_is_room() {
        let mut methods = Methods::default();
        for (method, latency) in [("sum", 5), ("sum", 7), ("late", 9), ("odd", 1)] {
            methods.answers(&answer(method, latency, true), 2);
        }
        methods.answers(&answer("sum", 1000, false), 2);
        let told: Vec<_> =
            methods.by_answers().iter().map(|(name, it)| (*name, it.latency.count(), it.latency.max())).collect();
        assert_eq!(told, [("sum", 2, 7), ("late", 1, 9)]);
        assert_eq!(methods.others.latency.count(), 1);
    }

    #[test]
    fn what_was_not_answered_is_listed_and_the_rest_counted() {
        let request = |message| Unanswered {
            direction: Direction::ToServer,
            message,
            method: "sum".into(),
            id: message.to_string().into(),
        };
        let mut methods = Methods::default();
        methods.ended(4, &[request(1), request(2), request(3)], 10, 2);
        assert_eq!(methods.by_answers()[0].1.unanswered, 3);
        assert_eq!(methods.unanswered.iter().map(|(_, it)| it.message).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((methods.more, methods.others.unanswered), (11, 10));
    }
}

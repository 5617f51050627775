//! Which Pong answers which Ping (RFC 6455 §5.5.2, §5.5.3).

use std::collections::VecDeque;

use crate::origin::Timestamp;

/// Pings of one side that wait for their pong, oldest first.
#[derive(Debug, Default)]
pub struct Pings(VecDeque<Ping>);

#[derive(Debug)]
struct Ping {
    payload: Box<[u8]>,
    time: Timestamp,
}

impl Pings {
    /// A Ping was sent; of more than `limit` the oldest is forgotten.
    pub fn sent(&mut self, payload: &[u8], time: Timestamp, limit: usize) {
        if self.0.len() >= limit {
            self.0.pop_front();
        }
        self.0.push_back(Ping { payload: payload.into(), time });
    }

    /// A Pong came back: nanoseconds since the Ping that it answers, `None` where it was not asked for.
    pub fn answered(&mut self, payload: &[u8], time: Timestamp) -> Option<i64> {
        // Where one side had to wait for late bytes, Pings can be known that were sent after this Pong.
        let index = self.0.iter().rposition(|ping| *ping.payload == *payload && ping.time <= time)?;
        let sent = self.0[index].time;
        // §5.5.3: a Pong may answer the latest of several Pings.
        self.0.drain(..=index);
        Some(time.since(sent))
    }

    /// Pings that were never answered though there was time: sent before `time`.
    pub fn unanswered_before(&self, time: Timestamp) -> usize {
        self.0.iter().filter(|ping| ping.time < time).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_answers_the_latest_ping_of_its_payload_and_all_before() {
        let mut pings = Pings::default();
        for (index, payload) in [b"a", b"b", b"a", b"c"].into_iter().enumerate() {
            pings.sent(payload, Timestamp(index as i64), 9);
        }
        assert_eq!(pings.answered(b"a", Timestamp(10)), Some(8));
        assert_eq!(pings.answered(b"b", Timestamp(11)), None);
        assert_eq!(pings.unanswered_before(Timestamp(99)), 1);
    }

    #[test]
    fn a_pong_answers_no_later_ping() {
        let mut pings = Pings::default();
        pings.sent(b"a", Timestamp(5), 9);
        assert_eq!(pings.answered(b"a", Timestamp(4)), None);
        assert_eq!(pings.answered(b"a", Timestamp(5)), Some(0));
    }

    #[test]
    fn no_more_are_remembered_than_the_limit() {
        let mut pings = Pings::default();
        for index in 0..100 {
            pings.sent(&[index], Timestamp(0), 3);
        }
        assert_eq!(pings.unanswered_before(Timestamp(1)), 3);
    }
}

//! Which Pong answers which Ping (RFC 6455 §5.5.2, §5.5.3).

use std::collections::VecDeque;

use crate::duplex::{Direction, Duplex};
use crate::origin::Timestamp;

/// §5.5: no more bytes than this may be in one.
const LONGEST: usize = 125;

/// Pings of both sides that wait for their Pong.
///
/// Most connections have none, and then keep no more than that they have none.
#[derive(Debug, Default)]
pub struct Pings(Option<Box<Duplex<Open>>>);

/// The Pings of one side, oldest first.
#[derive(Debug, Default)]
struct Open {
    waiting: VecDeque<Control>,
    /// Pongs of the other side that answer no Ping that is known: heartbeats, or ahead of late bytes of this side.
    ahead: VecDeque<Control>,
}

#[derive(Debug)]
struct Control {
    payload: Box<[u8]>,
    time: Timestamp,
}

impl Pings {
    /// This side sent a Ping; of more than `limit` the oldest is forgotten. Whether one was.
    pub fn sent(&mut self, by: Direction, payload: &[u8], time: Timestamp, limit: usize) -> bool {
        let ping = Control::new(payload, time);
        let open = &mut self.0.get_or_insert_default()[by];
        // Where this side had to wait for late bytes, its Pong can be known already.
        if let Some(index) = open.ahead.iter().position(|pong| pong.payload == ping.payload && pong.time >= time) {
            open.ahead.remove(index);
            open.waiting.clear();
            self.settle();
            return false;
        }
        remember(&mut open.waiting, ping, limit)
    }

    /// A Pong came back to this side: nanoseconds since the Ping that it answers, `None` where that is not known; of more
    /// than `limit` such Pongs the oldest is forgotten.
    pub fn answered(&mut self, to: Direction, payload: &[u8], time: Timestamp, limit: usize) -> Option<i64> {
        let pong = Control::new(payload, time);
        let open = &mut self.0.get_or_insert_default()[to];
        // Where the other side had to wait for late bytes, Pings can be known that were sent after this Pong.
        let answers = |ping: &Control| ping.payload == pong.payload && ping.time <= time;
        let Some(index) = open.waiting.iter().rposition(answers) else {
            remember(&mut open.ahead, pong, limit);
            return None;
        };
        let sent = open.waiting[index].time;
        // §5.5.3: a Pong may answer the latest of several Pings.
        open.waiting.drain(..=index);
        self.settle();
        Some(time.since(sent))
    }

    /// Lets go of all that is remembered: Pongs that answer it are then told without a time.
    pub fn release(&mut self) {
        *self = Self::default();
    }

    /// Memory for what is remembered, in bytes; at most so many.
    pub fn held(&self) -> usize {
        let Some(open) = &self.0 else { return 0 };
        let count: usize = Direction::BOTH.iter().map(|&way| open[way].waiting.len() + open[way].ahead.len()).sum();
        count * (size_of::<Control>() + LONGEST)
    }

    /// Pings of this side that were never answered though there was time: sent before `time`.
    pub fn unanswered_before(&self, by: Direction, time: Timestamp) -> usize {
        self.0.as_ref().map_or(0, |open| open[by].waiting.iter().filter(|ping| ping.time < time).count())
    }

    /// Lets go of the room for what waits once nothing does.
    fn settle(&mut self) {
        let is_empty = |open: &Open| open.waiting.is_empty() && open.ahead.is_empty();
        self.0 = self.0.take().filter(|open| !(is_empty(&open.to_server) && is_empty(&open.to_client)));
    }
}

impl Control {
    fn new(payload: &[u8], time: Timestamp) -> Self {
        Self { payload: payload[..payload.len().min(LONGEST)].into(), time }
    }
}

fn remember(frames: &mut VecDeque<Control>, frame: Control, limit: usize) -> bool {
    let full = frames.len() >= limit;
    if full {
        frames.pop_front();
    }
    frames.push_back(frame);
    full
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::ToServer;

    #[test]
    fn a_pong_answers_the_latest_ping_of_its_payload_and_all_before() {
        let mut pings = Pings::default();
        for (index, payload) in [b"a", b"b", b"a", b"c"].into_iter().enumerate() {
            pings.sent(ToServer, payload, Timestamp(index as i64), 9);
        }
        assert_eq!(pings.answered(ToServer, b"a", Timestamp(10), 9), Some(8));
        assert_eq!(pings.answered(ToServer, b"b", Timestamp(11), 9), None);
        assert_eq!(pings.unanswered_before(ToServer, Timestamp(99)), 1);
    }

    #[test]
    fn a_pong_answers_no_later_ping() {
        let mut pings = Pings::default();
        pings.sent(ToServer, b"a", Timestamp(5), 9);
        assert_eq!(pings.answered(ToServer, b"a", Timestamp(4), 9), None);
        assert_eq!(pings.answered(ToServer, b"a", Timestamp(5), 9), Some(0));
    }

    #[test]
    fn a_pong_that_is_known_first_answers_all_the_same() {
        let mut pings = Pings::default();
        assert_eq!(pings.answered(ToServer, b"heartbeat", Timestamp(1), 9), None);
        assert_eq!(pings.answered(ToServer, b"b", Timestamp(5), 9), None);
        for (payload, time) in [(b"a", 2), (b"b", 3), (b"c", 4)] {
            pings.sent(ToServer, payload, Timestamp(time), 9);
        }
        pings.sent(ToServer, b"heartbeat", Timestamp(6), 9);
        assert_eq!(pings.unanswered_before(ToServer, Timestamp(99)), 2);
    }

    #[test]
    fn no_more_are_remembered_than_the_limit() {
        let mut pings = Pings::default();
        for index in 0..100 {
            pings.sent(ToServer, &[index], Timestamp(0), 3);
        }
        assert_eq!(pings.unanswered_before(ToServer, Timestamp(1)), 3);
    }
}

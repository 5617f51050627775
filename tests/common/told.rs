//! What a capture tells, apart from packet numbers and times: to compare two captures of the same bytes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wscope::anomaly::Code;
use wscope::duplex::Direction;
use wscope::event::{Body, ConnectionId, Event};
use wscope::origin::Span;

/// Events of one connection: of the client, of the server, and of neither, each in order.
pub type Told = [Vec<Body>; 3];

/// How much of the order between the two sides counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// All of it.
    Kept,
    /// None: who was first cannot be compared.
    Lost,
}

/// Sorts events by connection and direction, and takes away what depends on packets and times.
pub fn told(events: &[Event], order: Order) -> Vec<Told> {
    let mut told: BTreeMap<ConnectionId, Told> = BTreeMap::new();
    for event in events {
        let lists = told.entry(event.connection).or_default();
        let list = match event.body.direction() {
            None => 2,
            Some(Direction::ToServer) => 0,
            Some(Direction::ToClient) => 1,
        };
        if let Some(body) = timeless(event.body.clone(), order) {
            lists[list].push(body);
        }
    }
    told.into_values().collect()
}

/// Fails at the first difference, and shows only that.
pub fn same(found: &[Told], expected: &[Told]) -> Result<(), TestCaseError> {
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        for (found, expected) in found.iter().zip(expected) {
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                prop_assert_eq!(found, expected, "event {} of connection {}", index, number);
            }
            let surplus = (found.get(expected.len()), expected.get(found.len()));
            prop_assert_eq!(surplus, (None, None), "told too much, or too little, on connection {}", number);
        }
    }
    prop_assert_eq!(found.len(), expected.len(), "connections");
    Ok(())
}

/// Whether every event names packets that there are.
pub fn in_capture(events: &[Event], packets: usize) -> Result<(), TestCaseError> {
    for Event { span: Span { first, last }, body, .. } in events {
        let captured = 1..=packets as u64;
        prop_assert!(captured.contains(&first.packet) && captured.contains(&last.packet), "{:?}", body);
    }
    Ok(())
}

fn timeless(mut body: Body, order: Order) -> Option<Body> {
    match &mut body {
        Body::Handshake(handshake) => handshake.turn = None,
        Body::Frame(frame) => frame.rtt = frame.rtt.filter(|_| order == Order::Kept).map(|_| 0),
        Body::Notice(anomalies) => {
            // There was time for a Pong where the Close came in a later packet.
            anomalies.retain(|anomaly| anomaly.code != Code::PingUnanswered);
            if anomalies.is_empty() {
                return None;
            }
        }
        Body::Closed(closed) => {
            closed.duration = 0;
            if order == Order::Lost {
                closed.by = None;
                closed.close = None;
            }
        }
        Body::Message(_) | Body::Gap(_) => {}
    }
    Some(body)
}

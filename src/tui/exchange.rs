//! A message to the requests it asks or answers: what `o` and `O` follow.

use std::fmt;

use crate::dissect::decoded::{Role, Unit};
use crate::duplex::Direction;
use crate::event::{Body, Event, Message};
use crate::store::{RowId, Store};

use super::doc::payload_of;
use super::show;

/// Requests of an exchange that are followed at once; batches have several.
const REQUESTS: usize = 64;

/// What messages that belong together share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// The requests that were linked with their answers: which way each went, and the number of its message.
    Requests(Vec<(Direction, u64)>),
    /// An id that the dissector found, though no answer was linked by it.
    Id(String),
    /// Member `id` of a JSON object in no protocol that is known.
    Member(String),
}

impl Exchange {
    /// What a message belongs to, if anything.
    pub fn of(event: &Event) -> Option<Self> {
        let Body::Message(message) = &event.body else { return None };
        let requests: Vec<_> = requests(message).take(REQUESTS).collect();
        if !requests.is_empty() {
            return Some(Self::Requests(requests));
        }
        units(message).find_map(|unit| unit.id.as_deref().map(|id| Self::Id(id.to_owned()))).or_else(|| member(event))
    }

    /// Whether the message of a row belongs to it.
    pub fn has(&self, store: &Store, row: RowId) -> bool {
        // What was decoded stands before the payload.
        let event = if matches!(self, Self::Member(_)) { store.event(row) } else { store.glance(row) };
        let Ok(event) = event else { return false };
        let Body::Message(message) = &event.body else { return false };
        match self {
            Self::Requests(wanted) => requests(message).any(|request| wanted.contains(&request)),
            Self::Id(id) => units(message).any(|unit| unit.id.as_deref() == Some(id)),
            Self::Member(_) => member(&event).as_ref() == Some(self),
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(requests) => match &requests[..] {
                [(way, number)] => write!(out, "of the exchange that message {number} of the {} began", way.sender()),
                _ => out.write_str("of these exchanges"),
            },
            Self::Id(id) | Self::Member(id) => write!(out, "with id {}", show::escaped(id)),
        }
    }
}

fn units(message: &Message) -> impl Iterator<Item = &Unit> {
    message.decoded.iter().flat_map(|decoded| &decoded.units)
}

/// The requests that a message makes or answers.
fn requests(message: &Message) -> impl Iterator<Item = (Direction, u64)> {
    units(message).filter_map(|unit| match (&unit.reply, unit.role) {
        (Some(reply), _) => Some((reply.direction, reply.message)),
        (None, Some(Role::Request)) => Some((message.direction, message.number)),
        (None, Some(Role::Reply) | None) => None,
    })
}

fn member(event: &Event) -> Option<Exchange> {
    let payload = payload_of(&event.body)?;
    let text = str::from_utf8(&payload.bytes).ok().filter(|text| text.starts_with('{'))?;
    let object: Envelope = serde_json::from_str(text).ok()?;
    match object.id? {
        serde_json::Value::String(id) => Some(Exchange::Member(id)),
        serde_json::Value::Number(id) => Some(Exchange::Member(id.to_string())),
        _ => None,
    }
}

#[derive(serde::Deserialize)]
struct Envelope {
    id: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::decoded::{Decoded, Reply};
    use crate::origin::Span;
    use crate::payload::Payload;

    fn event(way: Direction, number: u64, text: &str, units: Vec<Unit>) -> Event {
        let mut payload = Payload::default();
        payload.append(text.as_bytes(), 4096);
        let decoded = (!units.is_empty()).then(|| Box::new(Decoded { protocol: "jsonrpc".into(), units }));
        let message = Message { text: true, frames: 1, payload, decoded, ..Message::new(way, number) };
        Event { connection: 1, span: Span::default(), body: Body::Message(Box::new(message)) }
    }

    fn asks(id: &str) -> Unit {
        Unit { role: Some(Role::Request), id: Some(id.into()), ..Unit::default() }
    }

    fn answers(id: &str, way: Direction, message: u64) -> Unit {
        let reply = Reply { direction: way, message, method: "sum".into(), latency: 5, first: true, keepalive: false };
        Unit { role: Some(Role::Reply), id: Some(id.into()), reply: Some(reply), ..Unit::default() }
    }

    #[test]
    fn both_sides_may_use_the_same_ids_and_are_told_apart_by_their_links() {
        let (client, server) = (Direction::ToServer, Direction::ToClient);
        let events = [
            event(client, 1, "{}", vec![asks("7")]),
            event(server, 1, "{}", vec![asks("7")]),
            event(server, 2, "{}", vec![answers("7", client, 1)]),
            event(client, 2, "{}", vec![answers("7", server, 1)]),
        ];
        let mut store = Store::new(16 << 20);
        for event in &events {
            store.push(event.clone());
        }
        let exchange = Exchange::of(&events[0]).expect("a request");
        assert_eq!([0, 1, 2, 3].map(|row| exchange.has(&store, row)), [true, false, true, false]);
        assert_eq!(Exchange::of(&events[3]), Some(Exchange::Requests(vec![(server, 1)])));
        assert_eq!(exchange.to_string(), "of the exchange that message 1 of the client began");
    }

    #[test]
    fn without_a_protocol_the_member_id_of_an_object_counts() {
        let of = |text: &str| Exchange::of(&event(Direction::ToServer, 1, text, Vec::new()));
        assert_eq!(of(r#"{"method":"a","id":7}"#), Some(Exchange::Member("7".to_owned())));
        assert_eq!(of(r#"{"id":"op-1","payload":{"id":3}}"#), Some(Exchange::Member("op-1".to_owned())));
        assert_eq!((of(r#"{"id":null}"#), of("[]"), of("42")), (None, None, None));
    }
}

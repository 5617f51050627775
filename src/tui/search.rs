//! Looking for the next row that is wanted, in the background: by an expression, or by the id in its payload.

use std::time::Instant;

use crate::event::{Body, Event};
use crate::store::{RowId, Store};

use super::doc::payload_of;
use super::listing::Listing;
use super::marks::Marks;
use super::sieve::Sieve;

/// What is searched, and how far the search has come.
#[derive(Debug, Default)]
pub struct Search {
    /// The expression of the last search.
    sieve: Option<Sieve>,
    at_work: Option<AtWork>,
}

#[derive(Debug)]
struct AtWork {
    wanted: Wanted,
    forward: bool,
    /// The row looked at last.
    at: RowId,
}

#[derive(Debug)]
enum Wanted {
    Expression,
    /// The id of a message, and on which connection.
    Id(u32, String),
}

/// What came of looking for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing is searched.
    Idle,
    /// There is more to look at.
    Working,
    /// This row.
    Row(RowId),
    /// No row; what to say.
    Nothing(String),
}

impl Search {
    /// Searches for what an expression chooses from now on.
    pub fn set(&mut self, sieve: Option<Sieve>) {
        self.sieve = sieve;
        self.at_work = None;
    }

    /// Begins to look for the next or previous row behind `from`; whether there is anything to look for.
    pub fn begin(&mut self, from: RowId, forward: bool) -> bool {
        self.at_work = self.sieve.is_some().then_some(AtWork { wanted: Wanted::Expression, forward, at: from });
        self.at_work.is_some()
    }

    /// Begins to look for the next or previous message of a connection with this id.
    pub fn begin_id(&mut self, connection: u32, id: String, from: RowId, forward: bool) {
        self.at_work = Some(AtWork { wanted: Wanted::Id(connection, id), forward, at: from });
    }

    /// Looks until something is found or the time is up.
    pub fn work(&mut self, store: &Store, listing: &Listing, marks: &Marks, until: Instant) -> Found {
        let Some(AtWork { wanted, forward, mut at }) = self.at_work.take() else { return Found::Idle };
        loop {
            let next = listing.find(store, at, forward, |_, row| match &wanted {
                Wanted::Expression => true,
                Wanted::Id(connection, _) => row.connection == *connection,
            });
            let Some(next) = next else {
                let end = if forward { "below" } else { "above" };
                return Found::Nothing(match wanted {
                    Wanted::Expression => format!("not found {end}"),
                    Wanted::Id(_, id) => format!("no other message with id {id} {end}"),
                });
            };
            at = next;
            let found = match &wanted {
                Wanted::Expression => self.sieve.as_mut().is_some_and(|sieve| sieve.passes(store, at, marks)),
                Wanted::Id(_, id) => store.event(at).ok().and_then(|event| id_of(&event)).as_ref() == Some(id),
            };
            if found {
                return Found::Row(at);
            }
            if Instant::now() >= until {
                self.at_work = Some(AtWork { wanted, forward, at });
                return Found::Working;
            }
        }
    }

    /// Ends looking; whether it was at work.
    pub fn stop(&mut self) -> bool {
        self.at_work.take().is_some()
    }

    /// Whether it looks for something.
    pub fn is_at_work(&self) -> bool {
        self.at_work.is_some()
    }

    /// The expression of the last search.
    pub fn text(&self) -> Option<&str> {
        self.sieve.as_ref().map(Sieve::text)
    }
}

/// The id that pairs a message with its answer: what its dissector found, else member `id` of a JSON object (JSON-RPC 2.0 §4, graphql-transport-ws), or the
/// acknowledgment number of Socket.IO (`421[…]` is answered by `431[…]`).
pub fn id_of(event: &Event) -> Option<String> {
    if let Body::Message(message) = &event.body
        && let Some(id) =
            message.decoded.as_ref().and_then(|decoded| decoded.units.iter().find_map(|unit| unit.id.as_ref()))
    {
        return Some(id.to_string());
    }
    let payload = payload_of(&event.body)?;
    let text = str::from_utf8(&payload.bytes).ok()?;
    if text.starts_with('{') {
        let object: Envelope = serde_json::from_str(text).ok()?;
        return match object.id? {
            serde_json::Value::String(id) => Some(id),
            serde_json::Value::Number(id) => Some(id.to_string()),
            _ => None,
        };
    }
    let rest = text.strip_prefix("42").or_else(|| text.strip_prefix("43"))?;
    let rest = match rest.strip_prefix('/') {
        Some(namespace) => namespace.split_once(',')?.1,
        None => rest,
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && rest[digits..].starts_with('[')).then(|| rest[..digits].to_owned())
}

#[derive(serde::Deserialize)]
struct Envelope {
    id: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duplex::Direction;
    use crate::event::Message;
    use crate::origin::Span;
    use crate::payload::Payload;

    fn id(text: &str) -> Option<String> {
        let mut payload = Payload::default();
        payload.append(text.as_bytes(), 4096);
        let message = Message { text: true, frames: 1, payload, ..Message::new(Direction::ToServer, 1) };
        id_of(&Event { connection: 1, span: Span::default(), body: Body::Message(Box::new(message)) })
    }

    #[test]
    fn ids_of_the_usual_protocols() {
        assert_eq!(id(r#"{"jsonrpc":"2.0","method":"a","id":7}"#).as_deref(), Some("7"));
        assert_eq!(id(r#"{"id":"op-1","type":"next","payload":{"id":3}}"#).as_deref(), Some("op-1"));
        assert_eq!(id(r#"{"id":null}"#), None);
        assert_eq!(id(r#"4212["hello"]"#).as_deref(), Some("12"));
        assert_eq!(id(r#"43/chat,5["hello"]"#).as_deref(), Some("5"));
        assert_eq!(id(r#"42["hello"]"#), None);
        assert_eq!(id("42"), None);
    }
}

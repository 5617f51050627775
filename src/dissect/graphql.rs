//! GraphQL over WebSocket: graphql-transport-ws, and the older graphql-ws of Apollo; operations with their results.
//!
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>,
//! <https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md>

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::decoded::Unit;
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target};
use crate::anomaly::Code;
use crate::duplex::Direction::{self, ToClient, ToServer};

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "graphql",
    about: "graphql-transport-ws, and the older graphql-ws",
    subprotocols: &["graphql-transport-ws", "graphql-ws"],
    target: no_target,
    begins: b"{",
    probe,
    make: |_| Box::new(GraphQl),
    lasting: true,
    format: false,
    malformed: Code::GraphqlMalformed,
    fields: &[
        ("operation", "kind and name of the operation"),
        ("query", "document of the operation"),
        ("variables", "variables of the operation"),
        ("data", "data of a result"),
        ("errors", "errors of a result"),
        ("payload", "what another message carries, also why an operation or a connection was refused"),
    ],
};

/// The types of messages of both protocols: who sends them (either side where none is named), and what they do.
const TYPES: &[(&str, Option<Direction>, Role)] = &[
    ("connection_init", Some(ToServer), Role::Opens),
    ("connection_ack", Some(ToClient), Role::Accepts),
    ("connection_error", Some(ToClient), Role::Accepts),
    ("connection_terminate", Some(ToServer), Role::Nothing),
    ("ping", None, Role::Pings),
    ("pong", None, Role::Pongs),
    ("ka", Some(ToClient), Role::Beats),
    ("connection_keep_alive", Some(ToClient), Role::Beats),
    ("subscribe", Some(ToServer), Role::Starts),
    ("start", Some(ToServer), Role::Starts),
    ("next", Some(ToClient), Role::Yields),
    ("data", Some(ToClient), Role::Yields),
    ("error", Some(ToClient), Role::Ends),
    // Also behind an error, or as the answer to a stop.
    ("complete", Some(ToClient), Role::Completes),
    ("complete", Some(ToServer), Role::Stops),
    ("stop", Some(ToServer), Role::Stops),
    // AWS AppSync.
    ("start_ack", Some(ToClient), Role::Yields),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Opens,
    Accepts,
    Pings,
    Pongs,
    Beats,
    Starts,
    Yields,
    Ends,
    Completes,
    Stops,
    Nothing,
}

/// One connection; each message stands for itself.
#[derive(Debug)]
struct GraphQl;

impl Dissect for GraphQl {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let object = message.as_text().and_then(Object::parse).ok_or(Malformed::new("no JSON object"))?;
        let name = object.text("type").ok_or(Malformed::new("no type"))?;
        let known = TYPES.iter().find(|(known, by, _)| *known == name && by.is_none_or(|way| way == message.direction));
        let &(name, _, role) = known.ok_or_else(|| Malformed::new(format!("no message of the type {name:?}")))?;
        let id = object.get("id").map(json::id);
        let stray = id.is_none();
        // Only an error may lack it: of a message that was none.
        if stray && matches!(role, Role::Starts | Role::Yields | Role::Completes | Role::Stops) {
            return Err(Malformed::new("no id"));
        }
        let operation = Key::new("operation", id.unwrap_or_default());
        let unit = unit(name, role, &operation.id, &object, message);
        let link = match role {
            Role::Opens => Some(Link::Asks(Key::new("connection", ""), name.into())),
            Role::Accepts => Some(Link::Answers(Key::new("connection", ""), true)),
            Role::Pings => Some(Link::Asks(Key::new("ping", ""), name.into())),
            Role::Pongs => Some(Link::Answers(Key::new("ping", ""), true)),
            Role::Starts => Some(Link::Asks(operation, method(&object).into())),
            Role::Yields => Some(Link::Answers(operation, false)),
            Role::Ends if stray => None,
            Role::Ends => Some(Link::Answers(operation, true)),
            Role::Completes => Some(Link::MayAnswer(operation, true)),
            Role::Stops => Some(Link::Cancels(operation)),
            Role::Beats | Role::Nothing => None,
        };
        found.push_linked(unit, link);
        Ok(())
    }
}

fn unit(name: &'static str, role: Role, id: &str, object: &Object<'_>, message: &Incoming<'_>) -> Unit {
    let value = |json| json::value(json, message.limits);
    let payload = object.get("payload").filter(|payload| *payload != "null");
    let unit = Unit::new(name);
    match role {
        Role::Pings | Role::Pongs | Role::Beats => {
            unit.summary(name).with_some("payload", payload.map(value)).keepalive()
        }
        Role::Starts => {
            let request = payload.and_then(Object::parse).unwrap_or_default();
            let method = method(object);
            unit.summary(format!("{name} {id} {method}"))
                .with("operation", method)
                .with_some("query", request.text("query"))
                .with_some("variables", request.get("variables").map(value))
        }
        Role::Yields => {
            let result = payload.and_then(Object::parse).unwrap_or_default();
            unit.summary(format!("{name} {id} {}", result.get("errors").or(result.get("data")).unwrap_or_default()))
                .with_some("data", result.get("data").map(value))
                .with_some("errors", result.get("errors").map(value))
        }
        Role::Opens | Role::Accepts | Role::Ends | Role::Completes | Role::Stops | Role::Nothing => {
            let summary = format!("{name} {id} {}", payload.unwrap_or_default());
            unit.summary(summary.split_whitespace().collect::<Vec<_>>().join(" "))
                .with_some("payload", payload.map(value))
        }
    }
}

/// Kind and name of an operation: `query Hero`; of a nameless one its first field.
fn method(start: &Object<'_>) -> String {
    let request = start.object("payload").unwrap_or_default();
    let query = request.text("query").unwrap_or_default();
    let mut words = query.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let named = query.trim_start().starts_with(char::is_alphabetic);
    let kind = if named { words.next().unwrap_or_default() } else { "query" };
    let name = match request.text("operationName") {
        Some(name) if !name.is_empty() => name.into_owned(),
        Some(_) | None => words.next().unwrap_or_default().to_owned(),
    };
    format!("{kind} {name}").trim_end().to_owned()
}

/// The message that opens a connection in both protocols; joined late, an operation or a result of one.
fn probe(message: &Incoming<'_>) -> bool {
    if message.late && is_of_operation(message) {
        return true;
    }
    let opens = message.direction == ToServer && message.holds(&OPENING);
    let object = if opens { message.as_text().and_then(Object::parse) } else { None };
    object.is_some_and(|object| object.text("type").as_deref() == Some("connection_init"))
}

static OPENING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("connection_init"));

fn is_of_operation(message: &Incoming<'_>) -> bool {
    let Some(object) = message.as_text().and_then(Object::parse).filter(|object| object.has("id")) else {
        return false;
    };
    let (Some(name), Some(payload)) = (object.text("type"), object.object("payload")) else { return false };
    TYPES.iter().any(|&(known, by, role)| {
        known == name
            && by == Some(message.direction)
            && (role == Role::Starts && payload.text("query").is_some()
                || role == Role::Yields && (payload.has("data") || payload.has("errors")))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;

    #[test]
    fn results_belong_to_their_operation_until_it_completes() {
        let mut talk = Talk::on("/", Some("graphql-transport-ws"));
        talk.client(r#"{"type":"connection_init"}"#);
        assert_eq!(talk.server(r#"{"type":"connection_ack"}"#).answers(), Some((1, "connection_init")));
        let start = r#"{"id":"a","type":"subscribe","payload":{"query":"subscription Ticks($n: Int) { ticks }"}}"#;
        assert_eq!(talk.client(start).summary(), "subscribe a subscription Ticks");
        for n in 0..2 {
            let next = talk.server(&format!(r#"{{"id":"a","type":"next","payload":{{"data":{{"n":{n}}}}}}}"#));
            assert_eq!(next.answers(), Some((2, "subscription Ticks")));
        }
        assert_eq!(talk.server(r#"{"id":"a","type":"complete"}"#).answers(), Some((2, "subscription Ticks")));
        let again = talk.server(r#"{"id":"a","type":"complete"}"#);
        assert_eq!((again.answers(), again.field("graphql.role")), (None, vec![]));
        let stray = talk.server(r#"{"type":"error","payload":{"message":"Invalid message type!"}}"#);
        assert_eq!((stray.kinds(), stray.field("graphql.role")), (vec!["error"], vec![]));
        assert_eq!(talk.unanswered(), [""; 0]);
    }

    #[test]
    fn what_is_stopped_is_not_unanswered() {
        let mut talk = Talk::on("/", Some("graphql-ws"));
        for id in [1, 2] {
            talk.client(&format!(r#"{{"id":"{id}","type":"start","payload":{{"query":"{{ a }}"}}}}"#));
        }
        talk.client(r#"{"id":"1","type":"stop"}"#);
        assert!(talk.server(r#"{"type":"ka"}"#).is_keepalive());
        assert_eq!(talk.unanswered(), ["query a"]);
    }

    #[test]
    fn what_is_no_message_is_told_so() {
        for odd in ["", "[]", "{}", r#"{"type":"next","id":"1"}"#, r#"{"type":"subscribe"}"#, r#"{"type":"start"}x"#] {
            let told = Talk::on("/", Some("graphql-ws")).client(odd);
            assert_eq!((told.kinds(), told.codes()), (vec!["unknown"], vec!["graphql.malformed"]), "{odd}");
        }
    }

    #[test]
    fn it_is_recognised_by_the_init_of_the_client() {
        let init = r#"{"type":"connection_init","payload":{}}"#;
        assert_eq!(Talk::on("/", None).client(init).protocol(), Some("graphql"));
        assert_eq!(Talk::on("/", None).server(init).protocol(), Some("json"));
    }
}

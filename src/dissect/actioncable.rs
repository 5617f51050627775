//! Action Cable of Rails: subscriptions to channels, and what they carry.
//!
//! <https://docs.anycable.io/misc/action_cable_protocol>

use super::decoded::Unit;
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target};
use crate::anomaly::Code;
use crate::duplex::Direction;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "actioncable",
    about: "Action Cable",
    subprotocols: &["actioncable-v1-json", "actioncable-v1-ext-json"],
    target: no_target,
    begins: b"{",
    probe,
    make: |_| Box::new(ActionCable),
    lasting: true,
    format: false,
    malformed: Code::ActioncableMalformed,
    fields: &[
        ("identifier", "channel and its parameters"),
        ("channel", "channel"),
        ("data", "data of a command"),
        ("message", "what a channel sent"),
        ("reason", "why the server disconnects"),
    ],
};

/// One connection; each message stands for itself.
#[derive(Debug)]
struct ActionCable;

const COMMANDS: &[&str] = &["subscribe", "unsubscribe", "message", "history", "pong", "whisper"];
const TYPES: &[&str] = &[
    "welcome",
    "disconnect",
    "ping",
    "confirm_subscription",
    "reject_subscription",
    "confirm_history",
    "reject_history",
];

impl Dissect for ActionCable {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let object = message.as_text().and_then(Object::parse).ok_or(Malformed::new("no JSON object"))?;
        let (member, known) = match message.direction {
            Direction::ToServer => ("command", COMMANDS),
            Direction::ToClient => ("type", TYPES),
        };
        let kind = match object.text(member) {
            Some(kind) => {
                *known.iter().find(|known| **known == kind).ok_or(Malformed::new("no such command or type"))?
            }
            // What a channel sends has no type.
            None if message.direction == Direction::ToClient && object.has("message") => "message",
            None => return Err(Malformed::new("no command or type")),
        };
        let identifier = object.text("identifier");
        let channel = identifier
            .as_deref()
            .and_then(Object::parse)
            .and_then(|channel| channel.text("channel").map(std::borrow::Cow::into_owned));
        let key = || Key::new("subscription", identifier.as_deref().unwrap_or_default());
        let link = match kind {
            "subscribe" => {
                Some(Link::Asks(key(), format!("subscribe {}", channel.as_deref().unwrap_or_default()).into()))
            }
            "confirm_subscription" | "reject_subscription" => Some(Link::Answers(key(), true)),
            _ => None,
        };
        let carried = object.get("data").or(object.get("message"));
        let summary = [Some(kind), channel.as_deref(), carried].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let value = |name| object.get(name).map(|json| json::value(json, message.limits));
        // The data of a command is JSON in a string.
        let data = object.text("data").map(|data| json::content(data.as_bytes(), message.limits));
        let unit = Unit::new(kind)
            .summary(summary)
            .with_some("identifier", identifier.clone())
            .with_some("channel", channel)
            .with_some("data", data)
            .with_some("message", value("message"))
            .with_some("reason", object.text("reason"));
        found.push_linked(if matches!(kind, "ping" | "pong") { unit.keepalive() } else { unit }, link);
        Ok(())
    }
}

/// The welcome of a server; joined late, what names a channel.
fn probe(message: &Incoming<'_>) -> bool {
    if message.direction == Direction::ToServer {
        return false;
    }
    let named = || {
        let object = message.as_text().filter(|text| text.contains("\"identifier\"")).and_then(Object::parse)?;
        let identifier = object.text("identifier")?;
        Object::parse(&identifier).filter(|channel| channel.has("channel")).map(|_| ())
    };
    message.bytes.trim_ascii() == br#"{"type":"welcome"}"# || message.late && named().is_some()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;

    #[test]
    fn subscriptions_are_confirmed() {
        let mut talk = Talk::on("/cable", None);
        assert_eq!(talk.server(r#"{"type":"welcome"}"#).protocol(), Some("actioncable"));
        let identifier = r#""identifier":"{\"channel\":\"ChatChannel\",\"id\":1}""#;
        talk.client(&format!(r#"{{"command":"subscribe",{identifier}}}"#));
        let confirmed = talk.server(&format!(r#"{{"type":"confirm_subscription",{identifier}}}"#));
        assert_eq!(confirmed.answers(), Some((1, "subscribe ChatChannel")));
        let said = talk.server(&format!(r#"{{{identifier},"message":{{"a":1}}}}"#));
        assert_eq!((said.kinds(), said.summary().as_str()), (vec!["message"], "message ChatChannel {\"a\":1}"));
        assert!(talk.server(r#"{"type":"ping","message":1700000000}"#).is_keepalive());
        for odd in ["", "{}", r#"{"command":"dance"}"#] {
            assert_eq!(talk.client(odd).codes(), ["actioncable.malformed"], "{odd}");
        }
    }
}

//! Chrome DevTools protocol: commands with their results, events, of all targets on one connection.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::decoded::Unit;
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol};
use crate::anomaly::Code;
use crate::duplex::Direction::{ToClient, ToServer};

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "cdp",
    about: "Chrome DevTools protocol",
    subprotocols: &[],
    target: |path, _| path.starts_with("/devtools/"),
    begins: b"{",
    probe,
    make: |_| Box::new(Cdp),
    lasting: true,
    format: false,
    malformed: Code::CdpMalformed,
    fields: &[
        ("method", "domain and name of a command or event"),
        ("params", "its parameters"),
        ("result", "result of a command"),
        ("error", "error of a command"),
        ("session", "session of an attached target"),
    ],
};

/// One connection; each message stands for itself.
#[derive(Debug)]
struct Cdp;

impl Dissect for Cdp {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let object = message.as_text().and_then(Object::parse).ok_or(Malformed::new("no JSON object"))?;
        let (unit, link) = unit(&object, message).ok_or(Malformed::new("neither command, result nor event"))?;
        found.push_linked(unit.with_some("session", object.text("sessionId")), link);
        Ok(())
    }
}

fn unit(object: &Object<'_>, message: &Incoming<'_>) -> Option<(Unit, Option<Link>)> {
    let value = |json| json::value(json, message.limits);
    let id = object.number("id").map(|id| id.to_string());
    let method = object.text("method");
    let params = object.get("params");
    match (message.direction, id, method) {
        (ToServer, Some(id), Some(method)) => {
            let unit = Unit::new("command").summary(format!("command {method} {}", params.unwrap_or_default()));
            let link = Link::Asks(Key::new("command", id), method.as_ref().into());
            Some((unit.with("method", method).with_some("params", params.map(value)), Some(link)))
        }
        (ToClient, None, Some(method)) => {
            let unit = Unit::new("event").summary(format!("event {method} {}", params.unwrap_or_default()));
            Some((unit.with("method", method).with_some("params", params.map(value)), None))
        }
        (ToClient, Some(id), None) => {
            let kind = if object.has("error") { "error" } else { "result" };
            let told = object.get(kind)?;
            let unit = Unit::new(kind).summary(format!("{kind} {id} {told}")).with(kind, value(told));
            Some((unit, Some(Link::Answers(Key::new("command", id), true))))
        }
        // Of what was no command.
        (ToClient, None, None) => {
            let error = object.get("error")?;
            Some((Unit::new("error").summary(format!("error {error}")).with("error", value(error)), None))
        }
        _ => None,
    }
}

/// A command `Domain.name` with nothing beside it that the protocol does not know.
fn probe(message: &Incoming<'_>) -> bool {
    if message.direction != ToServer || !message.holds(&METHOD) {
        return false;
    }
    let Some(object) = message.as_text().and_then(Object::parse) else { return false };
    let known = object.0.iter().all(|(name, _)| matches!(name.as_ref(), "id" | "method" | "params" | "sessionId"));
    let method = object.text("method").unwrap_or_default();
    let (domain, name) = method.split_once('.').unwrap_or_default();
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let named = word(domain)
        && domain.starts_with(|c: char| c.is_ascii_uppercase())
        && word(name)
        && name.starts_with(|c: char| c.is_ascii_lowercase());
    known && named && object.number("id").is_some()
}

static METHOD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"method\""));

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;

    #[test]
    fn results_find_their_commands() {
        let mut talk = Talk::on("/devtools/browser/0a1b", None);
        talk.client(r#"{"id":1,"method":"Page.navigate","params":{"url":"x"},"sessionId":"S"}"#);
        assert_eq!(talk.server(r#"{"method":"Page.loadEventFired","params":{}}"#).kinds(), ["event"]);
        let result = talk.server(r#"{"id":1,"result":{},"sessionId":"S"}"#);
        assert_eq!((result.answers(), result.field("cdp.session")), (Some((1, "Page.navigate")), vec!["S".into()]));
        talk.client(r#"{"id":2,"method":"No.such"}"#);
        assert_eq!(talk.server(r#"{"id":2,"error":{"code":-32601}}"#).answers(), Some((2, "No.such")));
        for odd in ["", "[]", "{}", r#"{"id":1}"#, r#"{"method":"a"}"#] {
            assert_eq!(talk.client(odd).codes(), ["cdp.malformed"], "{odd}");
        }
        let refused = talk.server(r#"{"error":{"code":-32700,"message":"JSON: invalid token"}}"#);
        assert_eq!((refused.kinds(), refused.answers()), (vec!["error"], None));
    }

    #[test]
    fn it_is_recognised_by_a_command_of_a_domain() {
        let protocol = |text: &str| Talk::on("/uuid", None).client(text).protocol() == Some("cdp");
        assert!(protocol(r#"{"id":1,"method":"Runtime.enable"}"#));
        for other in
            [r#"{"id":1,"method":"sum"}"#, r#"{"id":1,"method":"Runtime.enable","x":1}"#, r#"{"method":"A.b"}"#]
        {
            assert!(!protocol(other), "{other}");
        }
    }
}

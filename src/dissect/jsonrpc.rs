//! JSON-RPC 2.0: calls with their results, notifications, batches; either side may call. Each message says what it is, so that others
//! may stand between.
//!
//! <https://www.jsonrpc.org/specification>

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::decoded::{Unit, Value};
use super::json::{self, Object};
use super::pending::Key;
use super::{Dissect, Found, Incoming, Link, Malformed, Protocol, no_target};
use crate::anomaly::Code;

/// The row of the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "jsonrpc",
    about: "JSON-RPC 2.0",
    subprotocols: &["jsonrpc", "jsonrpc2", "jsonrpc-2.0"],
    target: no_target,
    begins: b"{[",
    probe,
    make: |_| Box::new(JsonRpc),
    lasting: false,
    format: false,
    malformed: Code::JsonrpcMalformed,
    fields: &[
        ("method", "method of a call or notification"),
        ("params", "parameters of a call or notification"),
        ("result", "result of a call"),
        ("error", "error of a call"),
        ("code", "code of the error"),
    ],
};

/// One connection; each message stands for itself.
#[derive(Debug)]
struct JsonRpc;

impl Dissect for JsonRpc {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let text = message.as_utf8().ok_or(Malformed::new("not UTF-8"))?;
        let batch =
            if message.first() == Some(b'[') { json::array(text).filter(|batch| !batch.is_empty()) } else { None };
        for part in batch.unwrap_or_else(|| vec![text]) {
            let (unit, link) = Object::parse(part)
                .and_then(|object| unit(&object, message))
                .ok_or(Malformed::new("no JSON-RPC 2.0"))?;
            found.push_linked(unit, link);
        }
        Ok(())
    }
}

fn unit(object: &Object<'_>, message: &Incoming<'_>) -> Option<(Unit, Option<Link>)> {
    let Some(version) = object.text("jsonrpc") else { return event(object, message).map(|unit| (unit, None)) };
    if version != "2.0" {
        return None;
    }
    let value = |json| json::value(json, message.limits);
    let id = object.get("id").map(json::id);
    if let Some(method) = object.text("method") {
        // Some clients send a null identifier where none is meant, which the specification discourages.
        let id = id.filter(|_| object.get("id") != Some("null"));
        let params = object.get("params");
        let kind = if id.is_some() { "request" } else { "notification" };
        let unit = Unit::new(kind).summary(format!("{kind} {method} {}", params.unwrap_or_default()));
        let link = id.map(|id| Link::Asks(Key::new("call", id), method.as_ref().into()));
        return Some((unit.with("method", method).with_some("params", params.map(value)), link));
    }
    // §5: null where the identifier of what was asked could not be read; some leave it out then.
    let unread = object.get("id").is_none_or(|id| id == "null");
    let link = (!unread).then(|| Link::Answers(Key::new("call", id.as_deref().unwrap_or_default()), true));
    let id = id.as_deref().unwrap_or("null");
    let error = object.get("error").filter(|error| *error != "null");
    // Some servers send both members, one of them null.
    if let Some(result) = object.get("result").filter(|_| error.is_none()) {
        return Some((
            Unit::new("result").summary(format!("result {id} {result}")).with("result", value(result)),
            link,
        ));
    }
    let error = error?;
    let code = Object::parse(error).and_then(|error| error.number("code")).map(Value::Number);
    let unit = Unit::new("error").summary(format!("error {id} {error}"));
    Some((unit.with("error", value(error)).with_some("code", code), link))
}

/// What `rpc-websockets` sends to subscribers: a notification without a version, and under another name.
fn event(object: &Object<'_>, message: &Incoming<'_>) -> Option<Unit> {
    let [(name, _), (params, _)] = &object.0[..] else { return None };
    let method = object.text("notification").filter(|_| name == "notification" && params == "params")?;
    let params = object.get("params")?;
    let unit = Unit::new("notification").summary(format!("notification {method} {params}"));
    Some(unit.with("method", method).with("params", json::value(params, message.limits)))
}

/// A message that says which version it is, or is an event of `rpc-websockets`.
fn probe(message: &Incoming<'_>) -> bool {
    matches!(message.first(), Some(b'{' | b'[')) && (message.holds(&VERSION) || message.bytes.starts_with(EVENT))
}

static VERSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"jsonrpc\""));

/// How such an event begins.
const EVENT: &[u8] = b"{\"notification\":";

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use crate::dissect::decoded::Value;

    #[test]
    fn results_find_their_calls_in_both_directions() {
        let mut talk = Talk::on("/", None);
        talk.client(r#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}"#);
        talk.server(r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#);
        let result = talk.server(r#"{"jsonrpc":"2.0","id":1,"result":"0x10"}"#);
        assert_eq!((result.answers(), result.summary().as_str()), (Some((1, "eth_blockNumber")), "result 1 \"0x10\""));
        let error = talk.client(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#);
        assert_eq!(
            (error.answers(), error.field("jsonrpc.code")),
            (Some((1, "roots/list")), vec![Value::Number(-32601)])
        );
        assert_eq!(talk.client(r#"{"jsonrpc":"2.0","method":"initialized"}"#).kinds(), ["notification"]);
        let batch = r#"[{"jsonrpc":"2.0","id":"a","method":"m"},{"jsonrpc":"2.0","id":"b","method":"n"}]"#;
        assert_eq!(talk.client(batch).kinds(), ["request", "request"]);
        talk.server(r#"[{"jsonrpc":"2.0","id":"b","result":null,"error":null}]"#);
        assert_eq!(talk.client(r#"{"jsonrpc":"2.0","id":null,"method":"log"}"#).kinds(), ["notification"]);
        let unread = r#"{"jsonrpc":"2.0","id":null,"result":null,"error":{"code":-32700,"message":"parse error"}}"#;
        let unread = talk.server(unread);
        assert_eq!((unread.kinds(), unread.field("jsonrpc.role")), (vec!["error"], vec![]));
        let nameless = talk.server(r#"{"jsonrpc":"2.0","error":"gone"}"#);
        assert_eq!(
            (nameless.kinds(), nameless.field("jsonrpc.error")),
            (vec!["error"], vec![Value::Json("\"gone\"".into())])
        );
        let event = talk.server(r#"{"notification":"tick","params":[1]}"#);
        assert_eq!((event.protocol(), event.summary().as_str()), (Some("jsonrpc"), "notification tick [1]"));
        assert_eq!(talk.server(r#"{"notification":"tick","text":"no params"}"#).protocol(), Some("json"));
        assert_eq!(talk.unanswered(), ["m"]);
    }

    #[test]
    fn what_is_no_message_is_told_so_and_without_a_version_it_is_not_recognised() {
        for odd in [
            "",
            "[]",
            "{}",
            r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#,
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
        ] {
            assert_eq!(Talk::by_hand("jsonrpc").client(odd).codes(), ["jsonrpc.malformed"], "{odd}");
            assert_ne!(Talk::on("/", None).client(odd).protocol(), Some("jsonrpc"), "{odd}");
        }
    }
}

//! Payload formats of single messages, where no protocol is known: JSON, MessagePack, CBOR.

use super::decoded::{Unit, Value};
use super::{Dissect, Found, Incoming, Malformed, Opening, Protocol, json, no_target, value};
use crate::anomaly::Code;
use crate::config::Limits;

/// JSON objects and arrays; other values are as good as text.
pub(super) const JSON: Protocol = Protocol {
    name: "json",
    about: "JSON text, also in binary messages (RFC 8259)",
    subprotocols: &["json"],
    target: no_target,
    begins: b"{[",
    probe: |message| matches!(message.first(), Some(b'{' | b'[')),
    make: |_| Box::new(Json),
    lasting: false,
    format: true,
    malformed: Code::PayloadMalformed,
    fields: &[],
};

/// Several JSON objects or arrays, one a line.
pub(super) const NDJSON: Protocol = Protocol {
    name: "ndjson",
    about: "newline-delimited JSON",
    subprotocols: &["ndjson", "x-ndjson"],
    target: no_target,
    begins: b"{[",
    // One line is JSON.
    probe: |message| matches!(message.first(), Some(b'{' | b'[')) && memchr::memchr(b'\n', message.bytes).is_some(),
    make: |_| Box::new(NdJson),
    lasting: false,
    format: true,
    malformed: Code::PayloadMalformed,
    fields: &[("lines", "how many values there are"), ("value", "all of them, as a JSON array")],
};

/// MessagePack.
pub(super) const MSGPACK: Protocol = Protocol {
    name: "msgpack",
    about: "MessagePack",
    subprotocols: &["msgpack"],
    target: no_target,
    begins: &[],
    probe: |message| !message.text && value::is_msgpack(message.bytes, message.limits),
    make: |opening| Tree::boxed(opening, value::msgpack),
    lasting: false,
    format: true,
    malformed: Code::PayloadMalformed,
    fields: VALUE,
};

/// CBOR.
pub(super) const CBOR: Protocol = Protocol {
    name: "cbor",
    about: "CBOR (RFC 8949)",
    subprotocols: &["cbor"],
    target: no_target,
    begins: &[],
    probe: |message| !message.text && value::is_cbor(message.bytes, message.limits),
    make: |opening| Tree::boxed(opening, value::cbor),
    lasting: false,
    format: true,
    malformed: Code::PayloadMalformed,
    fields: VALUE,
};

const VALUE: &[(&str, &str)] = &[("value", "all of it, as JSON")];

/// JSON stands in the payload as it is, so nothing of it is said twice.
#[derive(Debug)]
struct Json;

impl Dissect for Json {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let text = as_json(message).ok_or(Malformed::new("no JSON"))?;
        found.push(Unit::new(kind(text)));
        Ok(())
    }
}

/// Each line is a value.
#[derive(Debug)]
struct NdJson;

impl Dissect for NdJson {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        let lines = lines(message).ok_or(Malformed::new("no JSON object or array on each line"))?;
        let all = format!("[{}]", lines.join(","));
        let unit = Unit::new("lines").summary(format!(
            "{} values: {}",
            lines.len(),
            lines.first().copied().unwrap_or_default()
        ));
        found.push(unit.with("lines", lines.len() as u64).with("value", json::value(&all, message.limits)));
        Ok(())
    }
}

fn lines<'a>(message: &Incoming<'a>) -> Option<Vec<&'a str>> {
    let lines = message.as_utf8()?.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| (line.starts_with(['{', '[']) && json::is_valid(line)).then_some(line)).collect()
}

/// A format that is told as JSON.
#[derive(Debug)]
struct Tree(fn(&[u8], &Limits) -> Option<String>);

impl Tree {
    fn boxed(_opening: &Opening<'_>, read: fn(&[u8], &Limits) -> Option<String>) -> Box<dyn Dissect> {
        Box::new(Self(read))
    }
}

impl Dissect for Tree {
    fn message(&mut self, message: &Incoming<'_>, found: &mut Found) -> Result<(), Malformed> {
        if message.bytes.len() > message.limits.decode {
            return Err(Malformed::too_long(message.bytes.len()));
        }
        let text = (self.0)(message.bytes, message.limits).ok_or(Malformed::new("no whole value"))?;
        found.push(Unit::new(kind(&text)).summary(&*text).with("value", Value::Json(text.into())));
        Ok(())
    }
}

fn as_json<'a>(message: &Incoming<'a>) -> Option<&'a str> {
    message.as_utf8().filter(|text| json::is_valid(text))
}

fn kind(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use super::*;

    #[test]
    fn each_message_is_looked_at_for_itself() {
        let mut talk = Talk::on("/", None);
        assert_eq!((talk.client(" {\"a\":1}").kinds(), talk.client("[1").kinds()), (vec!["object"], vec![]));
        assert_eq!(talk.client_binary(b"[1]").protocol(), Some("json"));
        assert_eq!(talk.client("{\"a\":1}\n[2]\n").field("ndjson.value"), [Value::Json("[{\"a\":1},[2]]".into())]);
        assert_eq!(
            talk.client_binary(b"\x81\xa1a\x92\x01\x02").field("msgpack.value"),
            [Value::Json("{\"a\":[1,2]}".into())]
        );
        assert_eq!(talk.server_binary(b"\xa1\x61a\x01").protocol(), Some("cbor"));
        for plain in ["hello", "12", "\"text\"", "true", ""] {
            assert_eq!(talk.client(plain).protocol(), None, "{plain}");
        }
    }

    #[test]
    fn by_hand_every_value_counts_and_what_is_none_is_told_so() {
        assert_eq!(Talk::by_hand("msgpack").client_binary(b"\x07").kinds(), ["number"]);
        assert_eq!(Talk::by_hand("cbor").client_binary(b"\x07\x07").codes(), ["payload.malformed"]);
        assert_eq!(Talk::by_hand("json").client("nothing").codes(), ["payload.malformed"]);
    }

    #[test]
    fn what_is_longer_than_is_decoded_is_told_by_its_length() {
        let long = vec![0x07; Limits::default().decode + 1];
        let told = Talk::by_hand("msgpack").client_binary(&long);
        assert_eq!((told.kinds(), told.codes()), (vec!["unknown"], vec!["limit.decode"]));
    }

    #[test]
    fn nothing_is_said_of_what_is_not_whole() {
        let mut talk = Talk::by_hand("json");
        assert_eq!(talk.incomplete(crate::duplex::Direction::ToServer).protocol(), None);
    }
}

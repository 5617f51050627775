//! Quick words: what someone types who looks for something, as real expressions.
//!
//! A word is looked for in the field `any`, upper and lower case alike; `key:value` asks one field.

use std::ops::Range;

use super::ast::{Expr, Operand, Pattern, Relation};
use super::error::Error;
use super::field::Field;
use super::operand::literal;
use super::value::Kind;

/// What may stand before a colon, and the field it asks.
pub const KEYS: &[(&str, &str)] = &[
    ("conn", "conn"),
    ("dir", "ws.dir"),
    ("type", "ws.type"),
    ("op", "ws.op"),
    ("text", "ws.text"),
    ("host", "ws.host"),
    ("uri", "ws.uri"),
    ("origin", "ws.origin"),
    ("sub", "ws.subprotocol"),
    ("status", "http.response.code"),
    ("close", "ws.close"),
    ("ip", "ip.addr"),
    ("port", "tcp.port"),
    ("packet", "frame.number"),
    ("anomaly", "ws.anomaly"),
    ("severity", "ws.severity"),
];

/// The field in which words are looked for.
pub(super) const ANY: &str = "any";

/// The field that a key asks.
pub(super) fn key(key: &str) -> Option<&'static Field> {
    let (_, name) = KEYS.iter().find(|(name, _)| *name == key)?;
    Field::find(name)
}

/// `key:value`: text has it inside, anything else is equal.
pub(super) fn keyed(field: &'static Field, value: &str, span: Range<usize>) -> Result<Expr, Error> {
    let operand = Operand::Field(field);
    if field.kind == Kind::Text {
        let pattern = Pattern::of_text(value).ok_or_else(|| Error::new(span, "too long to look for"))?;
        return Ok(Expr::Matches(operand, pattern));
    }
    let value = literal(field.kind, value, false, span)?;
    Ok(Expr::Compare(operand, Relation::Equal, Operand::Literal(value)))
}

/// A word to look for; `None` where it is too long.
pub(super) fn word(text: &str) -> Option<Expr> {
    Some(Expr::Matches(any(), Pattern::of_text(text)?))
}

/// `/regex/`; where it is none, its text.
pub(super) fn regex(source: &str) -> Option<Expr> {
    let pattern = Pattern::new(source).ok().or_else(|| Pattern::of_text(source))?;
    Some(Expr::Matches(any(), pattern))
}

fn any() -> Operand {
    Operand::Field(Field::find(ANY).expect("the table has it"))
}

/// Whether a word begins as the names of fields do: `ws.`, `tcp.` …
pub(super) fn looks_like_field(word: &str) -> bool {
    let Some((protocol, rest)) = word.split_once('.') else { return false };
    let is_name = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    is_name && Field::names().filter_map(|name| name.split_once('.')).any(|(other, _)| other == protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_asks_a_field() {
        for (name, field) in KEYS {
            assert!(key(name).is_some(), "{name} {field}");
        }
    }
}

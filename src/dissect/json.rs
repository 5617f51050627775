//! JSON text to its members, one level at a time and borrowed, and to one line that may stand inside a record (RFC 8259).

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use memchr::{memchr, memchr2};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::decoded::Value;
use crate::config::Limits;

/// Members of an object that are looked at; the rest is only checked.
const MAX_MEMBERS: usize = 256;

/// The members of a JSON object, in order; each value is valid JSON text.
#[derive(Debug, Default)]
pub struct Object<'a>(pub Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Object<'a> {
    /// Reads `text`, which must be one JSON object.
    pub fn parse(text: &'a str) -> Option<Self> {
        if !begins_with(text, '{') {
            return None;
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let members = reader.deserialize_map(Members(PhantomData)).ok()?;
        reader.end().ok()?;
        Some(Self(members))
    }

    /// The value of a member, as JSON text.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| *value)
    }

    /// Whether there is such a member.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of a member that is a string.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(string)
    }

    /// The value of a member that is a whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// The value of a member that is an object.
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        self.get(name).and_then(Object::parse)
    }
}

/// The items of `text`, which must be one JSON array.
pub fn array(text: &str) -> Option<Vec<&str>> {
    if !begins_with(text, '[') {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let items = reader.deserialize_seq(Items(PhantomData)).ok()?;
    reader.end().ok()?;
    Some(items)
}

/// Whether `text` is one JSON value.
pub fn is_valid(text: &str) -> bool {
    // Unlike `IgnoredAny` it does not recurse.
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// What stands behind `part`, which is a piece of `whole`.
pub fn behind<'a>(whole: &'a str, part: &str) -> &'a str {
    let end = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize).wrapping_add(part.len());
    whole.get(end..).unwrap_or_default()
}

/// What a JSON string says; a lone surrogate becomes U+FFFD.
pub fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(&line(json, usize::MAX)?).ok().map(Cow::Owned)
}

/// An identifier as it is compared: the text of a string, else the JSON text.
pub fn id(json: &str) -> Cow<'_, str> {
    string(json).unwrap_or(Cow::Borrowed(json))
}

/// A valid JSON value as a value in the tree.
pub fn value(json: &str, limits: &Limits) -> Value {
    if json.len() > limits.decode {
        return Value::Omitted(json.len() as u64);
    }
    match line(json, limits.depth) {
        Some(line) => Value::Json(line),
        // Too deep for readers of the record; its text is as true.
        None => Value::Text(json.into()),
    }
}

/// Bytes inside a message, as what they are: a JSON object or array, text, or bytes.
pub fn content(bytes: &[u8], limits: &Limits) -> Value {
    if bytes.len() > limits.decode {
        return Value::Omitted(bytes.len() as u64);
    }
    match str::from_utf8(bytes) {
        Ok(text) if (begins_with(text, '{') || begins_with(text, '[')) && is_valid(text) => value(text.trim(), limits),
        Ok(text) if !text.bytes().any(|byte| byte < b' ' && !byte.is_ascii_whitespace()) => Value::from(text),
        Ok(_) | Err(_) => Value::Bytes(bytes.into()),
    }
}

/// Pairs of names and values as a JSON array of arrays.
pub fn pairs(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
    serde_json::to_string(pairs).expect("strings can be written")
}

/// The valid JSON value `json` without blanks between tokens and without lone surrogates; `None` where it nests deeper than `depth`.
///
/// Line breaks stand only between tokens (§7), and many readers refuse a lone surrogate (§8.2) that others write.
fn line(json: &str, depth: usize) -> Option<Box<str>> {
    let bytes = json.as_bytes();
    let mut out = String::with_capacity(json.len());
    // What stands between `from` and `at` is taken as it is.
    let (mut from, mut at, mut nested) = (0, 0, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(special) = memchr2(b'"', b'\\', &bytes[at..]).map(|ahead| at + ahead)
                    && bytes[special] == b'\\'
                {
                    let (length, escape) = escape(&json[special..]);
                    at = special + length;
                    if *escape != json[special..at] {
                        out.push_str(&json[from..special]);
                        out.push_str(escape);
                        from = at;
                    }
                }
                at += memchr(b'"', &bytes[at..]).unwrap_or(bytes.len() - at);
            }
            b'{' | b'[' => {
                nested += 1;
                if nested > depth {
                    return None;
                }
            }
            b'}' | b']' => nested = nested.saturating_sub(1),
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.push_str(&json[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    out.push_str(&json[from..]);
    Some(out.into())
}

/// Length of the escape that `rest` begins with, and what to write for it.
fn escape(rest: &str) -> (usize, &str) {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, &rest[..12]),
        (Some(0xd800..=0xdfff), _) => (6, "\\ufffd"),
        (Some(_), _) => (6, &rest[..6]),
        (None, _) => {
            let length = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
            (length, &rest[..length])
        }
    }
}

fn begins_with(text: &str, first: char) -> bool {
    text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with(first)
}

struct Members<'a>(PhantomData<&'a ()>);

impl<'a> Visitor<'a> for Members<'a> {
    type Value = Vec<(Cow<'a, str>, &'a str)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while members.len() < MAX_MEMBERS {
            let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? else { return Ok(members) };
            let Some(name) = string(name.get()) else { continue };
            members.push((name, value.get()));
        }
        while map.next_entry::<IgnoredAny, &RawValue>()?.is_some() {}
        Ok(members)
    }
}

struct Items<'a>(PhantomData<&'a ()>);

impl<'a> Visitor<'a> for Items<'a> {
    type Value = Vec<&'a str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element::<&RawValue>()? {
            values.push(value.get());
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_borrowed_and_the_rest_is_checked() {
        let object = Object::parse(r#" {"a": [1, {"b": 2}], "té": "x\n\ud83d\ude00", "n": -7} "#).expect("an object");
        assert_eq!(object.get("a"), Some(r#"[1, {"b": 2}]"#));
        assert_eq!(object.text("té").as_deref(), Some("x\n😀"));
        assert_eq!(object.number("n"), Some(-7));
        assert_eq!(array("[1,\"a\",[]]"), Some(vec!["1", "\"a\"", "[]"]));
        for broken in ["{", "{}x", "[1]", r#"{"a":1,}"#, r#"{"a":01}"#, "{\"a\":\"\n\"}", "{'a':1}", ""] {
            assert!(Object::parse(broken).is_none(), "{broken}");
        }
        assert!(array("[1,]").is_none() && array("{}").is_none());
    }

    #[test]
    fn a_line_has_no_line_break_and_is_readable_everywhere() {
        let lone = "{ \"a\" : \"\\ud800 \\udc00\\u0041 \\\\ \\\"{ \" ,\n \"b\":[1 , 2 ]\r\n}";
        let text = line(lone, 2).expect("two levels");
        assert_eq!(&*text, "{\"a\":\"\\ufffd \\ufffd\\u0041 \\\\ \\\"{ \",\"b\":[1,2]}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert_eq!(line(lone, 1), None);
        assert_eq!(string(r#""\ud83d\ude00 \ud83d""#).as_deref(), Some("😀 \u{fffd}"));
    }

    #[test]
    fn what_is_too_deep_stays_text_and_what_is_too_large_is_counted() {
        let limits = Limits { decode: 40_000, depth: 8, ..Limits::default() };
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(content(deep.as_bytes(), &limits), Value::Text(deep.into()));
        assert_eq!(content(&[b'1'; 40_001], &limits), Value::Omitted(40_001));
        assert_eq!(content(b"{\"a\": 1}", &limits), Value::Json("{\"a\":1}".into()));
        assert_eq!(content(b"{a: 1}", &limits), Value::from("{a: 1}"));
        assert_eq!(content(b"\x00\x01", &limits), Value::Bytes([0, 1].into()));
    }
}

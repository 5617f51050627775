//! MessagePack and CBOR to JSON text: one tree form for all that looks at values.
//!
//! What JSON lacks is written as an object: `{"base64": …}` for bytes, `{"ext": type, "base64": …}` and `{"tag": number, "value": …}`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use memchr::memchr;
use rmp::Marker;
use rmpv::ValueRef as MsgPack;

use crate::config::Limits;

/// The one MessagePack value that `bytes` are, as JSON.
pub fn msgpack(bytes: &[u8], limits: &Limits) -> Option<String> {
    let mut out = String::new();
    write_msgpack(&read_msgpack(bytes, limits)?, &mut out);
    Some(out)
}

/// The one CBOR data item (RFC 8949) that `bytes` are, as JSON.
pub fn cbor(bytes: &[u8], limits: &Limits) -> Option<String> {
    let mut out = String::new();
    write_cbor(&read_cbor(bytes, limits)?, &mut out);
    Some(out)
}

/// Whether `bytes` are one MessagePack map whose keys are words: much that is not MessagePack can be read as such.
pub fn is_msgpack(bytes: &[u8], limits: &Limits) -> bool {
    let Some(MsgPack::Map(pairs)) = read_msgpack(bytes, limits) else { return false };
    !pairs.is_empty()
        && pairs.iter().all(|(key, _)| matches!(key, MsgPack::String(key) if key.as_str().is_some_and(is_word)))
}

/// Whether `bytes` are one CBOR map whose keys are words.
pub fn is_cbor(bytes: &[u8], limits: &Limits) -> bool {
    let Some(Cbor::Map(pairs)) = read_cbor(bytes, limits) else { return false };
    !pairs.is_empty() && pairs.iter().all(|(key, _)| key.as_text().is_some_and(is_word))
}

fn read_msgpack<'a>(bytes: &'a [u8], limits: &Limits) -> Option<MsgPack<'a>> {
    if bytes.len() > limits.decode {
        return None;
    }
    // The reader takes 0xc1, which is never used, for nil.
    if memchr(0xc1, bytes).is_some() && has_unused(bytes) {
        return None;
    }
    let mut rest = bytes;
    let value = rmpv::decode::read_value_ref_with_max_depth(&mut rest, limits.depth).ok()?;
    rest.is_empty().then_some(value)
}

/// Whether a value among `bytes` begins with 0xc1. Says no at the first value that is not whole.
fn has_unused(mut bytes: &[u8]) -> bool {
    while let Some((&first, rest)) = bytes.split_first() {
        // How many bytes of length, and how many bytes follow in any case; what is inside arrays and maps follows as well.
        let (width, fixed) = match Marker::from_u8(first) {
            Marker::Reserved => return true,
            Marker::FixStr(length) => (0, usize::from(length)),
            Marker::Str8 | Marker::Bin8 => (1, 0),
            Marker::Str16 | Marker::Bin16 => (2, 0),
            Marker::Str32 | Marker::Bin32 => (4, 0),
            Marker::Ext8 => (1, 1),
            Marker::Ext16 => (2, 1),
            Marker::Ext32 => (4, 1),
            Marker::U8 | Marker::I8 => (0, 1),
            Marker::U16 | Marker::I16 | Marker::FixExt1 | Marker::Array16 | Marker::Map16 => (0, 2),
            Marker::FixExt2 => (0, 3),
            Marker::U32 | Marker::I32 | Marker::F32 | Marker::Array32 | Marker::Map32 => (0, 4),
            Marker::FixExt4 => (0, 5),
            Marker::U64 | Marker::I64 | Marker::F64 => (0, 8),
            Marker::FixExt8 => (0, 9),
            Marker::FixExt16 => (0, 17),
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::FixArray(_) | Marker::FixMap(_) => (0, 0),
            Marker::Null | Marker::True | Marker::False => (0, 0),
        };
        let Some((length, rest)) = rest.split_at_checked(width) else { return false };
        let length = length.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let Some((_, behind)) = rest.split_at_checked(fixed + length) else { return false };
        bytes = behind;
    }
    false
}

fn read_cbor(bytes: &[u8], limits: &Limits) -> Option<Cbor> {
    if bytes.len() > limits.decode {
        return None;
    }
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, limits.depth).ok()?;
    rest.is_empty().then_some(value)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_alphanumeric() || "_-.$@:/ ".contains(c))
}

fn write_msgpack(value: &MsgPack<'_>, out: &mut String) {
    match value {
        MsgPack::Nil => out.push_str("null"),
        MsgPack::Boolean(flag) => write_plain(flag, out),
        MsgPack::Integer(number) => write_plain(number, out),
        MsgPack::F32(number) => write_float(f64::from(*number), out),
        MsgPack::F64(number) => write_float(*number, out),
        MsgPack::String(text) => match text.as_str() {
            Some(text) => write_text(text, out),
            None => write_bytes(text.as_bytes(), out),
        },
        MsgPack::Binary(bytes) => write_bytes(bytes, out),
        MsgPack::Ext(kind, bytes) => {
            write_plain(format_args!("{{\"ext\":{kind},\"base64\":\"{}\"}}", STANDARD.encode(bytes)), out);
        }
        MsgPack::Array(items) => write_list(items, out, write_msgpack),
        MsgPack::Map(pairs) => write_map(pairs, out, write_msgpack),
    }
}

fn write_cbor(value: &Cbor, out: &mut String) {
    match value {
        Cbor::Integer(number) => write_plain(i128::from(*number), out),
        Cbor::Bytes(bytes) => write_bytes(bytes, out),
        Cbor::Float(number) => write_float(*number, out),
        Cbor::Text(text) => write_text(text, out),
        Cbor::Bool(flag) => write_plain(flag, out),
        Cbor::Tag(tag, value) => {
            write_plain(format_args!("{{\"tag\":{tag},\"value\":"), out);
            write_cbor(value, out);
            out.push('}');
        }
        Cbor::Array(items) => write_list(items, out, write_cbor),
        Cbor::Map(pairs) => write_map(pairs, out, write_cbor),
        // `undefined` and other simple values are not told apart by the reader.
        _ => out.push_str("null"),
    }
}

fn write_list<T>(items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

fn write_map<T>(pairs: &[(T, T)], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    out.push('{');
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let mut name = String::new();
        write(key, &mut name);
        // A name must be a string: another key stands as its JSON text.
        if name.starts_with('"') {
            out.push_str(&name);
        } else {
            write_text(&name, out);
        }
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

fn write_plain(value: impl std::fmt::Display, out: &mut String) {
    write!(out, "{value}").expect("a String takes all");
}

fn write_float(number: f64, out: &mut String) {
    if number.is_finite() {
        out.push_str(&serde_json::to_string(&number).expect("a finite number can be written"));
    } else {
        write_text(&number.to_string(), out);
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a string can be written"));
}

fn write_bytes(bytes: &[u8], out: &mut String) {
    write_plain(format_args!("{{\"base64\":\"{}\"}}", base64(bytes)), out);
}

/// Bytes in base64 (RFC 4648 §4).
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_has_a_json_form() {
        let limits = Limits::default();
        let packed = b"\x88\xa1a\xc0\xa1b\xc3\xa1c\xd0\xff\xa1d\xcb\x3f\xf8\0\0\0\0\0\0\xa1e\xc4\x01\xff\xa1f\xd4\x07\x01\xa1g\x92\x01\xa1\"\x05\xca\x7f\xc0\0\0";
        let json = r#"{"a":null,"b":true,"c":-1,"d":1.5,"e":{"base64":"/w=="},"f":{"ext":7,"base64":"AQ=="},"g":[1,"\""],"5":"NaN"}"#;
        assert_eq!(msgpack(packed, &limits).as_deref(), Some(json));
        let item = b"\xa5\x61a\xf6\x61b\x20\x61c\x42\x01\x02\x61d\xc1\x01\x61e\xf9\x3e\x00";
        let json = r#"{"a":null,"b":-1,"c":{"base64":"AQI="},"d":{"tag":1,"value":1},"e":1.5}"#;
        assert_eq!(cbor(item, &limits).as_deref(), Some(json));
    }

    #[test]
    fn only_whole_values_within_the_limits_are_read() {
        let limits = Limits { depth: 4, decode: 64, ..Limits::default() };
        for broken in [&b""[..], b"\x92\x01", b"\x01\x01", b"\xdd\xff\xff\xff\xff", &[0x91; 64], &[0x01; 65]] {
            assert_eq!(msgpack(broken, &limits), None, "{broken:x?}");
        }
        for broken in [
            &b""[..],
            b"\x82\x01",
            b"\x01\x01",
            b"\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            &[0x81; 64],
            &[0x01; 65],
        ] {
            assert_eq!(cbor(broken, &limits), None, "{broken:x?}");
        }
    }

    #[test]
    fn what_messagepack_never_uses_is_no_value() {
        let limits = Limits::default();
        for unused in [&b"\xc1"[..], b"\x92\x01\xc1", b"\x92\xd9\x01a\xc1", b"\x82\xa1a\xc7\x02\x07\x01\x01\xa1b\xc1"] {
            assert_eq!(msgpack(unused, &limits), None, "{unused:x?}");
        }
        for inside in [
            &b"\xcc\xc1"[..],
            b"\xc4\x01\xc1",
            b"\xd4\x01\xc1",
            b"\x92\xcb\xc1\0\0\0\0\0\0\0\xc0",
            b"\xdc\x00\x01\xcc\xc1",
        ] {
            assert!(msgpack(inside, &limits).is_some(), "{inside:x?}");
        }
    }

    #[test]
    fn a_guess_needs_a_map_of_words() {
        let limits = Limits::default();
        assert!(is_msgpack(b"\x81\xa2op\x07", &limits) && !is_cbor(b"\x81\xa2op\x07", &limits));
        assert!(is_cbor(b"\xa1\x62op\x07", &limits) && !is_msgpack(b"\xa1\x62op\x07", &limits));
        for no in [&b"\x80"[..], b"\x81\x01\x02", b"\x07", b"\x81\xa2\x01\x02\x07", b"\x81\xa2op"] {
            assert!(!is_msgpack(no, &limits), "{no:x?}");
        }
    }
}

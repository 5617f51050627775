//! Values of fields: their kinds, their literals, and how they compare.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use crate::export::time::Clock;
use crate::origin::Timestamp;
use crate::ws::frame::Opcode;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no. Alone it asks for yes.
    Flag,
    /// A whole number.
    Number,
    /// An opcode (RFC 6455 §5.2), by number or name.
    Opcode,
    /// A number with a fraction.
    Real,
    /// A length of time.
    Duration,
    /// A moment.
    Time,
    /// An IP address.
    Address,
    /// Text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Bytes, text or not.
    Bytes,
    /// Whatever a sub-protocol has there: flag, number, text or bytes.
    Any,
}

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Number => "number",
            Self::Opcode => "opcode",
            Self::Real => "real",
            Self::Duration => "duration",
            Self::Time => "time",
            Self::Address => "address",
            Self::Text => "text",
            Self::Word(_) => "word",
            Self::Bytes => "bytes",
            Self::Any => "value",
        }
    }

    /// Whether it can be searched in: `contains`, `matches`, slices.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Word(_) | Self::Bytes | Self::Any)
    }

    /// Whether values of the two can be held against each other.
    pub(super) fn compares_with(self, other: Self) -> bool {
        let numeric = |kind| matches!(kind, Self::Number | Self::Opcode | Self::Real);
        let any = self == Self::Any || other == Self::Any;
        any || self.name() == other.name() || numeric(self) && numeric(other) || self.is_text() && other.is_text()
    }
}

/// A value of a field, borrowed from the event where it can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// A number with a fraction; finite.
    Real(f64),
    /// Nanoseconds.
    Duration(i64),
    /// A moment.
    Time(Timestamp),
    /// An IP address.
    Address(IpAddr),
    /// An address and how many of its bits count; only in expressions.
    Network(IpAddr, u8),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Read as what it is compared with; only in expressions.
    Loose(Box<str>),
}

impl<'a> Value<'a> {
    /// Borrowed text.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// The bytes of text or bytes.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Loose(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// How it stands to a value of a kind that it compares with; of a network, whether it lies in there.
    pub fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Flag(a), Value::Flag(b)) => Some(a.cmp(b)),
            (Self::Number(a), Value::Number(b)) => Some(a.cmp(b)),
            (Self::Number(a), Value::Real(b)) => (*a as f64).partial_cmp(b),
            (Self::Real(a), Value::Number(b)) => a.partial_cmp(&(*b as f64)),
            (Self::Real(a), Value::Real(b)) => a.partial_cmp(b),
            (Self::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
            (Self::Time(a), Value::Time(b)) => Some(a.cmp(b)),
            (Self::Address(a), Value::Address(b)) if a.is_ipv4() == b.is_ipv4() => Some(a.cmp(b)),
            (Self::Address(a), Value::Network(b, bits)) => contains(*b, *bits, *a).then_some(Ordering::Equal),
            (Self::Loose(_), Value::Loose(_)) => Some(self.bytes()?.cmp(other.bytes()?)),
            (a, Value::Loose(text)) => a.compare_as_read(text),
            (Self::Loose(text), b) => b.compare_as_read(text).map(Ordering::reverse),
            (a, b) => Some(a.bytes()?.cmp(b.bytes()?)),
        }
    }

    /// How it stands to what a literal is as a value of its kind.
    fn compare_as_read(&self, text: &str) -> Option<Ordering> {
        match self {
            Self::Flag(_) => self.compare(&literal(Kind::Flag, text, false).ok()?),
            Self::Number(_) | Self::Real(_) => self.compare(&number(text).map(Value::Number).or_else(|| real(text))?),
            Self::Bytes(own) if bytes(text).is_some_and(|value| value.bytes() == Some(own)) => Some(Ordering::Equal),
            _ => Some(self.bytes()?.cmp(text.as_bytes())),
        }
    }
}

/// Whether an address lies in a network.
fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let common = match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    common >= u32::from(bits)
}

impl fmt::Display for Value<'_> {
    /// As a literal that `literal` reads back.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(out),
            Self::Number(number) => number.fmt(out),
            Self::Real(number) => number.fmt(out),
            Self::Duration(nanos) => {
                let sign = if *nanos < 0 { "-" } else { "" };
                let nanos = nanos.unsigned_abs();
                let (seconds, fraction) = (nanos / 1_000_000_000, format!(".{:09}", nanos % 1_000_000_000));
                write!(out, "{sign}{seconds}{}s", fraction.trim_end_matches('0').trim_end_matches('.'))
            }
            Self::Time(time) => {
                let mut text = Vec::new();
                Clock::default().write(*time, &mut text);
                out.write_str(&String::from_utf8_lossy(&text))
            }
            Self::Address(address) => address.fmt(out),
            Self::Network(address, bits) => write!(out, "{address}/{bits}"),
            Self::Text(text) => quote(text, out),
            Self::Loose(text) => quote(text, out),
            Self::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    write!(out, "{}{byte:02x}", if index > 0 { ":" } else { "" })?;
                }
                if bytes.is_empty() { out.write_str("\"\"") } else { Ok(()) }
            }
        }
    }
}

/// Writes text as a string of the language.
pub(super) fn quote(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '"' | '\\' => write!(out, "\\{c}")?,
            c if crate::export::escape::is_unsafe(c) => write!(out, "\\u{{{:x}}}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

/// Reads a literal of a kind: `quoted` if it stood in quotes. `Err` says what is expected instead.
pub(super) fn literal(kind: Kind, text: &str, quoted: bool) -> Result<Value<'static>, &'static str> {
    match kind {
        Kind::Flag => match text {
            "1" | "true" | "True" | "TRUE" => Some(Value::Flag(true)),
            "0" | "false" | "False" | "FALSE" => Some(Value::Flag(false)),
            _ => None,
        }
        .ok_or("true or false"),
        Kind::Number => number(text).map(Value::Number).ok_or("a whole number: 5, 0xff, 64KiB"),
        Kind::Opcode => opcode(text).ok_or("an opcode: 0 to 15, text, binary, close, ping, pong, continuation"),
        Kind::Real => real(text).ok_or("a number: 5, 0.25"),
        Kind::Duration => duration(text).map(Value::Duration).ok_or("a time: 1.5 (seconds), 20ms, 100us, 2min, 1h"),
        Kind::Time => time(text).ok_or("a moment: 2026-11-21T09:15:44.5Z, \"2026-11-21 09:15\", in UTC unless it says"),
        Kind::Address => address(text).ok_or("an address: 10.0.0.1, 10.0.0.0/8, ::1"),
        Kind::Text | Kind::Word(_) => Ok(Value::Text(Cow::Owned(text.to_owned()))),
        Kind::Any => Ok(Value::Loose(text.into())),
        Kind::Bytes if quoted => Ok(Value::Bytes(Cow::Owned(text.as_bytes().to_vec()))),
        Kind::Bytes => bytes(text).ok_or("bytes: ff:00, 0xff00, or a string in quotes"),
    }
}

/// A whole number: decimal, 0x, 0o or 0b, with an underscore or a unit of bytes if need be.
pub(super) fn number(text: &str) -> Option<u64> {
    const UNITS: &[(&str, u64)] =
        &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000)];
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return unsigned(digits, radix);
        }
    }
    for (unit, size) in UNITS {
        if let Some(digits) = text.strip_suffix(unit) {
            return unsigned(digits, 10)?.checked_mul(*size);
        }
    }
    unsigned(text, 10)
}

fn unsigned(digits: &str, radix: u32) -> Option<u64> {
    // `from_str_radix` takes a sign.
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

fn opcode(text: &str) -> Option<Value<'static>> {
    let named = (0..16).find(|code| Opcode(*code).name() == text);
    named.map(u64::from).or_else(|| number(text)).filter(|code| *code < 16).map(Value::Number)
}

fn real(text: &str) -> Option<Value<'static>> {
    // "inf" and "nan" are numbers to `parse`.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|number: &f64| plain && number.is_finite()).map(Value::Real)
}

/// Nanoseconds: a decimal number of seconds, or of the unit behind it. Exact; more than nine digits are cut.
fn duration(text: &str) -> Option<i64> {
    const UNITS: &[(&str, i128)] = &[
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("min", 60_000_000_000),
        ("s", 1_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let unit = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
    let (digits, size) = unit.unwrap_or((text, 1_000_000_000));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let mut nanos = i128::from(whole.parse::<i64>().ok()?) * size;
    let mut weight = size;
    for digit in fraction.bytes() {
        weight /= 10;
        nanos += i128::from(digit - b'0') * weight;
    }
    i64::try_from(sign * nanos).ok()
}

/// A moment: RFC 3339, also with a space and without seconds or zone (UTC), a date alone, or seconds since 1970.
fn time(text: &str) -> Option<Value<'static>> {
    let timestamp = match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => timestamp,
        Err(_) if text.contains('-') => {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
        }
        Err(_) => return duration(text).filter(|nanos| *nanos >= 0).map(|nanos| Value::Time(Timestamp(nanos))),
    };
    i64::try_from(timestamp.as_nanosecond()).ok().map(|nanos| Value::Time(Timestamp(nanos)))
}

fn address(text: &str) -> Option<Value<'static>> {
    let Some((address, bits)) = text.split_once('/') else { return text.parse().ok().map(Value::Address) };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|bits| *bits <= most)?;
    Some(Value::Network(address, bits))
}

/// Pairs of hexadecimal digits, with or without `:`, `-` or `.` between them.
fn bytes(text: &str) -> Option<Value<'static>> {
    let digits = text.strip_prefix("0x").unwrap_or(text).replace([':', '-', '.'], "");
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
        }
        _ => None,
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    (!bytes.is_empty()).then_some(Value::Bytes(Cow::Owned(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_each_kind_read_back() {
        for (kind, text, shown) in [
            (Kind::Flag, "1", "true"),
            (Kind::Number, "64KiB", "65536"),
            (Kind::Number, "0xff", "255"),
            (Kind::Number, "18446744073709551615", "18446744073709551615"),
            (Kind::Opcode, "ping", "9"),
            (Kind::Real, "0.5", "0.5"),
            (Kind::Duration, "20ms", "0.02s"),
            (Kind::Duration, "-1.000000001", "-1.000000001s"),
            (Kind::Duration, "2min", "120s"),
            (Kind::Time, "2026-11-21T10:15:44.5+01:00", "2026-11-21T09:15:44.500000000Z"),
            (Kind::Time, "2026-11-21 09:15", "2026-11-21T09:15:00.000000000Z"),
            (Kind::Time, "2026-11-21", "2026-11-21T00:00:00.000000000Z"),
            (Kind::Time, "1795252320.5", "2026-11-21T09:12:00.500000000Z"),
            (Kind::Address, "10.0.0.0/8", "10.0.0.0/8"),
            (Kind::Address, "::1", "::1"),
            (Kind::Text, "a\"\n\u{202e}", "\"a\\\"\\n\\u{202e}\""),
            (Kind::Bytes, "0xFF00", "ff:00"),
            (Kind::Bytes, "ff-00.7f", "ff:00:7f"),
        ] {
            let value = literal(kind, text, false).expect(text);
            assert_eq!(value.to_string(), shown, "{kind:?} {text}");
            let shown = shown.trim_matches('"');
            if kind != Kind::Text {
                assert_eq!(literal(kind, shown, false), Ok(value), "{shown}");
            }
        }
    }

    #[test]
    fn what_is_no_literal_of_a_kind_is_refused() {
        for (kind, texts) in [
            (Kind::Flag, &["yes", ""][..]),
            (Kind::Number, &["", "-1", "+1", "1.5", "0x", "18446744073709551616", "99999999999999GiB", "_1"]),
            (Kind::Opcode, &["16", "txt"]),
            (Kind::Real, &["nan", "inf", "1e999", ""]),
            (Kind::Duration, &["", "ms", ".5", "1.5.5", "1e3", "99999999999h", "--1"]),
            (Kind::Time, &["yesterday", "2026-13-01", "9999-01-01"]),
            (Kind::Address, &["10.0.0", "10.0.0.0/33", "::/129", "a"]),
            (Kind::Bytes, &["f", "fff", "zz", "", "0x", "é"]),
        ] {
            for text in texts {
                assert!(literal(kind, text, false).is_err(), "{kind:?} {text}");
            }
        }
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("fe80::/10", "fe80::1", true),
            ("::/0", "::1", true),
        ] {
            let [network, address] = [network, address].map(|text| literal(Kind::Address, text, false).expect(text));
            assert_eq!(address.compare(&network).is_some(), inside, "{network} {address}");
        }
    }
}

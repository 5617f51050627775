//! The page on filters (`wscope help filter`), its tables made from those of the language.

use std::fmt::Write as _;

use super::ast::Function;
use super::field::{FIELDS, Field, Scope};
use super::quick::KEYS;
use super::value::Kind;
use crate::dissect::{COMMON_FIELDS, PROTOCOLS};

const SYNTAX: &str = "\
Filters: -Y EXPRESSION

`wscope` and `wscope export` show the handshakes, frames, messages and so on
that the expression is true of (the summary is of all that was captured);
`wscope check` and `wscope stats` report on the connections whose handshake it
is true of.

Words
  error                  has this inside: payload, close reason, method, host,
                         URI; upper and lower case alike
  \"not found\" !debug     a phrase; what does not have it
  /time.?out/            a regular expression; as a word, where it is none
  dir:s2c type:text      one field asks: KEY:VALUE, see below
  Side by side means `and`. Quick words stand for real expressions:
  `error` for `any matches \"error\"`, `dir:s2c` for `ws.dir == \"s2c\"`.

Expressions, as in Wireshark's display filters
  ws.len > 1000          == != > >= < <=, or eq ne gt ge lt le
  ws.text contains \"id\"  upper and lower case differ
  ws.text matches \"a+\"   or ~: a regular expression of the Rust crate `regex`;
                         upper and lower case are alike, unless it has (?-i)
  tcp.port in {80, 8000..8999}
  ws.data[0:2] == 1f:8b  bytes: [offset:length], [first-last], [one], [-4:]
  ip.addr == 10.0.0.0/8  a network
  json(.data.code > 400) a jq expression, true of JSON text where one of its
                         results is neither false nor null; of what is no JSON
                         text it is asked of each tree that was decoded from it
                         (MessagePack, CBOR, events of Socket.IO ...)
  ws.rtt                 alone: there is such a value; of a flag: it is set
  mqtt.topic == \"a/b\"    what a sub-protocol has: read as what stands there;
                         messages have it: in the screen and timeline, and with
                         `export --per message`
  $beats and dir:s2c     a filter of your own, of the [filters] in the settings
                         file, where `:filter save beats` puts it
  and && or || xor ^^ not ! ( )
                         not binds tightest, then and, xor, or
  What a filter asks for and an event does not have is false, never an error;
  so `ws.len != 5` asks for a length that is not 5, `not ws.len == 5` also takes
  what has no length. Of a field with several values, == asks for one that is
  equal, and != for none that is.

Values
  text      api.example.com, \"in quotes\", 'or these', \\n \\t \\\" \\\\ \\x41 \\u{20ac},
            r\"without escapes\"; other backslashes stay, for regular expressions
  number    5, 0xff, 64KiB, 2MB (KiB MiB GiB kB MB GB)
  duration  1.5 (seconds), 20ms, 100us, 2min, 1h
  time      2026-11-21T09:15:44.5Z, \"2026-11-21 09:15\" (UTC), 2026-11-21
  bytes     ff:00, 0xff00, or text in quotes
  flag      true, false, 1, 0

json() gives each text a budget that grows with its length, does not look into
texts over 4 MiB, and says at the end where it came to no end. It knows the
functions of jq except those of input and output, time, mathematics and regular
expressions; of these there is test(\"re\").
";

/// Widest line.
const WIDTH: usize = 80;

/// The page, at most 80 characters wide.
pub fn page() -> String {
    let mut out = SYNTAX.to_owned();
    out.push_str("\nFunctions\n");
    for (_, name, meaning) in Function::ALL {
        line(&mut out, &format!("{name}()"), "", meaning);
    }
    out.push_str("\nKeys, for KEY:VALUE\n");
    for (key, field) in KEYS {
        let found = Field::find(field).expect("a test holds the table against the other");
        let how = if found.kind == Kind::Text { "matches" } else { "==" };
        line(&mut out, &format!("{key}:"), "", &format!("{field} {how} …"));
    }
    for (scope, title) in [
        (Scope::Connection, "Fields of a connection (all its events have them)"),
        (Scope::Event, "Fields of an event"),
        (Scope::Payload, "Fields of payload"),
    ] {
        write!(out, "\n{title}\n").expect("a String takes all");
        for field in FIELDS.iter().filter(|field| field.scope == scope) {
            self::field(&mut out, field);
        }
    }
    out.push_str("\nFields of messages in sub-protocols\n");
    for (name, meaning) in COMMON_FIELDS {
        line(&mut out, &format!("PROTOCOL.{name}"), "", meaning);
    }
    for protocol in PROTOCOLS {
        for (name, meaning) in protocol.fields {
            line(&mut out, &format!("{}.{name}", protocol.name), "", meaning);
        }
    }
    out
}

fn field(out: &mut String, field: &Field) {
    line(out, field.short(), field.kind.name(), field.meaning);
    if field.alias.is_some() {
        line(out, "", "", &format!("also {}", field.name));
    }
    if let Kind::Word(words) = field.kind {
        let quoted = words.iter().map(|word| if word.contains(' ') { format!("{word:?}") } else { (*word).to_owned() });
        let quoted: Vec<_> = quoted.collect();
        for words in quoted.chunks(5) {
            line(out, "", "", &format!("  {}", words.join(" ")));
        }
    }
}

fn line(out: &mut String, name: &str, kind: &str, meaning: &str) {
    let line = format!("  {name:<21} {kind:<8} {meaning}");
    match line.char_indices().nth(WIDTH).and_then(|(end, _)| line[..end].rfind(' ')) {
        Some(space) => writeln!(out, "{}\n{:33}{}", line[..space].trim_end(), "", line[space..].trim_start()),
        None => writeln!(out, "{}", line.trim_end()),
    }
    .expect("a String takes all");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn all_of_the_language_is_on_the_page_and_it_is_not_wide() {
        let page = page();
        let common = |name: &&str| COMMON_FIELDS.iter().any(|(common, _)| name.ends_with(&format!(".{common}")));
        let names = Field::names().filter(|name| !(common(name) && name.split_once('.').is_some_and(is_protocol)));
        for name in names.chain(KEYS.iter().map(|(key, _)| *key)).chain(Function::ALL.iter().map(|row| row.1)) {
            assert!(page.contains(name), "{name}");
        }
        for line in page.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    fn is_protocol((name, _): (&str, &str)) -> bool {
        PROTOCOLS.iter().any(|protocol| protocol.name == name)
    }

    #[test]
    fn what_the_page_says_is_so() {
        for (short, real) in [
            ("error", "any matches \"error\""),
            ("dir:s2c", "ws.dir == \"s2c\""),
            ("tcp.port in {80, 8000..8999}", "tcp.port in {80, 8000 .. 8999}"),
            ("ws.data[0:2] == 1f:8b", "ws.data[0:2] == 1f:8b"),
            ("json(.data.code > 400)", "json(.data.code > 400)"),
        ] {
            assert!(SYNTAX.contains(short));
            assert_eq!(Filter::parse(short).map(|filter| filter.to_string()), Ok(real.to_owned()));
        }
    }
}

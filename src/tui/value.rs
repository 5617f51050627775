//! What is under the cursor, as a term of a filter; and names completed while a filter is typed.

use crate::filter::field::Field;
use crate::store::{Kind, RowId};

use super::model::{Model, Pane};

/// A term that is true of what is under the cursor.
pub fn term(model: &Model, number: RowId) -> Option<String> {
    let row = model.store.row(number)?;
    match model.focus {
        Pane::Connections => Some(format!("conn == {}", row.connection)),
        Pane::List => {
            let kind = format!("ws.type == {}", word_of(row.kind));
            Some(match row.direction() {
                Some(crate::duplex::Direction::ToServer) => format!("{kind} && ws.dir == c2s"),
                Some(crate::duplex::Direction::ToClient) => format!("{kind} && ws.dir == s2c"),
                None => kind,
            })
        }
        Pane::Detail => {
            let doc = model.detail.doc.as_ref()?;
            let (_, value) = doc.value(model.detail.cursor)?;
            if let Some(term) = doc.term(model.detail.cursor).filter(|_| value.len() <= 200) {
                return Some(term);
            }
            let whole = value.len() <= 200 && !value.starts_with(['{', '[']);
            whole.then(|| containing(value.trim_matches('"')))
        }
    }
}

/// A term that is true where a text stands in what is shown.
pub fn containing(text: &str) -> String {
    format!("any contains \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The filter with its last word completed as far as the names of fields agree.
pub fn complete(text: &str) -> Option<String> {
    let start = text.rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))).map_or(0, |at| at + 1);
    let word = &text[start..];
    if word.is_empty() {
        return None;
    }
    let mut names = Field::names().filter(|name| name.starts_with(word));
    let first = names.next()?.to_owned();
    let common = names.fold(first, |common, name| shared(&common, name).to_owned());
    (common.len() > word.len()).then(|| format!("{}{common}", &text[..start]))
}

fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let length = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    &one[..length]
}

/// The word of `ws.type` for a kind of row.
fn word_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Frame => "continuation",
        Kind::Closed => "closed",
        kind => kind.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn names_are_completed_as_far_as_they_agree() {
        assert_eq!(complete("ws.dir == c2s && ws.subp").as_deref(), Some("ws.dir == c2s && ws.subprotocol"));
        assert_eq!(complete("websocket.payl").as_deref(), Some("websocket.payload"));
        assert_eq!(complete("nothing_like_it"), None);
        assert_eq!(complete("ws.dir == "), None);
    }

    #[test]
    fn terms_are_understood() {
        for kind in [
            Kind::Handshake,
            Kind::Text,
            Kind::Binary,
            Kind::Close,
            Kind::Ping,
            Kind::Pong,
            Kind::Frame,
            Kind::Gap,
            Kind::Notice,
            Kind::Closed,
        ] {
            Filter::parse(&format!("ws.type == {}", word_of(kind))).expect("a word of the filter language");
        }
        Filter::parse(&containing("a \"quoted\" \\ text")).expect("a quoted text");
    }
}

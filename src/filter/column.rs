//! A value to be shown of each event: a field, a function or slices of one, or the first result of a jq expression.

use std::borrow::Cow;

use super::ast::{Function, Operand};
use super::error::Error;
use super::field::Scope;
use super::jq::Query;
use super::lexer::{Lexeme, Token};
use super::parser::Parser;
use super::value::Value;
use super::{Saved, Subject, read};

/// Values of one event that are shown.
const VALUES: usize = 8;
/// Characters of them that are kept.
const LENGTH: usize = 256;

/// What a column shows.
#[derive(Debug, Clone)]
pub struct Column {
    text: String,
    asked: Asked,
}

#[derive(Debug, Clone)]
enum Asked {
    Operand(Operand),
    Json(Query),
}

impl Column {
    /// Understands `ws.rtt`, `len(ws.text)`, `ws.data[0:2]`, `json(.type)`.
    ///
    /// # Errors
    /// Where it is none of these.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let saved = Saved::new();
        let mut parser = Parser::new(text, &saved)?;
        let Lexeme { token, span } = parser.peek().clone();
        let asked = match token {
            Token::Json(source) => {
                parser.take();
                Asked::Json(Query::parse(&source, span.end - 1 - source.len())?)
            }
            Token::Word(_) | Token::Quoted(_) | Token::Regex(_) | Token::Symbol(_) | Token::End => {
                Asked::Operand(parser.operand()?)
            }
        };
        match parser.take() {
            Lexeme { token: Token::End, .. } => Ok(Self { text: text.to_owned(), asked }),
            Lexeme { span, .. } => Err(parser.unexpected(span, "the end: a column is one value")),
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What must be known of an event to tell its value.
    pub fn scope(&self) -> Scope {
        match &self.asked {
            Asked::Operand(operand) => operand.scope(),
            Asked::Json(_) => Scope::Payload,
        }
    }

    /// Its values, as sent: to be escaped before they are shown. Empty where there are none.
    pub fn value(&self, subject: &Subject<'_>) -> String {
        match &self.asked {
            Asked::Operand(operand) => values(operand, subject),
            Asked::Json(query) => {
                let payload = read::json(subject).and_then(|text| query.first(text));
                let found = payload.unwrap_or_else(|| read::trees(subject).find_map(|tree| query.first(tree)?));
                found.map(|value| shortened(&value)).unwrap_or_default()
            }
        }
    }
}

fn values(operand: &Operand, subject: &Subject<'_>) -> String {
    let mut values: Vec<String> = Vec::new();
    operand.any(subject, &mut |value| {
        let text = match (&value, Function::Text.of(value.clone())) {
            (Value::Real(number), _) => format!("{number:.2}"),
            (_, Some(Value::Text(text))) => shortened(&text),
            (_, Some(_) | None) => String::new(),
        };
        if !values.contains(&text) {
            values.push(text);
        }
        values.len() == VALUES
    });
    values.join(",")
}

fn shortened(text: &str) -> String {
    text.chars().take(LENGTH).collect::<Cow<'_, str>>().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duplex::Direction;
    use crate::event::{Body, Event, Message};
    use crate::origin::{Span, Timestamp};
    use crate::payload::Payload;

    fn value(column: &str, text: &str) -> String {
        let mut payload = Payload::default();
        payload.text = true;
        payload.append(text.as_bytes(), usize::MAX);
        let message =
            Message { text: true, frames: 1, payload_length: 7, payload, ..Message::new(Direction::ToClient, 5) };
        let event = Event { connection: 3, span: Span::default(), body: Body::Message(Box::new(message)) };
        let subject = Subject { event: &event, handshake: None, started: Timestamp::default(), marked: false };
        Column::parse(column).expect(column).value(&subject)
    }

    #[test]
    fn fields_functions_slices_and_jq_have_values() {
        let text = r#"{"type":"tick","px":[101.5,null],"deep":{"a":[1]}}"#;
        for (column, wanted) in [
            ("conn", "3"),
            ("ws.dir", "s2c"),
            ("ws.len", "7"),
            ("frame.number", "0"),
            ("upper(ws.dir)", "S2C"),
            ("ws.data[0:6]", "{\"type"),
            ("json(.type)", "tick"),
            ("json(.px[])", "101.5"),
            ("json(.px[1])", "null"),
            ("json(.deep)", "{\"a\":[1]}"),
            ("json(.missing.deeper)", "null"),
            ("json(last(repeat(1)))", ""),
            ("ws.rtt", ""),
            ("ip.addr", ""),
        ] {
            assert_eq!(value(column, text), wanted, "{column}");
        }
        assert_eq!(value("json(.)", "no json"), "");
        assert_eq!(value("ws.text", &"x".repeat(1000)).len(), LENGTH);
    }

    #[test]
    fn what_is_no_value_is_refused_with_its_place() {
        for (column, wrong) in [("ws.len > 5", ">"), ("ws.tyep", "ws.tyep"), ("json(.a) x", "x"), ("", "")] {
            let error = Column::parse(column).expect_err(column);
            assert_eq!(&column[error.span], wrong);
        }
    }
}

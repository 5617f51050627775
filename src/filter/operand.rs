//! The two sides of a comparison: fields, functions and slices of them, values and sets.

use std::ops::Range;

use super::ast::{Function, Member, Operand, Slice};
use super::error::Error;
use super::field::Field;
use super::lexer::{Lexeme, Token};
use super::parser::Parser;
use super::value::{self, Kind, Value};

impl Parser<'_> {
    /// A field or a function of one, with its slices.
    pub(super) fn operand(&mut self) -> Result<Operand, Error> {
        let Lexeme { token, span } = self.take();
        let Token::Word(name) = token else { return Err(self.unexpected(span, "a field")) };
        let called = self.peek().token == Token::Symbol("(") && self.touches(0);
        let operand = match Field::find(&name) {
            Some(field) => Operand::Field(field),
            None if called => self.call(&name, span.clone())?,
            None => {
                let mut error = Error::unknown(span, "field", &name, Field::names());
                if error.suggestion.is_none() {
                    error.message += "; `wscope help filter` lists them. To look for a word, put it in quotes";
                }
                return Err(error);
            }
        };
        if self.peek().token != Token::Symbol("[") {
            return Ok(operand);
        }
        if !operand.kind().is_some_and(Kind::is_text) {
            return Err(Error::new(span, "only text and bytes have slices"));
        }
        let slices = self.slices()?;
        Ok(Operand::Slice(Box::new(operand), slices))
    }

    fn call(&mut self, name: &str, span: Range<usize>) -> Result<Operand, Error> {
        let Some(function) = function(name) else {
            let names = Function::ALL.iter().map(|(_, name, _)| *name).chain(["json"]);
            return Err(Error::unknown(span, "function", name, names));
        };
        let open = self.take().span;
        self.deeper(span.clone())?;
        let inner = self.operand()?;
        self.depth -= 1;
        self.close(")", open)?;
        if function != Function::Text && !inner.kind().is_some_and(Kind::is_text) {
            return Err(Error::new(span, format!("{name}() is for text and bytes")));
        }
        Ok(Operand::Call(function, Box::new(inner)))
    }

    /// `[0:4]` (offset and length), `[2-5]` (first and last), `[3]`, `[:4]`, `[4:]`, several with commas.
    fn slices(&mut self) -> Result<Vec<Slice>, Error> {
        let open = self.take().span;
        let mut slices = Vec::new();
        loop {
            let Lexeme { token, span } = self.take();
            let Token::Word(text) = token else { return Err(self.unexpected(span, "bytes: 0:4, 2-5 or 3")) };
            slices
                .push(slice(&text).ok_or_else(|| Error::new(span, "no slice: 0:4 (offset:length), 2-5, 3, :4 or 4:"))?);
            match self.peek().token {
                Token::Symbol(",") => self.at += 1,
                _ => break,
            }
        }
        self.close("]", open)?;
        Ok(slices)
    }

    /// What is compared with: another field, or a value of that kind.
    pub(super) fn right(&mut self, kind: Kind) -> Result<Operand, Error> {
        let Lexeme { token, span } = self.peek().clone();
        let is_operand = match &token {
            Token::Word(word) => {
                let called = self.peek_at(1).token == Token::Symbol("(") && function(word).is_some();
                Field::find(word).is_some() || called
            }
            _ => false,
        };
        if !is_operand {
            return Ok(Operand::Literal(self.value(kind)?));
        }
        let operand = self.operand()?;
        let other = operand.kind().expect("a field or a function has a kind");
        if kind.compares_with(other) {
            Ok(operand)
        } else {
            Err(Error::new(span, format!("a {} cannot be compared with a {}", kind.name(), other.name())))
        }
    }

    /// A value of this kind.
    pub(super) fn value(&mut self, kind: Kind) -> Result<Value<'static>, Error> {
        let Lexeme { token, span } = self.take();
        let (text, quoted) = match token {
            Token::Word(word) => (word, false),
            Token::Quoted(text) => (text, true),
            // `/chat/` is a value as well.
            Token::Regex(_) => (self.text[span.clone()].to_owned(), false),
            Token::Json(_) | Token::Symbol(_) | Token::End => return Err(self.unexpected(span, "a value")),
        };
        literal(kind, &text, quoted, span)
    }

    /// `{a, b c 1..5}`
    pub(super) fn set(&mut self, kind: Kind) -> Result<Vec<Member>, Error> {
        let Lexeme { token, span: open } = self.take();
        if token != Token::Symbol("{") {
            return Err(self.unexpected(open, "a set: {1, 2, 5..9}"));
        }
        let mut members = Vec::new();
        loop {
            match self.peek().token {
                Token::Symbol("}") | Token::End => break,
                Token::Symbol(",") if !members.is_empty() => self.at += 1,
                _ => members.push(self.member(kind)?),
            }
        }
        self.close("}", open.clone())?;
        if members.is_empty() { Err(Error::new(open, "an empty set")) } else { Ok(members) }
    }

    fn member(&mut self, kind: Kind) -> Result<Member, Error> {
        let Lexeme { token, span } = self.peek().clone();
        let (from, to) = match token {
            Token::Word(word) if word.contains("..") => {
                self.at += 1;
                let (from, to) = word.split_once("..").expect("it is there");
                let place = |text: &str, end: bool| {
                    if end { span.end - text.len()..span.end } else { span.start..span.start + text.len() }
                };
                let from = literal(kind, from, false, place(from, false))?;
                let to = if to.is_empty() { self.value(kind)? } else { literal(kind, to, false, place(to, true))? };
                (from, to)
            }
            _ => {
                let from = self.value(kind)?;
                // `1 .. 5`, `1 ..5`
                let Token::Word(word) = self.peek().token.clone() else { return Ok(Member::One(from)) };
                let Some(to) = word.strip_prefix("..") else { return Ok(Member::One(from)) };
                let Lexeme { span, .. } = self.take();
                let place = span.start + 2..span.end;
                (from, if to.is_empty() { self.value(kind)? } else { literal(kind, to, false, place)? })
            }
        };
        if matches!((&from, &to), (Value::Network(..), _) | (_, Value::Network(..))) {
            return Err(Error::new(span, "a range goes from one address to another"));
        }
        Ok(Member::Range(from, to))
    }
}

/// The function of this name.
pub(super) fn function(name: &str) -> Option<Function> {
    Function::ALL.iter().find(|(_, spelling, _)| *spelling == name).map(|(function, ..)| *function)
}

/// A value of this kind, that stands at `span`.
pub(super) fn literal(kind: Kind, text: &str, quoted: bool, span: Range<usize>) -> Result<Value<'static>, Error> {
    if let Kind::Word(words) = kind
        && !words.contains(&text)
    {
        return Err(Error::unknown(
            span,
            &format!("word of this field: {}", words.join(", ")),
            text,
            words.iter().copied(),
        ));
    }
    value::literal(kind, text, quoted).map_err(|wanted| Error::new(span, format!("expected {wanted}")))
}

/// `0:4`, `:4`, `4:`, `2-5`, `3`; offsets may count from the end: `-4:`.
fn slice(text: &str) -> Option<Slice> {
    if let Some((offset, length)) = text.split_once(':') {
        let offset = if offset.is_empty() { 0 } else { offset.parse().ok()? };
        let length = if length.is_empty() { None } else { Some(value::number(length)?.try_into().ok()?) };
        return Some(Slice { offset, length });
    }
    // Behind a minus that may be the offset's own.
    if let Some((first, last)) = text.get(1..)?.split_once('-').map(|(rest, last)| (&text[..rest.len() + 1], last)) {
        let (first, last): (i32, i32) = (first.parse().ok()?, last.parse().ok()?);
        let length = i64::from(last) - i64::from(first) + 1;
        return Some(Slice { offset: first, length: Some(u32::try_from(length).ok().filter(|length| *length > 0)?) });
    }
    Some(Slice { offset: text.parse().ok()?, length: Some(1) })
}

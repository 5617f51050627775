//! Tokens to a tree: a Pratt parser over `or`, `xor`, `and` (also by writing side by side) and `not`.
//!
//! Names, kinds and literals are resolved here, so a filter that parses asks only what can be asked.

use std::ops::Range;

use super::Saved;
use super::ast::{Expr, Operand, Pattern};
use super::cursor::Operator;
use super::error::Error;
use super::field::Field;
use super::jq::Query;
use super::lexer::{Lexeme, Token, lex};
use super::operand::function;
use super::quick;
use super::value::Kind;

/// Longest expression, in bytes: a long list of words.
const LENGTH: usize = 64 << 10;

/// How tightly operators bind, the loosest first.
const BINARY: &[(&str, Join)] = &[("or", Expr::Or), ("xor", Expr::Xor), ("and", Expr::And)];

type Join = fn(Vec<Expr>) -> Expr;

/// Parses an expression; `None` of one that says nothing.
pub(super) fn parse(text: &str, saved: &Saved) -> Result<Option<Expr>, Error> {
    Parser::new(text, saved)?.whole()
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    saved: &'t Saved,
    /// Bytes of saved expressions that may still be put in.
    room: usize,
    pub(super) lexemes: Vec<Lexeme>,
    pub(super) at: usize,
    pub(super) depth: usize,
}

impl<'t> Parser<'t> {
    /// At the beginning of a text.
    pub(super) fn new(text: &'t str, saved: &'t Saved) -> Result<Self, Error> {
        if text.len() > LENGTH {
            return Err(Error::new(0..0, format!("longer than {LENGTH} bytes")));
        }
        Ok(Self { lexemes: lex(text)?, text, saved, room: LENGTH, at: 0, depth: 0 })
    }

    /// All of the text.
    fn whole(&mut self) -> Result<Option<Expr>, Error> {
        if self.peek().token == Token::End {
            return Ok(None);
        }
        let expr = self.expr(0)?;
        match self.peek() {
            Lexeme { token: Token::End, .. } => Ok(Some(expr)),
            Lexeme { span, .. } => Err(self.unexpected(span.clone(), "an operator")),
        }
    }

    /// An expression of operators that bind at least as tightly as the one of this index in [`BINARY`].
    fn expr(&mut self, loosest: usize) -> Result<Expr, Error> {
        let mut left = self.prefix()?;
        // Of which operator `left` is a chain that was begun here: `a and b and c` are three of one.
        let mut chain = None;
        while let Some((index, written)) = self.binary().filter(|(index, _)| *index >= loosest) {
            self.at += usize::from(written);
            let right = self.expr(index + 1)?;
            left = match left {
                Expr::Or(mut all) | Expr::Xor(mut all) | Expr::And(mut all) if chain == Some(index) => {
                    all.push(right);
                    BINARY[index].1(all)
                }
                left => BINARY[index].1(vec![left, right]),
            };
            chain = Some(index);
        }
        Ok(left)
    }

    /// Which binary operator comes, and whether it is written: side by side means `and`.
    fn binary(&self) -> Option<(usize, bool)> {
        let find = |name: &str| BINARY.iter().position(|(spelling, _)| *spelling == name);
        match &self.peek().token {
            Token::Symbol(symbol) if find(symbol).is_some() => Some((find(symbol)?, true)),
            Token::Word(word) if find(word).is_some() => Some((find(word)?, true)),
            Token::Word(_) | Token::Quoted(_) | Token::Regex(_) | Token::Json(_) | Token::Symbol("(" | "not") => {
                Some((find("and")?, false))
            }
            Token::Symbol(_) | Token::End => None,
        }
    }

    fn prefix(&mut self) -> Result<Expr, Error> {
        let Lexeme { token, span } = self.peek().clone();
        match token {
            Token::Symbol("not") => self.not(),
            Token::Word(word) if word == "not" => self.not(),
            Token::Symbol("(") => {
                self.at += 1;
                self.deeper(span.clone())?;
                let inner = self.expr(0)?;
                self.depth -= 1;
                self.close(")", span)?;
                Ok(inner)
            }
            Token::Regex(regex) => {
                self.at += 1;
                quick::regex(&regex).ok_or_else(|| Error::new(span, "too long to look for"))
            }
            Token::Quoted(text) if self.operator(1).is_none() => {
                self.at += 1;
                quick::word(&text).ok_or_else(|| Error::new(span, "too long to look for"))
            }
            Token::Word(word) if word.starts_with('$') && word.len() > 1 => self.saved(&word[1..], span),
            Token::Word(word) if self.is_plain(&word) => self.word(&word, span),
            Token::Json(source) => {
                self.at += 1;
                Ok(Expr::Json(Query::parse(&source, span.end - 1 - source.len())?))
            }
            Token::Word(_) | Token::Quoted(_) => self.comparison(),
            Token::Symbol(_) | Token::End => Err(self.unexpected(span, "a field or a word to look for")),
        }
    }

    fn not(&mut self) -> Result<Expr, Error> {
        self.deeper(self.peek().span.clone())?;
        self.at += 1;
        let inner = self.expr(BINARY.len())?;
        self.depth -= 1;
        Ok(Expr::Not(Box::new(inner)))
    }

    /// What `$name` stands for.
    fn saved(&mut self, name: &str, span: Range<usize>) -> Result<Expr, Error> {
        self.at += 1;
        let Some(text) = self.saved.get(name) else {
            let names = self.saved.keys().map(String::as_str);
            let mut error = Error::unknown(span, "saved filter", name, names);
            if error.suggestion.is_none() {
                error.message += "; to look for a word, put it in quotes";
            }
            return Err(error);
        };
        // Those that name each other in a circle, or in ever larger numbers, come to an end here.
        self.deeper(span.clone())?;
        let room = self.room.checked_sub(text.len() + 1);
        self.room = room.ok_or_else(|| Error::new(span.clone(), "saved filters make it too long"))?;
        let within = |error: Error| Error::new(span.clone(), format!("in ${name}: {error}"));
        let lexemes = lex(text).map_err(within)?;
        let mut inner = Parser { text, saved: self.saved, room: self.room, lexemes, at: 0, depth: self.depth };
        let expr = inner.whole().map_err(within)?;
        self.room = inner.room;
        self.depth -= 1;
        expr.ok_or_else(|| Error::new(span.clone(), format!("${name} says nothing")))
    }

    /// Whether a word is one to look for: no field, and nothing behind it that asks for one.
    fn is_plain(&self, word: &str) -> bool {
        let called = self.peek_at(1).token == Token::Symbol("(") && self.touches(1);
        let sliced = self.peek_at(1).token == Token::Symbol("[");
        Field::find(word).is_none() && !called && !sliced && self.operator(1).is_none()
    }

    /// A word to look for, or `key:value`.
    fn word(&mut self, word: &str, span: Range<usize>) -> Result<Expr, Error> {
        self.at += 1;
        if let Some((key, value)) = word.split_once(':')
            && let Some(field) = quick::key(key)
        {
            let start = span.start + key.len() + 1;
            let mut value = value.to_owned();
            let mut place = start..span.end;
            // `host:"a b"`
            if value.is_empty()
                && let Lexeme { token: Token::Quoted(text), span } = self.peek().clone()
                && self.touches(0)
            {
                self.at += 1;
                (value, place) = (text, span);
            }
            return quick::keyed(field, &value, place);
        }
        // `ws.hots` is a field that is misspelt, not a word that is looked for.
        if quick::looks_like_field(word) {
            return Err(Error::unknown(span, "field", word, Field::names()));
        }
        quick::word(word).ok_or_else(|| Error::new(span, "too long to look for"))
    }

    /// `field`, `field == value`, `field in {…}`, and the like.
    fn comparison(&mut self) -> Result<Expr, Error> {
        let start = self.peek().span.clone();
        let left = if self.is_literal() { None } else { Some(self.operand()?) };
        let Some(left) = left else { return self.literal_first() };
        let kind = left.kind().expect("a field or a function has a kind");
        let place = start.start..self.last().end;
        let Some(operator) = self.operator(0) else {
            let alone = matches!(left, Operand::Field(_));
            return if alone { Ok(Expr::Present(left)) } else { Err(self.unexpected(place, "a comparison behind it")) };
        };
        self.at += 1;
        if let Operator::Relation(relation) = operator {
            return Ok(Expr::Compare(left, relation, self.right(kind)?));
        }
        if operator != Operator::In && !kind.is_text() {
            return Err(Error::new(place.clone(), format!("{} is a {}, not text", &self.text[place], kind.name())));
        }
        match operator {
            Operator::In => Ok(Expr::In(left, self.set(kind)?)),
            Operator::Contains => {
                Ok(Expr::Contains(left, self.value(if kind == Kind::Bytes { kind } else { Kind::Text })?))
            }
            Operator::Matches | Operator::Relation(_) => {
                let Lexeme { token, span } = self.take();
                let (Token::Word(source) | Token::Quoted(source) | Token::Regex(source)) = token else {
                    return Err(self.unexpected(span, "a regular expression"));
                };
                let pattern = Pattern::new(&source).map_err(|error| {
                    let reason = error.to_string();
                    Error::new(span, format!("no regular expression: {}", reason.lines().last().unwrap_or_default()))
                })?;
                Ok(Expr::Matches(left, pattern))
            }
        }
    }

    /// Whether a value stands where a field is usual, with a field behind the operator: `5 < ws.len`.
    fn is_literal(&self) -> bool {
        let Some(Operator::Relation(_)) = self.operator(1) else { return false };
        let literal = match &self.peek().token {
            Token::Quoted(_) => true,
            Token::Word(word) => Field::find(word).is_none(),
            _ => false,
        };
        let is_field = match &self.peek_at(2).token {
            Token::Word(word) => Field::find(word).is_some() || function(word).is_some(),
            _ => false,
        };
        literal && is_field
    }

    fn literal_first(&mut self) -> Result<Expr, Error> {
        let literal = self.at;
        let Some(Operator::Relation(relation)) = self.operator(1) else { unreachable!("is_literal saw it") };
        self.at += 2;
        let right = self.operand()?;
        let after = std::mem::replace(&mut self.at, literal);
        let left = self.value(right.kind().expect("a field or a function has a kind"))?;
        self.at = after;
        Ok(Expr::Compare(Operand::Literal(left), relation, right))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn parse(text: &str) -> Result<Option<Expr>, Error> {
        super::parse(text, &Saved::new())
    }

    fn shown(text: &str) -> String {
        match parse(text) {
            Ok(expr) => expr.expect("it says something").to_string(),
            Err(error) => panic!("{}", error.render(text)),
        }
    }

    #[test]
    fn expressions_and_how_they_are_understood() {
        for (text, understood) in [
            ("websocket.opcode == 1", "ws.op == 1"),
            ("ws.op eq text && !ws.fin", "ws.op == 1 and not ws.fin"),
            (
                "a or b and c xor d",
                "any matches \"a\" or ((any matches \"b\" and any matches \"c\") xor any matches \"d\")",
            ),
            ("ws.len>5 ws.len<9", "ws.len > 5 and ws.len < 9"),
            ("(ws.len > 5) and (ws.fin and ws.mask)", "ws.len > 5 and (ws.fin and ws.mask)"),
            ("not not mark", "not not mark"),
            ("tcp.port in {80, 443 8000..8080, 9000 .. 9001}", "tcp.port in {80, 443, 8000 .. 8080, 9000 .. 9001}"),
            ("ip.addr == 10.0.0.0/8", "ip.addr == 10.0.0.0/8"),
            ("ws.rtt > 20ms", "ws.rtt > 0.02s"),
            ("50ms < ws.rtt", "0.05s < ws.rtt"),
            ("ws.host == api.example.com:8080", "ws.host == \"api.example.com:8080\""),
            ("http.request.uri == /a/b", "http.request.uri == \"/a/b\""),
            ("http.request.uri == /a/", "http.request.uri == \"/a/\""),
            ("ws.data[0:4] == 48:65:6c:6c", "ws.data[0:4] == 48:65:6c:6c"),
            ("ws.text[-2-3,7,:2,4:] == 'ab'", "ws.text[-2:6,7:1,0:2,4:] == 61:62"),
            ("len(lower(ws.text)) >= ws.size", "len(lower(ws.text)) >= ws.size"),
            ("ws.text ~ 'a\\d'", "ws.text matches \"a\\\\d\""),
            ("ws.text contains \"a\\\"b\"", "ws.text contains \"a\\\"b\""),
            ("frame.time >= 2026-11-21T09:00:00Z", "time >= 2026-11-21T09:00:00.000000000Z"),
            ("error", "any matches \"error\""),
            ("\"not found\"", "any matches \"not found\""),
            ("!ping", "not any matches \"ping\""),
            ("/a|b/", "any matches \"a|b\""),
            ("/a(/", "any matches \"a\\\\(\""),
            ("a.b", "any matches \"a\\\\.b\""),
            ("dir:s2c type:text host:api", "ws.dir == \"s2c\" and ws.type == \"text\" and ws.host matches \"api\""),
            ("host:\"a b\"", "ws.host matches \"a b\""),
            ("json(.a > 4)json( \")\\(.b)\" # )\n)", "json(.a > 4) and json( \")\\(.b)\" # )\n)"),
            ("12:30", "any matches \"12:30\""),
            ("mqtt.topic == a/b", "mqtt.topic == \"a/b\""),
            ("mqtt.qos > 0 and stomp.command", "mqtt.qos > \"0\" and stomp.command"),
            ("lower(stomp.command) contains 'end'", "lower(stomp.command) contains \"end\""),
        ] {
            assert_eq!(shown(text), understood);
            assert_eq!(shown(understood), understood, "{text}");
        }
        assert_eq!(parse("  "), Ok(None));
    }

    #[test]
    fn errors_say_where_and_what_was_meant() {
        for (text, wrong, message) in [
            ("ws.hots == a", "ws.hots", "\"ws.hots\" is no field; did you mean ws.host?"),
            ("ws.hots", "ws.hots", "\"ws.hots\" is no field; did you mean ws.host?"),
            (
                "websocket.opcod == 1",
                "websocket.opcod",
                "\"websocket.opcod\" is no field; did you mean websocket.opcode?",
            ),
            ("mqtt.topik == a", "mqtt.topik", "\"mqtt.topik\" is no field; did you mean mqtt.topic?"),
            ("mqtt.topik", "mqtt.topik", "\"mqtt.topik\" is no field; did you mean mqtt.topic?"),
            ("ws.dir == s2", "s2", "\"s2\" is no word of this field: c2s, s2c; did you mean s2c?"),
            ("dir:up", "up", "\"up\" is no word of this field: c2s, s2c"),
            ("length(ws.text) > 5", "length", "\"length\" is no function; did you mean len?"),
            ("ws.len == five", "five", "expected a whole number: 5, 0xff, 64KiB"),
            ("ws.len ==", "", "ends where a value is expected"),
            ("ws.len == 5 or", "", "ends where a field or a word to look for is expected"),
            ("(ws.fin", "(", "\")\" is missing: this is not closed"),
            ("ws.fin)", ")", "expected an operator"),
            ("ws.len contains 5", "ws.len", "ws.len is a number, not text"),
            ("ws.len[0:1] == 5", "ws.len", "only text and bytes have slices"),
            ("ws.text[5-3] == a", "5-3", "no slice: 0:4 (offset:length), 2-5, 3, :4 or 4:"),
            ("ws.len == ws.host", "ws.host", "a number cannot be compared with a text"),
            ("len(ws.text)", "len(ws.text)", "expected a comparison behind it"),
            ("ws.len in {}", "{", "an empty set"),
            ("ws.len in {1", "{", "\"}\" is missing: this is not closed"),
            ("ws.len in {1..x}", "x", "expected a whole number: 5, 0xff, 64KiB"),
            ("ws.text = a", "=", "one `=` is no operator: write `==`, or quote the word"),
            ("ws.text ~ 'a('", "'a('", "no regular expression: error: unclosed group"),
            ("dir:c2s json(.a | lenght)", "lenght", "\"lenght\" is no filter that json() knows; did you mean length?"),
            ("json(.a", "json(.a", "json( is not closed"),
            ("ws.text == 'a", "'a", "the string is not closed"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!((&text[error.span.clone()], &*error.to_string()), (wrong, message), "{text}");
        }
    }

    #[test]
    fn saved_filters_stand_for_what_they_were() {
        let saved = [("beats", "ping or pong"), ("loud", "$beats dir:s2c"), ("wrong", "ws.hots"), ("round", "$round")];
        let saved = saved.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let parse = |text: &str| super::parse(text, &saved);
        let shown = parse("not $loud and ws.len > 5").expect("understood").map(|expr| expr.to_string());
        let understood = "not ((any matches \"ping\" or any matches \"pong\") and ws.dir == \"s2c\") and ws.len > 5";
        assert_eq!(shown.as_deref(), Some(understood));
        for (text, wrong, message) in [
            ("a $beat", "$beat", "\"beat\" is no saved filter; did you mean beats?"),
            ("$wrong", "$wrong", "in $wrong: \"ws.hots\" is no field; did you mean ws.host?"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!((&text[error.span.clone()], &*error.to_string()), (wrong, message), "{text}");
        }
        assert!(parse("$round").is_err());
    }

    #[test]
    fn nesting_and_length_are_bounded() {
        for deep in ["(", "not ", "! ", "len(", "lower("] {
            assert!(parse(&deep.repeat(30_000)).is_err(), "{deep}");
        }
        assert!(parse(&format!("{}a{}", "(".repeat(64), ")".repeat(64))).is_ok());
        assert!(parse(&"a ".repeat(LENGTH / 2)).is_ok());
        assert!(parse(&"a ".repeat(LENGTH)).is_err());
    }

    /// Pieces of which expressions are made, right and wrong ones.
    fn pieces() -> impl Strategy<Value = String> {
        let fixed = prop::sample::select(vec![
            "ws.len",
            "ws.text",
            "ws.dir",
            "ip.addr",
            "mark",
            "len(ws.text)",
            "ws.data[1:2]",
            "==",
            "!=",
            "<",
            "in",
            "contains",
            "~",
            "and",
            "or",
            "xor",
            "not",
            "!",
            "(",
            ")",
            "{",
            "}",
            "[",
            "]",
            ",",
            "5",
            "c2s",
            "10.0.0.0/8",
            "::1",
            "1..5",
            "{1, 2 3..4}",
            "'a'",
            "\"b\"",
            "/re/",
            "/re(/",
            "word",
            "host:a",
            "\\",
            "'",
            "\u{202e}",
            "é",
            "0x5",
            "ff:00",
            "json(.a)",
        ]);
        prop_oneof![4 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(6455), failure_persistence: None, ..ProptestConfig::with_cases(2000) })]
        #[test]
        fn no_input_panics_and_what_is_written_is_read_back(parts in prop::collection::vec(pieces(), 0..12), spaced: bool) {
            let text = parts.join(if spaced { " " } else { "" });
            match parse(&text) {
                Ok(Some(expr)) => prop_assert_eq!(parse(&expr.to_string()), Ok(Some(expr))),
                Ok(None) => prop_assert_eq!(text.trim(), ""),
                Err(error) => {
                    prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
                    error.render(&text);
                }
            }
        }
    }
}

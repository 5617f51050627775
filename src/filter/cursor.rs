//! Where a parser is in the lexemes: looking ahead, taking, and what to say of what does not fit.

use std::ops::Range;

use super::ast::Relation;
use super::error::Error;
use super::lexer::{Lexeme, Token};
use super::parser::Parser;

/// How deep parentheses, `not` and functions may be nested.
const DEPTH: usize = 64;

impl Parser<'_> {
    /// The lexeme that comes.
    pub(super) fn peek(&self) -> &Lexeme {
        self.peek_at(0)
    }

    /// The lexeme behind so many others.
    pub(super) fn peek_at(&self, ahead: usize) -> &Lexeme {
        let last = self.lexemes.len() - 1;
        &self.lexemes[(self.at + ahead).min(last)]
    }

    /// Whether the lexeme `ahead` follows the one before it without a space.
    pub(super) fn touches(&self, ahead: usize) -> bool {
        let at = self.at + ahead;
        at > 0 && at < self.lexemes.len() && self.lexemes[at - 1].span.end == self.lexemes[at].span.start
    }

    /// Takes a lexeme; at the end it stays there.
    pub(super) fn take(&mut self) -> Lexeme {
        let lexeme = self.peek().clone();
        self.at = (self.at + 1).min(self.lexemes.len() - 1);
        lexeme
    }

    /// Where the last lexeme that was taken stands.
    pub(super) fn last(&self) -> Range<usize> {
        self.lexemes[self.at.saturating_sub(1)].span.clone()
    }

    /// The operator that stands `ahead` and wants something on both sides.
    pub(super) fn operator(&self, ahead: usize) -> Option<Operator> {
        match &self.peek_at(ahead).token {
            Token::Symbol(symbol) => Operator::find(symbol),
            Token::Word(word) => Operator::find(word),
            Token::Quoted(_) | Token::Regex(_) | Token::Json(_) | Token::End => None,
        }
    }

    /// Takes what closes the bracket that stands at `open`.
    pub(super) fn close(&mut self, symbol: &'static str, open: Range<usize>) -> Result<(), Error> {
        let Lexeme { token, span } = self.peek().clone();
        if token == Token::Symbol(symbol) {
            self.at += 1;
            return Ok(());
        }
        match token {
            Token::End => Err(Error::new(open, format!("{:?} is missing: this is not closed", symbol))),
            _ => Err(self.unexpected(span, &format!("{symbol:?}"))),
        }
    }

    /// Goes a level deeper, as long as that is allowed.
    pub(super) fn deeper(&mut self, span: Range<usize>) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH { Err(Error::new(span, format!("nested deeper than {DEPTH}"))) } else { Ok(()) }
    }

    /// What to say of a lexeme where another one is wanted.
    pub(super) fn unexpected(&self, span: Range<usize>, wanted: &str) -> Error {
        let message =
            if span.is_empty() { format!("ends where {wanted} is expected") } else { format!("expected {wanted}") };
        Error::new(span, message)
    }
}

/// What stands between two operands and makes them an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Relation(Relation),
    Contains,
    Matches,
    In,
}

impl Operator {
    fn find(written: &str) -> Option<Self> {
        let relation = Relation::ALL.iter().find(|(_, symbol, word)| [*symbol, *word].contains(&written));
        match (relation, written) {
            (Some((relation, ..)), _) => Some(Self::Relation(*relation)),
            (None, "contains") => Some(Self::Contains),
            (None, "matches") => Some(Self::Matches),
            (None, "in") => Some(Self::In),
            (None, _) => None,
        }
    }
}

//! A filter as a tree, and how it is written.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use super::field::Field;
use super::jq::Query;
use super::value::{Kind, Value, quote};

/// An expression that is true or false of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// One of them, at least two; in the order in which they were written.
    Or(Vec<Self>),
    /// An odd number of them.
    Xor(Vec<Self>),
    /// All of them.
    And(Vec<Self>),
    /// The contrary.
    Not(Box<Self>),
    /// There is such a value; of a flag, it is set.
    Present(Operand),
    /// A value of the left one stands so to one of the right one; with [`Relation::Unequal`] there are values on both
    /// sides, and none are equal.
    Compare(Operand, Relation, Operand),
    /// A value of it has this inside.
    Contains(Operand, Value<'static>),
    /// A value of it matches this.
    Matches(Operand, Pattern),
    /// A value of it is one of these.
    In(Operand, Vec<Member>),
    /// Its payload is JSON of which this is true.
    Json(Query),
}

/// What has values to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A field.
    Field(&'static Field),
    /// What a function makes of each value.
    Call(Function, Box<Self>),
    /// Bytes of each value.
    Slice(Box<Self>, Vec<Slice>),
    /// A value that was written.
    Literal(Value<'static>),
}

impl Operand {
    /// What its values are; of a literal, nothing that is not known.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Field(field) => Some(field.kind),
            Self::Call(Function::Len, _) => Some(Kind::Number),
            Self::Call(Function::Lower | Function::Upper | Function::Text, _) => Some(Kind::Text),
            Self::Slice(..) => Some(Kind::Bytes),
            Self::Literal(_) => None,
        }
    }
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Relation {
    /// All of them: how they are written, as a symbol and as a word.
    pub const ALL: &[(Self, &'static str, &'static str)] = &[
        (Self::Equal, "==", "eq"),
        (Self::Unequal, "!=", "ne"),
        (Self::Less, "<", "lt"),
        (Self::AtMost, "<=", "le"),
        (Self::Greater, ">", "gt"),
        (Self::AtLeast, ">=", "ge"),
    ];
}

/// What can be made of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Its length in bytes.
    Len,
    /// It in lower case.
    Lower,
    /// It in upper case.
    Upper,
    /// It as text.
    Text,
}

impl Function {
    /// All of them: how they are written, and what they do.
    pub const ALL: &[(Self, &'static str, &'static str)] = &[
        (Self::Len, "len", "length in bytes of text or bytes"),
        (Self::Lower, "lower", "text in lower case"),
        (Self::Upper, "upper", "text in upper case"),
        (Self::Text, "string", "any value as the text that stands for it"),
    ];
}

/// Part of a value's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Where it begins: from the start, or where negative from the end.
    pub offset: i32,
    /// How many bytes; `None`: all that follow.
    pub length: Option<u32>,
}

/// One member of a set.
#[derive(Debug, Clone, PartialEq)]
pub enum Member {
    /// One value.
    One(Value<'static>),
    /// The values between two, both included.
    Range(Value<'static>, Value<'static>),
}

/// A regular expression in the syntax of the `regex` crate, that looks at bytes and takes upper and lower case as equal.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles it.
    ///
    /// # Errors
    /// What the `regex` crate says of one that is wrong, or larger than 1 MiB when compiled.
    pub(super) fn new(source: &str) -> Result<Self, regex::Error> {
        const SIZE: usize = 1 << 20;
        let regex = RegexBuilder::new(source).case_insensitive(true).size_limit(SIZE).dfa_size_limit(SIZE).build()?;
        Ok(Self { source: source.to_owned(), regex })
    }

    /// One that finds this text; `None` where it is too long for one.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        Self::new(&regex::escape(text)).ok()
    }

    /// Whether it matches somewhere in `bytes`.
    pub(super) fn is_match(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Display for Expr {
    /// As an expression that is parsed to the same tree.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(all) => join(all, " or ", out),
            Self::Xor(all) => join(all, " xor ", out),
            Self::And(all) => join(all, " and ", out),
            Self::Not(inner) => write!(out, "not {}", Inner(inner)),
            Self::Present(operand) => operand.fmt(out),
            Self::Compare(left, relation, right) => {
                let (_, symbol, _) = Relation::ALL[*relation as usize];
                write!(out, "{left} {symbol} {right}")
            }
            Self::Contains(left, value) => write!(out, "{left} contains {value}"),
            Self::Matches(left, pattern) => {
                write!(out, "{left} matches ")?;
                quote(&pattern.source, out)
            }
            Self::In(left, members) => {
                write!(out, "{left} in {{")?;
                for (index, member) in members.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    match member {
                        Member::One(value) => write!(out, "{comma}{value}")?,
                        Member::Range(from, to) => write!(out, "{comma}{from} .. {to}")?,
                    }
                }
                out.write_str("}")
            }
            Self::Json(query) => query.fmt(out),
        }
    }
}

fn join(all: &[Expr], word: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, expr) in all.iter().enumerate() {
        write!(out, "{}{}", if index > 0 { word } else { "" }, Inner(expr))?;
    }
    Ok(())
}

/// An expression inside another: in parentheses where it is made of several.
struct Inner<'a>(&'a Expr);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::Or(_) | Expr::Xor(_) | Expr::And(_) => write!(out, "({})", self.0),
            _ => self.0.fmt(out),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => out.write_str(field.short()),
            Self::Call(function, inner) => write!(out, "{}({inner})", Function::ALL[*function as usize].1),
            Self::Slice(inner, slices) => {
                write!(out, "{inner}[")?;
                for (index, Slice { offset, length }) in slices.iter().enumerate() {
                    write!(out, "{}{offset}:", if index > 0 { "," } else { "" })?;
                    if let Some(length) = length {
                        write!(out, "{length}")?;
                    }
                }
                out.write_str("]")
            }
            Self::Literal(value) => value.fmt(out),
        }
    }
}

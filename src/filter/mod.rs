//! Expressions to a choice of events: Wireshark's display filter syntax over the fields of WebSocket traffic.
//!
//! ```text
//!  text ─lexer─► tokens ─parser─► Expr ─eval─► true or false of a Subject
//!                        (names and kinds from the table in field.rs)
//! ```

pub mod ast;
pub mod column;
mod cursor;
pub mod error;
mod eval;
pub mod field;
pub mod help;
pub mod jq;
mod lexer;
mod operand;
mod parser;
pub mod quick;
mod read;
pub mod selection;
pub mod value;

use std::collections::BTreeMap;
use std::fmt;

use crate::event::{Body, Event, Handshake};
use crate::origin::Timestamp;
use ast::{Expr, Operand};
pub use column::Column;
pub use error::Error;
use field::Scope;

/// A choice of events.
///
/// It is written ([`fmt::Display`]) as the real expression that was understood: quick words are expanded.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// As it was written; `None` chooses all.
    expr: Option<Expr>,
    /// The same, with what takes longest asked last.
    plan: Option<Expr>,
}

/// Expressions by the names that they were saved under.
pub type Saved = BTreeMap<String, String>;

/// What a filter looks at: an event, and what is known around it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The event.
    pub event: &'a Event,
    /// The handshake of its connection, where it is known; of a handshake event its own is taken.
    pub handshake: Option<&'a Handshake>,
    /// Time of the capture's first packet.
    pub started: Timestamp,
    /// Whether the user marked it.
    pub marked: bool,
}

impl<'a> Subject<'a> {
    /// The handshake of the connection.
    fn opening(&self) -> Option<&'a Handshake> {
        match &self.event.body {
            Body::Handshake(handshake) => Some(handshake),
            _ => self.handshake,
        }
    }
}

impl Filter {
    /// Understands an expression; an empty one chooses all.
    ///
    /// # Errors
    /// Where it cannot be understood: which characters, why, and the nearest name where a name is not known.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, &Saved::new())
    }

    /// Understands an expression in which `$name` stands for a saved one.
    ///
    /// # Errors
    /// As [`Self::parse`], also where a saved one cannot be understood.
    pub fn parse_with(text: &str, saved: &Saved) -> Result<Self, Error> {
        let expr = parser::parse(text, saved)?;
        Ok(Self { plan: expr.clone().map(Expr::planned), expr })
    }

    /// Understands an expression that chooses connections, by what is known of each when its handshake is over.
    ///
    /// # Errors
    /// As [`Self::parse`], and where it asks for what only single frames or messages have.
    pub fn parse_for_connections(text: &str, saved: &Saved) -> Result<Self, Error> {
        let filter = Self::parse_with(text, saved)?;
        match filter.expr.as_ref().and_then(Expr::beyond_connection) {
            None => Ok(filter),
            Some(name) => {
                let start = text.find(&name);
                let span = start.map_or(0..text.len(), |start| start..start + name.len());
                Err(Error::new(
                    span,
                    format!("{name} is not known of a connection as a whole, and connections are chosen here"),
                ))
            }
        }
    }

    /// Whether the event is chosen. What it lacks of what is asked for is false, never an error.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.plan.as_ref().is_none_or(|expr| expr.matches(subject))
    }

    /// What must be known of an event to decide.
    pub fn scope(&self) -> Scope {
        self.expr.as_ref().map_or(Scope::Connection, Expr::scope)
    }

    /// Of how many events it was not found out whether they are chosen, so that they were not: `json(…)` came to no end on
    /// them, or they were too large for it. Clones count together.
    pub fn undecided(&self) -> u64 {
        self.expr.as_ref().map_or(0, Expr::undecided)
    }

    /// The tree; `None` of a filter that chooses all.
    pub fn expr(&self) -> Option<&Expr> {
        self.expr.as_ref()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Some(expr) => expr.fmt(out),
            None => Ok(()),
        }
    }
}

impl Expr {
    fn scope(&self) -> Scope {
        match self {
            Self::Or(all) | Self::Xor(all) | Self::And(all) => {
                all.iter().map(Self::scope).max().unwrap_or(Scope::Connection)
            }
            Self::Not(inner) => inner.scope(),
            Self::Compare(left, _, right) => left.scope().max(right.scope()),
            Self::Present(operand) | Self::Contains(operand, _) | Self::Matches(operand, _) | Self::In(operand, _) => {
                operand.scope()
            }
            Self::Json(_) => Scope::Payload,
        }
    }

    /// What it asks for that a handshake does not have, if anything. Words are looked for in what it does have.
    fn beyond_connection(&self) -> Option<String> {
        match self {
            Self::Or(all) | Self::Xor(all) | Self::And(all) => all.iter().find_map(Self::beyond_connection),
            Self::Not(inner) => inner.beyond_connection(),
            Self::Compare(left, _, right) => left.beyond_connection().or_else(|| right.beyond_connection()),
            Self::Present(operand) | Self::Contains(operand, _) | Self::Matches(operand, _) | Self::In(operand, _) => {
                operand.beyond_connection()
            }
            Self::Json(_) => Some("json".to_owned()),
        }
    }

    fn undecided(&self) -> u64 {
        match self {
            Self::Or(all) | Self::Xor(all) | Self::And(all) => all.iter().map(Self::undecided).sum(),
            Self::Not(inner) => inner.undecided(),
            Self::Json(query) => query.given_up(),
            Self::Present(_) | Self::Compare(..) | Self::Contains(..) | Self::Matches(..) | Self::In(..) => 0,
        }
    }

    /// The same, with what takes longest asked last.
    fn planned(self) -> Self {
        let sorted = |all: Vec<Self>| {
            let mut all: Vec<_> = all.into_iter().map(Self::planned).collect();
            all.sort_by_key(Self::cost);
            all
        };
        match self {
            Self::Or(all) => Self::Or(sorted(all)),
            Self::Xor(all) => Self::Xor(sorted(all)),
            Self::And(all) => Self::And(sorted(all)),
            Self::Not(inner) => Self::Not(Box::new(inner.planned())),
            other => other,
        }
    }

    /// How long it takes, compared with others: fields of a number or word, what is searched through, jq.
    fn cost(&self) -> u8 {
        match self {
            Self::Or(all) | Self::Xor(all) | Self::And(all) => all.iter().map(Self::cost).max().unwrap_or(0),
            Self::Not(inner) => inner.cost(),
            Self::Json(_) => 2,
            _ => u8::from(self.scope() == Scope::Payload),
        }
    }
}

impl Operand {
    fn scope(&self) -> Scope {
        match self {
            Self::Field(field) => field.scope,
            Self::Call(_, inner) | Self::Slice(inner, _) => inner.scope(),
            Self::Literal(_) => Scope::Connection,
        }
    }

    fn beyond_connection(&self) -> Option<String> {
        match self {
            Self::Field(field) if field.scope == Scope::Connection || field.name == quick::ANY => None,
            Self::Field(field) => Some(field.short().to_owned()),
            Self::Call(_, inner) | Self::Slice(inner, _) => inner.beyond_connection(),
            Self::Literal(_) => None,
        }
    }
}

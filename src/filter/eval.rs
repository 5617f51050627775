//! Whether an expression is true of an event. What it asks for and the event lacks is false, never an error.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Subject;
use super::ast::{Expr, Function, Member, Operand, Relation, Slice};
use super::read;
use super::value::Value;

impl Expr {
    /// Whether it is true of `subject`.
    pub(super) fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Or(all) => all.iter().any(|expr| expr.matches(subject)),
            Self::Xor(all) => all.iter().filter(|expr| expr.matches(subject)).count() % 2 == 1,
            Self::And(all) => all.iter().all(|expr| expr.matches(subject)),
            Self::Not(inner) => !inner.matches(subject),
            Self::Present(operand) => operand.any(subject, &mut |value| value != Value::Flag(false)),
            Self::Compare(left, relation, right) => compare(left, *relation, right, subject),
            Self::Contains(left, needle) => {
                let needle = needle.bytes().unwrap_or_default();
                left.any(subject, &mut |value| value.bytes().is_some_and(|bytes| contains(bytes, needle)))
            }
            Self::Matches(left, pattern) => {
                left.any(subject, &mut |value| value.bytes().is_some_and(|bytes| pattern.is_match(bytes)))
            }
            Self::In(left, members) => {
                left.any(subject, &mut |value| members.iter().any(|member| member.contains(&value)))
            }
            Self::Json(query) => {
                let payload = read::json(subject).and_then(|text| query.matches(text));
                // What is no JSON may hold some, or be told as such by its dissector.
                payload.unwrap_or_else(|| read::trees(subject).any(|tree| query.matches(tree) == Some(true)))
            }
        }
    }
}

impl Operand {
    /// Whether `enough` says so of one of its values.
    pub(super) fn any<'a>(&'a self, subject: &Subject<'a>, enough: &mut dyn FnMut(Value<'a>) -> bool) -> bool {
        match self {
            Self::Field(field) => field.values(subject, enough),
            Self::Call(function, inner) => {
                inner.any(subject, &mut |value| function.of(value).is_some_and(&mut *enough))
            }
            Self::Slice(inner, slices) => inner.any(subject, &mut |value| {
                let Some(bytes) = value.bytes() else { return false };
                cut(bytes, slices).is_some_and(|bytes| enough(Value::Bytes(Cow::Owned(bytes))))
            }),
            Self::Literal(value) => enough(value.clone()),
        }
    }
}

impl Function {
    pub(super) fn of(self, value: Value<'_>) -> Option<Value<'static>> {
        Some(match self {
            Self::Len => Value::Number(value.bytes()?.len() as u64),
            Self::Lower => Value::Text(Cow::Owned(String::from_utf8_lossy(value.bytes()?).to_lowercase())),
            Self::Upper => Value::Text(Cow::Owned(String::from_utf8_lossy(value.bytes()?).to_uppercase())),
            Self::Text => Value::Text(Cow::Owned(match &value {
                Value::Text(text) => text.to_string(),
                // Payload that is text is handed on as its bytes.
                Value::Bytes(bytes) => str::from_utf8(bytes).map_or_else(|_| value.to_string(), str::to_owned),
                other => other.to_string(),
            })),
        })
    }
}

impl Member {
    fn contains(&self, value: &Value<'_>) -> bool {
        match self {
            Self::One(one) => value.compare(one) == Some(Ordering::Equal),
            Self::Range(from, to) => {
                value.compare(from).is_some_and(Ordering::is_ge) && value.compare(to).is_some_and(Ordering::is_le)
            }
        }
    }
}

fn compare(left: &Operand, relation: Relation, right: &Operand, subject: &Subject<'_>) -> bool {
    let any = |wanted: fn(Ordering) -> bool| {
        left.any(subject, &mut |a| right.any(subject, &mut |b| order(&a, &b).is_some_and(wanted)))
    };
    match relation {
        Relation::Equal => any(Ordering::is_eq),
        Relation::Unequal => {
            let both = left.any(subject, &mut |_| true) && right.any(subject, &mut |_| true);
            both && !any(Ordering::is_eq)
        }
        Relation::Less => any(Ordering::is_lt),
        Relation::AtMost => any(Ordering::is_le),
        Relation::Greater => any(Ordering::is_gt),
        Relation::AtLeast => any(Ordering::is_ge),
    }
}

/// How two values stand, whichever of them is a network.
fn order(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match a {
        Value::Network(..) => b.compare(a),
        _ => a.compare(b),
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

/// The slices joined; `None` where one of them reaches beyond the bytes, as in Wireshark.
fn cut(bytes: &[u8], slices: &[Slice]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for slice in slices {
        let from = usize::try_from(slice.offset.unsigned_abs()).ok()?;
        let from = if slice.offset < 0 { bytes.len().checked_sub(from)? } else { from };
        let rest = bytes.get(from..)?;
        let part = match slice.length {
            Some(length) => rest.get(..usize::try_from(length).ok()?)?,
            None => rest,
        };
        out.extend_from_slice(part);
    }
    Some(out)
}

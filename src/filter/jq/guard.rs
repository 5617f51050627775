//! A jq expression to one that means the same, and in which every computation pays from a budget.
//!
//! Three functions of ours (`natives.rs`) give back their input: `step` pays one, `weigh` pays for all of a value, `key`
//! refuses indices that are searched for. Calls pay before, so that recursion without an end is noticed; results pay after,
//! by their size, so that a value cannot grow without an end. What only passes values on (pipes, commas, conditions) pays
//! nothing: its parts do, and a call at its end must stay a tail call.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};

use super::natives;

/// Gives back its input and pays one step.
pub(super) const STEP: &str = "wscope_step";
/// Gives back its input and pays for its size.
pub(super) const WEIGH: &str = "wscope_weigh";
/// Gives back its input where that is an index, not an array to be searched for.
pub(super) const KEY: &str = "wscope_key";
/// Multiplies two values, where the product is of bounded size.
pub(super) const TIMES: &str = "wscope_times";

/// The same expression, guarded.
pub(super) fn term(term: Term<&str>) -> Term<&str> {
    match term {
        Term::Id | Term::Num(_) | Term::Break(_) | Term::Var(_) => term,
        Term::Recurse => after(Term::Recurse, STEP),
        Term::Str(format, parts) => {
            let parts = parts.into_iter().map(|part| match part {
                StrPart::Term(inner) => StrPart::Term(self::term(inner)),
                StrPart::Str(_) | StrPart::Char(_) => part,
            });
            after(Term::Str(format, parts.collect()), WEIGH)
        }
        Term::Arr(inner) => after(Term::Arr(inner.map(|inner| boxed(*inner))), WEIGH),
        Term::Obj(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (self::term(key), value.map(self::term)));
            after(Term::Obj(entries.collect()), WEIGH)
        }
        Term::Neg(inner) => after(Term::Neg(boxed(*inner)), STEP),
        Term::BinOp(left, operator, right) => binary(self::term(*left), operator, self::term(*right)),
        Term::Label(name, inner) => Term::Label(name, boxed(*inner)),
        Term::Fold(name, source, pattern, rest) => {
            let rest = rest.into_iter().map(self::term).collect();
            Term::Fold(name, boxed(*source), self::pattern(pattern), rest)
        }
        Term::TryCatch(tried, caught) => Term::TryCatch(boxed(*tried), caught.map(|caught| boxed(*caught))),
        Term::IfThenElse(branches, otherwise) => {
            let branches = branches.into_iter().map(|(when, then)| (self::term(when), self::term(then)));
            Term::IfThenElse(branches.collect(), otherwise.map(|otherwise| boxed(*otherwise)))
        }
        Term::Def(definitions, inner) => {
            let definitions = definitions.into_iter().map(|def| Def { body: self::term(def.body), ..def });
            Term::Def(definitions.collect(), boxed(*inner))
        }
        Term::Call(name, arguments) => {
            let call = Term::Call(name, arguments.into_iter().map(self::term).collect());
            // What is defined in jq pays for itself; what is not must be paid for all it may look at, and all it gives.
            if natives::names().contains(&name) {
                after(pipe(ours(WEIGH), call), WEIGH)
            } else {
                pipe(ours(STEP), call)
            }
        }
        Term::Path(inner, path) => {
            let index = |inner| pipe(self::term(inner), ours(KEY));
            let parts = path.0.into_iter().map(|(part, optional)| {
                let part = match part {
                    Part::Index(inner) => Part::Index(index(inner)),
                    Part::Range(from, to) => Part::Range(from.map(index), to.map(index)),
                };
                (part, optional)
            });
            after(Term::Path(boxed(*inner), Path(parts.collect())), STEP)
        }
    }
}

/// A binary operation on guarded operands.
fn binary<'s>(left: Term<&'s str>, operator: BinaryOp<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    match operator {
        BinaryOp::Pipe(bound) => Term::BinOp(left.into(), BinaryOp::Pipe(bound.map(pattern)), right.into()),
        BinaryOp::Comma | BinaryOp::Alt | BinaryOp::Or | BinaryOp::And => {
            Term::BinOp(left.into(), operator, right.into())
        }
        BinaryOp::Math(Math::Mul) => after(Term::Call(TIMES, vec![left, right]), WEIGH),
        BinaryOp::Math(_) | BinaryOp::Cmp(_) => {
            let [left, right] = [left, right].map(|operand| after(operand, WEIGH).into());
            after(Term::BinOp(left, operator, right), WEIGH)
        }
        // `l *= r` is `r as $x | l |= . * $x`.
        BinaryOp::UpdateMath(Math::Mul) => {
            const FACTOR: &str = "$wscope_factor";
            let product = Term::Call(TIMES, vec![Term::Id, Term::Var(FACTOR)]);
            let update = Term::BinOp(left.into(), BinaryOp::Update, after(product, WEIGH).into());
            let bound = BinaryOp::Pipe(Some(Pattern::Var(FACTOR)));
            after(Term::BinOp(right.into(), bound, update.into()), WEIGH)
        }
        BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
            after(Term::BinOp(left.into(), operator, right.into()), WEIGH)
        }
    }
}

fn pattern(pattern: Pattern<&str>) -> Pattern<&str> {
    match pattern {
        Pattern::Var(_) => pattern,
        Pattern::Arr(parts) => Pattern::Arr(parts.into_iter().map(self::pattern).collect()),
        Pattern::Obj(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (term(key), self::pattern(value)));
            Pattern::Obj(entries.collect())
        }
    }
}

fn boxed(inner: Term<&str>) -> Box<Term<&str>> {
    Box::new(term(inner))
}

/// `term | name`
fn after<'s>(term: Term<&'s str>, name: &'static str) -> Term<&'s str> {
    pipe(term, ours(name))
}

fn pipe<'s>(left: Term<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    Term::BinOp(left.into(), BinaryOp::Pipe(None), right.into())
}

fn ours(name: &'static str) -> Term<&'static str> {
    Term::Call(name, Vec::new())
}

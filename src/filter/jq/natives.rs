//! The functions that a jq expression may call, and what calling them costs.

use std::cell::Cell;
use std::sync::LazyLock;

use jaq_core::box_iter::box_once;
use jaq_core::data::HasLut;
use jaq_core::load::parse::Def;
use jaq_core::native::{self, bome, unary, v};
use jaq_core::{Ctx, DataT, Error, Exn, Lut, Native};
use jaq_json::{Num, Val};
use jaq_std::ValT as _;
use regex::bytes::RegexBuilder;

use super::guard::{KEY, STEP, TIMES, WEIGH};
use super::{Readable, readable};

/// What is left of an evaluation's steps.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<u64>,
    spent: Cell<bool>,
}

impl Budget {
    pub(super) fn new(steps: u64) -> Self {
        Self { left: Cell::new(steps), spent: Cell::new(false) }
    }

    /// Pays; `false` where the steps or the stack do not suffice.
    pub(super) fn spend(&self, steps: u64) -> bool {
        /// Between two steps the interpreter needs far less.
        const STACK: usize = 512 << 10;
        let left = self.left.get().checked_sub(steps);
        let enough = left.is_some() && stacker::remaining_stack().is_none_or(|left| left > STACK);
        self.left.set(left.unwrap_or(0));
        self.spent.set(self.spent.get() || !enough);
        enough
    }

    /// Whether something could not be paid.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// Pays for all of a value: one for each value in it, and for every 16 bytes.
    fn weigh(&self, value: &Val) -> bool {
        let bytes = |length: usize| 1 + length as u64 / 16;
        match value {
            Val::Null | Val::Bool(_) | Val::Num(Num::Int(_) | Num::Float(_)) => self.spend(1),
            Val::Num(Num::BigInt(number)) => self.spend(1 + number.bits() / 64),
            Val::Num(Num::Dec(digits)) => self.spend(bytes(digits.len())),
            Val::BStr(text) | Val::TStr(text) => self.spend(bytes(text.len())),
            Val::Arr(values) => self.spend(1) && values.iter().all(|value| self.weigh(value)),
            Val::Obj(entries) => {
                self.spend(1) && entries.iter().all(|(key, value)| self.weigh(key) && self.weigh(value))
            }
        }
    }
}

/// What evaluations work on: JSON, with a budget at hand.
pub(super) struct Guarded;

impl DataT for Guarded {
    type V<'a> = Val;
    type Data<'a> = Run<'a>;
}

/// One evaluation.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) lut: &'a Lut<Guarded>,
    pub(super) budget: &'a Budget,
}

impl<'a> HasLut<'a, Guarded> for Run<'a> {
    fn lut(&self) -> &'a Lut<Guarded> {
        self.lut
    }
}

/// Definitions in jq, without those that stand on functions which are left out.
pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|def| !LEFT_OUT.contains(&def.name))
}

/// What has no place in a filter: other inputs and outputs, the clock, ending the program. Regular expressions are ours,
/// which take linear time, in `test`; of mathematics and formats there is what needs no further library.
const LEFT_OUT: &[&str] = &[
    "halt",
    "halt_error",
    "stderr",
    "debug",
    "input",
    "inputs",
    "logb",
    "significand",
    "pow10",
    "drem",
    "nexttoward",
    "scalb",
    "gamma",
    "capture_of_match",
    "test",
    "scan_",
    "match",
    "capture",
    "split",
    "splits",
    "sub",
    "gsub",
    "scan",
    "todate",
    "fromdate",
    "@html",
    "@htmld",
    "@uri",
    "@urid",
    "@base64",
    "@base64d",
    "fromjson",
];

/// Functions that are not written in jq.
pub(super) fn functions() -> impl Iterator<Item = native::Fun<Guarded>> {
    let theirs = jaq_core::funs().chain(jaq_std::base_funs()).chain(jaq_json::funs());
    theirs.filter(|(name, ..)| !LEFT_OUT.contains(name)).chain(ours())
}

/// Names of all functions, those in jq included.
pub(super) fn names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| functions().map(|(name, ..)| name).collect());
    &NAMES
}

fn ours() -> [native::Fun<Guarded>; 7] {
    /// A function that gives back its input, also as a place and in an update, if that can be paid.
    macro_rules! paying {
        ($name:expr, $pay:expr) => {{
            let native = Native::<Guarded>::new(|(context, value)| box_once($pay(&context, &value).map(|()| value)));
            let native = native.with_paths(|(context, place)| box_once($pay(&context, &place.0).map(|()| place)));
            let native = native.with_update(|(context, value), update| match $pay(&context, &value) {
                Ok(()) => update(value),
                Err(spent) => box_once(Err(spent)),
            });
            ($name, v(0), native)
        }};
    }
    [
        paying!(STEP, |context: &Ctx<'_, Guarded>, _| paid(context.data().budget.spend(1))),
        paying!(WEIGH, |context: &Ctx<'_, Guarded>, value| paid(context.data().budget.weigh(value))),
        native::run((KEY, v(0), |(_, value)| {
            let searched = matches!(value, Val::Arr(_));
            bome(if searched { Err(Error::typ(value, "index")) } else { Ok(value) })
        })),
        native::run((TIMES, v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            let budget = cv.0.data().budget;
            let fits = budget.weigh(&left) && budget.weigh(&right) && budget.spend(repetition(&left, &right));
            box_once(paid(fits).and_then(|()| (left * right).map_err(Exn::from)))
        })),
        native::run(("fromjson", v(0), |cv| {
            let text = cv.1.as_bytes().filter(|text| matches!(readable(text), Readable::Yes));
            let value = text.and_then(|text| jaq_json::read::parse_single(text).ok());
            bome(value.ok_or_else(|| Error::str("no JSON")))
        })),
        native::run(("test", v(1), |cv| unary(cv, |text, pattern| Ok(test(&text, &pattern)?.into())))),
        native::run(("split", v(1), |cv| unary(cv, |text, separator| text / separator))),
    ]
}

/// What ends the evaluation where something could not be paid: not even `try` takes it for an error.
fn paid<'a>(paid: bool) -> Result<(), Exn<'a, Val>> {
    if paid { Ok(()) } else { Err(Exn::halt(0)) }
}

/// What repeating a string costs; `"a" * 3` is `"aaa"`.
fn repetition(left: &Val, right: &Val) -> u64 {
    let (Some(text), Some(times)) = (left.as_bytes().or(right.as_bytes()), left.as_f64().or(right.as_f64())) else {
        return 0;
    };
    (text.len() as f64 * times / 16.0) as u64
}

/// Whether a string matches a regular expression of the `regex` crate.
fn test(text: &Val, pattern: &Val) -> Result<bool, Error<Val>> {
    const SIZE: usize = 1 << 16;
    let (Some(bytes), Some(pattern)) =
        (text.as_bytes(), pattern.as_bytes().and_then(|bytes| str::from_utf8(bytes).ok()))
    else {
        return Err(Error::typ(text.clone(), "string"));
    };
    let regex = RegexBuilder::new(pattern).size_limit(SIZE).dfa_size_limit(SIZE).build();
    regex.map(|regex| regex.is_match(bytes)).map_err(Error::str)
}

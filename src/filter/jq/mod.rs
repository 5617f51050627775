//! `json(…)`: a jq expression, asked of a text that is JSON.
//!
//! The jq interpreter (jaq) knows no bounds of its own, and a filter must not hang on `repeat`, so the expression is rewritten
//! before it is compiled (`guard`): what computes something pays for it from a budget, which grows with the text.

mod guard;
mod natives;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jaq_core::load::lex::Lexer;
use jaq_core::load::parse::{Def, Parser, Term};
use jaq_core::load::{Arena, File, Loader, span};
use jaq_core::{Compiler, Ctx, Vars};
use jaq_json::Val;
use serde::de::IgnoredAny;

use super::error::Error;
use natives::{Budget, Guarded, Run};

/// Longest jq expression, in bytes.
const EXPRESSION: usize = 4 << 10;
/// Longer texts are not looked into.
const TEXT: usize = 4 << 20;
/// Longer numbers are not read: reading one takes time that grows with its square.
const DIGITS: usize = 1000;
/// Deeper nesting is not read, as by other readers of JSON.
const DEPTH: usize = 128;
/// Steps that any text gets, and for each of its bytes.
const STEPS: u64 = 200_000;
const STEPS_PER_BYTE: u64 = 8;
/// After so many texts on which it came to no end, it is not asked any more.
const GIVEN_UP: u64 = 100;
/// The interpreter gets at least so much stack, …
const STACK: usize = 4 << 20;
/// … and where there is less, this much.
const NEW_STACK: usize = 16 << 20;

/// A jq expression that is true of a text where one of its results is neither `false` nor `null`.
///
/// Clones count together what they gave up.
#[derive(Clone)]
pub struct Query {
    source: String,
    filter: Arc<jaq_core::Filter<Guarded>>,
    given_up: Arc<AtomicU64>,
}

impl Query {
    /// Compiles a jq expression; places of errors count from `start`.
    pub(super) fn parse(source: &str, start: usize) -> Result<Self, Error> {
        if source.len() > EXPRESSION {
            return Err(Error::new(start..start + source.len(), format!("longer than {EXPRESSION} bytes")));
        }
        let filter = stacker::maybe_grow(STACK, NEW_STACK, || compile(source)).map_err(|mut error| {
            error.span = error.span.start + start..error.span.end + start;
            error
        })?;
        Ok(Self { source: source.to_owned(), filter: Arc::new(filter), given_up: Arc::default() })
    }

    /// Whether it is true of this text, `None` where that is no JSON; `false` where the expression fails, and where it comes to
    /// no end in its budget.
    pub(super) fn matches(&self, text: &[u8]) -> Option<bool> {
        let mut found = false;
        self.ask(text, &mut |result| {
            found = !matches!(result, Val::Null | Val::Bool(false));
            found
        })?;
        Some(found)
    }

    /// The first result for this text: a string as it is, anything else as JSON. `None` where the text is no JSON;
    /// `Some(None)` where there is no result, or none in its budget.
    pub(super) fn first(&self, text: &[u8]) -> Option<Option<String>> {
        let mut first = None;
        self.ask(text, &mut |result| {
            let json = result.to_string();
            first = Some(serde_json::from_str(&json).unwrap_or(json));
            true
        })?;
        Some(first)
    }

    /// How many texts it came to no end on, or did not look into because of their size.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Hands the results for a text to `enough` until that says so; `None` where it is no JSON. What comes to no end is counted.
    fn ask(&self, text: &[u8], enough: &mut dyn FnMut(&Val) -> bool) -> Option<()> {
        let ended = self.given_up() < GIVEN_UP
            && match readable(text) {
                Readable::Yes => stacker::maybe_grow(STACK, NEW_STACK, || self.run(text, enough)),
                Readable::No => return None,
                Readable::TooLarge => false,
            };
        if !ended {
            self.given_up.fetch_add(1, Ordering::Relaxed);
        }
        Some(())
    }

    /// Whether the budget sufficed.
    fn run(&self, text: &[u8], enough: &mut dyn FnMut(&Val) -> bool) -> bool {
        let Ok(input) = jaq_json::read::parse_single(text) else { return true };
        let budget = Budget::new(STEPS + STEPS_PER_BYTE * text.len() as u64);
        let run = Run { lut: &self.filter.lut, budget: &budget };
        let results = self.filter.id.run((Ctx::<Guarded>::new(run, Vars::new([])), input));
        for result in results {
            match result {
                Ok(result) if enough(&result) => return true,
                Ok(_) => {}
                Err(_) if budget.is_spent() => return false,
                // As in jq, an error ends the results.
                Err(_) => break,
            }
            // Results cost too, where there are many that are not enough.
            if !budget.spend(1) {
                return false;
            }
        }
        true
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Query({:?})", self.source)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "json({})", self.source)
    }
}

/// Whether a text can be given to jq.
enum Readable {
    Yes,
    No,
    TooLarge,
}

/// jq's own reader takes more than JSON and recurses without bound, so what it is given is checked first.
fn readable(text: &[u8]) -> Readable {
    match text.trim_ascii_start().first() {
        Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {}
        Some(_) | None => return Readable::No,
    }
    if text.len() > TEXT {
        return Readable::TooLarge;
    }
    if serde_json::from_slice::<IgnoredAny>(text).is_err() {
        return Readable::No;
    }
    if is_hostile(text) { Readable::TooLarge } else { Readable::Yes }
}

/// Whether JSON has a number that is too long, or is nested too deep to be read by recursion.
fn is_hostile(json: &[u8]) -> bool {
    let (mut digits, mut depth, mut quoted, mut escaped) = (0, 0_usize, false, false);
    json.iter().any(|byte| {
        match byte {
            b'"' if !escaped => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth -= 1,
            _ => {}
        }
        digits = if byte.is_ascii_digit() && !quoted { digits + 1 } else { 0 };
        escaped = quoted && *byte == b'\\' && !escaped;
        digits > DIGITS || depth > DEPTH
    })
}

fn compile(source: &str) -> Result<jaq_core::Filter<Guarded>, Error> {
    /// The expression is compiled as the body of a definition, since that is what can be rewritten.
    const NAME: &str = "expression";
    let mut definitions: Vec<Def<&str>> = natives::definitions().collect::<Vec<_>>();
    definitions.push(Def { name: NAME, args: Vec::new(), body: term(source)? });
    let guarded = definitions.into_iter().map(|def| Def { body: guard::term(def.body), ..def });
    let arena = Arena::default();
    let modules = Loader::new(guarded).load(&arena, File { code: NAME, path: () });
    let modules = modules.map_err(|_| Error::new(0..source.len(), "no jq expression"))?;
    Compiler::default().with_funs(natives::functions()).compile(modules).map_err(|errors| {
        let error = errors.into_iter().flat_map(|(_, errors)| errors).next();
        let (name, undefined) = error.expect("what does not compile says why");
        let names = natives::names();
        Error::unknown(
            place(source, name),
            &format!("{} that json() knows", undefined.as_str()),
            name,
            names.iter().copied(),
        )
    })
}

fn term(source: &str) -> Result<Term<&str>, Error> {
    let tokens = Lexer::new(source).lex().map_err(|errors| {
        let (expected, rest) = errors.into_iter().next().expect("what is refused says why");
        let start = place(source, rest).start;
        let end = source[start..].chars().next().map_or(start, |c| start + c.len_utf8());
        Error::new(start..end, format!("jq expects a {} here", expected.as_str()))
    })?;
    Parser::new(&tokens).parse(Parser::term).map_err(|errors| {
        let (expected, token) = errors.into_iter().next().expect("what is refused says why");
        let span = token.map_or(source.len()..source.len(), |token| place(source, token.0));
        Error::new(span, format!("jq expects {} here", expected.as_str()))
    })
}

/// Where a part of the expression stands in it; all of it for a part that comes from elsewhere.
fn place(source: &str, part: &str) -> std::ops::Range<usize> {
    let whole = source.as_bytes().as_ptr_range();
    if whole.contains(&part.as_ptr()) || part.is_empty() && whole.end == part.as_ptr() {
        span(source, part)
    } else {
        0..source.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(source: &str) -> Query {
        match Query::parse(source, 0) {
            Ok(query) => query,
            Err(error) => panic!("{}", error.render(source)),
        }
    }

    #[test]
    fn true_where_one_result_is_neither_false_nor_null() {
        let text = br#"{"type":"error","data":{"code":503},"list":[1,2,{"deep":[true]}],"inner":"{\"a\":[1]}"}"#;
        for (source, wanted) in [
            (".", true),
            (".data.code > 400", true),
            (".data.code > 600", false),
            (".missing", false),
            (".missing.deeper", false),
            (".type.deeper", false),
            (".list[] | . == 2", true),
            (".list | length == 3", true),
            (".. | .deep? // empty", true),
            ("any(.list[]; type == \"object\")", true),
            (".type | test(\"^err\")", true),
            (".type | test(\"(\")", false),
            (".inner | fromjson | .a[0] == 1", true),
            ("[.list[] | numbers] | add == 3", true),
            ("to_entries | map(.key) | index(\"data\") == 1", true),
            (".type |= ascii_upcase | .type == \"ERROR\"", true),
            ("del(.list[0]) | .list[0] == 2", true),
            ("[limit(3; repeat(1))] == [1, 1, 1]", true),
            ("reduce .list[0, 1] as $x (0; . + $x) == 3", true),
            ("def f($n): if $n < 1 then 0 else 1 + f($n - 1) end; f(50) == 50", true),
            ("\"a\" * 3 == \"aaa\"", true),
            (".data.code *= 2 | .data.code == 1006", true),
            ("[paths] | length > 5", true),
            ("walk(if type == \"number\" then . + 1 else . end) | .data.code == 504", true),
            ("\"\\(.type)!\" == \"error!\"", true),
            ("try error(\"x\") catch . == \"x\"", true),
            ("[range(5)] | length == 5", true),
            ("empty", false),
        ] {
            let query = query(source);
            assert_eq!((query.matches(text) == Some(true), query.given_up()), (wanted, 0), "{source}");
        }
    }

    #[test]
    fn what_has_no_end_is_given_up() {
        for source in [
            "last(repeat(1))",
            "[repeat(1)]",
            "[range(1e18)]",
            "last(range(1e18))",
            "range(1e18) | select(. < 0)",
            "reduce range(1e18) as $i (0; .)",
            "foreach range(1e18) as $i (0; .) | empty",
            "def f: f; f",
            "def f: 1 + f; f",
            "def f: f, f; f",
            "def f: [f]; f",
            "def f: try f catch f; f",
            "def f(g): f(g | g); f(.)",
            "until(false; .)",
            "last(recurse(.))",
            "first(repeat(1) | empty)",
            "last(limit(1e18; repeat(1)))",
            "skip(1e18; repeat(1))",
            "reduce range(1e9) as $i (0; [.])",
            "reduce range(1e9) as $i (0; {a: .})",
            "reduce range(1e9) as $i (\"a\"; . + .)",
            "reduce range(1e9) as $i ([1]; . + .)",
            "reduce range(1e9) as $i (3; . * .)",
            "reduce range(1e9) as $i ([]; .[0:0] = [$i])",
            "reduce range(1e9) as $i ([0]; .[0] |= [.])",
            "\"a\" * 1e18",
            "1000000000000 * \"a\"",
            "\"a\" | . *= 1000000000000",
            "[.[] as $a | .[] as $b | .[] as $c | .[] as $d | .[] as $e | $a] | .[-1] < 0",
            "[combinations(20)]",
            "all(repeat(true); .)",
            "isempty(repeat(empty))",
            "label $out | repeat(1) | empty",
            "try last(repeat(1)) catch .",
            ".. |= last(repeat(.))",
            "path(last(repeat(.)))",
        ] {
            let query = query(source);
            assert_ne!(query.matches(format!("[{}1]", "1,".repeat(200)).as_bytes()), Some(true), "{source}");
            assert_eq!(query.given_up(), 1, "{source}");
        }
    }

    #[test]
    fn given_up_too_often_it_is_not_asked_any_more() {
        let query = query("\"a\" * 1e18");
        for _ in 0..2 * GIVEN_UP {
            assert_ne!(query.matches(b"1"), Some(true));
        }
        assert_eq!(query.given_up(), 2 * GIVEN_UP);
    }

    #[test]
    fn texts_that_are_no_json_or_hostile_are_not_read() {
        let query = query("true");
        let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        for text in ["", " ", "hello", "{", "[1,]", "1 2", "NaN", "# x\n1", "{\"a\":1", "b\"a\""] {
            assert_eq!((query.matches(text.as_bytes()), query.given_up()), (None, 0), "{:.20}", text);
        }
        let large = format!("[{}1]", "1,".repeat(TEXT));
        for text in [&*"9".repeat(100_000), &large, &deep("[", "]"), &deep("{\"a\":", "}")] {
            assert_ne!(query.matches(text.as_bytes()), Some(true));
        }
        assert_eq!(query.given_up(), 4);
        assert_eq!(query.matches(format!("[\"{}{}\"]", "9".repeat(5000), "[".repeat(500)).as_bytes()), Some(true));
    }

    #[test]
    fn errors_have_their_place() {
        for (source, wrong, message) in [
            (".a | lenght", "lenght", "\"lenght\" is no filter that json() knows; did you mean length?"),
            (".a +", "", "jq expects term here"),
            (".a ]", "]", "jq expects a token here"),
            ("$x", "$x", "\"$x\" is no variable that json() knows"),
            ("env", "env", "\"env\" is no filter that json() knows"),
            ("input", "input", "\"input\" is no filter that json() knows"),
        ] {
            let error = Query::parse(source, 0).expect_err(source);
            assert_eq!(&source[error.span.clone()], wrong, "{source}: {error}");
            assert!(error.to_string().starts_with(message), "{error}");
        }
        for deep in ["(", "[", "-", "try ", "if ", "def f: ", ".[", "{a:"] {
            assert!(Query::parse(&deep.repeat(EXPRESSION / deep.len()), 0).is_err(), "{deep}");
        }
    }
}

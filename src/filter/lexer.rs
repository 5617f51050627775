//! Characters of an expression to tokens with their places.
//!
//! A word runs until a space, a bracket, a comma, a double quote or an operator, so `ws.len`, `10.0.0.0/8`, `1..5`, `::1`,
//! `1.5ms` and `dir:s2c` are words; what a word means is for the parser, which knows what is expected.

use std::ops::Range;

use super::error::Error;

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a literal or a word to look for.
    Word(String),
    /// A string in single or double quotes, its escapes resolved.
    Quoted(String),
    /// A regular expression between slashes.
    Regex(String),
    /// The jq expression inside `json(…)`.
    Json(String),
    /// An operator or a bracket, in its one spelling.
    Symbol(&'static str),
    /// The end of the expression.
    End,
}

/// A token and its bytes in the expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

/// Operators and brackets as they may be written, longer ones first, and as they are called.
const SYMBOLS: &[(&str, &str)] = &[
    ("===", "=="),
    ("!==", "!="),
    ("==", "=="),
    ("!=", "!="),
    (">=", ">="),
    ("<=", "<="),
    ("&&", "and"),
    ("||", "or"),
    ("^^", "xor"),
    (">", ">"),
    ("<", "<"),
    ("!", "not"),
    ("~", "matches"),
    ("(", "("),
    (")", ")"),
    ("[", "["),
    ("]", "]"),
    ("{", "{"),
    ("}", "}"),
    (",", ","),
];

/// Splits an expression into tokens; the last one is [`Token::End`].
pub(super) fn lex(text: &str) -> Result<Vec<Lexeme>, Error> {
    let mut lexemes = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let (token, end) = next(text, at)?;
        let over = token == Token::End;
        lexemes.push(Lexeme { token, span: at..end });
        if over {
            return Ok(lexemes);
        }
        at = end;
    }
}

/// The token that begins at `at`, and where it ends.
fn next(text: &str, at: usize) -> Result<(Token, usize), Error> {
    let rest = &text[at..];
    let Some(first) = rest.chars().next() else { return Ok((Token::End, at)) };
    if let Some(body) = rest.strip_prefix("json(") {
        let start = at + "json(".len();
        let length = closing(body).ok_or_else(|| Error::new(at..text.len(), "json( is not closed"))?;
        return Ok((Token::Json(body[..length].to_owned()), start + length + 1));
    }
    match first {
        '"' | '\'' => return quoted(text, at, first),
        'r' if rest.starts_with("r\"") => {
            let body = &rest[2..];
            let length = body.find('"').ok_or_else(|| Error::new(at..text.len(), "the string is not closed"))?;
            return Ok((Token::Quoted(body[..length].to_owned()), at + 2 + length + 1));
        }
        '/' => {
            if let Some(length) = regex(&rest[1..]) {
                let body = rest[1..=length].replace("\\/", "/");
                return Ok((Token::Regex(body), at + length + 2));
            }
        }
        _ => {}
    }
    if let Some((spelling, name)) = SYMBOLS.iter().find(|(spelling, _)| rest.starts_with(spelling)) {
        return Ok((Token::Symbol(name), at + spelling.len()));
    }
    match first {
        '=' => Err(Error::new(at..at + 1, "one `=` is no operator: write `==`, or quote the word")),
        _ => {
            let length = word(rest);
            Ok((Token::Word(rest[..length].to_owned()), at + length))
        }
    }
}

/// Length of the word that begins `rest`: at least one character.
fn word(rest: &str) -> usize {
    let ends = |index: usize, c: char| match c {
        '(' | ')' | '[' | ']' | '{' | '}' | ',' | '"' | '=' | '<' | '>' => true,
        '!' => rest[index..].starts_with("!="),
        '&' => rest[index..].starts_with("&&"),
        '|' => rest[index..].starts_with("||"),
        c => c.is_whitespace(),
    };
    rest.char_indices().skip(1).find(|(index, c)| ends(*index, *c)).map_or(rest.len(), |(index, _)| index)
}

/// Length of a regular expression up to its slash, where that ends the word; else these are the parts of a path.
fn regex(rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in rest.char_indices() {
        if c == '/' && !escaped {
            let after = rest[index + 1..].chars().next();
            return (index > 0 && after.is_none_or(|c| c.is_whitespace() || c == ')')).then_some(index);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn quoted(text: &str, at: usize, quote: char) -> Result<(Token, usize), Error> {
    let mut value = String::new();
    let mut chars = text[at + 1..].char_indices();
    while let Some((index, c)) = chars.next() {
        let index = at + 1 + index;
        if c == quote {
            return Ok((Token::Quoted(value), index + 1));
        }
        if c != '\\' {
            value.push(c);
            continue;
        }
        let Some((_, escape)) = chars.next() else { break };
        let (digits, from) = match escape {
            'n' => {
                value.push('\n');
                continue;
            }
            'r' => {
                value.push('\r');
                continue;
            }
            't' => {
                value.push('\t');
                continue;
            }
            '\\' | '"' | '\'' => {
                value.push(escape);
                continue;
            }
            'x' => (text.get(index + 2..index + 4), index + 4),
            'u' if text[index + 2..].starts_with('{') => {
                let digits = text[index + 3..].split_once('}').map(|(digits, _)| digits);
                (digits, index + 4 + digits.map_or(0, str::len))
            }
            // Others stay as they are: "\d" and "\." are for a regular expression.
            other => {
                value.extend(['\\', other]);
                continue;
            }
        };
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let wanted = if escape == 'x' { code.filter(|code| *code < 0x80) } else { code };
        let c = wanted.and_then(char::from_u32).ok_or_else(|| {
            Error::new(index..index + 2, "no such character; bytes are written without quotes, as ff:00")
        })?;
        value.push(c);
        chars = text[at + 1..].char_indices();
        while chars.offset() < from - at - 1 {
            chars.next();
        }
    }
    Err(Error::new(at..text.len(), "the string is not closed"))
}

/// Length of a jq expression up to the parenthesis that closes it.
///
/// Strings are passed over with their interpolations, `"\(…)"`, and comments.
fn closing(jq: &str) -> Option<usize> {
    /// What is open at a place.
    #[derive(PartialEq)]
    enum Open {
        Parenthesis,
        String,
    }
    let mut open = Vec::new();
    let mut chars = jq.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        match (open.last(), c) {
            (Some(Open::String), '\\') => {
                if let Some((_, '(')) = chars.next() {
                    open.push(Open::Parenthesis);
                }
            }
            (Some(Open::String), '"') | (Some(Open::Parenthesis), ')') => {
                open.pop();
            }
            (Some(Open::String), _) => {}
            (_, '"') => open.push(Open::String),
            (_, '(') => open.push(Open::Parenthesis),
            (None, ')') => return Some(index),
            (_, '#') => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let lexemes = lex(text).expect(text);
        lexemes.into_iter().map(|lexeme| lexeme.token).filter(|token| *token != Token::End).collect()
    }

    fn word(text: &str) -> Token {
        Token::Word(text.into())
    }

    fn quoted(text: &str) -> Token {
        Token::Quoted(text.into())
    }

    #[test]
    fn words_end_where_operators_begin() {
        use Token::Symbol;
        assert_eq!(
            tokens("ws.len>=5&&!fin"),
            [word("ws.len"), Symbol(">="), word("5"), Symbol("and"), Symbol("not"), word("fin")]
        );
        assert_eq!(
            tokens("f[0:4]~x"),
            [word("f"), Symbol("["), word("0:4"), Symbol("]"), Symbol("matches"), word("x")]
        );
        assert_eq!(tokens("hello! a&b don't ::1"), ["hello!", "a&b", "don't", "::1"].map(word));
    }

    #[test]
    fn strings_and_their_escapes() {
        assert_eq!(tokens(r#""a\"b" 'c"d' r"\n""#), [quoted("a\"b"), quoted("c\"d"), quoted("\\n")]);
        assert_eq!(tokens(r#""\x41\u{20ac}\n\d\.""#), [quoted("A€\n\\d\\.")]);
        for wrong in [r#""\xff""#, r#""\u{d800}""#, r#""\x""#, "\"open", "'", "r\"", r#""\"#, "a = b"] {
            assert!(lex(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn slashes_are_regular_expressions_where_they_close_a_word() {
        assert_eq!(
            tokens(r"/a b\/c/ /chat /a/b //"),
            [Token::Regex("a b/c".into()), word("/chat"), word("/a/b"), word("//")]
        );
    }

    #[test]
    fn jq_ends_at_its_own_parenthesis() {
        let jq = r#"(.a | "x)\(.b + ")" )") # )
 > 1"#;
        assert_eq!(tokens(&format!("json({jq}) x")), [Token::Json(jq.into()), word("x")]);
        assert!(lex("json((1)").is_err());
    }
}

//! Why an expression is no filter: where, what, and what was perhaps meant.

use std::fmt;
use std::ops::Range;

use crate::export::escape::push_escaped;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// Which bytes of the expression; empty at its end where something is missing.
    pub span: Range<usize>,
    /// What is wrong with them, in one line.
    pub message: String,
    /// What was perhaps meant: a name to be put there instead.
    pub suggestion: Option<String>,
}

impl Error {
    /// An error about these bytes.
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), suggestion: None }
    }

    /// An error about a name that is none of `names`; suggests the nearest.
    pub(super) fn unknown<'a>(
        span: Range<usize>,
        what: &str,
        found: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let suggestion = nearest(found, names).map(str::to_owned);
        Self { suggestion, ..Self::new(span, format!("{found:?} is no {what}")) }
    }

    /// The message, with the expression below it and carets under what is wrong; nothing in it talks to a terminal.
    pub fn render(&self, expression: &str) -> String {
        let mut line = String::new();
        let mut place = [0; 2];
        for (index, c) in expression.char_indices() {
            for (edge, at) in [(self.span.start, 0), (self.span.end, 1)] {
                if index < edge {
                    place[at] = usize::MAX;
                } else if place[at] == usize::MAX {
                    place[at] = line.chars().count();
                }
            }
            push_escaped(c.encode_utf8(&mut [0; 4]), &mut line);
        }
        let [start, end] = place.map(|at| at.min(line.chars().count()));
        let (line, start, end) = window(&line, start, end);
        let mut out = String::new();
        push_escaped(&self.to_string(), &mut out);
        format!("{out}\n   {line}\n   {:start$}{}", "", "^".repeat((end - start).max(1)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        match &self.suggestion {
            Some(name) => write!(out, "; did you mean {name}?"),
            None => Ok(()),
        }
    }
}

/// The part of a long line around columns `start..end`, and where they stand in it.
fn window(line: &str, start: usize, end: usize) -> (String, usize, usize) {
    const WIDTH: usize = 74;
    const BEFORE: usize = 30;
    if line.chars().count() <= WIDTH {
        return (line.to_owned(), start, end);
    }
    let from = start.saturating_sub(BEFORE);
    let text = line.chars().skip(from).take(WIDTH).collect();
    (text, start - from, (end - from).min(WIDTH))
}

/// The name that is nearest to `found`, where it is near enough to have been meant.
fn nearest<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let close = found.chars().count() / 3 + 1;
    let near = names.into_iter().map(|name| (distance(found, name), name)).filter(|(distance, _)| *distance <= close);
    // Of equal ones the first in the table.
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Characters to insert, remove, replace or exchange with their neighbour (optimal string alignment), any case.
fn distance(from: &str, to: &str) -> usize {
    let lower = |text: &str| text.chars().take(64).flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (from, to) = (lower(from), lower(to));
    let mut rows = [vec![0; to.len() + 1], (0..=to.len()).collect::<Vec<_>>(), vec![0; to.len() + 1]];
    for i in 1..=from.len() {
        let [before, last, row] = &mut rows;
        row[0] = i;
        for j in 1..=to.len() {
            let replaced = last[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        for (from, to, wanted) in
            [("", "", 0), ("ab", "", 2), ("ws.hots", "ws.host", 1), ("WS.LEN", "ws.len", 0), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), wanted, "{from} {to}");
        }
    }

    #[test]
    fn what_is_far_off_is_not_suggested() {
        assert_eq!(nearest("ws.hots", ["ws.len", "ws.host"]), Some("ws.host"));
        assert_eq!(nearest("quux", ["ws.len", "ws.host"]), None);
    }

    #[test]
    fn carets_stand_under_what_is_wrong_whatever_is_before_it() {
        let expression = "é\u{1b} ws.hots";
        let start = expression.find("ws").expect("there");
        let error = Error::unknown(start..expression.len(), "field", "ws.hots", ["ws.host"]);
        let rendered = error.render(expression);
        assert_eq!(rendered, "\"ws.hots\" is no field; did you mean ws.host?\n   é\\x1b ws.hots\n         ^^^^^^^");
        let end = Error::new(4..4, "nothing").render("a ==");
        assert_eq!(end.lines().last(), Some("       ^"));
    }

    #[test]
    fn of_a_long_expression_the_place_is_shown() {
        let expression = format!("{} x {}", "a ".repeat(500), "b ".repeat(500));
        let rendered = Error::new(1001..1002, "here").render(&expression);
        let lines: Vec<_> = rendered.lines().collect();
        assert_eq!(lines[1].chars().nth(lines[2].len() - 1), Some('x'), "{rendered}");
        assert!(lines.iter().all(|line| line.chars().count() <= 77));
    }
}

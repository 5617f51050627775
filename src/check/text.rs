//! The report as plain text that can be pasted into a bug report.

use std::fmt::Write as _;

use crate::anomaly::{Code, RULES, Severity};
use crate::check::{Connection, Finding, Totals};
use crate::duplex::Direction;
use crate::export::escape::push_escaped;
use crate::export::text::count;

/// Width at which explanations are broken.
const WIDTH: usize = 78;
const INDENT: &str = "      ";

/// What was found on a connection, a paragraph.
pub fn connection(connection: &Connection) -> String {
    let mut out = String::new();
    write(connection, &mut out).expect("a String takes all");
    out
}

fn write(connection: &Connection, out: &mut String) -> std::fmt::Result {
    let Connection { client, server, .. } = connection;
    write!(out, "#{} ", connection.number)?;
    push_escaped(connection.uri.as_deref().unwrap_or("(request not captured)"), out);
    writeln!(out)?;
    let mut line = format!("{client} -> {server}, handshake {}", connection.handshake.name());
    if let Some(status) = connection.status {
        write!(line, " ({status})")?;
    }
    wrap(&line, "   ", out);
    wrap(&connection.verdict().to_string(), "   ", out);
    for Finding { code, side, count, packet, offset, text } in &connection.findings {
        let side = side.map_or("-", Direction::sender);
        let mut place = format!("{count}x, packet {packet}");
        if let Some(offset) = offset {
            write!(place, ", offset {offset}")?;
        }
        finding(*code, side, &place, text, out)?;
    }
    writeln!(out)
}

/// A rule, who gave cause to it, how often and where, and what it means.
fn finding(code: Code, side: &str, place: &str, text: &str, out: &mut String) -> std::fmt::Result {
    let rule = code.rule();
    let line = format!("   {:<9} {side:<6} {}", rule.severity.name(), rule.name);
    let fits = line.len() + place.len() + 3 <= WIDTH;
    writeln!(out, "{line}{}({place})", if fits { " " } else { "\n      " })?;
    let mut escaped = String::new();
    push_escaped(text, &mut escaped);
    wrap(&format!("{escaped} [{}]", rule.reference), INDENT, out);
    Ok(())
}

/// The last lines.
pub fn totals(totals: &Totals) -> String {
    let Totals { conform, violate, cannot_tell, capture, .. } = totals;
    let mut out = format!(
        "{}: {}, {}, {cannot_tell} cannot be told\n",
        count(conform + violate + cannot_tell, "connection", "connections"),
        count(*conform, "conforms", "conform"),
        count(*violate, "violates", "violate"),
    );
    for (code, count) in capture {
        finding(*code, "-", &format!("{count}x"), code.rule().meaning, &mut out).expect("a String takes all");
    }
    out
}

/// The table of rules.
pub fn rules() -> String {
    let mut out = String::new();
    for severity in [Severity::Violation, Severity::Warning, Severity::Loss, Severity::Note] {
        for rule in RULES.iter().filter(|rule| rule.severity == severity) {
            writeln!(out, "{:<9} {}  [{}]", severity.name(), rule.name, rule.reference).expect("a String takes all");
            wrap(rule.meaning, INDENT, &mut out);
        }
    }
    out
}

/// Breaks a text at its spaces; `indent` stands before its first line, [`INDENT`] before the others.
fn wrap(text: &str, indent: &str, out: &mut String) {
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width <= WIDTH {
            out.push(' ');
            column += 1 + width;
        } else {
            let indent = if column == 0 {
                indent
            } else {
                out.push('\n');
                INDENT
            };
            out.push_str(indent);
            column = indent.len() + width;
        }
        out.push_str(word);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_listed_and_no_line_is_wide() {
        let table = rules();
        assert!(RULES.iter().all(|rule| table.contains(&format!(" {}  [", rule.name))));
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    }

    #[test]
    fn long_words_stand_alone() {
        let mut out = String::new();
        wrap(&format!("a {} b", "x".repeat(100)), INDENT, &mut out);
        assert_eq!(out.lines().count(), 3);
    }
}

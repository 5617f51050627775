//! The report as plain text that can be pasted into a bug report.

use std::fmt::Write as _;

use crate::anomaly::{RULES, Severity};
use crate::check::{Connection, Totals};
use crate::export::escape::push_escaped;

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
    write!(out, "   {}:{} -> {}:{}", client.ip, client.port, server.ip, server.port)?;
    write!(out, ", handshake {}", connection.handshake.name())?;
    if let Some(status) = connection.status {
        write!(out, " ({status})")?;
    }
    writeln!(out, "\n   {}", connection.verdict())?;
    for finding in &connection.findings {
        let rule = finding.code.rule();
        let side = finding.side.map_or("-", |side| side.sender());
        write!(
            out,
            "   {:<9} {side:<6} {} ({}x, packet {}",
            rule.severity.name(),
            rule.name,
            finding.count,
            finding.packet
        )?;
        if let Some(offset) = finding.offset {
            write!(out, ", offset {offset}")?;
        }
        writeln!(out, ")")?;
        let mut text = String::new();
        push_escaped(&finding.text, &mut text);
        wrap(&format!("{text} [{}]", rule.reference), out);
    }
    writeln!(out)
}

/// The last line.
pub fn totals(totals: &Totals) -> String {
    let Totals { conform, violate, cannot_tell, .. } = totals;
    let connections = conform + violate + cannot_tell;
    format!("{connections} connections: {conform} conform, {violate} violate, {cannot_tell} cannot be told\n")
}

/// The table of rules.
pub fn rules() -> String {
    let mut out = String::new();
    for severity in [Severity::Violation, Severity::Warning, Severity::Loss, Severity::Note] {
        for rule in RULES.iter().filter(|rule| rule.severity == severity) {
            writeln!(out, "{:<9} {}  [{}]", severity.name(), rule.name, rule.reference).expect("a String takes all");
            wrap(rule.meaning, &mut out);
        }
    }
    out
}

/// Breaks a text at its spaces, and indents it.
fn wrap(text: &str, out: &mut String) {
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column == 0 || column + 1 + width > WIDTH {
            if column > 0 {
                out.push('\n');
            }
            out.push_str(INDENT);
            column = INDENT.len() + width;
        } else {
            out.push(' ');
            column += 1 + width;
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
        wrap(&format!("a {} b", "x".repeat(100)), &mut out);
        assert_eq!(out.lines().count(), 3);
    }
}

//! The report as JSON lines, for CI.

use crate::anomaly::{RULES, Rule};
use crate::check::{Connection, Finding, Totals, Verdict};
use crate::export::json::{Json, field, list, object, optional};
use crate::export::record::begin_anomaly;

/// What was found on a connection, as one line.
pub fn connection(connection: &Connection, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"check\"");
    field!(out, "connection", connection.number);
    field!(out, "client", connection.client);
    field!(out, "server", connection.server);
    optional!(out, "uri", &connection.uri);
    field!(out, "handshake", connection.handshake.name());
    optional!(out, "status", connection.status);
    let verdict = connection.verdict();
    field!(out, "verdict", verdict.name());
    if let Verdict::CannotTell(reasons) = verdict {
        field!(out, "reasons", reasons);
    }
    field!(out, "findings", connection.findings);
    out.extend_from_slice(b"}\n");
}

/// The last line; `reached`: whether the threshold was.
pub fn totals(totals: &Totals, reached: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"summary\"");
    field!(out, "conform", totals.conform);
    field!(out, "violate", totals.violate);
    field!(out, "cannot_tell", totals.cannot_tell);
    field!(out, "reached", reached);
    out.extend_from_slice(b",\"findings\":");
    list(&totals.capture, out, |&(code, count), out| {
        let Rule { name, severity, reference, meaning, .. } = code.rule();
        object!(out, "code": *name, "severity": severity.name(), "reference": *reference, "count": count,
            "text": *meaning);
    });
    out.extend_from_slice(b"}\n");
}

/// The table of rules, a line each.
pub fn rules() -> String {
    let mut out = Vec::new();
    for Rule { name, severity, reference, meaning, .. } in RULES {
        object!(&mut out, "code": *name, "severity": severity.name(), "reference": *reference, "text": *meaning);
        out.push(b'\n');
    }
    String::from_utf8(out).expect("the table is text")
}

impl Json for Finding {
    fn write(&self, out: &mut Vec<u8>) {
        begin_anomaly(self.code, out);
        optional!(out, "from", self.side);
        field!(out, "count", self.count);
        field!(out, "packet", self.packet);
        optional!(out, "offset", self.offset);
        field!(out, "text", self.text);
        out.push(b'}');
    }
}

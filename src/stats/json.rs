//! The numbers as one JSON object, for programs (`wscope stats --schema`).

use crate::anomaly::Code;
use crate::duplex::{Direction, Duplex};
use crate::event::Verdict;
use crate::export::Conclusion;
use crate::export::json::{Json, field, list, object, optional};
use crate::export::record::{cost, counts};
use crate::export::time::write_seconds;
use crate::outbox::Summary;
use crate::stats::histogram::Histogram;
use crate::stats::kinds::SIZES;
use crate::stats::methods::{Method, Methods};
use crate::stats::rate::Rate;
use crate::stats::traffic::Traffic;
use crate::stats::{Ended, Row, Stats};
use crate::ws::frame::Opcode;

/// The JSON Schema of the object, version 1.
pub const SCHEMA: &str = include_str!("schema.json");

/// Appends the object, and a line end.
pub fn write(stats: &Stats, end: &Conclusion<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"stats\",\"connections\":");
    list(stats.rows(), out, row);
    out.extend_from_slice(b",\"shed\":");
    object!(out, "connections": stats.shed().count, "largest": stats.shed().largest);
    out.extend_from_slice(b",\"total\":");
    total(stats, out);
    out.extend_from_slice(b",\"capture\":");
    capture(stats, end.summary, out);
    if !end.damaged.is_empty() {
        field!(out, "damaged", end.damaged);
    }
    out.extend_from_slice(b"}\n");
}

fn capture(stats: &Stats, summary: &Summary, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"packets\":");
    summary.packets.write(out);
    field!(out, "bytes", summary.bytes);
    field!(out, "flows", summary.flows);
    out.extend_from_slice(b",\"anomalies\":");
    counts(stats.beside(summary).into_iter().map(|(code, count)| (code.rule().name, count)), out);
    out.push(b'}');
}

fn row(row: &Row, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"connection\":");
    row.connection.write(out);
    field!(out, "client", row.client);
    field!(out, "server", row.server);
    optional!(out, "uri", row.uri.as_deref());
    field!(out, "verdict", row.verdict.name());
    optional!(out, "subprotocol", &row.subprotocol);
    seconds("latency", row.latency, out);
    seconds("duration", Some(row.duration()), out);
    optional!(out, "end", row.end.as_deref());
    traffic(&row.traffic, out);
    out.push(b'}');
}

fn total(stats: &Stats, out: &mut Vec<u8>) {
    let totals = stats.totals();
    out.extend_from_slice(b"{\"handshakes\":");
    counts(Verdict::ALL.map(Verdict::name).into_iter().zip(totals.verdicts), out);
    seconds("duration", totals.period.map(|(first, latest)| latest.since(first)), out);
    out.extend_from_slice(b",\"ends\":");
    counts(totals.ends.iter().map(|(how, count)| (*how, *count)), out);
    out.extend_from_slice(b",\"close_codes\":");
    let codes = totals.codes.iter().map(|(code, count)| (code.map_or("none".into(), |code| code.to_string()), *count));
    counts(codes, out);
    traffic(stats.total(), out);
    out.push(b'}');
}

/// Appends the fields of what went over a connection, or over all.
fn traffic(traffic: &Traffic, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"sent\":");
    object!(out, "client": Sent(traffic, Direction::ToServer), "server": Sent(traffic, Direction::ToClient));
    field!(out, "rate", traffic.more().rate);
    field!(out, "sizes", Sizes(traffic.kinds.sizes()));
    if traffic.rtt.count() > 0 {
        field!(out, "rtt", traffic.rtt);
    }
    if let Some(ratio) = traffic.compression() {
        let (wire, inflated) = traffic.more().compressed;
        out.extend_from_slice(b",\"compression\":");
        object!(out, "wire_bytes": wire, "bytes": inflated, "ratio": Decimal(ratio));
    }
    if let Some(methods) = &traffic.more().methods {
        field!(out, "requests", **methods);
    }
    if let Some(polled) = &traffic.more().polled {
        let start = out.len() + b",\"polled\":{".len();
        out.extend_from_slice(b",\"polled\":{");
        cost(polled, out);
        // The comma before its first field.
        out.remove(start);
        out.push(b'}');
    }
    field!(out, "handshake_bytes", traffic.handshake_bytes);
    field!(out, "wire_bytes", traffic.wire_bytes());
    field!(out, "polling_bytes", traffic.more().polling_bytes);
    out.extend_from_slice(b",\"anomalies\":");
    // Payload is not kept for numbers, so that says nothing.
    let anomalies = traffic.kinds.anomalies().filter(|(code, _)| *code != Code::LimitPayload);
    counts(anomalies.map(|(code, count)| (code.rule().name, count)), out);
}

/// What one side sent.
struct Sent<'a>(&'a Traffic, Direction);

impl Json for Sent<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let Self(traffic, way) = *self;
        let side = &traffic.sides[way];
        out.extend_from_slice(b"{\"frames\":");
        let opcodes = (0..16).map(Opcode).zip(traffic.opcodes(way)).filter(|(_, count)| *count > 0);
        counts(opcodes.map(|(opcode, count)| (opcode.name(), count)), out);
        field!(out, "messages", traffic.more().messages[way]);
        field!(out, "payload_bytes", side.payload_bytes);
        field!(out, "bytes", side.bytes);
        field!(out, "header_bytes", side.header_bytes);
        field!(out, "gaps", traffic.more().gaps[way]);
        field!(out, "missing", traffic.more().missing[way]);
        out.push(b'}');
    }
}

impl Json for Rate {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"width\":");
        write_seconds(self.width(), out);
        let side = |of: fn(&Duplex<u32>) -> u32| self.bins().iter().map(of).collect::<Vec<_>>();
        field!(out, "client", side(|bin| bin.to_server));
        field!(out, "server", side(|bin| bin.to_client));
        out.push(b'}');
    }
}

/// Messages of each class of sizes.
struct Sizes([u64; SIZES.len() + 1]);

impl Json for Sizes {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, count) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match SIZES.get(index) {
                Some(upper) => object!(out, "upto": *upper, "messages": *count),
                None => object!(out, "messages": *count),
            }
        }
        out.push(b']');
    }
}

impl Json for Histogram {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"count\":");
        self.count().write(out);
        seconds("p50", self.percentile(50).map(u64::cast_signed), out);
        seconds("p95", self.percentile(95).map(u64::cast_signed), out);
        seconds("max", Some(self.max().cast_signed()), out);
        out.push(b'}');
    }
}

impl Json for Methods {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"methods\":");
        list(self.by_answers(), out, |(name, of), out| method(Some(name), of, out));
        if self.others != Method::default() {
            out.extend_from_slice(b",\"others\":");
            method(None, &self.others, out);
        }
        out.extend_from_slice(b",\"unanswered\":");
        list(&self.unanswered, out, |(connection, request), out| {
            out.extend_from_slice(b"{\"connection\":");
            connection.write(out);
            field!(out, "from", request.direction);
            field!(out, "message", request.message);
            field!(out, "method", request.method);
            if !request.id.is_empty() {
                field!(out, "id", request.id);
            }
            out.push(b'}');
        });
        field!(out, "more", self.more);
        out.push(b'}');
    }
}

fn method(name: Option<&str>, method: &Method, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(name) = name {
        out.extend_from_slice(b"\"method\":");
        name.write(out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"unanswered\":");
    method.unanswered.write(out);
    if method.latency.count() > 0 {
        field!(out, "latency", method.latency);
    }
    out.push(b'}');
}

impl Json for Ended {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"how\":");
        self.how.name().write(out);
        optional!(out, "by", self.by);
        optional!(out, "close", &self.close);
        out.push(b'}');
    }
}

/// A number with two decimals.
struct Decimal(f64);

impl Json for Decimal {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{:.2}", self.0).as_bytes());
    }
}

/// Appends `,"name":seconds` where there is a value.
fn seconds(name: &str, nanos: Option<i64>, out: &mut Vec<u8>) {
    if let Some(nanos) = nanos {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        write_seconds(nanos, out);
    }
}

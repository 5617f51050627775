//! The numbers as a table for people: a paragraph for each connection, then all together. At most 80 columns, escaped.

use crate::anomaly::{Code, Severity};
use crate::duplex::{Direction, Duplex};
use crate::event::Verdict;
use crate::outbox::Summary;
use crate::stats::asked;
use crate::stats::kinds::SIZES;
use crate::stats::traffic::Traffic;
pub use crate::stats::words::WIDTH;
use crate::stats::words::{Bytes, Count, Duration, Escaped, Fixed, Left, Right, Word as _, end_line, line, push};
use crate::stats::{Ended, Row, Stats};
use crate::ws::frame::Opcode;

/// What a curve is drawn with, the least first.
const LEVELS: &[u8] = b" .:-=+*#%@";
/// Bytes that are written at a time, about.
const BLOCK: usize = 64 << 10;

/// What the numbers are shown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Paragraphs one below the other.
    Table,
    /// One of them on a screen, which draws the curve itself and has room for sizes.
    Screen,
}

/// Writes all of it, with what only the end of a capture tells: a paragraph after the other, as one string of all would be most of
/// the memory that the numbers take.
///
/// # Errors
/// Those of `write`.
pub fn table<E>(stats: &Stats, summary: &Summary, mut write: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let mut out = String::new();
    for row in stats.rows() {
        connection(row, Medium::Table, &mut out);
        if out.len() >= BLOCK {
            write(&out)?;
            out.clear();
        }
    }
    let shed = stats.shed();
    if shed.count > 0 {
        let which = Count(shed.count, "connection has", "connections have");
        line!(&mut out, which, " no row here, the smallest, of at most ", Bytes(shed.largest), " (--limit rows)");
        out.push('\n');
    }
    total(stats, Some(summary), Medium::Table, &mut out);
    write(&out)
}

/// A connection.
pub fn connection(row: &Row, medium: Medium, out: &mut String) {
    line!(out, "#", row.connection, " ", Escaped(row.uri.as_deref().unwrap_or("(request not captured)")));
    let start = out.len();
    push!(out, "   ", row.verdict.name(), ", ", Duration(row.duration()));
    match &row.end {
        None if row.verdict == Verdict::Rejected => {}
        None => out.push_str(", open"),
        Some(end) => ended(end, out),
    }
    end_line(start, out);
    line!(out, "   ", row.client, " -> ", row.server);
    if let Some(subprotocol) = &row.subprotocol {
        line!(out, "   subprotocol ", Escaped(subprotocol));
    }
    if row.verdict != Verdict::Rejected {
        traffic(&row.traffic, row.duration(), row.latency, medium, out);
        if medium == Medium::Screen {
            sizes(&row.traffic, out);
        }
    }
    out.push('\n');
}

fn ended(end: &Ended, out: &mut String) {
    push!(out, ", ", end.how.name());
    if let Some(side) = end.by {
        push!(out, " by ", side.sender());
    }
    let Some(close) = &end.close else { return };
    out.push_str(", ");
    if let Some(code) = close.code {
        push!(out, code, " ");
    }
    out.push_str(close.name());
}

/// What a connection, and all together, have in common.
fn traffic(traffic: &Traffic, duration: i64, latency: Option<i64>, medium: Medium, out: &mut String) {
    line!(out, "              frames  messages   payload  inflated   headers  messages/s");
    let opcodes = Direction::BOTH.map(|way| traffic.opcodes(way));
    for (way, opcodes) in Direction::BOTH.into_iter().zip(&opcodes) {
        let side = &traffic.sides[way];
        let (frames, messages) = (opcodes.iter().sum::<u64>(), traffic.more().messages[way]);
        let [payload, inflated, headers] =
            [side.payload_bytes, side.bytes, side.header_bytes].map(|bytes| Right(10, Bytes(bytes)));
        let rate = (duration > 0).then(|| Fixed::<1>(messages as f64 * 1e9 / duration as f64));
        let (sender, frames, messages) = (Left(7, way.sender()), Right(10, frames), Right(10, messages));
        line!(out, "   ", sender, frames, messages, payload, inflated, headers, Right(12, rate));
    }
    item("opcodes   ", out, |out| self::opcodes(&opcodes, out));
    if medium == Medium::Table {
        item("rate      ", out, |out| curve(traffic, out));
    }
    if let Some(nanos) = latency {
        item("latency   ", out, |out| push!(out, Duration(nanos), " from request to response"));
    }
    item("ping      ", out, |out| ping(traffic, out));
    if let Some(ratio) = traffic.compression() {
        let (wire, inflated) = traffic.more().compressed;
        item("deflate   ", out, |out| push!(out, Fixed::<2>(ratio), "x: ", Bytes(wire), " for ", Bytes(inflated)));
    }
    item("overhead  ", out, |out| overhead(traffic, out));
    item("polling   ", out, |out| polling(traffic, out));
    item("polled    ", out, |out| asked::polled(traffic, out));
    item("missing   ", out, |out| missing(traffic, out));
    item("odd       ", out, |out| severities(traffic, out));
    if let Some(methods) = &traffic.more().methods {
        asked::requests(methods, out);
    }
}

/// All of them together; what only the end of a capture tells, where that is known.
pub fn total(stats: &Stats, summary: Option<&Summary>, medium: Medium, out: &mut String) {
    let totals = stats.totals();
    let connections: u64 = totals.verdicts.iter().sum();
    let named = Verdict::ALL.map(Verdict::name).into_iter().zip(totals.verdicts).filter(|(_, count)| *count > 0);
    let start = out.len();
    push!(out, "all: ", Count(connections, "connection", "connections"));
    if connections > 0 {
        out.push_str(" (");
        list(named, out, |(name, count), out| push!(out, count, " ", name));
        out.push(')');
    }
    end_line(start, out);
    let period = totals.period.map_or(0, |(first, latest)| latest.since(first));
    traffic(stats.total(), period, None, medium, out);
    sizes(stats.total(), out);
    item("ended     ", out, |out| list(&totals.ends, out, |(how, count), out| push!(out, *count, " ", *how)));
    item("codes     ", out, |out| {
        list(&totals.codes, out, |(code, count), out| {
            match code {
                Some(code) => code.append_to(out),
                None => out.push_str("none"),
            }
            push!(out, " (", *count, ")");
        });
    });
    // Payload is not kept for numbers, so that says nothing.
    let told = stats.total().kinds.anomalies().filter(|(code, _)| *code != Code::LimitPayload);
    let beside = summary.map(|summary| stats.beside(summary)).unwrap_or_default();
    for (code, count) in told.chain(beside) {
        line!(out, "   ", Left(10, code.rule().severity.name()), Right(9, count), "  ", code.rule().name);
    }
    let Some(summary) = summary else { return };
    let (packets, flows) = (Count(summary.packets, "packet", "packets"), Count(summary.flows, "flow", "flows"));
    line!(out, packets, " of ", Bytes(summary.bytes), ", ", flows);
}

/// What is to be said under a name of ten characters, where there is anything.
fn item(name: &str, out: &mut String, write: impl FnOnce(&mut String)) {
    let start = out.len();
    push!(out, "   ", name);
    let label = out.len();
    write(out);
    if out.len() == label {
        out.truncate(start);
    } else {
        end_line(start, out);
    }
}

/// Things one after the other, with commas between them.
fn list<T>(items: impl IntoIterator<Item = T>, out: &mut String, mut write: impl FnMut(T, &mut String)) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(item, out);
    }
}

/// How many messages there are of each class of size.
fn sizes(traffic: &Traffic, out: &mut String) {
    let sizes = traffic.kinds.sizes();
    let most = sizes.into_iter().max().unwrap_or(0);
    for (index, count) in sizes.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let class = SIZES.get(index).map_or_else(|| "larger".to_owned(), |upper| format!("<= {}", binary(*upper)));
        let bar = "#".repeat((count * 40).div_ceil(most) as usize);
        line!(out, "   size ", Right(10, class), Right(10, count), "  ", bar);
    }
}

fn opcodes(opcodes: &[[u64; 16]; 2], out: &mut String) {
    let [ours, theirs] = opcodes;
    let counts = (0..16).map(Opcode).zip(ours.iter().zip(theirs).map(|(one, other)| one + other));
    list(counts.filter(|(_, count)| *count > 0), out, |(opcode, count), out| push!(out, count, " ", opcode.name()));
}

/// Messages over time: each character a stretch.
fn curve(traffic: &Traffic, out: &mut String) {
    let bins = traffic.more().rate.bins();
    if bins.len() < 2 {
        return;
    }
    let sum = |bin: &Duplex<u32>| u64::from(bin.to_server) + u64::from(bin.to_client);
    let most = bins.iter().map(sum).max().unwrap_or(0).max(1);
    let top = LEVELS.len() as u64 - 1;
    out.push('|');
    out.extend(bins.iter().map(|bin| char::from(LEVELS[(sum(bin) * top).div_ceil(most) as usize])));
    let (width, peak) = (Duration(traffic.more().rate.width()), Fixed::<0>(traffic.more().rate.peak()));
    push!(out, "|\n             a column is ", width, "; at most ", peak, " messages/s");
}

fn ping(traffic: &Traffic, out: &mut String) {
    let rtt = &traffic.rtt;
    let Some((half, most)) = rtt.percentile(50).zip(rtt.percentile(95)) else { return };
    let [half, most, max] = [half, most, rtt.max()].map(|nanos| Duration(nanos.cast_signed()));
    push!(out, rtt.count(), " answered: p50 ", half, ", p95 ", most, ", max ", max);
}

fn overhead(traffic: &Traffic, out: &mut String) {
    let headers = traffic.header_bytes();
    let all = traffic.handshake_bytes + traffic.wire_bytes();
    if all == 0 {
        return;
    }
    let share = Fixed::<1>(100.0 * (traffic.handshake_bytes + headers) as f64 / all as f64);
    let [handshake, headers, all] = [traffic.handshake_bytes, headers, all].map(Bytes);
    push!(out, share, " %: handshake ", handshake, " and frame headers ", headers, " of ", all);
}

fn polling(traffic: &Traffic, out: &mut String) {
    if traffic.messages() == 0 {
        return;
    }
    let wire = (traffic.handshake_bytes + traffic.wire_bytes()).max(1);
    let times = Fixed::<1>(traffic.more().polling_bytes as f64 / wire as f64);
    push!(out, "the same messages by HTTP polling: ", Bytes(traffic.more().polling_bytes), ", ", times, "x");
}

fn missing(traffic: &Traffic, out: &mut String) {
    let lost = Direction::BOTH.iter().fold(0_u64, |lost, way| lost.saturating_add(traffic.more().missing[*way]));
    let gaps: u64 = Direction::BOTH.iter().map(|way| traffic.more().gaps[*way]).sum();
    if lost > 0 || gaps > 0 {
        push!(out, Bytes(lost), " in ", Count(gaps, "gap", "gaps"), " and cut frames");
    }
}

fn severities(traffic: &Traffic, out: &mut String) {
    let mut counts = [
        (Severity::Violation, 0, "violation", "violations"),
        (Severity::Warning, 0, "warning", "warnings"),
        (Severity::Loss, 0, "loss", "losses"),
        (Severity::Note, 0, "note", "notes"),
    ];
    for (code, count) in traffic.kinds.anomalies().filter(|(code, _)| *code != Code::LimitPayload) {
        let of = counts.iter_mut().find(|(severity, ..)| *severity == code.rule().severity);
        of.expect("all severities are there").1 += count;
    }
    let counts = counts.into_iter().filter(|(_, count, ..)| *count > 0);
    list(counts, out, |(_, count, one, many), out| Count(count, one, many).append_to(out));
}

/// A power of two of bytes: `16 B`, `4 KiB`.
fn binary(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

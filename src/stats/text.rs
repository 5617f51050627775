//! The numbers as a table for people: a paragraph for each connection, then all together. At most 80 columns, escaped.

use std::fmt::Write as _;

use crate::anomaly::{Code, Severity};
use crate::duplex::{Direction, Duplex};
use crate::event::Verdict;
use crate::export::escape::push_escaped;
use crate::export::text::count;
use crate::outbox::{Counts, Summary};
use crate::stats::histogram::SIZES;
use crate::stats::traffic::Traffic;
use crate::stats::{Row, Stats};
use crate::ws::frame::Opcode;

/// Widest line.
pub const WIDTH: usize = 80;
/// What a curve is drawn with, the least first.
const LEVELS: &[u8] = b" .:-=+*#%@";

/// What the numbers are shown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Paragraphs one below the other.
    Table,
    /// One of them on a screen, which draws the curve itself and has room for sizes.
    Screen,
}

/// All of it.
pub fn table(stats: &Stats, summary: &Summary) -> String {
    let mut out = String::new();
    for row in stats.rows() {
        connection(row, Medium::Table, &mut out);
    }
    let shed = stats.shed();
    if shed.count > 0 {
        let which = count(shed.count, "connection has", "connections have");
        line(
            &mut out,
            &format!("{which} no row here, the smallest, of at most {} (--limit rows)", bytes(shed.largest)),
        );
        out.push('\n');
    }
    total(stats, Some(summary), Medium::Table, &mut out);
    out
}

/// A connection.
pub fn connection(row: &Row, medium: Medium, out: &mut String) {
    let mut head = format!("#{} ", row.connection);
    push_escaped(row.uri.as_deref().unwrap_or("(request not captured)"), &mut head);
    line(out, &head);
    let mut state = format!("   {}, {}", row.verdict.name(), duration(row.duration()));
    match &row.end {
        None if row.verdict == Verdict::Rejected => {}
        None => state += ", open",
        Some(end) => {
            write!(state, ", {}", end.how.name()).expect("a String takes all");
            if let Some(side) = end.by {
                write!(state, " by {}", side.sender()).expect("a String takes all");
            }
            if let Some(close) = &end.close {
                let code = close.code.map_or_else(String::new, |code| format!("{code} "));
                write!(state, ", {code}{}", close.name()).expect("a String takes all");
            }
        }
    }
    line(out, &state);
    line(out, &format!("   {} -> {}", row.client, row.server));
    if let Some(subprotocol) = &row.subprotocol {
        let mut text = String::from("   subprotocol ");
        push_escaped(subprotocol, &mut text);
        line(out, &text);
    }
    if row.verdict != Verdict::Rejected {
        traffic(&row.traffic, row.duration(), row.latency, medium, out);
        if medium == Medium::Screen {
            sizes(&row.traffic, out);
        }
    }
    out.push('\n');
}

/// What a connection, and all together, have in common.
fn traffic(traffic: &Traffic, duration: i64, latency: Option<i64>, medium: Medium, out: &mut String) {
    line(out, "              frames  messages   payload  inflated   headers  messages/s");
    for way in Direction::BOTH {
        let side = &traffic.sides[way];
        let rate =
            if duration > 0 { format!("{:.1}", side.messages as f64 * 1e9 / duration as f64) } else { "-".into() };
        let [payload, inflated, headers] = [side.payload_bytes, side.bytes, side.header_bytes].map(bytes);
        let (frames, messages) = (side.frames(), side.messages);
        line(
            out,
            &format!(
                "   {:<7}{frames:>10}{messages:>10}{payload:>10}{inflated:>10}{headers:>10}{rate:>12}",
                way.sender()
            ),
        );
    }
    let mut item = |name: &str, text: String| {
        if !text.is_empty() {
            line(out, &format!("   {name:<10}{text}"));
        }
    };
    item("opcodes", opcodes(&traffic.sides));
    item("rate", if medium == Medium::Table { curve(traffic) } else { String::new() });
    item(
        "latency",
        latency.map_or_else(String::new, |nanos| format!("{} from request to response", self::duration(nanos))),
    );
    item("ping", ping(traffic));
    if let Some(ratio) = traffic.compression() {
        let (wire, inflated) = traffic.compressed;
        item("deflate", format!("{ratio:.2}x: {} for {}", bytes(wire), bytes(inflated)));
    }
    item("overhead", overhead(traffic));
    item("polling", polling(traffic));
    let losses: u64 = Direction::BOTH.iter().map(|way| traffic.sides[*way].missing).sum();
    let gaps: u64 = Direction::BOTH.iter().map(|way| traffic.sides[*way].gaps).sum();
    if losses > 0 || gaps > 0 {
        item("missing", format!("{} in {} and cut frames", bytes(losses), count(gaps, "gap", "gaps")));
    }
    item("odd", severities(&traffic.anomalies));
}

/// All of them together; what only the end of a capture tells, where that is known.
pub fn total(stats: &Stats, summary: Option<&Summary>, medium: Medium, out: &mut String) {
    let totals = stats.totals();
    let connections: u64 = totals.verdicts.iter().sum();
    let named = Verdict::ALL.map(Verdict::name).into_iter().zip(totals.verdicts).filter(|(_, count)| *count > 0);
    let verdicts: Vec<_> = named.map(|(name, count)| format!("{count} {name}")).collect();
    line(out, &format!("all: {} {}", count(connections, "connection", "connections"), list(&verdicts)));
    let period = totals.period.map_or(0, |(first, latest)| latest.since(first));
    traffic(stats.total(), period, None, medium, out);
    sizes(stats.total(), out);
    let ends: Vec<_> = totals.ends.iter().map(|(how, count)| format!("{count} {how}")).collect();
    if !ends.is_empty() {
        line(out, &format!("   ended     {}", ends.join(", ")));
        let name = |code: &Option<u16>| code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let codes: Vec<_> = totals.codes.iter().map(|(code, count)| format!("{} ({count})", name(code))).collect();
        line(out, &format!("   codes     {}", codes.join(", ")));
    }
    for (code, count) in stats.total().anomalies.iter() {
        // Payload is not kept for numbers, so this says nothing.
        if code != Code::LimitPayload {
            line(out, &format!("   {:<10}{count:>9}  {}", code.rule().severity.name(), code.rule().name));
        }
    }
    let Some(summary) = summary else { return };
    for (code, count) in stats.beside(summary) {
        line(out, &format!("   {:<10}{count:>9}  {}", code.rule().severity.name(), code.rule().name));
    }
    let (packets, flows) = (count(summary.packets, "packet", "packets"), count(summary.flows, "flow", "flows"));
    line(out, &format!("{packets} of {}, {flows}", bytes(summary.bytes)));
}

/// How many messages there are of each class of size.
fn sizes(traffic: &Traffic, out: &mut String) {
    let sizes: Vec<_> = traffic.sizes.0.iter().enumerate().filter(|(_, count)| **count > 0).collect();
    let most = sizes.iter().map(|(_, count)| **count).max().unwrap_or(1);
    for (index, count) in sizes {
        let class = SIZES.get(index).map_or_else(|| "larger".to_owned(), |upper| format!("<= {}", binary(*upper)));
        let bar = "#".repeat((count * 40).div_ceil(most) as usize);
        line(out, &format!("   size {class:>10}{count:>10}  {bar}"));
    }
}

fn opcodes(sides: &Duplex<super::traffic::Side>) -> String {
    let counts = (0..16).map(|code| {
        let count: u64 = Direction::BOTH.iter().map(|way| sides[*way].opcodes[usize::from(code)]).sum();
        (Opcode(code).name(), count)
    });
    counts.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// Messages over time: each character a stretch.
fn curve(traffic: &Traffic) -> String {
    let bins = traffic.rate.bins();
    if bins.len() < 2 {
        return String::new();
    }
    let sums: Vec<_> = bins.iter().map(|bin| u64::from(bin.to_server) + u64::from(bin.to_client)).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    let top = LEVELS.len() as u64 - 1;
    let drawn: String = sums.iter().map(|sum| char::from(LEVELS[(sum * top).div_ceil(most) as usize])).collect();
    format!(
        "|{drawn}|\n             a column is {}; at most {:.0} messages/s",
        duration(traffic.rate.width()),
        traffic.rate.peak()
    )
}

fn ping(traffic: &Traffic) -> String {
    let rtt = &traffic.rtt;
    let Some((half, most)) = rtt.percentile(50).zip(rtt.percentile(95)) else { return String::new() };
    let [half, most, max] = [half, most, rtt.max()].map(|nanos| duration(nanos.cast_signed()));
    format!("{} answered: p50 {half}, p95 {most}, max {max}", rtt.count())
}

fn overhead(traffic: &Traffic) -> String {
    let headers: u64 = Direction::BOTH.iter().map(|way| traffic.sides[*way].header_bytes).sum();
    let all = traffic.handshake_bytes + traffic.wire_bytes();
    if all == 0 {
        return String::new();
    }
    let share = 100.0 * (traffic.handshake_bytes + headers) as f64 / all as f64;
    let [handshake, headers, all] = [traffic.handshake_bytes, headers, all].map(bytes);
    format!("{share:.1} %: handshake {handshake} and frame headers {headers} of {all}")
}

fn polling(traffic: &Traffic) -> String {
    if traffic.messages() == 0 {
        return String::new();
    }
    let wire = (traffic.handshake_bytes + traffic.wire_bytes()).max(1);
    let ratio = traffic.polling_bytes as f64 / wire as f64;
    format!("the same messages by HTTP polling: {}, {ratio:.1}x", bytes(traffic.polling_bytes))
}

fn severities(anomalies: &Counts) -> String {
    let of = |severity| {
        let weighed =
            anomalies.iter().filter(|(code, _)| code.rule().severity == severity && *code != Code::LimitPayload);
        weighed.map(|(_, count)| count).sum::<u64>()
    };
    let counts = [
        (of(Severity::Violation), "violation", "violations"),
        (of(Severity::Warning), "warning", "warnings"),
        (of(Severity::Loss), "loss", "losses"),
        (of(Severity::Note), "note", "notes"),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    counts.map(|(number, one, many)| count(number, one, many)).collect::<Vec<_>>().join(", ")
}

fn list(items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!("({})", items.join(", ")) }
}

/// Adds lines, broken at spaces where they are wider than a terminal.
fn line(out: &mut String, text: &str) {
    const INDENT: &str = "      ";
    for text in text.trim_end().lines() {
        let mut rest = text.to_owned();
        while let Some((end, _)) = rest.char_indices().nth(WIDTH) {
            let space = rest[..end].rfind(' ').filter(|space| !rest[..*space].trim().is_empty());
            let (now, later) = rest.split_at(space.unwrap_or(end));
            out.push_str(now.trim_end());
            out.push('\n');
            rest = format!("{INDENT}{}", later.trim_start());
        }
        out.push_str(&rest);
        out.push('\n');
    }
}

/// `118 B`, `4.1 kB`, `12.4 MB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while size >= 999.95
        && let Some(next) = units.next()
    {
        (size, unit) = (size / 1000.0, Some(next));
    }
    format!("{size:.1} {}", unit.copied().unwrap_or_default())
}

/// A power of two of bytes: `16 B`, `4 KiB`.
fn binary(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// `18.2 ms`, `61.2 s`, `2:03:00 h`.
pub fn duration(nanos: i64) -> String {
    let seconds = nanos as f64 / 1e9;
    match nanos.unsigned_abs() {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.1} us", seconds * 1e6),
        1_000_000..1_000_000_000 => format!("{:.1} ms", seconds * 1e3),
        1_000_000_000..600_000_000_000 => format!("{seconds:.1} s"),
        _ => {
            let whole = nanos / 1_000_000_000;
            format!("{}:{:02}:{:02} h", whole / 3600, whole / 60 % 60, whole % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short() {
        for (number, text) in [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (u64::MAX, "18.4 EB")]
        {
            assert_eq!(bytes(number), text);
        }
        for (nanos, text) in [
            (0, "0 ns"),
            (18_200_000, "18.2 ms"),
            (61_200_000_000, "61.2 s"),
            (7_380_000_000_000, "2:03:00 h"),
            (-5_000, "-5.0 us"),
        ] {
            assert_eq!(duration(nanos), text);
        }
    }

    #[test]
    fn wide_lines_are_broken() {
        let mut out = String::new();
        line(&mut out, &"é".repeat(200));
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(out.matches('é').count(), 200);
    }
}

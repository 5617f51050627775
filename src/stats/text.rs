//! The numbers as a table for people: a paragraph for each connection, then all together. At most 80 columns, escaped.

use std::fmt::{Arguments, Display, Formatter, Result, Write as _};

use crate::anomaly::{Code, Severity};
use crate::duplex::{Direction, Duplex};
use crate::event::Verdict;
use crate::export::escape::push_escaped;
use crate::export::text::count;
use crate::outbox::Summary;
use crate::stats::asked;
use crate::stats::kinds::SIZES;
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
        let largest = Bytes(shed.largest);
        line(&mut out, format_args!("{which} no row here, the smallest, of at most {largest} (--limit rows)"));
        out.push('\n');
    }
    total(stats, Some(summary), Medium::Table, &mut out);
    out
}

/// A connection.
pub fn connection(row: &Row, medium: Medium, out: &mut String) {
    let mut text = String::new();
    push_escaped(row.uri.as_deref().unwrap_or("(request not captured)"), &mut text);
    line(out, format_args!("#{} {text}", row.connection));
    text.clear();
    match &row.end {
        None if row.verdict == Verdict::Rejected => {}
        None => text += ", open",
        Some(end) => {
            text += ", ";
            text += end.how.name();
            if let Some(side) = end.by {
                text += " by ";
                text += side.sender();
            }
            if let Some(close) = &end.close {
                text += ", ";
                if let Some(code) = close.code {
                    write!(text, "{code} ").expect("a String takes all");
                }
                text += close.name();
            }
        }
    }
    line(out, format_args!("   {}, {}{text}", row.verdict.name(), Duration(row.duration())));
    line(out, format_args!("   {} -> {}", row.client, row.server));
    if let Some(subprotocol) = &row.subprotocol {
        text.clear();
        push_escaped(subprotocol, &mut text);
        line(out, format_args!("   subprotocol {text}"));
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
    line(out, format_args!("              frames  messages   payload  inflated   headers  messages/s"));
    let opcodes = Direction::BOTH.map(|way| traffic.opcodes(way));
    for (way, opcodes) in Direction::BOTH.into_iter().zip(&opcodes) {
        let side = &traffic.sides[way];
        let [payload, inflated, headers] = [side.payload_bytes, side.bytes, side.header_bytes].map(Bytes);
        let (frames, messages) = (opcodes.iter().sum::<u64>(), side.messages);
        let mut rate = String::from("-");
        if duration > 0 {
            rate.clear();
            push_tenths(side.messages as f64 * 1e9 / duration as f64, &mut rate);
        }
        line(
            out,
            format_args!(
                "   {:<7}{frames:>10}{messages:>10}{payload:>10}{inflated:>10}{headers:>10}{rate:>12}",
                way.sender()
            ),
        );
    }
    let mut text = String::new();
    let mut item = |name: &str, write: &dyn Fn(&mut String) -> Result| {
        text.clear();
        write(&mut text).expect("a String takes all");
        if !text.is_empty() {
            line(out, format_args!("   {name:<10}{text}"));
        }
    };
    item("opcodes", &|text| self::opcodes(&opcodes, text));
    item("rate", &|text| if medium == Medium::Table { curve(traffic, text) } else { Ok(()) });
    item("latency", &|text| match latency {
        Some(nanos) => write!(text, "{} from request to response", Duration(nanos)),
        None => Ok(()),
    });
    item("ping", &|text| ping(traffic, text));
    item("deflate", &|text| match (traffic.compression(), traffic.compressed) {
        (Some(ratio), (wire, inflated)) => write!(text, "{ratio:.2}x: {} for {}", Bytes(wire), Bytes(inflated)),
        (None, _) => Ok(()),
    });
    item("overhead", &|text| overhead(traffic, text));
    item("polling", &|text| polling(traffic, text));
    item("polled", &|text| asked::polled(traffic, text));
    item("missing", &|text| {
        let lost: u64 = Direction::BOTH.iter().map(|way| traffic.missing(*way)).sum();
        let gaps: u64 = Direction::BOTH.iter().map(|way| traffic.gaps(*way)).sum();
        if lost == 0 && gaps == 0 {
            return Ok(());
        }
        write!(text, "{} in {} and cut frames", Bytes(lost), count(gaps, "gap", "gaps"))
    });
    item("odd", &|text| severities(traffic, text));
    if let Some(methods) = &traffic.methods {
        asked::requests(methods, out);
    }
}

/// All of them together; what only the end of a capture tells, where that is known.
pub fn total(stats: &Stats, summary: Option<&Summary>, medium: Medium, out: &mut String) {
    let totals = stats.totals();
    let connections: u64 = totals.verdicts.iter().sum();
    let named = Verdict::ALL.map(Verdict::name).into_iter().zip(totals.verdicts).filter(|(_, count)| *count > 0);
    let verdicts: Vec<_> = named.map(|(name, count)| format!("{count} {name}")).collect();
    line(out, format_args!("all: {} {}", count(connections, "connection", "connections"), list(&verdicts)));
    let period = totals.period.map_or(0, |(first, latest)| latest.since(first));
    traffic(stats.total(), period, None, medium, out);
    sizes(stats.total(), out);
    let ends: Vec<_> = totals.ends.iter().map(|(how, count)| format!("{count} {how}")).collect();
    if !ends.is_empty() {
        line(out, format_args!("   ended     {}", ends.join(", ")));
        let name = |code: &Option<u16>| code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let codes: Vec<_> = totals.codes.iter().map(|(code, count)| format!("{} ({count})", name(code))).collect();
        line(out, format_args!("   codes     {}", codes.join(", ")));
    }
    // Payload is not kept for numbers, so that says nothing.
    let told = stats.total().kinds.anomalies().filter(|(code, _)| *code != Code::LimitPayload);
    let beside = summary.map(|summary| stats.beside(summary)).unwrap_or_default();
    for (code, count) in told.chain(beside) {
        line(out, format_args!("   {:<10}{count:>9}  {}", code.rule().severity.name(), code.rule().name));
    }
    let Some(summary) = summary else { return };
    let (packets, flows) = (count(summary.packets, "packet", "packets"), count(summary.flows, "flow", "flows"));
    line(out, format_args!("{packets} of {}, {flows}", Bytes(summary.bytes)));
}

/// How many messages there are of each class of size.
fn sizes(traffic: &Traffic, out: &mut String) {
    let sizes = traffic.kinds.sizes();
    let most = sizes.into_iter().max().unwrap_or(0);
    for (index, count) in sizes.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let class = SIZES.get(index).map_or_else(|| "larger".to_owned(), |upper| format!("<= {}", binary(*upper)));
        let bar = "#".repeat((count * 40).div_ceil(most) as usize);
        line(out, format_args!("   size {class:>10}{count:>10}  {bar}"));
    }
}

fn opcodes(opcodes: &[[u64; 16]; 2], text: &mut String) -> Result {
    for code in 0..16 {
        let count: u64 = opcodes.iter().map(|side| side[usize::from(code)]).sum();
        if count > 0 {
            let separator = if text.is_empty() { "" } else { ", " };
            write!(text, "{separator}{count} {}", Opcode(code).name())?;
        }
    }
    Ok(())
}

/// Messages over time: each character a stretch.
fn curve(traffic: &Traffic, text: &mut String) -> Result {
    let bins = traffic.rate.bins();
    if bins.len() < 2 {
        return Ok(());
    }
    let sum = |bin: &Duplex<u32>| u64::from(bin.to_server) + u64::from(bin.to_client);
    let most = bins.iter().map(sum).max().unwrap_or(0).max(1);
    let top = LEVELS.len() as u64 - 1;
    text.push('|');
    text.extend(bins.iter().map(|bin| char::from(LEVELS[(sum(bin) * top).div_ceil(most) as usize])));
    let (width, peak) = (Duration(traffic.rate.width()), traffic.rate.peak());
    write!(text, "|\n             a column is {width}; at most {peak:.0} messages/s")
}

fn ping(traffic: &Traffic, text: &mut String) -> Result {
    let rtt = &traffic.rtt;
    let Some((half, most)) = rtt.percentile(50).zip(rtt.percentile(95)) else { return Ok(()) };
    let [half, most, max] = [half, most, rtt.max()].map(|nanos| Duration(nanos.cast_signed()));
    write!(text, "{} answered: p50 {half}, p95 {most}, max {max}", rtt.count())
}

fn overhead(traffic: &Traffic, text: &mut String) -> Result {
    let headers: u64 = Direction::BOTH.iter().map(|way| traffic.sides[*way].header_bytes).sum();
    let all = traffic.handshake_bytes + traffic.wire_bytes();
    if all == 0 {
        return Ok(());
    }
    push_tenths(100.0 * (traffic.handshake_bytes + headers) as f64 / all as f64, text);
    let [handshake, headers, all] = [traffic.handshake_bytes, headers, all].map(Bytes);
    write!(text, " %: handshake {handshake} and frame headers {headers} of {all}")
}

fn polling(traffic: &Traffic, text: &mut String) -> Result {
    if traffic.messages() == 0 {
        return Ok(());
    }
    let wire = (traffic.handshake_bytes + traffic.wire_bytes()).max(1);
    write!(text, "the same messages by HTTP polling: {}, ", Bytes(traffic.polling_bytes))?;
    push_tenths(traffic.polling_bytes as f64 / wire as f64, text);
    text.push('x');
    Ok(())
}

fn severities(traffic: &Traffic, text: &mut String) -> Result {
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
    for (_, number, one, many) in counts.into_iter().filter(|(_, number, ..)| *number > 0) {
        let separator = if text.is_empty() { "" } else { ", " };
        write!(text, "{separator}{}", count(number, one, many))?;
    }
    Ok(())
}

fn list(items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!("({})", items.join(", ")) }
}

/// Adds lines, broken at spaces where they are wider than a terminal.
pub(super) fn line(out: &mut String, text: Arguments<'_>) {
    let start = out.len();
    out.write_fmt(text).expect("a String takes all");
    out.truncate(start + out[start..].trim_end().len());
    // Nearly all are short, which needs no look at their characters.
    if out.len() - start > WIDTH {
        let text = out.split_off(start);
        text.lines().for_each(|text| break_line(text, out));
    } else {
        out.push('\n');
    }
}

fn break_line(text: &str, out: &mut String) {
    const INDENT: &str = "      ";
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

/// A quantity of bytes: `118 B`, `4.1 kB`, `12.4 MB`.
pub(super) struct Bytes(pub(super) u64);

impl Display for Bytes {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        const UNITS: [&str; 6] = [" kB", " MB", " GB", " TB", " PB", " EB"];
        let mut text = String::with_capacity(16);
        if self.0 < 1000 {
            text.push_str(itoa::Buffer::new().format(self.0));
            text.push_str(" B");
            return out.pad(&text);
        }
        let mut size = self.0 as f64 / 1000.0;
        let mut unit = 0;
        while size >= 999.95 && unit + 1 < UNITS.len() {
            (size, unit) = (size / 1000.0, unit + 1);
        }
        push_tenths(size, &mut text);
        text.push_str(UNITS[unit]);
        out.pad(&text)
    }
}

/// Adds a number with one digit behind the point, as `{:.1}` writes it.
///
/// A table has a dozen of them a connection; that machinery is exact for any number, and takes as long as all the rest.
fn push_tenths(number: f64, out: &mut String) {
    let scaled = number * 10.0;
    let rest = scaled.fract();
    // Where it lies near the middle between two, its exact value decides.
    if (0.0..1e6).contains(&scaled) && (rest - 0.5).abs() > 1e-6 {
        let tenths = scaled as u64 + u64::from(rest > 0.5);
        out.push_str(itoa::Buffer::new().format(tenths / 10));
        out.push('.');
        out.push(char::from(b'0' + (tenths % 10) as u8));
    } else {
        write!(out, "{number:.1}").expect("a String takes all");
    }
}

/// A power of two of bytes: `16 B`, `4 KiB`.
fn binary(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Nanoseconds: `18.2 ms`, `61.2 s`, `2:03:00 h`.
pub(super) struct Duration(pub(super) i64);

impl Display for Duration {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let nanos = self.0;
        let mut tenths = |number: f64, unit: &str| {
            let mut text = String::with_capacity(16);
            push_tenths(number, &mut text);
            text.push_str(unit);
            out.write_str(&text)
        };
        let seconds = nanos as f64 / 1e9;
        match nanos.unsigned_abs() {
            0..1_000 => write!(out, "{nanos} ns"),
            1_000..1_000_000 => tenths(seconds * 1e6, " us"),
            1_000_000..1_000_000_000 => tenths(seconds * 1e3, " ms"),
            1_000_000_000..600_000_000_000 => tenths(seconds, " s"),
            _ => {
                let whole = nanos / 1_000_000_000;
                write!(out, "{}:{:02}:{:02} h", whole / 3600, whole / 60 % 60, whole % 60)
            }
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
            assert_eq!(Bytes(number).to_string(), text);
        }
        for (nanos, text) in [
            (0, "0 ns"),
            (18_200_000, "18.2 ms"),
            (61_200_000_000, "61.2 s"),
            (7_380_000_000_000, "2:03:00 h"),
            (-5_000, "-5.0 us"),
        ] {
            assert_eq!(Duration(nanos).to_string(), text);
        }
    }

    #[test]
    fn tenths_are_those_of_the_standard_library() {
        let steps = (0..200_000u32).map(|step| f64::from(step) / 40.0);
        let others = [-0.04, -1.25, 0.05, 0.25, 99_999.95, 1e9, 1e300, f64::NAN, f64::INFINITY];
        for number in steps.clone().chain(steps.map(|step| step / 3.0)).chain(others) {
            let mut text = String::new();
            push_tenths(number, &mut text);
            assert_eq!(text, format!("{number:.1}"));
        }
    }

    #[test]
    fn wide_lines_are_broken() {
        let mut out = String::new();
        line(&mut out, format_args!("{}", "é".repeat(200)));
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(out.matches('é').count(), 200);
    }
}

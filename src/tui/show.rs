//! Values to short texts, safe for a terminal and cut to columns.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use crate::event::{Body, Event};
use crate::export::escape::{is_unsafe, push_escaped};
use crate::export::text::describe_content;
use crate::export::time::Clock;
use crate::origin::Timestamp;

/// `118`, `4.1K`, `2.0M`: at most six columns.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if bytes < 1000 {
        return bytes.to_string();
    }
    let mut value = bytes as f64;
    for unit in UNITS {
        value /= 1000.0;
        if value < 9.95 {
            return format!("{value:.1}{unit}");
        }
        if value < 999.5 {
            return format!("{value:.0}{unit}");
        }
    }
    format!("{value:.0}Z")
}

/// `1,284`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 connection`, `2 connections`.
pub fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// `870 µs`, `18.2 ms`, `61.0 s`, `1 h 02 min`.
pub fn duration(nanos: i64) -> String {
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let text = match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.0} us", nanos as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        1_000_000_000..600_000_000_000 => format!("{:.1} s", nanos as f64 / 1e9),
        _ => {
            let minutes = nanos / 60_000_000_000;
            if minutes < 60 { format!("{minutes} min") } else { format!("{} h {:02} min", minutes / 60, minutes % 60) }
        }
    };
    format!("{sign}{text}")
}

/// `12:00:01.204118`, in UTC.
pub fn time_of_day(time: Timestamp) -> String {
    let mut out = Vec::new();
    Clock::default().write_time_of_day(time, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// `2026-11-21 12:00:01.204118`, in UTC.
pub fn date_and_time(time: Timestamp) -> String {
    let mut out = Vec::new();
    Clock::default().write(time, &mut out);
    String::from_utf8_lossy(&out).chars().take(26).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// The beginning of what an event holds, on one line.
pub fn preview(event: &Event) -> String {
    let mut line = String::new();
    if let Body::Notice(anomalies) = &event.body {
        for (index, anomaly) in anomalies.iter().take(8).enumerate() {
            line.push_str(if index > 0 { ", " } else { "" });
            line.push_str(anomaly.code.rule().name);
        }
        return line;
    }
    describe_content(&event.body, &mut line).expect("a String takes all");
    line
}

/// `text` with all that could move, colour, hide or reorder what a terminal shows written out.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(text, &mut out);
    out
}

/// The same with tabs as spaces and backslashes as they are: text that is read by lines, not as a literal.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if c.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(c)).expect("a String takes all"),
            c if is_unsafe(c) => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a String takes all"),
            c => out.push(c),
        }
    }
    out
}

/// Columns that safe text takes.
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Safe text in at most so many columns; where it is cut, `more` stands in the last one.
pub fn clipped(text: &str, limit: usize, more: &str) -> String {
    if columns(text) <= limit {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width >= limit {
            break;
        }
        used += width;
        out.push(c);
    }
    if limit > 0 {
        out.push_str(more);
    }
    out
}

/// Cut or filled with spaces to exactly so many columns.
pub fn fitted(text: &str, limit: usize, more: &str) -> String {
    let mut out = clipped(text, limit, more);
    let used = columns(&out);
    out.extend(std::iter::repeat_n(' ', limit.saturating_sub(used)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let sizes = [(0, "0"), (999, "999"), (1000, "1.0K"), (4_149, "4.1K"), (9_960, "10K"), (999_600, "1.0M")];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(u64::MAX), "18E");
        assert_eq!((count(1), count(1284), count(1_000_000)), ("1".into(), "1,284".into(), "1,000,000".into()));
    }

    #[test]
    fn text_is_cut_at_columns_and_not_at_characters() {
        assert_eq!(clipped("日本語", 5, "…"), "日本…");
        assert_eq!(clipped("日本語", 6, "…"), "日本語");
        assert_eq!(clipped("日本語", 0, "…"), "");
        assert_eq!(fitted("日本", 6, "…"), "日本  ");
    }

    #[test]
    fn lines_keep_their_text_and_lose_their_teeth() {
        assert_eq!(line("a\\b\tc\x1b[2J\u{202e}d"), "a\\b    c\\x1b[2J\\u{202e}d");
        assert_eq!(escaped("a\nb"), "a\\nb");
    }
}

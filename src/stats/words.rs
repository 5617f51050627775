//! Quantities and texts to the table, written where they are to stand: it has dozens of them a connection, and the formatting of
//! the standard library, which can do anything, takes five times as long for them.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::export::escape::push_escaped;
use crate::net::segment::Endpoint;

/// Widest line.
pub const WIDTH: usize = 80;

/// Something that can be written into a line.
pub(super) trait Word {
    /// Appends it.
    fn append_to(&self, out: &mut String);
}

/// Appends words, as they stand.
macro_rules! push {
    ($out:expr, $($word:expr),+) => {{
        $($crate::stats::words::Word::append_to(&$word, $out);)+
    }};
}

/// Appends words as a line, broken at spaces where it is wider than a terminal.
macro_rules! line {
    ($out:expr, $($word:expr),+) => {{
        let start = $out.len();
        $crate::stats::words::push!($out, $($word),+);
        $crate::stats::words::end_line(start, $out);
    }};
}
pub(super) use {line, push};

/// A quantity of bytes: `118 B`, `4.1 kB`, `12.4 MB`.
pub(super) struct Bytes(pub(super) u64);

/// Nanoseconds: `18.2 ms`, `61.2 s`, `2:03:00 h`.
pub(super) struct Duration(pub(super) i64);

/// How many there are of something, and what one and what many of it are called.
pub(super) struct Count(pub(super) u64, pub(super) &'static str, pub(super) &'static str);

/// A number with so many digits behind the point, as `{:.DIGITS$}` writes it.
pub(super) struct Fixed<const DIGITS: u32>(pub(super) f64);

/// What peers sent, escaped.
pub(super) struct Escaped<'a>(pub(super) &'a str);

/// A text at the left of a column of so many characters.
pub(super) struct Left<'a>(pub(super) usize, pub(super) &'a str);

/// At the right of a column, which is not broader than [`SPACES`]: something of ASCII, as numbers are.
pub(super) struct Right<T>(pub(super) usize, pub(super) T);

/// What columns are filled up with.
const SPACES: &str = "                                ";

impl<T: Word + ?Sized> Word for &T {
    #[inline]
    fn append_to(&self, out: &mut String) {
        T::append_to(self, out);
    }
}

impl<T: Word> Word for Option<T> {
    fn append_to(&self, out: &mut String) {
        match self {
            Some(word) => word.append_to(out),
            None => out.push('-'),
        }
    }
}

impl Word for str {
    // Nearly all are literals, which then are copied without a call.
    #[inline]
    fn append_to(&self, out: &mut String) {
        out.push_str(self);
    }
}

impl Word for String {
    fn append_to(&self, out: &mut String) {
        out.push_str(self);
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Word for $integer {
            fn append_to(&self, out: &mut String) {
                out.push_str(itoa::Buffer::new().format(*self));
            }
        }
    )*};
}
integers!(u8 u16 u32 u64 i64);

impl Word for Endpoint {
    fn append_to(&self, out: &mut String) {
        match self.ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                push!(out, a, ".", b, ".", c, ".", d, ":", self.port);
            }
            IpAddr::V6(_) => write!(out, "{self}").expect("a String takes all"),
        }
    }
}

impl Word for Escaped<'_> {
    fn append_to(&self, out: &mut String) {
        push_escaped(self.0, out);
    }
}

impl Word for Count {
    fn append_to(&self, out: &mut String) {
        let Self(count, one, many) = *self;
        push!(out, count, " ", if count == 1 { one } else { many });
    }
}

impl Word for Bytes {
    fn append_to(&self, out: &mut String) {
        const UNITS: [&str; 6] = [" kB", " MB", " GB", " TB", " PB", " EB"];
        if self.0 < 1000 {
            return push!(out, self.0, " B");
        }
        let mut size = self.0 as f64 / 1000.0;
        let mut unit = 0;
        while size >= 999.95 && unit + 1 < UNITS.len() {
            (size, unit) = (size / 1000.0, unit + 1);
        }
        push!(out, Fixed::<1>(size), UNITS[unit]);
    }
}

impl Word for Duration {
    fn append_to(&self, out: &mut String) {
        let nanos = self.0;
        let seconds = nanos as f64 / 1e9;
        match nanos.unsigned_abs() {
            0..1_000 => push!(out, nanos, " ns"),
            1_000..1_000_000 => push!(out, Fixed::<1>(seconds * 1e6), " us"),
            1_000_000..1_000_000_000 => push!(out, Fixed::<1>(seconds * 1e3), " ms"),
            1_000_000_000..600_000_000_000 => push!(out, Fixed::<1>(seconds), " s"),
            _ => {
                let whole = nanos / 1_000_000_000;
                let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
                write!(out, "{hours}:{minutes:02}:{seconds:02} h").expect("a String takes all");
            }
        }
    }
}

impl<const DIGITS: u32> Word for Fixed<DIGITS> {
    fn append_to(&self, out: &mut String) {
        let one = 10_u32.pow(DIGITS);
        let scaled = self.0 * f64::from(one);
        let whole = scaled as u32;
        let rest = scaled - f64::from(whole);
        // Where it lies near the middle between two, its exact value decides.
        if !(0.0..1e6).contains(&scaled) || (rest - 0.5).abs() < 1e-6 {
            return write!(out, "{:.*}", DIGITS as usize, self.0).expect("a String takes all");
        }
        let rounded = whole + u32::from(rest > 0.5);
        (rounded / one).append_to(out);
        if DIGITS > 0 {
            out.push('.');
        }
        for digit in (0..DIGITS).rev() {
            out.push(char::from(b'0' + (rounded / 10_u32.pow(digit) % 10) as u8));
        }
    }
}

impl Word for Left<'_> {
    fn append_to(&self, out: &mut String) {
        let Self(column, text) = *self;
        push!(out, text, SPACES[..column.saturating_sub(text.chars().count())]);
    }
}

impl<T: Word> Word for Right<T> {
    fn append_to(&self, out: &mut String) {
        let start = out.len();
        self.1.append_to(out);
        let width = out.len() - start;
        out.insert_str(start, &SPACES[..self.0.saturating_sub(width)]);
    }
}

/// Ends the line that begins at `start`; what has line ends in it becomes several.
pub(super) fn end_line(start: usize, out: &mut String) {
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
        push!(out, now.trim_end(), "\n");
        rest = format!("{INDENT}{}", later.trim_start());
    }
    push!(out, rest, "\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(word: impl Word) -> String {
        let mut out = String::new();
        word.append_to(&mut out);
        out
    }

    #[test]
    fn quantities_are_short() {
        for (number, text) in [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (u64::MAX, "18.4 EB")]
        {
            assert_eq!(written(Bytes(number)), text);
        }
        for (nanos, text) in [
            (0, "0 ns"),
            (18_200_000, "18.2 ms"),
            (61_200_000_000, "61.2 s"),
            (7_380_000_000_000, "2:03:00 h"),
            (-5_000, "-5.0 us"),
        ] {
            assert_eq!(written(Duration(nanos)), text);
        }
        for (count, text) in [(0, "0 gaps"), (1, "1 gap"), (2, "2 gaps")] {
            assert_eq!(written(Count(count, "gap", "gaps")), text);
        }
    }

    #[test]
    fn digits_are_those_of_the_standard_library() {
        let steps = (0..200_000u32).map(|step| f64::from(step) / 40.0);
        let others = [-0.04, -1.25, 0.05, 0.25, 0.125, 2.5, 99_999.95, 1e9, 1e300, f64::NAN, f64::INFINITY];
        for number in steps.clone().chain(steps.map(|step| step / 3.0)).chain(others) {
            assert_eq!(written(Fixed::<0>(number)), format!("{number:.0}"));
            assert_eq!(written(Fixed::<1>(number)), format!("{number:.1}"));
            assert_eq!(written(Fixed::<2>(number)), format!("{number:.2}"));
        }
    }

    #[test]
    fn endpoints_are_those_of_the_standard_library() {
        for ip in ["0.0.0.0", "10.200.3.45", "255.255.255.255", "::1", "2001:db8::7", "::ffff:10.0.0.1"] {
            let endpoint = Endpoint { ip: ip.parse().expect("an address"), port: 65535 };
            assert_eq!(written(endpoint), endpoint.to_string());
        }
    }

    #[test]
    fn columns_are_as_wide_as_they_should_be() {
        assert_eq!(written(Left(6, "é")) + "|", "é     |");
        assert_eq!(written(Right(6, Some(Bytes(7)))), "   7 B");
        assert_eq!(written(Right(3, None::<u64>)), "  -");
        assert_eq!(written(Right(2, 1234_u64)), "1234");
    }

    #[test]
    fn wide_lines_are_broken() {
        let out = &mut String::new();
        line!(out, "é".repeat(200));
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(out.matches('é').count(), 200);
    }
}

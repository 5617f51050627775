//! Times as they are written: RFC 3339 in UTC with nanoseconds.

use jiff::tz::TimeZone;

use crate::origin::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// Writes times; remembers the last second, since most records share theirs with the one before.
#[derive(Debug, Default)]
pub struct Clock {
    second: i64,
    text: String,
}

impl Clock {
    /// `2026-11-21T09:00:00.000000001Z`.
    pub fn write(&mut self, time: Timestamp, out: &mut Vec<u8>) {
        let text = self.civil(time);
        out.extend_from_slice(text.as_bytes());
        write_fraction(time.0.rem_euclid(SECOND).unsigned_abs(), SECOND.unsigned_abs(), out);
        out.push(b'Z');
    }

    /// `09:00:00.000001`.
    pub fn write_time_of_day(&mut self, time: Timestamp, out: &mut Vec<u8>) {
        let text = self.civil(time);
        out.extend_from_slice(text.rsplit('T').next().unwrap_or(text).as_bytes());
        write_fraction(time.0.rem_euclid(SECOND).unsigned_abs() / 1000, 1_000_000, out);
    }

    fn civil(&mut self, time: Timestamp) -> &str {
        let second = time.0.div_euclid(SECOND);
        if self.text.is_empty() || self.second != second {
            let civil = jiff::Timestamp::from_second(second)
                .expect("nanoseconds of 64 bits reach from 1677 to 2262, jiff further")
                .to_zoned(TimeZone::UTC);
            self.text = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            self.second = second;
        }
        &self.text
    }
}

/// Nanoseconds as seconds with nine digits behind the point.
pub fn write_seconds(nanos: i64, out: &mut Vec<u8>) {
    if nanos < 0 {
        out.push(b'-');
    }
    let nanos = nanos.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(nanos / SECOND.unsigned_abs()).as_bytes());
    write_fraction(nanos % SECOND.unsigned_abs(), SECOND.unsigned_abs(), out);
}

/// A point, and as many digits behind it as `unit` has zeros; `value` is below it.
fn write_fraction(value: u64, unit: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(itoa::Buffer::new().format(unit + value).as_bytes());
    out[start] = b'.';
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(nanos: i64) -> String {
        let mut out = Vec::new();
        Clock::default().write(Timestamp(nanos), &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn times_keep_their_nanoseconds() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(time(1_795_252_320_123_456_789), "2026-11-21T09:12:00.123456789Z");
        assert_eq!(time(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(&time(i64::MIN)[..4], "1677");
        assert_eq!(&time(i64::MAX)[..4], "2262");
    }

    #[test]
    fn durations_keep_their_sign() {
        for (nanos, text) in [(0, "0.000000000"), (-1, "-0.000000001"), (61_000_000_002, "61.000000002")] {
            let mut out = Vec::new();
            write_seconds(nanos, &mut out);
            assert_eq!(out, text.as_bytes());
        }
    }
}

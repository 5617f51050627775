//! Bounds of every buffer: one table of names, units, defaults and meanings, and the struct that it makes.

use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// A row of the table of limits.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// What it is called, in [`Limits`] and on the command line.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it bounds, and what happens beyond.
    pub about: &'static str,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

/// One limit and its new value, parsed from `name=value`: bytes as `65536`, `64K`, `16M` or `1G`, times as `500ms`, `30s`, `2m`
/// or `1h`.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    limit: &'static Limit,
    value: u64,
}

impl FromStr for Setting {
    type Err = Error;

    fn from_str(assignment: &str) -> Result<Self, Error> {
        let (name, value) = assignment.split_once('=').ok_or_else(|| Error::Syntax(assignment.into()))?;
        let name = name.trim().replace('-', "_");
        let limit = LIMITS.iter().find(|limit| limit.name == name).ok_or_else(|| Error::Name(name.into()))?;
        let Limit { name, unit, .. } = *limit;
        let number = unit.parse(value.trim()).ok_or_else(|| Error::Value { name, unit, value: value.into() })?;
        Ok(Self { limit, value: number })
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Values in values; each takes stack of whoever reads them.
    Levels,
    /// Milliseconds.
    Time,
}

/// Why a limit cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// `name=value` it is not.
    #[error("{0:?} is not name=value")]
    Syntax(Box<str>),
    /// No limit has that name.
    #[error("there is no limit {0:?}; `--limit help` lists them")]
    Name(Box<str>),
    /// The value is not one of its unit, or beyond 2^63.
    #[error("{value:?} is no value for {name}: {}", .unit.wanted())]
    Value {
        /// Which limit.
        name: &'static str,
        /// What it counts.
        unit: Unit,
        /// What was given.
        value: Box<str>,
    },
}

macro_rules! limits {
    ($($name:ident: $type:ident = $default:expr, $unit:ident, $about:literal;)*) => {
        /// Bounds of every buffer; over a bound the item is cut, reported, and the stream stays in sync.
        #[derive(Debug, Clone)]
        pub struct Limits {
            $(#[doc = $about] pub $name: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// Every limit there is.
        pub const LIMITS: &[Limit] = &[$(Limit {
            name: stringify!($name),
            unit: Unit::$unit,
            about: $about,
            get: |limits| limits.$name.to_number(),
            set: |limits, value| limits.$name = Quantity::from_number(value),
        },)*];
    };
}

limits! {
    payload: usize = 16 << 20, Bytes,
        "payload kept for showing, per frame or message; the rest is decoded, but not shown (limit.payload)";
    payload_total: usize = 256 << 20, Bytes,
        "payload kept at once over all connections, in messages under way and in events not yet taken (limit.payload)";
    headers: usize = 0, Count,
        "frame headers kept of one message, for a reader who looks at them; records of messages have no room for them";
    anomalies: usize = 1_000, Count,
        "anomalies kept of one message; of more, only the first are told (limit.anomalies)";
    inflate: u64 = 64 << 20, Bytes,
        "what one message may inflate to; what lies beyond is inflated only to keep the window right (limit.inflate)";
    inflate_ratio: u64 = 200, Count,
        "what lies beyond `inflate` is inflated up to so many times the size of the message, then the window is lost (limit.inflate)";
    head: usize = 64 << 10, Bytes,
        "one HTTP head; servers accept 8 to 64 KiB (limit.head)";
    header_table: usize = 64 << 10, Bytes,
        "an HPACK table (RFC 7541 §4.2), per direction: browsers ask for 64 KiB, servers mostly for 4";
    reorder: usize = 4 << 20, Bytes,
        "what waits behind a hole, per direction: a few times a large TCP window; then the hole is given up (limit.reorder)";
    reorder_total: usize = 64 << 20, Bytes,
        "what waits behind holes, over all flows (limit.reorder)";
    early: usize = 1 << 20, Bytes,
        "what a client sent before the answer to its upgrade request; then it is taken for answered, or for no WebSocket (limit.early)";
    fragment_bytes: usize = 16 << 20, Bytes,
        "fragments of IP packets that wait for others; the oldest make room (limit.fragments)";
    fragment_datagrams: usize = 1 << 14, Count,
        "IP packets whose fragments are waited for or remembered at once; the oldest make room (limit.fragments)";
    fragment_time: Duration = Duration::from_secs(30), Time,
        "how long the fragments of an IP packet are waited for (RFC 791 §3.2 has 15 s, RFC 8200 §4.5 60 s, Linux 30 s)";
    unacknowledged: usize = 64 << 10, Bytes,
        "delivered bytes not yet acknowledged that are kept to be compared with retransmissions, per direction; beyond, the first copy \
         still wins, but what contradicts it is not noticed";
    queue: usize = 128 << 20, Bytes,
        "captured packets that wait for the analysis of a live capture (capture.dropped)";
    held: usize = 64 << 20, Bytes,
        "packets held until it is known whether their connection becomes a WebSocket (--only-websocket)";
    streams: usize = 256, Count,
        "HTTP/2 streams of one connection that are tracked at once: those that carry a WebSocket or a tunnel, or may";
    half_open: usize = 1 << 14, Count,
        "SYNs that wait for their answer at once; of more, the oldest are forgotten, and a SYN-ACK tells the same \
         (limit.forgotten)";
    connections: usize = 128 << 20, Bytes,
        "what is kept of connections between packets, over all: heads, HPACK tables, early bytes, windows of compression, inflaters of \
         messages under way, records of TLS, bytes to compare with retransmissions; then the oldest are let go (limit.connections, \
         limit.head, deflate.dictionary.lost)";
    flows: usize = 1 << 18, Count,
        "flows tracked at once; a long idle one makes room, WebSockets last (limit.flows)";
    idle: Duration = Duration::from_hours(1), Time,
        "how long a flow may be silent before it is given up";
    linger: Duration = Duration::from_secs(2), Time,
        "how long a flow must be silent after a RST, or after both FINs where bytes are missing, before it is over";
    remember: Duration = Duration::from_secs(60), Time,
        "how long an ended flow is remembered to recognise late duplicates: about a TIME-WAIT (RFC 9293 §3.6.1)";
    patience: Duration = Duration::from_secs(1), Time,
        "how long a hole that the receiver acknowledged is waited for: some captures hold packets out of order";
    patience_segments: u64 = 64, Count,
        "how many segments of the same flow may pass while such a hole is waited for";
    nonces: usize = 1 << 14, Count,
        "keys of earlier handshakes that are remembered to recognise one used twice (limit.forgotten)";
    tls_waiting: usize = 256 << 10, Bytes,
        "records of one TLS connection that wait for secrets (tls.keys.missing)";
    tls_waiting_total: usize = 64 << 20, Bytes,
        "records that wait for secrets, over all TLS connections (tls.keys.missing)";
    tls_hello: usize = 64 << 10, Bytes,
        "one TLS handshake message that is read; hellos are far smaller, and a larger one is passed over";
    tls_sessions: usize = 1 << 17, Count,
        "TLS sessions of which secrets are kept; of more, the oldest are forgotten";
    tls_search: u64 = 1 << 16, Count,
        "record numbers that are tried where TLS records were lost, or the connection was joined late";
    tls_tries: u64 = 16 << 20, Bytes,
        "records that may be tried on one TLS connection; it grows again with the bytes that come";
    tls_told: u64 = 1 << 10, Count,
        "TLS connections that could not be opened and are told one by one; the rest is only counted";
    pipelined: usize = 64, Count,
        "requests of one flow that may wait for their response; of more, the oldest are forgotten (limit.forgotten)";
    decode: usize = 1 << 20, Bytes,
        "one value of a sub-protocol that is decoded; a larger one is told by its length (limit.decode)";
    decode_total: usize = 64 << 20, Bytes,
        "what is kept for decoding over all connections: units that continue, requests that wait (limit.decode)";
    depth: usize = 64, Levels,
        "how deep values may nest; readers of JSON take 128 levels, and records add some";
    requests: usize = 1 << 12, Count,
        "requests of one side of a sub-protocol that may wait for their answer";
    polls: usize = 256, Count,
        "pairs of client and server whose requests are remembered, so that polling is known for the prologue of a WebSocket";
    methods: usize = 100, Count,
        "methods of a sub-protocol that statistics tell apart, and unanswered requests that they list, of a connection and of all";
    handshakes: usize = 256 << 20, Bytes,
        "handshakes that are kept so that a filter can ask frames for fields of their connection; of more, that is told";
    rows: usize = 10_000, Count,
        "ended connections of which `stats` keeps a row; of more, the smallest are only in the total, and that is told";
    pings: usize = 64, Count,
        "pings of one side that may wait for their pong; of more, the oldest are forgotten (limit.forgotten)";
}

impl Limits {
    /// Sets one limit.
    pub fn apply(&mut self, setting: Setting) {
        (setting.limit.set)(self, setting.value);
    }

    /// The share of each of so many threads in what is bounded over all connections.
    #[must_use]
    pub fn shared_by(&self, threads: usize) -> Self {
        let share = |limit: usize| limit.div_ceil(threads.max(1));
        Self {
            payload_total: share(self.payload_total),
            reorder_total: share(self.reorder_total),
            half_open: share(self.half_open),
            connections: share(self.connections),
            flows: share(self.flows),
            tls_waiting_total: share(self.tls_waiting_total),
            decode_total: share(self.decode_total),
            ..self.clone()
        }
    }

    /// The table, for people: names, values and meanings.
    pub fn table(&self) -> String {
        let width = LIMITS.iter().map(|limit| limit.name.len()).max().unwrap_or_default();
        let mut table = String::new();
        for limit in LIMITS {
            let value = limit.unit.show((limit.get)(self));
            // Writing to a String cannot fail.
            let _ = writeln!(table, "{:width$}  {value:>7}  {}", limit.name, limit.about);
        }
        table
    }
}

/// Units by size, the largest first.
type Scale = &'static [(&'static str, u64)];

const BYTES: Scale = &[("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10), ("", 1)];
const COUNTS: Scale = &[("", 1)];
const TIMES: Scale = &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Unit {
    fn scale(self) -> Scale {
        match self {
            Self::Bytes => BYTES,
            Self::Count | Self::Levels => COUNTS,
            Self::Time => TIMES,
        }
    }

    /// How a value must look.
    fn wanted(self) -> &'static str {
        match self {
            Self::Bytes => "a number of bytes is wanted, as 65536, 64K, 16M or 1G",
            Self::Count => "a number is wanted",
            Self::Levels => "a number up to 128 is wanted",
            Self::Time => "a time is wanted, as 500ms, 30s, 2m or 1h",
        }
    }

    fn parse(self, value: &str) -> Option<u64> {
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = value.split_at(digits);
        let (_, factor) = self.scale().iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        let number = number.parse::<u64>().ok()?.checked_mul(*factor)?;
        (number <= self.most()).then_some(number)
    }

    fn most(self) -> u64 {
        match self {
            // So that sums of a few limits cannot overflow.
            Self::Bytes | Self::Count | Self::Time => (1 << 62) - 1,
            Self::Levels => 128,
        }
    }

    /// A value in the largest unit that it is a multiple of.
    fn show(self, value: u64) -> String {
        let fits = self.scale().iter().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
        let (name, factor) = fits.copied().unwrap_or(("", 1));
        format!("{}{name}", value / factor)
    }
}

/// What a limit is kept as.
trait Quantity {
    fn from_number(number: u64) -> Self;
    fn to_number(&self) -> u64;
}

impl Quantity for usize {
    fn from_number(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }

    fn to_number(&self) -> u64 {
        *self as u64
    }
}

impl Quantity for u64 {
    fn from_number(number: u64) -> Self {
        number
    }

    fn to_number(&self) -> u64 {
        *self
    }
}

impl Quantity for Duration {
    fn from_number(number: u64) -> Self {
        Self::from_millis(number)
    }

    fn to_number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_to_what_the_table_shows() {
        let defaults = Limits::default();
        for limit in LIMITS {
            let shown = limit.unit.show((limit.get)(&defaults));
            let mut limits = defaults.clone();
            limits.apply(Setting { limit, value: 7 });
            assert_eq!((limit.get)(&limits), 7, "{}", limit.name);
            limits.apply(format!("{}={shown}", limit.name).parse().expect("as the table shows it"));
            assert_eq!((limit.get)(&limits), (limit.get)(&defaults), "{}", limit.name);
            assert!(defaults.table().contains(limit.about));
        }
    }

    #[test]
    fn values_nest_no_deeper_than_a_stack_allows() {
        assert!("depth=128".parse::<Setting>().is_ok());
        assert!("depth=129".parse::<Setting>().is_err());
    }

    #[test]
    fn values_have_units() {
        for (assignment, expected) in [
            ("payload=5", 5),
            ("payload=64k", 64 << 10),
            ("payload = 3M", 3 << 20),
            ("reorder-total=1G", 1 << 30),
            ("idle=500ms", 500),
            ("idle=2m", 120_000),
            ("idle=1h", 3_600_000),
        ] {
            assert_eq!(assignment.parse::<Setting>().map(|setting| setting.value), Ok(expected), "{assignment}");
        }
    }

    #[test]
    fn what_is_no_limit_is_said() {
        let error = |assignment: &str| assignment.parse::<Setting>().expect_err("no setting");
        assert_eq!(error("payload"), Error::Syntax("payload".into()));
        assert_eq!(error("pay=1"), Error::Name("pay".into()));
        for assignment in ["payload=", "payload=-1", "payload=1T", "flows=1K", "idle=3", "payload=9999999999G"] {
            assert!(matches!(error(assignment), Error::Value { .. }), "{assignment}");
        }
    }
}

//! Arguments about what is captured, when that ends, and what is written of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use wscope::capture::{Options, Recording, Ring};
use wscope::run::stop::Stop;

/// One block of libpcap's ring.
const LEAST_BUFFER: i32 = 256 << 10;
/// As tcpdump and dumpcap have it.
const MAX_SNAP_LEN: u64 = 262_144;
/// dumpcap's kB.
const KILOBYTE: u64 = 1000;

#[derive(Debug, Args)]
#[command(next_help_heading = "Capturing")]
pub(crate) struct Capture {
    /// Capture from this interface, `any` of them, or several: `wscope interfaces` lists them
    #[arg(short, long, value_name = "INTERFACE", conflicts_with_all = ["files", "read"])]
    pub(crate) interface: Vec<String>,
    /// Capture at most this many bytes of each packet
    #[arg(short, long, value_name = "BYTES", default_value_t = MAX_SNAP_LEN as u32)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=MAX_SNAP_LEN))]
    snapshot_length: u32,
    /// Do not put the interface into promiscuous mode
    #[arg(short = 'p', long)]
    no_promiscuous_mode: bool,
    /// Size of the kernel's buffer, in KiB as in `tcpdump`, or with a unit: 64M
    #[arg(short = 'B', long, value_name = "SIZE", default_value = "64M", value_parser = buffer_size)]
    buffer_size: u32,
    /// Stop after this many messages; for packets see -a
    #[arg(short, long, value_name = "MESSAGES")]
    count: Option<u64>,
    /// Stop after duration:SECONDS, packets:NUMBER, or when -w has filesize:KB (of 1000 bytes); several: whatever comes first
    #[arg(short = 'a', long, value_name = "CONDITION", value_parser = condition::<Autostop>)]
    autostop: Vec<Autostop>,
    /// Write the packets too, as pcapng; `-`: to standard output, and nothing else there
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Write several files, the next after duration:SECONDS or filesize:KB, of which files:NUMBER are kept
    #[arg(short = 'b', long, value_name = "CONDITION", requires = "write", value_parser = condition::<Next>)]
    ring_buffer: Vec<Next>,
    /// Write only the packets of WebSocket connections, from their SYN on
    #[arg(long, requires = "write")]
    only_websocket: bool,
    /// Become this user where started as root, when all is open [default: who called sudo, else nobody]
    #[arg(long, value_name = "USER", requires = "interface")]
    pub(crate) user: Option<String>,
    /// Do without the sandbox that leaves a live capture no files but its outputs (Linux: Landlock)
    #[arg(long)]
    pub(crate) no_sandbox: bool,
}

impl Capture {
    /// When to stop: of several conditions of a kind the first to come true.
    pub(crate) fn stop(&self) -> Stop {
        let mut stop = Stop { messages: self.count, ..Stop::default() };
        for condition in &self.autostop {
            match *condition {
                Autostop::Duration(seconds) => lower(&mut stop.duration, Duration::from_secs(seconds)),
                Autostop::Packets(count) => lower(&mut stop.packets, count),
                Autostop::FileSize(_) => {}
            }
        }
        stop
    }

    /// How packets are captured, those that pass `filter`.
    pub(crate) fn options(&self, filter: Option<&String>) -> Options {
        Options {
            filter: filter.cloned(),
            snap_len: self.snapshot_length,
            promiscuous: !self.no_promiscuous_mode,
            buffer: self.buffer_size,
        }
    }

    /// How what is captured is written, where it is.
    pub(crate) fn recording(&self) -> Option<Recording> {
        let path = self.write.clone()?;
        let size = self.autostop.iter().filter_map(|stop| match stop {
            Autostop::FileSize(size) => Some(size.saturating_mul(KILOBYTE)),
            Autostop::Duration(_) | Autostop::Packets(_) => None,
        });
        Some(Recording { path, ring: self.ring(), only_websocket: self.only_websocket, size: size.min() })
    }

    /// Whether standard output belongs to the packets.
    pub(crate) fn writes_to_stdout(&self) -> bool {
        self.write.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }

    /// What contradicts itself.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let has_size = self.autostop.iter().any(|stop| matches!(stop, Autostop::FileSize(_)));
        let ring = self.ring();
        if self.interface.is_empty() && self.stop().duration.is_some() {
            Some("-a duration is for live captures: with -i")
        } else if has_size && self.write.is_none() {
            Some("-a filesize is about the file of -w")
        } else if ring.is_some() && self.writes_to_stdout() {
            Some("-b needs a file that -w names")
        } else if ring.is_some_and(|ring| ring.duration.is_none() && ring.size.is_none()) {
            Some("-b files needs to know when the next one is due: -b duration or -b filesize")
        } else {
            None
        }
    }

    fn ring(&self) -> Option<Ring> {
        let mut ring = Ring::default();
        for condition in &self.ring_buffer {
            match *condition {
                Next::Duration(seconds) => lower(&mut ring.duration, Duration::from_secs(seconds)),
                Next::FileSize(size) => lower(&mut ring.size, size.saturating_mul(KILOBYTE)),
                Next::Files(count) => lower(&mut ring.files, usize::try_from(count).unwrap_or(usize::MAX).max(1)),
            }
        }
        (!self.ring_buffer.is_empty()).then_some(ring)
    }
}

fn lower<T: Ord>(limit: &mut Option<T>, value: T) {
    if limit.as_ref().is_none_or(|limit| value < *limit) {
        *limit = Some(value);
    }
}

/// A condition of `-a`, as `dumpcap` knows them.
#[derive(Debug, Clone, Copy)]
enum Autostop {
    Duration(u64),
    Packets(u64),
    FileSize(u64),
}

/// A condition of `-b`, as `dumpcap` knows them.
#[derive(Debug, Clone, Copy)]
enum Next {
    Duration(u64),
    FileSize(u64),
    Files(u64),
}

/// The name of a condition, and what its value makes of it.
type Named<C> = (&'static str, fn(u64) -> C);

/// Conditions by their names.
trait Conditions: Sized + 'static {
    const NAMES: &'static [Named<Self>];
}

impl Conditions for Autostop {
    const NAMES: &'static [Named<Self>] =
        &[("duration", Self::Duration), ("packets", Self::Packets), ("filesize", Self::FileSize)];
}

impl Conditions for Next {
    const NAMES: &'static [Named<Self>] =
        &[("duration", Self::Duration), ("filesize", Self::FileSize), ("files", Self::Files)];
}

fn condition<C: Conditions>(text: &str) -> Result<C, String> {
    let (name, value) = text.split_once(':').ok_or("not NAME:VALUE")?;
    let Some((_, make)) = C::NAMES.iter().find(|(known, _)| *known == name) else {
        let names: Vec<_> = C::NAMES.iter().map(|(known, _)| *known).collect();
        return Err(format!("unknown condition {name:?}: {}", names.join(", ")));
    };
    value.parse().map(make).map_err(|_| format!("{value:?} is not a whole number"))
}

/// Bytes of a size in KiB, or with a unit.
fn buffer_size(text: &str) -> Result<u32, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        unit => return Err(format!("unknown unit {unit:?}: K, M or G")),
    };
    let count: u64 = digits.parse().map_err(|_| "not a number".to_owned())?;
    match count.checked_mul(unit).and_then(|bytes| i32::try_from(bytes).ok()) {
        Some(bytes) if bytes >= LEAST_BUFFER => Ok(bytes.unsigned_abs()),
        // Whoever is used to tshark's MiB is better told than left with a buffer that holds nothing.
        _ => Err(format!("from {} KiB to 2 GiB; without a unit it is in KiB", LEAST_BUFFER >> 10)),
    }
}

//! Arguments to configuration.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use wscope::anomaly::Severity;
use wscope::capture::Options;
use wscope::config;
use wscope::export::FORMATS;
use wscope::run::stop::Stop;

/// Show what really went over WebSocket connections: a timeline, a line per message
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
}

const EXIT_STATUS: &str = "\
Exit status: 0 done; 1 `check` found what it looks for; 2 usage, unreadable input or failed write; \
3 an input was damaged or cut, and all before that was processed.";

/// One block of libpcap's ring.
const LEAST_BUFFER: i32 = 256 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write handshakes, frames and messages for other programs
    Export(Export),
    /// Report every broken rule of RFC 6455 and RFC 7692, by connection
    Check(Check),
}

/// What is read.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// Capture files: pcap or pcapng, also .gz and .zst; `-` is standard input. Several are read as one capture
    #[arg(value_name = "INPUT")]
    files: Vec<PathBuf>,
    /// Another capture file, read after the INPUTs
    #[arg(short, long, value_name = "FILE")]
    read: Vec<PathBuf>,
    /// Capture from this interface, `any` of them, or several: `wscope interfaces` lists them
    #[arg(short, long, value_name = "INTERFACE", conflicts_with_all = ["files", "read"])]
    pub(crate) interface: Vec<String>,
    /// Look only at packets that match this BPF expression, as in `tcpdump` ("port 8080")
    #[arg(short = 'f', long = "filter", value_name = "EXPRESSION")]
    pub(crate) filter: Option<String>,
    /// Stop after this many messages; for packets see -a
    #[arg(short, long, value_name = "MESSAGES")]
    count: Option<u64>,
    /// Stop after duration:SECONDS, or packets:NUMBER; several: whatever comes first
    #[arg(short = 'a', long, value_name = "CONDITION", value_parser = autostop)]
    autostop: Vec<Autostop>,
    /// Capture at most this many bytes of each packet
    #[arg(short, long, value_name = "BYTES", default_value_t = 262_144, value_parser = RangedU64ValueParser::<u32>::new().range(1..=262_144))]
    snapshot_length: u32,
    /// Do not put the interface into promiscuous mode
    #[arg(short = 'p', long)]
    no_promiscuous_mode: bool,
    /// Size of the kernel's buffer, in KiB as in `tcpdump`, or with a unit: 64M
    #[arg(short = 'B', long, value_name = "SIZE", default_value = "64M", value_parser = buffer_size)]
    buffer_size: u32,
    /// Blot out cookies, authorization headers and tokens in queries, for captures that are shared
    #[arg(long)]
    pub(crate) redact: bool,
}

impl Inputs {
    /// All files, in the order in which they are read.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.files.iter().chain(&self.read).cloned().collect()
    }

    /// When to stop: of several conditions of a kind the first to come true.
    pub(crate) fn stop(&self) -> Stop {
        let least = |of: fn(&Autostop) -> Option<u64>| self.autostop.iter().filter_map(of).min();
        Stop {
            messages: self.count,
            packets: least(|stop| if let Autostop::Packets(count) = stop { Some(*count) } else { None }),
            duration: least(|stop| if let Autostop::Duration(seconds) = stop { Some(*seconds) } else { None })
                .map(Duration::from_secs),
        }
    }

    /// How interfaces are captured from.
    pub(crate) fn options(&self) -> Options {
        Options {
            filter: self.filter.clone(),
            snap_len: self.snapshot_length,
            promiscuous: !self.no_promiscuous_mode,
            buffer: self.buffer_size,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Format of the output
    #[arg(long, default_value = "jsonl", value_parser = formats())]
    pub(crate) format: String,
    /// A record for each frame, or for each message with its fragments joined
    #[arg(long, value_enum, default_value_t = Per::Frame)]
    pub(crate) per: Per,
    /// Write to this file, which appears when it is whole
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the JSON Schema of the records and leave
    #[arg(long)]
    pub(crate) schema: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Text to read, or a JSON object for each connection
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// Exit with 1 where something of this weight or above was found
    #[arg(long, value_enum, default_value_t = Threshold::Violation)]
    pub(crate) severity: Threshold,
    /// List all rules and leave
    #[arg(long)]
    pub(crate) rules: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    Text,
    Jsonl,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Threshold {
    /// Anything worth knowing
    Note,
    /// Something could not be seen or decoded
    Loss,
    /// A SHOULD was not followed, or a known danger
    Warning,
    /// A MUST was broken
    Violation,
}

impl From<Threshold> for Severity {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Note => Self::Note,
            Threshold::Loss => Self::Loss,
            Threshold::Warning => Self::Warning,
            Threshold::Violation => Self::Violation,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Per {
    Frame,
    Message,
}

impl From<Per> for config::Per {
    fn from(per: Per) -> Self {
        match per {
            Per::Frame => Self::Frame,
            Per::Message => Self::Message,
        }
    }
}

/// A condition of `-a`, as `dumpcap` knows them.
#[derive(Debug, Clone, Copy)]
enum Autostop {
    Duration(u64),
    Packets(u64),
}

fn autostop(text: &str) -> Result<Autostop, String> {
    let (name, value) = text.split_once(':').ok_or("not NAME:VALUE")?;
    let value = value.parse().map_err(|_| format!("{value:?} is not a whole number"))?;
    match name {
        "duration" => Ok(Autostop::Duration(value)),
        "packets" => Ok(Autostop::Packets(value)),
        _ => Err(format!("unknown condition {name:?}: duration or packets")),
    }
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

fn formats() -> impl clap::builder::TypedValueParser<Value = String> {
    use clap::builder::TypedValueParser as _;
    let names = FORMATS.iter().map(|row| clap::builder::PossibleValue::new(row.name).help(row.about));
    clap::builder::PossibleValuesParser::new(names).map(|name| name)
}

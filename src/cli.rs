//! Arguments to configuration.

mod capture;
mod screen;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{Context as _, Result, anyhow};
use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use prost_reflect::DescriptorPool;
use wscope::anomaly::Severity;
use wscope::capture::KeyLog;
use wscope::config::{self, Config, Decode, DecodeAs};
use wscope::dissect::protobuf;
use wscope::export::FORMATS;
use wscope::filter::{self, Filter, Saved};
use wscope::limits::{self, Limits, Setting};
use wscope::tui::settings::Settings;

use capture::Capture;
use screen::Screen;

/// Show what really went over WebSocket connections: on a terminal as a screen to look around in, else a line per message
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = EXIT_STATUS, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[command(flatten)]
    pub(crate) screen: Screen,
}

/// From this mean length on, in bytes, handing packets to other threads costs more than it gains: between chats, which have 100
/// to 200, and transfers, which have over 1000.
const LARGE_PACKETS: usize = 500;

/// More threads than any machine has use for.
const MAX_THREADS: u64 = 256;

const EXIT_STATUS: &str = "\
Exit status: 0 done; 1 `check` found what it looks for; 2 usage, unreadable input or failed write; \
3 an input was damaged or cut, and all before that was processed.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write handshakes, frames and messages for other programs
    Export(Export),
    /// Report every broken rule of RFC 6455 and RFC 7692, by connection
    Check(Check),
    /// List what can be captured from, and what permission is missing
    Interfaces,
    /// Count what went over each connection and all: rates, sizes, compression, ping times, overhead
    Stats(Stats),
    /// Explain a command, or `filter`: the language of -Y
    Help { topic: Option<String> },
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
    /// Look only at packets that match this BPF expression, as in `tcpdump` ("port 8080")
    #[arg(short = 'f', long = "filter", value_name = "EXPRESSION")]
    pub(crate) filter: Option<String>,
    /// Show only what this expression chooses, in the language of Wireshark's display filters or in plain words:
    /// `wscope help filter`
    #[arg(short = 'Y', long, value_name = "EXPRESSION")]
    display_filter: Option<String>,
    /// Take connections with this port for another protocol: `tcp.port==8080,stomp`
    #[arg(short = 'd', long, value_name = "PORT,PROTOCOL", value_parser = DecodeAs::parse)]
    decode_as: Vec<DecodeAs>,
    /// Types of Protocol Buffers for `-d tcp.port==N,protobuf:pkg.Request:pkg.Response`: a .proto file, or a descriptor set
    #[arg(long, value_name = "FILE")]
    proto: Option<PathBuf>,
    /// Leave messages as they are, whatever sub-protocol they speak
    #[arg(long)]
    no_decode: bool,
    /// Change a bound on memory or patience, as payload=1M or idle=10m; `help` lists all of them
    #[arg(long, value_name = "NAME=VALUE", value_parser = limit)]
    limit: Vec<LimitArgument>,
    /// Open TLS with the secrets in this key log, as browsers and others write it where SSLKEYLOGFILE is set; repeatable.
    /// The file that SSLKEYLOGFILE names is read too
    #[arg(long, value_name = "FILE")]
    keylog: Vec<PathBuf>,
    /// Analyse capture files by so many threads; what is captured, piped, counted with -c or written with -w is analysed by one
    /// [default: one for each core where packets are small; of large ones, reading is most of the work]
    #[arg(long, value_name = "NUMBER", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    threads: Option<usize>,
    /// Blot out cookies, authorization headers and tokens in queries, for captures that are shared
    #[arg(long)]
    pub(crate) redact: bool,
    #[command(flatten)]
    pub(crate) capture: Capture,
}

/// Paths of key logs.
pub(crate) struct KeyLogs {
    named: Vec<PathBuf>,
    environment: Option<PathBuf>,
}

impl KeyLogs {
    /// Opens them, if there are any.
    pub(crate) fn open(&self) -> Result<Option<KeyLog>, wscope::capture::Error> {
        if self.named.is_empty() && self.environment.is_none() {
            return Ok(None);
        }
        KeyLog::open(&self.named, self.environment.as_deref()).map(Some)
    }
}

impl Inputs {
    /// What is read, as it was named.
    pub(crate) fn name(&self) -> String {
        let files = self.files().into_iter().map(|file| file.display().to_string());
        self.capture.interface.iter().cloned().chain(files).collect::<Vec<_>>().join(" ")
    }

    /// All files, in the order in which they are read.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.files.iter().chain(&self.read).cloned().collect()
    }

    /// The key logs: those that were named, and the one of the environment, which may not be there yet.
    pub(crate) fn key_logs(&self) -> KeyLogs {
        let environment = std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty()).map(PathBuf::from);
        KeyLogs { named: self.keylog.clone(), environment }
    }

    /// How a capture is analysed.
    pub(crate) fn config(&self, per: config::Per) -> Result<Config> {
        let schema = self.proto.as_deref().map(schema).transpose()?;
        for rule in self.decode_as.iter().filter(|rule| rule.name() == "protobuf") {
            protobuf::types(schema.as_ref(), rule.parameter()).map_err(|error| anyhow!("-d: {error}"))?;
        }
        let decode = if self.no_decode { Decode::Nothing } else { Decode::All };
        let (decode_as, limits) = (self.decode_as.clone(), self.limits());
        Ok(Config { per, decode, decode_as, schema, limits, discards_data: false })
    }

    /// How many threads analyse files whose packets have this length.
    pub(crate) fn threads(&self, packet_length: Option<usize>) -> usize {
        let cores = || available_parallelism().map_or(1, NonZero::get);
        self.threads
            .unwrap_or_else(|| if packet_length.is_some_and(|length| length < LARGE_PACKETS) { cores() } else { 1 })
    }

    /// Bounds of every buffer.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for argument in &self.limit {
            if let LimitArgument::Set(setting) = *argument {
                limits.apply(setting);
            }
        }
        limits
    }

    /// Whether the limits are to be listed, and nothing else done.
    pub(crate) fn asks_for_limits(&self) -> bool {
        self.limit.iter().any(|argument| matches!(argument, LimitArgument::Help))
    }

    /// What is shown, as `parse` understands it.
    pub(crate) fn display_filter(&self, parse: fn(&str, &Saved) -> Result<Filter, filter::Error>) -> Result<Filter> {
        let text = self.display_filter.as_deref().unwrap_or_default();
        // Settings are read where they are asked for: others need not be in order.
        let saved =
            if text.contains('$') { Settings::load().map_err(|reason| anyhow!(reason))?.filters } else { Saved::new() };
        parse(text, &saved).map_err(|error| anyhow!("-Y: {}", error.render(text)))
    }
}

/// Reads the types of a .proto file and of what it imports, or of a set of descriptors (`protoc -o`).
fn schema(path: &Path) -> Result<DescriptorPool> {
    let place = || format!("--proto {}", path.display());
    if path.extension().is_some_and(|extension| extension == "proto") {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let set = protox::compile([path], [folder]).with_context(place)?;
        return DescriptorPool::from_file_descriptor_set(set).with_context(place);
    }
    let bytes = std::fs::read(path).with_context(place)?;
    DescriptorPool::decode(&*bytes).with_context(place)
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
    /// Write to this file, which appears when it is whole; of a live capture it grows with it
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

#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// A table to read, or one JSON object
    #[arg(long, value_enum, default_value_t = StatsFormat::Text)]
    pub(crate) format: StatsFormat,
    /// Print the JSON Schema of the object and leave
    #[arg(long)]
    pub(crate) schema: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsFormat {
    Text,
    Json,
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

/// What `--limit` is given.
#[derive(Debug, Clone, Copy)]
enum LimitArgument {
    Help,
    Set(Setting),
}

fn limit(argument: &str) -> Result<LimitArgument, limits::Error> {
    if argument == "help" { Ok(LimitArgument::Help) } else { argument.parse().map(LimitArgument::Set) }
}

fn formats() -> impl clap::builder::TypedValueParser<Value = String> {
    use clap::builder::TypedValueParser as _;
    let names = FORMATS.iter().map(|row| clap::builder::PossibleValue::new(row.name).help(row.about));
    clap::builder::PossibleValuesParser::new(names).map(|name| name)
}

//! From capture files to packets: the I/O edge that feeds the core.
//!
//! pcap and pcapng, also gzip or Zstandard compressed, from paths or standard input, several of them read as one capture.
//!
//! ```text
//! Stream ──bytes──► Window ──records──► CaptureFile ──Input──► Files
//! file, pipe,       refillable          pcap.rs or             next input, numbers,
//! .gz, .zst         buffer              pcapng.rs              BPF filter
//! ```
//!
//! Leaves out live capture. Record headers are read by hand, as their packets are handed on without a copy; pcap-parser,
//! the other choice, ignores the byte order of `if_tsoffset`, has no base-2 resolutions and no obsolete Packet Block.

mod error;
mod file;
mod files;
mod filter;
mod inflate;
mod order;
mod pcap;
mod pcapng;
mod resolution;
mod stream;
mod window;

pub use error::Error;
pub use files::{Files, Progress, Step};

//! From capture files and interfaces to packets: the I/O edge that feeds the core.
//!
//! pcap and pcapng, also gzip or Zstandard compressed, from paths or standard input, several of them read as one capture.
//!
//! ```text
//! Stream ──bytes──► Window ──records──► CaptureFile ──Input──► Files
//! file, pipe,       refillable          pcap.rs or             next input, numbers,
//! .gz, .zst         buffer              pcapng.rs              BPF filter
//! ```
//!
//! Interfaces are read by libpcap, in a thread of its own: [`Live`]. Record headers of files are read by hand, as their packets are handed on without a copy; pcap-parser,
//! the other choice, ignores the byte order of `if_tsoffset`, has no base-2 resolutions and no obsolete Packet Block.

mod ahead;
mod batch;
mod block_file;
mod device;
mod error;
mod file;
mod files;
mod filter;
mod holding;
mod inflate;
mod interfaces;
mod keylog;
mod live;
mod order;
mod pcap;
mod pcapng;
mod recorder;
mod resolution;
mod sniffer;
mod source;
mod stream;
mod window;
mod writer;

pub use device::Options;
pub use error::Error;
pub use files::Files;
pub use interfaces::{Interface, interfaces, list, missing_permission};
pub use keylog::{KeyLog, Keyed};
pub use live::{Interfaces, Live};
pub use recorder::{Recorder, Recording, Ring};
pub use source::{Progress, Source, Step};
pub use writer::{Description, Writer};

//! Writes captures to measure on, the same each time: `cargo bench --bench corpus -- KIND MEGABYTES FILE`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};

use common::attack::ATTACKS;
use common::corpus::{KINDS, Kind};
use common::pcap;

fn main() -> io::Result<()> {
    // Cargo adds --bench; without a file to write there is nothing to measure either.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [kind, megabytes, path] = &arguments[..] else { return Ok(()) };
    let kinds: Vec<&Kind> = KINDS.iter().chain(ATTACKS).collect();
    let Some(kind) = kinds.iter().find(|row| row.name == kind) else {
        let names: Vec<_> = kinds.iter().map(|row| row.name).collect();
        return Err(io::Error::other(format!("{kind}: not one of {}", names.join(", "))));
    };
    let megabytes: u64 = megabytes.parse().map_err(io::Error::other)?;
    let mut file = BufWriter::new(File::create(path)?);
    pcap::write_pcap_header(&mut file)?;
    let (mut written, mut number) = (0, 0);
    while written < megabytes << 20 {
        for packet in (kind.round)(number) {
            pcap::write_pcap_packet(&packet, &mut file)?;
            written += 16 + packet.bytes.len() as u64;
        }
        number += 1;
    }
    file.flush()
}

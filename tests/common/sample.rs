//! The samples, as the packets in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wscope::capture::Files;
use wscope::input::{Input, Secret};

use super::packet::OwnedPacket;

/// A sample: its name, its packets, and the secrets that stand before them.
#[derive(Debug, Clone)]
pub struct Sample {
    pub name: String,
    pub packets: Vec<OwnedPacket>,
    pub keys: Vec<u8>,
}

impl Sample {
    /// Its secrets, and then these packets.
    pub fn inputs<'a>(&'a self, packets: &'a [OwnedPacket]) -> impl Iterator<Item = Input<'a>> {
        let secret = Input::Secret(Secret { kind: Secret::TLS_KEY_LOG, bytes: &self.keys });
        [secret].into_iter().chain(packets.iter().zip(1..).map(|(packet, number)| Input::Packet(packet.lend(number))))
    }
}

/// All samples, by name.
pub fn samples() -> Vec<Sample> {
    files().into_iter().map(|path| read(&path)).collect()
}

/// The files of all samples, by name.
pub fn files() -> Vec<PathBuf> {
    let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")).expect("there are samples");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let mut captures: Vec<_> = paths.filter(|path| path.to_string_lossy().contains(".pcap")).collect();
    captures.sort();
    captures
}

fn read(path: &Path) -> Sample {
    let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
    let mut sample = Sample { name, packets: Vec::new(), keys: Vec::new() };
    let mut files = Files::open(&[path.to_owned()], None, Arc::default()).expect("it can be read");
    while let Some(input) = files.next_input().expect("it is whole") {
        match input {
            Input::Packet(packet) => sample.packets.push(OwnedPacket {
                time: packet.time,
                link: packet.link,
                bytes: packet.bytes.to_vec(),
                wire_len: packet.wire_len,
            }),
            Input::Secret(secret) => sample.keys.extend_from_slice(secret.bytes),
            Input::Tick(_) | Input::Dropped(_) => {}
        }
    }
    sample
}

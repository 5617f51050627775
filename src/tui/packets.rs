//! The packets of a connection to a pcapng file: the inputs are read once more, by a thread.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{Builder, JoinHandle};

use crate::capture::{Files, Recorder, Recording};
use crate::config::Config;
use crate::net::segment::Endpoint;
use crate::run::Run;

use super::save;
use super::show;

/// A thread that writes packets; it ends with what there is to say.
pub type Writing = JoinHandle<Result<String, String>>;

/// Begins to write the packets between two endpoints; `given` names the file.
///
/// # Errors
/// When the file cannot be made, or the system gives no thread.
pub fn begin(
    inputs: Vec<PathBuf>,
    ends: (Endpoint, Endpoint),
    number: u64,
    given: Option<&str>,
) -> io::Result<Writing> {
    // The recorder opens it anew; making it first keeps what is there from being written over.
    let (path, _) = save::create(given, &format!("wscope-connection-{number}"), "pcapng")?;
    Builder::new()
        .name("packets".to_owned())
        .spawn(move || write(&inputs, ends, path).map_err(|error| error.to_string()))
}

fn write(inputs: &[PathBuf], ends: (Endpoint, Endpoint), path: PathBuf) -> Result<String, crate::run::Error> {
    let expression = expression(ends);
    let mut files = Files::open(inputs, Some(&expression), Arc::new(AtomicBool::new(false)))?;
    let config = Config { decode: false, ..Config::default() };
    let held = config.limits.held;
    let recorder = Recorder::open(Recording { path: path.clone(), ..Recording::default() }, Vec::new(), held)?;
    let run = Run { config, recorder: Some(recorder), ..Run::default() };
    let finished = run.analyse(&mut files, Quiet)?;
    let packets = show::counted(finished.summary.packets, "packet", "packets");
    let path = path.display();
    Ok(match (finished.failed, finished.summary.packets) {
        (Some(reason), _) => reason,
        (None, 0) => format!("{path} is empty: `{expression}` matches no packet, as inside a tunnel or VLAN"),
        (None, _) => format!("{packets} written to {path}; wireshark {path}, or tshark -r {path} -Y websocket"),
    })
}

/// What pcap-filter(7) calls the packets between two endpoints.
fn expression((client, server): (Endpoint, Endpoint)) -> String {
    format!("tcp and host {} and host {} and port {} and port {}", client.ip, server.ip, client.port, server.port)
}

/// Takes events and does nothing with them: here only the packets count.
struct Quiet;

impl crate::run::Sink for Quiet {
    fn event(&mut self, _: crate::event::Event, _: crate::origin::Timestamp) -> Result<(), crate::run::Error> {
        Ok(())
    }

    fn shows_progress(&self) -> bool {
        true
    }
}

//! The packets of a connection to a pcapng file: the inputs are analysed once more, by a thread, and the packets of its TCP
//! connection written, each with what it told as its comment.
//!
//! What belongs to a TCP connection only the analysis knows: inside tunnels and VLANs endpoints do not tell, and ports are used again.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{Builder, JoinHandle};

use crate::analyzer::Analyzer;
use crate::capture::{Files, Source as _, Step, Writer};
use crate::config::{Config, Per};
use crate::event::{ConnectionId, Event};
use crate::flows::Standing;
use crate::input::{Input, Packet};
use crate::run::Error;
use crate::store::Row;

use super::save;
use super::show;

/// Characters of a comment at most.
const COMMENT: usize = 400;

/// A thread that writes packets; it ends with what there is to say.
pub type Writing = JoinHandle<Result<String, String>>;

/// Where packets come from: what was read before, read in the same way.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The files; none where they cannot be read twice.
    pub files: Vec<PathBuf>,
    /// The BPF expression that their packets pass.
    pub filter: Option<String>,
    /// How they are analysed.
    pub config: Config,
}

/// Begins to write the packets of a connection, of which the packet `known` is one; `given` names the file.
///
/// # Errors
/// When the file cannot be made, or the system gives no thread.
pub fn begin(inputs: Inputs, connection: ConnectionId, known: u64, given: Option<&str>) -> io::Result<Writing> {
    let (path, file) = save::create(given, &format!("wscope-connection-{connection}"), "pcapng")?;
    Builder::new().name("packets".to_owned()).spawn(move || {
        let written = write(&inputs, connection, known, BufWriter::new(file)).map_err(|error| error.to_string())?;
        Ok(said(written, connection, &path))
    })
}

/// What there is to say of so many packets and fragments.
fn said((packets, fragments): (u64, u64), connection: ConnectionId, path: &Path) -> String {
    if packets == 0 {
        return format!("no packet of connection {connection} was found again; the files have changed");
    }
    let packets = show::counted(packets, "packet", "packets");
    let fragments = match fragments {
        0 => String::new(),
        count => format!(" and all {} of IP", show::counted(count, "fragment", "fragments")),
    };
    let path = show::escaped(&path.display().to_string());
    format!("{packets}{fragments} written; wireshark {path}, or tshark -r {path} -Y websocket")
}

/// How many packets and fragments of IP were written.
fn write(inputs: &Inputs, connection: ConnectionId, known: u64, file: BufWriter<File>) -> Result<(u64, u64), Error> {
    let unwritable = |source| Error::Output { name: "the packets".to_owned(), source };
    let Some(flow) = flow_of(inputs, known)? else { return Ok((0, 0)) };
    let mut writer = Writer::begin(file, Vec::new()).map_err(unwritable)?;
    let (mut packets, mut fragments) = (0, 0);
    each(inputs, |input, standing, events| {
        let written = match input {
            Input::Secret(secret) => writer.secrets(secret),
            Input::Packet(packet) if standing == Standing::Fragment => {
                fragments += 1;
                writer.packet(packet, None)
            }
            Input::Packet(packet) if number_of(standing) == Some(flow) => {
                packets += 1;
                writer.packet(packet, comment(connection, events).as_deref())
            }
            Input::Packet(_) | Input::Tick(_) | Input::Dropped(_) => Ok(()),
        };
        written.map(|()| true).map_err(unwritable)
    })?;
    writer.output().flush().map_err(unwritable)?;
    Ok((packets, fragments))
}

/// The number of the TCP connection that a packet belongs to.
fn flow_of(inputs: &Inputs, known: u64) -> Result<Option<u64>, Error> {
    let mut flow = None;
    each(inputs, |input, standing, _| {
        if let Input::Packet(Packet { number, .. }) = input
            && *number == known
        {
            flow = number_of(standing);
        }
        Ok(flow.is_none())
    })?;
    Ok(flow)
}

fn number_of(standing: Standing) -> Option<u64> {
    match standing {
        Standing::None | Standing::Fragment => None,
        Standing::Open(number) | Standing::WebSocket(number) | Standing::Foreign(number) => Some(number),
    }
}

/// Analyses the files; `taken` is given each input with what it made known, until it wants no more.
fn each(
    inputs: &Inputs,
    mut taken: impl FnMut(&Input<'_>, Standing, &[Event]) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut files = Files::open(&inputs.files, inputs.filter.as_deref(), Arc::new(AtomicBool::new(false)))?;
    let mut analyzer = Analyzer::new(Config { per: Per::Message, ..inputs.config.clone() });
    let mut events = Vec::new();
    loop {
        let input = match files.step() {
            Ok(Step::End) => return Ok(()),
            Ok(Step::Pause) => continue,
            Ok(Step::Input(input)) => input,
            // What was read stands; the screen has told of the damage already.
            Err(error) if error.is_damage() => continue,
            Err(error) => return Err(error.into()),
        };
        analyzer.push(input);
        events.clear();
        events.extend(std::iter::from_fn(|| analyzer.next_event()));
        if !taken(&input, analyzer.standing(), &events)? {
            return Ok(());
        }
    }
}

/// What a packet made known of the connection.
fn comment(connection: ConnectionId, events: &[Event]) -> Option<String> {
    let mut comment = String::new();
    for event in events.iter().filter(|event| event.connection == connection) {
        let sender = event.body.direction().map(|way| format!(" from {}", way.sender())).unwrap_or_default();
        let separator = if comment.is_empty() { "wscope: " } else { "; " };
        let kind = Row::new(event, 0, 0).kind.name();
        comment.push_str(&format!("{separator}{kind}{sender} {}", show::preview(event)));
        for anomaly in event.body.anomalies().iter().take(8) {
            comment.push_str(&format!(" [{}]", anomaly.code.rule().name));
        }
    }
    (!comment.is_empty()).then(|| show::clipped(&comment, COMMENT, "…"))
}

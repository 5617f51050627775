//! The packets of a connection to a pcapng file: the inputs are analysed once more, by a thread, and the packets of its TCP
//! connection written, each with what it told as its comment, and the secrets that open them.
//!
//! What belongs to a TCP connection only the analysis knows: inside tunnels and VLANs endpoints do not tell, and ports are used again.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{Builder, JoinHandle};

use crate::analyzer::Analyzer;
use crate::capture::{Step, Writer};
use crate::config::{Config, Decode, Per};
use crate::event::{ConnectionId, Event};
use crate::flows::Standing;
use crate::input::{Input, Packet, Secret};
use crate::run::Error;
use crate::store::Row;

use super::again::Inputs;
use super::save;
use super::secrets::Secrets;
use super::show;

/// Characters of a comment at most.
const COMMENT: usize = 400;

/// A thread that writes packets; it ends with what there is to say.
pub type Writing = JoinHandle<Result<String, String>>;

/// Which packets are wanted, by those that are known.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The connection.
    pub connection: ConnectionId,
    /// Number of a packet of it.
    pub known: u64,
    /// Number of the packet where the reader is.
    pub at: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    packets: u64,
    fragments: u64,
    /// Number in the file of the packet where the reader is.
    at: Option<u64>,
}

/// Begins to write packets; `given` names the file.
///
/// # Errors
/// When the file cannot be made, or the system gives no thread.
pub fn begin(inputs: Inputs, wanted: Wanted, given: Option<&str>) -> io::Result<Writing> {
    let (path, file) = save::create(given, &format!("wscope-connection-{}", wanted.connection), "pcapng")?;
    Builder::new().name("packets".to_owned()).spawn(move || {
        let written = write(&inputs, wanted, BufWriter::new(file)).map_err(|error| error.to_string())?;
        Ok(said(written, wanted.connection, &path))
    })
}

/// What there is to say of what was written, and how to look at it.
fn said(written: Written, connection: ConnectionId, path: &Path) -> String {
    if written.packets == 0 {
        return format!("no packet of connection {connection} was found again; the files have changed");
    }
    let packets = show::counted(written.packets, "packet", "packets");
    let fragments = match written.fragments {
        0 => String::new(),
        count => format!(" and all {} of IP", show::counted(count, "fragment", "fragments")),
    };
    let path = show::escaped(&path.display().to_string());
    let (go, only) = written.at.map_or_else(
        || (String::new(), "websocket".to_owned()),
        |at| (format!("-g {at} "), format!("frame.number=={at}")),
    );
    format!("{packets}{fragments} written; wireshark {go}{path}, or tshark -r {path} -Y {only}")
}

fn write(inputs: &Inputs, wanted: Wanted, file: BufWriter<File>) -> Result<Written, Error> {
    let unwritable = |source| Error::Output { name: "the packets".to_owned(), source };
    let mut written = Written::default();
    let Some(flow) = flow_of(inputs, wanted.known)? else { return Ok(written) };
    let mut writer = Writer::begin(file, Vec::new()).map_err(unwritable)?;
    let mut secrets = Secrets::default();
    each(inputs, |input, standing, events| {
        let packet = match input {
            Input::Secret(Secret { kind: Secret::TLS_KEY_LOG, bytes }) => {
                secrets.learn(bytes);
                return Ok(true);
            }
            Input::Packet(packet) => packet,
            Input::Secret(_) | Input::Tick(_) | Input::Dropped(_) => return Ok(true),
        };
        let comment = match standing {
            Standing::Fragment => {
                written.fragments += 1;
                None
            }
            _ if number_of(standing) == Some(flow) => {
                written.packets += 1;
                comment(wanted.connection, events)
            }
            _ => return Ok(true),
        };
        if packet.number == wanted.at {
            written.at = Some(written.packets + written.fragments);
        }
        // Before the packet, as who reads the file needs them there.
        if let Some(lines) = secrets.take(packet.bytes) {
            writer.secrets(&Secret { kind: Secret::TLS_KEY_LOG, bytes: &lines }).map_err(unwritable)?;
        }
        writer.packet(packet, comment.as_deref()).map_err(unwritable)?;
        Ok(true)
    })?;
    writer.output().flush().map_err(unwritable)?;
    Ok(written)
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
    let Some(open) = &inputs.open else { return Ok(()) };
    let mut source = open(Arc::new(AtomicBool::new(false)))?;
    let mut analyzer = Analyzer::new(Config { per: Per::Message, decode: Decode::Nothing, ..inputs.config.clone() });
    let mut events = Vec::new();
    loop {
        let input = match source.step() {
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

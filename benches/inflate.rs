//! What inflating alone takes: the compressed messages of a capture, out of memory, beside `wscope stats` and T, all in CPU
//! seconds: `cargo bench --bench inflate -- FILE`.
//!
//! For captures without losses, such as `benches/corpus` makes: streams are put together here, and frames joined, as the
//! analyzer hands on no message that is not inflated.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use wscope::capture::Files;
use wscope::duplex::{Direction, Duplex};
use wscope::http::head;
use wscope::input::Input;
use wscope::limits::Limits;
use wscope::net::{self, Decoded};
use wscope::tcp::flow::Flow;
use wscope::tcp::key::Key;
use wscope::tcp::unacknowledged::Spares;
use wscope::ws::frame::{Header, RSV1};
use wscope::ws::mask;
use zlib_rs::{Inflate, InflateFlush, Status};

/// What a sender takes off the end of a message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
const RUNS: usize = 5;

/// A direction of a connection.
type Stream = (Key, Direction);
/// What each of them sent, in order.
type Messages = Vec<(Stream, Vec<u8>)>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Without a capture there is nothing to measure; Cargo adds --bench.
    let Some(file) = std::env::args().skip(1).find(|argument| argument != "--bench") else { return Ok(()) };
    let messages = compressed(&PathBuf::from(&file))?;
    let wire: usize = messages.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut inflated = 0;
    let alone = median(|| {
        let before = spent(UsageWho::RUSAGE_SELF)?;
        inflated = inflate(&messages)?;
        Ok(spent(UsageWho::RUSAGE_SELF)? - before)
    })?;
    let read = median(|| run(Command::new("tcpdump").args(["-w", "/dev/null", "-r", &file])))?;
    let stats = median(|| run(Command::new(env!("CARGO_BIN_EXE_wscope")).args(["stats", "--threads", "1", &file])))?;
    println!("messages     {:>8}, {wire} bytes that inflate to {inflated}", messages.len());
    println!("inflating    {:>8.3} s", alone.as_secs_f64());
    println!("T            {:>8.3} s", read.as_secs_f64());
    let beside = stats.saturating_sub(read);
    println!(
        "stats        {:>8.3} s: T and {:.2} times inflating",
        stats.as_secs_f64(),
        beside.as_secs_f64() / alone.as_secs_f64()
    );
    Ok(())
}

/// The payload of each compressed message, with its tail.
fn compressed(file: &PathBuf) -> Result<Messages, Box<dyn std::error::Error>> {
    let mut files = Files::open(std::slice::from_ref(file), None, Arc::default())?;
    let (limits, mut spares) = (Limits::default(), Spares::default());
    let mut flows = HashMap::<Key, (Flow, Duplex<Side>)>::new();
    let mut messages = Vec::new();
    while let Some(input) = files.next_input()? {
        let Input::Packet(packet) = input else { continue };
        let Decoded::Segment(segment) = net::decode(&packet) else { continue };
        let key = Key::from(&segment);
        let (flow, sides) = flows.entry(key).or_insert_with(|| (Flow::new(&segment), Duplex::default()));
        let (way, arrival) = flow.insert(&segment, &limits, &mut spares);
        let side = &mut sides[way];
        side.bytes.extend_from_slice(arrival.chunk.map_or(&[], |chunk| chunk.bytes));
        while side.step() {
            messages.extend(side.whole.take().map(|message| ((key, way), message)));
        }
    }
    Ok(messages)
}

/// What came of a direction and was not read yet.
#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    /// Whether the head is passed.
    frames: bool,
    /// The compressed message that is under way.
    message: Option<Vec<u8>>,
    /// The one that has just come to its end.
    whole: Option<Vec<u8>>,
}

impl Side {
    /// Reads the head, or a frame; whether it is there.
    fn step(&mut self) -> bool {
        if !self.frames {
            let Some(length) = head::length(&self.bytes, &mut 0) else { return false };
            self.bytes.drain(..length);
            self.frames = true;
        }
        let Some((header, start)) = Header::parse(&self.bytes) else { return false };
        let end = start + header.payload_length as usize;
        let Some(payload) = self.bytes.get_mut(start..end) else { return false };
        mask::apply(payload, header.masking_key.unwrap_or_default(), 0);
        if header.rsv & RSV1 != 0 {
            self.message = Some(Vec::new());
        }
        if let Some(message) = self.message.as_mut().filter(|_| !header.opcode.is_control()) {
            message.extend_from_slice(payload);
            if header.fin {
                message.extend_from_slice(&TAIL);
                self.whole = self.message.take();
            }
        }
        self.bytes.drain(..end);
        true
    }
}

/// Inflates all of them, each direction with a window of its own; how many bytes come out.
fn inflate(messages: &[(Stream, Vec<u8>)]) -> io::Result<u64> {
    let mut streams = HashMap::<Stream, Inflate>::new();
    let mut output = vec![0; 64 << 10];
    for (stream, message) in messages {
        let inflater = streams.entry(*stream).or_insert_with(|| Inflate::new(false, 15));
        let mut input = &message[..];
        loop {
            let (read, written) = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(input, &mut output, InflateFlush::SyncFlush);
            input = &input[(inflater.total_in() - read) as usize..];
            let full = inflater.total_out() - written == output.len() as u64;
            match status {
                Ok(Status::Ok) if full => {}
                Ok(Status::Ok | Status::BufError) if input.is_empty() => break,
                other => return Err(io::Error::other(format!("{other:?} with {} bytes left", input.len()))),
            }
        }
    }
    Ok(streams.values().map(Inflate::total_out).sum())
}

/// The median of several runs.
fn median(mut run: impl FnMut() -> io::Result<Duration>) -> io::Result<Duration> {
    let mut times = (0..RUNS).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    times.sort_unstable();
    Ok(times[RUNS / 2])
}

/// CPU time that a command takes.
fn run(command: &mut Command) -> io::Result<Duration> {
    let before = spent(UsageWho::RUSAGE_CHILDREN)?;
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if !status.success() {
        return Err(io::Error::other(format!("{command:?}: {status}")));
    }
    Ok(spent(UsageWho::RUSAGE_CHILDREN)? - before)
}

/// User and system time so far.
fn spent(who: UsageWho) -> io::Result<Duration> {
    let usage = getrusage(who)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}

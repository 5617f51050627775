//! What inflating alone takes: the compressed messages of a capture, out of memory, beside `wscope stats` and T, all in CPU
//! seconds: `cargo bench --bench inflate -- FILE`.
//!
//! The messages are found by the analyzer itself, which is kept from inflating them: in its packets the extension has
//! another name, so it takes RSV1 for that of an extension it does not know, and tells the frames as they were on the wire.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use wscope::analyzer::Analyzer;
use wscope::capture::Files;
use wscope::config::Config;
use wscope::duplex::Direction;
use wscope::event::{Body, ConnectionId};
use wscope::input::{Input, Packet};
use zlib_rs::{Inflate, InflateFlush, Status};

const NAME: &[u8] = b"permessage-deflate";
const OTHER: &[u8] = b"permessage-unknown";
/// What a sender takes off the end of a message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
const RUNS: usize = 5;

/// A side of a connection.
type Stream = (ConnectionId, Direction);
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
        inflated = inflate(&messages);
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
    let mut analyzer = Analyzer::new(Config::default());
    let mut messages = Vec::new();
    let mut open = HashMap::<Stream, Vec<u8>>::new();
    loop {
        let more = match files.next_input()? {
            Some(Input::Packet(packet)) => {
                let bytes = renamed(packet.bytes);
                analyzer.push(Input::Packet(Packet { bytes: &bytes, ..packet }));
                true
            }
            Some(_) => true,
            None => {
                analyzer.finish();
                false
            }
        };
        while let Some(event) = analyzer.next_event() {
            let Body::Frame(frame) = event.body else { continue };
            if frame.header.opcode.is_control() {
                continue;
            }
            let stream = (event.connection, frame.direction);
            if frame.header.rsv != 0 {
                open.insert(stream, Vec::new());
            }
            let Some(message) = open.get_mut(&stream) else { continue };
            message.extend_from_slice(&frame.payload.bytes);
            if frame.header.fin {
                message.extend_from_slice(&TAIL);
                messages.extend(open.remove(&stream).map(|message| (stream, message)));
            }
        }
        if !more {
            return Ok(messages);
        }
    }
}

/// A packet in which nobody agrees on permessage-deflate.
fn renamed(packet: &[u8]) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    while let Some(at) = memchr::memmem::find(&bytes, NAME) {
        bytes[at..at + NAME.len()].copy_from_slice(OTHER);
    }
    bytes
}

/// Inflates all of them, each side with a window of its own; how many bytes come out.
fn inflate(messages: &[(Stream, Vec<u8>)]) -> u64 {
    let mut streams = HashMap::<Stream, Inflate>::new();
    let mut output = vec![0; 64 << 10];
    let mut inflated = 0;
    for (stream, message) in messages {
        let inflater = streams.entry(*stream).or_insert_with(|| Inflate::new(false, 15));
        let mut input = &message[..];
        loop {
            let (read, written) = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(input, &mut output, InflateFlush::SyncFlush);
            input = &input[(inflater.total_in() - read) as usize..];
            let count = inflater.total_out() - written;
            inflated += count;
            if !matches!(status, Ok(Status::Ok)) || count < output.len() as u64 {
                break;
            }
        }
    }
    inflated
}

/// The median of several runs.
fn median(mut run: impl FnMut() -> std::io::Result<Duration>) -> std::io::Result<Duration> {
    let mut times = (0..RUNS).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    times.sort_unstable();
    Ok(times[RUNS / 2])
}

/// CPU time that a command takes.
fn run(command: &mut Command) -> std::io::Result<Duration> {
    let before = spent(UsageWho::RUSAGE_CHILDREN)?;
    command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok(spent(UsageWho::RUSAGE_CHILDREN)? - before)
}

/// User and system time so far.
fn spent(who: UsageWho) -> std::io::Result<Duration> {
    let usage = getrusage(who)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}

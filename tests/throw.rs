//! Every sample with bytes flipped, cut, and with packets missing: nothing panics or grows without bound, and no message is told
//! whole that was not sent.
//!
//! A share of it in each test run; with `WSCOPE_THROW=all`, as `make throw` has it, every byte, every length and 10,000 losses.

mod common;

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peak_alloc::PeakAlloc;
use wscope::anomaly::Code;
use wscope::capture::Files;
use wscope::config::{Config, Decode, Limits, Per};
use wscope::duplex::Direction;
use wscope::event::{Body, Event, Message};
use wscope::export::{Conclusion, FORMATS};
use wscope::run::Run;

use common::sample::{Sample, files, samples};
use common::{Dice, run_inputs};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a test run takes of each sample and each kind of fault, in bytes that are analysed.
const SHARE: usize = 400 << 10;

/// And at least so many.
const LEAST: usize = 4;

/// Losses of packets that are tried with each sample.
const LOSSES: usize = 10_000;

/// One test, so that memory is that of all.
#[test]
fn samples_with_faults_are_told_as_far_as_they_go() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (files, samples) = (files(), samples());
    std::thread::scope(|scope| {
        for first in 0..threads {
            let (files, samples) = (&files, &samples);
            scope.spawn(move || {
                let scratch = tempfile::tempdir().expect("a directory for temporary files");
                for file in files.iter().skip(first).step_by(threads) {
                    flip_and_cut(file, &scratch.path().join("capture"));
                }
                samples.iter().skip(first).step_by(threads).for_each(lose_packets);
            });
        }
    });
    assert!(MEMORY.peak_usage() < 256 << 20, "{} bytes", MEMORY.peak_usage());
}

/// Which of `count` cases are tried, each of about `size` bytes.
fn cases(count: usize, size: usize) -> impl Iterator<Item = usize> {
    let all = std::env::var_os("WSCOPE_THROW").is_some_and(|asked| asked == "all");
    let taken = if all { count } else { (SHARE / size.max(1)).clamp(LEAST, count) };
    let mut dice = Dice(size as u64);
    (0..taken).map(move |number| if all { number } else { dice.below(count) })
}

/// Analyses a file with each byte changed, and of each length.
fn flip_and_cut(sample: &Path, place: &Path) {
    let whole = fs::read(sample).expect("a sample");
    let mut dice = Dice(6455);
    for at in cases(whole.len(), whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 + dice.below(255) as u8;
        analyse_file(&bytes, place, &format!("{}, byte {at} is {:#04x}", sample.display(), bytes[at]));
    }
    for length in cases(whole.len(), whole.len() / 2) {
        analyse_file(&whole[..length], place, &format!("{}, {length} bytes", sample.display()));
    }
}

/// Reads, analyses, decodes and exports a file; there is no more of it than its bytes can make.
fn analyse_file(bytes: &[u8], place: &Path, what: &str) {
    fs::write(place, bytes).expect("a writable directory for temporary files");
    let Ok(mut files) = Files::open(&[PathBuf::from(place)], None, Arc::default()) else { return };
    let format = FORMATS.iter().find(|row| row.name == "jsonl").expect("in the table");
    let mut format = (format.make)(Per::Message);
    let (mut events, mut written) = (0_u64, 0);
    let limits = Limits { inflate: 1 << 20, payload: 1 << 10, ..Limits::default() };
    let config = Config { per: Per::Message, decode: Decode::All, limits, ..Config::default() };
    let mut out = Vec::new();
    let finished = Run { config, ..Run::default() }.analyse(&mut files, |event: &mut Event, started| {
        format.event(event, started, &mut out);
        events += 1;
        written += out.len();
        out.clear();
        Ok(())
    });
    let Ok(finished) = finished else { return };
    format.end(&Conclusion { summary: &finished.summary, damaged: &finished.damaged }, &mut out);
    // Captured bytes, as the file may be compressed; an event is a frame of two bytes at least, or stands for a packet.
    let most = finished.summary.bytes + 16 * (finished.summary.packets + 1);
    assert!(events <= most, "{what}: {events} events");
    assert!(written as u64 <= 4_000 * most, "{what}: {written} bytes are told");
}

/// Analyses a sample without some of its packets: its complete messages are some of those that are told of all packets.
fn lose_packets(sample: &Sample) {
    let sample = &consistent(sample);
    let size = sample.packets.iter().map(|packet| packet.bytes.len()).sum();
    let sent = told(sample, &sample.packets);
    for seed in cases(LOSSES, size) {
        let mut dice = Dice(seed as u64);
        // From one in two to one in forty, and sometimes from somewhere on only.
        let keep = 2 + dice.below(39);
        let from = if dice.once_in(3) { dice.below(sample.packets.len()) } else { 0 };
        let left: Vec<_> = sample.packets[from..].iter().filter(|_| !dice.once_in(keep)).cloned().collect();
        for (stream, messages) in told(sample, &left) {
            let mut sent = sent.get(&stream).into_iter().flatten();
            for message in messages {
                assert!(
                    sent.any(|sent| *sent == message),
                    "{}, loss {seed}: never sent, or not in this order: {stream:?} {message:?}",
                    sample.name
                );
            }
        }
    }
}

/// A sample without packets that contradict earlier ones: where those are lost, what they say was sent.
fn consistent(sample: &Sample) -> Sample {
    let (events, _) = run_inputs(sample.inputs(&sample.packets), &Config::default());
    let contradicts =
        |event: &&Event| event.body.anomalies().iter().any(|anomaly| anomaly.code == Code::TcpOverlapConflict);
    let numbers: Vec<_> = events.iter().filter(contradicts).map(|event| event.span.last.packet).collect();
    let packets = sample.packets.iter().zip(1..).filter(|(_, number)| !numbers.contains(number));
    Sample { packets: packets.map(|(packet, _)| packet.clone()).collect(), ..sample.clone() }
}

/// Who sends to whom, and in which stream of HTTP/2.
type Stream = (End, End, Option<u32>);
type End = (IpAddr, u16);

/// The complete messages of each side, in the order in which they are told: whether text, and what they say.
fn told(sample: &Sample, packets: &[common::OwnedPacket]) -> HashMap<Stream, Vec<(bool, Vec<u8>)>> {
    let config = Config { per: Per::Message, ..Config::default() };
    let mut streams: HashMap<u64, Stream> = HashMap::new();
    let mut told: HashMap<Stream, Vec<(bool, Vec<u8>)>> = HashMap::new();
    for Event { connection, body, .. } in run_inputs(sample.inputs(packets), &config).0 {
        match body {
            Body::Handshake(handshake) => {
                let end = |endpoint: wscope::net::segment::Endpoint| (endpoint.ip, endpoint.port);
                streams.insert(connection, (end(handshake.client), end(handshake.server), handshake.transport.stream));
            }
            Body::Message(message) if message.complete => {
                let Message { direction, text, payload, .. } = *message;
                let (client, server, stream) = streams[&connection];
                let (from, to) = if direction == Direction::ToServer { (client, server) } else { (server, client) };
                told.entry((from, to, stream)).or_default().push((text, payload.bytes));
            }
            Body::Message(_) | Body::Frame(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => {}
        }
    }
    told
}

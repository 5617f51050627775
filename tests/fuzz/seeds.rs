//! Seeds of each target, out of the samples, so that none is kept here.

use flate2::{Compress, Compression, FlushCompress};

use wscope::config::{Config, Per};
use wscope::dissect::PROTOCOLS;
use wscope::event::{Body, Event};
use wscope::net::segment::{Endpoint, Segment};
use wscope::net::{self, Decoded};

use crate::common::sample::{Sample, files, samples};
use crate::common::{Dice, run_inputs};

/// So many seeds of a kind from each sample.
const EACH: usize = 12;

/// No seed is longer: libFuzzer is quick with short ones.
const LONGEST: usize = 4 << 10;

/// Expressions of the language of filters.
const FILTERS: &[&str] = &[
    "error !debug",
    "dir:s2c type:text host:api",
    "websocket.opcode == 1 && ws.len > 1000",
    "ws.text contains \"id\" or ws.data[0:2] == 1f:8b",
    "ip.addr == 10.0.0.0/8 and ws.rtt > 20ms",
    "ws.close != 1000 or ws.severity == violation",
    "ws.text matches \"time.?out\"",
    "ws.size in {1, 3..5} ^^ not (ws.fin)",
    "json(.data.code > 400)",
    "json([.[] | select(.a == 1)] | length > 0)",
    "json(def f: .[0] | f; f)",
];

/// The seeds of a target.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = match target {
        "capture" => files().iter().map(|path| std::fs::read(path).expect("a sample")).collect(),
        "net" => {
            of_each(|sample| sample.packets.iter().map(|packet| packet_seed(packet.link.0, &packet.bytes)).collect())
        }
        "frame" => {
            of_each(|sample| streams(sample).into_iter().map(|(_, bytes)| [&[7][..], &bytes].concat()).collect())
        }
        "head" => of_each(|sample| {
            let heads = payloads(sample).into_iter().map(|(_, bytes)| bytes);
            let heads = heads.filter(|bytes| bytes.starts_with(b"GET ") || bytes.starts_with(b"HTTP/"));
            heads.map(|bytes| [&[20][..], &bytes].concat()).collect()
        }),
        "extension" => of_each(|sample| {
            handshakes(sample).into_iter().map(|(offer, answer)| format!("{offer}\n{answer}").into_bytes()).collect()
        }),
        "filter" => FILTERS.iter().map(|text| [text.as_bytes(), b"\0{\"data\":{\"code\":401}}"].concat()).collect(),
        "pipeline" => of_each(|sample| vec![pieces(0x01, streams(sample)), pieces(0x12, streams(sample))]),
        "http2" => of_each(|sample| vec![pieces(0x00, payloads(sample)), pieces(0x04, payloads(sample))]),
        "tls" => of_each(|sample| {
            let records = payloads(sample).into_iter().map(|(_, bytes)| bytes);
            let records = records.filter(|bytes| matches!(bytes[..], [0x14..=0x17, 3, ..]));
            records.map(|bytes| [&[40, 0][..], &bytes[5.min(bytes.len())..]].concat()).chain([keylog(sample)]).collect()
        }),
        "dissect" => of_each(|sample| vec![messages(sample)]),
        "deflate" => of_each(|sample| vec![deflated(&texts(sample))]),
        "reassembler" => (0..64).map(|seed| noise(seed, 90)).collect(),
        _ => Vec::new(),
    };
    if target != "capture" {
        seeds.iter_mut().for_each(|seed| seed.truncate(LONGEST));
    }
    seeds.retain(|seed| seed.len() > 2);
    seeds.sort();
    seeds.dedup();
    seeds
}

fn of_each(make: impl Fn(&Sample) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    samples().iter().flat_map(|sample| make(sample).into_iter().take(EACH)).collect()
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut dice = Dice(seed);
    (0..length).map(|_| dice.next() as u8).collect()
}

fn packet_seed(link: u16, bytes: &[u8]) -> Vec<u8> {
    [&link.to_be_bytes()[..], &[0, 60], bytes].concat()
}

/// Payloads of segments in the order of the capture; whether the side with the higher port sent them.
fn payloads(sample: &Sample) -> Vec<(bool, Vec<u8>)> {
    let mut payloads = Vec::new();
    for (packet, number) in sample.packets.iter().zip(1..) {
        if let Decoded::Segment(segment) = net::decode(&packet.lend(number))
            && !segment.payload.is_empty()
        {
            let Segment { source: Endpoint { port, .. }, destination, payload, .. } = segment;
            payloads.push((port > destination.port, payload.to_vec()));
        }
    }
    payloads
}

/// The same without heads of HTTP/1.1.
fn streams(sample: &Sample) -> Vec<(bool, Vec<u8>)> {
    let mut payloads = payloads(sample);
    payloads.retain(|(_, bytes)| !bytes.starts_with(b"GET ") && !bytes.starts_with(b"HTTP/"));
    payloads
}

/// Flags, and payloads in pieces of at most 63 bytes, each behind a byte that says whose it is and how long.
fn pieces(flags: u8, payloads: Vec<(bool, Vec<u8>)>) -> Vec<u8> {
    let mut seed = vec![flags];
    for (client, bytes) in payloads {
        for piece in bytes.chunks(63) {
            seed.push(if client { 0 } else { 0x80 } | piece.len() as u8);
            seed.extend_from_slice(piece);
        }
    }
    seed
}

fn events(sample: &Sample) -> Vec<Event> {
    let config = Config { per: Per::Message, ..Config::default() };
    run_inputs(sample.inputs(&sample.packets), &config).0
}

fn handshakes(sample: &Sample) -> Vec<(String, String)> {
    let of = |headers: &wscope::http::headers::Headers| {
        headers.all(wscope::http::headers::Name::SecWebSocketExtensions).collect::<Vec<_>>().join(",")
    };
    let pair = |event: Event| match event.body {
        Body::Handshake(handshake) => Some((of(&handshake.request?.headers), of(&handshake.response?.headers))),
        _ => None,
    };
    events(sample).into_iter().filter_map(pair).collect()
}

/// Protocol by hand, whether it was joined late, and messages with flags and lengths.
fn messages(sample: &Sample) -> Vec<u8> {
    let row = PROTOCOLS.iter().position(|row| sample.name.starts_with(row.name)).unwrap_or(PROTOCOLS.len());
    let mut seed = vec![row as u8, 0];
    for event in events(sample) {
        if let Body::Message(message) = event.body {
            let bytes = &message.payload.bytes[..message.payload.bytes.len().min(500)];
            let server = message.direction == wscope::duplex::Direction::ToClient;
            seed.push(u8::from(server) | if message.text { 2 } else { 0 });
            seed.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
            seed.extend_from_slice(bytes);
        }
    }
    seed
}

fn texts(sample: &Sample) -> Vec<Vec<u8>> {
    let message =
        |event: Event| if let Body::Message(message) = event.body { Some(message.payload.bytes) } else { None };
    events(sample).into_iter().filter_map(message).collect()
}

/// Compressed messages, each behind its length and the size of the pieces it comes in.
fn deflated(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut seed = Vec::new();
    for text in texts {
        let mut out = Vec::with_capacity(text.len() + 100);
        compress.compress_vec(text, &mut out, FlushCompress::Sync).expect("deflating cannot fail");
        out.truncate(out.len().saturating_sub(4));
        seed.extend_from_slice(&(out.len() as u16).to_le_bytes());
        seed.push(6);
        seed.extend_from_slice(&out);
    }
    seed
}

fn keylog(sample: &Sample) -> Vec<u8> {
    [&[0, 0][..], &sample.keys].concat()
}

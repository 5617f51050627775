//! Throughput of the core on captures in memory, and of its layers: headers, reassembly, unmasking, UTF-8, inflating, JSON.

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wscope::analyzer::Analyzer;
use wscope::config::{Config, Limits, Per};
use wscope::export::record::Records;
use wscope::input::Input;
use wscope::net::segment::Segment;
use wscope::net::{self, Decoded};
use wscope::origin::Timestamp;
use wscope::tcp::flow::Flow;
use wscope::tcp::key::Key;
use wscope::tcp::unacknowledged::Spares;
use wscope::ws::deflate::{Engines, Inflated, Inflater};
use wscope::ws::extension::Deflate;
use wscope::ws::mask;
use wscope::ws::utf8::Utf8;

use common::{OwnedPacket, analyse, corpus};

criterion_main!(benches);
criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = pipeline, walk, reassemble, unmask, utf8, inflate, json
}

fn per_message() -> Config {
    Config { per: Per::Message, ..Config::default() }
}

/// Packets to events.
fn pipeline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    for (name, packets) in
        [("bulk", corpus::bulk(0)), ("chat", corpus::chat(0)), ("deflated chat", corpus::deflated_chat(0))]
    {
        group.throughput(Throughput::Bytes(size(&packets)));
        group.bench_function(name, |bencher| bencher.iter(|| count_events(&packets)));
    }
}

/// Packets to segments.
fn walk(criterion: &mut Criterion) {
    let packets = corpus::chat(0);
    let mut group = criterion.benchmark_group("walk");
    group.throughput(Throughput::Elements(packets.len() as u64));
    group.bench_function("chat", |bencher| {
        bencher.iter(|| packets.iter().zip(1..).filter(|(packet, number)| segment(packet, *number).is_some()).count());
    });
}

/// Segments of many flows to bytes in order.
fn reassemble(criterion: &mut Criterion) {
    let packets = corpus::chat(0);
    let segments: Vec<_> = packets.iter().zip(1..).filter_map(|(packet, number)| segment(packet, number)).collect();
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("reassemble");
    group.throughput(Throughput::Elements(segments.len() as u64));
    group.bench_function("chat", |bencher| {
        bencher.iter(|| {
            let (mut flows, mut spares) = (HashMap::new(), Spares::default());
            let mut bytes = 0;
            for segment in &segments {
                let flow = flows.entry(Key::from(segment)).or_insert_with(|| Flow::new(segment));
                let (_, arrival) = flow.insert(segment, &limits, &mut spares);
                bytes += arrival.chunk.map_or(0, |chunk| chunk.bytes.len());
            }
            bytes
        });
    });
}

/// Text that comes in pieces, judged.
fn utf8(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("utf8");
    for (name, text) in [("ascii", "{\"hello\":1}".repeat(1_000)), ("mixed", "grüße, 世界! ".repeat(1_000))] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut judge = Utf8::default();
                let faults = black_box(text.as_bytes()).chunks(1448).filter_map(|piece| judge.push(piece)).count();
                (faults, judge.finish())
            });
        });
    }
}

/// Masked payload to payload, in place.
fn unmask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unmask");
    for length in [125, 16 << 10] {
        let mut payload = vec![0x5a; length];
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(length.to_string(), |bencher| {
            bencher.iter(|| mask::apply(black_box(&mut payload), [1, 2, 3, 4], 1));
        });
    }
}

/// Compressed messages to messages.
fn inflate(criterion: &mut Criterion) {
    let text: String = (0..40).map(|number| format!("{{\"id\":{},\"text\":\"hello\"}}", number * 7_919)).collect();
    let mut wire = Vec::with_capacity(text.len());
    flate2::Compress::new(flate2::Compression::default(), false)
        .compress_vec(text.as_bytes(), &mut wire, flate2::FlushCompress::Sync)
        .expect("deflating cannot fail");
    let mut engines = Engines::default();
    let mut group = criterion.benchmark_group("inflate");
    for context_takeover in [true, false] {
        let mut inflater = Inflater::new(Deflate { window_bits: 15, context_takeover });
        group.throughput(Throughput::Bytes(text.len() as u64));
        let name = if context_takeover { "with takeover" } else { "without takeover" };
        group.bench_function(name, |bencher| bencher.iter(|| inflate_message(&mut inflater, &wire, &mut engines)));
    }
}

/// Events to JSON.
fn json(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("json");
    for (name, packets) in [("bulk", corpus::bulk(0)), ("chat", corpus::chat(0))] {
        let events = analyse(&packets, &per_message());
        let mut records = Records::new(Per::Message);
        let mut out = Vec::new();
        group.throughput(Throughput::Bytes(size(&packets)));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for event in &events {
                    out.clear();
                    records.event(event, Timestamp::default(), &mut out);
                }
            });
        });
    }
}

fn segment(packet: &OwnedPacket, number: u64) -> Option<Segment<'_>> {
    match net::decode(&packet.lend(number)) {
        Decoded::Segment(segment) => Some(segment),
        Decoded::Fragment(_) | Decoded::Skipped(_) => None,
    }
}

fn size(packets: &[OwnedPacket]) -> u64 {
    packets.iter().map(|packet| packet.bytes.len() as u64).sum()
}

fn count_events(packets: &[OwnedPacket]) -> usize {
    let mut analyzer = Analyzer::new(per_message());
    let mut count = 0;
    for (packet, number) in packets.iter().zip(1..) {
        analyzer.push(Input::Packet(packet.lend(number)));
        count += std::iter::from_fn(|| analyzer.next_event()).count();
    }
    analyzer.finish();
    count + std::iter::from_fn(|| analyzer.next_event()).count()
}

fn inflate_message(inflater: &mut Inflater, wire: &[u8], engines: &mut Engines) -> usize {
    let mut length = 0;
    inflater.begin(engines);
    let mut input = wire;
    while let Inflated::Bytes { bytes, .. } = inflater.next(&mut input, engines) {
        length += bytes.len();
    }
    inflater.finish(engines);
    length
}

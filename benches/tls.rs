//! What decrypting costs: records of 16 KiB out of segments, beside the cipher's own time for the same records.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wscope::chunk::Chunk;
use wscope::duplex::Duplex;
use wscope::limits::Limits;
use wscope::origin::Origin;
use wscope::tls::Tools;
use wscope::tls::connection::{Connection, Step};

use common::tls::Tls;
use common::{Conversation, Route, Segment, binary};

criterion_main!(benches);
criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = decrypt
}

const RECORD: usize = 1 << 14;
const RECORDS: usize = 256;

fn decrypt(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("AES-128-GCM, records of 16 KiB");
    group.throughput(Throughput::Bytes((RECORD * RECORDS) as u64));
    group.bench_function("the cipher alone", |bencher| {
        let cipher = Aes128Gcm::new_from_slice(&[7; 16]).expect("16 bytes");
        let (nonce, header) = (Nonce::from([1; 12]), [23, 3, 3, 0x40, 0x11]);
        let mut sealed = vec![0; RECORD];
        let tag = cipher.encrypt_inout_detached(&nonce, &header, sealed.as_mut_slice().into()).expect("not too long");
        let mut buffer = sealed.clone();
        bencher.iter(|| {
            for _ in 0..RECORDS {
                buffer.copy_from_slice(&sealed);
                let opened = cipher.decrypt_inout_detached(&nonce, &header, buffer.as_mut_slice().into(), &tag);
                opened.expect("it is authentic");
                black_box(&buffer);
            }
        });
    });
    let plain = Conversation::new().handshake().client(binary(vec![7; RECORD * RECORDS]));
    let carried = Tls::new("TLS13_AES_128_GCM_SHA256").carry(&plain, Route::default());
    let segments = carried.told.segments();
    group.bench_function("out of segments", |bencher| bencher.iter(|| black_box(open(&segments, &carried.keys))));
}

/// Bytes of plaintext.
fn open(segments: &[Segment], keys: &str) -> u64 {
    let (limits, mut tools) = (Limits::default(), Tools::default());
    tools.keys.extend(keys.as_bytes(), limits.tls_sessions);
    let mut connection = Connection::new(&Duplex::default(), false, &mut tools, &limits);
    let (mut offsets, mut plaintext) = (Duplex::<u64>::default(), 0);
    for (segment, packet) in segments.iter().zip(1..).filter(|(segment, _)| !segment.payload.is_empty()) {
        let origin = Origin { packet, ..Origin::default() };
        let chunk = Chunk { origin, offset: offsets[segment.from], acknowledged: None, bytes: &segment.payload };
        offsets[segment.from] += segment.payload.len() as u64;
        connection.push(segment.from, chunk, &mut tools, &limits);
        while let Some(step) = connection.step(&mut tools, &limits) {
            let Step::Data(data) = step else { panic!("{step:?}") };
            plaintext += connection.chunks(data).map(|chunk| chunk.bytes.len() as u64).sum::<u64>();
        }
    }
    plaintext
}

//! Capture files of every kind, built byte by byte here, and what is read from them.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use wscope::capture::{Error, Files, Progress, Source as _};
use wscope::input::{Input, LinkType, Packet};

use Order::{Big, Little};

const ETHERNET: u16 = 1;
const IEEE802_11: u16 = 105;
const RAW: u16 = 101;
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

const SECOND: i64 = 1_000_000_000;

// ---- pcap

#[test]
fn pcap_is_read_in_either_byte_order_and_resolution() {
    for order in [Little, Big] {
        for (magic, nanos) in [(MICROSECONDS, 123_000), (NANOSECONDS, 123), (MODIFIED, 123_000)] {
            let file = Pcap::new(order, magic, ETHERNET.into())
                .packet(1_700_000_000, 123, 3, b"one")
                .packet(0, 1, 9, b"")
                .bytes;
            let expected = [
                packet(1, 1_700_000_000 * SECOND + nanos, 0, ETHERNET, b"one", 3),
                packet(2, nanos / 123, 0, ETHERNET, b"", 9),
            ];
            assert_eq!(read(&file), (expected.to_vec(), None), "{order:?} {magic:08x}");
        }
    }
}

#[test]
fn pcap_link_type_is_the_lower_half_of_its_field() {
    // A frame check sequence of 4 bytes (2 units of 16 bits) is told in the upper half.
    let file = Pcap::new(Little, MICROSECONDS, 0x2400_0000 | u32::from(RAW)).packet(0, 0, 1, b"x").bytes;
    assert_eq!(read(&file).0, [packet(1, 0, 0, RAW, b"x", 1)]);
}

#[test]
fn last_second_of_pcap_fits() {
    let file = Pcap::new(Big, NANOSECONDS, 1).packet(u32::MAX, 999_999_999, 1, b"x").bytes;
    assert_eq!(read(&file).0, [packet(1, i64::from(u32::MAX) * SECOND + 999_999_999, 0, ETHERNET, b"x", 1)]);
}

#[test]
fn wire_length_is_never_below_the_captured_length() {
    let file = Pcap::new(Little, MICROSECONDS, 1).packet(0, 0, 2, b"four").bytes;
    assert_eq!(read(&file).0, [packet(1, 0, 0, ETHERNET, b"four", 4)]);
}

#[test]
fn packets_larger_than_the_buffer_and_astride_its_end_are_whole() {
    let large: Vec<u8> = (0..700_000_u32).map(|n| n as u8).collect();
    let mut file = Pcap::new(Little, MICROSECONDS, 1);
    let lens = [1, 262_100, 100, 700_000, 0, 300_000, 65_535, 65_535, 65_535, 65_535, 1];
    for len in lens {
        file = file.packet(0, 0, len as u32, &large[..len]);
    }
    let (seen, error) = read(&file.bytes);
    assert!(error.is_none());
    assert_eq!(seen.len(), lens.len());
    assert!(seen.iter().zip(lens).all(|(seen, len)| seen.bytes == large[..len]));
}

// ---- pcapng

#[test]
fn pcapng_is_read_in_either_byte_order() {
    for order in [Little, Big] {
        let file = Pcapng::new(order).interface(ETHERNET, 0, &[]).enhanced(0, 1_500_000, 70, b"five!").bytes;
        assert_eq!(read(&file), (vec![packet(1, 3 * SECOND / 2, 0, ETHERNET, b"five!", 70)], None), "{order:?}");
    }
}

#[test]
fn each_section_has_its_byte_order_and_interfaces_number_on() {
    let file = Pcapng::new(Little)
        .interface(ETHERNET, 0, &[])
        .interface(RAW, 0, &[])
        .enhanced(1, 1, 1, b"a")
        .section(Big)
        .interface(IEEE802_11, 0, &[])
        .enhanced(0, 2, 1, b"b")
        .section(Big)
        .section(Little)
        .interface(RAW, 0, &[])
        .enhanced(0, 3, 1, b"c");
    let expected =
        [packet(1, 1000, 1, RAW, b"a", 1), packet(2, 2000, 2, IEEE802_11, b"b", 1), packet(3, 3000, 3, RAW, b"c", 1)];
    assert_eq!(read(&file.bytes), (expected.to_vec(), None));
}

#[test]
fn interfaces_of_earlier_sections_are_forgotten() {
    let file = Pcapng::new(Little).interface(ETHERNET, 0, &[]).section(Little);
    let at = file.bytes.len();
    let (seen, error) = read(&file.enhanced(0, 0, 1, b"a").bytes);
    assert!(seen.is_empty());
    check_damage(error, at, "a packet of one of 0 interfaces", "one of interface 0");
}

#[test]
fn each_interface_has_its_clock() {
    for order in [Little, Big] {
        let offset = |seconds: i64| match order {
            Little => (14, seconds.to_le_bytes().to_vec()),
            Big => (14, seconds.to_be_bytes().to_vec()),
        };
        let file = Pcapng::new(order)
            .interface(ETHERNET, 0, &[(9, vec![9])])
            .interface(ETHERNET, 0, &[(2, b"eth0".to_vec()), (9, vec![3]), offset(1_700_000_000)])
            .interface(ETHERNET, 0, &[(9, vec![0x80 | 10])])
            .interface(ETHERNET, 0, &[offset(-1), (0, vec![]), (9, vec![0])])
            .interface(ETHERNET, 0, &[(9, vec![12])])
            .interface(ETHERNET, 0, &[(9, vec![0])])
            .enhanced(0, 1_700_000_000_123_456_789, 0, b"")
            .enhanced(1, 5, 0, b"")
            .enhanced(2, 1024 + 512, 0, b"")
            .enhanced(3, 1, 0, b"")
            .enhanced(4, 5999, 0, b"")
            .enhanced(5, u64::MAX, 0, b"");
        let times: Vec<_> = read(&file.bytes).0.iter().map(|seen| seen.time).collect();
        let expected =
            [1_700_000_000_123_456_789, 1_700_000_000 * SECOND + 5_000_000, 3 * SECOND / 2, 1000 - SECOND, 5, i64::MAX];
        assert_eq!(times, expected, "{order:?}");
    }
}

#[test]
fn simple_packets_have_the_length_of_snap_or_block_and_the_time_before() {
    let file = Pcapng::new(Big)
        .interface(ETHERNET, 4, &[])
        .simple(3, b"abc")
        .enhanced(0, 7, 1, b"x")
        .simple(100, b"abcd")
        .section(Little)
        .interface(RAW, 0, &[])
        .simple(5, b"abcde")
        .simple(100, b"abcdefgh");
    let expected = [
        packet(1, 0, 0, ETHERNET, b"abc", 3),
        packet(2, 7000, 0, ETHERNET, b"x", 1),
        packet(3, 7000, 0, ETHERNET, b"abcd", 100),
        packet(4, 7000, 1, RAW, b"abcde", 5),
        packet(5, 7000, 1, RAW, b"abcdefgh", 100),
    ];
    assert_eq!(read(&file.bytes), (expected.to_vec(), None));
}

#[test]
fn obsolete_packet_blocks_are_packets() {
    for order in [Little, Big] {
        let file = Pcapng::new(order).interface(RAW, 0, &[]).interface(ETHERNET, 0, &[]).obsolete(1, 5, 9, b"old");
        assert_eq!(read(&file.bytes), (vec![packet(1, 5000, 1, ETHERNET, b"old", 9)], None), "{order:?}");
    }
}

#[test]
fn secrets_are_handed_on_in_their_place() {
    const TLS_KEY_LOG: u32 = 0x544c_534b;
    for order in [Little, Big] {
        let file = Pcapng::new(order)
            .interface(ETHERNET, 0, &[])
            .enhanced(0, 1, 1, b"a")
            .secrets(TLS_KEY_LOG, b"CLIENT_RANDOM 00 11\n")
            .secrets(7, b"odd")
            .enhanced(0, 2, 1, b"b");
        let file = temporary(&file.bytes);
        let mut files = open(&[file.path().to_owned()]);
        let mut kinds = Vec::new();
        while let Some(input) = files.next_input().expect("intact") {
            kinds.push(match input {
                Input::Packet(packet) => (u32::from(packet.number as u8), packet.bytes.to_vec()),
                Input::Secret(secret) => (secret.kind, secret.bytes.to_vec()),
                Input::Tick(_) | Input::Dropped(_) => panic!("files have no such thing"),
            });
        }
        let expected: [(u32, &[u8]); 4] = [(1, b"a"), (TLS_KEY_LOG, b"CLIENT_RANDOM 00 11\n"), (7, b"odd"), (2, b"b")];
        assert_eq!(kinds, expected.map(|(kind, bytes)| (kind, bytes.to_vec())));
    }
}

#[test]
fn other_blocks_and_options_are_passed_over() {
    let mut file = Pcapng::new(Little).interface(ETHERNET, 0, &[(2, b"en0".to_vec()), (2988, b"custom".to_vec())]);
    for kind in [0, 4, 5, 9, 11, 0xbad, 0x4000_0bad, u32::MAX] {
        file = file.block(kind, b"whatever").block(kind, b"");
    }
    file = file.enhanced_with(0, 1, 1, b"a", &[(2, vec![1, 0, 0, 0]), (1, b"a comment".to_vec())]);
    assert_eq!(read(&file.bytes), (vec![packet(1, 1000, 0, ETHERNET, b"a", 1)], None));
}

#[test]
fn pcap_parser_reads_the_same() {
    use pcap_parser::traits::PcapNGPacketBlock;
    use pcap_parser::{Block, PcapBlockOwned, PcapError};

    for file in [small_pcap().bytes, small_pcapng().bytes] {
        let mut expected = Vec::new();
        let mut reader = pcap_parser::create_reader(65_536, &file[..]).expect("a capture");
        loop {
            match reader.next() {
                Ok((len, block)) => {
                    match block {
                        PcapBlockOwned::Legacy(packet) => {
                            expected.push((packet.data.to_vec(), packet.origlen));
                        }
                        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                            expected.push((packet.packet_data().to_vec(), packet.origlen));
                        }
                        PcapBlockOwned::LegacyHeader(_) | PcapBlockOwned::NG(_) => {}
                    }
                    reader.consume(len);
                }
                Err(PcapError::Eof) => break,
                Err(PcapError::Incomplete(_)) => reader.refill().expect("from memory"),
                Err(error) => panic!("{error:?}"),
            }
        }
        let seen: Vec<_> = read(&file).0.into_iter().map(|seen| (seen.bytes, seen.wire_len)).collect();
        assert_eq!(seen, expected);
    }
}

// ---- compression

#[test]
fn compressed_captures_are_recognised_by_content() {
    for file in [small_pcap().bytes, small_pcapng().bytes] {
        let expected = read(&file);
        assert!(expected.1.is_none());
        assert_eq!(read(&gzip(&file)), expected);
        assert_eq!(read(&zstd(&file)), expected);
    }
}

#[test]
fn members_and_frames_of_a_compressed_capture_are_joined() {
    let file = small_pcap().bytes;
    let (first, second) = file.split_at(50);
    assert_eq!(read(&[gzip(first), gzip(b""), gzip(second)].concat()), read(&file));
    assert_eq!(read(&[zstd(first), zstd(b""), zstd(second)].concat()), read(&file));
    // pzstd begins with a skippable frame.
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0\xff\xff\xff\xff".to_vec();
    assert_eq!(read(&[skippable, zstd(&file)].concat()), read(&file));
}

#[test]
fn packets_before_damage_in_the_compression_are_read() {
    let Pcap { bytes: file, ends, .. } = small_pcap();
    let (first, second) = file.split_at(ends[1].0 + 5);
    let damaged_gzip = [gzip(first), gzip(second)[..2].to_vec(), b"garbage in the header".to_vec()].concat();
    let damaged_zstd = [zstd(first), b"garbage in the header".to_vec()].concat();
    for damaged in [damaged_gzip, damaged_zstd] {
        let (seen, error) = read(&damaged);
        assert_eq!(seen, read(&file).0[..1]);
        let Some(Error::Damaged { offset, expected, .. }) = error else { panic!("{error:?}") };
        assert_eq!((offset, expected.as_str()), (ends[1].0 as u64, "intact compressed data"));
    }
}

#[test]
fn a_false_checksum_is_damage_behind_all_packets() {
    let file = small_pcap().bytes;
    let mut compressed = gzip(&file);
    let checksum = compressed.len() - 8;
    compressed[checksum] ^= 1;
    let (seen, error) = read(&compressed);
    assert_eq!(seen, read(&file).0);
    assert!(matches!(error, Some(Error::Damaged { offset, .. }) if offset == file.len() as u64), "{error:?}");
}

#[test]
fn a_compressed_capture_cut_anywhere_gives_the_packets_before() {
    let file = small_pcapng().bytes;
    let whole = read(&file).0;
    for compressed in [gzip(&file), zstd(&file)] {
        for cut in 4..compressed.len() {
            let (seen, error) = read(&compressed[..cut]);
            assert!(whole.starts_with(&seen), "cut at {cut}");
            assert!(matches!(error, Some(Error::Cut { .. })), "cut at {cut}: {error:?}");
        }
    }
}

// ---- damage

#[test]
fn a_capture_cut_anywhere_gives_the_packets_before_and_the_place() {
    let (pcap, pcapng) = (small_pcap(), small_pcapng());
    for (file, ends) in [(pcap.bytes, pcap.ends), (pcapng.bytes, pcapng.ends)] {
        let whole = read(&file).0;
        for cut in 4..file.len() {
            let (seen, error) = read(&file[..cut]);
            let (begins, packets) = ends.iter().rfind(|(end, _)| *end <= cut).copied().unwrap_or((0, 0));
            assert_eq!(seen, whole[..packets], "cut at {cut}");
            match error {
                None => assert_eq!(begins, cut, "only between two records"),
                Some(Error::Cut { offset, found, .. }) => {
                    assert_eq!((offset, found), (begins as u64, (cut - begins) as u64), "cut at {cut}");
                }
                Some(error) => panic!("cut at {cut}: {error}"),
            }
        }
    }
}

#[test]
fn a_cut_is_told_in_one_line() {
    let Pcap { bytes: file, ends, .. } = small_pcap();
    let file = temporary(&file[..ends[2].0 + 12]);
    let (_, errors) = drain(&mut open(&[file.path().to_owned()]));
    let expected = format!(
        "{}: cut at byte {}: expected a record header of 16 bytes, found only 12 bytes",
        file.path().display(),
        ends[2].0
    );
    assert_eq!(errors[0].to_string(), expected);
    assert!(errors[0].is_damage());
}

#[test]
fn hostile_lengths_are_damage() {
    for len in [(16 << 20) + 1, 0x7fff_ffff, u32::MAX] {
        let mut file = Pcap::new(Little, MICROSECONDS, 1).packet(0, 0, 1, b"a");
        let at = file.bytes.len();
        file.integers(&[0, 0, len, len]);
        let (seen, error) = read(&file.bytes);
        assert_eq!(seen.len(), 1);
        check_damage(error, at, "a packet of at most 16777216 bytes", &format!("a length of {len}"));
    }
    for len in [0, 4, 8, 11, 13, 14, (64 << 20) + 4, u32::MAX - 3, u32::MAX] {
        let mut file = Pcapng::new(Big).interface(ETHERNET, 0, &[]).enhanced(0, 0, 1, b"a");
        let at = file.bytes.len();
        file.integers(&[6, len, 0, 0]);
        let (seen, error) = read(&file.bytes);
        assert_eq!(seen.len(), 1);
        check_damage(error, at, "a block length of 12 to 67108864, in steps of 4", &len.to_string());
    }
}

#[test]
fn a_long_record_that_never_comes_is_a_cut() {
    let mut file = Pcap::new(Little, MICROSECONDS, 1);
    file.integers(&[0, 0, 16 << 20, 16 << 20]);
    assert!(matches!(read(&file.bytes).1, Some(Error::Cut { offset: 24, found: 16, .. })));
    let mut file = Pcapng::new(Little);
    file.integers(&[6, 64 << 20, 0]);
    assert!(matches!(read(&file.bytes).1, Some(Error::Cut { offset: 28, found: 12, .. })));
}

#[test]
fn blocks_that_contradict_themselves_are_damage() {
    type Break = fn(Pcapng) -> Pcapng;
    let cases: [(&str, &str, Break); 14] = [
        ("the length 12 again behind the block", "11000000", |mut file| {
            file.integers(&[99, 12, 17]);
            file
        }),
        ("a packet of one of 1 interfaces", "one of interface 1", |file| file.enhanced(1, 0, 1, b"a")),
        ("a packet of one of 1 interfaces", "one of interface 4294967295", |file| file.enhanced(u32::MAX, 0, 1, b"a")),
        ("a packet of one of 1 interfaces", "one of interface 65535", |file| file.obsolete(u16::MAX, 0, 1, b"a")),
        ("a packet of at most 4 bytes", "a length of 5", |file| file.block_of(6, &[0, 0, 0, 5, 5, 0])),
        ("a packet of at most 0 bytes", "a length of 4294967295", |file| file.block_of(6, &[0, 0, 0, u32::MAX, 5])),
        ("an Enhanced Packet Block", "a body of 16 bytes", |file| file.block_of(6, &[0; 4])),
        ("a Simple Packet Block", "a body of 0 bytes", |file| file.block(3, b"")),
        ("a Packet Block", "a body of 16 bytes", |file| file.block_of(2, &[0; 4])),
        ("secrets of at most 4 bytes", "a length of 5", |file| file.block_of(10, &[1, 5, 0])),
        ("an option of at most 4 bytes", "a length of 8", |file| file.block(1, b"\x01\0\0\0\0\0\0\0\x02\0\x08\0eth0")),
        ("if_tsresol of 1 byte", "2", |file| file.interface(ETHERNET, 0, &[(9, vec![6, 6])])),
        ("if_tsoffset of 8 bytes", "4", |file| file.interface(ETHERNET, 0, &[(14, vec![0; 4])])),
        ("a byte-order magic of 1a2b3c4d", "deadbeef", |file| file.block_of(0x0a0d_0d0a, &[0xdead_beef, 1, 0, 0])),
    ];
    for (expected, found, broken) in cases {
        let file = Pcapng::new(Little).interface(ETHERNET, 0, &[]).enhanced(0, 0, 1, b"a");
        let at = file.bytes.len();
        let (seen, error) = read(&broken(file).enhanced(0, 0, 1, b"b").bytes);
        assert_eq!(seen.len(), 1, "{expected}");
        check_damage(error, at, expected, found);
    }
}

#[test]
fn other_versions_are_damage() {
    let mut file = Pcap::new(Little, MICROSECONDS, 1).bytes;
    file[4] = 3;
    check_damage(read(&file).1, 0, "pcap version 2", "version 3");
    let mut file = Pcapng::new(Little).bytes;
    file[12] = 2;
    check_damage(read(&file).1, 0, "pcapng version 1", "version 2");
}

#[test]
fn interfaces_have_a_bound() {
    let mut file = Pcapng::new(Little);
    let mut at = 0;
    for _ in 0..=1 << 16 {
        at = file.bytes.len();
        file = file.interface(ETHERNET, 0, &[]);
    }
    check_damage(read(&file.bytes).1, at, "at most 65536 interfaces in a section", "one more");
}

// ---- inputs

#[test]
fn several_files_are_one_capture() {
    let pcap =
        temporary(&Pcap::new(Little, MICROSECONDS, RAW.into()).packet(1, 0, 1, b"a").packet(2, 0, 1, b"b").bytes);
    let two = temporary(&gzip(
        &Pcapng::new(Big).interface(ETHERNET, 0, &[]).interface(RAW, 0, &[]).enhanced(1, 3, 1, b"c").bytes,
    ));
    let paths = [&pcap, &two, &pcap].map(|file| file.path().to_owned());
    let (seen, errors) = drain(&mut open(&paths));
    assert!(errors.is_empty());
    let expected = [
        packet(1, SECOND, 0, RAW, b"a", 1),
        packet(2, 2 * SECOND, 0, RAW, b"b", 1),
        packet(3, 3000, 2, RAW, b"c", 1),
        packet(4, SECOND, 3, RAW, b"a", 1),
        packet(5, 2 * SECOND, 3, RAW, b"b", 1),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn reading_goes_on_with_the_next_file_after_damage() {
    let Pcap { bytes: file, ends, .. } = small_pcap();
    let (cut, whole) = (temporary(&file[..ends[2].0 - 1]), temporary(&file));
    let (seen, errors) = drain(&mut open(&[&cut, &whole, &cut].map(|file| file.path().to_owned())));
    assert_eq!(seen.iter().map(|seen| seen.number).collect::<Vec<_>>(), (1..=5).collect::<Vec<_>>());
    assert_eq!(seen[1].interface, 1);
    assert!(matches!(&errors[..], [Error::Cut { .. }, Error::Cut { .. }]), "{errors:?}");
}

#[test]
fn inputs_that_are_no_captures_are_told_at_once() {
    let good = temporary(&small_pcap().bytes);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let foreign = |start: &str| format!("not a pcap or pcapng file (nor one in gzip or zstd): begins with '{start}'");
    let cases = [
        (directory.path().join("missing"), "no such file".to_owned()),
        (directory.path().to_owned(), "a directory, not a capture file".to_owned()),
        (write(&directory, "empty", b""), "empty, not a capture file".to_owned()),
        (write(&directory, "empty.gz", &gzip(b"")), "empty, not a capture file".to_owned()),
        (write(&directory, "empty.zst", &zstd(b"")), "empty, not a capture file".to_owned()),
        (write(&directory, "text", b"\x1b[2J notes"), foreign("\\x1b[2J")),
        (write(&directory, "text.gz", &gzip(b"notes")), foreign("note")),
        (write(&directory, "short", b"\x0a\x0d"), foreign("\\n\\r")),
    ];
    for (path, reason) in cases {
        let result = Files::open(&[good.path().to_owned(), path.clone()], None, Arc::default());
        let Err(error) = result else { panic!("opened {}", path.display()) };
        assert_eq!(error.to_string(), format!("{}: {reason}", path.display()));
        assert!(matches!(error, Error::Unreadable { .. }) && !error.is_damage());
    }
}

#[test]
fn a_pipe_is_read_as_it_comes() {
    let file = small_pcapng().bytes;
    for bytes in [file.clone(), gzip(&file), zstd(&file)] {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let mut files = open(&[descriptor(&reader)]);
        let writing = std::thread::spawn(move || {
            for byte in bytes {
                writer.write_all(&[byte]).expect("a reader");
            }
        });
        assert_eq!(drain(&mut files).0, read(&file).0);
        assert_eq!(files.progress().map(|progress| progress.total), Some(None));
        writing.join().expect("all written");
    }
}

#[test]
fn an_interrupt_ends_a_silent_pipe_without_an_error() {
    let file = small_pcap().bytes;
    for written in [0, 2, 4, 30, file.len() - 1] {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let interrupt = Arc::new(AtomicBool::new(false));
        let later = temporary(&file);
        let inputs = [descriptor(&reader), later.path().to_owned()];
        let mut files = Files::open(&inputs, None, Arc::clone(&interrupt)).expect("a pipe and a file");
        writer.write_all(&file[..written]).expect("a reader");
        let reading = std::thread::spawn(move || drain(&mut files));
        interrupt.store(true, Ordering::Relaxed);
        let (seen, errors) = reading.join().expect("no panic");
        assert!(read(&file).0[..3].starts_with(&seen) && errors.is_empty(), "{errors:?}");
        // The writer was there all the time: it was not the end of the pipe that ended reading.
        drop(writer);
    }
}

#[test]
fn progress_counts_bytes_of_the_files_as_they_are() {
    let (pcap, pcapng) = (small_pcap().bytes, gzip(&small_pcapng().bytes));
    let files = [temporary(&pcap), temporary(&pcapng)];
    let total = (pcap.len() + pcapng.len()) as u64;
    let mut files = open(&files.each_ref().map(|file| file.path().to_owned()));
    assert_eq!(files.progress(), Some(Progress { read: 0, total: Some(total) }));
    drain(&mut files);
    assert_eq!(files.progress(), Some(Progress { read: total, total: Some(total) }));
}

#[test]
fn no_input_is_the_end_at_once() {
    assert_eq!(drain(&mut open(&[])).0, []);
}

// ---- filter

#[test]
fn filtered_packets_keep_their_numbers() {
    let file = Pcapng::new(Little)
        .interface(RAW, 0, &[])
        .interface(ETHERNET, 0, &[])
        .enhanced(0, 0, 40, &segment(80))
        .enhanced(0, 0, 40, &segment(8080))
        .enhanced(1, 0, 54, &ethernet(&segment(80)))
        .enhanced(1, 0, 54, &ethernet(&segment(8080)))
        .secrets(1, b"pass");
    let file = temporary(&file.bytes);
    let mut files =
        Files::open(&[file.path().to_owned()], Some("tcp port 8080"), Arc::default()).expect("a good filter");
    assert_eq!(drain(&mut files).0.iter().map(|seen| seen.number).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn a_wrong_filter_is_told_before_any_packet() {
    let file = temporary(&small_pcap().bytes);
    let result = Files::open(&[file.path().to_owned()], Some("port eighty"), Arc::default());
    let Err(error) = result else { panic!("opened") };
    assert!(matches!(error, Error::Filter { link: None, .. }) && !error.is_damage());
    assert!(error.to_string().starts_with("filter 'port eighty': "), "{error}");
}

#[test]
fn a_filter_is_judged_by_the_link_type_of_the_first_file() {
    const BEACONS: Option<&str> = Some("type mgt subtype beacon");
    let wifi = temporary(&Pcapng::new(Little).interface(IEEE802_11, 0, &[]).enhanced(0, 0, 24, &[0x80; 24]).bytes);
    let ethernet = temporary(&small_pcap().bytes);
    assert!(Files::open(&[ethernet.path().to_owned()], BEACONS, Arc::default()).is_err());
    let inputs = [&wifi, &ethernet].map(|file| file.path().to_owned());
    let (seen, errors) = drain(&mut Files::open(&inputs, BEACONS, Arc::default()).expect("good for the first"));
    assert_eq!(seen.len(), 1);
    assert!(matches!(errors[0], Error::Filter { link: Some(LinkType(ETHERNET)), .. }), "{errors:?}");
}

// ---- any bytes

proptest! {
    #[test]
    fn damage_never_panics(which in 0..4, changes in prop::collection::vec((0..400_usize, any::<u8>()), 1..8)) {
        let mut file = match which {
            0 => small_pcap().bytes,
            1 => small_pcapng().bytes,
            2 => gzip(&small_pcapng().bytes),
            _ => zstd(&small_pcapng().bytes),
        };
        let len = file.len();
        for (at, byte) in changes {
            file[4.min(len) + at % (len - 4)] = byte;
        }
        let file = temporary(&file);
        if let Ok(mut files) = Files::open(&[file.path().to_owned()], None, Arc::default()) {
            let (seen, errors) = drain(&mut files);
            prop_assert!(errors.len() <= 1);
            prop_assert!(seen.iter().all(|seen| seen.wire_len as usize >= seen.bytes.len()));
        }
    }
}

// ---- what was read

/// A packet, its bytes owned.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    number: u64,
    time: i64,
    interface: u32,
    link: u16,
    bytes: Vec<u8>,
    wire_len: u32,
}

impl From<Packet<'_>> for Seen {
    fn from(packet: Packet<'_>) -> Self {
        let Packet { number, time, interface, link, bytes, wire_len } = packet;
        Self { number, time: time.0, interface, link: link.0, bytes: bytes.to_vec(), wire_len }
    }
}

fn packet(number: u64, time: i64, interface: u32, link: u16, bytes: &[u8], wire_len: u32) -> Seen {
    Seen { number, time, interface, link, bytes: bytes.to_vec(), wire_len }
}

/// The packets of a capture file, and what is wrong with it.
fn read(bytes: &[u8]) -> (Vec<Seen>, Option<Error>) {
    let file = temporary(bytes);
    let (seen, errors) = drain(&mut open(&[file.path().to_owned()]));
    assert!(errors.len() <= 1, "one error ends a file");
    (seen, errors.into_iter().next())
}

fn open(inputs: &[PathBuf]) -> Files {
    Files::open(inputs, None, Arc::default()).expect("readable inputs")
}

fn drain(files: &mut Files) -> (Vec<Seen>, Vec<Error>) {
    let (mut seen, mut errors) = (Vec::new(), Vec::new());
    loop {
        match files.next_input() {
            Ok(Some(Input::Packet(packet))) => seen.push(packet.into()),
            Ok(Some(Input::Secret(_))) => {}
            Ok(Some(Input::Tick(_) | Input::Dropped(_))) => panic!("files have no such thing"),
            Ok(None) => return (seen, errors),
            Err(error) => errors.push(error),
        }
    }
}

fn check_damage(error: Option<Error>, at: usize, what: &str, instead: &str) {
    let Some(Error::Damaged { offset, expected, found, .. }) = error else { panic!("{error:?} instead of {what}") };
    assert_eq!((offset, expected.as_str(), found.as_str()), (at as u64, what, instead));
}

// ---- building captures

/// Three packets, the last without a byte.
fn small_pcap() -> Pcap {
    Pcap::new(Big, MICROSECONDS, u32::from(ETHERNET))
        .packet(1, 0, 4, b"four")
        .packet(2, 0, 1500, b"sevenly")
        .packet(3, 0, 1, b"")
}

/// Every kind of block, in two sections of different byte order.
fn small_pcapng() -> Pcapng {
    Pcapng::new(Little)
        .interface(ETHERNET, 0, &[(2, b"eth0".to_vec()), (9, vec![9])])
        .enhanced(0, 1, 5, b"five!")
        .secrets(0x544c_534b, b"secret")
        .enhanced(0, 2, 9, b"")
        .block(4, &[0; 4])
        .section(Big)
        .interface(RAW, 0, &[])
        .enhanced(0, 3, 1, b"b")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, integer: u16) -> [u8; 2] {
        match self {
            Little => integer.to_le_bytes(),
            Big => integer.to_be_bytes(),
        }
    }

    fn u32(self, integer: u32) -> [u8; 4] {
        match self {
            Little => integer.to_le_bytes(),
            Big => integer.to_be_bytes(),
        }
    }

    fn u32s(self, integers: &[u32]) -> Vec<u8> {
        integers.iter().flat_map(|&integer| self.u32(integer)).collect()
    }
}

/// The end of a record, and how many packets stand before it.
type End = (usize, usize);

struct Pcap {
    order: Order,
    is_modified: bool,
    bytes: Vec<u8>,
    ends: Vec<End>,
}

impl Pcap {
    fn new(order: Order, magic: u32, network: u32) -> Self {
        let version = [order.u16(2), order.u16(4)].concat();
        let bytes = [order.u32s(&[magic]), version, order.u32s(&[0, 0, 65_535, network])].concat();
        Self { order, is_modified: magic == MODIFIED, bytes, ends: vec![(24, 0)] }
    }

    fn packet(mut self, seconds: u32, ticks: u32, wire_len: u32, bytes: &[u8]) -> Self {
        self.integers(&[seconds, ticks, bytes.len() as u32, wire_len]);
        if self.is_modified {
            self.integers(&[u32::MAX, u32::MAX]);
        }
        self.bytes.extend(bytes);
        self.ends.push((self.bytes.len(), self.ends.len()));
        self
    }

    fn integers(&mut self, integers: &[u32]) {
        self.bytes.extend(self.order.u32s(integers));
    }
}

struct Pcapng {
    order: Order,
    bytes: Vec<u8>,
    ends: Vec<End>,
    packets: usize,
}

impl Pcapng {
    fn new(order: Order) -> Self {
        Self { order, bytes: Vec::new(), ends: Vec::new(), packets: 0 }.section(order)
    }

    fn section(mut self, order: Order) -> Self {
        self.order = order;
        let version = [order.u16(1), order.u16(0)].concat();
        let body = [order.u32s(&[0x1a2b_3c4d]), version, vec![0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link: u16, snap_len: u32, options: &[(u16, Vec<u8>)]) -> Self {
        let order = self.order;
        let fixed = [&order.u16(link)[..], &[0, 0], &order.u32(snap_len)].concat();
        self.block(1, &[fixed, encode(order, options)].concat())
    }

    fn enhanced(self, interface: u32, ticks: u64, wire_len: u32, bytes: &[u8]) -> Self {
        self.enhanced_with(interface, ticks, wire_len, bytes, &[])
    }

    fn enhanced_with(
        mut self,
        interface: u32,
        ticks: u64,
        wire_len: u32,
        bytes: &[u8],
        options: &[(u16, Vec<u8>)],
    ) -> Self {
        let order = self.order;
        let time = [(ticks >> 32) as u32, ticks as u32];
        let fixed = order.u32s(&[interface, time[0], time[1], bytes.len() as u32, wire_len]);
        self.packets += 1;
        self.block(6, &[fixed, padded(bytes), encode(order, options)].concat())
    }

    fn simple(mut self, wire_len: u32, bytes: &[u8]) -> Self {
        let fixed = self.order.u32s(&[wire_len]);
        self.packets += 1;
        self.block(3, &[fixed, bytes.to_vec()].concat())
    }

    fn obsolete(mut self, interface: u16, ticks: u32, wire_len: u32, bytes: &[u8]) -> Self {
        let order = self.order;
        let ids = [order.u16(interface), order.u16(0xffff)].concat();
        let fixed = order.u32s(&[0, ticks, bytes.len() as u32, wire_len]);
        self.packets += 1;
        self.block(2, &[ids, fixed, bytes.to_vec()].concat())
    }

    fn secrets(self, kind: u32, bytes: &[u8]) -> Self {
        let fixed = self.order.u32s(&[kind, bytes.len() as u32]);
        self.block(10, &[fixed, bytes.to_vec()].concat())
    }

    fn block_of(self, kind: u32, integers: &[u32]) -> Self {
        let body = self.order.u32s(integers);
        self.block(kind, &body)
    }

    fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let body = padded(body);
        let len = body.len() as u32 + 12;
        self.integers(&[kind, len]);
        self.bytes.extend(body);
        self.integers(&[len]);
        self.ends.push((self.bytes.len(), self.packets));
        self
    }

    fn integers(&mut self, integers: &[u32]) {
        self.bytes.extend(self.order.u32s(integers));
    }
}

fn encode(order: Order, options: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let encode = |(code, value): &(u16, Vec<u8>)| {
        [&order.u16(*code)[..], &order.u16(value.len() as u16), &padded(value)].concat()
    };
    options.iter().flat_map(encode).collect()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A TCP segment to `port` in IPv4.
fn segment(port: u16) -> Vec<u8> {
    let mut bytes = vec![0; 40];
    (bytes[0], bytes[3], bytes[9], bytes[32]) = (0x45, 40, 6, 0x50);
    bytes[22..24].copy_from_slice(&port.to_be_bytes());
    bytes
}

fn ethernet(ip: &[u8]) -> Vec<u8> {
    [&[0; 12][..], &[8, 0], ip].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).expect("into memory")
}

fn temporary(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    file
}

fn write(directory: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).expect("room for it");
    path
}

/// A path that opens what `file` is.
fn descriptor(file: &impl std::os::fd::AsRawFd) -> PathBuf {
    format!("/dev/fd/{}", file.as_raw_fd()).into()
}

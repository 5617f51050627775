//! What is written of a capture: that it holds what was told, in files that survive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use wscope::capture::{Files, Source as _, Step};
use wscope::input::Input;

use crate::peers::{Peers, gossip};
use crate::sniffer::{Sniffer, left_out, read, wscope};

#[test]
fn a_written_capture_tells_the_same_again() {
    if left_out("a_written_capture_tells_the_same_again") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let [path, copy] = ["live.pcapng", "copy.pcapng"].map(|name| folder.path().join(name).display().to_string());
    let peers = Peers::listen();
    let sniffer = Sniffer::on_loopback(&["export", "-w", &path], peers.port());
    peers.talk();
    let live = sniffer.interrupt();
    let again = read(&["export", &path]);
    assert_eq!(without_capture(live.records), again.records, "{}", live.stderr);
    // And what is read of a file can be written to another one.
    assert_eq!(read(&["export", "-w", &copy, &path]).records, again.records);
    assert_eq!(read(&["export", &copy]).records, again.records);
}

#[test]
fn standard_output_is_the_packets_own() {
    if left_out("standard_output_is_the_packets_own") {
        return;
    }
    let peers = Peers::listen();
    let sniffer = Sniffer::on_loopback(&["-w", "-"], peers.port());
    let logged = peers.talk();
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("piped.pcapng");
    fs::write(&path, sniffer.interrupt_bytes()).expect("room");
    assert_eq!(read(&["export", "--per", "message", &path.display().to_string()]).messages(), logged);
}

#[test]
fn only_packets_of_websockets_are_kept_from_their_syn_on() {
    if left_out("only_packets_of_websockets_are_kept_from_their_syn_on") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let [all, some] = ["all.pcapng", "some.pcapng"].map(|name| folder.path().join(name).display().to_string());
    let (peers, others) = (Peers::listen(), Peers::listen());
    let mut command = wscope(&["export", "-i", "lo", "-w", &all]);
    command.args(["-f", &format!("tcp port {} or tcp port {}", peers.port(), others.port())]);
    let sniffer = Sniffer::start(command);
    let gossiping = others.connect_plain();
    peers.talk();
    gossip(gossiping);
    sniffer.interrupt();
    let told = read(&["export", "-w", &some, "--only-websocket", &all]);
    let again = read(&["export", &some]);
    let alone = read(&["export", "-f", &format!("tcp port {}", peers.port()), &all]);
    assert_eq!(packets(&some), alone.records.last().expect("a summary")["packets"], "the SYN and the last ACK too");
    assert!(packets(&some) < packets(&all));
    assert_eq!(again.messages(), told.messages());
    assert_eq!(first_flags(&some), 0x02, "it begins with the SYN");
}

#[test]
fn a_ring_keeps_its_last_files_and_each_stands_alone() {
    if left_out("a_ring_keeps_its_last_files_and_each_stands_alone") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("ring.pcapng").display().to_string();
    let peers = Peers::listen();
    // Its files are made as the capture goes on, in a folder of root.
    let ring = ["-b", "filesize:100", "-b", "files:3", "--user", "root"];
    let sniffer = Sniffer::on_loopback(&[&["export", "-w", &path], &ring[..]].concat(), peers.port());
    peers.talk();
    let live = sniffer.interrupt();
    let files = sorted(folder.path());
    assert_eq!(files.len(), 3, "{files:?}");
    let total = live.records.last().expect("a summary")["packets"].as_u64().expect("a count");
    let kept: u64 = files.iter().map(|file| packets(&file.display().to_string())).sum();
    assert!(0 < kept && kept < total, "{kept} of {total}");
    for (file, number) in files.iter().zip(1..) {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let [stem, count, time] = name.split('_').collect::<Vec<_>>()[..] else { panic!("{name}") };
        assert_eq!((stem, time.len(), &time[14..]), ("ring", 21, ".pcapng"), "{name}");
        assert_eq!(count.parse::<u64>().expect("a number") % 3, (count_of(&files[0]) + number - 1) % 3);
        // One packet more may stand behind the limit.
        assert!(number == 3 || (100_000..170_000).contains(&fs::metadata(file).expect("a file").len()), "{name}");
    }
    // The files follow each other: together they are the end of the capture.
    let args: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let args: Vec<_> = ["export", "--per", "message"].into_iter().chain(args.iter().map(String::as_str)).collect();
    let told = read(&args);
    assert_eq!(told.records.last().expect("a summary")["frames"]["close"], 2);
}

#[test]
fn a_capture_ends_with_the_size_of_its_file() {
    if left_out("a_capture_ends_with_the_size_of_its_file") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("full.pcapng");
    let peers = Peers::listen();
    let args = ["export", "-a", "filesize:50", "-w", &path.display().to_string()];
    let sniffer = Sniffer::on_loopback(&args, peers.port());
    peers.talk();
    assert_eq!(sniffer.end().status, Some(0));
    let size = fs::metadata(&path).expect("a file").len();
    assert!((50_000..120_000).contains(&size), "{size}");
}

#[test]
fn after_a_kill_all_that_was_flushed_is_readable() {
    if left_out("after_a_kill_all_that_was_flushed_is_readable") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("killed.pcapng").display().to_string();
    let peers = Peers::listen();
    let mut sniffer = Sniffer::on_loopback(&["export", "--per", "message", "-w", &path], peers.port());
    let mut pair = peers.connect();
    let said = pair.client_says("remember me");
    sniffer.await_record(|record| record["text"] == "remember me");
    sniffer.kill();
    let told = read(&["export", "--per", "message", &path]);
    assert_eq!(told.messages()[0], said);
    assert!(told.stderr.is_empty(), "no block is cut: {}", told.stderr);
}

#[test]
fn on_a_full_disk_the_capture_ends_in_order_and_its_file_is_whole() {
    if left_out("on_a_full_disk_the_capture_ends_in_order_and_its_file_is_whole") {
        return;
    }
    let Some(disk) = SmallDisk::new() else { return };
    let path = disk.0.path().join("full.pcapng").display().to_string();
    let peers = Peers::listen();
    let sniffer = Sniffer::on_loopback(&["export", "--per", "message", "-w", &path], peers.port());
    let logged = peers.talk();
    let live = sniffer.end();
    assert_eq!(live.status, Some(2), "{}", live.stderr);
    assert!(live.stderr.contains(&format!("wscope: {path}: No space left on device")), "{}", live.stderr);
    assert_eq!(live.records.last().expect("a summary")["type"], "summary");
    let told = read(&["export", "--per", "message", &path]);
    assert!(told.stderr.is_empty(), "no block is cut: {}", told.stderr);
    let complete: Vec<_> = told.records.iter().filter(|record| record["complete"] == true).collect();
    assert!(!complete.is_empty() && complete.len() < logged.len(), "{}", complete.len());
}

/// A file system of 256 KiB.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let disk = Self(TempDir::new().expect("a folder"));
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "none"]).arg(disk.0.path()).status();
        if mount.is_ok_and(|status| status.success()) {
            return Some(disk);
        }
        assert!(std::env::var_os("CI").is_none(), "CI must be able to mount");
        eprintln!("left out, for nothing can be mounted here: a full disk");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Where it was not mounted there is nothing to undo.
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn without_capture(mut records: Vec<Value>) -> Vec<Value> {
    let summary = records.last_mut().and_then(Value::as_object_mut).expect("a summary");
    summary.remove("capture").expect("live captures count");
    records
}

fn packets(path: &str) -> u64 {
    read(&["export", path]).records.last().expect("a summary")["packets"].as_u64().expect("a count")
}

/// The TCP flags of the first packet: Ethernet and IPv4 without options, as on loopback.
fn first_flags(path: &str) -> u8 {
    let mut files = Files::open(&[PathBuf::from(path)], None, Default::default()).expect("a capture");
    match files.step() {
        Ok(Step::Input(Input::Packet(packet))) => packet.bytes[14 + 20 + 13],
        other => panic!("{other:?}"),
    }
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

fn count_of(file: &Path) -> u64 {
    let name = file.file_name().expect("a file").to_string_lossy().into_owned();
    name.split('_').nth(1).and_then(|count| count.parse().ok()).expect("a number")
}

//! The real binary on real traffic: peers on loopback and in network namespaces, and what is told of them.
//!
//! Capturing needs privileges. A run without them says what it left out, and fails where `CI` is set.

#![cfg(unix)]

#[path = "live/peers.rs"]
mod peers;
#[path = "live/sniffer.rs"]
mod sniffer;

use std::time::{Duration, Instant};

use peers::Peers;
use sniffer::{Sniffer, left_out};

/// The longest that a message may take from the wire to the reader of a pipe.
const PROMPT: Duration = Duration::from_millis(100);

#[test]
fn every_message_is_told_as_the_peers_logged_it() {
    if left_out("every_message_is_told_as_the_peers_logged_it") {
        return;
    }
    let peers = Peers::listen();
    let sniffer = Sniffer::on_loopback(&["export", "--per", "message"], peers.port());
    let logged = peers.talk();
    let told = sniffer.interrupt();
    assert_eq!(told.status, Some(0), "{}", told.stderr);
    assert_eq!(told.messages(), logged);
    let summary = told.records.last().expect("a summary");
    assert_eq!(summary["capture"]["dropped"], 0, "{summary}");
    assert_eq!(summary["capture"]["received"], summary["packets"], "{summary}");
    assert!(told.stderr.contains("interrupted: "), "{}", told.stderr);
}

#[test]
fn a_message_is_told_at_once() {
    if left_out("a_message_is_told_at_once") {
        return;
    }
    let peers = Peers::listen();
    let mut sniffer = Sniffer::on_loopback(&["export", "--per", "message"], peers.port());
    let mut pair = peers.connect();
    // The best of some: the machine that tests may be busy with other things.
    let mut delays = (0..5).map(|index| {
        let text = format!("message {index}");
        pair.client_says(&text);
        let sent = Instant::now();
        sniffer.await_record(|record| record["text"] == *text);
        sent.elapsed()
    });
    assert!(delays.any(|delay| delay < PROMPT), "told too late");
    sniffer.interrupt();
}

#[test]
fn what_a_device_cannot_do_is_said_in_one_line() {
    for (args, message) in [
        (&["-i", "no-such-device"][..], "wscope: no-such-device: "),
        (&["-i", "lo", "-r", "file.pcap"], "cannot be used with"),
        (&["-i", "lo", "-s", "0"], "--snapshot-length"),
        (&["-i", "lo", "-B", "64"], "from 256 KiB to 2 GiB; without a unit it is in KiB"),
    ] {
        let run = sniffer::wscope(args).output().expect("the binary runs");
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(message), "{args:?}: {stderr}");
    }
    if left_out("a wrong filter on a device") {
        return;
    }
    let run = sniffer::wscope(&["-i", "lo", "-f", "port eighty"]).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(stderr.starts_with("wscope: filter 'port eighty': ") && run.status.code() == Some(2), "{stderr}");
}

//! The real binary on real traffic: peers on loopback and in network namespaces, and what is told of them.
//!
//! Capturing needs privileges. A run without them says what it left out, and fails where `CI` is set.

#![cfg(target_os = "linux")]

#[path = "live/files.rs"]
mod files;
#[path = "live/namespace.rs"]
mod namespace;
#[path = "live/peers.rs"]
mod peers;
#[path = "live/privileges.rs"]
mod privileges;
#[path = "live/sniffer.rs"]
mod sniffer;

use std::time::{Duration, Instant};

use namespace::Network;
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
fn a_capture_ends_when_it_should() {
    if left_out("a_capture_ends_when_it_should") {
        return;
    }
    let peers = Peers::listen();
    let start = |args: &[&str]| Sniffer::on_loopback(&[&["export", "--per", "message"], args].concat(), peers.port());
    let [messages, packets, seconds] =
        [["-c", "7"], ["-a", "packets:12"], ["-a", "duration:1"]].map(|args| start(&args));
    let logged = peers.talk();
    let [messages, packets, seconds] = [messages, packets, seconds].map(Sniffer::end);
    assert_eq!(messages.messages(), logged[..7]);
    assert_eq!(packets.records.last().expect("a summary")["packets"], 12);
    assert_eq!(seconds.messages(), logged);
    for told in [messages, packets, seconds] {
        assert_eq!(told.status, Some(0), "{}", told.stderr);
        assert_eq!(told.records.last().expect("a summary")["type"], "summary");
    }
}

#[test]
fn counters_are_printed_on_request() {
    if left_out("counters_are_printed_on_request") {
        return;
    }
    let peers = Peers::listen();
    let mut sniffer = Sniffer::on_loopback(&["export"], peers.port());
    let mut pair = peers.connect();
    pair.client_says("hello");
    sniffer.await_record(|record| record["text"] == "hello");
    sniffer.signal("USR1");
    let counters = sniffer.await_stderr(" packets, ");
    assert!(counters.contains("1 connection (1 accepted)") && counters.contains(" 0 dropped"), "{counters}");
    pair.client_says("still there");
    sniffer.await_record(|record| record["text"] == "still there");
    assert_eq!(sniffer.interrupt().status, Some(0));
}

#[test]
fn an_interface_that_goes_down_ends_the_capture_in_order() {
    let Some(network) = Network::new("an_interface_that_goes_down_ends_the_capture_in_order") else { return };
    let peers = network.listen();
    for interface in [network.near(), "any"] {
        let sniffer = network.capture(&["export", "--per", "message", "-i", interface], peers.port());
        let logged = network.talk(&peers);
        let told = if interface == "any" {
            sniffer.interrupt()
        } else {
            network.take_down();
            sniffer.end()
        };
        assert_eq!(told.messages(), logged, "on {interface}: {}", told.stderr);
        assert_eq!(told.records.last().expect("a summary")["type"], "summary");
        if interface == "any" {
            assert_eq!(told.status, Some(0), "{}", told.stderr);
        } else {
            let reason = format!("wscope: {interface}: the interface went down\n");
            assert_eq!((told.status, told.stderr.contains(&reason)), (Some(2), true), "{}", told.stderr);
        }
        network.take_up();
    }
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

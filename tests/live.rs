//! The real binary on real traffic: peers on loopback and in network namespaces, and what is told of them.
//!
//! Capturing needs privileges. A run without them says what it left out, and fails where `CI` is set.

#![cfg(target_os = "linux")]

#[path = "live/deflate.rs"]
mod deflate;
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
#[path = "live/tls.rs"]
mod tls;

use std::net::TcpListener;
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
fn compressed_messages_are_told_as_the_peers_logged_them() {
    if left_out("compressed_messages_are_told_as_the_peers_logged_them") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let sniffer = Sniffer::on_loopback(&["export", "--per", "message"], port);
    let logged = deflate::talk(&listener);
    let told = sniffer.interrupt();
    assert_eq!(told.messages(), logged);
    let compressed = told.records.iter().filter(|record| record["compressed"] == true);
    assert_eq!(compressed.count(), logged.len());
}

#[test]
fn several_interfaces_are_one_capture() {
    let Some(network) = Network::new("several_interfaces_are_one_capture") else { return };
    let peers = network.listen();
    let args = ["export", "--per", "message", "-i", "lo", "-i", network.near()];
    let sniffer = network.capture(&args, peers.port());
    let [over_the_cable, at_home] = [network.talk(&peers), network.talk_at_home(&peers)];
    let told = sniffer.interrupt();
    // The kernel hands over each interface's packets on its own, so only those of a connection keep their order.
    let ports = told.records.iter().filter(|record| record["type"] == "handshake");
    let hosts: Vec<_> = ports.map(|record| (&record["connection"], &record["client"]["ip"])).collect();
    assert_eq!(hosts.len(), 2, "{}", told.stderr);
    for (connection, host) in hosts {
        let expected = if host == "10.99.0.1" { &at_home } else { &over_the_cable };
        assert_eq!(told.messages_of(|record| record["connection"] == *connection), *expected, "{host}");
    }
}

#[test]
fn what_the_analysis_has_no_time_for_is_dropped_and_told() {
    if left_out("what_the_analysis_has_no_time_for_is_dropped_and_told") {
        return;
    }
    let peers = Peers::listen();
    // Nobody reads its output, so that it stands still; and little may wait for it.
    let args = ["export", "--per", "message", "--limit", "queue=256K"];
    let sniffer = Sniffer::on_loopback(&args, peers.port());
    for _ in 0..4 {
        peers.talk();
    }
    let told = sniffer.interrupt();
    let summary = told.records.last().expect("a summary");
    let [received, dropped, queue] = ["received", "dropped", "dropped_queue"].map(|name| &summary["capture"][name]);
    assert!(queue.as_u64().is_some_and(|queue| queue > 0), "{summary}");
    let packets = summary["packets"].as_u64().expect("a count");
    assert_eq!(received.as_u64(), queue.as_u64().map(|queue| queue + packets), "{summary}");
    let notices = told.records.iter().filter(|record| record["anomalies"][0]["code"] == "capture.dropped");
    let texts: Vec<_> = notices.map(|notice| notice["anomalies"][0]["text"].as_str().expect("a text")).collect();
    let count = |text: &str| text.rsplit(' ').next()?.trim_end_matches(')').parse::<u64>().ok();
    assert_eq!(
        texts.iter().filter_map(|text| count(text)).sum::<u64>(),
        dropped.as_u64().expect("a count"),
        "{texts:?}"
    );
    let schema = serde_json::from_str(wscope::export::SCHEMA).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for record in &told.records {
        assert!(schema.is_valid(record), "{record}");
    }
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

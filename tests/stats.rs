//! `wscope stats` through the real binary: its numbers are held against the records of `export`.

#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use wscope::duplex::Direction::{ToClient, ToServer};

use common::conversation::{Conversation, Dialect};
use common::pcap::pcap;
use common::sample::files;
use common::segment::Route;
use common::{ping, pong, raw, text};

const WSCOPE: &str = env!("CARGO_BIN_EXE_wscope");
const DONE: i32 = 0;
const DAMAGED: i32 = 3;

#[test]
fn numbers_are_those_of_the_records() {
    let records = json_lines(&run(&["export"], &files()));
    let stats = stats(&[], &files());
    let rows = stats["connections"].as_array().expect("a list");
    assert_eq!(rows.len(), records.iter().filter(|record| record["type"] == "handshake").count());
    for row in rows {
        let number = &row["connection"];
        for side in ["client", "server"] {
            let sent = &row["sent"][side];
            let whose = |record: &&Value| record["connection"] == *number && record["from"] == side;
            let frames: Vec<_> = records.iter().filter(whose).filter(|record| record["type"] == "frame").collect();
            let sum = |name: &str| frames.iter().filter_map(|frame| frame[name].as_u64()).sum::<u64>();
            let mut opcodes = BTreeMap::<_, u64>::new();
            for frame in &frames {
                *opcodes.entry(frame["opcode"].as_str().expect("has one").to_owned()).or_default() += 1;
            }
            assert_eq!(sent["frames"], serde_json::to_value(opcodes).expect("counts"), "{number} {side}");
            assert_eq!(sent["bytes"], sum("length"), "{number} {side}");
        }
        let closed = records.iter().find(|it| it["type"] == "closed" && it["connection"] == *number);
        assert_eq!(row["end"]["how"], closed.map_or(Value::Null, |closed| closed["how"].clone()));
        // Where all was captured, the stream is made of frames.
        let tally = closed.map(|closed| ["client", "server"].map(|side| closed[side].clone()));
        for (side, tally) in ["client", "server"].iter().zip(tally.into_iter().flatten()) {
            let sent = &row["sent"][side];
            assert_eq!(sent["messages"], tally["messages"], "{number} {side}");
            if sent["missing"] == 0 {
                assert_eq!(sent["payload_bytes"], tally["payload_bytes"], "{number} {side}");
            }
        }
    }
    let summary = records.last().expect("a summary");
    assert_eq!(stats["total"]["handshakes"], summary["handshakes"]);
    for part in ["packets", "bytes", "flows"] {
        assert_eq!(stats["capture"][part], summary[part]);
    }
}

#[test]
fn rates_sizes_pings_and_polling_are_counted() {
    let folder = TempDir::new().expect("a folder");
    let conversation = Conversation::on(Route::default(), Dialect::default()).handshake();
    let conversation = conversation.client(text("x".repeat(10))).pause(1000).server(text("y".repeat(300)));
    let conversation = conversation.server(ping("p")).pause(20).client(pong("p")).close(1000, "");
    let file = written(&folder, "pings.pcap", &conversation);
    let stats = stats(&[], &[file]);
    let row = &stats["connections"][0];
    assert_eq!(row["sent"]["client"]["messages"], 1);
    // Masked headers of a text, a pong and a close; those of the server have no key, one an extended length.
    assert_eq!(
        (&row["sent"]["client"]["header_bytes"], &row["sent"]["server"]["header_bytes"]),
        (&18.into(), &8.into())
    );
    let rtt = row["rtt"]["max"].as_f64().expect("answered");
    assert!((0.02..0.03).contains(&rtt), "{rtt}");
    assert!((row["rtt"]["p50"].as_f64().expect("answered") - rtt).abs() < rtt / 14.0);
    let class = |upto: u64| {
        let classes = row["sizes"].as_array().expect("a list");
        classes.iter().find(|class| class["upto"] == upto).expect("a class")["messages"].clone()
    };
    assert_eq!((class(16), class(1024), class(64)), (1.into(), 1.into(), 0.into()));
    let width = row["rate"]["width"].as_f64().expect("seconds");
    let (said, answered) = (&row["rate"]["client"], &row["rate"]["server"]);
    assert_eq!(said[0], 1);
    assert_eq!(answered[(1.0 / width) as usize], 1, "{answered}");
    // Two exchanges, each with the heads but without what is there for WebSocket, and the two messages.
    let polling = row["polling_bytes"].as_u64().expect("bytes");
    let heads = row["handshake_bytes"].as_u64().expect("bytes");
    assert!(polling > 310 && polling < 310 + 2 * heads, "{polling} {heads}");
}

#[test]
fn decoding_adds_requests_and_changes_no_other_number() {
    // There a frame is cut inside its header, which as a message counts whole.
    let captures: Vec<_> = files().into_iter().filter(|path| !path.ends_with("parts.pcap")).collect();
    let [mut decoded, mut plain] = [&[][..], &["--no-decode"]].map(|args| stats(args, &captures));
    let requests = decoded["total"]["requests"].clone();
    // Of a message that another one interrupts, no frame says how long it is.
    let numbers = |stats: &mut Value| -> Vec<String> {
        let mut all = stats["connections"].as_array().expect("a list").clone();
        all.push(stats["total"].take());
        for of in &mut all {
            of.as_object_mut()
                .expect("an object")
                .retain(|name, _| !["requests", "sizes", "rate", "polling_bytes"].contains(&name.as_str()));
        }
        all.iter().map(Value::to_string).collect()
    };
    for (decoded, plain) in numbers(&mut decoded).iter().zip(numbers(&mut plain)) {
        assert_eq!(*decoded, plain);
    }
    assert!(requests["methods"].as_array().is_some_and(|methods| methods.len() > 20), "{requests}");
}

#[test]
fn methods_have_latencies_and_what_was_not_answered_is_listed() {
    let stats = stats(&[], &[sample("rpc.pcap")]);
    let requests = &stats["connections"][0]["requests"];
    let named = |name: &str| {
        let methods = requests["methods"].as_array().expect("a list");
        methods.iter().find(|method| method["method"] == name).unwrap_or_else(|| panic!("{name} in {requests}")).clone()
    };
    let sum = named("sum");
    assert_eq!((&sum["latency"]["count"], &sum["unanswered"]), (&1.into(), &0.into()));
    assert!(sum["latency"]["p50"].as_f64().is_some_and(|latency| latency > 0.0));
    let never = named("never");
    assert_eq!((&never["latency"], &never["unanswered"]), (&Value::Null, &1.into()));
    assert_eq!(requests["unanswered"][0]["method"], "never");
    let few = self::stats(&["--limit", "methods=1"], &[sample("rpc.pcap")]);
    let few = &few["total"]["requests"];
    assert_eq!(few["methods"].as_array().map(Vec::len), Some(1));
    assert!(few["others"]["latency"]["count"].as_u64().is_some_and(|count| count > 1), "{few}");
    let table = run(&["stats"], &[sample("rpc.pcap")]);
    assert!(table.contains("   no answer to #1 client 4: never\n"), "{table}");
}

/// On connections of their own, the answers held back for a second.
#[test]
fn what_polling_took_stands_beside_what_took_its_place() {
    let folder = TempDir::new().expect("a folder");
    let (request, answer) =
        ("GET /events?since=1 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnews!");
    let polled = |target: &str| {
        let mut conversation = Conversation::on(
            Route { client: (Ipv4Addr::new(10, 0, 0, 1), 40_001), ..Route::default() },
            Dialect::default(),
        )
        .syn();
        for _ in 0..4 {
            conversation = conversation.client(raw(request.replace("/events", target))).pause(1000).server(raw(answer));
        }
        conversation
    };
    let socket = Conversation::on(Route::default(), Dialect::default()).pause(10_000).handshake();
    let socket = socket.server(text("x".repeat(10))).close(1000, "");
    let written = |name: &str, polled: Conversation| {
        let path = folder.path().join(name);
        fs::write(&path, pcap(&[polled.packets(), socket.packets()].concat())).expect("written");
        path
    };
    let file = written("polled.pcap", polled("/events"));
    let stats = stats(&[], std::slice::from_ref(&file));
    let told = &stats["connections"][0]["polled"];
    assert_eq!((&told["requests"], &told["answered"], &told["payload_bytes"]), (&4.into(), &4.into(), &20.into()));
    assert_eq!(told["header_bytes"], 4 * (request.len() + answer.len() - "news!".len()));
    assert!(told["latency"]["mean"].as_f64().is_some_and(|mean| (1.0..1.1).contains(&mean)), "{told}");
    assert_eq!(&stats["total"]["polled"], told);
    let table = run(&["stats"], std::slice::from_ref(&file));
    assert!(table.contains("polled    4 requests before"), "{table}");
    let handshake = json_lines(&run(&["export"], &[file])).remove(0);
    assert_eq!(
        (&handshake["prologue"]["transport"], &handshake["prologue"]["path"]),
        (&"long polling".into(), &"/events".into())
    );
    // A poll of Engine.IO has a session, and this socket has not.
    let other = written("other.pcap", polled("/socket.io/?transport=polling&sid=a&"));
    assert_eq!(self::stats(&[], &[other])["connections"][0]["polled"], Value::Null);
    // The first connection of the sample was upgraded from polling by the real client.
    let real = json_lines(&run(&["export"], &[sample("socketio.pcap")])).remove(0);
    assert_eq!(
        (&real["prologue"]["transport"], &real["prologue"]["requests"]),
        (&"engine.io polling".into(), &3.into())
    );
}

#[test]
fn of_too_many_connections_the_smallest_lose_their_row_and_that_is_told() {
    let stats = stats(&["--limit", "rows=5"], &files());
    let rows = stats["connections"].as_array().expect("a list");
    let all = self::stats(&[], &files());
    let mut sizes: Vec<_> = all["connections"].as_array().expect("a list").iter().map(wire_bytes).collect();
    sizes.sort_unstable();
    let mut kept: Vec<_> = rows.iter().map(wire_bytes).collect();
    kept.sort_unstable();
    assert_eq!(kept, sizes[sizes.len() - 5..]);
    assert_eq!(stats["shed"]["connections"], (sizes.len() - 5) as u64);
    assert_eq!(stats["shed"]["largest"], sizes[sizes.len() - 6]);
    assert_eq!(stats["total"], all["total"]);
    let table = run(&["stats", "--limit", "rows=5"], &files());
    assert!(table.contains("connections have no row here"), "{table}");
}

#[test]
fn the_object_keeps_its_schema() {
    let schema = run(&["stats", "--schema"], &[]);
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let stats = stats(&[], &files());
    if let Err(error) = validator.validate(&stats) {
        panic!("{error} at {}", error.instance_path());
    }
}

#[test]
fn the_table_fits_a_terminal_and_shows_no_payload() {
    let table = run(&["stats"], &files());
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.contains("#1 ws://") && table.contains("\nall: "), "{table}");
    let payload = run(&["stats"], &[sample("echo-python.pcapng")]);
    assert!(payload.contains("/echo?room=1") && !payload.contains("Hello, wscope!"), "{payload}");
}

#[test]
fn what_peers_promise_and_never_send_is_summed_up_to_the_end_of_numbers() {
    let folder = TempDir::new().expect("a folder");
    let promised = (1 << 63) - 1;
    let packets = [40_001, 40_002, 40_003].map(|port| {
        let route = Route { client: (Ipv4Addr::new(10, 0, 0, 1), port), ..Route::default() };
        let conversation = Conversation::on(route, Dialect::default()).handshake();
        let conversation = conversation.client(text("").declaring(promised)).server(text("").declaring(promised));
        conversation.fin(ToServer).fin(ToClient).packets()
    });
    let file = folder.path().join("promises.pcap");
    fs::write(&file, pcap(&packets.concat())).expect("written");
    for args in [&[][..], &["--no-decode"]] {
        let stats = stats(args, std::slice::from_ref(&file));
        assert_eq!(stats["connections"][2]["sent"]["client"]["missing"], promised);
        assert_eq!(stats["total"]["sent"]["client"]["missing"], u64::MAX);
    }
    let table = run(&["stats"], &[file]);
    assert!(table.contains("missing   18.4 EB in 0 gaps and cut frames"), "{table}");
}

#[test]
fn a_filter_chooses_connections_and_credentials_are_blotted_out() {
    let chosen = stats(&["-Y", "ws.verdict == invalid"], &files());
    let rows = chosen["connections"].as_array().expect("a list");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["verdict"] == "invalid"));
    assert_eq!(chosen["total"]["handshakes"]["accepted"], 0);
    let folder = TempDir::new().expect("a folder");
    let dialect = Dialect { target: "/feed?token=sesame".into(), ..Dialect::default() };
    let file = written(&folder, "secret.pcap", &Conversation::on(Route::default(), dialect).handshake());
    assert!(run(&["stats"], std::slice::from_ref(&file)).contains("sesame"));
    assert!(!run(&["stats", "--redact"], &[file]).contains("sesame"));
}

#[test]
fn numbers_of_a_cut_capture_are_given_and_the_cut_is_told() {
    let folder = TempDir::new().expect("a folder");
    let file = fs::read(sample("abnormal.pcap")).expect("readable");
    let cut = folder.path().join("cut.pcap");
    fs::write(&cut, &file[..file.len() - 3]).expect("written");
    let run = Command::new(WSCOPE).args(["stats", "--format", "json"]).arg(&cut).assert().code(DAMAGED);
    let stats: Value = serde_json::from_slice(&run.get_output().stdout).expect("JSON");
    assert!(stats["damaged"][0].as_str().is_some_and(|told| told.contains("cut at byte")), "{stats}");
    assert_eq!(stats["capture"]["anomalies"]["capture.truncated"], 1);
}

// ---- running

fn wire_bytes(row: &Value) -> u64 {
    row["wire_bytes"].as_u64().expect("bytes")
}

fn stats(args: &[&str], files: &[PathBuf]) -> Value {
    let args: Vec<_> = ["stats", "--format", "json"].iter().chain(args).copied().collect();
    serde_json::from_str(&run(&args, files)).expect("JSON")
}

fn run(args: &[&str], files: &[PathBuf]) -> String {
    let run = Command::new(WSCOPE).args(args).args(files).assert().code(DONE);
    String::from_utf8(run.get_output().stdout.clone()).expect("UTF-8")
}

fn written(folder: &TempDir, name: &str, conversation: &Conversation) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, pcap(&conversation.packets())).expect("written");
    path
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

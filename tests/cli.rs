//! The real binary: what it prints, where, and with which exit status.

#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as StdCommand, Stdio};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use wscope::export::SCHEMA;

use common::conversation::{Conversation, Dialect};
use common::pcap::pcap;
use common::segment::Route;
use common::{binary, ping, text};

const WSCOPE: &str = env!("CARGO_BIN_EXE_wscope");

const DONE: i32 = 0;
const FAILED: i32 = 2;
const DAMAGED: i32 = 3;
/// 128 and SIGINT.
const INTERRUPTED: i32 = 130;

// ---- exit status and messages

#[test]
fn what_cannot_be_read_is_an_error_that_says_why() {
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        path.display().to_string()
    };
    let (empty, words) = (path("empty.pcap", b""), path("words.pcap", b"GET / HTTP/1.1\r\n\r\n"));
    let folder = folder.path().display().to_string();
    let good = sample("abnormal.pcap").display().to_string();
    for (args, message) in [
        (vec!["nowhere.pcap"], "wscope: nowhere.pcap: no such file\n".to_owned()),
        (vec![&*folder], format!("wscope: {folder}: a directory, not a capture file\n")),
        (vec![&*empty], format!("wscope: {empty}: empty, not a capture file\n")),
        (
            vec![&*words],
            format!("wscope: {words}: not a pcap or pcapng file (nor one in gzip or zstd): begins with 'GET '\n"),
        ),
        // All are looked at before the first is read.
        (vec![&*good, "nowhere.pcap"], "wscope: nowhere.pcap: no such file\n".to_owned()),
    ] {
        for command in [&[][..], &["export"], &["export", "--format", "json"]] {
            let run = wscope(command).args(&args).assert().code(FAILED);
            assert_eq!(output(&run), ("".into(), message.clone()), "{command:?} {args:?}");
        }
    }
}

#[test]
fn wrong_usage_is_an_error() {
    let good = sample("abnormal.pcap");
    for (args, message) in [
        (&["export"][..], "no input: name a capture file"),
        (&["export", "--format", "xml", "GOOD"], "possible values: jsonl, json, text"),
        (&["export", "--per", "packet", "GOOD"], "possible values: frame, message"),
        (&["export", "-f", "port and", "GOOD"], "filter 'port and'"),
        (&["export", "-c", "-1", "GOOD"], "-1"),
        (&["export", "-a", "packets:many", "GOOD"], "\"many\" is not a whole number"),
        (&["export", "-a", "bytes:7", "GOOD"], "unknown condition \"bytes\": duration, packets, filesize"),
        (&["export", "-a", "duration:7", "GOOD"], "-a duration is for live captures"),
        (&["export", "-o", "/nowhere/at/all", "GOOD"], "/nowhere/at/all: "),
        (&["export", "-o", "/", "GOOD"], "/: "),
        (&["export", "-o", "/dev/full", "GOOD"], "/dev/full: No space left"),
        (&["no-such-command"], "no-such-command: no such file"),
        (&["export", "-", "-"], "standard input: named twice"),
    ] {
        let args = args.iter().map(|arg| if *arg == "GOOD" { good.as_os_str() } else { arg.as_ref() });
        let run = wscope(&[]).args(args.clone()).assert().code(FAILED);
        let (stdout, stderr) = output(&run);
        assert_eq!(stdout, "");
        assert!(stderr.contains(message), "{:?}: {stderr}", args.collect::<Vec<_>>());
    }
}

#[test]
fn all_before_a_cut_is_printed() {
    let folder = TempDir::new().expect("a folder");
    let file = fs::read(sample("abnormal.pcap")).expect("readable");
    let records = records_of(&file);
    let whole = records[40];
    let until = folder.path().join("until.pcap");
    fs::write(&until, &file[..whole]).expect("written");
    let until = done(&["export", &until.display().to_string()]);
    let mut broken = file.clone();
    broken[whole + 8..][..4].fill(0xff);
    for (bytes, message) in [
        (&file[..whole + 20], format!("cut at byte {whole}: expected a record of ")),
        (&file[..whole + 3], format!("cut at byte {whole}: expected a record header of 16 bytes, found only 3 bytes")),
        (&broken, format!("damaged at byte {whole}: expected a packet of at most ")),
    ] {
        let damaged = folder.path().join("damaged.pcap");
        fs::write(&damaged, bytes).expect("written");
        let run = wscope(&["export"]).arg(&damaged).assert().code(DAMAGED);
        let (stdout, stderr) = output(&run);
        let message = format!("{}: {message}", damaged.display());
        assert!(stderr.starts_with(&format!("wscope: {message}")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1);
        let (events, summary) = stdout.trim_end().rsplit_once('\n').expect("lines");
        assert_eq!(events, until.trim_end().rsplit_once('\n').expect("lines").0);
        let summary: Value = serde_json::from_str(summary).expect("JSON");
        assert!(summary["damaged"][0].as_str().expect("told").starts_with(&message));
    }
}

#[test]
fn reading_goes_on_behind_a_damaged_file() {
    let folder = TempDir::new().expect("a folder");
    let cut = folder.path().join("cut.pcap");
    let file = fs::read(sample("abnormal.pcap")).expect("readable");
    fs::write(&cut, &file[..file.len() - 1]).expect("written");
    let run = wscope(&["export"]).args([&cut, &sample("echo-python.pcapng")]).assert().code(DAMAGED);
    let summary: Value = serde_json::from_str(output(&run).0.lines().last().expect("a line")).expect("JSON");
    assert_eq!(summary["connections"], 6);
}

// ---- inputs

#[test]
fn the_same_capture_gives_the_same_in_every_wrapping() {
    let file = fs::read(sample("abnormal.pcap")).expect("readable");
    let plain = done(&["export", &sample("abnormal.pcap").display().to_string()]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&file).expect("memory takes all");
    let gzip = gzip.finish().expect("memory takes all");
    let zstd = zstd::encode_all(&*file, 0).expect("memory takes all");
    let folder = TempDir::new().expect("a folder");
    for (name, bytes) in [("a.pcap", &file), ("a.pcap.gz", &gzip), ("a.pcap.zst", &zstd), ("misnamed.txt", &gzip)] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        assert_eq!(done(&["export", &path.display().to_string()]), plain, "{name}");
        assert_eq!(done(&["export", "-r", &path.display().to_string()]), plain, "-r {name}");
        let run = wscope(&["export", "-"]).write_stdin(bytes.clone()).assert().code(DONE);
        assert_eq!(output(&run), (plain.clone(), "".into()), "{name} on standard input");
    }
}

#[test]
fn several_files_are_one_capture() {
    let file = fs::read(sample("abnormal.pcap")).expect("readable");
    let middle = records_of(&file)[31];
    let folder = TempDir::new().expect("a folder");
    let (first, second) = (folder.path().join("1.pcap"), folder.path().join("2.pcap"));
    fs::write(&first, &file[..middle]).expect("written");
    fs::write(&second, [&file[..24], &file[middle..]].concat()).expect("written");
    let (first, second) = (first.display().to_string(), second.display().to_string());
    let plain = done(&["export", &sample("abnormal.pcap").display().to_string()]);
    assert_eq!(done(&["export", &first, &second]), plain);
    assert_eq!(done(&["export", &first, "--read", &second]), plain);
    let rest = fs::read(&second).expect("readable");
    let run = wscope(&["export", &first, "-"]).write_stdin(rest).assert().code(DONE);
    assert_eq!(output(&run).0, plain);
}

#[test]
fn filter_and_count_choose_packets() {
    let path = sample("abnormal.pcap").display().to_string();
    let all = json_lines(&done(&["export", &path]));
    let port = all[0]["client"]["port"].to_string();
    let one = json_lines(&done(&["export", "-f", &format!("tcp port {port}"), &path]));
    assert_eq!(one.last().expect("a summary")["connections"], 1);
    assert_eq!(one[0], all[0]);
    for count in [0, 1, 20] {
        let some = json_lines(&done(&["export", "-a", "packets:30", "-a", &format!("packets:{count}"), &path]));
        assert_eq!(some.last().expect("a summary")["packets"], count);
    }
}

#[test]
fn a_count_is_of_messages() {
    // One packet may end several, and still no more are told than asked for.
    let conversation = Conversation::new().handshake().server(text("one")).server(text("two").fragments(&[1]));
    let conversation = conversation.client(ping("?")).server(text("three")).close(1000, "");
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("three.pcap");
    fs::write(&path, pcap(&conversation.packets())).expect("written");
    let path = path.display().to_string();
    for (per, expected) in [
        ("message", [&["handshake", "message", "message", "closed", "summary"][..], &["summary"]]),
        ("frame", [&["handshake", "frame", "frame", "frame", "closed", "summary"], &["summary"]]),
    ] {
        for (count, expected) in ["2", "0"].into_iter().zip(expected) {
            let told = json_lines(&done(&["export", "--per", per, "-c", count, &path]));
            let types: Vec<_> = told.iter().map(|record| record["type"].as_str().expect("a type")).collect();
            assert_eq!(types, expected, "{count} messages, per {per}");
        }
    }
    let all = json_lines(&done(&["export", "-c", "9", &path]));
    assert_eq!(all, json_lines(&done(&["export", &path])));
}

// ---- outputs

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = TempDir::new().expect("a folder");
    let (path, good) = (folder.path().join("out.jsonl"), sample("abnormal.pcap").display().to_string());
    let plain = done(&["export", &good]);
    let into = path.display().to_string();
    wscope(&["export", "-o", &into, "nowhere.pcap"]).assert().code(FAILED);
    assert_eq!(names(&folder), [""; 0], "nothing is left behind");
    assert_eq!(done(&["export", "-o", &into, &good]), "");
    assert_eq!(fs::read_to_string(&path).expect("there"), plain);
    // An error leaves the old one.
    wscope(&["export", "-o", &into, "nowhere.pcap"]).assert().code(FAILED);
    wscope(&["export", "-o", &into, "-f", "bad bad", &good]).assert().code(FAILED);
    assert_eq!(fs::read_to_string(&path).expect("there"), plain);
    assert_eq!(done(&["export", "--per", "message", "-o", &into, &good]), "");
    assert_eq!(fs::read_to_string(&path).expect("there"), done(&["export", "--per", "message", &good]));
    assert_eq!(names(&folder), ["out.jsonl"]);
    assert_eq!(done(&["export", "-o", "-", &good]), plain);
    assert_eq!(done(&["export", "-o", "/dev/stdout", &good]), plain);
}

#[test]
fn a_link_stays_and_leads_to_the_new_file() {
    let folder = TempDir::new().expect("a folder");
    let (link, target) = (folder.path().join("link"), folder.path().join("deep/target"));
    fs::create_dir(folder.path().join("deep")).expect("made");
    fs::write(&target, "old").expect("written");
    std::os::unix::fs::symlink("deep/target", &link).expect("made");
    let good = sample("abnormal.pcap").display().to_string();
    assert_eq!(done(&["export", "-o", &link.display().to_string(), &good]), "");
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&target).expect("there"), done(&["export", &good]));
    assert_eq!(names(&folder).len(), 2);
}

#[test]
fn an_array_has_the_same_records_as_the_lines() {
    for name in ["abnormal.pcap", "refused.pcap", "echo-python.pcapng"] {
        let path = sample(name).display().to_string();
        let array: Vec<Value> = serde_json::from_str(&done(&["export", "--format", "json", &path])).expect("an array");
        assert_eq!(array, json_lines(&done(&["export", &path])));
    }
}

#[test]
fn limits_can_be_set_and_listed() {
    let path = sample("fragments-node.pcap").display().to_string();
    let cut = done(&["export", "--limit", "payload=5", "--limit", "idle=10m", &path]);
    assert!(cut.contains("limit.payload"), "{cut}");
    for arguments in [&["--limit", "help"][..], &["check", "--limit", "payload=5", "--limit", "help"]] {
        let table = done(arguments);
        assert!(table.lines().any(|line| line.starts_with("reorder_total ") && line.contains("64M")), "{table}");
    }
    for wrong in ["payload=", "nothing=1", "payload"] {
        wscope(&["export", "--limit", wrong, &path]).assert().code(FAILED);
    }
}

#[test]
fn per_message_joins_fragments() {
    let path = sample("fragments-node.pcap").display().to_string();
    let types = |per: &str| {
        let mut types: Vec<_> = json_lines(&done(&["export", "--per", per, &path]))
            .iter()
            .map(|record| record["type"].as_str().expect("a type").to_owned())
            .collect();
        types.sort();
        types.dedup();
        types
    };
    assert_eq!(types("message"), ["closed", "control", "handshake", "message", "summary"]);
    assert_eq!(types("frame"), ["closed", "frame", "handshake", "summary"]);
}

#[test]
fn sub_protocols_are_decoded_unless_they_are_not_to_be() {
    let path = sample("subprotocol.pcapng").display().to_string();
    let protocols = |args: &[&str]| {
        let records = json_lines(&done(&[&["export", "--per", "message", &path], args].concat()));
        let decoded = records.iter().filter_map(|record| record["decoded"]["protocol"].as_str().map(str::to_owned));
        decoded.fold(BTreeMap::new(), |mut counts, name| {
            *counts.entry(name).or_insert(0) += 1;
            counts
        })
    };
    let counts = |counts: &[(&str, i32)]| counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(protocols(&[]), counts(&[("graphql", 10), ("mqtt", 43)]));
    assert_eq!(protocols(&["--no-decode"]), counts(&[]));
    assert_eq!(protocols(&["-d", "tcp.port==49213,json"]), counts(&[("json", 53)]));
    wscope(&["export", "-d", "tcp.port==49213,jason", &path]).assert().code(FAILED);
    let text = done(&[&path]);
    assert!(text.contains("mqtt PUBLISH samples/greeting qos 1: hello over MQTT\n"), "{text}");
    assert!(text.contains("mqtt PUBACK 41744  answers #21 after 0.000544729 s\n"), "{text}");
}

#[test]
fn types_of_protocol_buffers_are_read_from_a_file() {
    let folder = TempDir::new().expect("a folder");
    let proto = folder.path().join("chat.proto");
    fs::write(&proto, "syntax = \"proto3\";\npackage chat;\nmessage Said { string text = 1; int32 at = 2; }\n")
        .expect("written");
    let capture = folder.path().join("chat.pcap");
    let told = Conversation::new().handshake().client(binary(b"\x0a\x05hello\x10\x07")).client(binary(b"\x0a\xff"));
    fs::write(&capture, pcap(&told.packets())).expect("written");
    let (proto, capture) = (proto.display().to_string(), capture.display().to_string());
    let export = |more: &[&str]| done(&[&["export", "--per", "message", &capture], more].concat());
    let by_schema = export(&["--proto", &proto, "-d", "tcp.port==80,protobuf:chat.Said:chat.Said"]);
    assert!(by_schema.contains(r#""type":"chat.Said","value":{"text":"hello","at":7}}"#), "{by_schema}");
    assert!(by_schema.contains("payload.malformed"), "{by_schema}");
    let by_guess = export(&["-d", "tcp.port==80,protobuf"]);
    assert!(by_guess.contains(r#"{"field":1,"value":"hello","wire":"len"}"#), "{by_guess}");
    for wrong in [
        &["-d", "tcp.port==80,protobuf:chat.Said"][..],
        &["--proto", &proto, "-d", "tcp.port==80,protobuf:chat.None"],
        &["--proto", "none.proto"],
    ] {
        wscope(&[&["export", &capture], wrong].concat()).assert().code(FAILED);
    }
}

#[test]
fn schema_is_printed() {
    assert_eq!(done(&["export", "--schema"]), SCHEMA);
}

#[test]
fn text_holds_nothing_that_talks_to_a_terminal() {
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}txt.exe\u{2066}\u{200b}\r\n\u{7f}\u{0}end";
    let dialect = Dialect {
        target: "/\u{9b}31m\u{202e}".into(),
        response: vec!["Sec-WebSocket-Protocol: a\u{1b}[31m".into()],
        ..Dialect::default()
    };
    let conversation = Conversation::on(Route::default(), dialect).handshake().client(text(evil)).server(ping(evil));
    let file = pcap(&conversation.close(1000, evil).packets());
    for args in [&["-"][..], &["export", "--format", "text", "-"]] {
        let run = wscope(args).write_stdin(file.clone()).assert().code(DONE);
        let (stdout, stderr) = output(&run);
        assert_eq!(stderr, "");
        assert!(stdout.contains("\\x1b[2J\\x1b]0;owned\\x07\\u{9b}31m\\u{202e}txt.exe\\u{2066}"), "{stdout}");
        let unsafe_ones: Vec<_> =
            stdout.chars().filter(|c| *c != '\n' && wscope::export::escape::is_unsafe(*c)).collect();
        assert_eq!(unsafe_ones, [], "{stdout}");
    }
}

#[test]
fn redact_blots_out_credentials_in_every_format() {
    let dialect = Dialect {
        target: "/feed?room=7&access_token=HUSH1".into(),
        request: vec![
            "Cookie: session=HUSH2".into(),
            "authorization: Bearer HUSH3".into(),
            "Proxy-Authorization: Basic HUSH4".into(),
            "Referer: http://server.example.com/?sid=HUSH5".into(),
            "Cookie HUSH6".into(),
        ],
        response: vec!["Set-Cookie: session=HUSH7; HttpOnly".into()],
        ..Dialect::default()
    };
    let accepted = Conversation::on(Route::default(), dialect).handshake().client(text("hi")).close(1000, "");
    let file = pcap(&accepted.packets());
    for format in ["jsonl", "json", "text"] {
        let export = |more: &[&str]| {
            let run = wscope(&["export", "--format", format, "-"]).args(more).write_stdin(file.clone()).assert();
            output(&run.code(DONE)).0
        };
        assert!(export(&[]).contains("HUSH1"));
        let redacted = export(&["--redact"]);
        assert!(!redacted.contains("HUSH"), "{redacted}");
        assert!(redacted.contains("/feed?room=7&access_token=[redacted]"), "{redacted}");
    }
    let run = wscope(&["--redact", "-"]).write_stdin(file).assert().code(DONE);
    assert!(!output(&run).0.contains("HUSH"));
}

// ---- pipes and signals

#[test]
fn what_came_through_a_pipe_is_printed_before_more_comes() {
    let conversation = Conversation::new().handshake().client(text("one")).server(text("two")).close(1000, "");
    let file = pcap(&conversation.packets());
    let run = wscope(&["export", "-"]).write_stdin(file.clone()).assert().code(DONE);
    let whole = output(&run).0;
    let mut expected = whole.lines();
    let mut child = spawn(&["export", "-"]);
    let mut stdin = child.stdin.take().expect("piped");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let records = records_of(&file);
    let mut written = 0;
    // Three packets open TCP; each one behind them completes a record, but for the request.
    for until in [4, 5, 6, 7, 8] {
        stdin.write_all(&file[written..records[until]]).expect("read");
        written = records[until];
        if until > 4 {
            assert_eq!(lines.next().expect("a line").expect("UTF-8"), expected.next().expect("a line"));
        }
    }
    stdin.write_all(&file[written..]).expect("read");
    drop(stdin);
    assert!(lines.map(|line| line.expect("UTF-8")).eq(expected));
    finish(child, DONE, "");
}

#[test]
fn an_interrupt_finishes_the_output() {
    let file = fs::read(sample("echo-python.pcapng")).expect("readable");
    for format in ["json", "jsonl"] {
        let mut child = spawn(&["export", "--format", format, "-"]);
        let mut stdin = child.stdin.take().expect("piped");
        // Inside a record, which is no damage when the user ends it there.
        stdin.write_all(&file[..file.len() - 700]).expect("read");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut told = String::new();
        // It is at work once a record is there; the array's bracket has a line of its own.
        while !told.contains("handshake") {
            stdout.read_line(&mut told).expect("UTF-8");
        }
        interrupt(&child);
        stdout.read_to_string(&mut told).expect("UTF-8");
        let records: Vec<Value> =
            if format == "json" { serde_json::from_str(&told).expect("an array") } else { json_lines(&told) };
        let types: Vec<_> = records.iter().map(|record| &record["type"]).collect();
        assert_eq!(types.first().expect("records"), &"handshake");
        assert_eq!(types[types.len() - 2..], ["closed", "summary"]);
        assert_eq!(records[records.len() - 2]["how"], "end of capture");
        let stderr = finish(child, DONE, "wscope: interrupted: ");
        assert!(stderr.contains("1 connection (1 accepted)"), "{stderr}");
        drop(stdin);
    }
}

#[test]
fn an_interrupted_output_file_is_whole() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.json");
    let mut child = spawn(&["export", "--format", "json", "-o", &path.display().to_string(), "-"]);
    let mut stdin = child.stdin.take().expect("piped");
    let file = fs::read(sample("tungstenite-echo.pcap.zst")).expect("readable");
    let file = zstd::decode_all(&*file).expect("whole");
    // More than a pipe holds: when all of it is written, the reader is at work.
    stdin.write_all(&file).expect("read");
    interrupt(&child);
    finish(child, DONE, "wscope: interrupted: ");
    drop(stdin);
    let array: Vec<Value> = serde_json::from_slice(&fs::read(&path).expect("there")).expect("an array");
    assert_eq!(array.last().expect("a summary")["type"], "summary");
    assert_eq!(names(&folder), ["out.json"]);
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let mut child = spawn(&["export", &sample("tungstenite-echo.pcap.zst").display().to_string()]);
    // It is at work, and cannot end: the pipe does not hold all that it has to say.
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut [0]).expect("a byte");
    let status = loop {
        // Two signals sent at once may arrive as one.
        interrupt(&child);
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::yield_now();
    };
    assert_eq!((status.code(), status.signal()), (Some(INTERRUPTED), None));
}

#[test]
fn a_broken_pipe_ends_in_silence() {
    let path = sample("tungstenite-echo.pcap.zst").display().to_string();
    for args in [&["export", &path][..], &["export", "--format", "json", &path], &["export", "--per", "message", &path]]
    {
        let mut child = spawn(args);
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().expect("piped")).read_line(&mut line).expect("UTF-8");
        assert!(!line.is_empty());
        assert_eq!(finish(child, DONE, ""), "");
    }
}

fn wscope(args: &[&str]) -> Command {
    let mut command = Command::new(WSCOPE);
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Standard output of a run without any complaint.
fn done(args: &[&str]) -> String {
    let (stdout, stderr) = output(&wscope(args).assert().code(DONE));
    assert_eq!(stderr, "", "{args:?}");
    stdout
}

fn output(run: &assert_cmd::assert::Assert) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (text(&run.get_output().stdout), text(&run.get_output().stderr))
}

fn spawn(args: &[&str]) -> Child {
    let mut command = StdCommand::new(WSCOPE);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("built")
}

/// Waits for the end; its complaints, which begin with `message`.
fn finish(child: Child, code: i32, message: &str) -> String {
    let ended = child.wait_with_output().expect("a child");
    let stderr = String::from_utf8(ended.stderr).expect("UTF-8");
    assert!(stderr.starts_with(message) && stderr.is_empty() == message.is_empty(), "{stderr}");
    assert_eq!(ended.status.code(), Some(code), "{stderr}");
    stderr
}

/// Sends SIGINT.
fn interrupt(child: &Child) {
    let status = StdCommand::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().expect("a shell");
    assert!(status.success());
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

/// Where the records of a little-endian pcap file begin.
fn records_of(file: &[u8]) -> Vec<usize> {
    let mut at = 24;
    let mut records = Vec::new();
    while at < file.len() {
        records.push(at);
        let length: [u8; 4] = file[at + 8..][..4].try_into().expect("four bytes");
        at += 16 + u32::from_le_bytes(length) as usize;
    }
    records
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Names in a folder.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).collect()
}

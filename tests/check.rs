//! `wscope check`: verdicts, findings and exit status of the real binary.

mod common;

use std::fs;
use std::net::Ipv4Addr;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;
use wscope::anomaly::RULES;
use wscope::duplex::Direction::{ToClient, ToServer};
use wscope::export::escape::is_unsafe;

use common::pcap::pcap;
use common::{Conversation, Deflate, Dialect, OwnedPacket, Route, close, frame, ping, raw, text};

const DONE: i32 = 0;
const FOUND: i32 = 1;
const FAILED: i32 = 2;
const DAMAGED: i32 = 3;

// -- verdicts

#[test]
fn who_keeps_the_rules_conforms() {
    let report = check(&talk().client(text("hi")).close(1000, "").packets(), &[]);
    report.exits(DONE);
    assert_eq!(
        report.out,
        "#1 ws://server.example.com/chat\n   10.0.0.1:49152 -> 10.0.0.2:80, handshake accepted (101)\n   conforms\n\n\
         1 connection: 1 conforms, 0 violate, 0 cannot be told\n"
    );
}

#[test]
fn who_breaks_a_must_violates() {
    let told = talk().client(text("a").unmasked()).server(text("b")).client(text("c").unmasked());
    let report = check(&told.close(1000, "").packets(), &[]);
    report.exits(FOUND);
    assert_eq!(
        report.out,
        "#1 ws://server.example.com/chat\n   10.0.0.1:49152 -> 10.0.0.2:80, handshake accepted (101)\n   violates\n   \
         violation client ws.mask.missing (2x, packet 6, offset 196)\n      \
         a client frame is not masked; servers close with 1002 [RFC 6455 §5.1]\n\n\
         1 connection: 0 conform, 1 violates, 0 cannot be told\n"
    );
}

#[test]
fn what_was_not_seen_whole_cannot_be_told() {
    let told = || talk().client(text("first")).client(text("second")).client(text("third")).close(1000, "");
    let without = |range: std::ops::Range<usize>| {
        let mut packets = told().packets();
        packets.drain(range);
        packets
    };
    for (packets, verdict) in [
        (without(0..5), "cannot tell: handshake not captured"),
        (without(6..7), "cannot tell: 1 gap"),
        (joined_compressed(), "cannot tell: handshake not captured, 2 messages not inflated"),
        (one_side(), "cannot tell: half of the handshake is missing"),
    ] {
        let report = check(&packets, &[]);
        report.exits(DONE);
        assert_eq!(report.line_of("   c"), format!("   {verdict}"), "{}", report.out);
    }
    // What was seen of it is enough.
    let mut packets = talk().client(text("a").unmasked()).client(text("b")).close(1000, "").packets();
    packets.remove(6);
    assert_eq!(check(&packets, &[]).line_of("   vio"), "   violates");
}

#[test]
fn each_connection_has_its_verdict() {
    let mut packets = on_port(1).close(1000, "").packets();
    packets.extend(on_port(2).client(frame(3, "")).close(1000, "").packets());
    packets.extend(on_port(3).client(text("hi")).close(1000, "").packets().split_off(5));
    let report = check(&packets, &[]);
    report.exits(FOUND);
    assert!(report.out.ends_with("\n3 connections: 1 conforms, 1 violates, 1 cannot be told\n"), "{}", report.out);
    let lines = check(&packets, &["--format", "jsonl"]).lines();
    let verdicts: Vec<_> = lines.iter().map(|line| line["verdict"].clone()).collect();
    assert_eq!(verdicts, [json!("conforms"), json!("violates"), json!("cannot tell"), Value::Null]);
    assert_eq!(lines[2]["reasons"], json!(["handshake not captured"]));
}

// -- exit status

#[test]
fn severity_is_the_threshold_of_exit_status_1() {
    let without_origin = Dialect { request: Vec::new(), ..Dialect::default() };
    let note = Conversation::on(Route::default(), without_origin).handshake().close(1000, "");
    let warning = talk().client(text("hi")).reset(ToServer);
    let violation = talk().client(frame(3, "")).close(1000, "");
    let mut loss = talk().client(text("first")).client(text("second")).client(text("third")).close(1000, "").packets();
    loss.remove(6);
    for (heaviest, packets) in
        [("note", note.packets()), ("loss", loss), ("warning", warning.packets()), ("violation", violation.packets())]
    {
        let mut reached = true;
        for severity in ["note", "loss", "warning", "violation"] {
            let report = check(&packets, &["--severity", severity, "--format", "jsonl"]);
            report.exits(if reached { FOUND } else { DONE });
            let summary = report.lines().pop().expect("a summary");
            assert_eq!(summary["reached"], reached, "{heaviest} >= {severity}");
            reached &= severity != heaviest;
        }
    }
    check(&violation.packets(), &[]).exits(FOUND);
    check(&warning.packets(), &[]).exits(DONE);
    check(&[], &["--severity", "note"]).exits(DONE);
}

#[test]
fn usage_and_unreadable_inputs_are_errors() {
    for args in [&[][..], &["nowhere.pcap"], &["--severity", "fatal", "x"], &["--format", "xml", "x"]] {
        let run = wscope().arg("check").args(args).assert().code(FAILED);
        assert!(run.get_output().stdout.is_empty());
        assert!(!run.get_output().stderr.is_empty());
    }
    let run = wscope().arg("check").assert().code(FAILED);
    assert!(String::from_utf8_lossy(&run.get_output().stderr).contains("no input"));
}

#[test]
fn damage_outweighs_what_was_found_before_it() {
    let mut file = pcap(&talk().client(frame(3, "")).close(1000, "").packets());
    file.truncate(file.len() - 1);
    let report = check_file(&file, &["--format", "jsonl"]);
    report.exits(DAMAGED);
    assert!(report.err.contains("truncated") || report.err.contains("cut"), "{}", report.err);
    assert_eq!(report.lines()[0]["verdict"], "violates");
}

/// Fragments of IP, heads too large and damage belong to no connection.
#[test]
fn what_the_capture_lost_is_told_at_the_end() {
    let mut packets = talk().close(1000, "").packets();
    let elsewhere = Route { client: ([10, 0, 0, 3].into(), 50_000), ..Route::default() };
    let head = format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(70_000));
    packets.extend(Conversation::on(elsewhere, Dialect::default()).syn().client(raw(head)).packets());
    let report = check(&packets, &["--severity", "loss"]);
    report.exits(FOUND);
    assert!(
        report.out.ends_with(
            "\n1 connection: 1 conforms, 0 violate, 0 cannot be told\n   loss      -      limit.head (1x)\n      \
             an HTTP head larger than is read, or one of more that wait than are kept\n      [wscope limit]\n"
        ),
        "{}",
        report.out
    );
    let summary = check(&packets, &["--format", "jsonl"]).lines().pop().expect("a summary");
    assert_eq!(summary["findings"][0]["code"], "limit.head");
    assert_eq!(summary["findings"][0]["count"], 1);
    check(&packets, &["--severity", "warning"]).exits(DONE);
}

// -- findings

#[test]
fn findings_are_counted_and_say_where_the_first_one_is() {
    let told = talk()
        .server(text("fine"))
        .server(frame(3, "x"))
        .server(frame(3, "x"))
        .client(frame(3, "y"))
        .server(ping("").masked([9; 4]));
    let lines = check(&told.reset(ToClient).packets(), &["--format", "jsonl"]).lines();
    let summary =
        |finding: &Value| ["code", "severity", "from", "count", "packet", "offset"].map(|name| finding[name].clone());
    let findings: Vec<_> = lines[0]["findings"].as_array().expect("an array").iter().map(summary).collect();
    let response = talk().response().len();
    let request = talk().request().len();
    assert_eq!(
        findings,
        [
            [json!("ws.opcode.reserved"), json!("violation"), json!("server"), json!(2), json!(7), json!(response + 6)],
            [json!("ws.opcode.reserved"), json!("violation"), json!("client"), json!(1), json!(9), json!(request)],
            [
                json!("ws.mask.unexpected"),
                json!("violation"),
                json!("server"),
                json!(1),
                json!(10),
                json!(response + 12)
            ],
            [json!("ws.close.missing"), json!("warning"), Value::Null, json!(1), json!(11), Value::Null],
            [json!("ws.ping.unanswered"), json!("note"), json!("client"), json!(1), json!(11), Value::Null],
        ]
    );
    assert_eq!(lines[0]["type"], "check");
    assert_eq!(lines[0]["uri"], "ws://server.example.com/chat");
    assert_eq!(lines[0]["status"], 101);
    assert_eq!(
        lines[1],
        json!({"type": "summary", "conform": 0, "violate": 1, "cannot_tell": 0, "reached": true, "findings": []})
    );
}

#[test]
fn a_refused_handshake_is_reported() {
    let told = Conversation::new().syn();
    let request = told.request();
    let told = told.exchange(request, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
    let lines = check(&told.packets(), &["--format", "jsonl"]).lines();
    assert_eq!((&lines[0]["handshake"], &lines[0]["status"]), (&json!("rejected"), &json!(426)));
    assert_eq!(lines[0]["findings"][0]["code"], "handshake.version.unnamed");
    assert_eq!(lines[0]["findings"][0]["from"], "server");
}

#[test]
fn a_connection_is_named_by_its_uri() {
    let uri = |from: &str, to: &str| {
        let told = Conversation::new().syn();
        let (request, response) = (told.request().replace(from, to), told.response());
        let lines = check(&told.exchange(request, response).packets(), &["--format", "jsonl"]).lines();
        lines[0]["uri"].clone()
    };
    assert_eq!(uri("/chat", "/?a=ws://b"), "ws://server.example.com/?a=ws://b");
    assert_eq!(uri("/chat", "http://other.example/chat"), "http://other.example/chat");
    assert_eq!(uri("Host:", "X:"), "ws://10.0.0.2:80/chat");
}

/// A Close reason that is over the limit of a control frame is not read whole; its end is not judged.
#[test]
fn what_is_not_kept_is_not_judged() {
    let long = format!("{}€€", "a".repeat(122));
    let told = talk().client(close(1000, &long)).server(close(1000, "")).fin(ToServer).fin(ToClient);
    let lines = check(&told.packets(), &["--format", "jsonl"]).lines();
    let codes: Vec<_> = lines[0]["findings"].as_array().expect("an array").iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["ws.control.too_long"]);
}

#[test]
fn only_so_many_packets_are_read() {
    let packets = talk().client(text("fine")).client(frame(3, "")).close(1000, "").packets();
    check(&packets, &["-a", "packets:6"]).exits(DONE);
    check(&packets, &["-a", "packets:7"]).exits(FOUND);
}

#[test]
fn frames_without_a_handshake_are_judged_where_it_is_said() {
    let told = Conversation::new().syn().client(text("a").unmasked()).close(1000, "");
    check(&told.packets(), &["-d", "tcp.port==80,websocket"]).exits(FOUND);
    check(&told.packets(), &[]).exits(DONE);
}

// -- the table of rules

#[test]
fn all_rules_are_listed() {
    let list = |args: &[&str]| {
        let run = wscope().args(["check", "--rules"]).args(args).assert().code(DONE);
        String::from_utf8(run.get_output().stdout.clone()).expect("text")
    };
    let text = list(&[]);
    for rule in RULES {
        let line = format!("{:<9} {}  [{}]\n", rule.severity.name(), rule.name, rule.reference);
        assert!(text.contains(&line), "{line}");
    }
    narrow(&text);
    let lines: Vec<Value> =
        list(&["--format", "jsonl"]).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), RULES.len());
    for (line, rule) in lines.iter().zip(RULES) {
        let expected = json!({"code": rule.name, "severity": rule.severity.name(), "reference": rule.reference,
            "text": rule.meaning});
        assert_eq!(*line, expected);
    }
}

// -- what reaches a screen or another's eyes

#[test]
fn credentials_are_blotted_out() {
    let dialect = Dialect {
        target: "/chat?access_token=hunter2&room=1".into(),
        request: vec!["Cookie: id=hunter2".into(), "Authorization : Bearer hunter2".into()],
        ..Dialect::default()
    };
    let packets = Conversation::on(Route::default(), dialect).handshake().close(1000, "").packets();
    for format in ["text", "jsonl"] {
        let shown = check(&packets, &["--format", format]);
        assert!(shown.out.contains("hunter2"), "as it was asked for");
        let redacted = check(&packets, &["--format", format, "--redact"]);
        redacted.exits(FOUND);
        assert!(!redacted.out.contains("hunter2"), "{}", redacted.out);
        assert!(redacted.out.contains("/chat?access_token=[redacted]&room=1"), "{}", redacted.out);
        assert!(redacted.out.contains("handshake.credentials.cleartext"));
    }
}

#[test]
fn control_characters_are_escaped() {
    // Bytes over 0x7f are ISO 8859-1 where they are no UTF-8: 0x9b is CSI.
    let told = Conversation::new().syn();
    let request = told.request().replace("/chat", "/\u{202e}a\u{7f}b\u{9b}31m");
    let request = request.replace("Host: server", "Host: \u{1b}[2Jserver").replace("GET", "PUT");
    let response = told.response().replace("Connection: Upgrade", "Connection: \u{1b}]0;title\u{7}\"\\");
    let packets = told.exchange(request, response).close(1000, "").packets();
    let text = check(&packets, &[]);
    assert!(!text.out.lines().any(|line| line.chars().any(is_unsafe)), "{}", text.out);
    assert_eq!(text.line_of("#1"), "#1 ws://\\x1b[2Jserver.example.com/\\u{202e}a\\x7fb\\u{9b}31m");
    let lines = check(&packets, &["--format", "jsonl"]).lines();
    assert_eq!(lines[0]["uri"], "ws://\u{1b}[2Jserver.example.com/\u{202e}a\u{7f}b\u{9b}31m");
}

#[test]
fn no_line_is_wide() {
    let mut packets = Vec::new();
    for number in 0..3 {
        let route = Route {
            client: (Ipv4Addr::new(255, 255, 255, 254), 65_000 + number),
            server: (Ipv4Addr::new(255, 255, 255, 255), 65_000),
            ..Route::default()
        };
        let dialect = Dialect {
            request: vec!["Sec-WebSocket-Protocol: a".into(), "Sec-WebSocket-Extensions: permessage-deflate".into()],
            response: vec![
                "Sec-WebSocket-Protocol: some, other, that, nobody, ever, asked, for, at, all, really".into(),
            ],
            ..Dialect::default()
        };
        let told = Conversation::on(route, dialect).handshake();
        let told = told.client(text("first")).client(text("second")).client(text("third")).client(frame(3, ""));
        let mut told = told.close(1000, "").packets();
        // Half a handshake, and a gap.
        told.remove(6);
        if number == 1 {
            told.remove(4);
        }
        packets.extend(told);
    }
    narrow(&check(&packets, &[]).out);
}

/// No line is wider than 80 columns unless a word of it is.
fn narrow(text: &str) {
    for line in text.lines() {
        let words = line.split_whitespace().count();
        assert!(line.chars().count() <= 80 || words <= 2, "{line}");
    }
}

// -- the means

fn talk() -> Conversation {
    Conversation::new().handshake()
}

fn on_port(number: u16) -> Conversation {
    let default = Route::default();
    let key = format!("{number:05}{:017}==", 0);
    let route = Route { client: (default.client.0, 40_000 + number), ..default };
    Conversation::on(route, Dialect { key, ..Dialect::default() }).handshake()
}

/// Compressed messages whose handshake was not captured.
fn joined_compressed() -> Vec<OwnedPacket> {
    let dialect = Dialect { deflate: Some(Deflate::default()), ..Dialect::default() };
    let told = Conversation::on(Route::default(), dialect).handshake();
    told.client(text("Hello")).server(text("Hello")).close(1000, "").packets().split_off(5)
}

/// A conversation of which only the client's packets were captured.
fn one_side() -> Vec<OwnedPacket> {
    let told = talk().client(text("Hello")).close(1000, "");
    let segments = told.segments();
    told.route().packets(segments.iter().filter(|segment| segment.from == ToServer))
}

fn wscope() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wscope"))
}

struct Report {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Report {
    fn exits(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
    }

    /// The first line that begins so.
    fn line_of(&self, start: &str) -> &str {
        self.out.lines().find(|line| line.starts_with(start)).unwrap_or_default()
    }

    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }
}

/// The report on a capture with these packets.
fn check(packets: &[OwnedPacket], args: &[&str]) -> Report {
    check_file(&pcap(packets), args)
}

fn check_file(file: &[u8], args: &[&str]) -> Report {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("capture.pcap");
    fs::write(&path, file).expect("written");
    let run = wscope().arg("check").arg(&path).args(args).output().expect("it runs");
    let [out, err] = [run.stdout, run.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    Report { code: run.status.code(), out, err }
}

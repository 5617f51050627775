//! Filters through the real binary: what is chosen is held against the records that are written without a filter.

#![cfg(unix)]

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

use common::sample::files;

const WSCOPE: &str = env!("CARGO_BIN_EXE_wscope");
const DONE: i32 = 0;
const FOUND: i32 = 1;
const FAILED: i32 = 2;

/// A record, and the handshake of its connection.
struct Record<'a> {
    itself: &'a Value,
    handshake: &'a Value,
}

impl Record<'_> {
    fn is(&self, name: &str, value: impl Into<Value>) -> bool {
        self.itself[name] == value.into()
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.itself[name].as_f64()
    }

    fn text(&self) -> &str {
        self.itself["text"].as_str().unwrap_or_default()
    }

    /// The payload as JSON, where it is.
    fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_default()
    }

    /// What its sub-protocol has in it.
    fn units(&self) -> impl Iterator<Item = &Value> {
        let decoded = &self.itself["decoded"];
        [decoded].into_iter().chain(decoded["more"].as_array().into_iter().flatten())
    }

    fn is_data(&self) -> bool {
        self.is("type", "message") || self.is("type", "frame")
    }

    fn has_anomaly(&self, name: &str, value: &str) -> bool {
        self.itself["anomalies"].as_array().is_some_and(|all| all.iter().any(|anomaly| anomaly[name] == value))
    }

    fn header(&self, name: &str) -> &str {
        let lines = self.handshake["request"]["headers"].as_array().into_iter().flatten();
        let mut lines = lines.filter(|line| line[0].as_str().is_some_and(|other| other.eq_ignore_ascii_case(name)));
        lines.next().and_then(|line| line[1].as_str()).unwrap_or_default()
    }
}

type Oracle = fn(&Record<'_>) -> bool;

#[test]
fn a_filter_chooses_the_records_of_which_it_is_true() {
    let all = export(&[]);
    let handshakes: HashMap<_, _> =
        all.iter().filter(|record| record["type"] == "handshake").map(|it| (it["connection"].as_u64(), it)).collect();
    let rows: &[(&str, Oracle)] = &[
        ("websocket.opcode == 1", |it| it.is("opcode", "text")),
        ("ws.op == ping or ws.op == pong", |it| it.is("opcode", "ping") || it.is("opcode", "pong")),
        ("websocket.opcode in {9 10}", |it| it.is("opcode", "ping") || it.is("opcode", "pong")),
        ("ws.op in {8..10}", |it| ["close", "ping", "pong"].iter().any(|opcode| it.is("opcode", *opcode))),
        ("ws.control", |it| it.is("type", "control")),
        ("ws.dir == c2s && websocket", |it| it.is("from", "client") && !it.is("type", "gap")),
        ("dir:s2c type:text", |it| it.is("from", "server") && it.is("opcode", "text")),
        ("websocket.payload_length > 125", |it| it.number("payload_length").is_some_and(|length| length > 125.0)),
        ("ws.size >= 1KiB", |it| it.is_data() && it.number("length").is_some_and(|length| length >= 1024.0)),
        ("websocket.pmc", |it| it.is("compressed", true)),
        ("ws.ratio > 1.5", |it| {
            let ratio = it.number("length").zip(it.number("payload_length")).map(|(length, wire)| length / wire);
            it.is("compressed", true) && ratio.is_some_and(|ratio| ratio > 1.5)
        }),
        ("ws.frames > 1", |it| it.number("frames").is_some_and(|frames| frames > 1.0)),
        ("ws.proto == json", |it| it.itself["decoded"]["protocol"] == "json"),
        ("ws.rtt", |it| !it.itself["rtt"].is_null()),
        ("ws.rtt < 500us", |it| it.number("rtt").is_some_and(|rtt| rtt < 0.0005)),
        ("ws.close == 1000", |it| it.itself["close"]["code"] == 1000),
        ("ws.close >= 1001 and not type:closed", |it| {
            it.itself["close"]["code"].as_u64().is_some_and(|code| code >= 1001) && !it.is("type", "closed")
        }),
        ("ws.text contains \"ello\"", |it| it.text().contains("ello")),
        ("ws.text ~ \"^(hel|wel)\"", |it| {
            let text = it.text().to_lowercase();
            text.starts_with("hel") || text.starts_with("wel")
        }),
        ("lower(ws.text) == 'hello'", |it| it.text().eq_ignore_ascii_case("hello")),
        ("len(ws.text) > 20", |it| it.text().len() > 20),
        ("ws.text[0:2] == 'He'", |it| it.text().starts_with("He")),
        ("conn == 3", |it| it.is("connection", 3)),
        ("conn in {1, 5 .. 7}", |it| [1, 5, 6, 7].iter().any(|number| it.is("connection", *number))),
        ("tcp.port == 8080", |it| it.handshake["server"]["port"] == 8080 || it.handshake["client"]["port"] == 8080),
        ("ip.addr == 127.0.0.0/8", |it| it.handshake["server"]["ip"].as_str().is_some_and(|ip| ip.starts_with("127."))),
        ("ip.addr != ::1 and conn", |it| it.handshake["server"]["ip"] != "::1"),
        ("ws.host contains example", |it| it.header("host").contains("example")),
        ("ws.host == \"localhost:8088\"", |it| it.header(":authority") == "localhost:8088"),
        ("http2.streamid < 5", |it| it.handshake["transport"]["stream"].as_u64().is_some_and(|stream| stream < 5)),
        ("ws.proxy contains \":8092\"", |it| it.handshake["transport"]["proxy"] == "127.0.0.1:8092"),
        ("http.request.method == GET", |it| it.handshake["request"]["method"] == "GET"),
        ("http.response.code >= 400", |it| it.handshake["response"]["status"].as_u64().is_some_and(|code| code >= 400)),
        ("http.user_agent ~ python", |it| it.header("user-agent").to_lowercase().contains("python")),
        ("http.request.line matches '^origin:'", |it| !it.header("origin").is_empty()),
        ("ws.verdict == invalid and http", |it| it.is("verdict", "invalid")),
        ("ws.subprotocol", |it| !it.handshake["subprotocol"].is_null()),
        ("frame.number in {100 .. 200}", |it| {
            let packets = &it.itself["packets"];
            ["first", "last"].iter().any(|end| packets[*end].as_u64().is_some_and(|at| (100..=200).contains(&at)))
        }),
        ("frame.time_relative < 1", |it| it.number("elapsed").is_some_and(|elapsed| elapsed < 1.0)),
        ("frame.time >= 2026-11-21T09:15:45Z", |it| it.itself["time"].as_str() >= Some("2026-11-21T09:15:45")),
        ("ws.gap", |it| it.is("type", "gap") || it.number("missing").is_some_and(|missing| missing > 0.0)),
        ("ws.severity == violation", |it| it.has_anomaly("severity", "violation")),
        ("ws.anomaly == ws.mask.missing", |it| it.has_anomaly("code", "ws.mask.missing")),
        ("ws.end == \"closing handshake\"", |it| it.is("how", "closing handshake")),
        ("json(.op)", |it| it.json()["op"].is_string()),
        ("json(.again) and ws.dir == s2c", |it| it.json()["again"] == true && it.is("from", "server")),
        ("jsonrpc.method == sum", |it| it.itself["decoded"]["method"] == "sum"),
        ("jsonrpc.code < 0", |it| it.itself["decoded"]["code"].as_i64().is_some_and(|code| code < 0)),
        ("nats.kind in {PING, PONG}", |it| {
            let signs = |unit: &Value| ["PING", "PONG"].iter().any(|kind| unit["kind"] == *kind);
            it.itself["decoded"]["protocol"] == "nats" && it.units().any(signs)
        }),
        ("stomp.command contains CONNECT", |it| {
            it.units().any(|unit| unit["command"].as_str().is_some_and(|command| command.contains("CONNECT")))
        }),
        // No JSON itself: its dissector found some in it.
        ("json(.server_id)", |it| it.itself["decoded"]["options"]["server_id"].is_string()),
        ("type:handshake xor type:closed", |it| it.is("type", "handshake") || it.is("type", "closed")),
        ("not (ws.len < 10 or ws.len >= 10)", |it| it.number("payload_length").is_none()),
        ("ws.len != 5", |it| it.number("payload_length").is_some_and(|length| length != 5.0)),
    ];
    for (filter, oracle) in rows {
        let chosen = |record: &&Value| {
            let handshake = handshakes.get(&record["connection"].as_u64()).copied().unwrap_or(&Value::Null);
            oracle(&Record { itself: record, handshake })
        };
        let (summary, events) = all.split_last().expect("a summary");
        let mut wanted: Vec<_> = events.iter().filter(chosen).collect();
        assert!(!wanted.is_empty() && wanted.len() < events.len(), "{filter} chooses {}", wanted.len());
        wanted.push(summary);
        assert_eq!(export(&["-Y", filter]).iter().collect::<Vec<_>>(), wanted, "{filter}");
    }
}

#[test]
fn words_search_payload_and_what_names_the_connection() {
    let shown = |filter: &str| timeline(&["browser.pcapng", "-Y", filter]);
    assert_eq!(shown("AGAIN").lines().count(), 3, "{}", shown("AGAIN"));
    assert_eq!(shown("hello !again").lines().count(), 3);
    assert_eq!(shown("/\"op\":\"h.llo\"/ dir:c2s").lines().count(), 3);
    assert!(shown("get").contains("handshake"), "the method is searched too");
    assert_eq!(shown("there is no such thing").lines().count(), 1);
    assert_eq!(shown(""), timeline(&["browser.pcapng"]));
}

#[test]
fn check_reports_on_the_connections_that_are_chosen() {
    let check = |filter: &str| {
        let mut command = Command::new(WSCOPE);
        let run = command.args(["check", "--format", "jsonl", "-Y", filter]).args(files()).assert();
        (run.get_output().status.code(), json_lines(&run.get_output().stdout))
    };
    let (code, lines) = check("ws.verdict == accepted and ip.addr == ::1");
    assert_eq!(code, Some(DONE));
    assert!(lines.len() > 1);
    let (summary, connections) = lines.split_last().expect("a summary");
    assert!(connections.iter().all(|it| it["handshake"] == "accepted" && it["server"]["ip"] == "::1"));
    assert_eq!(summary["conform"].as_u64(), Some(connections.len() as u64));
    let (code, lines) = check("careless");
    assert_eq!((code, lines.len()), (Some(FOUND), 2));
}

#[test]
fn a_wrong_filter_is_an_error_with_a_caret_before_anything_is_read() {
    for (args, message) in [
        (
            &["-Y", "ws.dir == c2s and ws.hots == a"][..],
            "wscope: -Y: \"ws.hots\" is no field; did you mean ws.host?\n   \
             ws.dir == c2s and ws.hots == a\n                     ^^^^^^^\n",
        ),
        (
            &["export", "-Y", "json(.a | lenght)"],
            "wscope: -Y: \"lenght\" is no filter that json() knows; did you mean length?\n   \
             json(.a | lenght)\n             ^^^^^^\n",
        ),
        (
            &["check", "-Y", "ws.len > 5"],
            "wscope: -Y: ws.len is not known of a connection as a whole, and connections are chosen here\n   \
             ws.len > 5\n   ^^^^^^\n",
        ),
        (
            &["-Y", "\u{1b}[2J ="],
            "wscope: -Y: one `=` is no operator: write `==`, or quote the word\n   \\x1b[2J =\n           ^\n",
        ),
    ] {
        let run = Command::new(WSCOPE).args(args).arg("no-such-file.pcap").assert().code(FAILED);
        assert_eq!(String::from_utf8_lossy(&run.get_output().stderr), message);
    }
}

#[test]
fn what_json_could_not_decide_is_told() {
    let run =
        Command::new(WSCOPE).args(["-Y", "json(last(repeat(1)))"]).arg(sample("browser.pcapng")).assert().code(DONE);
    let told = String::from_utf8_lossy(&run.get_output().stderr);
    assert!(told.starts_with("wscope: -Y: json(…) came to no end on 5 events"), "{told}");
}

#[test]
fn saved_filters_are_part_of_expressions() {
    let folder = tempfile::TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("wscope")).expect("a folder");
    fs::write(folder.path().join("wscope/config.toml"), "[filters]\nagain = 'json(.again)'\n").expect("a file");
    let told = |filter: &str, status: i32| {
        let mut command = Command::new(WSCOPE);
        let command = command.args(["-Y", filter]).arg(sample("browser.pcapng")).env("XDG_CONFIG_HOME", folder.path());
        let output = command.assert().code(status).get_output().clone();
        String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8")
    };
    assert_eq!(told("$again dir:s2c", DONE), timeline(&["browser.pcapng", "-Y", "json(.again) and ws.dir == s2c"]));
    assert!(told("$agian", FAILED).contains("\"agian\" is no saved filter; did you mean again?"));
}

#[test]
fn the_help_page_explains_the_language() {
    let run = Command::new(WSCOPE).args(["help", "filter"]).assert().code(DONE);
    let page = String::from_utf8_lossy(&run.get_output().stdout);
    assert!(page.contains("websocket.payload_length") && page.contains("json("), "{page}");
    for (topic, part) in
        [("check", "Usage: wscope check"), ("export", "Usage: wscope export"), ("help", "Usage: wscope help")]
    {
        let run = Command::new(WSCOPE).args(["help", topic]).assert().code(DONE);
        assert!(String::from_utf8_lossy(&run.get_output().stdout).contains(part), "{topic}");
    }
    let run = Command::new(WSCOPE).args(["help", "nothing"]).assert().code(FAILED);
    assert!(String::from_utf8_lossy(&run.get_output().stderr).contains("there is some on: export, check"));
}

// ---- running

/// Records of all samples, read as one capture.
fn export(args: &[&str]) -> Vec<Value> {
    let run = Command::new(WSCOPE).args(["export", "--per", "message"]).args(args).args(files()).assert().code(DONE);
    json_lines(&run.get_output().stdout)
}

fn timeline(args: &[&str]) -> String {
    let mut command = Command::new(WSCOPE);
    let run = command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")).args(args).assert().code(DONE);
    String::from_utf8(run.get_output().stdout.clone()).expect("UTF-8")
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

fn json_lines(text: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(text).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

//! Every sample's export, line for line as reviewed in `samples/NAME.jsonl`, held against the schema and against what
//! `samples/README.md` says is in it.
//!
//! `BLESS=1 cargo test --test golden` writes the goldens anew; the facts stay as they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use wscope::anomaly::RULES;
use wscope::capture::Files;
use wscope::config::{Config, Decode, Per};
use wscope::dissect::Protocol;
use wscope::event::Event;
use wscope::export::{Conclusion, FORMATS, SCHEMA};
use wscope::run::Run;

/// These have a golden per message too.
const PER_MESSAGE: &[&str] =
    &["abnormal", "deflate-takeover", "fragments-node", "nats", "rpc", "socketio", "sockjs", "subprotocol"];

/// These are there for what their messages mean, which `tests/meaning.rs` tells: they have a golden per message only.
const MEANING: &[&str] = &[
    "aedes",
    "cable",
    "devtools",
    "graphql",
    "jetstream",
    "jsonrpc",
    "jupyter",
    "mqtt5",
    "phoenix",
    "signalr",
    "soap",
    "wamp",
    "xmpp",
];

/// What the programs did that are recorded in a sample, from `samples/README.md`.
///
/// A line for each handshake: target, status, verdict. For a connection that was established, what each side sent: frames, then
/// messages as `t` or `b` (text or binary), bytes, `z` where they were compressed, `/n` where they came in n frames, `?` where
/// not all came. At last how it ended, the first Close, and the anomalies on all of it that are more than a note.
const FACTS: &[(&str, &str)] = &[
    (
        "echo-python",
        "1 /echo?room=1 101 accepted
           client 10: t14 t33 b16 t0 t300 t71 b32 t2013
           server 10: t14 t33 b16 t0 t300 t71 b32 t2013
           closing handshake by client, 1000 goodbye",
    ),
    (
        "fragments-node",
        "1 /fragments 101 accepted
           client 9: t28/3 b6/3
           server 11: t32/3 t5/2 b200/2 t4
           closing handshake by client, 1001 going away",
    ),
    (
        "deflate-takeover",
        "1 /quotes 101 accepted permessage-deflate; server_max_window_bits=10
           client 13: t81z t81z t81z t81z t81z t81z t81z/4 t16z
           server 12: t84z t80z t84 t80z t84z t80 t84z t3351z/3
           closing handshake by client, 1000",
    ),
    (
        "deflate-no-takeover",
        "1 / 101 accepted permessage-deflate; server_no_context_takeover; client_no_context_takeover
           client 9: t180z t180z t21 t180z b5000z t520z/3
           server 7: t180z t180z t21 t180z b5000z t520z
           closing handshake by client, 1000",
    ),
    (
        "refused",
        "1 /private 401 rejected
         2 /nowhere 404 rejected
         3 /public 426 rejected
         4 /old 302 rejected
         5 /public 101 accepted
           client 2: t34
           server 2: t18
           closing handshake by client, 1000 seen
         6 /private 101 accepted
           client 2: t35
           server 2: t19
           closing handshake by client, 1000 seen",
    ),
    (
        "wrong-accept",
        "1 /careful 101 invalid
           client 0:
           server 0:
           fin by client; handshake.accept.wrong, ws.close.missing
         2 /careless 101 invalid
           client 2: t18
           server 2: t24
           closing handshake by client, 1000; handshake.accept.wrong",
    ),
    (
        "subprotocol",
        "1 /graphql 101 accepted graphql-transport-ws
           client 4: t26 t96 t113
           server 8: t25 t109 t63 t97 t102 t110 t63
           closing handshake by client, 1000 Normal Closure
         2 /mqtt 101 accepted mqtt
           client 27: b1 b1 b2 b4 b1 b1 b2 b2 b13 b1 b1 b2 b2 b9 b1 b1 b1 b2 b16 b2 b15 b1 b1 b2 b1 b1
           server 18: b1 b1 b1 b1 b1 b1 b2 b1 b1 b1 b2 b1 b1 b2 b16 b2 b15
           closing handshake by client, no code",
    ),
    (
        "abnormal",
        "1 /reset 101 accepted
           client 1: t5
           server 1: t20
           reset by server; ws.close.missing
         2 /half 101 accepted
           client 1: t5
           server 2: t19 b400?
           fin by server; ws.close.missing
         3 /vanish 101 accepted
           client 1: t5
           server 1: t21
           fin by client; ws.close.missing
         4 /mute 101 accepted
           client 2: t5
           server 1: t19
           fin by server, 1000 anyone?; ws.close.unanswered
         5 /killed 101 accepted
           client 1: t5
           server 1: t21
           fin by server; ws.close.missing",
    ),
    (
        "tungstenite-echo",
        "1 /echo 101 accepted
           client 8: t15 b125 b126 t65535 t65536 b70000
           server 8: t15 b125 b126 t65535 t65536 b70000
           closing handshake by client, 3000 enough",
    ),
    (
        "browser",
        "1 /feed 101 accepted feed.v1 permessage-deflate; server_max_window_bits=12; client_max_window_bits=12
           client 7: t32z t45z b6z b19z t22100z
           server 8: t17z t32z t45z b6z b19z t22100z
           closing handshake by client, 4000 page is done",
    ),
    (
        "socketio",
        "1 /socket.io/?EIO=4&transport=websocket&sid=Jaznomqp9mvO_s-EAAAA 101 accepted
           client 10: t6 t1 t1 t20 t50 b4 t20 t1 t8
           server 8: t6 t20 t89 b4 b4 t12 t1
           closing handshake by client, no code
         2 /socket.io/?EIO=4&transport=websocket 101 accepted
           client 4: t2 t15 t2
           server 4: t104 t32 t15
           closing handshake by client, no code
         3 /socket.io/?EIO=3&transport=websocket 101 accepted
           client 5: t14 t44 b3 t2
           server 8: t104 t2 t14 t83 b3 b3 t6
           closing handshake by client, no code",
    ),
    (
        "rpc",
        "1 / 101 accepted
           client 5: t60 t54 t43 t41
           server 5: t47 t35 t77 t41
           closing handshake by client, 1000
         2 / 101 accepted wamp.2.json
           client 6: t679 t27 t28 t27 t35
           server 7: t228 t22 t22 t49 t113 t35
           closing handshake by server, 1000 Server closed WAMP session
         3 / 101 accepted wamp.2.json
           client 6: t679 t35 t31 t75 t35
           server 6: t228 t19 t103 t8 t35
           closing handshake by server, 1000 Server closed WAMP session",
    ),
    (
        "sockjs",
        "1 /stomp/354/f4gb1vuq/websocket 101 accepted
           client 4: t65 t58 t41
           server 5: t1 t109 t159 t42
           closing handshake by client, 1000
         2 /stomp/895/x20kjmvn/websocket 101 accepted
           client 4: t65 t115 t41
           server 4: t1 t109 t42
           closing handshake by client, 1000",
    ),
    (
        "nats",
        "1 / 101 accepted
           client 9: b129 b6 b24 b63 b64 b15 b9 b6
           server 8: b304 b6 b6 b73 b75 b6 b6
           closing handshake by client, 1000
         2 / 101 accepted
           client 8: b129 b6 b110 b73 b69 b77 b6
           server 8: b304 b6 b65 b66 b85 b6 b6
           closing handshake by client, 1000",
    ),
    (
        "rfc6455-examples",
        "1 /chat 101 accepted chat
           client 3: t5
           server 7: t5 t5/2 b256 b65536
           closing handshake by client, 1000; handshake.origin.cross_site, ws.mask.reused",
    ),
    (
        "rfc7692-examples",
        "1 /examples 101 accepted permessage-deflate
           client 1:
           server 8: t5z t5z/2 t5z t5z t5z t5z
           closing handshake by client, 1000",
    ),
    (
        "deflate-fragmented",
        "1 /quotes 101 accepted permessage-deflate; client_max_window_bits=9; server_max_window_bits=9
           client 2:
           server 52: t43z/43 t14/4 t43z/2 t0z
           closing handshake by client, 1000 done",
    ),
    (
        "http-before-upgrade",
        "1 /feed 101 accepted
           client 2: t7
           server 1:
           closing handshake by client, 1000",
    ),
    (
        "byte-by-byte",
        "1 /slow 101 accepted permessage-deflate
           client 4: t7/2
           server 3: t5z
           closing handshake by client, 1000",
    ),
    (
        "h2-haproxy",
        "1 /feed 200 accepted permessage-deflate
           client 5: t40z t40z t3000z b20000z
           server 5: t40z t40z t3000z b20000z
           closing handshake by client, 1000 fed
         2 /chat 200 accepted chat.v2
           client 2: t16/2
           server 1: t16
           fin by client; ws.close.missing
         3 /private 403 rejected",
    ),
    (
        "connect-squid",
        "1 /tunnelled 101 accepted
           client 2: t18
           server 2: t18
           closing handshake by client, 1000 heard
         2 http://127.0.0.1:8092/absolute 101 accepted
           client 2: t16
           server 2: t16
           closing handshake by client, 1000 heard",
    ),
    (
        "tls-renegotiation",
        "1 /renegotiated 101 accepted
           client 4: t20 t16 t150
           server 4: t20 t16 t150
           closing handshake by client, 1000",
    ),
    (
        "tls-suites",
        "1 /1.2-0 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         2 /1.2-1 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         3 /1.2-2 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         4 /1.2-3 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         5 /1.2-4 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         6 /1.2-5 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         7 /1.2-6 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         8 /1.2-7 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         9 /1.2-8 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         10 /1.1-9 101 accepted
           client 3: t13 t900
           server 3: t13 t900
           closing handshake by client, 1000
         11 /1.0-10 101 accepted
           client 3: t14 t900
           server 3: t14 t900
           closing handshake by client, 1000
         12 /1.3-11 101 accepted
           client 3: t14 t900
           server 3: t14 t900
           closing handshake by client, 1000
         13 /1.3-12 101 accepted
           client 3: t14 t900
           server 3: t14 t900
           closing handshake by client, 1000",
    ),
    (
        "port-reuse",
        "1 /closed 101 accepted
           client 2: t5
           server 1:
           closing handshake by client, 1000
         2 /reset 101 accepted
           client 1: t6
           server 0:
           reset by client; ws.close.missing
         3 /silent 101 accepted
           client 1: t5
           server 0:
           evicted
         4 /last 101 accepted
           client 2: t6
           server 1:
           closing handshake by client, 1000",
    ),
    (
        "out-of-order",
        "1 /shuffled 101 accepted
           client 6: t3 t3 t5 t4 t4
           server 2: t5
           closing handshake by client, 1000; tcp.overlap.conflict
         2 /lost 101 accepted
           client 5: t3 t3 t4 t4
           server 2: t5
           closing handshake by client, 1000; tcp.gap",
    ),
    (
        "parts",
        "1 /snapped 101 accepted
           client 1:
           server 3: b242? t5
           closing handshake by client, 1000; capture.snap
         2 /unanswered - incomplete
         3 /header 101 accepted
           client 0:
           server 1: b0?
           fin by server; ws.close.missing
         4 /tunnelled 101 accepted
           client 2: t7
           server 1:
           closing handshake by client, 1000
         5 - - unseen
           client 7: t11 t11 t13 t12 t12 t11
           server 7: t9 t9 t11 t10 t10 t9
           closing handshake by client, 1000",
    ),
];

/// What each connection of `violations.pcap` breaks, and who does.
const VIOLATIONS: &[(&str, &str, &str)] = &[
    ("/method", "handshake.method", "client"),
    ("/http-version", "handshake.http_version", "client"),
    ("/host-missing", "handshake.host.missing", "client"),
    ("/connection-missing", "handshake.connection.missing", "client"),
    ("/key-missing", "handshake.key.missing", "client"),
    ("/key-invalid", "handshake.key.invalid", "client"),
    ("/version-missing", "handshake.version.missing", "client"),
    ("/protocol-repeated", "handshake.protocol.repeated_value", "client"),
    ("/accept-missing", "handshake.accept.missing", "server"),
    ("/accept-wrong", "handshake.accept.wrong", "server"),
    ("/response-upgrade", "handshake.response.upgrade", "server"),
    ("/response-connection", "handshake.response.connection", "server"),
    ("/subprotocol-unoffered", "handshake.subprotocol.unoffered", "server"),
    ("/extension-unoffered", "handshake.extension.unoffered", "server"),
    ("/extension-parameters", "handshake.extension.parameters", "server"),
    ("/version-unnamed", "handshake.version.unnamed", "server"),
    ("/early-data", "handshake.early_data", "client"),
    ("/rsv", "ws.rsv.unnegotiated", "client"),
    ("/opcode", "ws.opcode.reserved", "server"),
    ("/mask-missing", "ws.mask.missing", "client"),
    ("/mask-unexpected", "ws.mask.unexpected", "server"),
    ("/length-nonminimal", "ws.length.nonminimal", "client"),
    ("/control-fragmented", "ws.control.fragmented", "client"),
    ("/control-too-long", "ws.control.too_long", "server"),
    ("/continuation-unexpected", "ws.continuation.unexpected", "client"),
    ("/continuation-expected", "ws.continuation.expected", "server"),
    ("/close-length", "ws.close.length", "client"),
    ("/close-code", "ws.close.code", "client"),
    ("/close-after", "ws.close.after", "server"),
    ("/utf8-reason", "ws.utf8.reason", "client"),
    ("/length-overflow", "ws.length.overflow", "client"),
    ("/utf8-text", "ws.utf8.text", "client"),
    ("/utf8-cut", "ws.utf8.text", "server"),
    ("/rsv1-continuation", "deflate.rsv1.continuation", "client"),
    ("/rsv1-control", "deflate.rsv1.control", "client"),
    ("/deflate-corrupt", "deflate.corrupt", "server"),
];

#[test]
fn exports_are_as_reviewed() {
    let schema = Schema::new();
    for sample in samples() {
        let name = name(&sample);
        let meaning = MEANING.contains(&name.as_str());
        if !meaning {
            check(&name, &sample, Per::Frame, &schema);
        }
        if meaning || PER_MESSAGE.contains(&name.as_str()) {
            check(&format!("{name}.message"), &sample, Per::Message, &schema);
        }
    }
}

#[test]
fn samples_hold_what_their_page_says() {
    let facts: BTreeMap<_, _> = FACTS.iter().copied().collect();
    // Those of `violations` have a table of their own, and so have those of sub-protocols.
    let elsewhere = |name: &str| name == "violations" || MEANING.contains(&name);
    let samples: Vec<_> = samples().into_iter().filter(|sample| !elsewhere(&name(sample))).collect();
    assert_eq!(
        samples.iter().map(|sample| name(sample)).collect::<Vec<_>>(),
        facts.keys().copied().collect::<Vec<_>>()
    );
    for sample in samples {
        let expected: String =
            facts[name(&sample).as_str()].lines().map(|line| line.trim().to_owned() + "\n").collect();
        let found = facts_of(&records(&export(&sample, Per::Frame)), &records(&export(&sample, Per::Message)));
        assert_eq!(found, expected, "{}", sample.display());
    }
}

#[test]
fn every_violation_is_found_and_no_other() {
    for per in [Per::Frame, Per::Message] {
        let records = records(&export(&samples_folder().join("violations.pcap"), per));
        let targets = records.iter().filter(|record| record["type"] == "handshake");
        let targets: BTreeMap<_, _> =
            targets.map(|handshake| (handshake["connection"].as_u64(), plain(&handshake["target"]))).collect();
        let mut found = Vec::new();
        for record in &records {
            for anomaly in record["anomalies"].as_array().into_iter().flatten() {
                if anomaly["severity"] == "violation" {
                    let from = anomaly.get("from").unwrap_or(&record["from"]);
                    let connection = record["connection"].as_u64();
                    found.push((connection, targets[&connection], plain(&anomaly["code"]), plain(from)));
                }
            }
        }
        found.sort_unstable();
        let found: Vec<_> = found.into_iter().map(|(_, target, code, from)| (target, code, from)).collect();
        assert_eq!(found, VIOLATIONS);
    }
}

#[test]
fn schema_is_a_schema() {
    jsonschema::draft202012::meta::validate(&schema_value()).expect("draft 2020-12");
}

/// A schema that takes everything would pass all the goldens.
#[test]
fn schema_refuses_what_breaks_the_contract() {
    let schema = Schema::new();
    let sample = samples_folder().join("fragments-node.pcap");
    let frames = records(&export(&sample, Per::Frame));
    let messages = records(&export(&sample, Per::Message));
    let first = |records: &[Value], kind: &str| {
        records.iter().find(|record| record["type"] == kind).unwrap_or_else(|| panic!("a {kind}")).clone()
    };
    let frame = first(&frames, "frame");
    let control = first(&messages, "control");
    for (record, field, value) in [
        (&frame, "type", json!("packet")),
        (&frame, "time", json!("2026-11-21 09:15:45")),
        (&frame, "time", json!("2026-11-21T09:15:45.01Z")),
        (&frame, "elapsed", json!("1.0")),
        (&frame, "connection", json!(0)),
        (&frame, "packets", json!({"first": 1})),
        (&frame, "from", json!("c2s")),
        (&frame, "number", json!(0)),
        (&frame, "rsv", json!(8)),
        (&frame, "opcode", json!("reserved-2")),
        (&frame, "opcode", json!(1)),
        (&frame, "masking_key", json!("0xABCDEF")),
        (&frame, "masking_key", Value::Null),
        (&frame, "masked", json!(false)),
        (&frame, "truncated", json!(true)),
        (&frame, "payload_length", json!(-1)),
        (&frame, "base64", json!("QQ==")),
        (&frame, "text", Value::Null),
        (&frame, "unknown", json!([[0, 1]])),
        (&frame, "holes", json!([[0, 1]])),
        (&frame, "anomalies", json!([])),
        (&frame, "anomalies", json!([{"code": "a.b", "severity": "error", "reference": "x", "text": "y"}])),
        (&control, "opcode", json!("text")),
        (&control, "base64", json!("not base64")),
        (&first(&messages, "message"), "opcode", json!("continuation")),
        (&first(&messages, "message"), "complete", Value::Null),
        (&first(&messages, "closed"), "how", json!("gone")),
        (&first(&messages, "closed"), "client", json!({})),
        (&first(&messages, "handshake"), "verdict", json!("fine")),
        (&first(&messages, "handshake"), "community_id", json!("1:x")),
        (&first(&messages, "handshake"), "client", json!({"ip": "localhost", "port": 1})),
        (&first(&messages, "handshake"), "client", json!({"ip": "::1", "port": 65536})),
        (&first(&messages, "handshake"), "accept", json!({"valid": true})),
        (&first(&messages, "handshake"), "subprotocols", json!([])),
        (&first(&messages, "summary"), "handshakes", json!({"accepted": 1})),
        (&first(&messages, "summary"), "packets", Value::Null),
    ] {
        let mut broken = record.clone();
        let fields = broken.as_object_mut().expect("an object");
        // Null stands for "absent".
        if value.is_null() {
            fields.remove(field)
        } else {
            fields.insert(field.into(), value.clone())
        };
        assert!(!schema.whole.is_valid(&broken), "{field} = {value} in {}", record["type"]);
    }
    let mut newer = frame;
    newer["some_day"] = json!("more");
    assert!(schema.whole.is_valid(&newer), "fields may be added");
}

/// Compares an export with its golden, and every line of it with the contract.
fn check(golden: &str, sample: &Path, per: Per, schema: &Schema) {
    let found = export(sample, per);
    let path = samples_folder().join(format!("{golden}.jsonl"));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &found).expect("golden written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{golden}.jsonl, line {}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{golden}.jsonl, lines");
    for (number, record) in records(&found).iter().enumerate() {
        schema.check(record, &format!("{golden}.jsonl, line {}", number + 1));
    }
}

/// The schema, whole and by type of record.
struct Schema {
    whole: Validator,
    /// For each type the same rules, but closed: a field that the schema does not name is an error here.
    strict: BTreeMap<String, Validator>,
}

impl Schema {
    fn new() -> Self {
        let schema = schema_value();
        let build = |schema: &Value| {
            jsonschema::options().should_validate_formats(true).build(schema).expect("a schema that can be compiled")
        };
        let mut closed = schema.clone();
        close(&mut closed);
        let types = schema["oneOf"].as_array().expect("a list").iter();
        let strict = types.map(|reference| {
            let mut schema = closed.clone();
            schema["oneOf"] = json!([reference]);
            let name = reference["$ref"].as_str().and_then(|path| path.rsplit('/').next()).expect("a name");
            (name.to_owned(), build(&schema))
        });
        Self { strict: strict.collect(), whole: build(&schema) }
    }

    fn check(&self, record: &Value, place: &str) {
        let kind = record["type"].as_str().expect("a type");
        let errors: Vec<_> = self.strict[kind].iter_errors(record).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{place}: {errors:#?}");
        assert!(self.whole.is_valid(record), "{place}: valid for its type, but for another as well");
        if let Some(decoded) = record.get("decoded") {
            check_fields(decoded, place);
        }
        for anomaly in record["anomalies"].as_array().into_iter().flatten() {
            let rule = RULES.iter().find(|rule| anomaly["code"] == rule.name).unwrap_or_else(|| panic!("{anomaly}"));
            let told = (&anomaly["severity"], &anomaly["reference"]);
            assert_eq!(told, (&json!(rule.severity.name()), &json!(rule.reference)), "{place}");
        }
    }
}

/// The schema leaves open what a protocol's fields are; its row in the table of protocols does not.
fn check_fields(decoded: &Value, place: &str) {
    let common = ["protocol", "more", "kind", "summary", "id", "role", "keepalive", "begins", "reply_to", "latency"];
    let outer = &decoded["protocol"];
    for unit in [decoded].into_iter().chain(decoded["more"].as_array().into_iter().flatten()) {
        let row = unit.get("protocol").unwrap_or(outer).as_str().and_then(Protocol::named).expect("a row of the table");
        for name in unit.as_object().expect("an object").keys() {
            let known = common.contains(&name.as_str()) || row.fields.iter().any(|(field, _)| field == name);
            assert!(known, "{place}: {} has no field {name}", row.name);
        }
    }
}

/// Forbids unnamed fields in every object that says it is one; those that do not are parts of others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("type") == Some(&json!("object")) && fields.contains_key("properties") {
                fields.insert("unevaluatedProperties".into(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn schema_value() -> Value {
    serde_json::from_str(SCHEMA).expect("JSON")
}

fn samples_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Every capture there is, by name.
fn samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(samples_folder()).expect("samples/").map(|entry| entry.expect("an entry").path());
    let mut samples: Vec<_> =
        entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".pcap"))).collect();
    samples.sort_by_key(|path| name(path));
    samples
}

/// `echo` of `samples/echo.pcap.gz`.
fn name(sample: &Path) -> String {
    let file = sample.file_name().expect("a file").to_string_lossy().into_owned();
    file.split('.').next().expect("split gives one at least").to_owned()
}

fn export(sample: &Path, per: Per) -> String {
    let mut files = Files::open(&[sample.to_owned()], None, Arc::default()).expect("a capture");
    let format = FORMATS.iter().find(|row| row.name == "jsonl").expect("in the table");
    let mut format = (format.make)(per);
    let mut out = Vec::new();
    let config = Config { per, decode: Decode::All, ..Config::default() };
    let finished = Run { config, ..Run::default() }
        .analyse(&mut files, |event: &mut Event, started| {
            format.event(event, started, &mut out);
            Ok(())
        })
        .expect("samples are whole");
    format.end(&Conclusion { summary: &finished.summary, damaged: &finished.damaged }, &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn records(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// What [`FACTS`] says, as found in the exports per frame and per message.
fn facts_of(frames: &[Value], messages: &[Value]) -> String {
    let mut facts = String::new();
    let mut handshakes: Vec<_> = messages.iter().filter(|record| record["type"] == "handshake").collect();
    // One that is never answered is told when that is known.
    handshakes.sort_by_key(|handshake| handshake["connection"].as_u64());
    for handshake in handshakes {
        let number = &handshake["connection"];
        let on_it = |records: &'_ [Value]| -> Vec<Value> {
            records.iter().filter(|record| record["connection"] == *number).cloned().collect()
        };
        let (frames, messages) = (on_it(frames), on_it(messages));
        let status = handshake["response"]["status"].as_u64().map_or("-".to_owned(), |status| status.to_string());
        facts += &format!("{number} {} {} {}", plain(&handshake["target"]), status, plain(&handshake["verdict"]));
        for term in ["subprotocol", "extension"] {
            if let Some(term) = handshake[term].as_str() {
                facts += &format!(" {term}");
            }
        }
        facts.push('\n');
        let Some(closed) = messages.iter().find(|record| record["type"] == "closed") else { continue };
        for side in ["client", "server"] {
            let told = frames.iter().filter(|record| record["type"] == "frame" && record["from"] == side).count();
            assert_eq!(closed[side]["frames"], told, "frames of the {side} of connection {number}");
            let sent = messages.iter().filter(|record| record["type"] == "message" && record["from"] == side);
            let sent: Vec<_> = sent.map(fact_of_message).collect();
            facts += format!("{side} {told}: {}", sent.join(" ")).trim_end();
            facts.push('\n');
        }
        facts += &fact_of_end(closed);
        let mut codes = anomalies(&messages);
        assert_eq!(codes, anomalies(&frames), "anomalies of connection {number}");
        codes.dedup();
        facts += &if codes.is_empty() { "\n".to_owned() } else { format!("; {}\n", codes.join(", ")) };
    }
    facts
}

fn fact_of_message(message: &Value) -> String {
    let kind = if message["opcode"] == "text" { 't' } else { 'b' };
    let mut fact = format!("{kind}{}", message["length"]);
    if message["compressed"] == true {
        fact.push('z');
    }
    if message["frames"] != 1 {
        fact += &format!("/{}", message["frames"]);
    }
    if message["complete"] != true {
        fact.push('?');
    }
    fact
}

fn fact_of_end(closed: &Value) -> String {
    let mut fact = plain(&closed["how"]).to_owned();
    if let Some(by) = closed["by"].as_str() {
        fact += &format!(" by {by}");
    }
    match closed["close"].as_object().map(|close: &Map<_, _>| (close.get("code"), plain(&close["reason"]))) {
        Some((Some(code), "")) => fact += &format!(", {code}"),
        Some((Some(code), reason)) => fact += &format!(", {code} {reason}"),
        Some((None, _)) => fact += ", no code",
        None => {}
    }
    fact
}

/// Codes of what is more than a note.
fn anomalies(records: &[Value]) -> Vec<&str> {
    let anomalies = records.iter().filter_map(|record| record["anomalies"].as_array()).flatten();
    anomalies.filter(|anomaly| anomaly["severity"] != "note").map(|anomaly| plain(&anomaly["code"])).collect()
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

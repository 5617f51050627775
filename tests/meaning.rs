//! What real clients and servers say in the samples of sub-protocols: each message decodes, each answer finds its request, and what
//! was never answered is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use wscope::capture::Files;
use wscope::config::{Config, Decode, Per};
use wscope::dissect::PROTOCOLS;
use wscope::dissect::decoded::Role;
use wscope::event::{Body, ConnectionId, Event};
use wscope::run::Run;

/// A line for each connection: its protocols, messages, requests, and how many of these were answered; behind a colon what was not.
const SAID: &[(&str, &str)] = &[
    (
        "aedes.pcap",
        "1 mqtt 48 messages, 5 of 5 answered
         2 mqtt 71 messages, 7 of 7 answered
         3 mqtt 24 messages, 2 of 2 answered
         4 mqtt 14 messages, 1 of 1 answered",
    ),
    ("cable.pcap", "1 actioncable 13 messages, 3 of 3 answered"),
    (
        "devtools.pcap.gz",
        "1 cdp 145 messages, 47 of 47 answered
         2 cdp 13 messages, 5 of 5 answered",
    ),
    (
        "graphql.pcap",
        "1 graphql 22 messages, 5 of 5 answered
         2 graphql 22 messages, 8 of 8 answered
         3 graphql 1 messages, 0 of 1 answered: connection_init",
    ),
    ("jetstream.pcap", "1 nats 31 messages, 13 of 13 answered"),
    (
        "jsonrpc.pcap",
        "1 json+jsonrpc 11 messages, 6 of 6 answered
         2 jsonrpc 6 messages, 2 of 2 answered",
    ),
    (
        "jupyter.pcap.gz",
        "1 jupyter 54 messages, 11 of 11 answered
         2 jupyter 62 messages, 12 of 12 answered",
    ),
    (
        "mqtt5.pcap",
        "1 mqtt 108 messages, 11 of 11 answered
         2 mqtt 141 messages, 10 of 10 answered
         3 mqtt 38 messages, 6 of 6 answered",
    ),
    (
        "nats.pcap",
        "1 nats 15 messages, 6 of 6 answered
         2 nats 14 messages, 6 of 6 answered",
    ),
    ("phoenix.pcap", "1 phoenix 18 messages, 7 of 8 answered: silence room:lobby"),
    (
        "rpc.pcap",
        "1 jsonrpc 8 messages, 3 of 4 answered: never
         2 wamp 11 messages, 5 of 5 answered
         3 wamp 10 messages, 5 of 5 answered",
    ),
    (
        "signalr.pcap",
        "1 signalr 28 messages, 7 of 7 answered
         2 signalr 28 messages, 7 of 7 answered
         3 signalr 28 messages, 7 of 7 answered",
    ),
    (
        "soap.pcap",
        "1 soap 6 messages, 3 of 3 answered
         2 soap 6 messages, 0 of 0 answered",
    ),
    (
        "socketio.pcap",
        "1 socketio 16 messages, 4 of 5 answered: silence
         2 socketio 6 messages, 2 of 2 answered
         3 socketio 11 messages, 2 of 2 answered",
    ),
    (
        "sockjs.pcap",
        "1 sockjs+stomp 7 messages, 2 of 2 answered
         2 sockjs+stomp 6 messages, 2 of 2 answered",
    ),
    (
        "subprotocol.pcapng",
        "1 graphql 10 messages, 3 of 3 answered
         2 mqtt 43 messages, 4 of 4 answered",
    ),
    (
        "wamp.pcap",
        "1 wamp 22 messages, 9 of 9 answered
         2 wamp 22 messages, 9 of 9 answered
         3 wamp 54 messages, 22 of 22 answered",
    ),
    (
        "xmpp.pcap",
        "1 xmpp 26 messages, 10 of 10 answered
         2 xmpp 22 messages, 7 of 7 answered",
    ),
];

#[derive(Debug, Default)]
struct Talk {
    protocols: BTreeSet<String>,
    messages: u64,
    requests: u64,
    /// Sender, message, method and identifier of each request that was answered.
    answered: BTreeSet<(&'static str, u64, String, Option<Box<str>>)>,
    unanswered: Vec<String>,
}

#[test]
fn every_message_decodes_and_every_answer_finds_its_request() {
    for (sample, expected) in SAID {
        let found: String = talks(sample).iter().map(|(number, talk)| format!("{number} {}\n", talk.line())).collect();
        let expected: String = expected.lines().map(|line| line.trim().to_owned() + "\n").collect();
        assert_eq!(found, expected, "{sample}");
    }
}

fn talks(sample: &str) -> BTreeMap<ConnectionId, Talk> {
    let mut talks = BTreeMap::<_, Talk>::new();
    for event in events(sample, Decode::All) {
        let talk = talks.entry(event.connection).or_default();
        match &event.body {
            Body::Message(message) => {
                talk.messages += 1;
                let number = message.number;
                let decoded = message.decoded.as_ref().unwrap_or_else(|| panic!("{sample}: {number} means nothing"));
                for unit in &decoded.units {
                    assert_ne!(unit.kind, "unknown", "{sample}, {number} of {:?}: {}", message.direction, unit.summary);
                    talk.protocols.insert(unit.protocol.as_ref().unwrap_or(&decoded.protocol).to_string());
                    talk.requests += u64::from(unit.role == Some(Role::Request));
                    if let (Some(reply), Some(Role::Reply)) = (&unit.reply, unit.role) {
                        let (by, id) = (reply.direction.sender(), unit.id.clone());
                        talk.answered.insert((by, reply.message, reply.method.to_string(), id));
                    }
                    let lost = unit.role == Some(Role::Reply) && unit.reply.is_none();
                    assert!(!lost, "{sample}, {number} of {:?}: {} answers nothing", message.direction, unit.summary);
                }
            }
            Body::Closed(closed) => {
                talk.unanswered = closed.unanswered.iter().map(|request| request.method.to_string()).collect();
            }
            Body::Handshake(_) | Body::Frame(_) | Body::Notice(_) | Body::Gap(_) => {}
        }
    }
    talks
}

#[test]
fn without_decoding_events_are_the_same_but_for_what_is_added() {
    for (sample, _) in SAID {
        let (decoded, plain) = (events(sample, Decode::All), events(sample, Decode::Nothing));
        assert!(decoded != plain, "{sample}");
        assert!(decoded.into_iter().map(bare).collect::<Vec<_>>() == plain, "{sample}");
    }
}

/// The event without what is known of its sub-protocol.
fn bare(mut event: Event) -> Event {
    match &mut event.body {
        Body::Message(message) => {
            message.decoded = None;
            let of_protocol = |name: &str| {
                let area = name.split('.').next().unwrap_or_default();
                name == "limit.decode" || area == "payload" || PROTOCOLS.iter().any(|row| row.name == area)
            };
            message.anomalies.retain(|anomaly| !of_protocol(anomaly.code.rule().name));
        }
        Body::Closed(closed) => (closed.unanswered, closed.forgotten) = (Vec::new(), 0),
        Body::Handshake(_) | Body::Frame(_) | Body::Notice(_) | Body::Gap(_) => {}
    }
    event
}

fn events(sample: &str, decode: Decode) -> Vec<Event> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(sample);
    let mut files = Files::open(&[path], None, Arc::default()).expect("a capture");
    let mut events = Vec::new();
    let config = Config { per: Per::Message, decode, ..Config::default() };
    let run = Run { config, ..Run::default() };
    let finished = run.analyse(&mut files, |event: &mut Event, _| {
        events.push(std::mem::take(event));
        Ok(())
    });
    assert!(finished.expect("samples are whole").is_whole());
    events
}

impl Talk {
    fn line(&self) -> String {
        let protocols: Vec<_> = self.protocols.iter().map(String::as_str).collect();
        let (protocols, answered) = (protocols.join("+"), self.answered.len());
        let open = if self.unanswered.is_empty() { String::new() } else { format!(": {}", self.unanswered.join(", ")) };
        format!("{protocols} {} messages, {answered} of {} answered{open}", self.messages, self.requests)
    }
}

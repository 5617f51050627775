//! A row of the table of rules, and how it is held against what the analyzer finds.

use wscope::anomaly::{Anomaly, Code};
use wscope::capture::Files;
use wscope::config::{Config, Per};
use wscope::duplex::Direction;
use wscope::event::{Body, Event};
use wscope::input::{Input, Secret};
use wscope::outbox::Summary;
use wscope::run::Run;

use super::common::{Conversation, OwnedPacket, Route, Segment, codes, run, run_inputs};

use Item::{Frame, Gap, Handshake, Notice, Totals};

/// A row of the table.
pub(crate) struct Row {
    pub(crate) code: Code,
    side: Option<Direction>,
    item: Item,
    detail: String,
    connection: u64,
    times: usize,
    beside: &'static [Code],
    entails: &'static [Code],
    config: Config,
    planted: Option<Capture>,
    lawful: Option<Capture>,
}

/// What carries an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Handshake,
    /// The frame of this number on its side, the first of several.
    Frame(u64),
    Gap,
    Notice,
    /// Nothing: it is only counted.
    Totals,
}

/// What is analysed.
#[derive(Clone)]
pub(crate) enum Capture {
    Told(Vec<(Route, Vec<Segment>)>),
    Packets(Vec<OwnedPacket>),
    File(Vec<u8>),
    /// Behind the packets it is told that more were dropped.
    Lossy(Vec<OwnedPacket>, u64),
    /// Before the packets comes a key log.
    Keyed(Vec<OwnedPacket>, String),
}

impl From<Conversation> for Capture {
    fn from(told: Conversation) -> Self {
        Self::Told(vec![(told.route(), told.segments())])
    }
}

impl Capture {
    pub(crate) fn both(first: Conversation, second: Conversation) -> Self {
        Self::Told([first, second].map(|told| (told.route(), told.segments())).into())
    }

    pub(crate) fn packets(packets: Vec<OwnedPacket>) -> Self {
        Self::Packets(packets)
    }

    /// Asserts that these anomalies are found and no others.
    pub(crate) fn silent_but(&self, expected: &[Code]) {
        for per in [Per::Frame, Per::Message] {
            for capture in [Some(self.clone()), self.byte_by_byte()].into_iter().flatten() {
                let (events, _) = capture.analyse(&Config { per, ..Config::default() });
                assert_eq!(codes(&events), expected, "{per:?}: {:#?}", found(&events));
            }
        }
    }

    pub(crate) fn file(bytes: Vec<u8>) -> Self {
        Self::File(bytes)
    }

    /// The same, each byte of payload in a segment of its own; `None` where it is not told in segments.
    fn byte_by_byte(&self) -> Option<Self> {
        let Self::Told(flows) = self else { return None };
        let split = |segments: &Vec<Segment>| segments.iter().flat_map(each_byte).collect();
        Some(Self::Told(flows.iter().map(|(route, segments)| (*route, split(segments))).collect()))
    }

    pub(crate) fn analyse(&self, config: &Config) -> (Vec<Event>, Summary) {
        match self {
            Self::Told(flows) => {
                let packets: Vec<_> = flows.iter().flat_map(|(route, segments)| route.packets(segments)).collect();
                run(&packets, config)
            }
            Self::Packets(packets) => run(packets, config),
            Self::Lossy(packets, dropped) => {
                let packets = packets.iter().zip(1..).map(|(packet, number)| Input::Packet(packet.lend(number)));
                run_inputs(packets.chain([Input::Dropped(*dropped)]), config)
            }
            Self::Keyed(packets, keys) => {
                let keys = Input::Secret(Secret { kind: Secret::TLS_KEY_LOG, bytes: keys.as_bytes() });
                let packets = packets.iter().zip(1..).map(|(packet, number)| Input::Packet(packet.lend(number)));
                run_inputs([keys].into_iter().chain(packets), config)
            }
            Self::File(bytes) => {
                let file = tempfile::NamedTempFile::new().expect("room for a file");
                std::fs::write(file.path(), bytes).expect("room for its bytes");
                let mut files = Files::open(&[file.path().to_owned()], None, Default::default()).expect("a capture");
                let mut events = Vec::new();
                let finished =
                    Run { config: config.clone(), ..Run::default() }.analyse(&mut files, |event: &mut Event, _| {
                        events.push(std::mem::take(event));
                        Ok(())
                    });
                (events, finished.expect("a capture").summary)
            }
        }
    }
}

fn each_byte(segment: &Segment) -> Vec<Segment> {
    let mut pieces = Vec::new();
    let mut rest = segment.clone();
    while rest.payload.len() > 1 {
        let (first, behind) = rest.split_at(1);
        pieces.push(first);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

pub(crate) fn row(code: Code) -> Row {
    Row {
        code,
        side: None,
        item: Notice,
        detail: String::new(),
        connection: 1,
        times: 1,
        beside: &[],
        entails: &[],
        config: Config::default(),
        planted: None,
        lawful: None,
    }
}

impl Row {
    /// Where it is found, and what its text says.
    pub(crate) fn on(self, side: impl Into<Option<Direction>>, item: Item, detail: &str) -> Self {
        Self { side: side.into(), item, detail: detail.to_owned(), ..self }
    }

    /// On another connection than the first.
    pub(crate) fn connection(self, connection: u64) -> Self {
        Self { connection, ..self }
    }

    /// How often it is found.
    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// What else is found, in both conversations, and cannot be otherwise.
    pub(crate) fn beside(self, beside: &'static [Code]) -> Self {
        Self { beside, ..self }
    }

    /// What is found only where it is planted, as its cause or its consequence.
    pub(crate) fn entails(self, entails: &'static [Code]) -> Self {
        Self { entails, ..self }
    }

    pub(crate) fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) fn planted(self, capture: impl Into<Capture>) -> Self {
        Self { planted: Some(capture.into()), ..self }
    }

    pub(crate) fn lawful(self, capture: impl Into<Capture>) -> Self {
        Self { lawful: Some(capture.into()), ..self }
    }

    fn check(&self) {
        let name = self.code.rule().name;
        let planted = self.planted.as_ref().expect("a row plants something");
        let lawful = self.lawful.as_ref().expect("a row has a lawful neighbour");
        for per in [Per::Frame, Per::Message] {
            let config = Config { per, ..self.config.clone() };
            for capture in [Some(planted.clone()), planted.byte_by_byte()].into_iter().flatten() {
                self.check_planted(&capture, &config);
            }
            for capture in [Some(lawful.clone()), lawful.byte_by_byte()].into_iter().flatten() {
                let (events, summary) = capture.analyse(&config);
                assert_eq!(codes(&events), self.beside, "{name}: the lawful neighbour, {per:?}: {:#?}", found(&events));
                let counted: Vec<_> = summary.anomalies.iter().map(|(code, _)| code).collect();
                assert_eq!(counted, self.beside, "{name}: the lawful neighbour");
            }
        }
    }

    fn check_planted(&self, capture: &Capture, config: &Config) {
        let name = self.code.rule().name;
        let (events, summary) = capture.analyse(config);
        let all = found(&events);
        let (mine, others): (Vec<_>, Vec<_>) = all.iter().partition(|(.., anomaly)| anomaly.code == self.code);
        let others: Vec<_> = others.into_iter().map(|(.., anomaly)| anomaly.code).collect();
        assert_eq!(others, [self.beside, self.entails].concat(), "{name}, {:?}: {all:#?}", config.per);
        let counted: u64 =
            summary.anomalies.iter().filter(|(code, _)| *code == self.code).map(|(_, count)| count).sum();
        assert_eq!(counted, self.times as u64, "{name}: in the summary");
        count_of_each_side(&events);
        if self.item == Totals {
            assert_eq!(mine, Vec::<&Found>::new(), "{name}: only counted");
            return;
        }
        assert_eq!(mine.len(), self.times, "{name}, {:?}: {all:#?}", config.per);
        let (connection, side, item, anomaly) = mine[0];
        assert_eq!((*connection, *side), (self.connection, self.side), "{name}: {all:#?}");
        // What data frames are guilty of is gathered on their message.
        if config.per == Per::Frame || !matches!(self.item, Frame(_)) {
            assert_eq!(*item, self.item, "{name}: {all:#?}");
        }
        let detail = anomaly.to_string();
        assert!(detail.contains(&self.detail), "{name}: {detail}");
    }
}

/// Connection, side, what carries it, anomaly.
type Found = (u64, Option<Direction>, Item, Anomaly);

fn found(events: &[Event]) -> Vec<Found> {
    let mut all = Vec::new();
    for event in events {
        let item = match &event.body {
            Body::Handshake(_) => Handshake,
            Body::Frame(frame) => Frame(frame.number),
            Body::Message(message) => Frame(message.number),
            Body::Gap(_) => Gap,
            Body::Notice(_) => Notice,
            Body::Closed(_) => Totals,
        };
        let side = event.body.direction();
        all.extend(event.body.anomalies().iter().map(|anomaly| {
            assert!(anomaly.side.is_none() || side.is_none(), "the item tells the side");
            (event.connection, anomaly.side.or(side), item, anomaly.clone())
        }));
    }
    all
}

/// Each side's count at the end is that of the anomalies on its frames and messages.
fn count_of_each_side(events: &[Event]) {
    for event in events {
        let Body::Closed(closed) = &event.body else { continue };
        for side in Direction::BOTH {
            let of_side = |other: &&Event| other.connection == event.connection && other.body.direction() == Some(side);
            let carriers = events.iter().filter(of_side).filter(|event| !matches!(event.body, Body::Gap(_)));
            let count: usize = carriers.map(|event| event.body.anomalies().len()).sum();
            assert_eq!(closed.tally[side].anomalies, count as u64);
        }
    }
}

pub(crate) fn check(rows: Vec<Row>) {
    rows.iter().for_each(Row::check);
}

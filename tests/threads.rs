//! However many threads analyse a capture: the same events in the same order, and the same counters.

mod common;

use std::vec::IntoIter;

use proptest::collection::vec;
use proptest::prelude::*;
use wscope::capture::{Error, Progress, Source, Step};
use wscope::config::{Config, Decode, Per};
use wscope::event::Event;
use wscope::input::{Input, Secret};
use wscope::outbox::Summary;
use wscope::run::Run;

use common::sample::samples;
use common::script::{script, thorough};
use common::{Dice, Network, OwnedPacket};

/// A capture in memory, which is read like a regular file.
struct Capture<'a> {
    packets: &'a [OwnedPacket],
    keys: &'a [u8],
    read: u64,
    /// Places at which something else happens than a packet.
    between: IntoIter<(u64, Input<'static>)>,
    /// Whether it breaks behind the last packet, and nothing can be read any more.
    breaks: bool,
}

impl Source for Capture<'_> {
    fn step(&mut self) -> Result<Step<'_>, Error> {
        if !self.keys.is_empty() {
            let bytes = std::mem::take(&mut self.keys);
            return Ok(Step::Input(Input::Secret(Secret { kind: Secret::TLS_KEY_LOG, bytes })));
        }
        if self.between.as_slice().first().is_some_and(|(place, _)| *place <= self.read)
            && let Some((_, input)) = self.between.next()
        {
            return Ok(Step::Input(input));
        }
        let Some(packet) = self.packets.get(self.read as usize) else {
            let broken = Error::Unreadable { file: "memory".to_owned(), reason: "gone".to_owned() };
            return if self.breaks { Err(broken) } else { Ok(Step::End) };
        };
        self.read += 1;
        Ok(Step::Input(Input::Packet(packet.lend(self.read))))
    }

    fn progress(&self) -> Option<Progress> {
        Some(Progress { read: self.read, total: Some(self.packets.len() as u64) })
    }
}

fn analyse(packets: &[OwnedPacket], keys: &[u8], config: &Config, threads: usize) -> (Vec<Event>, Summary) {
    let between = vec![(packets.len() as u64 / 2, Input::Dropped(3))].into_iter();
    let mut events = Vec::new();
    let run = Run { config: config.clone(), threads, ..Run::default() };
    let mut capture = Capture { packets, keys, read: 0, between, breaks: false };
    let finished = run.analyse(&mut capture, |event: &mut Event, _| {
        events.push(std::mem::take(event));
        Ok(())
    });
    (events, finished.expect("nothing fails").summary)
}

fn config(per: Per) -> Config {
    Config { per, decode: Decode::All, ..Config::default() }
}

/// The samples of all protocols one after the other, as if captured again and again: clocks jump, endpoints are used again, and
/// there is more than fits into a few stretches.
#[test]
fn all_samples_in_one_capture_are_told_alike() {
    let samples = samples();
    let packets: Vec<_> = samples.iter().chain(&samples).flat_map(|sample| sample.packets.clone()).collect();
    let keys: Vec<_> = samples.iter().flat_map(|sample| sample.keys.clone()).collect();
    assert!(packets.len() > 5_000, "only {} packets", packets.len());
    for per in [Per::Frame, Per::Message] {
        let alone = analyse(&packets, &keys, &config(per), 1);
        for threads in [2, 3, 8] {
            let shared = analyse(&packets, &keys, &config(per), threads);
            assert!(alone.0 == shared.0, "{threads} threads, {per:?}: other events");
            assert_eq!(alone.1, shared.1, "{threads} threads, {per:?}");
        }
    }
}

proptest! {
    #![proptest_config(thorough(60))]

    #[test]
    fn connections_in_any_mixture_are_told_alike(scripts in vec(script(6), 1..12), seed: u64, damaged: bool) {
        let mut dice = Dice(seed);
        let mut waiting = Vec::new();
        for (script, number) in scripts.iter().zip(0..) {
            let conversation = script.play(number);
            let segments = Network { seed, mss: 400, repeat: 3, late: 4, ..Network::calm() }.carry(conversation.segments());
            waiting.push(conversation.route().packets(&segments).into_iter());
        }
        let mut packets = Vec::new();
        while !waiting.is_empty() {
            let next = dice.below(waiting.len());
            match waiting[next].next() {
                Some(packet) => packets.push(packet),
                None => drop(waiting.remove(next)),
            }
        }
        if damaged {
            packets.retain(|_| !dice.once_in(20));
            for packet in &mut packets {
                if dice.once_in(10) {
                    packet.damage(&mut dice);
                }
            }
        }
        let alone = analyse(&packets, &[], &config(Per::Message), 1);
        for threads in [2, 5] {
            prop_assert_eq!(&alone, &analyse(&packets, &[], &config(Per::Message), threads));
        }
    }
}

/// A sink that fails ends the run at once, whoever waits for whom.
#[test]
fn an_output_that_fails_ends_all_threads() {
    let samples = samples();
    let packets: Vec<_> = (0..8).flat_map(|_| &samples).flat_map(|sample| sample.packets.clone()).collect();
    let run = Run { config: config(Per::Frame), threads: 3, ..Run::default() };
    let mut capture = Capture { packets: &packets, keys: &[], read: 0, between: Vec::new().into_iter(), breaks: false };
    let failed = run.analyse(&mut capture, |_: &mut Event, _| {
        Err(wscope::run::Error::Output { name: "here".to_owned(), source: std::io::ErrorKind::StorageFull.into() })
    });
    assert!(failed.is_err());
    assert!(capture.read < packets.len() as u64, "all was read");
}

/// What was read before an input broke is told, whoever reads.
#[test]
fn what_stands_before_a_failure_is_told_alike() {
    let samples = samples();
    let packets: Vec<_> = samples.iter().flat_map(|sample| sample.packets.clone()).collect();
    let told = |threads| {
        let run = Run { config: config(Per::Frame), threads, ..Run::default() };
        let between = Vec::new().into_iter();
        let mut capture = Capture { packets: &packets, keys: &[], read: 0, between, breaks: true };
        let mut events = Vec::new();
        let failed = run.analyse(&mut capture, |event: &mut Event, _| {
            events.push(std::mem::take(event));
            Ok(())
        });
        assert!(failed.is_err());
        events
    };
    let alone = told(1);
    assert!(!alone.is_empty() && alone == told(3));
}

//! Captures made to cost as much as they can: ten times the bytes cost about ten times the work, and memory stays bounded.
//!
//! `benches/attacks` measures the same on the real binary, with 5 and 50 MB of each.

mod common;

use std::time::Duration;

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};
use wscope::analyzer::Analyzer;
use wscope::config::{Config, Limits, Per};
use wscope::input::Input;

use common::attack::ATTACKS;
use common::corpus::Kind;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One test, so that nothing else takes time or memory meanwhile.
#[test]
fn attacks_cost_no_more_than_their_bytes() {
    // Far below the defaults, so that a short attack reaches all of them.
    let limits = Limits {
        payload_total: 1 << 20,
        reorder_total: 1 << 20,
        fragment_bytes: 1 << 20,
        connections: 1 << 20,
        half_open: 1 << 10,
        flows: 1 << 12,
        inflate: 1 << 20,
        inflate_ratio: 1,
        ..Limits::default()
    };
    for attack in ATTACKS {
        for per in [Per::Frame, Per::Message] {
            let config = Config { per, limits: limits.clone(), ..Config::default() };
            let (once, _) = cost(attack, 4, &config);
            let (tenfold, memory) = cost(attack, 40, &config);
            let allowed = (once * 20).max(Duration::from_millis(100));
            assert!(tenfold < allowed, "{}, {per:?}: {once:?}, ten times as much {tenfold:?}", attack.name);
            assert!(memory < 6 << 20, "{}, {per:?}: {memory} bytes", attack.name);
        }
    }
}

/// Time of this thread, and most memory at once, that so many rounds take; their packets not counted.
fn cost(attack: &Kind, rounds: u64, config: &Config) -> (Duration, usize) {
    let idle = MEMORY.current_usage();
    let mut analyzer = Analyzer::new(config.clone());
    let (mut number, mut time, mut memory) = (0, Duration::ZERO, 0);
    for round in 0..rounds {
        let before = MEMORY.current_usage();
        let packets = (attack.round)(round);
        let lent = MEMORY.current_usage().saturating_sub(before);
        MEMORY.reset_peak_usage();
        let start = now();
        for packet in &packets {
            number += 1;
            analyzer.push(Input::Packet(packet.lend(number)));
            while analyzer.next_event().is_some() {}
        }
        time += now() - start;
        memory = memory.max(MEMORY.peak_usage().saturating_sub(idle + lent));
    }
    let start = now();
    analyzer.finish();
    while analyzer.next_event().is_some() {}
    (time + (now() - start), memory)
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

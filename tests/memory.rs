//! What connections take that say nothing: the most of what there is on a server of notifications.

mod common;

use peak_alloc::PeakAlloc;
use wscope::analyzer::Analyzer;
use wscope::config::Config;
use wscope::input::Input;

use common::corpus::idle;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Rounds in which each of 200 times a thousand connections begins; in the rounds behind them each has a Ping and a Pong.
const ROUNDS: u64 = 200;

/// One test, so that nothing else takes memory meanwhile.
#[test]
fn an_idle_connection_is_small() {
    let each = (taken(4) - taken(2)) / 2000;
    assert!(each <= 512, "{each} bytes a connection");
}

/// Memory that an analysis takes which has seen so many thousand connections become idle.
fn taken(thousands: u64) -> usize {
    let before = MEMORY.current_usage();
    let mut analyzer = Analyzer::new(Config::default());
    let mut number = 0;
    for round in (0..thousands).chain(ROUNDS..ROUNDS + thousands) {
        for packet in idle(round) {
            number += 1;
            analyzer.push(Input::Packet(packet.lend(number)));
            while analyzer.next_event().is_some() {}
        }
    }
    assert_eq!(analyzer.summary().handshakes.iter().sum::<u64>(), 1000 * thousands);
    MEMORY.current_usage() - before
}

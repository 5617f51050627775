//! What connections take that say nothing: the most of what there is on a server of notifications.

mod common;

use peak_alloc::PeakAlloc;
use wscope::analyzer::Analyzer;
use wscope::config::Config;
use wscope::dissect::Dissector;
use wscope::input::Input;

use common::corpus::idle;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Rounds in which each of 200 times a thousand connections begins; in the rounds behind them each has a Ping and a Pong.
const ROUNDS: u64 = 200;

/// One test, so that nothing else takes memory meanwhile.
#[test]
fn an_idle_connection_is_small() {
    let (few, many) = (taken(4), taken(8));
    let each = (many.idle - few.idle) / 4000;
    assert!(each <= 512, "{each} bytes a connection");
    let each = (many.end - few.end) / 4000;
    assert!(each <= 560, "{each} bytes a connection at the end of the capture");
}

/// What an analysis takes, in bytes.
struct Taken {
    /// While connections are idle.
    idle: usize,
    /// At most, as they are ended with the capture.
    end: usize,
}

/// Memory that an analysis takes which has seen so many thousand connections become idle.
fn taken(thousands: u64) -> Taken {
    let before = MEMORY.current_usage();
    let mut analyzer = Analyzer::new(Config::default());
    let mut dissector = Dissector::new(&Config::default());
    let mut take = |analyzer: &mut Analyzer| {
        while let Some(mut event) = analyzer.next_event() {
            dissector.event(&mut event);
        }
    };
    let mut number = 0;
    for round in (0..thousands).chain(ROUNDS..ROUNDS + thousands) {
        for packet in idle(round) {
            number += 1;
            analyzer.push(Input::Packet(packet.lend(number)));
            take(&mut analyzer);
        }
    }
    assert_eq!(analyzer.summary().handshakes.iter().sum::<u64>(), 1000 * thousands);
    let idle = MEMORY.current_usage() - before;
    MEMORY.reset_peak_usage();
    analyzer.finish();
    take(&mut analyzer);
    Taken { idle, end: MEMORY.peak_usage() - before }
}

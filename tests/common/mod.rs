//! Conversations that read as transcripts and become packets, files and events.
//!
//! ```text
//!  Script ─► Conversation ─► Segment ─► Network ─► Segment ─► OwnedPacket ─► analyse ─► Event
//!  made up    told: Say…                 cut, shuffled, repeated          └─► pcap
//! ```
//!
//! ```
//! let packets = Conversation::new()
//!     .handshake()
//!     .client(text("hi"))
//!     .server(text("hello").fragments(&[2]).between(ping("still there?")))
//!     .client(pong("still there?"))
//!     .close(1000, "bye")
//!     .packets();
//! let events = analyse(&packets, &Config::default());
//! ```

#![allow(dead_code, unused_imports, reason = "each test crate uses a part of it")]
#![allow(unreachable_pub, reason = "the module's own interface")]

pub mod attack;
pub mod conversation;
pub mod corpus;
pub mod dice;
pub mod foreign;
pub mod frame;
pub mod http2;
pub mod network;
pub mod packet;
pub mod pcap;
pub mod sample;
pub mod script;
pub mod segment;
pub mod tls;
pub mod told;
pub mod tunnel;

use wscope::analyzer::Analyzer;
use wscope::anomaly::Code;
use wscope::config::Config;
use wscope::event::Event;
use wscope::input::Input;
use wscope::outbox::Summary;

pub use conversation::{Conversation, Deflate, Dialect};
pub use dice::Dice;
pub use frame::{Say, binary, close, continuation, frame, ping, pong, raw, text};
pub use http2::Http2;
pub use network::Network;
pub use packet::OwnedPacket;
pub use segment::{Route, Segment};

/// The events of a capture with these packets.
pub fn analyse(packets: &[OwnedPacket], config: &Config) -> Vec<Event> {
    run(packets, config).0
}

/// What is counted of a capture with these packets.
pub fn summary(packets: &[OwnedPacket], config: &Config) -> Summary {
    run(packets, config).1
}

/// Events and counters of a capture with these packets.
pub fn run(packets: &[OwnedPacket], config: &Config) -> (Vec<Event>, Summary) {
    run_inputs(packets.iter().zip(1..).map(|(packet, number)| Input::Packet(packet.lend(number))), config)
}

/// Events and counters of these inputs.
pub fn run_inputs<'a>(inputs: impl IntoIterator<Item = Input<'a>>, config: &Config) -> (Vec<Event>, Summary) {
    let mut analyzer = Analyzer::new(config.clone());
    let mut events = Vec::new();
    for input in inputs {
        analyzer.push(input);
        events.extend(std::iter::from_fn(|| analyzer.next_event()));
    }
    analyzer.finish();
    events.extend(std::iter::from_fn(|| analyzer.next_event()));
    (events, analyzer.summary())
}

/// Codes of all anomalies, in the order of the events.
pub fn codes(events: &[Event]) -> Vec<Code> {
    events.iter().flat_map(|event| event.body.anomalies()).map(|anomaly| anomaly.code).collect()
}

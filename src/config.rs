//! What the analysis is asked for, and how much memory it may take.

use std::time::Duration;

use crate::dissect::{PROTOCOLS, Protocol};

/// How a capture is analysed; one value, passed down.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// What data frames are reported as.
    pub per: Per,
    /// Whether messages are decoded in their sub-protocols; has no effect on frames.
    pub decode: bool,
    /// Protocols named by hand.
    pub decode_as: Vec<DecodeAs>,
    /// Bounds of every buffer.
    pub limits: Limits,
}

/// A protocol named by hand: `tcp.port==8080,stomp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeAs {
    /// Port of either side.
    pub port: u16,
    /// The name of a row of [`PROTOCOLS`](crate::dissect::PROTOCOLS).
    pub protocol: String,
}

impl DecodeAs {
    /// Reads `tcp.port==PORT,PROTOCOL`.
    ///
    /// # Errors
    /// What is wrong with it, for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (selector, protocol) = text.split_once(',').ok_or("expected tcp.port==PORT,PROTOCOL")?;
        let port = selector.trim().strip_prefix("tcp.port").and_then(|rest| rest.trim_start().strip_prefix("=="));
        let port = port.and_then(|port| port.trim().parse().ok()).ok_or("expected tcp.port==PORT before the comma")?;
        let protocol = protocol.trim();
        if Protocol::named(protocol).is_none() {
            let names: Vec<_> = PROTOCOLS.iter().map(|row| row.name).collect();
            return Err(format!("no protocol {protocol:?}; there are {}", names.join(", ")));
        }
        Ok(Self { port, protocol: protocol.to_owned() })
    }
}

/// What data frames are reported as; control frames are always reported one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// One event a frame.
    #[default]
    Frame,
    /// One event a message, its fragments joined.
    Message,
}

/// Bounds of every buffer; over a bound the item is cut, reported, and the stream stays in sync.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Payload bytes kept for showing, per frame or message.
    pub payload: usize,
    /// Payload bytes kept at once over all connections, in messages under way and in events not yet taken.
    pub payload_total: usize,
    /// Frame headers kept of one message, for a reader who looks at them; records of messages have no room for them.
    pub headers: usize,
    /// Bytes one message may inflate to; what lies beyond is inflated only to keep the window right.
    pub inflate: u64,
    /// Bytes of one HTTP head; far above what servers accept (8-64 KiB).
    pub head: usize,
    /// Bytes of an HPACK table (RFC 7541 §4.2), per direction: browsers ask for 64 KiB, servers mostly for 4.
    pub header_table: usize,
    /// Bytes that wait behind a hole, per direction: a few times a large TCP window.
    pub reorder: usize,
    /// Bytes that wait behind holes, over all flows.
    pub reorder_total: usize,
    /// Bytes of the client that wait for the answer to its upgrade request.
    pub early: usize,
    /// Memory for fragments of IP packets that wait for others.
    pub fragment_bytes: usize,
    /// IP packets whose fragments are waited for or remembered at once; the oldest makes room.
    pub fragment_datagrams: usize,
    /// How long the fragments of an IP packet are waited for (RFC 791 §3.2 has 15 s, RFC 8200 §4.5 60 s, Linux 30 s).
    pub fragment_time: Duration,
    /// Delivered bytes not yet acknowledged that are kept to be compared with retransmissions, per direction.
    pub unacknowledged: usize,
    /// Bytes of captured packets that wait for the analysis of a live capture.
    pub queue: usize,
    /// Bytes of packets held until it is known whether their connection becomes a WebSocket (`--only-websocket`).
    pub held: usize,
    /// HTTP/2 streams of one connection that are tracked at once: those that carry a WebSocket or a tunnel, or may.
    pub streams: usize,
    /// Flows tracked at once; a long idle one makes room, WebSockets last.
    pub flows: usize,
    /// A flow that is silent for so long is given up.
    pub idle: Duration,
    /// How long it must be silent after a RST, or after both FINs where bytes are missing, before a flow is over.
    pub linger: Duration,
    /// How long an ended flow is remembered to recognise late duplicates: about a TIME-WAIT (RFC 9293 §3.6.1).
    pub remember: Duration,
    /// How long a hole that the receiver acknowledged is waited for: some captures hold packets out of order.
    pub patience: Duration,
    /// How many segments of the same flow may pass while such a hole is waited for.
    pub patience_segments: u32,
    /// Keys of earlier handshakes that are remembered to recognise one used twice.
    pub nonces: usize,
    /// Requests of one flow that may wait for their response.
    pub pipelined: usize,
    /// Pings of one side that may wait for their pong.
    pub pings: usize,
    /// Bytes of one value that is decoded; a larger one is told by its length.
    pub decode: usize,
    /// Bytes kept for decoding over all connections: units that continue, requests that wait.
    pub decode_total: usize,
    /// How deep values may nest; readers of JSON take 128 levels, and records add some.
    pub depth: usize,
    /// Requests of one side of a sub-protocol that may wait for their answer.
    pub requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload: 16 << 20,
            payload_total: 256 << 20,
            headers: 0,
            inflate: 64 << 20,
            head: 64 << 10,
            header_table: 64 << 10,
            reorder: 4 << 20,
            reorder_total: 256 << 20,
            early: 1 << 20,
            fragment_bytes: 16 << 20,
            fragment_datagrams: 1 << 14,
            fragment_time: Duration::from_secs(30),
            unacknowledged: 64 << 10,
            queue: 128 << 20,
            held: 64 << 20,
            streams: 256,
            flows: 1 << 18,
            idle: Duration::from_hours(1),
            linger: Duration::from_secs(2),
            remember: Duration::from_secs(60),
            patience: Duration::from_secs(1),
            patience_segments: 64,
            nonces: 1 << 14,
            pipelined: 64,
            pings: 64,
            decode: 1 << 20,
            decode_total: 64 << 20,
            depth: 64,
            requests: 1 << 12,
        }
    }
}

//! What the analysis is asked for, and how much memory it may take.

pub use crate::limits::Limits;

use prost_reflect::DescriptorPool;

use crate::dissect::{PROTOCOLS, Protocol};
use crate::ws::frame::Opcode;

/// How a capture is analysed; one value, passed down.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// What data frames are reported as.
    pub per: Per,
    /// How far messages are decoded; has no effect on frames.
    pub decode: Decode,
    /// Protocols named by hand.
    pub decode_as: Vec<DecodeAs>,
    /// Types of Protocol Buffers.
    pub schema: Option<DescriptorPool>,
    /// Bounds of every buffer.
    pub limits: Limits,
    /// Whether the payload of data frames is let go once it was judged and counted.
    pub discards_data: bool,
}

impl Config {
    /// Whether the payload of frames of this opcode is kept, within the limits.
    pub fn keeps_payload(&self, opcode: Opcode) -> bool {
        !self.discards_data || opcode.is_control()
    }

    /// Whether a connection between these ports is said to be a WebSocket, whatever it looks like.
    pub fn is_websocket(&self, ports: [u16; 2]) -> bool {
        self.decode_as.iter().any(|rule| rule.protocol == DecodeAs::WEBSOCKET && ports.contains(&rule.port))
    }
}

/// A protocol named by hand: `tcp.port==8080,stomp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeAs {
    /// Port of either side.
    pub port: u16,
    /// [`WEBSOCKET`](Self::WEBSOCKET), or the name of a row of [`PROTOCOLS`]; behind a colon what
    /// the protocol wants to know.
    pub protocol: String,
}

impl DecodeAs {
    /// What runs on TCP itself, with no handshake in the capture; the others run inside it.
    pub const WEBSOCKET: &str = "websocket";

    /// Reads `tcp.port==PORT,PROTOCOL`.
    ///
    /// # Errors
    /// What is wrong with it, for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (selector, protocol) = text.split_once(',').ok_or("expected tcp.port==PORT,PROTOCOL")?;
        let port = selector.trim().strip_prefix("tcp.port").and_then(|rest| rest.trim_start().strip_prefix("=="));
        let port = port.and_then(|port| port.trim().parse().ok()).ok_or("expected tcp.port==PORT before the comma")?;
        let protocol = protocol.trim();
        let rule = Self { port, protocol: protocol.to_owned() };
        if protocol != Self::WEBSOCKET && Protocol::named(rule.name()).is_none() {
            let names: Vec<_> = [Self::WEBSOCKET].into_iter().chain(PROTOCOLS.iter().map(|row| row.name)).collect();
            return Err(format!("no protocol {protocol:?}; there are {}", names.join(", ")));
        }
        Ok(rule)
    }

    /// Name of the protocol.
    pub fn name(&self) -> &str {
        self.protocol.split_once(':').map_or(&self.protocol, |(name, _)| name)
    }

    /// What stands behind the colon.
    pub fn parameter(&self) -> &str {
        self.protocol.split_once(':').map_or("", |(_, parameter)| parameter)
    }
}

impl Config {
    /// The same for who counts and judges and shows no payload: frame by frame, nothing decoded, and no payload kept but what
    /// a Close or Ping has.
    #[must_use]
    pub fn without_payload(self) -> Self {
        let limits = Limits { payload: 125, ..self.limits };
        Self { per: Per::Frame, decode: Decode::Nothing, limits, discards_data: true, ..self }
    }
}

/// How far messages are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decode {
    /// Not at all.
    #[default]
    Nothing,
    /// In their sub-protocols, for who counts requests and answers.
    Protocols,
    /// In their sub-protocols, and where there is none by the format of each message.
    All,
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

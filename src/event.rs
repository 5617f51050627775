//! What the analysis tells: one event per handshake, frame, message, gap, notice and end.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::anomaly::{Anomaly, Code, Detail};
use crate::dissect::decoded::{Decoded, Unanswered};
use crate::duplex::{Direction, Duplex};
use crate::http::head;
use crate::net::segment::Endpoint;
use crate::origin::{Origin, Span, Timestamp};
use crate::payload::Payload;
use crate::polling::Prologue;
use crate::ws::close::Close;
use crate::ws::frame::Header;

/// Number of a connection: 1, 2, 3… in the order in which their handshakes are recognised.
pub type ConnectionId = u64;

/// Stands for the number of a connection on events that belong to the capture as a whole, or to a TCP connection of which
/// it is not known whether it is a WebSocket.
pub const NO_CONNECTION: ConnectionId = 0;

/// One thing that happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Event {
    /// On which connection; [`NO_CONNECTION`] for a notice about none.
    pub connection: ConnectionId,
    /// The packets that carried it.
    pub span: Span,
    /// What it was.
    pub body: Body,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// The opening handshake, or as much of it as there is; the first event of each connection.
    Handshake(Box<Handshake>),
    /// One frame.
    Frame(Box<Frame>),
    /// One data message.
    Message(Box<Message>),
    /// Bytes of a stream that were never seen.
    Gap(Box<Gap>),
    /// Oddities that belong to no frame.
    Notice(Vec<Anomaly>),
    /// The end; the last event of a connection that was established.
    Closed(Box<Closed>),
}

impl Default for Body {
    /// A notice of nothing: it stands where a body was taken out.
    fn default() -> Self {
        Self::Notice(Vec::new())
    }
}

impl Event {
    /// When it happened: when its first packet was captured, and for the end of a connection its last.
    pub fn time(&self) -> Timestamp {
        match self.body {
            Body::Closed(_) => self.span.last.time,
            _ => self.span.first.time,
        }
    }
}

impl Body {
    /// The anomalies that this event carries.
    pub fn anomalies(&self) -> &[Anomaly] {
        match self {
            Self::Handshake(handshake) => &handshake.anomalies,
            Self::Frame(frame) => &frame.anomalies,
            Self::Message(message) => &message.anomalies,
            Self::Notice(anomalies) => anomalies,
            Self::Gap(gap) => std::slice::from_ref(&gap.anomaly),
            Self::Closed(_) => &[],
        }
    }

    /// Which way it went, where it belongs to one direction.
    pub fn direction(&self) -> Option<Direction> {
        match self {
            Self::Frame(frame) => Some(frame.direction),
            Self::Message(message) => Some(message.direction),
            Self::Gap(gap) => Some(gap.direction),
            Self::Handshake(_) | Self::Notice(_) | Self::Closed(_) => None,
        }
    }
}

/// An opening handshake (RFC 6455 §4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// What it runs on.
    pub transport: Transport,
    /// The upgrade request, where it was captured.
    pub request: Option<head::Request>,
    /// The final response, where it was captured.
    pub response: Option<head::Response>,
    /// Packet that ended the request and packet that began the response.
    pub turn: Option<(Origin, Origin)>,
    /// What the two heads say of the WebSocket to be.
    pub terms: Terms,
    /// What came of it.
    pub verdict: Verdict,
    /// Whether a WebSocket begins behind it, to be told until it is closed.
    pub established: bool,
    /// The polling that it took the place of, where some was seen.
    pub prologue: Option<Box<Prologue>>,
    /// Rules that either side broke.
    pub anomalies: Vec<Anomaly>,
}

impl Handshake {
    /// One of which nothing was captured, of a WebSocket that is there all the same.
    pub fn unseen(client: Endpoint, server: Endpoint) -> Self {
        Self {
            client,
            server,
            transport: Transport::default(),
            request: None,
            response: None,
            turn: None,
            terms: Terms::default(),
            verdict: Verdict::Unseen,
            established: true,
            prologue: None,
            anomalies: Vec::new(),
        }
    }

    /// Where the client went, as a URI (RFC 6455 §3); `None` where the request was not captured.
    pub fn uri(&self) -> Option<String> {
        let request = self.request.as_ref()?;
        // §4.1 allows the absolute form too.
        if !request.target.starts_with('/') && request.target.contains("://") {
            return Some(request.target.to_string());
        }
        let host = request.authority();
        let host = host.map_or_else(|| self.server.to_string(), str::to_owned);
        let scheme = if self.transport.tls.is_some() { "wss" } else { "ws" };
        Some([scheme, "://", &host, &request.target].concat())
    }
}

/// What a WebSocket runs on, TCP aside.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Transport {
    /// The TLS session, where it was opened.
    pub tls: Option<Box<TlsSession>>,
    /// The HTTP version that carried the handshake.
    pub http: HttpVersion,
    /// The HTTP/2 stream (RFC 8441).
    pub stream: Option<u32>,
    /// The CONNECT target, where the connection runs through a proxy's tunnel.
    pub proxy: Option<Box<str>>,
}

/// A TLS session that was opened (RFC 8446, RFC 5246).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TlsSession {
    /// Protocol version, as `1.3`.
    pub version: Box<str>,
    /// Cipher suite, as IANA names it.
    pub cipher: Box<str>,
    /// Server name that the client asked for (RFC 6066 §3).
    pub sni: Option<Box<str>>,
    /// Protocol agreed (RFC 7301).
    pub alpn: Option<Box<str>>,
}

/// The HTTP version that carried a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.1 (RFC 6455).
    #[default]
    Http11,
    /// HTTP/2 (RFC 8441).
    Http2,
}

impl HttpVersion {
    /// `1.1` or `2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// What the heads of a handshake say of the WebSocket to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// Subprotocols offered, in the client's order.
    pub subprotocols: Vec<Box<str>>,
    /// Subprotocol chosen.
    pub subprotocol: Option<Box<str>>,
    /// Extensions offered, as sent; header lines joined with a comma.
    pub extensions: Option<Box<str>>,
    /// Extensions agreed, as sent.
    pub extension: Option<Box<str>>,
    /// Sec-WebSocket-Key, as sent.
    pub key: Option<Box<str>>,
    /// Sec-WebSocket-Accept, as received and as the key demands.
    pub accept: Option<Accept>,
}

/// Sec-WebSocket-Accept (RFC 6455 §4.2.2), as received and as the key demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// As the server sent it.
    pub received: Option<Box<str>>,
    /// base64(SHA-1(key + GUID)); absent where the request was not captured or has no key.
    pub expected: Option<Box<str>>,
}

impl Accept {
    /// Whether the server understood; `None` where one of the two is not known.
    pub fn valid(&self) -> Option<bool> {
        let expected = self.expected.as_ref()?;
        Some(self.received.as_ref() == Some(expected))
    }
}

/// What came of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// 101, and no MUST was broken.
    Accepted,
    /// Another status than 101.
    Rejected,
    /// 101, but a MUST was broken by either side.
    Invalid,
    /// One of the two heads is missing.
    Incomplete,
    /// Joined in the middle: the capture began after the handshake.
    Unseen,
}

impl Verdict {
    /// All of them, in the order of the summary.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Rejected, Self::Invalid, Self::Incomplete, Self::Unseen];

    /// `accepted`, `rejected`, `invalid`, `incomplete` or `unseen`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Invalid => "invalid",
            Self::Incomplete => "incomplete",
            Self::Unseen => "unseen",
        }
    }
}

/// One frame (RFC 6455 §5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Which way it went.
    pub direction: Direction,
    /// Number, from 1, per connection and direction.
    pub number: u64,
    /// Offset of the first header byte in the TCP stream.
    pub offset: u64,
    /// The header as it stood on the wire.
    pub header: Header,
    /// Whether it belongs to a compressed message.
    pub compressed: bool,
    /// What it carried, unmasked and inflated.
    pub payload: Payload,
    /// Declared bytes that were not captured, also when the stream ended inside the frame.
    pub missing: u64,
    /// Whether its header never became whole; then only FIN, RSV and opcode are known.
    pub truncated: bool,
    /// Status code and reason, of a Close frame.
    pub close: Option<Close>,
    /// Number of the message it belongs to.
    pub message: Option<u64>,
    /// Nanoseconds since the Ping that this Pong answers.
    pub rtt: Option<i64>,
    /// Rules that it broke.
    pub anomalies: Vec<Anomaly>,
}

/// One data message: the fragments joined (RFC 6455 §5.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Which way it went.
    pub direction: Direction,
    /// Number, from 1, per connection and direction.
    pub number: u64,
    /// Offset of the first frame's first header byte in the TCP stream.
    pub offset: u64,
    /// `true` of a text message, `false` of a binary one.
    pub text: bool,
    /// Frames it was sent in, control frames between them not counted.
    pub frames: u64,
    /// The first of them, as many as [`Limits::headers`](crate::config::Limits::headers) has kept.
    pub headers: SmallVec<[FrameHeader; 1]>,
    /// Payload bytes on the wire, as the frames declare them.
    pub payload_length: u64,
    /// Whether it is compressed.
    pub compressed: bool,
    /// What it carried, unmasked and inflated.
    pub payload: Payload,
    /// Declared bytes that were not captured.
    pub missing: u64,
    /// Whether all of it is known: `false` when the stream ended, a gap cut it, or it could not be inflated.
    pub complete: bool,
    /// Rules that its frames broke.
    pub anomalies: Vec<Anomaly>,
    /// What it means, where a [`Dissector`](crate::dissect::Dissector) found it out.
    pub decoded: Option<Box<Decoded>>,
}

impl Default for Message {
    fn default() -> Self {
        Self::new(Direction::ToServer, 0)
    }
}

impl Message {
    /// A binary message of which nothing came yet.
    pub fn new(direction: Direction, number: u64) -> Self {
        Self {
            direction,
            number,
            offset: 0,
            text: false,
            frames: 0,
            headers: SmallVec::new(),
            payload_length: 0,
            compressed: false,
            payload: Payload::default(),
            missing: 0,
            complete: true,
            anomalies: Vec::new(),
            decoded: None,
        }
    }
}

/// Header of one frame of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameHeader {
    /// Number of the frame, from 1, per connection and direction.
    pub number: u64,
    /// Offset of its first byte in the TCP stream.
    pub offset: u64,
    /// As it stood on the wire.
    pub header: Header,
}

/// Bytes of a stream that were never seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which way they went.
    pub direction: Direction,
    /// Where in the TCP stream.
    pub offset: u64,
    /// How many; at most so many where it is not `exact`.
    pub length: u64,
    /// Whether `length` is exact: that of a plaintext which was never seen need not be.
    pub exact: bool,
    /// Why.
    pub reason: GapReason,
    /// The same as an anomaly.
    pub anomaly: Anomaly,
}

impl Gap {
    /// Bytes of a direction that were never seen.
    pub fn new(direction: Direction, offset: u64, length: u64, reason: GapReason) -> Self {
        let code = match reason {
            GapReason::NotCaptured => Code::TcpGap,
            GapReason::SnapLength => Code::CaptureSnap,
            GapReason::Limit => Code::LimitReorder,
            GapReason::NotDecrypted => Code::TlsDecryptFailed,
        };
        let anomaly = Anomaly::new(code, Detail::Number("bytes".into(), length));
        Self { direction, offset, length, exact: true, reason, anomaly }
    }

    /// The same, of at most that length.
    #[must_use]
    pub fn inexact(self) -> Self {
        Self { exact: false, ..self }
    }
}

/// Why bytes were never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GapReason {
    /// No packet with them was captured.
    NotCaptured,
    /// The snap length cut the packet.
    SnapLength,
    /// A limit of ours ([`Limits::reorder`](crate::config::Limits::reorder)).
    Limit,
    /// They were captured, and could not be decrypted.
    NotDecrypted,
}

impl GapReason {
    /// `not captured`, `snap length`, `limit` or `not decrypted`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotCaptured => "not captured",
            Self::SnapLength => "snap length",
            Self::Limit => "limit",
            Self::NotDecrypted => "not decrypted",
        }
    }
}

/// The end of an established connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// In which manner.
    pub how: End,
    /// Which side began it.
    pub by: Option<Direction>,
    /// The first Close frame.
    pub close: Option<Close>,
    /// From the first packet of the connection to the last, in nanoseconds.
    pub duration: i64,
    /// What each side sent.
    pub tally: Duplex<Tally>,
    /// Requests of the sub-protocol that were not answered, of each side in order; the latest, as many as are remembered.
    pub unanswered: Vec<Unanswered>,
    /// How many more there were that are not remembered.
    pub forgotten: u64,
}

/// How a connection or its TCP stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Both sides sent Close (RFC 6455 §7.1.4).
    ClosingHandshake,
    /// FIN.
    Fin,
    /// RST.
    Reset,
    /// Nothing was heard for [`Limits::idle`](crate::config::Limits::idle).
    Idle,
    /// Its place was taken: by a limit of ours, or by a new connection of the same endpoints.
    Evicted,
    /// The capture ended first.
    EndOfCapture,
}

impl End {
    /// `closing handshake`, `fin`, `reset`, `idle`, `evicted` or `end of capture`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClosingHandshake => "closing handshake",
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::Idle => "idle",
            Self::Evicted => "evicted",
            Self::EndOfCapture => "end of capture",
        }
    }
}

/// What one side sent on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Frames, also those that are not whole.
    pub frames: u64,
    /// Messages that ended.
    pub messages: u64,
    /// Payload bytes as captured.
    pub payload_bytes: u64,
    /// Payload bytes after inflating.
    pub bytes: u64,
    /// Bytes of the WebSocket stream: headers and payload.
    pub wire_bytes: u64,
    /// Gaps.
    pub gaps: u64,
    /// Bytes that were not captured.
    pub missing: u64,
    /// Oddities.
    pub anomalies: u64,
}

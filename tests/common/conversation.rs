//! A connection told as a transcript.

use flate2::{Compress, Compression, FlushCompress};

use wscope::duplex::{Direction, Duplex};
use wscope::net::segment::Flags;
use wscope::ws::handshake;

use super::frame::{Say, close};
use super::packet::OwnedPacket;
use super::segment::{Route, Segment};

use Direction::{ToClient, ToServer};

/// Nonce of the RFC's example (§1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

const SYN_ACK: Flags = Flags(Flags::SYN.0 | Flags::ACK.0);
const FIN_ACK: Flags = Flags(Flags::FIN.0 | Flags::ACK.0);
const RST_ACK: Flags = Flags(Flags::RST.0 | Flags::ACK.0);
const PSH_ACK: Flags = Flags(Flags::PSH.0 | Flags::ACK.0);

const MILLISECOND: i64 = 1_000_000;

/// What one TCP connection carries, told in order.
pub struct Conversation {
    route: Route,
    dialect: Dialect,
    segments: Vec<Segment>,
    /// Number of the next byte of each side.
    next: Duplex<u64>,
    clock: i64,
    keys: u32,
    deflaters: Duplex<Option<Deflater>>,
}

/// How the connection is spoken; given before the first word.
#[derive(Debug, Clone)]
pub struct Dialect {
    /// Largest payload of a segment.
    pub mss: usize,
    /// Nanoseconds between segments.
    pub pace: i64,
    /// Whether each word is acknowledged by a segment of its own.
    pub acks: bool,
    /// Sec-WebSocket-Key.
    pub key: String,
    pub target: String,
    /// Further header lines of the upgrade request.
    pub request: Vec<String>,
    /// Further header lines of the 101.
    pub response: Vec<String>,
    /// permessage-deflate, as agreed.
    pub deflate: Option<Deflate>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            mss: 1448,
            pace: MILLISECOND,
            acks: false,
            key: KEY.into(),
            target: "/chat".into(),
            request: vec!["Origin: http://server.example.com".into()],
            response: Vec::new(),
            deflate: None,
        }
    }
}

/// Parameters of permessage-deflate; window bits 9-15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    pub window_bits: Duplex<u8>,
    pub takeover: Duplex<bool>,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            window_bits: Duplex { to_server: 15, to_client: 15 },
            takeover: Duplex { to_server: true, to_client: true },
        }
    }
}

impl Deflate {
    fn offer(self) -> &'static str {
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    }

    fn answer(self) -> String {
        let mut answer = "Sec-WebSocket-Extensions: permessage-deflate".to_owned();
        for (direction, side) in [(ToServer, "client"), (ToClient, "server")] {
            if !self.takeover[direction] {
                answer += &format!("; {side}_no_context_takeover");
            }
            if self.window_bits[direction] < 15 {
                answer += &format!("; {side}_max_window_bits={}", self.window_bits[direction]);
            }
        }
        answer
    }
}

/// Compresses what one side says (RFC 7692 §7.2.1).
struct Deflater {
    compress: Compress,
    takeover: bool,
}

impl Deflater {
    fn new(window_bits: u8, takeover: bool) -> Self {
        Self { compress: Compress::new_with_window_bits(Compression::default(), false, window_bits), takeover }
    }

    fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        if !self.takeover {
            self.compress.reset();
        }
        let mut out = Vec::with_capacity(payload.len() + payload.len() / 8 + 64);
        let before = self.compress.total_in();
        loop {
            let rest = &payload[(self.compress.total_in() - before) as usize..];
            self.compress.compress_vec(rest, &mut out, FlushCompress::Sync).expect("deflating cannot fail");
            if out.len() < out.capacity() {
                break;
            }
            out.reserve(1024);
        }
        match out.strip_suffix(&[0x00, 0x00, 0xff, 0xff]) {
            Some(message) => message.to_vec(),
            // Nothing to flush: an empty block (§7.2.3.6).
            None => vec![0x00],
        }
    }
}

impl Default for Conversation {
    fn default() -> Self {
        Self::new()
    }
}

impl Conversation {
    /// Between the endpoints of [`Route::default`], in the default dialect.
    pub fn new() -> Self {
        Self::on(Route::default(), Dialect::default())
    }

    /// On this route and in this dialect.
    pub fn on(route: Route, dialect: Dialect) -> Self {
        Self {
            route,
            dialect,
            segments: Vec::new(),
            next: Duplex { to_server: 1, to_client: 1 },
            clock: 0,
            keys: 0,
            deflaters: Duplex::default(),
        }
    }

    /// Opens TCP, then the WebSocket.
    #[must_use]
    pub fn handshake(self) -> Self {
        self.syn().upgrade()
    }

    /// SYN, SYN-ACK, ACK.
    #[must_use]
    pub fn syn(mut self) -> Self {
        let mut push = |from, flags, seq, ack| {
            self.segments.push(Segment { from, flags, seq, ack, payload: Vec::new(), time: self.clock });
            self.clock += self.dialect.pace;
        };
        push(ToServer, Flags::SYN, 0, None);
        push(ToClient, SYN_ACK, 0, Some(1));
        push(ToServer, Flags::ACK, 1, Some(1));
        self
    }

    /// The opening handshake, on a TCP connection that is open.
    #[must_use]
    pub fn upgrade(self) -> Self {
        let (request, response) = (self.request(), self.response());
        self.exchange(&request, &response)
    }

    /// Two heads, or anything else: first what the client says, then the server's answer.
    #[must_use]
    pub fn exchange(mut self, request: impl AsRef<[u8]>, response: impl AsRef<[u8]>) -> Self {
        self.bytes(ToServer, request.as_ref());
        self.bytes(ToClient, response.as_ref());
        self
    }

    /// The client says something.
    #[must_use]
    pub fn client(self, say: Say) -> Self {
        self.say(ToServer, &say)
    }

    /// The server says something.
    #[must_use]
    pub fn server(self, say: Say) -> Self {
        self.say(ToClient, &say)
    }

    /// Either says something.
    #[must_use]
    pub fn say(mut self, from: Direction, say: &Say) -> Self {
        let bytes = self.encode(from, say);
        self.bytes(from, &bytes);
        self
    }

    /// The client begins the closing handshake, the server answers; then both end TCP.
    #[must_use]
    pub fn close(self, code: u16, reason: &str) -> Self {
        self.client(close(code, reason)).server(close(code, reason)).fin(ToClient).fin(ToServer)
    }

    /// One side ends its stream.
    #[must_use]
    pub fn fin(mut self, from: Direction) -> Self {
        self.push(from, FIN_ACK, &[]);
        self.next[from] += 1;
        self
    }

    /// One side resets the connection.
    #[must_use]
    pub fn reset(mut self, from: Direction) -> Self {
        self.push(from, RST_ACK, &[]);
        self
    }

    /// One side acknowledges all that was said.
    #[must_use]
    pub fn ack(mut self, from: Direction) -> Self {
        self.push(from, Flags::ACK, &[]);
        self
    }

    /// Nothing happens for so many milliseconds.
    #[must_use]
    pub fn pause(mut self, milliseconds: i64) -> Self {
        self.clock += milliseconds * MILLISECOND;
        self
    }

    /// Its segments, none lost, in order.
    pub fn segments(&self) -> Vec<Segment> {
        self.segments.clone()
    }

    /// Its packets.
    pub fn packets(&self) -> Vec<OwnedPacket> {
        self.route.packets(&self.segments)
    }

    /// Where it runs.
    pub fn route(&self) -> Route {
        self.route
    }

    /// The bytes of each side, SYN to FIN.
    pub fn streams(&self) -> Duplex<Vec<u8>> {
        let mut streams = Duplex::<Vec<u8>>::default();
        for segment in &self.segments {
            streams[segment.from].extend_from_slice(&segment.payload);
        }
        streams
    }

    /// Head of the upgrade request.
    pub fn request(&self) -> String {
        let Dialect { key, target, request, deflate, .. } = &self.dialect;
        let mut head = format!(
            "GET {target} HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        );
        for line in request.iter().map(String::as_str).chain(deflate.map(Deflate::offer)) {
            head += line;
            head += "\r\n";
        }
        head + "\r\n"
    }

    /// Head of the 101.
    pub fn response(&self) -> String {
        let Dialect { key, response, deflate, .. } = &self.dialect;
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n",
            handshake::accept(key)
        );
        for line in response.iter().cloned().chain(deflate.map(Deflate::answer)) {
            head += &line;
            head += "\r\n";
        }
        head + "\r\n"
    }

    fn encode(&mut self, from: Direction, say: &Say) -> Vec<u8> {
        let mut out = Vec::new();
        let keys = &mut self.keys;
        let mut key = || {
            // An odd multiplier visits all numbers before any comes again; one too early would be an anomaly.
            *keys = keys.wrapping_add(0x9e37_79b9);
            (from == ToServer).then(|| keys.to_be_bytes())
        };
        let compressed = say.compressed && say.raw.is_none();
        match self.dialect.deflate.filter(|_| compressed) {
            Some(deflate) => {
                let (bits, takeover) = (deflate.window_bits[from], deflate.takeover[from]);
                let deflater = self.deflaters[from].get_or_insert_with(|| Deflater::new(bits, takeover));
                say.write(&deflater.message(&say.payload), true, &mut key, &mut out);
            }
            None => say.write(&say.payload, false, &mut key, &mut out),
        }
        out
    }

    fn bytes(&mut self, from: Direction, bytes: &[u8]) {
        for piece in bytes.chunks(self.dialect.mss) {
            self.push(from, PSH_ACK, piece);
            self.next[from] += piece.len() as u64;
        }
        if self.dialect.acks {
            self.push(from.opposite(), Flags::ACK, &[]);
        }
    }

    fn push(&mut self, from: Direction, flags: Flags, payload: &[u8]) {
        let ack = self.next[from.opposite()];
        let (seq, time) = (self.next[from], self.clock);
        self.segments.push(Segment { from, flags, seq, ack: Some(ack), payload: payload.to_vec(), time });
        self.clock += self.dialect.pace;
    }
}

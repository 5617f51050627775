//! An HTTP/2 connection told as a transcript (RFC 9113, RFC 8441).

use wscope::duplex::Direction;
use wscope::http2::frame::{ACK, END_HEADERS, END_STREAM, Kind, PADDED, PREFACE};

use super::conversation::Conversation;
use super::frame::{Say, raw};

use Direction::{ToClient, ToServer};

/// SETTINGS_ENABLE_CONNECT_PROTOCOL.
pub const ENABLE_CONNECT_PROTOCOL: &[u8] = &[0, 8, 0, 0, 0, 1];

/// What one HTTP/2 connection carries, told in order.
pub struct Http2 {
    told: Conversation,
    keys: u32,
}

impl Http2 {
    /// Opens TCP and HTTP/2; the server takes extended CONNECTs.
    pub fn new() -> Self {
        Self::on(Conversation::new())
    }

    /// The same on the route and in the dialect of this conversation.
    pub fn on(told: Conversation) -> Self {
        Self { told: told.syn(), keys: 0 }.opened(ENABLE_CONNECT_PROTOCOL)
    }

    /// The same where the server sends these SETTINGS.
    pub fn with_settings(settings: &[u8]) -> Self {
        Self { told: Conversation::new().syn(), keys: 0 }.opened(settings)
    }

    /// The same on a TCP connection that spoke HTTP/1.1 before.
    pub fn continued(told: Conversation) -> Self {
        Self { told, keys: 0 }.opened(ENABLE_CONNECT_PROTOCOL)
    }

    fn opened(self, settings: &[u8]) -> Self {
        self.bytes(ToServer, PREFACE)
            .frame(ToServer, Kind::SETTINGS, 0, 0, &[])
            .frame(ToClient, Kind::SETTINGS, 0, 0, settings)
            .frame(ToClient, Kind::SETTINGS, ACK, 0, &[])
            .frame(ToServer, Kind::SETTINGS, ACK, 0, &[])
    }

    /// An extended CONNECT to this path, and the 200.
    #[must_use]
    pub fn open(self, stream: u32, path: &str) -> Self {
        self.head(ToServer, stream, 0, &connect(path)).head(ToClient, stream, 0, &[(":status", "200")])
    }

    /// A head of these fields, with these flags beside END_HEADERS.
    #[must_use]
    pub fn head(self, from: Direction, stream: u32, flags: u8, fields: &[(&str, &str)]) -> Self {
        self.frame(from, Kind::HEADERS, flags | END_HEADERS, stream, &block(fields))
    }

    /// One side says something on a stream, in one DATA frame.
    #[must_use]
    pub fn say(mut self, from: Direction, stream: u32, say: &Say) -> Self {
        let bytes = self.encode(from, say);
        self.frame(from, Kind::DATA, 0, stream, &bytes)
    }

    /// The client says something.
    #[must_use]
    pub fn client(self, stream: u32, say: Say) -> Self {
        self.say(ToServer, stream, &say)
    }

    /// The server says something.
    #[must_use]
    pub fn server(self, stream: u32, say: Say) -> Self {
        self.say(ToClient, stream, &say)
    }

    /// Both sides end a stream.
    #[must_use]
    pub fn end(self, stream: u32, first: Direction) -> Self {
        self.frame(first, Kind::DATA, END_STREAM, stream, &[]).frame(
            first.opposite(),
            Kind::DATA,
            END_STREAM,
            stream,
            &[],
        )
    }

    /// Bytes of a stream, with padding.
    #[must_use]
    pub fn padded(self, from: Direction, stream: u32, bytes: &[u8], padding: u8) -> Self {
        let payload = [&[padding], bytes, &vec![0; padding.into()]].concat();
        self.frame(from, Kind::DATA, PADDED, stream, &payload)
    }

    /// Any frame.
    #[must_use]
    pub fn frame(self, from: Direction, kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Self {
        self.bytes(from, &frame(kind, flags, stream, payload))
    }

    /// Any bytes.
    #[must_use]
    pub fn bytes(self, from: Direction, bytes: &[u8]) -> Self {
        Self { told: self.told.say(from, &raw(bytes)), ..self }
    }

    /// The frames of what one side says.
    pub fn encode(&mut self, from: Direction, say: &Say) -> Vec<u8> {
        let keys = &mut self.keys;
        let mut key = || {
            *keys = keys.wrapping_add(0x9e37_79b9);
            (from == ToServer).then(|| keys.to_be_bytes())
        };
        let mut bytes = Vec::new();
        say.write(&say.payload, false, &mut key, &mut bytes);
        bytes
    }

    /// Both sides end TCP.
    #[must_use]
    pub fn fin(self) -> Conversation {
        self.told.fin(ToServer).fin(ToClient)
    }

    /// As far as it was told.
    pub fn told(self) -> Conversation {
        self.told
    }
}

/// A frame.
pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    [&length[..], &[kind.0, flags], &stream.to_be_bytes(), payload].concat()
}

/// The fields of an extended CONNECT to this path (RFC 8441 §5.1).
pub fn connect(path: &str) -> [(&'static str, &str); 7] {
    [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "server.example.com"),
        ("sec-websocket-version", "13"),
        ("origin", "http://server.example.com"),
    ]
}

/// A header block: each field literally, and added to the table (RFC 7541 §6.2.1).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let string = |text: &str| {
        assert!(text.len() < 127, "a length of one octet");
        [&[text.len() as u8], text.as_bytes()].concat()
    };
    fields.iter().flat_map(|(name, value)| [vec![0x40], string(name), string(value)].concat()).collect()
}

//! HEADERS and CONTINUATION to heads (RFC 9113 §4.3, §8.3).

use crate::config::Limits;
use crate::http::head::{Request, Response};
use crate::http::headers::{self, Headers};
use crate::http2::hpack::{Corrupt, Decoder, Field, Fields};
use crate::origin::{Origin, Span};

/// One direction's header blocks: what is decoded, and the one that is under way.
#[derive(Debug, Default)]
pub struct Heads {
    decoder: Decoder,
    block: Option<Block>,
}

#[derive(Debug)]
struct Block {
    stream: u32,
    first: Origin,
    /// Whether the stream ends behind it.
    ends: bool,
    /// Whether it announces a stream of the server: of no use, but the decoder needs it.
    promise: bool,
    /// What came of it; `None` where part of it is lost.
    bytes: Option<Vec<u8>>,
}

/// A head, and the packets that carried it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its stream.
    pub stream: u32,
    /// Its fields; `None` where they could not be had.
    pub fields: Option<Fields>,
    /// Its packets.
    pub span: Span,
    /// Offset behind it in the bytes of the connection.
    pub end: u64,
    /// Whether the stream ends behind it.
    pub ends: bool,
}

/// What came of a header block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A head.
    Head(Head),
    /// The same, but larger than is read.
    Oversized(Head),
    /// The same, but not HPACK.
    Corrupt(Head),
    /// Nothing that concerns a stream.
    Nothing,
}

impl Heads {
    /// Learns that blocks before now were not seen.
    pub fn lose(&mut self) {
        self.block = None;
        self.decoder.forget();
    }

    /// Learns that a part of the block under way was not seen, or lets go of it, and of what later ones may refer to.
    pub fn spoil(&mut self) {
        self.decoder.forget();
        if let Some(block) = &mut self.block {
            block.bytes = None;
        }
    }

    /// Memory for the block under way, and for what later ones may refer to, in bytes.
    pub fn held(&self) -> usize {
        let block = self.block.as_ref().and_then(|block| block.bytes.as_ref());
        self.decoder.held() + block.map_or(0, Vec::capacity)
    }

    /// A HEADERS or PUSH_PROMISE frame begins.
    pub fn begin(&mut self, stream: u32, ends: bool, promise: bool, first: Origin) {
        self.interrupt();
        self.block = Some(Block { stream, first, ends, promise, bytes: Some(Vec::new()) });
    }

    /// Another frame begins than a CONTINUATION of the block: that is a broken connection (§6.10).
    pub fn interrupt(&mut self) {
        if self.block.is_some() {
            self.lose();
        }
    }

    /// The stream whose block is under way.
    pub fn stream(&self) -> Option<u32> {
        self.block.as_ref().map(|block| block.stream)
    }

    /// Takes bytes of the block; what is over the limit is not kept.
    pub fn push(&mut self, bytes: &[u8], limits: &Limits) {
        if let Some(kept) = self.block.as_mut().and_then(|block| block.bytes.as_mut()) {
            // One byte more than the limit shows that it is over.
            let room = (limits.head + 1).saturating_sub(kept.len());
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// The block is whole.
    pub fn end(&mut self, last: Origin, end: u64, limits: &Limits) -> Outcome {
        let Some(Block { stream, first, ends, promise, bytes }) = self.block.take() else { return Outcome::Nothing };
        let mut head = Head { stream, fields: None, span: Span { first, last }, end, ends };
        let Some(bytes) = bytes else {
            return if promise { Outcome::Nothing } else { Outcome::Head(head) };
        };
        if bytes.len() > limits.head {
            self.decoder.forget();
            return Outcome::Oversized(head);
        }
        match self.decoder.decode(&bytes, limits.head, limits.header_table) {
            Err(Corrupt) => {
                self.decoder.forget();
                Outcome::Corrupt(head)
            }
            Ok(_) if promise => Outcome::Nothing,
            Ok(fields) => {
                let cut = fields.cut;
                head.fields = Some(fields);
                if cut { Outcome::Oversized(head) } else { Outcome::Head(head) }
            }
        }
    }
}

impl Fields {
    /// Value of a pseudo-header field (RFC 9113 §8.3), with its colon; `None` where there is none, or it is not known.
    pub fn pseudo(&self, name: &str) -> Option<&[u8]> {
        let named = |field: &&Field| field.name.as_deref() == Some(name.as_bytes());
        self.list.iter().find(named)?.value.as_deref()
    }

    /// Status code; `None` of a request, and of trailers.
    pub fn status(&self) -> Option<u16> {
        str::from_utf8(self.pseudo(":status")?).ok()?.parse().ok()
    }

    /// Whether it asks for a WebSocket, rightly or not (RFC 8441 §4).
    pub fn is_extended_connect(&self) -> bool {
        self.pseudo(":protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
    }

    /// Whether it asks for a tunnel (RFC 9113 §8.5).
    pub fn is_tunnel(&self) -> bool {
        self.pseudo(":method") == Some(b"CONNECT") && self.pseudo(":protocol").is_none()
    }

    /// Whether a field refers to what was not captured.
    pub fn is_incomplete(&self) -> bool {
        self.list.iter().any(|field| field.name.is_none() || field.value.is_none())
    }

    /// The request that they are. Of the pseudo-header fields the headers have those that are told nowhere else:
    /// `:scheme`, `:authority` and `:protocol`.
    pub fn request(&self) -> Request {
        let text = |name| self.pseudo(name).map(headers::text).unwrap_or_default().into();
        // A tunnel has no path (§8.5).
        let target = if self.is_tunnel() { text(":authority") } else { text(":path") };
        let headers = self.headers(&[":method", ":path"], &[":scheme", ":authority", ":protocol"]);
        Request { method: text(":method"), target, version: "2".into(), headers }
    }

    /// The response that they are.
    pub fn response(&self) -> Response {
        let status = self.status().unwrap_or_default();
        Response { status, reason: "".into(), version: "2".into(), headers: self.headers(&[":status"], &[]) }
    }

    fn headers(&self, told_elsewhere: &[&str], told_here: &[&str]) -> Headers {
        let mut headers = Headers::default();
        headers.unknown += usize::from(self.cut);
        let mut regular = false;
        let mut pseudo: Vec<&[u8]> = Vec::new();
        for field in &self.list {
            let (Some(name), Some(value)) = (&field.name, &field.value) else {
                headers.unknown += 1;
                continue;
            };
            let is_one_of = |names: &[&str]| names.iter().any(|other| other.as_bytes() == &**name);
            let elsewhere = is_one_of(told_elsewhere);
            let lawful = if name.starts_with(b":") {
                // §8.3: each at most once, before all others.
                let first = !pseudo.contains(&&**name);
                pseudo.push(name);
                first && !regular && (elsewhere || is_one_of(told_here))
            } else {
                regular = true;
                is_regular(name, value)
            };
            if !lawful {
                let line = || format!("{}: {}", headers::text(name), headers::text(value)).into();
                headers.malformed.get_or_insert_with(line);
            }
            if !elsewhere {
                headers.push(&headers::text(name), &headers::text(value));
            }
        }
        headers
    }
}

/// Whether a field may stand in an HTTP/2 message: a name in lower case (§8.2.1) that is not about the connection (§8.2.2).
fn is_regular(name: &[u8], value: &[u8]) -> bool {
    const OF_CONNECTIONS: [&[u8]; 5] =
        [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];
    let token = !name.is_empty() && name.iter().all(|byte| headers::is_token(*byte) && !byte.is_ascii_uppercase());
    let whole = !value.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n'));
    token && whole && !OF_CONNECTIONS.contains(&name) && (name != b"te" || value == b"trailers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::headers::Name;

    fn fields(list: &[(&str, &str)]) -> Fields {
        let known = |text: &str| Some(text.as_bytes().into());
        let field = |(name, value): &(&str, &str)| Field { name: known(name), value: known(value) };
        Fields { list: list.iter().map(field).collect(), cut: false }
    }

    const CONNECT: [(&str, &str); 5] = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat"),
        (":authority", "server.example.com"),
    ];

    #[test]
    fn the_request_of_rfc_8441_section_5_1() {
        let more = [("sec-websocket-protocol", "chat, superchat"), ("sec-websocket-version", "13")];
        let fields = fields(&[&CONNECT[..], &more].concat());
        assert!(fields.is_extended_connect() && !fields.is_tunnel());
        let request = fields.request();
        assert_eq!((&*request.method, &*request.target, &*request.version), ("CONNECT", "/chat", "2"));
        assert_eq!(request.headers.first(Name::Authority), Some("server.example.com"));
        assert_eq!(request.headers.elements(Name::SecWebSocketProtocol).count(), 2);
        assert!(request.headers.lines().all(|(name, _)| name != ":path") && request.headers.malformed.is_none());
    }

    #[test]
    fn a_tunnel_names_its_target_as_authority() {
        let fields = fields(&[(":method", "CONNECT"), (":authority", "a.example:443")]);
        assert!(fields.is_tunnel() && !fields.is_extended_connect());
        assert_eq!(&*fields.request().target, "a.example:443");
    }

    #[test]
    fn fields_that_must_not_stand_there() {
        for field in [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("te", "gzip"),
            ("Origin", "https://a"),
            ("a", "b\r\nc: d"),
            ("", "x"),
            (":path", "/twice"),
            (":status", "200"),
        ] {
            let request = fields(&[&CONNECT[..], &[field]].concat()).request();
            let line = format!("{}: {}", field.0, field.1);
            assert_eq!(request.headers.malformed.as_deref(), Some(&*line));
        }
        let late = fields(&[(":status", "200"), ("a", "b"), (":status", "200")]).response();
        assert_eq!(late.headers.malformed.as_deref(), Some(":status: 200"));
        assert_eq!(fields(&[&CONNECT[..], &[("te", "trailers")]].concat()).request().headers.malformed, None);
    }

    #[test]
    fn a_block_without_end_is_cut_and_the_table_is_given_up() {
        let mut heads = Heads::default();
        let limits = Limits { head: 100, ..Limits::default() };
        heads.begin(1, false, false, Origin::default());
        for _ in 0..1000 {
            heads.push(&[0x82; 50], &limits);
        }
        assert!(heads.block.as_ref().is_some_and(|block| block.bytes.as_ref().is_some_and(|bytes| bytes.len() == 101)));
        assert!(matches!(heads.end(Origin::default(), 0, &limits), Outcome::Oversized(_)));
        // 0xbe is the newest entry of the dynamic table.
        heads.begin(3, false, false, Origin::default());
        heads.push(&[0xbe], &limits);
        let Outcome::Head(head) = heads.end(Origin::default(), 0, &limits) else { panic!("a head") };
        assert!(head.fields.is_some_and(|fields| fields.is_incomplete()));
    }
}

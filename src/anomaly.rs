//! Everything that can be odd about a connection: one table of codes, and the facts found.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::duplex::Direction;

/// How much an anomaly weighs, lightest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nobody did wrong.
    Note,
    /// Something could not be seen, kept or decoded; says nothing about the peers.
    Loss,
    /// A SHOULD was not followed, or a known danger.
    Warning,
    /// A MUST was broken.
    Violation,
}

impl Severity {
    /// `note`, `loss`, `warning` or `violation`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Loss => "loss",
            Self::Warning => "warning",
            Self::Violation => "violation",
        }
    }
}

/// A row of the table of anomaly codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The code it describes.
    pub code: Code,
    /// Stable dotted name.
    pub name: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// Where the rule stands.
    pub reference: &'static str,
    /// What it means in practice, in one sentence.
    pub meaning: &'static str,
}

macro_rules! rules {
    ($($code:ident $name:literal $severity:ident $reference:literal $meaning:literal)*) => {
        /// What was odd; see [`RULES`] for the meaning of each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the table beside it is the documentation")]
        pub enum Code { $($code),* }

        /// Every code there is, in the order of the enum.
        pub const RULES: &[Rule] = &[$(Rule {
            code: Code::$code,
            name: $name,
            severity: Severity::$severity,
            reference: $reference,
            meaning: $meaning,
        }),*];
    };
}

rules! {
    // -- the client's opening handshake
    HandshakeMethod "handshake.method" Violation "RFC 6455 §4.1"
        "the request is not a GET, or over HTTP/2 not a CONNECT; servers refuse it"
    HandshakeHttpVersion "handshake.http_version" Violation "RFC 6455 §4.1"
        "the request is not HTTP/1.1 or later, so it cannot be upgraded"
    HandshakeHostMissing "handshake.host.missing" Violation "RFC 6455 §4.1"
        "the request names no Host, so virtual hosts and origin checks cannot work"
    HandshakeUpgradeMissing "handshake.upgrade.missing" Violation "RFC 6455 §4.1"
        "the request's Upgrade header does not name websocket, yet it was treated as an upgrade"
    HandshakeConnectionMissing "handshake.connection.missing" Violation "RFC 6455 §4.1"
        "the request's Connection header lacks the Upgrade token; often a proxy that dropped hop-by-hop headers"
    HandshakeKeyMissing "handshake.key.missing" Violation "RFC 6455 §4.1"
        "the request has no Sec-WebSocket-Key, so the server cannot prove that it understood"
    HandshakeKeyInvalid "handshake.key.invalid" Violation "RFC 6455 §4.1"
        "Sec-WebSocket-Key is not the base64 form of 16 bytes; strict servers refuse it"
    HandshakeKeyRepeated "handshake.key.repeated" Violation "RFC 6455 §11.3.1"
        "Sec-WebSocket-Key stands more than once in the request"
    HandshakeKeyReused "handshake.key.reused" Warning "RFC 6455 §4.1"
        "an earlier connection used the same Sec-WebSocket-Key: not chosen at random, or forwarded by a proxy"
    HandshakeVersionMissing "handshake.version.missing" Violation "RFC 6455 §4.1"
        "the request has no Sec-WebSocket-Version; servers answer 426 or 400"
    HandshakeVersionUnsupported "handshake.version.unsupported" Note "RFC 6455 §4.4"
        "the request asks for another protocol version than 13; servers answer 426"
    HandshakeVersionRepeated "handshake.version.repeated" Violation "RFC 6455 §11.3.5"
        "Sec-WebSocket-Version stands more than once in the request"
    HandshakeScheme "handshake.scheme" Violation "RFC 8441 §5"
        "the extended CONNECT's :scheme is not http or https, which stand for ws and wss"
    HandshakePathMissing "handshake.path.missing" Violation "RFC 8441 §4"
        "the extended CONNECT has no :path"
    HandshakeConnectUnannounced "handshake.connect.unannounced" Violation "RFC 8441 §3"
        "an extended CONNECT to a server that had not sent SETTINGS_ENABLE_CONNECT_PROTOCOL"
    HandshakeOriginMissing "handshake.origin.missing" Note "RFC 6455 §10.2"
        "the request has no Origin, so it does not come from a browser"
    HandshakeProtocolRepeatedValue "handshake.protocol.repeated_value" Violation "RFC 6455 §4.1"
        "the same subprotocol is offered twice; a browser's WebSocket() throws SyntaxError"
    HandshakeCredentialsQuery "handshake.credentials.query" Note "RFC 6750 §5.3"
        "the target's query carries what looks like a credential; query strings end up in logs"
    HandshakeCredentialsCleartext "handshake.credentials.cleartext" Note "RFC 6455 §10.5"
        "cookies, an authorization or a token crossed the network over ws://, readable by anyone on the path"
    // -- the server's opening handshake
    HandshakeAcceptMissing "handshake.accept.missing" Violation "RFC 6455 §4.2.2"
        "the 101 has no Sec-WebSocket-Accept; browsers fail the connection"
    HandshakeAcceptWrong "handshake.accept.wrong" Violation "RFC 6455 §4.2.2"
        "Sec-WebSocket-Accept does not answer the key; browsers fail the connection"
    HandshakeAcceptRepeated "handshake.accept.repeated" Violation "RFC 6455 §11.3.3"
        "Sec-WebSocket-Accept stands more than once in the response"
    HandshakeResponseUpgrade "handshake.response.upgrade" Violation "RFC 6455 §4.2.2"
        "the 101's Upgrade header is not websocket; browsers fail the connection"
    HandshakeResponseConnection "handshake.response.connection" Violation "RFC 6455 §4.2.2"
        "the 101's Connection header lacks the Upgrade token; browsers fail the connection"
    HandshakeSubprotocolUnoffered "handshake.subprotocol.unoffered" Violation "RFC 6455 §4.1"
        "the server chose a subprotocol that was not offered; browsers fail the connection"
    HandshakeSubprotocolRepeated "handshake.subprotocol.repeated" Violation "RFC 6455 §11.3.4"
        "the response names more than one subprotocol"
    HandshakeExtensionUnoffered "handshake.extension.unoffered" Violation "RFC 6455 §4.1"
        "the server agreed an extension that was not offered; browsers fail the connection"
    HandshakeExtensionParameters "handshake.extension.parameters" Violation "RFC 7692 §7.1"
        "the permessage-deflate parameters are invalid or do not answer the offer; clients fail the connection"
    HandshakeExtensionRepeated "handshake.extension.repeated" Violation "RFC 6455 §11.3.2"
        "Sec-WebSocket-Extensions stands more than once in the response"
    HandshakeVersionUnnamed "handshake.version.unnamed" Violation "RFC 6455 §4.4"
        "the 426 does not say which Sec-WebSocket-Version it supports"
    HandshakeOriginCrossSite "handshake.origin.cross_site" Warning "RFC 6455 §10.2"
        "accepted although Origin's host is not Host: cross-site WebSocket hijacking (CSWSH) unless something else authenticates"
    HandshakeEarlyData "handshake.early_data" Violation "RFC 6455 §4.1"
        "the client sent frames before it could have seen the 101"
    // -- frames
    RsvUnnegotiated "ws.rsv.unnegotiated" Violation "RFC 6455 §5.2"
        "a reserved bit is set that no agreed extension defines; endpoints fail the connection (1002)"
    OpcodeReserved "ws.opcode.reserved" Violation "RFC 6455 §5.2"
        "the opcode is reserved; endpoints fail the connection (1002)"
    MaskMissing "ws.mask.missing" Violation "RFC 6455 §5.1"
        "a client frame is not masked; servers close with 1002"
    MaskUnexpected "ws.mask.unexpected" Violation "RFC 6455 §5.1"
        "a server frame is masked; clients close with 1002"
    MaskZero "ws.mask.zero" Note "RFC 6455 §5.3"
        "the masking key is zero, so the payload stands in the clear and proxies can be poisoned (§10.3)"
    MaskReused "ws.mask.reused" Warning "RFC 6455 §5.3"
        "the masking key of a recent frame is used again; keys must be unpredictable (§10.3)"
    LengthNonminimal "ws.length.nonminimal" Violation "RFC 6455 §5.2"
        "the payload length is not in its shortest form"
    LengthOverflow "ws.length.overflow" Violation "RFC 6455 §5.2"
        "the top bit of the 64-bit payload length is set"
    ControlFragmented "ws.control.fragmented" Violation "RFC 6455 §5.5"
        "a control frame without FIN; control frames cannot be fragmented"
    ControlTooLong "ws.control.too_long" Violation "RFC 6455 §5.5"
        "a control frame of more than 125 bytes"
    ContinuationUnexpected "ws.continuation.unexpected" Violation "RFC 6455 §5.4"
        "a continuation frame with no message to continue"
    ContinuationExpected "ws.continuation.expected" Violation "RFC 6455 §5.4"
        "a new message begins inside an unfinished one"
    CloseLength "ws.close.length" Violation "RFC 6455 §5.5.1"
        "a Close frame with one byte of payload: half a status code"
    CloseCode "ws.close.code" Violation "RFC 6455 §7.4"
        "a status code that must not appear on the wire"
    CloseAfter "ws.close.after" Violation "RFC 6455 §5.5.1"
        "a frame after the same side's Close; the receiver ignores it"
    Utf8Reason "ws.utf8.reason" Violation "RFC 6455 §5.5.1"
        "the Close reason is not valid UTF-8"
    CloseMissing "ws.close.missing" Warning "RFC 6455 §7.1.5"
        "TCP ended without a Close frame: a browser reports code 1006 (abnormal closure)"
    CloseUnanswered "ws.close.unanswered" Warning "RFC 6455 §5.5.1"
        "one side's Close was never answered with a Close before TCP ended: not a clean close"
    PingUnanswered "ws.ping.unanswered" Note "RFC 6455 §5.5.2"
        "a Ping was never answered by a Pong"
    // -- messages
    Utf8Text "ws.utf8.text" Violation "RFC 6455 §8.1"
        "a text message is not valid UTF-8; endpoints close with 1007"
    DeflateRsv1Continuation "deflate.rsv1.continuation" Violation "RFC 7692 §6.1"
        "RSV1 is set on a continuation frame; only a message's first frame may carry it"
    DeflateRsv1Control "deflate.rsv1.control" Violation "RFC 7692 §6.1"
        "RSV1 is set on a control frame; control frames are never compressed"
    DeflateCorrupt "deflate.corrupt" Violation "RFC 7692 §7.2.2"
        "the compressed message is not valid DEFLATE data; endpoints fail the connection"
    DeflateWindow "deflate.window" Violation "RFC 7692 §7.1.2"
        "compressed data refers back further than the agreed window; the receiver cannot inflate it"
    DeflateDictionaryLost "deflate.dictionary.lost" Loss "RFC 7692 §7.2.3.2"
        "the message refers to data that was lost before; what it refers to is not guessed"
    DeflateUnknown "deflate.unknown" Loss "RFC 7692 §7.1"
        "joined late, or an extension that is not known: what the reserved bits mean was not captured; RSV1 is read as permessage-deflate where it can be"
    // -- transport
    TcpGap "tcp.gap" Loss "RFC 9293 §3.4"
        "bytes of the stream were never captured"
    IpOverlapConflict "ip.overlap.conflict" Warning "RFC 5722 §3"
        "fragments of one IP packet contradict each other; the first copy was kept: two packets mixed up, or evasion"
    TcpOverlapConflict "tcp.overlap.conflict" Warning "RFC 9293 §3.10.7.4"
        "a retransmission brought other bytes than the first copy, which was kept: a broken stack, or evasion"
    TcpMidstream "tcp.midstream" Note "RFC 9293 §3.5"
        "the capture began after the connection"
    WsResync "ws.resync" Note "RFC 6455 §5.2"
        "the frame boundary was found again after lost bytes"
    TlsKeysMissing "tls.keys.missing" Loss "RFC 8446 §7.1"
        "no key log entry for this TLS session, so what it carried is not known"
    TlsDecryptFailed "tls.decrypt.failed" Loss "RFC 8446 §5.2"
        "TLS records are not authentic under the keys that the key log has for them: wrong keys, or damaged records"
    TlsUnsupported "tls.unsupported" Loss "RFC 8446 §4.1"
        "the TLS connection uses a version or cipher suite that cannot be opened here"
    CaptureSnap "capture.snap" Loss "pcap snaplen"
        "the snap length cut these bytes off; capture with -s 0"
    CaptureTruncated "capture.truncated" Loss "pcap format"
        "the capture file is damaged or cut"
    CaptureDropped "capture.dropped" Loss "pcap_stats"
        "packets were lost while capturing: the kernel, the interface or the analysis had no room for them"
    HttpHeadMalformed "http.head.malformed" Violation "RFC 9112 §2.2"
        "a line of the head is not HTTP/1.1 syntax"
    Http2HeadMalformed "http2.head.malformed" Violation "RFC 9113 §8.1.1"
        "a field that must not stand in an HTTP/2 head, or not there"
    Http2HeadUnknown "http2.head.unknown" Loss "RFC 7541 §2.3.2"
        "fields of the head are not known: they refer to what was not captured, or are more than is read"
    Http2HpackCorrupt "http2.hpack.corrupt" Violation "RFC 9113 §4.3"
        "a header block is not HPACK; endpoints end the connection"
    Http2Padding "http2.padding" Violation "RFC 9113 §6.1"
        "a frame has more padding than payload; endpoints end the connection"
    // -- sub-protocols; they break no rule of the WebSocket
    SocketioMalformed "socketio.malformed" Warning "Socket.IO protocol"
        "the message is no packet of Engine.IO or Socket.IO"
    StompMalformed "stomp.malformed" Warning "STOMP 1.2 Frames"
        "the message is no STOMP frame; servers answer with ERROR and close"
    StompContentLength "stomp.content_length" Warning "STOMP 1.2 Header content-length"
        "content-length is not the number of bytes up to the NUL of the frame; the frame was read up to that"
    MqttMalformed "mqtt.malformed" Warning "MQTT 5.0 §4.13"
        "the message holds what is no MQTT control packet; receivers close the connection"
    GraphqlMalformed "graphql.malformed" Warning "graphql-ws PROTOCOL"
        "the message is none of GraphQL over WebSocket; servers close with 4400"
    WampMalformed "wamp.malformed" Warning "WAMP 2 §Message Definitions"
        "the message is no WAMP message; peers abort the session"
    JsonrpcMalformed "jsonrpc.malformed" Warning "JSON-RPC 2.0"
        "the message is no JSON-RPC 2.0"
    SignalrMalformed "signalr.malformed" Warning "SignalR HubProtocol"
        "the message is none of the hub protocol; endpoints close the connection"
    SockjsMalformed "sockjs.malformed" Warning "SockJS protocol"
        "the message is no SockJS frame"
    XmppMalformed "xmpp.malformed" Warning "RFC 7395 §3.3.3"
        "the message is not one whole XML element; servers close the stream"
    SoapMalformed "soap.malformed" Warning "SOAP 1.2 §5.1"
        "the message is no SOAP envelope"
    ActioncableMalformed "actioncable.malformed" Warning "Action Cable protocol"
        "the message is neither command nor answer of Action Cable"
    PhoenixMalformed "phoenix.malformed" Warning "Phoenix channels"
        "the message is none of the serializer of Phoenix"
    JupyterMalformed "jupyter.malformed" Warning "Jupyter WebSocket protocols"
        "the message has not the parts of a kernel message"
    CdpMalformed "cdp.malformed" Warning "Chrome DevTools protocol"
        "the message is neither command, result nor event"
    NatsMalformed "nats.malformed" Warning "NATS client protocol"
        "the message holds what is no NATS operation; servers close with -ERR"
    PayloadMalformed "payload.malformed" Warning "wscope -d"
        "the message is not in the format that was named for it"
    // -- limits of ours
    LimitPayload "limit.payload" Loss "wscope limit"
        "more payload than is kept; the rest was decoded but is not shown"
    LimitInflate "limit.inflate" Loss "wscope limit"
        "the message inflates to more than is looked at"
    LimitHead "limit.head" Loss "wscope limit"
        "an HTTP head larger than is read, or one of more that wait than are kept"
    LimitReorder "limit.reorder" Loss "wscope limit"
        "more data waits behind a hole than is buffered; the hole was given up"
    LimitStreams "limit.streams" Loss "wscope limit"
        "more HTTP/2 streams at once than are tracked; the oldest was given up"
    LimitConnections "limit.connections" Loss "wscope limit"
        "more is kept of all connections than the limit; what the oldest kept was let go, here of a message under way"
    LimitFlows "limit.flows" Loss "wscope limit"
        "more connections at once than are tracked; a long idle one was given up"
    LimitDecode "limit.decode" Loss "wscope limit"
        "a unit of the sub-protocol larger than is looked at"
    LimitAnomalies "limit.anomalies" Loss "wscope limit"
        "more is odd about one frame or message than is told of it"
    LimitEarly "limit.early" Loss "wscope limit"
        "the client sent more than is kept before the answer to its upgrade request, which was then no longer waited for"
    LimitForgotten "limit.forgotten" Note "wscope limit"
        "more waits than is remembered (SYNs and requests for their answer, Pings for their Pong, keys for being used again): the oldest was forgotten"
    LimitFragments "limit.fragments" Loss "wscope limit"
        "more fragments of IP packets wait for others than are kept; the oldest were given up"
}

impl Code {
    /// The table's row for this code.
    pub fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }
}

/// Something odd, on the event that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// What it is.
    pub code: Code,
    /// What was found.
    pub detail: Detail,
    /// Who sent it, where the event that carries it belongs to both sides.
    pub side: Option<Direction>,
}

impl Anomaly {
    /// An anomaly with what was found.
    pub fn new(code: Code, detail: Detail) -> Self {
        Self { code, detail, side: None }
    }

    /// The same, sent by this side.
    #[must_use]
    pub fn by(self, side: Direction) -> Self {
        Self { side: Some(side), ..self }
    }
}

/// Adds anomalies to those of one item, of which at most `limit` are kept; how many more there were is told instead.
pub fn gather(kept: &mut Vec<Anomaly>, found: Vec<Anomaly>, limit: usize) {
    if kept.is_empty() && found.len() <= limit {
        *kept = found;
        return;
    }
    let room = limit.saturating_sub(kept.len());
    let weight = |anomaly: &Anomaly| match (anomaly.code, &anomaly.detail) {
        (Code::LimitAnomalies, Detail::Number(_, count)) => *count,
        _ => 1,
    };
    let over: u64 = found.iter().skip(room).map(weight).sum();
    kept.extend(found.into_iter().take(room));
    if over > 0 {
        let before = match kept.last() {
            Some(Anomaly { code: Code::LimitAnomalies, detail: Detail::Number(_, before), .. }) => *before,
            Some(_) | None => 0,
        };
        if before > 0 {
            kept.pop();
        }
        kept.push(Anomaly::new(Code::LimitAnomalies, Detail::Number("not told".into(), before + over)));
    }
}

impl From<Code> for Anomaly {
    fn from(code: Code) -> Self {
        Self::new(code, Detail::None)
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code.rule().meaning)?;
        match &self.detail {
            Detail::None => Ok(()),
            Detail::Number(what, value) => write!(out, " ({what} {value})"),
            Detail::Because(why) => write!(out, " ({why})"),
            Detail::Found(text) => write!(out, " (found {text:?})"),
            Detail::Peers(peers) => write!(out, " ({peers})"),
            Detail::Mismatch { found, expected } => {
                write!(out, " (found {found:?}, expected {expected:?})")
            }
        }
    }
}

/// The particulars of an anomaly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    /// The code says it all.
    None,
    /// A number and what it counts: an offset, a length, a status code.
    Number(Cow<'static, str>, u64),
    /// Why it is odd.
    Because(Cow<'static, str>),
    /// What stood there.
    Found(Box<str>),
    /// Between whom.
    Peers(Box<str>),
    /// What stood there, and what should have.
    Mismatch {
        /// As received.
        found: Box<str>,
        /// As the rule wants it.
        expected: Box<str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_enum_agree() {
        for (index, rule) in RULES.iter().enumerate() {
            assert_eq!(rule.code as usize, index);
            assert_eq!(rule.code.rule(), rule);
        }
    }

    #[test]
    fn names_are_unique_and_meanings_are_sentences() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|other| other.name != rule.name), "{}", rule.name);
            assert!(rule.meaning.len() > 20 && !rule.meaning.ends_with('.'), "{}", rule.name);
            assert!(!rule.reference.is_empty());
        }
    }
}

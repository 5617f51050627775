//! The table of rules, held against conversations: each code is found where it is planted, on the right side and the right
//! item, and its nearest lawful neighbour passes in silence.
//!
//! Each row goes through the whole analyzer four times: per frame and per message, in segments as told and byte by byte.

mod common;
#[path = "rules/row.rs"]
mod row;

use std::collections::BTreeMap;

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use wscope::anomaly::{Code, RULES};
use wscope::config::{Config, Per};
use wscope::dissect::PROTOCOLS;
use wscope::duplex::{Direction, Duplex};
use wscope::event::{Body, Closed, End, Event, NO_CONNECTION, Verdict};
use wscope::http2::frame::{END_HEADERS, Kind, PADDED};
use wscope::ws::handshake;

use common::conversation::KEY;
use common::http2::{ENABLE_CONNECT_PROTOCOL, connect};
use common::script::thorough;
use common::tls::{Tls, wrong};
use common::tunnel::fragments;
use common::{
    Conversation, Deflate, Dialect, Http2, OwnedPacket, Route, Say, Segment, analyse, binary, close, codes,
    continuation, frame, pcap, ping, pong, raw, text,
};

use row::{Capture, Item, Row, check, row};

use Code::*;
use Direction::{ToClient, ToServer};
use Item::{Frame, Gap, Handshake, Notice, Totals};

// -- the table

fn request_rules() -> Vec<Row> {
    const ORIGIN: &str = "Origin: http://server.example.com";
    vec![
        row(HandshakeMethod)
            .on(ToServer, Handshake, "\"POST\"")
            .planted(asked("GET", "POST"))
            .lawful(talk().close(1000, "")),
        row(HandshakeHttpVersion)
            .on(ToServer, Handshake, "\"1.0\"")
            .planted(asked("HTTP/1.1", "HTTP/1.0"))
            .lawful(asked("HTTP/1.1", "HTTP/1.2")),
        row(HandshakeHostMissing)
            .on(ToServer, Handshake, "")
            .planted(asked("Host: ", "X-Host: "))
            .lawful(asked("Host: ", "hOST:")),
        row(HandshakeUpgradeMissing)
            .on(ToServer, Handshake, "\"h2c\"")
            .planted(asked("Upgrade: websocket", "Upgrade: h2c"))
            .lawful(asked("Upgrade: websocket", "Upgrade: h2c\r\nupgrade: WebSocket")),
        row(HandshakeConnectionMissing)
            .on(ToServer, Handshake, "\"close\"")
            .planted(asked("Connection: Upgrade", "Connection: close"))
            .lawful(asked("Connection: Upgrade", "connection: keep-alive, upgrade")),
        row(HandshakeKeyMissing)
            .on(ToServer, Handshake, "")
            .planted(asked("Sec-WebSocket-Key", "X-Key"))
            .lawful(asked("Sec-WebSocket-Key: ", "SEC-WEBSOCKET-KEY:")),
        row(HandshakeKeyInvalid)
            .on(ToServer, Handshake, "dGhlIHNhbXBsZSBub25jZQ\"")
            .planted(keyed("dGhlIHNhbXBsZSBub25jZQ"))
            .lawful(keyed(" dGhlIHNhbXBsZSBub25jZR==\t".trim())),
        row(HandshakeKeyRepeated)
            .on(ToServer, Handshake, "")
            .planted(asked("Host:", &format!("Sec-WebSocket-Key: {KEY}\r\nHost:")))
            .lawful(asked("Host:", &format!("X-WebSocket-Key: {KEY}\r\nHost:"))),
        row(HandshakeKeyReused)
            .on(ToServer, Handshake, KEY)
            .connection(2)
            .planted(Capture::both(whole(0, KEY), whole(1, KEY)))
            .lawful(Capture::both(whole(0, KEY), whole(1, "AQIDBAUGBwgJCgsMDQ4PEA=="))),
        row(HandshakeVersionMissing)
            .on(ToServer, Handshake, "")
            .planted(asked("Sec-WebSocket-Version", "X-Version"))
            .lawful(asked("Sec-WebSocket-Version: 13", "sec-websocket-version:  13 ")),
        row(HandshakeVersionUnsupported)
            .on(ToServer, Handshake, "\"8\"")
            .planted(asked("Version: 13", "Version: 8"))
            .lawful(asked("Version: 13", "Version:13")),
        row(HandshakeVersionRepeated)
            .on(ToServer, Handshake, "\"13, 13\"")
            .planted(asked("Host:", "Sec-WebSocket-Version: 13\r\nHost:"))
            .lawful(asked("Host:", "X-WebSocket-Version: 13\r\nHost:")),
        row(HandshakeOriginMissing)
            .on(ToServer, Handshake, "")
            .planted(asked(ORIGIN, "X: y"))
            .lawful(asked(ORIGIN, "origin: https://SERVER.example.com:8443")),
        row(HandshakeProtocolRepeatedValue)
            .on(ToServer, Handshake, "\"chat\"")
            .planted(asked(
                ORIGIN,
                &format!("{ORIGIN}\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: a, chat"),
            ))
            .lawful(asked(
                ORIGIN,
                &format!("{ORIGIN}\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: a, Chat"),
            )),
        row(HandshakeCredentialsQuery)
            .on(ToServer, Handshake, "\"access_token\"")
            .beside(&[HandshakeCredentialsCleartext])
            .planted(asked("/chat", "/chat?access_token=1"))
            .lawful(asked("/chat HTTP/1.1", "/chat?room=1 HTTP/1.1\r\nCookie: a=b")),
        row(HandshakeCredentialsCleartext)
            .on(ToServer, Handshake, "\"Cookie\"")
            .planted(asked(ORIGIN, &format!("{ORIGIN}\r\nCookie: a=b")))
            .lawful(asked(ORIGIN, &format!("{ORIGIN}\r\nX-Cookies: none"))),
        row(HttpHeadMalformed)
            .on(ToServer, Handshake, "\"Sec-Header : 1\"")
            .planted(asked(ORIGIN, &format!("{ORIGIN}\r\nSec-Header : 1")))
            .lawful(asked(ORIGIN, &format!("{ORIGIN}\r\nEmpty:\r\nFolded: a\r\n b"))),
        row(HandshakeEarlyData)
            .on(ToServer, Frame(1), "")
            .planted(early(text("cannot wait")))
            .lawful(captured_early(text("did wait"))),
    ]
}

fn response_rules() -> Vec<Row> {
    let accept = handshake::accept(KEY);
    let with_protocols = |chosen: &str| {
        shaken(
            |request| request.replace("Origin:", "Sec-WebSocket-Protocol: chat, superchat\r\nOrigin:"),
            |response| response.replace("Upgrade:", &format!("Sec-WebSocket-Protocol: {chosen}\r\nUpgrade:")),
        )
    };
    let with_extensions = |offered: &str, agreed: &str| {
        shaken(
            |request| request.replace("Origin:", &format!("Sec-WebSocket-Extensions: {offered}\r\nOrigin:")),
            |response| response.replace("Upgrade:", &format!("Sec-WebSocket-Extensions: {agreed}\r\nUpgrade:")),
        )
    };
    let refused = |response: &str| {
        let told = Conversation::new().syn();
        let request = told.request();
        told.exchange(request, response).fin(ToClient).fin(ToServer)
    };
    vec![
        row(HandshakeAcceptMissing)
            .on(ToClient, Handshake, "")
            .planted(answered("Sec-WebSocket-Accept", "X-Accept"))
            .lawful(answered("Sec-WebSocket-Accept: ", "SEC-WEBSOCKET-ACCEPT:")),
        row(HandshakeAcceptWrong)
            .on(ToClient, Handshake, &format!("expected \"{accept}\""))
            .planted(answered(&accept, &accept.to_lowercase()))
            .lawful(answered(&accept, &format!("  {accept} "))),
        row(HandshakeAcceptRepeated)
            .on(ToClient, Handshake, "")
            .planted(answered("Upgrade:", &format!("Sec-WebSocket-Accept: {accept}\r\nUpgrade:")))
            .lawful(answered("Upgrade:", &format!("X-WebSocket-Accept: {accept}\r\nUpgrade:"))),
        row(HandshakeResponseUpgrade)
            .on(ToClient, Handshake, "\"web-socket\"")
            .planted(answered("Upgrade: websocket", "Upgrade: web-socket"))
            .lawful(answered("Upgrade: websocket", "UPGRADE: WebSocket")),
        row(HandshakeResponseConnection)
            .on(ToClient, Handshake, "\"keep-alive\"")
            .planted(answered("Connection: Upgrade", "Connection: keep-alive"))
            .lawful(answered("Connection: Upgrade", "Connection: keep-alive, UPGRADE")),
        row(HandshakeSubprotocolUnoffered)
            .on(ToClient, Handshake, "\"Chat\"")
            .planted(with_protocols("Chat"))
            .lawful(with_protocols("superchat")),
        row(HandshakeSubprotocolUnoffered)
            .on(ToClient, Handshake, "\"\"")
            .planted(answered("Upgrade:", "Sec-WebSocket-Protocol:\r\nUpgrade:"))
            .lawful(answered("Upgrade:", "Sec-WebSocket-Extensions:\r\nUpgrade:")),
        row(HandshakeSubprotocolRepeated)
            .on(ToClient, Handshake, "\"chat, superchat\"")
            .planted(with_protocols("chat\r\nSec-WebSocket-Protocol: superchat"))
            .lawful(with_protocols("chat")),
        row(HandshakeExtensionUnoffered)
            .on(ToClient, Handshake, "\"x-other\"")
            .planted(with_extensions("x-custom", "x-other"))
            .lawful(with_extensions("x-custom", "x-custom; a=1")),
        row(HandshakeExtensionParameters)
            .on(ToClient, Handshake, "\"client_max_window_bits\"")
            .planted(with_extensions("permessage-deflate", "permessage-deflate; client_max_window_bits=10"))
            .lawful(with_extensions(
                "permessage-deflate; client_max_window_bits",
                "permessage-deflate; client_max_window_bits=10",
            )),
        row(HandshakeExtensionRepeated)
            .on(ToClient, Handshake, "\"a, b\"")
            .planted(with_extensions("a, b", "a\r\nSec-WebSocket-Extensions: b"))
            .lawful(with_extensions("a\r\nSec-WebSocket-Extensions: b", "a, b")),
        row(HandshakeVersionUnnamed)
            .on(ToClient, Handshake, "")
            .planted(refused("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"))
            .lawful(refused("HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2\r\nContent-Length: 0\r\n\r\n")),
        row(HandshakeVersionUnnamed)
            .on(ToClient, Handshake, "")
            .planted(refused("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"))
            .lawful(refused("HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n")),
        row(HandshakeOriginCrossSite)
            .on(ToClient, Handshake, "\"https://server.example.com.evil.example\"")
            .planted(asked("Origin: http://server.example.com", "Origin: https://server.example.com.evil.example"))
            .lawful(asked("Origin: http://server.example.com", "Origin: https://Server.Example.COM:8443")),
        row(HandshakeOriginCrossSite)
            .on(ToClient, Handshake, "\"null\"")
            .planted(asked("Origin: http://server.example.com", "Origin: null"))
            .lawful({
                let told = Conversation::new().syn();
                let request = told.request().replace("http://server.example.com", "http://evil.example");
                told.exchange(request, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    .fin(ToClient)
                    .fin(ToServer)
            }),
        row(HttpHeadMalformed)
            .on(ToClient, Handshake, "\"no colon\"")
            .planted(answered("Upgrade:", "no colon\r\nUpgrade:"))
            .lawful(answered("Upgrade:", "Colon::\r\nUpgrade:")),
    ]
}

fn frame_rules() -> Vec<Row> {
    let agreed = || deflated(Deflate::default());
    vec![
        row(RsvUnnegotiated)
            .on(ToClient, Frame(2), "RSV 4")
            .planted(talk().server(text("a")).server(text("b").rsv(4)).close(1000, ""))
            .lawful(talk().server(text("a")).server(text("b")).close(1000, "")),
        row(RsvUnnegotiated)
            .on(ToServer, Frame(1), "RSV 3")
            .planted(agreed().client(text("RSV2 and RSV3").rsv(3)).close(1000, ""))
            .lawful(agreed().client(text("RSV1")).close(1000, "")),
        row(RsvUnnegotiated)
            .on(ToServer, Frame(1), "RSV 1")
            .planted(talk().client(ping("").rsv(1)).server(pong("")).close(1000, ""))
            .lawful(talk().client(ping("")).server(pong("")).close(1000, "")),
        row(OpcodeReserved)
            .on(ToServer, Frame(1), "opcode 3")
            .planted(talk().client(frame(3, "what?")).close(1000, ""))
            .lawful(talk().client(frame(2, "what?")).close(1000, "")),
        row(OpcodeReserved)
            .on(ToClient, Frame(1), "opcode 15")
            .planted(talk().server(frame(15, "what?")).close(1000, ""))
            .lawful(talk().server(frame(10, "what?")).close(1000, "")),
        row(MaskMissing)
            .on(ToServer, Frame(1), "")
            .planted(talk().client(text("hi").unmasked()).close(1000, ""))
            .lawful(talk().client(text("hi")).server(text("hi")).close(1000, "")),
        row(MaskUnexpected)
            .on(ToClient, Frame(1), "")
            .planted(talk().server(text("hi").masked([1, 2, 3, 4])).close(1000, ""))
            .lawful(talk().server(text("hi")).client(text("hi").masked([1, 2, 3, 4])).close(1000, "")),
        row(MaskZero)
            .on(ToServer, Frame(1), "")
            .planted(talk().client(text("hi").masked([0; 4])).close(1000, ""))
            .lawful(talk().client(text("hi").masked([0, 0, 0, 1])).close(1000, "")),
        row(MaskReused)
            .on(ToServer, Frame(3), "")
            .planted(
                talk()
                    .client(text("a").masked([7; 4]))
                    .client(text("b"))
                    .client(text("c").masked([7; 4]))
                    .close(1000, ""),
            )
            .lawful(
                talk()
                    .client(text("a").masked([7; 4]))
                    .client(text("b"))
                    .client(text("c").masked([7, 7, 7, 8]))
                    .close(1000, ""),
            ),
        row(LengthNonminimal)
            .on(ToServer, Frame(1), "payload length 125")
            .planted(talk().client(binary([0; 125]).length_in(16)).close(1000, ""))
            .lawful(talk().client(binary([0; 126]).length_in(16)).close(1000, "")),
        row(LengthNonminimal)
            .on(ToClient, Frame(1), "payload length 65535")
            .planted(talk().server(binary([0; 65535]).length_in(64)).close(1000, ""))
            .lawful(talk().server(binary([0; 65536]).length_in(64)).close(1000, "")),
        // All that follows is taken for its payload.
        row(LengthOverflow)
            .on(ToClient, Frame(1), "payload length 9223372036854775808")
            .planted(talk().client(close(1000, "")).server(binary("").declaring(1 << 63)).fin(ToClient))
            .lawful(talk().client(close(1000, "")).server(binary("").declaring((1 << 63) - 1)).fin(ToClient)),
        row(ControlFragmented)
            .on(ToServer, Frame(1), "")
            .planted(talk().client(ping("a").not_final()).server(pong("a")).close(1000, ""))
            .lawful(talk().client(text("ab").fragments(&[1]).between(pong(""))).close(1000, "")),
        row(ControlTooLong)
            .on(ToServer, Frame(1), "payload length 126")
            .planted(talk().client(pong([0; 126])).close(1000, ""))
            .lawful(talk().client(pong([0; 125])).close(1000, "")),
        row(ContinuationUnexpected)
            .on(ToClient, Frame(2), "")
            .planted(talk().server(text("done")).server(continuation("more")).close(1000, ""))
            .lawful(talk().server(text("not done").not_final()).server(continuation("more")).close(1000, "")),
        row(ContinuationExpected)
            .on(ToServer, Frame(2), "")
            .planted(talk().client(text("not done").not_final()).client(text("new")).close(1000, ""))
            .lawful(
                talk()
                    .client(text("not done").not_final())
                    .server(text("new"))
                    .client(ping(""))
                    .client(continuation("now"))
                    .server(pong(""))
                    .close(1000, ""),
            ),
    ]
}

fn closing_rules() -> Vec<Row> {
    let answer = || close(1000, "");
    vec![
        row(CloseLength)
            .on(ToServer, Frame(1), "")
            .planted(talk().client(frame(8, [3])).server(answer()).fin(ToServer).fin(ToClient))
            .lawful(talk().client(frame(8, [])).server(answer()).fin(ToServer).fin(ToClient)),
        row(CloseCode)
            .on(ToClient, Frame(1), "status code 1005")
            .planted(talk().server(close(1005, "")).client(answer()).fin(ToServer).fin(ToClient))
            .lawful(talk().server(close(1007, "")).client(answer()).fin(ToServer).fin(ToClient)),
        row(CloseAfter)
            .on(ToServer, Frame(2), "")
            .planted(
                talk().client(answer()).client(text("one more thing")).server(answer()).fin(ToClient).fin(ToServer),
            )
            .lawful(
                talk()
                    .client(answer())
                    .server(ping("still there?"))
                    .client(pong("still there?"))
                    .server(text("one more thing"))
                    .server(answer())
                    .fin(ToClient)
                    .fin(ToServer),
            ),
        row(CloseAfter)
            .on(ToClient, Frame(2), "")
            .times(2)
            .planted(
                talk()
                    .client(answer())
                    .server(answer())
                    .server(text("too").not_final())
                    .server(continuation("late"))
                    .fin(ToClient)
                    .fin(ToServer),
            )
            .lawful(
                talk()
                    .client(answer())
                    .server(text("in").not_final())
                    .server(continuation("time"))
                    .server(answer())
                    .fin(ToClient)
                    .fin(ToServer),
            ),
        // §5.5.2: a Ping may be sent until the connection is closed.
        row(CloseAfter)
            .on(ToClient, Frame(2), "")
            .planted(talk().server(answer()).server(answer()).client(answer()).fin(ToServer).fin(ToClient))
            .lawful(
                talk().server(answer()).server(ping("")).client(pong("")).client(answer()).fin(ToServer).fin(ToClient),
            ),
        row(Utf8Reason)
            .on(ToServer, Frame(1), "at byte 2")
            .planted(talk().client(close(1000, b"ab\xe2\x82")).server(answer()).fin(ToClient).fin(ToServer))
            .lawful(talk().client(close(1000, "ab€")).server(answer()).fin(ToClient).fin(ToServer)),
        row(CloseMissing)
            .on(None, Notice, "1006")
            .planted(talk().client(text("bye")).server(text("bye")).fin(ToServer).fin(ToClient))
            .lawful(talk().client(text("bye")).server(text("bye")).close(1000, "")),
        row(CloseMissing)
            .on(None, Notice, "1006")
            .planted(talk().client(text("bye")).reset(ToServer))
            // The capture ended before TCP did.
            .lawful(talk().client(text("bye")).fin(ToServer)),
        row(CloseUnanswered)
            .on(ToServer, Notice, "")
            .planted(talk().client(text("hi")).server(close(1001, "")).fin(ToClient).fin(ToServer))
            .lawful(
                talk().client(text("hi")).server(close(1001, "")).client(close(1001, "")).fin(ToClient).fin(ToServer),
            ),
        row(CloseUnanswered)
            .on(ToClient, Notice, "")
            .planted(talk().server(text("hi")).client(close(1001, "")).reset(ToServer))
            .lawful(talk().server(text("hi")).client(close(1001, ""))),
        // A side that said nothing at all was heard all the same: it shook hands.
        row(CloseUnanswered)
            .on(ToServer, Notice, "")
            .planted(talk().server(text("hi")).server(close(1001, "")).fin(ToClient).fin(ToServer))
            .lawful(
                talk().server(text("hi")).server(close(1001, "")).client(close(1001, "")).fin(ToClient).fin(ToServer),
            ),
        row(PingUnanswered)
            .on(ToServer, Notice, "pings 1")
            .planted(talk().server(ping("a")).client(text("hi")).close(1000, ""))
            .lawful(talk().server(ping("a")).client(pong("a")).client(text("hi")).close(1000, "")),
        row(PingUnanswered)
            .on(ToClient, Notice, "pings 2")
            .planted(
                talk().client(ping("a")).client(ping("b")).client(ping("c")).server(pong("a")).pause(9).close(1000, ""),
            )
            // One Pong may answer for all Pings before.
            .lawful(talk().client(ping("a")).client(ping("b")).client(ping("c")).server(pong("c")).close(1000, "")),
        row(PingUnanswered)
            .on(ToServer, Notice, "pings 2")
            .beside(&[CloseMissing])
            .planted(talk().server(ping("a")).pause(5000).server(ping("b")).pause(5000).reset(ToClient))
            .lawful(talk().server(ping("a")).pause(5000).server(ping("b")).client(pong("b")).reset(ToClient)),
    ]
}

fn message_rules() -> Vec<Row> {
    let agreed = || deflated(Deflate::default());
    // "Hello" in the bytes of RFC 7692 §7.2.3.1, and what §7.2.3.2 sends when it is said again.
    const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    const AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let as_is = |opcode, bytes: &[u8]| frame(opcode, bytes).rsv(4).uncompressed();
    let windowed = |distance: usize| {
        let told = speaking(Dialect {
            request: vec![
                "Origin: http://server.example.com".into(),
                "Sec-WebSocket-Extensions: permessage-deflate".into(),
            ],
            response: vec!["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9".into()],
            ..Dialect::default()
        });
        let wire = deflate(&repeating(distance));
        told.server(text("before")).server(as_is(2, &wire[0])).server(as_is(2, &wire[1])).close(1000, "")
    };
    vec![
        row(Utf8Text)
            .on(ToServer, Frame(1), "at byte 3")
            .planted(talk().client(text(b"abc\xff and \xff again")).close(1000, ""))
            .lawful(talk().client(binary(b"abc\xff and \xff again")).client(text("abc\u{ff}")).close(1000, "")),
        // The character is cut by a fragment's end, and cannot be one from the next fragment's first byte on.
        row(Utf8Text)
            .on(ToClient, Frame(2), "at byte 4")
            .planted(talk().server(text(b"ab\xe2\x82\x28\xff").fragments(&[4])).server(text("good")).close(1000, ""))
            .lawful(talk().server(text("ab€(").fragments(&[4])).server(text("good")).close(1000, "")),
        // It ends inside a character: known with its last fragment, though that is empty.
        row(Utf8Text)
            .on(ToServer, Frame(3), "at byte 3")
            .planted(talk().client(text(b"a\xe2\x82").fragments(&[2, 1])).close(1000, ""))
            .lawful(talk().client(text("a€").fragments(&[2, 2])).close(1000, "")),
        row(Utf8Text)
            .on(ToServer, Frame(2), "at byte 70003")
            .planted(
                agreed()
                    .client(text("ok"))
                    .client(text([&[b'a'; 70_000][..], b"\xf0\x9f\x98("].concat()))
                    .close(1000, ""),
            )
            .lawful(
                agreed()
                    .client(text("ok"))
                    .client(text([&[b'a'; 70_000][..], "😀".as_bytes()].concat()))
                    .close(1000, ""),
            ),
        row(Utf8Text)
            .on(ToServer, Frame(1), "at byte 1")
            .times(2)
            .planted(talk().client(text(b"a\xff")).client(text(b"b\xff")).close(1000, ""))
            .lawful(talk().client(text("a\u{ff}")).client(text("b\u{ff}")).close(1000, "")),
        row(DeflateRsv1Continuation)
            .on(ToServer, Frame(2), "")
            .planted(
                agreed()
                    .client(as_is(1, &HELLO[..3]).not_final())
                    .client(continuation(&HELLO[3..]).rsv(4))
                    .close(1000, ""),
            )
            .lawful(
                agreed().client(as_is(1, &HELLO[..3]).not_final()).client(continuation(&HELLO[3..])).close(1000, ""),
            ),
        row(DeflateRsv1Control)
            .on(ToClient, Frame(1), "")
            .planted(agreed().server(ping("a").rsv(4)).client(pong("a")).close(1000, ""))
            .lawful(agreed().server(ping("a")).client(pong("a")).close(1000, "")),
        row(DeflateCorrupt)
            .on(ToServer, Frame(2), "after inflating bytes 0")
            .planted(agreed().client(as_is(1, &HELLO)).client(as_is(1, &[0x07, 0, 0])).close(1000, ""))
            .lawful(agreed().client(as_is(1, &HELLO)).client(as_is(1, &AGAIN)).close(1000, "")),
        // Without context takeover there is nothing to refer to.
        row(DeflateCorrupt)
            .on(ToServer, Frame(2), "")
            .planted(
                deflated(Deflate { takeover: Duplex { to_server: false, to_client: true }, ..Deflate::default() })
                    .client(as_is(1, &HELLO))
                    .client(as_is(1, &AGAIN))
                    .close(1000, ""),
            )
            .lawful(
                deflated(Deflate { takeover: Duplex { to_server: true, to_client: false }, ..Deflate::default() })
                    .client(as_is(1, &HELLO))
                    .client(as_is(1, &AGAIN))
                    .close(1000, ""),
            ),
        row(DeflateWindow).on(ToClient, Frame(3), "distance 513").planted(windowed(513)).lawful(windowed(512)),
        row(DeflateDictionaryLost)
            .on(ToServer, Frame(2), "after inflating bytes 1")
            .beside(&[TcpGap])
            .planted(Capture::packets(without_third_byte_of_payload(Deflate::default(), &HELLO, &AGAIN)))
            .lawful(Capture::packets(without_third_byte_of_payload(
                Deflate { takeover: Duplex { to_server: false, to_client: true }, ..Deflate::default() },
                &HELLO,
                &HELLO,
            ))),
        row(DeflateUnknown)
            .on(ToServer, Frame(1), "")
            .beside(&[TcpMidstream])
            .planted(joined(agreed().client(text("Hello")).server(text("hello there").uncompressed()).close(1000, "")))
            .lawful(joined(talk().client(text("Hello")).server(text("hello there")).close(1000, ""))),
    ]
}

fn http2_rules() -> Vec<Row> {
    type Fields = Vec<(&'static str, &'static str)>;
    let asked = |edit: &dyn Fn(&mut Fields)| {
        let mut fields = connect("/chat").to_vec();
        edit(&mut fields);
        Http2::new().head(ToServer, 1, 0, &fields).head(ToClient, 1, 0, &[(":status", "200")]).told()
    };
    let scheme = |value| asked(&|fields| fields[2].1 = value);
    let opened = || Http2::new().open(1, "/chat");
    let padded = |padding| opened().frame(ToClient, Kind::DATA, PADDED, 1, &[padding, 0]).told();
    vec![
        row(HandshakeScheme).on(ToServer, Handshake, "\"ws\"").planted(scheme("ws")).lawful(scheme("https")),
        row(HandshakePathMissing)
            .on(ToServer, Handshake, "")
            .planted(asked(&|fields| fields.retain(|(name, _)| *name != ":path")))
            .lawful(asked(&|fields| fields.swap(1, 3))),
        row(HandshakeConnectUnannounced)
            .on(ToServer, Handshake, "")
            .planted(Http2::with_settings(&[0, 8, 0, 0, 0, 0]).open(1, "/chat").told())
            .lawful(Http2::with_settings(ENABLE_CONNECT_PROTOCOL).open(1, "/chat").told()),
        row(Http2HeadMalformed)
            .on(ToServer, Handshake, "\"connection: upgrade\"")
            .planted(asked(&|fields| fields.push(("connection", "upgrade"))))
            .lawful(asked(&|fields| fields.push(("te", "trailers")))),
        row(Http2HeadUnknown)
            .on(ToServer, Handshake, "fields 1")
            .entails(&[LimitHead])
            .config(|config| config.limits.head = 400)
            .planted(asked(&|fields| fields.push(("user-agent", "twenty octets of it."))))
            .lawful(asked(&|_| {})),
        row(Http2HpackCorrupt)
            .on(ToServer, Handshake, "")
            .planted(Http2::new().frame(ToServer, Kind::HEADERS, END_HEADERS, 1, &[0xff]).open(3, "/chat").told())
            .lawful(Http2::new().frame(ToServer, Kind::HEADERS, END_HEADERS, 1, &[0x82]).open(3, "/chat").told()),
        row(Http2Padding).on(ToClient, Notice, "bytes 2").planted(padded(2)).lawful(padded(1)),
    ]
}

fn transport_rules() -> Vec<Row> {
    let told = || talk().client(text("first")).client(text("second")).client(text("third")).close(1000, "");
    // SYN, SYN-ACK, ACK, request, 101, then a segment for each word.
    const SECOND: usize = 6;
    let edited = |edit: &dyn Fn(&mut Vec<OwnedPacket>, &Conversation)| {
        let told = told();
        let mut packets = told.packets();
        edit(&mut packets, &told);
        Capture::packets(packets)
    };
    vec![
        row(TcpGap)
            .on(ToServer, Gap, "bytes 12")
            .entails(&[WsResync])
            .planted(edited(&|packets, _| drop(packets.remove(SECOND))))
            .lawful(edited(&|packets, _| packets.swap(SECOND, SECOND + 1))),
        row(WsResync)
            .on(ToServer, Frame(2), "bytes passed over 0")
            .entails(&[TcpGap])
            .planted(edited(&|packets, _| drop(packets.remove(SECOND))))
            .lawful(edited(&|packets, _| packets.swap(SECOND, SECOND + 1))),
        row(TcpOverlapConflict)
            .on(ToServer, Notice, "at stream offset")
            .planted(edited(&|packets, told| {
                let mut other = told.segments()[SECOND].clone();
                other.payload[8] ^= 1;
                packets.insert(SECOND + 1, told.route().packet(&other));
            }))
            .lawful(edited(&|packets, told| packets.insert(SECOND + 1, told.route().packet(&told.segments()[SECOND])))),
        row(IpOverlapConflict)
            .on(ToServer, Notice, "")
            .planted(edited(&|packets, _| in_fragments(packets, SECOND, 1)))
            .lawful(edited(&|packets, _| in_fragments(packets, SECOND, 0))),
        row(TcpMidstream).on(None, Handshake, "").planted(joined(told())).lawful(told()),
        row(TlsKeysMissing)
            .on(None, Notice, "wss.example.com, 10.0.0.1:49152 -> 10.0.0.2:80")
            .connection(NO_CONNECTION)
            .planted(secured(|_| String::new(), |_| {}))
            .lawful(secured(str::to_owned, |_| {})),
        row(TlsDecryptFailed)
            .on(None, Notice, "wss.example.com")
            .connection(NO_CONNECTION)
            .planted(secured(wrong, |_| {}))
            .lawful(secured(str::to_owned, |_| {})),
        // The suite stands behind the random and the session id of the ServerHello.
        row(TlsUnsupported)
            .on(None, Notice, "wss.example.com")
            .connection(NO_CONNECTION)
            .planted(secured(str::to_owned, |hello| hello[76..78].copy_from_slice(&[0xfa, 0xfa])))
            .lawful(secured(str::to_owned, |hello| hello[76..78].copy_from_slice(&[0x13, 0x01]))),
        row(CaptureSnap)
            .on(ToServer, Gap, "bytes 2")
            .planted(edited(&|packets, _| {
                let whole = packets[SECOND].bytes.len();
                packets[SECOND] = packets[SECOND].clone().snapped(whole - 2);
            }))
            .lawful(edited(&|packets, _| {
                let whole = packets[SECOND].bytes.len();
                packets[SECOND] = packets[SECOND].clone().snapped(whole);
            })),
        row(CaptureTruncated)
            .on(None, Totals, "")
            .planted(Capture::file({
                let mut file = pcap::pcap(&told().packets());
                file.truncate(file.len() - 1);
                file
            }))
            .lawful(Capture::file(pcap::pcap(&told().packets()))),
        row(CaptureDropped)
            .on(None, Notice, "packets: 3")
            .connection(NO_CONNECTION)
            .planted(Capture::Lossy(told().packets(), 3))
            .lawful(Capture::packets(told().packets())),
    ]
}

fn limit_rules() -> Vec<Row> {
    let bomb = |length: usize| {
        deflated(Deflate::default())
            .server(text("before"))
            .server(binary(vec![0; length]))
            .server(text("before"))
            .close(1000, "")
    };
    let burst = || {
        let told = (0..9).fold(talk(), |told, _| told.client(binary([0; 1000])));
        told.close(1000, "")
    };
    const FIRST: usize = 5;
    vec![
        row(LimitPayload)
            .on(ToServer, Frame(1), "")
            .config(|config| config.limits.payload = 200)
            .planted(talk().client(text([b'a'; 201])).close(1000, ""))
            .lawful(talk().client(text([b'a'; 200])).close(1000, "")),
        row(LimitInflate)
            .on(ToClient, Frame(2), "limit 70000")
            .config(|config| config.limits.inflate = 70_000)
            .planted(bomb(70_001))
            .lawful(bomb(70_000)),
        row(LimitAnomalies)
            .on(ToServer, Frame(1), "not told 1")
            .beside(&[RsvUnnegotiated])
            .config(|config| config.limits.anomalies = 1)
            .planted(talk().client(text("a").rsv(2).unmasked()).close(1000, ""))
            .lawful(talk().client(text("a").rsv(2)).close(1000, "")),
        row(LimitHead)
            .on(None, Totals, "")
            .config(|config| config.limits.head = 1000)
            .planted(asked("Origin:", &format!("X: {}\r\nOrigin:", "y".repeat(1000))))
            .lawful(asked("Origin:", &format!("X: {}\r\nOrigin:", "y".repeat(500)))),
        row(LimitReorder)
            .on(ToServer, Gap, "bytes 1008")
            .entails(&[WsResync])
            .config(|config| config.limits.reorder = 5000)
            .planted(Capture::packets({
                let mut packets = burst().packets();
                packets.remove(FIRST);
                packets
            }))
            .lawful(Capture::packets({
                let mut packets = burst().packets();
                let late = packets.remove(FIRST);
                packets.insert(FIRST + 4, late);
                packets
            })),
        row(LimitStreams)
            .on(None, Notice, "")
            .config(|config| config.limits.streams = 1)
            .planted(Http2::new().open(1, "/one").open(3, "/two").told())
            .lawful(Http2::new().open(1, "/one").told()),
        row(LimitConnections)
            .on(ToClient, Notice, "")
            .config(|config| config.limits.connections = 40_000)
            .planted(
                deflated(Deflate::default()).server(text("a").not_final()).server(continuation("b")).close(1000, ""),
            )
            .lawful(
                deflated(Deflate::default())
                    .server(text("a").uncompressed().not_final())
                    .server(continuation("b"))
                    .close(1000, ""),
            ),
        row(LimitFlows)
            .on(None, Notice, "")
            .config(|config| config.limits.flows = 1)
            .planted(Capture::both(
                opened(0, KEY).client(text("hi")),
                opened(1, "AQIDBAUGBwgJCgsMDQ4PEA==").close(1000, ""),
            ))
            .lawful(opened(0, KEY).client(text("hi"))),
        row(LimitEarly)
            .on(None, Handshake, "")
            .config(|config| config.limits.early = 100)
            .planted(unanswered().client(binary([7; 200])))
            .lawful(talk().close(1000, "")),
        row(LimitForgotten)
            .on(None, Totals, "")
            .beside(&[PingUnanswered])
            .config(|config| config.limits.pings = 1)
            .planted(talk().client(ping("a")).client(ping("b")).close(1000, ""))
            .lawful(talk().client(ping("a")).close(1000, "")),
        row(LimitFragments)
            .on(None, Totals, "")
            .config(|config| config.limits.fragment_datagrams = 1)
            .planted(Capture::packets(with_first_fragments(2)))
            .lawful(Capture::packets(with_first_fragments(1))),
    ]
}

// -- each row is so

#[test]
fn rules_of_the_request() {
    check(request_rules());
}

#[test]
fn rules_of_the_response() {
    check(response_rules());
}

#[test]
fn rules_of_frames() {
    check(frame_rules());
}

#[test]
fn rules_of_the_closing_handshake() {
    check(closing_rules());
}

#[test]
fn rules_of_messages() {
    check(message_rules());
}

#[test]
fn rules_of_the_transport() {
    check(transport_rules());
    check(http2_rules());
}

#[test]
fn rules_of_limits() {
    check(limit_rules());
}

#[test]
fn every_code_has_a_row_or_a_reason() {
    let mut rows: BTreeMap<Code, u32> = BTreeMap::new();
    for table in [
        request_rules(),
        response_rules(),
        frame_rules(),
        closing_rules(),
        message_rules(),
        transport_rules(),
        http2_rules(),
        limit_rules(),
    ] {
        table.iter().for_each(|row| *rows.entry(row.code).or_default() += 1);
    }
    // What is odd in a sub-protocol is planted beside its dissector.
    let dissected =
        |code| [StompContentLength, LimitDecode].contains(&code) || PROTOCOLS.iter().any(|row| row.malformed == code);
    let missing = RULES.iter().filter(|rule| !rows.contains_key(&rule.code) && !dissected(rule.code));
    assert_eq!(missing.map(|rule| rule.name).collect::<Vec<_>>(), [""; 0]);
}

// -- what the table cannot say

#[test]
fn status_codes_at_their_boundaries() {
    let codes_of = |code| codes(&analyse(&talk().close(code, "why").packets(), &Config::default()));
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        assert_eq!(codes_of(code), [], "{code}");
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535] {
        assert_eq!(codes_of(code), [CloseCode, CloseCode], "{code}: once for each side");
    }
}

#[test]
fn the_first_close_tells_who_began_and_why() {
    let closed = |told: Conversation| {
        let closed = closed(&analyse(&told.packets(), &Config::default()));
        (closed.how, closed.by, closed.close.and_then(|close| close.code))
    };
    let both = |first: Direction| {
        let told = talk().say(first, &close(1001, "")).say(first.opposite(), &close(1000, ""));
        told.fin(ToServer).fin(ToClient)
    };
    assert_eq!(closed(both(ToServer)), (End::ClosingHandshake, Some(ToServer), Some(1001)));
    assert_eq!(closed(both(ToClient)), (End::ClosingHandshake, Some(ToClient), Some(1001)));
    let alone = || talk().client(close(4000, ""));
    assert_eq!(closed(alone().reset(ToClient)), (End::Reset, Some(ToClient), Some(4000)));
    assert_eq!(closed(alone()), (End::EndOfCapture, None, Some(4000)));
    assert_eq!(closed(talk().fin(ToServer).fin(ToClient)), (End::Fin, Some(ToServer), None));
}

/// A violation fails the connection (§7.1.7), but here decoding goes on.
#[test]
fn after_each_violation_the_next_message_comes_out_whole() {
    let before_close = [
        (RsvUnnegotiated, text("rsv").rsv(3)),
        (OpcodeReserved, frame(3, "opcode")),
        (OpcodeReserved, frame(11, "control")),
        (MaskMissing, text("not masked").unmasked()),
        (MaskZero, text("zero").masked([0; 4])),
        (LengthNonminimal, text("long form").length_in(64)),
        (ControlFragmented, pong("fragment").not_final()),
        (ControlTooLong, pong([b'p'; 1000])),
        (ContinuationUnexpected, continuation("of nothing")),
        (Utf8Text, text(b"not\xfftext")),
        (DeflateCorrupt, frame(1, [7, 0, 0]).rsv(4).uncompressed()),
        (DeflateRsv1Control, ping("").rsv(4)),
        (CloseLength, frame(8, "x")),
    ];
    // What is corrupt cannot be referred to, so the good ones refer to nothing before.
    let good = |code: Code| text(format!("{} is behind", code.rule().name)).uncompressed();
    let mut told = deflated(Deflate::default());
    let mut planted = Vec::new();
    for (code, say) in before_close {
        told = told.client(say).client(good(code));
        planted.push(code);
    }
    // Behind the Close each frame is one too many.
    let packets = told.client(text("after it")).client(good(CloseAfter)).packets();
    planted.extend([CloseAfter; 3]);
    for per in [Per::Frame, Per::Message] {
        let events = analyse(&packets, &Config { per, ..Config::default() });
        assert_eq!(codes(&events), planted, "{per:?}");
        let texts = texts(&events);
        for code in &planted {
            let good = format!("{} is behind", code.rule().name);
            assert!(texts.iter().any(|(_, text)| *text == good), "{good}");
        }
    }
}

/// RFC 7692 §7.2.2: what is over the limit is inflated all the same, as later messages may refer to it.
#[test]
fn behind_a_message_that_inflates_too_far_the_window_is_right() {
    let long: String = (0..20_000).map(|n| format!("{n:x},")).collect();
    let told = deflated(Deflate::default()).server(text(&long)).server(text(&long[long.len() - 30_000..]));
    let packets = told.close(1000, "").packets();
    for per in [Per::Frame, Per::Message] {
        let mut config = Config { per, ..Config::default() };
        config.limits.inflate = 65_537;
        let events = analyse(&packets, &config);
        assert_eq!(codes(&events), [LimitInflate], "{per:?}");
        let texts = texts(&events);
        assert_eq!(texts[0].1, long[..65_537]);
        assert_eq!(texts[1].1, long[long.len() - 30_000..]);
    }
}

#[test]
fn a_request_that_is_asked_again_on_its_connection_keeps_its_key() {
    let told = Conversation::new().syn();
    let request = told.request();
    let packets = told
        .exchange(&request, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        .upgrade()
        .close(1000, "")
        .packets();
    assert_eq!(codes(&analyse(&packets, &Config::default())), []);
}

#[test]
fn frames_before_the_101_are_told_once() {
    let told = Conversation::new().syn();
    let (request, response) = (told.request(), told.response());
    let told = told.client(raw(request)).client(text("one")).client(text("two")).server(raw(response));
    let events = analyse(&told.close(1000, "").packets(), &Config::default());
    assert_eq!(codes(&events), [HandshakeEarlyData]);
    assert_eq!(texts(&events).len(), 2);
}

#[test]
fn a_handshake_that_broke_a_rule_is_invalid_and_a_refusal_is_rejected() {
    let verdict = |told: Conversation| {
        let events = analyse(&told.packets(), &Config::default());
        events.into_iter().find_map(|event| match event.body {
            Body::Handshake(handshake) => Some((handshake.verdict, handshake.established)),
            _ => None,
        })
    };
    assert_eq!(verdict(talk()), Some((Verdict::Accepted, true)));
    assert_eq!(verdict(asked("Host:", "X:")), Some((Verdict::Invalid, true)));
    assert_eq!(verdict(asked("Origin:", "X:")), Some((Verdict::Accepted, true)), "a note is no violation");
    assert_eq!(verdict(answered("101", "400")), Some((Verdict::Rejected, false)));
}

/// Where the 101 was lost, so was where the first frame begins.
#[test]
fn behind_a_lost_101_nobody_is_accused() {
    for lost in [4..5, 4..6] {
        let told = talk().server(text([b'a'; 500])).server(binary([0xff; 300])).client(text("hi")).close(1000, "");
        let mut segments = told.segments();
        // The server's answer comes in pieces, of which the first is lost.
        let pieces: Vec<_> = segments.drain(4..7).collect();
        let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.payload.clone()).collect();
        let mut rest = Segment { payload: all, ..pieces[0].clone() };
        let mut cut = Vec::new();
        for _ in 0..4 {
            let (head, tail) = rest.split_at(180);
            cut.push(head);
            rest = tail;
        }
        cut.push(rest);
        segments.splice(4..4, cut);
        segments.drain(lost);
        Capture::Told(vec![(told.route(), segments)]).silent_but(&[TcpGap, WsResync]);
    }
}

/// What one side said is handed on when its beginning is settled, which may be long before the other's.
#[test]
fn joined_late_a_pong_answers_the_ping_that_is_known_after_it() {
    let told = talk()
        .client(text("Hello"))
        .server(text("hi, I have been here for a while"))
        .server(ping("are you there?"))
        .server(text("hello?"))
        .client(pong("are you there?"))
        .close(1000, "");
    joined(told).silent_but(&[TcpMidstream]);
}

/// The bytes of the opening handshake count too.
#[test]
fn a_conflict_in_the_handshake_is_told() {
    let told = talk().close(1000, "");
    let mut packets = told.packets();
    let mut other = told.segments()[3].clone();
    other.payload[5] ^= 1;
    packets.insert(4, told.route().packet(&other));
    Capture::packets(packets).silent_but(&[TcpOverlapConflict]);
}

#[test]
fn joined_late_reserved_bits_may_have_been_agreed() {
    let told = talk().client(text("Hello")).server(text("hi there")).client(text("a")).server(text("and b"));
    // As long as it is not known to be a WebSocket, such bits tell against it.
    let told = told.pause(2000).client(text("c")).server(text("d")).client(binary("x").rsv(3)).close(1000, "");
    joined(told).silent_but(&[TcpMidstream, DeflateUnknown]);
}

/// An extension that nobody here knows may change what its frames carry (§5.8, §9).
#[test]
fn what_an_unknown_extension_does_to_a_payload_is_not_judged() {
    let with_extension = |say: Say| {
        let line = "Sec-WebSocket-Extensions: x-webkit-deflate-frame".to_owned();
        let dialect = Dialect {
            request: vec!["Origin: http://server.example.com".into(), line.clone()],
            response: vec![line],
            ..Dialect::default()
        };
        Capture::from(speaking(dialect).client(say).close(1000, ""))
    };
    with_extension(text(b"\xf2\x48\xcd").rsv(4)).silent_but(&[DeflateUnknown]);
    with_extension(text(b"\xf2\x48\xcd\xff").rsv(2).fragments(&[2])).silent_but(&[DeflateUnknown]);
    let (events, _) = with_extension(text(b"\xf2\x48\xcd")).analyse(&Config::default());
    assert_eq!(codes(&events), [Utf8Text], "which sets no bit");
}

proptest! {
    #![proptest_config(thorough(60))]

    /// Accuse nobody wrongly: whatever peers say that keep the rules, no anomaly is found but unanswered Pings.
    #[test]
    fn who_keeps_the_rules_is_not_accused(
        deflate in proptest::option::of(deflate_parameters()),
        words in proptest::collection::vec((any::<bool>(), lawful_word()), 0..24),
        closer in any::<bool>(),
        code in prop_oneof![Just(1000u16), 1001..=1003u16, 1007..=1014u16, 3000..=4999u16],
        mss in prop_oneof![1..40usize, Just(1448usize)],
        per in prop_oneof![Just(Per::Frame), Just(Per::Message)],
    ) {
        let mut told = speaking(Dialect { deflate, mss, ..Dialect::default() });
        for (client, word) in &words {
            told = told.say(if *client { ToServer } else { ToClient }, word);
        }
        let first = if closer { ToServer } else { ToClient };
        let told = told.say(first, &close(code, "bye ü")).say(first.opposite(), &close(code, "")).fin(first).fin(first.opposite());
        let events = analyse(&told.packets(), &Config { per, ..Config::default() });
        let found: Vec<_> = codes(&events).into_iter().filter(|code| *code != PingUnanswered).collect();
        prop_assert_eq!(found, []);
        let sent = words.iter().filter(|(_, word)| matches!(word.opcode, 1 | 2)).count();
        prop_assert_eq!(closed(&events).tally.to_server.messages + closed(&events).tally.to_client.messages, sent as u64);
    }
}

fn deflate_parameters() -> impl Strategy<Value = Deflate> {
    let duplex = |(to_server, to_client)| Duplex { to_server, to_client };
    let bits = (9..=15u8, 9..=15u8).prop_map(duplex);
    let takeover = (any::<bool>(), any::<bool>()).prop_map(|(to_server, to_client)| Duplex { to_server, to_client });
    (bits, takeover).prop_map(|(window_bits, takeover)| Deflate { window_bits, takeover })
}

/// A message in fragments, or a control frame, of a sender that keeps the rules.
fn lawful_word() -> impl Strategy<Value = Say> {
    let cuts = proptest::collection::vec(0..60usize, 0..4);
    let words = proptest::collection::vec("[a-zäöü€😀]{0,9}|the same again", 0..60).prop_map(|words| words.concat());
    let data = prop_oneof![
        words.prop_map(text),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(binary),
        (0..40_000usize, any::<u8>()).prop_map(|(length, byte)| binary(vec![byte; length])),
    ];
    let control = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..=125).prop_map(ping),
        proptest::collection::vec(any::<u8>(), 0..=125).prop_map(pong),
    ];
    let message = (data, cuts, proptest::option::of(control.clone()), proptest::bool::weighted(0.2)).prop_map(
        |(data, cuts, control, uncompressed)| {
            let data = if uncompressed { data.uncompressed() } else { data };
            control.into_iter().fold(data.fragments(&cuts), Say::between)
        },
    );
    prop_oneof![4 => message, 1 => control]
}

// -- conversations

/// An open WebSocket.
fn talk() -> Conversation {
    Conversation::new().handshake()
}

/// An upgrade request that is not answered.
fn unanswered() -> Conversation {
    let told = Conversation::new().syn();
    let request = told.request();
    told.client(raw(request))
}

/// An open WebSocket in this dialect.
fn speaking(dialect: Dialect) -> Conversation {
    Conversation::on(Route::default(), dialect).handshake()
}

/// An open WebSocket with permessage-deflate.
fn deflated(deflate: Deflate) -> Conversation {
    speaking(Dialect { deflate: Some(deflate), ..Dialect::default() })
}

/// A whole conversation whose client chose this key.
fn keyed(key: &str) -> Conversation {
    speaking(Dialect { key: key.into(), ..Dialect::default() }).close(1000, "")
}

/// An open WebSocket of another client port, a minute later each.
fn opened(number: u16, key: &str) -> Conversation {
    let mut route = Route::default();
    route.client.1 += number;
    route.start.0 += i64::from(number) * 60_000_000_000;
    Conversation::on(route, Dialect { key: key.into(), ..Dialect::default() }).handshake()
}

fn whole(number: u16, key: &str) -> Conversation {
    opened(number, key).close(1000, "")
}

/// A whole conversation with both heads rewritten.
fn shaken(request: impl FnOnce(String) -> String, response: impl FnOnce(String) -> String) -> Conversation {
    let told = Conversation::new().syn();
    let (request, response) = (request(told.request()), response(told.response()));
    told.exchange(request, response).close(1000, "")
}

/// A whole conversation with something else in the request.
fn asked(from: &str, to: &str) -> Conversation {
    shaken(|request| request.replacen(from, to, 1), |response| response)
}

/// A whole conversation with something else in the response.
fn answered(from: &str, to: &str) -> Conversation {
    shaken(|request| request, |response| response.replacen(from, to, 1))
}

/// The client speaks before it has the 101.
fn early(say: Say) -> Conversation {
    let told = Conversation::new().syn();
    let (request, response) = (told.request(), told.response());
    told.client(raw(request)).client(say).server(raw(response)).close(1000, "")
}

/// The client speaks when it has the 101, but the capture has it the other way round.
fn captured_early(say: Say) -> Capture {
    let told = talk().client(say).close(1000, "");
    let mut segments = told.segments();
    segments.swap(4, 5);
    Capture::Told(vec![(told.route(), segments)])
}

/// A conversation of which the capture has only what follows the handshake.
fn joined(told: Conversation) -> Capture {
    Capture::Told(vec![(told.route(), told.segments().split_off(5))])
}

/// A conversation inside TLS, where the key log and the segment with the ServerHello are changed.
fn secured(keys: impl Fn(&str) -> String, hello: impl Fn(&mut [u8])) -> Capture {
    let carried =
        Tls::new("TLS13_AES_128_GCM_SHA256").carry(&talk().client(text("Hello")).close(1000, ""), Route::default());
    let mut segments = carried.told.segments();
    let first = segments.iter_mut().find(|segment| segment.from == ToClient && !segment.payload.is_empty());
    hello(&mut first.expect("the server answers").payload);
    Capture::Keyed(Route::default().packets(&segments), keys(&carried.keys))
}

/// Two compressed texts of the client, where a byte of the first one's payload was not captured.
fn without_third_byte_of_payload(deflate: Deflate, first: &[u8], second: &[u8]) -> Vec<OwnedPacket> {
    const FIRST: usize = 5;
    const HEADER: usize = 6;
    let compressed = |bytes| frame(1, bytes).rsv(4).uncompressed();
    let told = deflated(deflate).client(compressed(first)).client(compressed(second)).close(1000, "");
    let mut segments = told.segments();
    let (head, rest) = segments[FIRST].clone().split_at(HEADER + 2);
    let (_, tail) = rest.split_at(1);
    segments.splice(FIRST..=FIRST, [head, tail]);
    told.route().packets(&segments)
}

/// Cuts a packet to fragments, the first of which comes again and then differs by this.
fn in_fragments(packets: &mut Vec<OwnedPacket>, index: usize, by: u8) {
    let mut cut = fragments(&packets[index], 1, 24);
    let mut copy = cut[0].clone();
    if let Some(last) = copy.bytes.last_mut() {
        *last ^= by;
    }
    cut.insert(1, copy);
    packets.splice(index..=index, cut);
}

/// A conversation, and before it the first fragments of so many packets.
fn with_first_fragments(count: u16) -> Vec<OwnedPacket> {
    let mut packets = whole(0, KEY).packets();
    let first = |identification| fragments(&packets[3], identification, 64).swap_remove(0);
    let firsts: Vec<_> = (0..count).map(first).collect();
    packets.splice(0..0, firsts);
    packets
}

/// Two messages, the second of which is the beginning of the first again, after so many bytes.
fn repeating(distance: usize) -> [Vec<u8>; 2] {
    let mut dice = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (dice >> 24) as u8
    })
    .take(distance)
    .collect();
    let again = noise[..distance / 2].to_vec();
    [noise, again]
}

/// Compresses messages with the largest window, whatever was agreed.
fn deflate(messages: &[Vec<u8>; 2]) -> [Vec<u8>; 2] {
    let mut compress = Compress::new(Compression::best(), false);
    messages.each_ref().map(|message| {
        let mut out = Vec::with_capacity(2 * message.len() + 100);
        compress.compress_vec(message, &mut out, FlushCompress::Sync).expect("deflating cannot fail");
        out.truncate(out.len() - 4);
        out
    })
}

// -- what came out

fn closed(events: &[Event]) -> Closed {
    let closed = events.iter().find_map(|event| match &event.body {
        Body::Closed(closed) => Some(Closed::clone(closed)),
        _ => None,
    });
    closed.expect("an established connection is closed")
}

/// The texts of data frames or messages, and which side sent them.
fn texts(events: &[Event]) -> Vec<(Direction, String)> {
    let shown = events.iter().filter_map(|event| match &event.body {
        Body::Frame(frame) if frame.message.is_some() => Some((frame.direction, &frame.payload)),
        Body::Message(message) => Some((message.direction, &message.payload)),
        _ => None,
    });
    let texts = shown.filter(|(_, payload)| payload.text);
    texts.map(|(side, payload)| (side, String::from_utf8_lossy(&payload.bytes).into_owned())).collect()
}

//! The samples that are made here, conversation by conversation, and not recorded: `samples/README.md` names them.
//!
//! `BLESS=1 cargo test --test samples` writes them anew.

mod common;

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use wscope::duplex::{Direction, Duplex};
use wscope::net::segment::Flags;
use wscope::origin::Timestamp;
use wscope::ws::handshake;

use Direction::{ToClient, ToServer};
use common::conversation::KEY;
use common::pcap::pcap;
use common::{
    Conversation, Deflate, Dialect, OwnedPacket, Route, Segment, binary, close, continuation, frame, ping, pong, raw,
    text,
};

/// A sample's name, and what makes it.
type Recipe = (&'static str, fn() -> Vec<OwnedPacket>);

/// Every sample that is made here.
const SAMPLES: &[Recipe] = &[
    ("rfc6455-examples", rfc6455_examples),
    ("rfc7692-examples", rfc7692_examples),
    ("violations", violations),
    ("deflate-fragmented", deflate_fragmented),
    ("http-before-upgrade", http_before_upgrade),
    ("byte-by-byte", byte_by_byte),
    ("port-reuse", port_reuse),
    ("out-of-order", out_of_order),
    ("parts", parts),
];

/// A masked frame of RFC 6455 §5.7 behind its first two bytes: key, and "Hello" masked with it.
const MASKED_HELLO: [u8; 9] = [0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// "Hello", compressed (RFC 7692 §7.2.3.1).
const DEFLATED_HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn generated_samples_are_made_by_this() {
    for (name, make) in SAMPLES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name).with_extension("pcap");
        let made = pcap(&make());
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &made).expect("sample written");
        }
        let found = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(made == found, "{name}: {} bytes made, {} in the file", made.len(), found.len());
    }
}

/// The heads of §1.2 with the key of §1.3, and all frames of §5.7, byte for byte.
fn rfc6455_examples() -> Vec<OwnedPacket> {
    let request = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
    let counting = |length: u32| (0..length).map(|n| n as u8).collect::<Vec<_>>();
    on(1)
        .syn()
        .exchange(request, response)
        // A single-frame unmasked text message, and the same masked.
        .server(raw(b"\x81\x05Hello"))
        .client(raw([&b"\x81\x85"[..], &MASKED_HELLO].concat()))
        // A fragmented unmasked text message.
        .server(raw(b"\x01\x03Hel"))
        .server(raw(b"\x80\x02lo"))
        // Unmasked Ping request and masked Ping response.
        .server(raw(b"\x89\x05Hello"))
        .client(raw([&b"\x8a\x85"[..], &MASKED_HELLO].concat()))
        // 256 bytes and 64 KiB of binary in a single unmasked frame.
        .server(raw([&b"\x82\x7e\x01\x00"[..], &counting(256)].concat()))
        .server(raw([&b"\x82\x7f\0\0\0\0\0\x01\0\0"[..], &counting(65536)].concat()))
        .close(1000, "")
        .packets()
}

/// All messages of §7.2.3, byte for byte.
fn rfc7692_examples() -> Vec<OwnedPacket> {
    speaking(2, Dialect { deflate: Some(Deflate::default()), ..at("/examples") })
        .handshake()
        // §7.2.3.1: one block, and the same in two fragments.
        .server(raw([&b"\xc1\x07"[..], &DEFLATED_HELLO].concat()))
        .server(raw([&b"\x41\x03"[..], &DEFLATED_HELLO[..3]].concat()))
        .server(raw([&b"\x80\x04"[..], &DEFLATED_HELLO[3..]].concat()))
        // §7.2.3.2: sharing the LZ77 sliding window.
        .server(raw(b"\xc1\x05\xf2\x00\x11\x00\x00"))
        // §7.2.3.3: a block with no compression.
        .server(raw(b"\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"))
        // §7.2.3.4: a block with BFINAL set.
        .server(raw(b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))
        // §7.2.3.5: two blocks in one message.
        .server(raw(b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"))
        .close(1000, "")
        .packets()
}

/// A connection for each rule, named by its target.
fn violations() -> Vec<OwnedPacket> {
    let deflate = |target: &str| Dialect { deflate: Some(Deflate::default()), ..at(target) };
    let plain = |port, target: &str| speaking(port, at(target)).handshake();
    let compressed = |port, target: &str| speaking(port, deflate(target)).handshake();
    let heads = |port, target: &str, request: &dyn Fn(String) -> String, response: &dyn Fn(String) -> String| {
        let conversation = speaking(port, at(target));
        let (asked, answered) = (request(conversation.request()), response(conversation.response()));
        conversation.syn().exchange(asked, answered)
    };
    let as_it_is = |head: String| head;
    let over = |conversation: Conversation| conversation.close(1002, "");
    let without = |name: &'static str| {
        move |head: String| head.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect::<String>()
    };
    let with = |line: &'static str| move |head: String| head.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1);
    let conversations = [
        // -- the client's handshake
        over(heads(100, "/method", &|head| head.replacen("GET", "POST", 1), &as_it_is)),
        over(heads(101, "/http-version", &|head| head.replacen("HTTP/1.1", "HTTP/1.0", 1), &as_it_is)),
        over(heads(102, "/host-missing", &without("Host"), &as_it_is)),
        over(heads(103, "/connection-missing", &without("Connection"), &as_it_is)),
        over(heads(104, "/key-missing", &without("Sec-WebSocket-Key"), &as_it_is)),
        over(heads(105, "/key-invalid", &|head| head.replacen(&key(105), "c2hvcnQ=", 1), &|head| {
            head.replacen(&handshake::accept(&key(105)), &handshake::accept("c2hvcnQ="), 1)
        })),
        over(heads(106, "/version-missing", &without("Sec-WebSocket-Version"), &as_it_is)),
        over(heads(107, "/protocol-repeated", &with("Sec-WebSocket-Protocol: a, a"), &as_it_is)),
        // -- the server's handshake
        over(heads(110, "/accept-missing", &as_it_is, &without("Sec-WebSocket-Accept"))),
        over(heads(111, "/accept-wrong", &as_it_is, &|head| {
            head.replacen(&handshake::accept(&key(111)), &handshake::accept(KEY), 1)
        })),
        over(heads(112, "/response-upgrade", &as_it_is, &without("Upgrade"))),
        over(heads(113, "/response-connection", &as_it_is, &without("Connection"))),
        over(heads(
            114,
            "/subprotocol-unoffered",
            &with("Sec-WebSocket-Protocol: a"),
            &with("Sec-WebSocket-Protocol: b"),
        )),
        over(heads(115, "/extension-unoffered", &as_it_is, &with("Sec-WebSocket-Extensions: permessage-deflate"))),
        over(heads(
            116,
            "/extension-parameters",
            &with("Sec-WebSocket-Extensions: permessage-deflate"),
            &with("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16"),
        )),
        speaking(117, at("/version-unnamed")).syn().exchange(
            speaking(117, at("/version-unnamed")).request().replacen("Version: 13", "Version: 12", 1),
            "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
        ),
        {
            let early = speaking(118, at("/early-data"));
            let (request, response) = (early.request().into_bytes(), early.response());
            over(early.syn().exchange([&request[..], b"\x81\x85", &MASKED_HELLO].concat(), response))
        },
        // -- frames
        over(plain(120, "/rsv").client(text("RSV2 is nobody's").rsv(2))),
        over(plain(121, "/opcode").server(frame(3, "reserved"))),
        over(plain(122, "/mask-missing").client(text("in the clear").unmasked())),
        over(plain(123, "/mask-unexpected").server(text("masked").masked([1, 2, 3, 4]))),
        over(plain(124, "/length-nonminimal").client(text("five!").length_in(16))),
        over(plain(125, "/control-fragmented").client(ping("half").not_final())),
        over(plain(126, "/control-too-long").server(ping([b'x'; 126]))),
        over(plain(127, "/continuation-unexpected").client(continuation("of nothing"))),
        over(plain(128, "/continuation-expected").server(text("begun").not_final()).server(text("another"))),
        plain(129, "/close-length").client(frame(8, [3])).server(close(1002, "")).fin(ToClient).fin(ToServer),
        plain(130, "/close-code").client(close(1005, "")).server(close(1002, "")).fin(ToClient).fin(ToServer),
        plain(131, "/close-after")
            .server(close(1000, ""))
            .server(text("and another thing"))
            .client(close(1000, ""))
            .fin(ToClient)
            .fin(ToServer),
        plain(132, "/utf8-reason").client(close(1000, b"caf\xe9")).server(close(1007, "")).fin(ToClient).fin(ToServer),
        plain(133, "/length-overflow").client(binary("no end").declaring(1 << 63)).fin(ToServer).fin(ToClient),
        // -- messages
        over(plain(140, "/utf8-text").client(text(b"caf\xe9 au lait"))),
        over(plain(141, "/utf8-cut").server(text(b"5 \xe2\x82"))),
        over(
            compressed(142, "/rsv1-continuation")
                .client(text("Hello").uncompressed().not_final())
                .client(continuation("").rsv(4)),
        ),
        over(compressed(143, "/rsv1-control").client(ping("compressed?").rsv(4))),
        over(compressed(144, "/deflate-corrupt").server(raw(b"\xc1\x03\xff\xff\xff"))),
    ];
    conversations.iter().flat_map(Conversation::packets).collect()
}

/// Compressed messages in fragments of any size, with control frames and an uncompressed message between, both windows small.
fn deflate_fragmented() -> Vec<OwnedPacket> {
    let deflate = Deflate { window_bits: Duplex { to_server: 9, to_client: 9 }, ..Deflate::default() };
    let frame = |first: u8, payload: &[u8]| raw([&[first, payload.len() as u8][..], payload].concat());
    let mut conversation = speaking(3, Dialect { deflate: Some(deflate), ..at("/quotes") }).handshake();
    // One byte a frame; an empty frame first and last; control frames wherever they may stand.
    conversation = conversation.server(frame(0x41, b""));
    for (index, byte) in FIRST_QUOTE.iter().enumerate() {
        conversation = conversation.server(frame(0x00, &[*byte]));
        if index == 5 {
            conversation = conversation.server(ping("between")).client(pong("between"));
        }
    }
    conversation
        .server(frame(0x80, b""))
        .server(text("not compressed").uncompressed().fragments(&[3, 0, 4]))
        // The window goes on behind it.
        .server(frame(0x41, &SECOND_QUOTE[..1]))
        .server(frame(0x80, &SECOND_QUOTE[1..]))
        // A byte of 0 is all there is of an empty message.
        .server(raw([0xc1, 1, 0]))
        .close(1000, "done")
        .packets()
}

/// Requests before the upgrade on the same connection: two at once, a chunked answer, HEAD, 304, a body that looks like a
/// handshake.
fn http_before_upgrade() -> Vec<OwnedPacket> {
    let trap = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    speaking(4, at("/feed"))
        .syn()
        .exchange(
            "GET /a HTTP/1.1\r\nHost: server.example.com\r\n\r\nGET /b HTTP/1.1\r\nHost: server.example.com\r\n\r\n",
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{trap}\
                 HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n{:x}\r\n{trap}\r\n0\r\nTrailer: t\r\n\r\n",
                trap.len(),
                trap.len()
            ),
        )
        .exchange(
            "HEAD /a HTTP/1.1\r\nHost: server.example.com\r\n\r\n",
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", trap.len()),
        )
        .exchange(
            "GET /a HTTP/1.1\r\nHost: server.example.com\r\nIf-None-Match: \"1\"\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
        )
        .exchange(
            "POST /c HTTP/1.1\r\nHost: server.example.com\r\nExpect: 100-continue\r\nContent-Length: 22\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
        )
        .exchange("GET / HTTP/1.1\r\nbody\r\n", "HTTP/1.1 204 No Content\r\n\r\n")
        .upgrade()
        .client(text("at last"))
        .close(1000, "")
        .packets()
}

/// Each byte in a segment of its own.
fn byte_by_byte() -> Vec<OwnedPacket> {
    let dialect = Dialect { mss: 1, deflate: Some(Deflate::default()), ..at("/slow") };
    speaking(5, dialect)
        .handshake()
        .server(raw([&b"\xc1\x07"[..], &DEFLATED_HELLO].concat()))
        .client(text("Grüße").uncompressed().fragments(&[3]).between(ping("")))
        .server(pong(""))
        .close(1000, "")
        .packets()
}

/// The same four numbers again and again: after a proper end, after a reset, and with no end at all.
fn port_reuse() -> Vec<OwnedPacket> {
    let again = |index: u32, target: &str| {
        let route = Route {
            isn: Duplex { to_server: 1000 + index * 100_000, to_client: 5_000_000 + index * 77_777 },
            start: Timestamp(route(6).start.0 + i64::from(index) * 5_000_000_000),
            ..route(6)
        };
        Conversation::on(route, Dialect { key: key(600 + index as u16), ..at(target) }).handshake()
    };
    [
        again(0, "/closed").client(text("first")).close(1000, ""),
        again(1, "/reset").client(text("second")).reset(ToServer),
        again(2, "/silent").client(text("third")),
        again(3, "/last").client(text("fourth")).close(1000, ""),
    ]
    .iter()
    .flat_map(Conversation::packets)
    .collect()
}

/// What networks do to segments. Nothing is lost on the first connection; one is never captured on the second.
fn out_of_order() -> Vec<OwnedPacket> {
    let words = |port, target: &str| {
        ["one", "two", "three", "four", "five"]
            .iter()
            .fold(speaking(port, at(target)).handshake(), |told, word| told.client(text(word)))
    };
    let told = words(7, "/shuffled").server(text("heard")).close(1000, "");
    let mut segments = told.segments();
    // 0-2 open TCP, 3-4 are the handshake, 5-9 the words, 10 what was heard, 11-12 Close, 13-14 FIN.
    assert_eq!(segments.len(), 15);
    let one = segments[5].clone();
    let conflicting = {
        let mut payload = segments[8].payload.clone();
        *payload.last_mut().expect("a word") ^= 1;
        Segment { payload, ..segments[8].clone() }
    };
    let joined = Segment { payload: [&segments[6].payload[..], &segments[7].payload].concat(), ..segments[6].clone() };
    let keep_alive = Segment { seq: segments[8].seq - 1, payload: vec![0], flags: Flags::ACK, ..segments[8].clone() };
    let ending = segments.split_off(11);
    let heard = segments.pop().expect("eleven are left");
    segments.swap(7, 9);
    segments.insert(4, segments[3].clone());
    segments.extend([joined, one, conflicting, heard, keep_alive]);
    segments.extend(ending.iter().cloned());
    segments.extend([ending[2].clone(), segments[0].clone()]);
    let lost = words(8, "/lost").server(text("heard")).close(1000, "");
    let mut rest = lost.segments();
    rest.remove(7);
    [(told.route(), segments), (lost.route(), rest)]
        .into_iter()
        .flat_map(|(route, segments)| route.packets(&timed(segments)))
        .collect()
}

/// Connections of which the capture has only a part, and one in a proxy's tunnel.
fn parts() -> Vec<OwnedPacket> {
    let whole = speaking(25, at("/never-seen")).handshake();
    let joined = ["one", "two", "three", "four", "five", "six"]
        .iter()
        .fold(whole, |told, word| told.client(text(format!("this is {word}"))).server(text(format!("{word} it is"))))
        .close(1000, "");
    // 0-2 open TCP, 3-4 are the handshake.
    let joined = joined.route().packets(&joined.segments()[5..]);

    let snapped = speaking(21, at("/snapped")).handshake();
    let snapped = snapped.server(binary([b'x'; 400])).server(text("whole")).close(1000, "").packets();
    // Ethernet, IP and TCP headers take 54 bytes.
    let snapped = snapped.into_iter().map(|packet| packet.snapped(300));

    let halved = speaking(22, at("/unanswered"));
    let request = halved.request();
    let halved = halved.syn().exchange(request, "");
    let ended = speaking(23, at("/header")).handshake().server(raw(b"\x82")).fin(ToClient).fin(ToServer);
    let tunnel = speaking(24, at("/tunnelled")).syn().exchange(
        "CONNECT inside.example.com:80 HTTP/1.1\r\nHost: inside.example.com:80\r\n\r\n",
        "HTTP/1.1 200 Connection established\r\n\r\n",
    );
    let tunnel = tunnel.upgrade().client(text("through")).close(1000, "");
    let others = [halved, ended, tunnel];
    snapped.chain(others.iter().flat_map(Conversation::packets)).chain(joined).collect()
}

/// A millisecond between segments, in the order given.
fn timed(segments: Vec<Segment>) -> Vec<Segment> {
    segments.into_iter().zip(0..).map(|(segment, index)| Segment { time: index * 1_000_000, ..segment }).collect()
}

/// A conversation with the RFC's key.
fn on(port: u16) -> Conversation {
    Conversation::on(route(port), Dialect::default())
}

/// A conversation with a key of its own.
fn speaking(port: u16, dialect: Dialect) -> Conversation {
    Conversation::on(route(port), Dialect { key: key(port), ..dialect })
}

fn at(target: &str) -> Dialect {
    Dialect { target: target.into(), ..Dialect::default() }
}

/// Each connection has its port and its second.
fn route(port: u16) -> Route {
    Route {
        client: (Ipv4Addr::new(10, 0, 0, 1), 50_000 + port),
        start: Timestamp((1_763_715_600 + i64::from(port)) * 1_000_000_000),
        ..Route::default()
    }
}

/// A lawful Sec-WebSocket-Key: base64 of 16 bytes.
fn key(number: u16) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{number:016}"))
}

/// `{"symbol":"WSCP","bid":101.25,"ask":101.50}`, as zlib compresses it with a window of 2^9 bytes.
const FIRST_QUOTE: [u8; 41] = [
    0xaa, 0x56, 0x2a, 0xae, 0xcc, 0x4d, 0xca, 0xcf, 0x51, 0xb2, 0x52, 0x0a, 0x0f, 0x76, 0x0e, 0x50, 0xd2, 0x51, 0x4a,
    0xca, 0x4c, 0x51, 0xb2, 0x32, 0x34, 0x30, 0xd4, 0x33, 0x32, 0xd5, 0x51, 0x4a, 0x2c, 0xce, 0x86, 0x70, 0x4c, 0x0d,
    0x6a, 0x01, 0x00,
];
/// The same with 101.30 and 101.55, compressed behind it.
const SECOND_QUOTE: [u8; 11] = [0xaa, 0xc6, 0xad, 0xd4, 0xd8, 0x00, 0x59, 0xa9, 0x69, 0x2d, 0x00];

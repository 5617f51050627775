//! WebSockets over HTTP/2 (RFC 8441): streams apart, heads however they are sent, ends, losses, and late beginnings.

mod common;

use std::sync::Arc;

use loona_hpack::decoder::DecoderError;
use proptest::collection::vec;
use proptest::prelude::*;
use wscope::anomaly::Code;
use wscope::config::{Config, Limits, Per};
use wscope::duplex::Direction;
use wscope::event::{Body, End, Event, HttpVersion, Verdict};
use wscope::http2::frame::{END_HEADERS, END_STREAM, Kind, PADDED, PRIORITY};
use wscope::http2::hpack::{Decoder, Fields};

use common::frame::close;
use common::http2::{block, connect, frame};
use common::script::{Ending, Script, faultless, thorough};
use common::told::{Order, in_capture, same, told};
use common::{Conversation, Dice, Http2, Network, OwnedPacket, analyse, binary, codes, ping, pong, raw, text};

use Direction::{ToClient, ToServer};

/// What is told, a line an event: `connection: what`.
fn lines(packets: &[OwnedPacket]) -> Vec<String> {
    let events = analyse(packets, &Config { per: Per::Message, ..Config::default() });
    let line = |event: &Event| match &event.body {
        Body::Handshake(handshake) => {
            assert_eq!(handshake.transport.http, HttpVersion::Http2);
            let target = handshake.request.as_ref().map_or("?", |request| &*request.target);
            let stream = handshake.transport.stream.expect("it runs on a stream");
            format!("{}: {target} on {stream} {}", event.connection, handshake.verdict.name())
        }
        Body::Message(message) => {
            let cut = if message.complete { "" } else { ", cut" };
            let text = String::from_utf8_lossy(&message.payload.bytes);
            format!("{}: {} {text}{cut}", event.connection, message.direction.sender())
        }
        Body::Frame(frame) => {
            format!("{}: {} {}", event.connection, frame.direction.sender(), frame.header.opcode.name())
        }
        Body::Gap(gap) => {
            format!("{}: {} lost {} at {}", event.connection, gap.direction.sender(), gap.length, gap.offset)
        }
        Body::Notice(anomalies) => format!("{}: {:?}", event.connection, anomalies[0].code),
        Body::Closed(closed) => {
            let by = closed.by.map_or("nobody", Direction::sender);
            format!("{}: {} by {by}", event.connection, closed.how.name())
        }
    };
    events.iter().map(line).collect()
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "server.example.com")];
const OK: [(&str, &str); 1] = [(":status", "200")];

#[test]
fn websockets_run_beside_ordinary_requests_each_for_itself() {
    let told = Http2::new()
        .head(ToServer, 1, END_STREAM, &GET)
        .open(3, "/a")
        .open(5, "/b")
        .head(ToClient, 1, 0, &OK)
        .client(3, text("one ").not_final())
        .client(5, text("two"))
        .frame(ToClient, Kind::DATA, END_STREAM, 1, b"\x81\x05Hello")
        .server(5, ping("?"))
        .client(3, common::continuation("more"))
        .server(3, text("three"))
        .client(5, pong("?"))
        .client(3, close(1000, ""))
        .server(3, close(1000, ""))
        .end(3, ToServer)
        .fin();
    assert_eq!(
        lines(&told.packets()),
        [
            "1: /a on 3 accepted",
            "2: /b on 5 accepted",
            "2: client two",
            "2: server ping",
            "1: client one more",
            "1: server three",
            "2: client pong",
            "1: client close",
            "1: server close",
            "1: closing handshake by client",
            "2: CloseMissing",
            "2: fin by client",
        ]
    );
}

#[test]
fn polling_in_streams_is_what_came_before() {
    let poll = |told: Http2, stream, path: &str, answer: &[u8]| {
        let get = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "server.example.com")];
        told.head(ToServer, stream, END_STREAM, &get)
            .head(ToClient, stream, 0, &[(":status", "200"), ("content-type", "text/plain")])
            .frame(ToClient, Kind::DATA, 0, stream, &answer[..2])
            .frame(ToClient, Kind::DATA, END_STREAM, stream, &answer[2..])
    };
    let first = "/socket.io/?EIO=4&transport=polling";
    let of = |sid: &str| format!("{first}&sid={sid}");
    let told = poll(Http2::new(), 1, first, b"0{\"sid\":\"a\"}");
    let told = poll(told, 3, &of("a"), b"40{}");
    let told = poll(told, 5, &of("another"), b"40{}");
    // Held while the upgrade is asked for.
    let held = [(":method", "GET"), (":scheme", "http"), (":path", &of("a")), (":authority", "server.example.com")];
    let told = told.head(ToServer, 7, END_STREAM, &held).open(9, "/socket.io/?EIO=4&transport=websocket&sid=a").fin();
    let events = analyse(&told.packets(), &Config::default());
    let Body::Handshake(handshake) = &events[0].body else { panic!("a handshake") };
    let prologue = handshake.prologue.as_ref().expect("polled before");
    assert_eq!((prologue.name(), &*prologue.path), ("engine.io polling", "/socket.io/"));
    let cost = prologue.cost;
    assert_eq!((cost.requests, cost.answered, cost.payload_bytes), (3, 2, 12 + 4));
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n".len();
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: server.example.com\r\n\r\n").len();
    assert_eq!(cost.header_bytes as usize, request(first) + request(&of("a")) + 2 * answer);
    assert!(cost.latency > 0);
}

#[test]
fn a_head_can_be_cut_padded_and_given_a_priority() {
    let fields = block(&connect("/a"));
    let padded = [&[3, 0, 0, 0, 0, 16], &fields[..10], &[0, 0, 0]].concat();
    let told = Http2::new()
        .frame(ToServer, Kind::HEADERS, PADDED | PRIORITY, 1, &padded)
        .frame(ToServer, Kind::CONTINUATION, 0, 1, &fields[10..11])
        .frame(ToServer, Kind::CONTINUATION, END_HEADERS, 1, &fields[11..])
        .head(ToClient, 1, 0, &[(":status", "103"), ("link", "</style>")])
        .head(ToClient, 1, 0, &OK)
        .padded(ToServer, 1, b"", 0)
        .padded(ToServer, 1, &[0x81, 0x85, 0, 0, 0, 0, b'H'], 255)
        .frame(ToServer, Kind(0x42), 0xff, 1, b"nobody knows this kind")
        .padded(ToServer, 1, b"ello", 1)
        .head(ToServer, 1, END_STREAM, &[("trailer", "x")])
        .fin();
    let expected = ["1: /a on 1 accepted", "1: client Hello", "1: CloseMissing", "1: fin by client"];
    assert_eq!(lines(&told.packets()), expected);
}

#[test]
fn entries_of_the_table_are_referred_to() {
    let newest = 62..62 + 7;
    let again: Vec<u8> = newest.rev().map(|index: u8| 0x80 | index).collect();
    let told = Http2::new()
        .open(1, "/a")
        .frame(ToServer, Kind::HEADERS, END_HEADERS, 3, &again)
        .frame(ToClient, Kind::HEADERS, END_HEADERS, 3, &[0xbe])
        .told();
    assert_eq!(lines(&told.packets())[..2], ["1: /a on 1 accepted", "2: /a on 3 accepted"]);
}

#[test]
fn what_is_not_granted_is_rejected() {
    let told = Http2::new()
        .head(ToServer, 1, 0, &connect("/a"))
        .head(ToClient, 1, END_STREAM, &[(":status", "403")])
        .head(ToServer, 3, 0, &connect("/b"))
        .frame(ToServer, Kind::RST_STREAM, 0, 3, &[0, 0, 0, 8])
        .head(ToServer, 5, 0, &connect("/c"))
        .head(ToClient, 5, 0, &[(":status", "204")])
        .fin();
    let expected = ["1: /a on 1 rejected", "2: /b on 3 incomplete", "3: /c on 5 accepted"];
    assert_eq!(lines(&told.packets())[..3], expected);
}

#[test]
fn streams_end_as_the_peers_end_them() {
    let told = Http2::new()
        .open(1, "/half")
        .open(3, "/reset")
        .open(5, "/left")
        .open(7, "/ignored")
        .frame(ToServer, Kind::DATA, END_STREAM, 1, &[])
        .client(3, text("sent before it knew"))
        .frame(ToClient, Kind::RST_STREAM, 0, 3, &[0, 0, 0, 8])
        .frame(ToClient, Kind::GOAWAY, 0, 0, &[0, 0, 0, 5, 0, 0, 0, 0])
        .server(1, text("last words"))
        .frame(ToClient, Kind::DATA, END_STREAM, 1, &[])
        .fin();
    let mut packets = told.packets();
    // The capture has the reset before what the client sent without knowing of it.
    let reset = packets.len() - 6;
    packets.swap(reset - 1, reset);
    let end = |event: Event| match event.body {
        Body::Closed(closed) => Some((event.connection, closed.how, closed.by, closed.tally.to_server.frames)),
        _ => None,
    };
    let mut ends: Vec<_> = analyse(&packets, &Config::default()).into_iter().filter_map(end).collect();
    ends.sort_by_key(|(connection, ..)| *connection);
    let expected = [
        (1, End::Fin, Some(ToServer), 0),
        (2, End::Reset, Some(ToClient), 1),
        (3, End::Fin, Some(ToServer), 0),
        (4, End::Reset, Some(ToClient), 0),
    ];
    assert_eq!(ends, expected);
}

#[test]
fn a_response_can_stand_before_its_request_in_the_capture() {
    let mut packets = Http2::new().open(1, "/a").server(1, text("hi")).told().packets();
    let request = packets.len() - 3;
    let moved = packets.remove(request);
    packets.push(moved);
    assert_eq!(lines(&packets)[..2], ["1: /a on 1 accepted", "1: server hi"]);
}

#[test]
fn a_tunnel_is_looked_into() {
    let inner = Conversation::new();
    let (request, response) = (inner.request(), inner.response());
    let tunnel = [(":method", "CONNECT"), (":authority", "server.example.com:80")];
    let packets = Http2::new()
        .head(ToServer, 1, 0, &tunnel)
        .head(ToClient, 1, END_STREAM, &[(":status", "407")])
        .head(ToServer, 3, 0, &[&tunnel[..], &[("proxy-authorization", "Basic eDp5")]].concat())
        .head(ToClient, 3, 0, &OK)
        .client(3, raw(request))
        .server(3, raw(response))
        .client(3, text("through it"))
        .end(3, ToServer)
        .told()
        .packets();
    let events = analyse(&packets, &Config::default());
    let Body::Handshake(handshake) = &events[0].body else { panic!("{events:?}") };
    assert_eq!((handshake.transport.http, handshake.transport.stream), (HttpVersion::Http11, None));
    assert_eq!(handshake.transport.proxy.as_deref(), Some("server.example.com:80"));
    assert_eq!(handshake.verdict, Verdict::Accepted);
    assert!(matches!(&events[1].body, Body::Frame(frame) if frame.payload.bytes == b"through it"));
    assert!(matches!(&events[3].body, Body::Closed(closed) if closed.how == End::Fin), "{events:?}");
}

#[test]
fn in_a_tunnel_may_be_another_one_of_it() {
    let inner = Http2::new().open(1, "/a").client(1, text("deep inside")).told().streams();
    let packets = Http2::new()
        .head(ToServer, 7, 0, &[(":method", "CONNECT"), (":authority", "server.example.com:80")])
        .head(ToClient, 7, 0, &OK)
        .client(7, raw(inner.to_server))
        .server(7, raw(inner.to_client))
        .end(7, ToServer)
        .told()
        .packets();
    assert_eq!(lines(&packets)[..2], ["1: /a on 1 accepted", "1: client deep inside"]);
}

#[test]
fn http_1_can_be_upgraded_to_it() {
    let told = Conversation::new().syn().exchange(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    );
    let told = Http2::continued(told).head(ToClient, 1, END_STREAM, &OK).open(3, "/a").client(3, text("hi")).told();
    assert_eq!(lines(&told.packets())[..2], ["1: /a on 3 accepted", "1: client hi"]);
}

/// Everything from the packet with this index on but those in `lost`.
fn without(packets: &[OwnedPacket], lost: &[usize]) -> Vec<OwnedPacket> {
    let kept = packets.iter().enumerate().filter(|(index, _)| !lost.contains(index));
    kept.map(|(_, packet)| packet.clone()).collect()
}

#[test]
fn bytes_lost_inside_data_are_a_hole_of_that_stream() {
    let mut http2 = Http2::new().open(1, "/a").open(3, "/b");
    let long = [http2.encode(ToServer, &text("x".repeat(30))), http2.encode(ToServer, &text("whole"))].concat();
    let data = frame(Kind::DATA, 0, 1, &long);
    let told = http2.bytes(ToServer, &data[..20]).bytes(ToServer, &data[20..30]).bytes(ToServer, &data[30..]);
    let packets = told.server(3, text("beside")).client(3, text("behind")).fin().packets();
    let lost = packets.len() - 6;
    let lines = lines(&without(&packets, &[lost]));
    let x = |count| "x".repeat(count);
    assert!(lines.contains(&"1: client lost 10 at 11".to_owned()), "{lines:#?}");
    assert!(lines.contains(&format!("1: client {}, cut", x(5) + &x(15))), "{lines:#?}");
    for whole in ["1: client whole", "2: server beside", "2: client behind"] {
        assert!(lines.contains(&whole.to_owned()), "{lines:#?}");
    }
}

#[test]
fn behind_lost_frame_headers_it_goes_on_and_says_so() {
    let told = Http2::new()
        .open(1, "/a")
        .open(3, "/b")
        .client(1, text("before"))
        .client(1, text("lost"))
        .client(3, text("first behind"))
        .client(3, text("second behind"))
        .client(1, text("third behind"))
        .fin();
    let packets = told.packets();
    let lines = lines(&without(&packets, &[packets.len() - 6]));
    assert_eq!(lines.iter().filter(|line| line.contains("client lost")).count(), 2, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.ends_with("client lost")), "{lines:#?}");
    for told in ["1: client before", "2: client first behind", "2: client second behind"] {
        assert!(lines.contains(&told.to_owned()), "{lines:#?}");
    }
}

/// Which of the lost bytes were whose is not known, so that nobody can count on where a payload ends.
#[test]
fn a_payload_does_not_go_on_behind_lost_frame_headers() {
    let mut http2 = Http2::new().open(1, "/a").open(3, "/b");
    let long = http2.encode(ToServer, &text("x".repeat(60)));
    let told = http2
        .frame(ToServer, Kind::DATA, 0, 1, &long[..20])
        .client(3, text("lost, but not of stream 1"))
        .frame(ToServer, Kind::DATA, 0, 1, &long[20..])
        .client(1, text("second"))
        .client(1, text("third"))
        .client(3, text("fourth"))
        .fin();
    let packets = told.packets();
    let lost = packets.len() - 7;
    let lines = lines(&without(&packets, &[lost]));
    let whole: Vec<_> = lines.iter().filter(|line| line.contains("client") && !line.ends_with(", cut")).collect();
    let known = ["1: client second", "1: client third", "2: client fourth"];
    assert!(
        whole.iter().all(|line| line.contains("lost") || line.contains("by") || known.contains(&&***line)),
        "{lines:#?}"
    );
    assert!(lines.contains(&known[1].to_owned()), "{lines:#?}");
}

#[test]
fn joined_late_streams_are_known_by_their_frames() {
    let told = Http2::new()
        .open(1, "/a")
        .head(ToServer, 3, END_STREAM, &GET)
        .head(ToClient, 3, 0, &OK)
        .client(1, text("before"))
        .client(1, text("after a while"))
        .server(1, text("an answer at length"))
        .frame(ToClient, Kind::DATA, 0, 3, b"<html>nothing of ours</html>")
        .client(1, text("more"))
        .open(5, "/b")
        .client(5, text("known"))
        .fin();
    let packets = told.packets();
    let late = packets.len() - 9;
    let told = lines(&packets[late..]);
    assert_eq!(
        told[..5],
        [
            "1: ? on 1 unseen",
            "1: client after a while",
            "1: server an answer at length",
            "1: client more",
            "2: /b on 5 accepted",
        ],
        "{told:#?}"
    );
}

#[test]
fn joined_late_a_head_may_refer_to_what_is_not_known() {
    // The origin is an entry of the table that was added before.
    let fields = connect("/b");
    let head = [&block(&fields[..6])[..], &[0x80 | 68]].concat();
    let told = Http2::new()
        .open(1, "/a")
        .client(1, text("what is asked"))
        .server(1, text("what is answered"))
        .frame(ToServer, Kind::HEADERS, END_HEADERS, 3, &head)
        .head(ToClient, 3, 0, &OK)
        .client(3, text("read all the same"))
        .told();
    let packets = told.packets();
    let events = analyse(&packets[packets.len() - 5..], &Config::default());
    let found = codes(&events);
    assert_eq!(found, [Code::TcpMidstream, Code::Http2HeadUnknown]);
    assert_eq!(lines(&packets[packets.len() - 5..])[3..5], ["2: /b on 3 incomplete", "2: client read all the same"]);
}

#[test]
fn neither_heads_nor_streams_take_more_than_they_may() {
    let flood = vec![0; 10_000];
    let mut http2 = Http2::new().frame(ToServer, Kind::HEADERS, 0, 1, &[]);
    for _ in 0..100 {
        http2 = http2.frame(ToServer, Kind::CONTINUATION, 0, 1, &flood);
    }
    let told =
        http2.frame(ToServer, Kind::CONTINUATION, END_HEADERS, 1, &[]).open(3, "/a").client(3, text("hi")).told();
    let events = analyse(&told.packets(), &Config::default());
    assert!(codes(&events).contains(&Code::LimitHead));
    assert_eq!(lines(&told.packets())[..2], ["1: /a on 3 accepted", "1: client hi"]);

    let limits = Limits { streams: 10, ..Limits::default() };
    let told = (0..50).fold(Http2::new(), |http2, number| http2.open(2 * number + 1, "/a"));
    let events = analyse(&told.told().packets(), &Config { limits, ..Config::default() });
    assert_eq!(codes(&events).into_iter().filter(|code| *code == Code::LimitStreams).count(), 40);
    assert_eq!(events.iter().filter(|event| matches!(event.body, Body::Closed(_))).count(), 50);
}

/// A frame as one side sent it on a stream.
type Sent = (Direction, Vec<u8>);

/// What a script says, as bytes, without its opening handshake.
fn words(script: &Script) -> Vec<Sent> {
    let opening = Script { words: Vec::new(), ..script.clone() }.play(0).segments().len();
    script.play(0).segments()[opening..].iter().map(|segment| (segment.from, segment.payload.clone())).collect()
}

/// These conversations as streams of one connection, mixed, cut into DATA frames and padded.
fn mixed(scripts: &[Script], seed: u64) -> Http2 {
    let dice = &mut Dice(seed);
    let mut http2 = Http2::new();
    let mut left: Vec<_> = scripts.iter().map(|script| words(script).into_iter().peekable()).collect();
    for number in 0..scripts.len() {
        http2 = http2.open(2 * number as u32 + 1, "/a");
    }
    while left.iter_mut().any(|words| words.peek().is_some()) {
        let number = dice.below(left.len());
        let Some((from, bytes)) = left[number].next() else { continue };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(1 + dice.below(rest.len()));
            let stream = 2 * number as u32 + 1;
            http2 = match dice.once_in(3) {
                true => http2.padded(from, stream, piece, dice.below(256) as u8),
                false => http2.frame(from, Kind::DATA, 0, stream, piece),
            };
            rest = behind;
        }
    }
    http2
}

/// Only what was said: frames, with offsets from the first of them on.
fn said(events: &[Event], connection: u64) -> Vec<Body> {
    let mut base = [None; 2];
    let of_connection = events.iter().filter(|event| event.connection == connection);
    let frames = of_connection.filter_map(|event| match &event.body {
        Body::Frame(frame) => {
            let mut frame = frame.clone();
            let base = *base[frame.direction as usize].get_or_insert(frame.offset);
            frame.offset -= base;
            frame.rtt = None;
            Some(Body::Frame(frame))
        }
        _ => None,
    });
    frames.collect()
}

/// Names that stand in the table from the beginning, and others.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just(":path".to_owned()), Just("cookie".to_owned()), "[a-z-]{1,12}"]
}

fn as_pairs(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    let known = |part: &Option<Arc<[u8]>>| part.as_deref().expect("all are known").to_vec();
    fields.list.iter().map(|field| (known(&field.name), known(&field.value))).collect()
}

proptest! {
    #![proptest_config(thorough(60))]

    /// A stream is told as the same words are on a TCP connection of their own, whatever runs beside it.
    #[test]
    fn streams_do_not_mix(scripts in vec(faultless(8), 1..4), seed: u64) {
        let plain = |script: Script| Script { ending: Ending::Silence, deflate: None, before: Vec::new(), ..script };
        let scripts: Vec<_> = scripts.into_iter().map(plain).collect();
        let events = analyse(&mixed(&scripts, seed).told().packets(), &Config::default());
        for (script, connection) in scripts.iter().zip(1..) {
            let alone = analyse(&script.play(0).packets(), &Config::default());
            prop_assert_eq!(said(&events, connection), said(&alone, 1));
        }
    }

    #[test]
    fn any_cut_gives_the_same_events(
        scripts in vec(faultless(6), 1..4), seed: u64, mss in 1..2000usize, repeat in 0..4usize, late in 0..9usize,
    ) {
        let plain = |script: Script| Script { ending: Ending::Silence, deflate: None, before: Vec::new(), ..script };
        let scripts: Vec<_> = scripts.into_iter().map(plain).collect();
        let told_once = mixed(&scripts, seed).end(1, ToClient).fin();
        let expected = told(&analyse(&told_once.packets(), &Config::default()), Order::Kept);
        let network = Network { seed, mss, repeat, late, coalesce: late == 0, ..Network::calm() };
        let packets = told_once.route().packets(&network.carry(told_once.segments()));
        let events = analyse(&packets, &Config::default());
        in_capture(&events, packets.len())?;
        same(&told(&events, Order::Kept), &expected)?;
    }

    #[test]
    fn what_another_encoder_writes_comes_back(heads in vec(vec((name(), "[a-z0-9/=; ]{0,40}"), 0..12), 1..8)) {
        let mut encoder = loona_hpack::Encoder::new();
        let mut decoder = Decoder::default();
        for head in heads {
            let block = encoder.encode(head.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
            let read = decoder.decode(&block, usize::MAX, usize::MAX).expect("a block");
            prop_assert_eq!(as_pairs(&read), head.into_iter().map(|(name, value)| (name.into(), value.into())).collect::<Vec<_>>());
        }
    }

    #[test]
    fn any_block_is_read_as_another_decoder_reads_it(blocks in vec(vec(any::<u8>(), 0..40), 1..5)) {
        let mut other = loona_hpack::Decoder::new();
        let mut decoder = Decoder::default();
        for block in blocks {
            let read = decoder.decode(&block, usize::MAX, usize::MAX);
            match other.decode(&block) {
                Ok(fields) => prop_assert_eq!(read.as_ref().map(as_pairs), Ok(fields)),
                // What an update at the end of a block changes is known all the same.
                Err(DecoderError::SizeUpdateAtEnd) => prop_assert!(read.is_ok()),
                Err(_) => {
                    prop_assert!(read.is_err());
                    break;
                }
            }
        }
    }

    /// Whatever stands where frames should: it is looked at in time, and nothing breaks.
    #[test]
    fn any_bytes_behind_the_preface_do_no_harm(bytes: Vec<u8>, more: Vec<u8>, mss in 1..50usize) {
        let told = Http2::new().open(1, "/a").bytes(ToServer, &bytes).bytes(ToClient, &more).client(1, binary(&bytes)).fin();
        let network = Network { mss, ..Network::calm() };
        analyse(&told.route().packets(&network.carry(told.segments())), &Config::default());
    }
}

/// Both heads refer to entries of tables that are not known any more, and what was agreed stands among them.
#[test]
fn compression_may_have_been_agreed_in_fields_that_are_not_known() {
    let deflate = ("sec-websocket-extensions", "permessage-deflate");
    let updated = |fields: &[(&str, &str)]| [&[0x3f, 0xe1, 0x1f][..], &block(fields)].concat();
    // The newest entry, which the limit left no room for.
    let referring = |fields: &[(&str, &str)]| [&block(fields)[..], &[0x80 + 62]].concat();
    let offer = [&connect("/one")[..], &[deflate]].concat();
    let hello = [0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let told = Http2::new()
        .frame(ToServer, Kind::HEADERS, END_HEADERS, 1, &updated(&offer))
        .frame(ToClient, Kind::HEADERS, END_HEADERS, 1, &updated(&[(":status", "200"), deflate]))
        .frame(ToServer, Kind::HEADERS, END_HEADERS, 3, &referring(&connect("/two")))
        .frame(ToClient, Kind::HEADERS, END_HEADERS, 3, &referring(&[(":status", "200")]))
        .frame(ToClient, Kind::DATA, 0, 3, &hello);
    let limits = Limits { header_table: 1, ..Limits::default() };
    let config = Config { per: Per::Message, limits, ..Config::default() };
    let events = analyse(&told.told().packets(), &config);
    let message = events.iter().find_map(|event| if let Body::Message(it) = &event.body { Some(it) } else { None });
    assert_eq!(message.map(|message| message.payload.bytes.as_slice()), Some(&b"Hello"[..]), "{:?}", codes(&events));
}

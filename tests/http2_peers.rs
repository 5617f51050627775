//! WebSockets between two peers that nobody here wrote: the `h2` crate on both sides, in memory.

mod common;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream, client, server};
use http::{Method, Request, Response};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use wscope::config::{Config, Per};
use wscope::duplex::{Direction, Duplex};
use wscope::event::{Body, End, Event};

use common::script::{right, thorough};
use common::{Conversation, Http2, Network, Say, analyse, close, raw};

use Direction::{ToClient, ToServer};

/// What the two sides say on one stream.
#[derive(Debug, Clone)]
struct Talk {
    said: Duplex<Vec<Say>>,
    ending: Ending,
}

/// How the client ends it, behind a Close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    EndStream,
    Reset,
}

/// What was written, by whom, in order.
type Wire = Arc<Mutex<Vec<(Direction, Vec<u8>)>>>;

proptest! {
    #![proptest_config(thorough(24))]

    #[test]
    fn what_two_peers_say_comes_out(talks in vec(talk(), 1..5), seed: u64, mss in 1..5000usize) {
        let wire = converse(&talks);
        let told = wire.iter().fold(Conversation::new().syn(), |told, (from, bytes)| told.say(*from, &raw(bytes))).fin(ToServer).fin(ToClient);
        let network = Network { seed, mss, coalesce: true, ..Network::calm() };
        let packets = told.route().packets(&network.carry(told.segments()));
        let events = analyse(&packets, &Config { per: Per::Message, ..Config::default() });
        for (number, talk) in talks.iter().enumerate() {
            let target = format!("/{number}");
            let connection = events.iter().find_map(|event| match &event.body {
                Body::Handshake(handshake) if *handshake.request.as_ref()?.target == *target => Some(event.connection),
                _ => None,
            });
            let of_connection: Vec<_> = events.iter().filter(|event| Some(event.connection) == connection).collect();
            for way in Direction::BOTH {
                prop_assert_eq!(heard(&of_connection, way), expected(&talk.said[way]), "{} {:?}", target, way);
            }
            let Some(Body::Closed(closed)) = of_connection.last().map(|event| &event.body) else {
                panic!("{target} is not closed: {events:#?}");
            };
            let how = if talk.ending == Ending::Reset { End::Reset } else { End::Fin };
            prop_assert_eq!((closed.how, closed.by), (how, Some(ToServer)));
        }
    }
}

fn talk() -> impl Strategy<Value = Talk> {
    let ending = prop_oneof![Just(Ending::EndStream), Just(Ending::Reset)];
    (vec(right(), 0..6), vec(right(), 0..6), ending).prop_map(|(to_server, mut to_client, ending)| {
        // Both ends would be a closing handshake, and what stands behind a Close frame a violation.
        to_client.push(close(1000, ""));
        Talk { said: Duplex { to_server, to_client }, ending }
    })
}

/// Messages and control frames of one side: opcode and payload.
fn heard(events: &[&Event], way: Direction) -> Vec<(u8, Vec<u8>)> {
    let heard = events.iter().filter_map(|event| match &event.body {
        Body::Message(message) if message.direction == way => {
            assert!(message.complete);
            Some((if message.text { 1 } else { 2 }, message.payload.bytes.clone()))
        }
        Body::Frame(frame) if frame.direction == way => Some((frame.header.opcode.0, frame.payload.bytes.clone())),
        _ => None,
    });
    heard.collect()
}

/// The same, as it was said; a control frame between fragments comes before the message is whole.
fn expected(said: &[Say]) -> Vec<(u8, Vec<u8>)> {
    let with_between = |say: &Say| {
        let between = say.between.iter().map(|say| (say.opcode, say.payload.clone()));
        let fragmented = !say.fragments.is_empty();
        let own = (say.opcode, say.payload.clone());
        match fragmented {
            true => between.chain([own]).collect::<Vec<_>>(),
            false => [own].into_iter().chain(between).collect(),
        }
    };
    said.iter().flat_map(with_between).collect()
}

/// Lets the peers talk, each of these on a stream of its own, beside an ordinary request.
fn converse(talks: &[Talk]) -> Vec<(Direction, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs nothing");
    let wire = Wire::default();
    let (near, far) = tokio::io::duplex(1 << 16);
    let near = Tapped { from: ToServer, inner: near, wire: wire.clone() };
    let far = Tapped { from: ToClient, inner: far, wire: wire.clone() };
    let served = talks.iter().map(|talk| {
        let awaited = words(ToServer, &talk.said.to_server).iter().map(Bytes::len).sum();
        (words(ToClient, &talk.said.to_client), awaited)
    });
    let served = serve(far, served.collect());
    runtime.block_on(async {
        let local = tokio::task::LocalSet::new();
        local.spawn_local(served);
        local.run_until(ask(near, talks)).await;
    });
    drop(runtime);
    std::mem::take(&mut *wire.lock().expect("nobody panicked"))
}

/// Frames as bytes, one piece for each word.
fn words(from: Direction, said: &[Say]) -> Vec<Bytes> {
    let mut encoder = Http2::new();
    said.iter().map(|say| encoder.encode(from, say).into()).collect()
}

/// Says its words on each stream, the last of them once it has heard so many bytes.
async fn serve(io: Tapped, talks: Vec<(Vec<Bytes>, usize)>) {
    let server = server::Builder::new().enable_connect_protocol().handshake::<_, Bytes>(io);
    let mut connection = server.await.expect("a server");
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let websocket = request.extensions().get::<Protocol>().is_some();
        let number = request.uri().path()[1..].parse().ok().filter(|_| websocket);
        let mut send = respond.send_response(Response::new(()), false).expect("an answer");
        let page = || (vec![Bytes::from_static(b"a page")], 0);
        let (mut words, awaited) = number.map_or_else(page, |number: usize| talks[number].clone());
        tokio::task::spawn_local(async move {
            let last = words.pop().expect("a Close frame at least");
            say(&mut send, words);
            let mut body = request.into_body();
            hear(&mut body, awaited).await;
            say(&mut send, vec![last]);
            hear(&mut body, usize::MAX).await;
            // It may have been reset by then.
            send.send_data(Bytes::new(), true).ok();
        });
    }
}

async fn ask(io: Tapped, talks: &[Talk]) {
    let (mut requests, connection) = client::handshake(io).await.expect("a client");
    let connection = tokio::task::spawn_local(connection);
    while !requests.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    let mut open = Vec::new();
    for (number, talk) in talks.iter().enumerate() {
        requests = requests.ready().await.expect("room for a stream");
        let get = Request::get("http://server.example.com/").body(()).expect("a request");
        let (page, _) = requests.send_request(get, true).expect("a request");
        open.push(tokio::task::spawn_local(async move {
            hear(&mut page.await.expect("a page").into_body(), usize::MAX).await;
        }));
        let uri = format!("http://server.example.com/{number}");
        let connect = Request::builder().method(Method::CONNECT).uri(uri).header("sec-websocket-version", "13");
        let connect = connect.extension(Protocol::from_static("websocket")).body(()).expect("a request");
        let (answer, mut send) = requests.send_request(connect, false).expect("a request");
        let awaited = words(ToClient, &talk.said.to_client).iter().map(Bytes::len).sum();
        let (words, ending) = (words(ToServer, &talk.said.to_server), talk.ending);
        open.push(tokio::task::spawn_local(async move {
            let mut body = answer.await.expect("granted").into_body();
            say(&mut send, words);
            hear(&mut body, awaited).await;
            match ending {
                Ending::EndStream => {
                    send.send_data(Bytes::new(), true).expect("an open stream");
                    hear(&mut body, usize::MAX).await;
                }
                Ending::Reset => send.send_reset(Reason::CANCEL),
            }
        }));
    }
    for talk in open {
        talk.await.expect("no panic");
    }
    drop(requests);
    connection.await.expect("no panic").ok();
}

fn say(send: &mut SendStream<Bytes>, words: Vec<Bytes>) {
    for word in words {
        send.send_data(word, false).expect("an open stream");
    }
}

/// Takes so many bytes, or all that come.
async fn hear(body: &mut RecvStream, awaited: usize) {
    let mut left = awaited;
    while left > 0
        && let Some(Ok(bytes)) = body.data().await
    {
        body.flow_control().release_capacity(bytes.len()).ok();
        left = left.saturating_sub(bytes.len());
    }
}

/// One end of a connection in memory; what is written is noted on the wire.
struct Tapped {
    from: Direction,
    inner: DuplexStream,
    wire: Wire,
}

impl AsyncRead for Tapped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.wire.lock().expect("nobody panicked").push((self.from, bytes[..count].to_vec()));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

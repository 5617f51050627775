//! Peers that compress: both sides are yawc, with context takeover.

use std::net::{TcpListener, TcpStream};
use std::thread;

use futures::SinkExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};
use tungstenite::handshake::derive_accept_key;
use yawc::frame::{Frame, OpCode};
use yawc::{Options, Role, WebSocket};

use crate::peers::Logged;

const EXTENSION: &str = "permessage-deflate";

/// A conversation over `listener`'s port in which both sides compress: what was received, in order.
pub(crate) fn talk(listener: &TcpListener) -> Vec<Logged> {
    let address = listener.local_addr().expect("it is bound");
    let connecting = thread::spawn(move || TcpStream::connect(address).expect("the server listens"));
    let (server, _) = listener.accept().expect("the client comes");
    let client = connecting.join().expect("no panic");
    let runtime = Builder::new_current_thread().enable_io().enable_time().build().expect("a runtime");
    let [client, server] = [client, server].map(|stream| into_async(&runtime, stream));
    runtime.block_on(converse(client, server, format!("ws://{address}/deflate")))
}

async fn converse(client: tokio::net::TcpStream, server: tokio::net::TcpStream, uri: String) -> Vec<Logged> {
    let options = || Options::default().with_balanced_compression();
    let asking = WebSocket::handshake(uri.parse().expect("a URI"), client, options());
    let (client, server) = tokio::join!(asking, answer(server));
    let mut client = client.expect("the server agrees");
    let mut server = WebSocket::from_stream_with_extensions(server, Role::Server, Some(EXTENSION), options())
        .expect("an extension it has");
    let mut logged = Vec::new();
    for round in 0..20u8 {
        // The same again and again, so that each message refers to those before it.
        let question = format!("{{\"type\":\"question\",\"round\":{round},\"text\":\"{}\"}}", "the same ".repeat(20));
        let answer: Vec<u8> = (0..6000u32).map(|byte| (byte / 7) as u8 ^ round).collect();
        let (sent, received) = tokio::join!(client.send(Frame::text(question)), server.next_frame());
        sent.expect("the server reads");
        logged.push(log("client", received.expect("a message")));
        let (sent, received) = tokio::join!(server.send(Frame::binary(answer)), client.next_frame());
        sent.expect("the client reads");
        logged.push(log("server", received.expect("a message")));
    }
    logged
}

/// Answers the upgrade request, and agrees to compress.
async fn answer(mut stream: tokio::net::TcpStream) -> tokio::net::TcpStream {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("the client asks"));
    }
    let head = String::from_utf8(head).expect("ASCII");
    assert!(head.contains(EXTENSION), "{head}");
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let key = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).expect("a key").1;
    let accept = derive_accept_key(key.as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: {EXTENSION}\r\n\r\n"
    );
    stream.write_all(response.as_bytes()).await.expect("the client waits");
    stream
}

fn into_async(runtime: &Runtime, stream: TcpStream) -> tokio::net::TcpStream {
    let _inside = runtime.enter();
    stream.set_nonblocking(true).expect("a TCP socket");
    stream.set_nodelay(true).expect("a TCP socket");
    tokio::net::TcpStream::from_std(stream).expect("a TCP socket")
}

fn log(from: &'static str, frame: Frame) -> Logged {
    let text = frame.opcode() == OpCode::Text;
    (from, text, frame.into_payload().to_vec())
}

//! tungstenite-echo, client side: a Rust `tungstenite` client. Lengths on both sides of each limit of the length field
//! (125, 126, 65535, 65536), a binary of 70,000 bytes, a ping, and a close 3000 with a reason.

use tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tungstenite::{Error, Message, connect};

fn main() {
    let (mut socket, response) = connect("ws://127.0.0.1:8086/echo").expect("the server is listening");
    println!("{}", response.status());
    let pattern: Vec<u8> = (0..70_000).map(|index| (index % 251) as u8).collect();
    let messages = [
        Message::text("hello from Rust"),
        Message::binary(pattern[..125].to_vec()),
        Message::binary(pattern[..126].to_vec()),
        Message::text("x".repeat(65_535)),
        Message::text("y".repeat(65_536)),
        Message::binary(pattern),
    ];
    for message in messages {
        socket.send(message.clone()).expect("sent");
        assert_eq!(socket.read().expect("echoed"), message);
    }
    socket.send(Message::Ping("tungstenite".into())).expect("sent");
    assert!(socket.read().expect("answered").is_pong());
    socket.close(Some(CloseFrame { code: CloseCode::Library(3000), reason: "enough".into() })).expect("closing");
    loop {
        match socket.read() {
            Ok(_) => {}
            Err(Error::ConnectionClosed) => break,
            Err(error) => panic!("{error}"),
        }
    }
}

//! Live captures on the screen: loopback, with real peers.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::session::Session;

/// Whether a test has to be left out, as capturing needs root; never where `CI` is set.
fn left_out() -> bool {
    if std::fs::metadata("/proc/self").expect("Linux").uid() == 0 {
        return false;
    }
    assert!(std::env::var_os("CI").is_none(), "capturing needs root");
    eprintln!("left out: capturing needs root");
    true
}

/// A port on loopback, and a server that answers the first client's first message with the same.
fn echo() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        let heard = socket.read().expect("a message");
        socket.send(heard).expect("an answer");
        // Until the client closes.
        while socket.read().is_ok() {}
    });
    (port, server)
}

/// Says something to the server, hears it again, and closes.
fn talk(port: u16, text: &str) {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server");
    let (mut socket, _) = tungstenite::client(format!("ws://127.0.0.1:{port}/live"), stream).expect("a handshake");
    socket.send(text.into()).expect("a server");
    assert_eq!(socket.read().expect("an answer").into_text().expect("text"), text);
    socket.close(None).expect("open");
    while socket.read().is_ok() {}
}

#[test]
fn messages_are_shown_as_they_come() {
    if left_out() {
        return;
    }
    let (port, server) = echo();
    let mut session = Session::wscope(&["-i", "lo", "-f", &format!("tcp port {port}")]);
    session.await_text("LIVE");
    talk(port, "hello, screen");
    session.await_screen("both messages", |screen| screen.contents().matches("hello, screen").count() >= 2);
    server.join().expect("no panic");
    session.await_text("close");
    session.press("q");
    session.await_text("once more");
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
}

#[test]
fn what_was_seen_is_saved_from_inside_the_sandbox_and_what_w_keeps_needs_no_second_q() {
    if left_out() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join("wscope")).expect("a folder for settings");
    let (port, server) = echo();
    let filter = format!("tcp port {port}");
    let mut session =
        Session::wscope_in(folder.path(), &["-i", "lo", "-f", &filter, "--user", "root", "-w", "all.pcapng"]);
    session.await_text("LIVE");
    talk(port, "hello, file");
    server.join().expect("no panic");
    session.await_text("close");
    session.press(":save jsonl rows.jsonl\r");
    session.await_text("rows written to rows.jsonl");
    let rows = std::fs::read_to_string(folder.path().join("rows.jsonl")).expect("it was written");
    assert_eq!(rows.matches("\"text\":\"hello, file\"").count(), 2, "{rows}");
    session.press(":settings\r");
    session.await_text("kept in ");
    session.press("W");
    session.await_text("the packets are in all.pcapng");
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
}

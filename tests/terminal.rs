//! The real binary on a real terminal: what it shows, and that it gives the terminal back however it ends.

#![cfg(target_os = "linux")]

use std::io::{Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtyPair, PtySize, native_pty_system};

/// What is awaited comes by then; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Set for the child that panics with the terminal in its hands.
const PANICS: &str = "WSCOPE_TEST_PANICS";

/// A terminal and a program on it.
struct Session {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<(Mutex<vt100::Parser>, Condvar)>,
    /// How the terminal was set before, as text.
    before: String,
}

impl Session {
    fn start(command: CommandBuilder) -> Self {
        let pty = terminal();
        let before = settings(&*pty.master);
        let child = pty.slave.spawn_command(surrounded(command)).expect("the program");
        let mut reader = pty.master.try_clone_reader().expect("its output");
        let seen = Arc::new((Mutex::new(vt100::Parser::new(24, 80, 0)), Condvar::new()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                shared.0.lock().expect("no panic").process(&buffer[..count]);
                shared.1.notify_all();
            }
        });
        let keys = pty.master.take_writer().expect("its input");
        // The slave stays open in the child alone, and with it the terminal as it was left.
        Self { master: pty.master, keys, child, seen, before }
    }

    fn wscope(arguments: &[&str]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_wscope"));
        command.args(arguments);
        Self::start(command)
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("a terminal");
    }

    /// Waits until what is on the screen is as wanted.
    #[track_caller]
    fn await_screen(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut parser = self.seen.0.lock().expect("no panic");
        while !wanted(parser.screen()) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come; there is:\n{}", parser.screen().contents());
            parser = self.seen.1.wait_timeout(parser, left).expect("no panic").0;
        }
    }

    #[track_caller]
    fn await_text(&self, text: &str) {
        self.await_screen(text, |screen| screen.contents().contains(text));
    }

    fn kill(&self, signal: &str) {
        let id = self.child.process_id().expect("it runs").to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &id]).status().expect("kill");
        assert!(status.success());
    }

    /// Waits for the end, and holds the terminal against what it was.
    #[track_caller]
    fn finish(mut self) -> ExitStatus {
        self.await_screen("the screen of before", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
        });
        let status = self.child.wait().expect("it ran");
        assert_eq!(settings(&*self.master), self.before, "the terminal's settings");
        status
    }
}

fn terminal() -> PtyPair {
    let size = PtySize { rows: 24, cols: 80, ..PtySize::default() };
    native_pty_system().openpty(size).expect("a terminal")
}

/// A command in surroundings that do not change what it shows.
fn surrounded(mut command: CommandBuilder) -> CommandBuilder {
    command.cwd(env!("CARGO_MANIFEST_DIR"));
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// How a terminal is set: what raw mode changes, as text.
fn settings(master: &dyn MasterPty) -> String {
    let termios = master.get_termios().expect("a terminal has settings");
    format!("{:?} {:?} {:?}", termios.input_flags, termios.output_flags, termios.local_flags)
}

#[test]
fn a_file_is_shown_looked_into_and_left() {
    let mut session = Session::wscope(&["samples/fragments-node.pcap"]);
    session.await_text("loaded");
    session.await_text("One message in three");
    session.press("/type:binary\r");
    session.await_text("2 of 14");
    session.press("v");
    session.await_text("[text]");
    session.press("?");
    session.await_text("any other key leaves");
    session.press("xq");
    assert_eq!(session.finish().exit_code(), 0);
}

#[test]
fn a_display_filter_given_on_the_command_line_is_set() {
    let mut session = Session::wscope(&["samples/fragments-node.pcap", "-Y", "ws.dir == s2c"]);
    session.await_text("filter: ws.dir == \"s2c\"");
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
}

#[test]
fn a_terminal_is_given_back_after_sigterm_and_sighup() {
    for signal in ["TERM", "HUP", "INT"] {
        let session = Session::wscope(&["samples/fragments-node.pcap"]);
        session.await_text("loaded");
        session.kill(signal);
        session.finish();
    }
}

#[test]
fn a_terminal_that_is_gone_is_the_end() {
    let PtyPair { master, slave } = terminal();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_wscope"));
    command.arg("samples/fragments-node.pcap");
    let mut child = slave.spawn_command(surrounded(command)).expect("the program");
    drop(slave);
    let mut reader = master.try_clone_reader().expect("its output");
    let (mut screen, mut buffer) = (vt100::Parser::new(24, 80, 0), [0; 4096]);
    while !screen.screen().contents().contains("loaded") {
        let count = reader.read(&mut buffer).expect("it goes on");
        screen.process(&buffer[..count]);
    }
    drop((reader, master));
    let mut killer = child.clone_killer();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait()));
    if end.recv_timeout(PATIENCE).is_err() {
        killer.kill().expect("it runs");
        panic!("it goes on without a terminal");
    }
}

#[test]
fn a_terminal_is_given_back_before_a_panic_is_told() {
    let mut command = CommandBuilder::new(std::env::current_exe().expect("a test has a program"));
    command.args(["--exact", "the_child_that_panics", "--nocapture"]);
    command.env(PANICS, "1");
    let session = Session::start(command);
    session.await_text("provoked on purpose");
    assert_ne!(session.finish().exit_code(), 0);
}

/// Run by the test above in a process of its own; alone it has nothing to do.
#[test]
fn the_child_that_panics() {
    if std::env::var_os(PANICS).is_some() {
        let _guard = wscope::tui::terminal::Guard::take().expect("a terminal");
        panic!("provoked on purpose");
    }
}

#[test]
fn a_live_capture_shows_messages_as_they_come() {
    if std::fs::metadata("/proc/self").expect("Linux").uid() != 0 {
        assert!(std::env::var_os("CI").is_none(), "capturing needs root");
        eprintln!("left out: capturing needs root");
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let mut session = Session::wscope(&["-i", "lo", "-f", &format!("tcp port {port}")]);
    session.await_text("LIVE");
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        let heard = socket.read().expect("a message");
        socket.send(heard).expect("an answer");
        // Until the client closes.
        while socket.read().is_ok() {}
    });
    let stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("the server");
    let uri = format!("ws://127.0.0.1:{port}/live");
    let (mut socket, _) = tungstenite::client(uri, stream).expect("a handshake");
    socket.send("hello, screen".into()).expect("a server");
    assert_eq!(socket.read().expect("an answer").into_text().expect("text"), "hello, screen");
    session.await_screen("both messages", |screen| screen.contents().matches("hello, screen").count() >= 2);
    socket.close(None).expect("open");
    while socket.read().is_ok() {}
    server.join().expect("no panic");
    session.await_text("close");
    session.press("q");
    session.await_text("once more");
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
}

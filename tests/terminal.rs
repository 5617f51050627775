//! The real binary on a real terminal: what it shows, and that it gives the terminal back however it ends.

#![cfg(target_os = "linux")]

#[path = "terminal/live.rs"]
mod live;
#[path = "terminal/saving.rs"]
mod saving;
#[path = "terminal/session.rs"]
mod session;

mod common;

use std::io::Read as _;
use std::sync::mpsc;

use portable_pty::{CommandBuilder, PtyPair};
use ratatui::style::Color;
use wscope::tui::Theme;

use session::{PATIENCE, Session, surrounded, terminal};

/// Set for the child that panics with the terminal in its hands.
const PANICS: &str = "WSCOPE_TEST_PANICS";

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
fn a_column_given_on_the_command_line_is_shown() {
    let mut session = Session::wscope(&["samples/fragments-node.pcap", "-e", "len(ws.text)"]);
    session.await_text("len(ws.text)");
    session.await_text("28 ");
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
}

#[test]
fn colours_go_with_the_background_that_the_terminal_tells_of() {
    for (background, answer) in [("light", "ffff/ffff/ffff"), ("dark", "1e1e/1e1e/2e2e")] {
        let mut session = Session::wscope(&["samples/fragments-node.pcap", "--theme", "auto"]);
        session.press(&format!("\x1b]11;rgb:{answer}\x1b\\\x1b[?62;c"));
        session.await_text("loaded");
        let bar = Theme::named(background).and_then(|theme| theme.bar.bg);
        let Some(Color::Indexed(index)) = bar else { panic!("{bar:?}") };
        session.await_screen(background, |screen| {
            screen.cell(0, 1).is_some_and(|cell| cell.bgcolor() == vt100::Color::Idx(index))
        });
        session.press("q");
        assert_eq!(session.finish().exit_code(), 0);
    }
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
fn a_stop_gives_the_terminal_back_and_the_screen_comes_back_with_it() {
    for by_key in [true, false] {
        let mut session = Session::wscope(&["samples/fragments-node.pcap"]);
        session.await_text("loaded");
        if by_key {
            session.press("\x1a");
        } else {
            session.kill("TSTP");
        }
        session.await_screen("the screen of before", |screen| !screen.alternate_screen() && !screen.hide_cursor());
        session.await_stopped();
        session.kill("CONT");
        session.await_screen("the screen again", |screen| {
            screen.alternate_screen() && screen.contents().contains("loaded")
        });
        session.press("jj");
        session.await_text("3 of 14");
        session.press("q");
        assert_eq!(session.finish().exit_code(), 0);
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
    let session = Session::start(surrounded(command));
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

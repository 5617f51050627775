//! The screen on captures: keys in, cells out, held against reviewed files (`BLESS=1` writes them).

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use wscope::capture::Files;
use wscope::config::{Config, Decode, Limits, Per};
use wscope::export::escape::is_unsafe;
use wscope::run::Run;
use wscope::tui::effect::Effect;
use wscope::tui::feed::{Feed, Reading};
use wscope::tui::look::Look;
use wscope::tui::model::{Model, Pane};
use wscope::tui::prompt::History;
use wscope::tui::reread::Reread;
use wscope::tui::{keys, mouse, view};

use common::pcap::pcap;
use common::{Conversation, Dialect, Route, binary, ping, text};

/// A screen on which a capture was read to its end.
struct Stage {
    model: Model,
    history: History,
    terminal: Terminal<TestBackend>,
}

impl Stage {
    fn new(sample: &str, columns: u16, rows: u16) -> Self {
        Self::on(Path::new("samples").join(sample), columns, rows)
    }

    fn on(path: PathBuf, columns: u16, rows: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let files = Files::open(std::slice::from_ref(&path), None, Arc::clone(&stop)).expect("a sample");
        let config = Config {
            per: Per::Message,
            decode: Decode::All,
            limits: Limits { headers: 64, ..Limits::default() },
            ..Config::default()
        };
        let run = Run { config: config.clone(), ..Run::default() };
        let mut feed = Feed::begin(Box::new(files), Reading { run, redact: false, stop }).expect("a thread");
        let mut model = Model::new(path.display().to_string(), false, 64 << 20, Look::default());
        model.reread = Reread::new(config);
        while model.reading.ended.is_none() {
            match feed.take() {
                Some(news) => model.learn(news),
                None => std::thread::yield_now(),
            }
        }
        let terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen in memory");
        let mut stage = Self { model, history: History::default(), terminal };
        stage.draw();
        stage
    }

    /// Presses keys: characters, and in angle brackets `<Enter>`, `<Esc>`, `<Tab>`, `<Up>`, `<C-d>`.
    fn press(&mut self, keys: &str) -> Option<Effect> {
        let mut effect = None;
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let key = match rest.strip_prefix('<').and_then(|named| named.split_once('>')) {
                Some((name, behind))
                    if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') =>
                {
                    rest = behind;
                    named(name)
                }
                _ => {
                    rest = &rest[first.len_utf8()..];
                    KeyEvent::new(KeyCode::Char(first), KeyModifiers::NONE)
                }
            };
            effect = keys::press(&mut self.model, &mut self.history, key).or(effect);
            self.draw();
            while self.model.work(Instant::now() + Duration::from_millis(50)) {}
            self.draw();
        }
        effect
    }

    fn draw(&mut self) {
        self.terminal.draw(|_| {}).expect("memory takes all");
        self.model.size = self.terminal.get_frame().area();
        self.model.settle();
        self.terminal.draw(|frame| view::draw(frame, &self.model)).expect("memory takes all");
    }

    /// The screen as text, without the blanks at the ends of its lines.
    fn text(&self) -> String {
        let buffer = self.terminal.backend().buffer();
        let width = usize::from(buffer.area.width);
        let lines = buffer.content.chunks(width).map(|cells| {
            let line: String = cells.iter().map(Cell::symbol).collect();
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }

    /// Holds the screen against `tests/screens/NAME.txt`.
    #[track_caller]
    fn check(&self, name: &str) {
        let path = PathBuf::from("tests/screens").join(format!("{name}.txt"));
        let text = self.text();
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all("tests/screens").expect("a folder");
            std::fs::write(&path, &text).expect("a file");
            return;
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(known == text, "{} differs; it is now:\n{text}", path.display());
    }
}

fn named(name: &str) -> KeyEvent {
    if let Some(c) = name.strip_prefix("C-") {
        return KeyEvent::new(KeyCode::Char(c.chars().next().expect("a character")), KeyModifiers::CONTROL);
    }
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Backspace" => KeyCode::Backspace,
        _ => panic!("no key {name}"),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

#[test]
fn a_conversation_at_80_by_24() {
    let mut stage = Stage::new("fragments-node.pcap", 80, 24);
    stage.press("jj");
    stage.check("messages-80x24");
}

#[test]
fn what_became_of_all_connections_is_said_when_a_file_is_read() {
    let stage = Stage::new("parts.pcap", 120, 36);
    stage.check("first");
    let stage = Stage::new("tls-suites.pcapng", 80, 24);
    assert!(stage.text().contains("13 connections ("), "{}", stage.text());
}

#[test]
fn a_conversation_at_120_by_36() {
    let mut stage = Stage::new("deflate-takeover.pcapng", 120, 36);
    stage.press("jjj");
    stage.check("messages-120x36");
}

#[test]
fn a_conversation_at_160_by_50() {
    let mut stage = Stage::new("violations.pcap", 160, 50);
    stage.press("jjj");
    stage.check("messages-160x50");
}

#[test]
fn the_bits_of_each_frame_of_a_message() {
    let mut stage = Stage::new("fragments-node.pcap", 80, 40);
    stage.press("jjvvvvz<Tab>");
    stage.check("frames");
}

#[test]
fn a_handshake_with_its_checks_and_the_accept_computed() {
    let mut stage = Stage::new("wrong-accept.pcap", 80, 40);
    stage.press("<Tab>z");
    stage.check("handshake");
}

#[test]
fn what_a_filter_leaves() {
    let mut stage = Stage::new("fragments-node.pcap", 80, 24);
    stage.press("/ws.type == text and ws.dir == s2c<Enter>");
    stage.check("filter");
    stage.press("<Esc>");
    assert!(stage.text().contains("no filter"), "Esc shows all again");
}

#[test]
fn a_filter_that_is_not_understood_says_where() {
    let mut stage = Stage::new("fragments-node.pcap", 80, 24);
    stage.press("/ws.tyep == text");
    stage.check("filter-wrong");
    stage.press("<Enter>");
    assert!(stage.text().contains("/ws.tyep"), "it stays to be mended");
}

#[test]
fn the_other_views() {
    let mut stage = Stage::new("port-reuse.pcap", 80, 24);
    for (key, name) in [("2", "connections"), ("3", "ladder"), ("4", "statistics"), ("5", "log"), ("?", "help")] {
        stage.press(key);
        stage.check(name);
    }
}

/// Lines of `wscope stats` that stand for a connection, or with 0 for all; without the curve, which the screen draws itself.
fn numbers(sample: &str, connection: u64) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_wscope")).args(["stats", &format!("samples/{sample}")]).output();
    let text = String::from_utf8(output.expect("the program").stdout).expect("text");
    let head = if connection == 0 { "all: ".to_owned() } else { format!("#{connection} ") };
    let lines = text.lines().skip_while(|line| !line.starts_with(&head)).take_while(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with("   rate") && !line.contains("a column is"));
    lines.map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn statistics_are_those_of_the_command() {
    for sample in ["echo-python.pcapng", "fragments-node.pcap", "deflate-takeover.pcapng", "violations.pcap"] {
        let mut stage = Stage::new(sample, 80, 60);
        for connection in [1, 0] {
            stage.model.set_connection(connection);
            stage.press("4");
            let numbers = numbers(sample, connection);
            assert!(numbers.len() > 8, "{numbers:?}");
            let shown = stage.text();
            for line in &numbers {
                assert!(shown.lines().any(|shown| shown == line), "{sample}: {line:?} is not in\n{shown}");
            }
        }
    }
}

#[test]
fn charts_stand_beside_the_numbers_where_there_is_room() {
    let mut stage = Stage::new("echo-python.pcapng", 160, 50);
    stage.press("4");
    stage.check("statistics-160x50");
}

#[test]
fn what_is_searched_is_found_in_both_directions_and_nothing_is_hidden() {
    let mut stage = Stage::new("fragments-node.pcap", 80, 24);
    stage.press("sdone<Enter>");
    assert!(stage.text().contains("#11, 11 of 14"), "{}", stage.text());
    stage.press("n");
    assert!(stage.text().contains("not found below"), "{}", stage.text());
    stage.press("gsserver ping<Enter>");
    assert!(stage.text().contains("#5, 5 of 14"), "{}", stage.text());
    stage.press("n");
    assert!(stage.text().contains("#7, 7 of 14"), "{}", stage.text());
    stage.press("N");
    assert!(stage.text().contains("#5, 5 of 14"), "{}", stage.text());
}

#[test]
fn keep_alives_are_hidden_with_one_key_and_the_selected_row_stays() {
    let mut stage = Stage::new("fragments-node.pcap", 80, 24);
    stage.press("jjP");
    assert!(stage.text().contains("hidden: 4 keep-alives (P)"), "{}", stage.text());
    assert!(stage.text().contains("10 of 14"), "{}", stage.text());
    assert!(stage.text().contains("#3, 2 of 10"), "{}", stage.text());
    stage.press("P");
    assert!(stage.text().contains("#3, 3 of 14"), "{}", stage.text());
}

#[test]
fn rows_are_gone_to_by_number_by_mark_and_by_oddity() {
    let mut stage = Stage::new("fragments-node.pcap", 80, 24);
    stage.press("5G");
    assert!(stage.text().contains("#5, 5 of 14"), "{}", stage.text());
    stage.press("ma12G");
    assert!(stage.text().contains("#12, 12 of 14"), "{}", stage.text());
    stage.press("'a");
    assert!(stage.text().contains("#5, 5 of 14"), "{}", stage.text());
    stage.press("]");
    assert!(stage.text().contains("#12, 12 of 14"), "{}", stage.text());
    stage.press(":9<Enter>");
    assert!(stage.text().contains("#9, 9 of 14"), "{}", stage.text());
}

#[test]
fn what_is_copied_is_the_payload_as_it_is() {
    let mut stage = Stage::new("fragments-node.pcap", 80, 24);
    let effect = stage.press("jjy");
    let Some(Effect::Copy(bytes, _)) = effect else { panic!("{effect:?}") };
    assert_eq!(bytes, b"One message in three frames.");
}

#[test]
fn what_a_sub_protocol_says_is_a_tree_and_its_values_are_filtered_by() {
    let mut stage = Stage::new("nats.pcap", 80, 40);
    stage.press("hh/nats.kind == SUB<Enter>g<Tab>z");
    stage.check("decoded");
    let at = |stage: &Stage, text: &str| {
        let line = stage.text().lines().position(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("{text} is not in\n{}", stage.text()))
    };
    let (top, subject) = (at(&stage, "\"protocol\""), at(&stage, "\"subject\""));
    stage.press(&"j".repeat(subject - top + 1));
    stage.press("f=");
    assert!(stage.text().contains("filter: nats.subject == \""), "{}", stage.text());
}

#[test]
fn an_answer_tells_how_long_it_took_and_o_goes_between_it_and_its_request() {
    let mut stage = Stage::new("rpc.pcap", 120, 36);
    stage.press("19Go");
    stage.check("answer");
    stage.press("O");
    assert!(stage.text().contains("#19, 4 of 15"), "{}", stage.text());
    stage.press("O");
    assert!(
        stage.text().contains("no other message of the exchange that message 2 of the client began above"),
        "{}",
        stage.text()
    );
    stage.press("/ws.answer > 1ms<Enter>");
    assert!(stage.text().contains("2 of 15"), "{}", stage.text());
}

#[test]
fn a_connection_is_read_in_another_protocol_by_hand_and_again_as_it_was_found() {
    let mut stage = Stage::new("rpc.pcap", 120, 36);
    stage.press("/ws.proto == wamp<Enter>19G");
    assert!(stage.text().contains("wamp REGISTERED com.example.s"), "{}", stage.text());
    stage.press("d");
    stage.check("protocols");
    stage.press("-");
    assert!(stage.text().contains("connection 2 is read as bytes"), "{}", stage.text());
    assert!(stage.text().contains("nothing passes the filter"), "{}", stage.text());
    stage.press("<Esc>:decode found<Enter>20G");
    assert!(stage.text().contains("answers message 2 of the client, REGISTER"), "{}", stage.text());
    stage.press(":decode nothing<Enter>");
    assert!(stage.text().contains("protocols: found, bytes, socketio"), "{}", stage.text());
}

#[test]
fn a_value_of_json_is_filtered_by_with_its_path() {
    let mut stage = Stage::new("deflate-takeover.pcapng", 120, 36);
    stage.press("2G<Tab>jjjjjf=");
    assert!(stage.text().contains("filter: json(.fields[0] == \"bid\")"), "{}", stage.text());
    stage.press("f!");
    assert!(stage.text().contains("nothing passes"), "{}", stage.text());
}

#[test]
fn clicks_select_and_the_wheel_scrolls_what_it_is_over() {
    let mut stage = Stage::new("deflate-takeover.pcapng", 120, 36);
    let mouse = |stage: &mut Stage, kind, (column, row)| {
        let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
        mouse::happened(&mut stage.model, event);
        stage.draw();
    };
    let down = MouseEventKind::Down(MouseButton::Left);
    // The list begins below its heading, in the fifth line of the screen.
    mouse(&mut stage, down, (50, 8));
    assert!(stage.text().contains("#5, 5 of 22"), "{}", stage.text());
    mouse(&mut stage, MouseEventKind::ScrollDown, (50, 8));
    assert!(stage.text().contains("#8, 8 of 22"), "{}", stage.text());
    mouse(&mut stage, MouseEventKind::ScrollUp, (50, 8));
    assert!(stage.text().contains("#5, 5 of 22"), "{}", stage.text());
    // The line of all connections.
    mouse(&mut stage, down, (5, 3));
    assert_eq!((stage.model.connection(), stage.model.focus), (0, Pane::Connections));
    mouse(&mut stage, down, (5, 4));
    assert_eq!(stage.model.connection(), 1);
    // Over the detail, which has the keys then.
    let title = stage.text().lines().position(|line| line.contains("[tree]")).expect("its title") as u16;
    mouse(&mut stage, down, (50, title + 3));
    assert_eq!((stage.model.detail.cursor, stage.model.focus), (2, Pane::Detail), "{}", stage.text());
}

#[test]
fn two_messages_are_compared_line_by_line() {
    let mut stage = Stage::new("deflate-takeover.pcapng", 80, 24);
    stage.press("2Gma4GD");
    stage.check("diff");
    stage.press("q");
    assert!(stage.text().contains("#4, 4 of 22"), "{}", stage.text());
}

#[test]
fn columns_are_chosen_one_by_one() {
    let mut stage = Stage::new("deflate-takeover.pcapng", 120, 24);
    for (key, heading) in [("1", "No."), ("2", "Time"), ("3", "Delta"), ("5", "Type"), ("7", "Size")] {
        assert!(stage.text().contains(heading), "{}", stage.text());
        stage.press(&format!("c{key}<Esc>"));
        assert!(!stage.text().contains(heading), "{heading}: {}", stage.text());
    }
}

#[test]
fn fields_and_jq_are_columns() {
    let mut stage = Stage::new("deflate-takeover.pcapng", 80, 24);
    stage.press(":column json(.symbol // .op)<Enter>:column ws.ratio<Enter>4G");
    stage.check("fields");
    stage.press("ca");
    assert!(!stage.text().contains("json(.symbol"), "{}", stage.text());
    stage.press("<Esc>:column ws.ratoi<Enter>");
    assert!(stage.text().contains("did you mean ws.ratio?"), "{}", stage.text());
    // With no end it is no value, and the screen goes on.
    stage.press(":column json(last(repeat(1)))<Enter>G");
    assert!(stage.text().contains("22 of 22"), "{}", stage.text());
}

#[test]
fn nothing_that_peers_said_reaches_the_terminal_as_it_was() {
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}txt.exe\u{2066}\u{200b}\r\n\t\u{7f}\u{0}end";
    let dialect = Dialect {
        target: "/\u{9b}31m\u{202e}".into(),
        request: vec!["User-Agent: \u{1b}[31m\u{200b}".into()],
        response: vec!["Sec-WebSocket-Protocol: a\u{1b}[31m\u{202e}".into()],
        ..Dialect::default()
    };
    let told = Conversation::on(Route::default(), dialect).handshake().client(text(evil)).server(binary(evil));
    let told =
        told.server(text("{\"k\u{202e}\":\"v\u{9b}\u{200b}\"}")).client(ping(evil)).close(1000, "\u{1b}c\u{202e}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evil-on-screen.pcap");
    std::fs::write(&path, pcap(&told.packets())).expect("a file");
    for (columns, rows) in [(80, 24), (120, 36), (160, 50)] {
        let mut stage = Stage::on(path.clone(), columns, rows);
        let mut seen = String::new();
        for keys in [
            ":column ws.text<Enter>:column ws.uri<Enter>",
            "j",
            "v",
            "v",
            "v",
            "v",
            "v",
            "<Tab>z",
            "z<Tab>",
            "ma",
            "j",
            "D",
            "q",
            "Y",
            "<Esc>",
            "j",
            "<Tab>jf=",
            "<Esc>",
            "/ws.uri contains \"\u{202e}",
            "<Esc>",
            "s\u{202e}<Enter>",
            "1G",
            "2",
            "3",
            "4",
            "5",
            "1",
            "G",
            "k",
            "k",
        ] {
            stage.press(keys);
            let text = stage.text();
            let unsafe_ones: Vec<_> = text.chars().filter(|c| *c != '\n' && is_unsafe(*c)).collect();
            assert_eq!(unsafe_ones, [], "after {keys}: {text}");
            seen.push_str(&text);
        }
        for shown in ["\\x1b[2J", "\\u{202e}", "\\u{9b}"] {
            assert!(seen.contains(shown), "{shown} at {columns}x{rows}");
        }
    }
}

#[test]
fn every_size_is_drawn_without_a_panic() {
    let mut stage = Stage::new("violations.pcap", 80, 24);
    stage.press("jj");
    for columns in (1..=40).chain([59, 60, 79, 99, 100, 149, 150, 200]) {
        for rows in (1..=12).chain([23, 24, 30, 36, 50]) {
            stage.terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen in memory");
            stage.draw();
            for keys in [
                "2", "3", "4", "5", "1", "?", "q", "ma", "D", "q", "<Tab>z", "zv", "/a", "<Esc>", "c", "<Esc>", "e",
                "<Esc>",
            ] {
                stage.press(keys);
            }
        }
    }
}

#[test]
fn the_readme_shows_a_screen_as_it_is() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let screen = std::fs::read_to_string("tests/screens/messages-120x36.txt").expect("a screen");
    assert!(readme.contains(&screen), "README.md shows another screen than tests/screens/messages-120x36.txt");
}

//! A program on a terminal of its own: keys in, the screen out.

use std::io::{Read as _, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtyPair, PtySize, native_pty_system};

/// What is awaited comes by then; the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal and a program on it.
pub(crate) struct Session {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<(Mutex<vt100::Parser>, Condvar)>,
    /// How the terminal was set before, as text.
    before: String,
}

impl Session {
    pub(crate) fn start(command: CommandBuilder) -> Self {
        let pty = terminal();
        let before = settings(&*pty.master);
        let child = pty.slave.spawn_command(command).expect("the program");
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

    pub(crate) fn wscope(arguments: &[&str]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_wscope"));
        command.args(arguments);
        Self::start(surrounded(command))
    }

    /// The same, started in a folder, which has the settings too.
    pub(crate) fn wscope_in(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = surrounded(CommandBuilder::new(env!("CARGO_BIN_EXE_wscope")));
        command.args(arguments);
        command.cwd(folder);
        command.env("XDG_CONFIG_HOME", folder);
        Self::start(command)
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("a terminal");
    }

    /// Waits until what is on the screen is as wanted.
    #[track_caller]
    pub(crate) fn await_screen(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut parser = self.seen.0.lock().expect("no panic");
        while !wanted(parser.screen()) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come; there is:\n{}", parser.screen().contents());
            parser = self.seen.1.wait_timeout(parser, left).expect("no panic").0;
        }
    }

    #[track_caller]
    pub(crate) fn await_text(&self, text: &str) {
        self.await_screen(text, |screen| screen.contents().contains(text));
    }

    pub(crate) fn kill(&self, signal: &str) {
        let id = self.child.process_id().expect("it runs").to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &id]).status().expect("kill");
        assert!(status.success());
    }

    /// Waits until the process is stopped.
    #[track_caller]
    pub(crate) fn await_stopped(&self) {
        let id =
            rustix::process::Pid::from_raw(self.child.process_id().expect("it runs").cast_signed()).expect("not 0");
        let options = rustix::process::WaitOptions::UNTRACED;
        let (_, status) = rustix::process::waitpid(Some(id), options).expect("a child").expect("it waits");
        assert!(status.stopped(), "{status:?}");
    }

    /// Waits for the end, and holds the terminal against what it was.
    #[track_caller]
    pub(crate) fn finish(mut self) -> ExitStatus {
        self.await_screen("the screen of before", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
        });
        let status = self.child.wait().expect("it ran");
        assert_eq!(settings(&*self.master), self.before, "the terminal's settings");
        status
    }
}

pub(crate) fn terminal() -> PtyPair {
    let size = PtySize { rows: 24, cols: 80, ..PtySize::default() };
    native_pty_system().openpty(size).expect("a terminal")
}

/// A command in surroundings that do not change what it shows.
pub(crate) fn surrounded(mut command: CommandBuilder) -> CommandBuilder {
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

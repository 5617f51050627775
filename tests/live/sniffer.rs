//! The binary, capturing, and what it tells.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::peers::Logged;

/// Whether the right to capture is missing, so that `what` cannot be tested.
pub(crate) fn left_out(what: &str) -> bool {
    let may = rustix::process::geteuid().is_root();
    if !may {
        assert!(std::env::var_os("CI").is_none(), "{what}: needs root, which CI must have");
        eprintln!("left out, for it needs root: {what}");
    }
    !may
}

/// The binary with these arguments.
pub(crate) fn wscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wscope"));
    command.args(args).stdin(Stdio::null()).env_remove("SSLKEYLOGFILE").env_remove("SUDO_UID");
    command
}

/// What is told of files.
pub(crate) fn read(args: &[&str]) -> Told {
    let run = wscope(args).output().expect("the binary runs");
    let stdout = String::from_utf8(run.stdout).expect("text");
    let records = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    Told { status: run.status.code(), records, stderr: String::from_utf8(run.stderr).expect("text") }
}

/// A capture that runs; killed where a test fails.
pub(crate) struct Sniffer {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// What it said on standard error so far.
    said: String,
    records: Vec<Value>,
}

/// All that a capture told.
pub(crate) struct Told {
    pub(crate) status: Option<i32>,
    pub(crate) records: Vec<Value>,
    pub(crate) stderr: String,
}

impl Sniffer {
    /// Captures the traffic of a port on loopback.
    pub(crate) fn on_loopback(args: &[&str], port: u16) -> Self {
        let filter = format!("tcp port {port}");
        let mut command = wscope(args);
        command.args(["-i", "lo", "-f", &filter]);
        Self::start(command)
    }

    /// Starts a capture, and waits until it captures.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut sniffer = Self { child, stdout, stderr, said: String::new(), records: Vec::new() };
        sniffer.await_stderr("wscope: capturing on ");
        sniffer
    }

    /// Reads standard error until a line has this in it: that line.
    pub(crate) fn await_stderr(&mut self, wanted: &str) -> String {
        loop {
            let start = self.said.len();
            assert_ne!(self.stderr.read_line(&mut self.said).expect("text"), 0, "{}", self.said);
            if self.said[start..].contains(wanted) {
                return self.said[start..].to_owned();
            }
        }
    }

    /// Reads records until one is as wanted.
    pub(crate) fn await_record(&mut self, wanted: impl Fn(&Value) -> bool) {
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).expect("text"), 0, "it ended: {}", self.said);
            self.records.push(serde_json::from_str(&line).expect("JSON"));
            if self.records.last().is_some_and(&wanted) {
                return;
            }
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said on standard error so far.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }

    /// Sends SIGINT, and reads to the end.
    pub(crate) fn interrupt(self) -> Told {
        self.signal("INT");
        self.end()
    }

    /// Sends SIGINT, and reads what is left on standard output.
    pub(crate) fn interrupt_bytes(mut self) -> Vec<u8> {
        self.signal("INT");
        let mut bytes = Vec::new();
        self.stdout.read_to_end(&mut bytes).expect("bytes");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
        bytes
    }

    /// Ends it where it stands.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Reads to the end.
    pub(crate) fn end(mut self) -> Told {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        self.stderr.read_to_string(&mut self.said).expect("text");
        let status = self.child.wait().expect("it ends").code();
        let records = rest.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let records = std::mem::take(&mut self.records).into_iter().chain(records).collect();
        Told { status, records, stderr: std::mem::take(&mut self.said) }
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Told {
    /// Its messages, as their receivers log them.
    pub(crate) fn messages(&self) -> Vec<Logged> {
        self.messages_of(|_| true)
    }

    /// Those of its messages that are wanted.
    pub(crate) fn messages_of(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Logged> {
        let messages = self.records.iter().filter(|record| record["type"] == "message");
        messages
            .filter(|record| wanted(record))
            .map(|record| {
                let from = if record["from"] == "client" { "client" } else { "server" };
                let bytes = match record["text"].as_str() {
                    Some(text) => text.as_bytes().to_vec(),
                    None => STANDARD.decode(record["base64"].as_str().expect("text or bytes")).expect("base64"),
                };
                (from, record["opcode"] == "text", bytes)
            })
            .collect()
    }
}

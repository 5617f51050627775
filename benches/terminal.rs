//! The real binary on a real terminal and a large capture: when its first rows are there, how long all of it takes beside
//! `wscope stats`, and what memory it had: `cargo bench --bench terminal -- FILE [MEBIBYTES]`.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const WSCOPE: &str = env!("CARGO_BIN_EXE_wscope");

fn main() -> io::Result<()> {
    // Without a capture there is nothing to measure; Cargo adds --bench.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (file, memory) = match &arguments[..] {
        [] => return Ok(()),
        [file] => (file, "512"),
        [file, memory, ..] => (file, memory.as_str()),
    };
    // Once to have the file in memory, and once that counts.
    let _warm = stats(file)?;
    let stats = stats(file)?;
    let shown = show(file, memory)?;
    let budget = memory.parse::<f64>().map_err(io::Error::other)?;
    println!("first rows   {:>8.0} ms after the start", shown.first.as_secs_f64() * 1e3);
    println!(
        "loaded       {:>8.2} s, {:.2} times the {:.2} s of wscope stats",
        shown.loaded.as_secs_f64(),
        shown.loaded.as_secs_f64() / stats.as_secs_f64(),
        stats.as_secs_f64()
    );
    println!(
        "memory       {:>8.0} MiB at most, {:.2} times the --memory of {budget} MiB",
        shown.peak,
        shown.peak / budget
    );
    Ok(())
}

/// How long `wscope stats` takes.
fn stats(file: &str) -> io::Result<Duration> {
    let begun = Instant::now();
    Command::new(WSCOPE).args(["stats", file]).stdout(Stdio::null()).status()?;
    Ok(begun.elapsed())
}

/// What was measured of the screen.
struct Shown {
    first: Duration,
    loaded: Duration,
    /// MiB that were resident at most.
    peak: f64,
}

fn show(file: &str, memory: &str) -> io::Result<Shown> {
    let size = PtySize { rows: 24, cols: 80, ..PtySize::default() };
    let pty = native_pty_system().openpty(size).map_err(io::Error::other)?;
    let mut command = CommandBuilder::new(WSCOPE);
    command.args([file, "--memory", &format!("{memory}M")]);
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    let mut reader = pty.master.try_clone_reader().map_err(io::Error::other)?;
    let begun = Instant::now();
    let mut child = pty.slave.spawn_command(command).map_err(io::Error::other)?;
    // Else what is not even begun would never end.
    drop(pty.slave);
    let mut screen = vt100::Parser::new(24, 80, 0);
    let mut buffer = [0; 1 << 16];
    let mut first = None;
    loop {
        let count = reader.read(&mut buffer)?;
        screen.process(&buffer[..count]);
        let text = screen.screen().contents();
        // The row of the first handshake; the bare word stands on the empty screen too.
        if first.is_none() && text.contains("-- handshake") {
            first = Some(begun.elapsed());
        }
        if text.contains(" loaded ") || count == 0 {
            break;
        }
    }
    let loaded = begun.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", child.process_id().unwrap_or_default()))?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    pty.master.take_writer().map_err(io::Error::other)?.write_all(b"q")?;
    child.wait()?;
    let first = first.ok_or_else(|| io::Error::other("no rows were shown"))?;
    Ok(Shown { first, loaded, peak: peak.unwrap_or_default() / 1024.0 })
}

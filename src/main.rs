//! The `wscope` command: arguments in, exit status out; all else is the library's.

#![forbid(unsafe_code)]

mod cli;
mod open;

use std::io::{IsTerminal as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use clap::{CommandFactory as _, Parser as _};
use mimalloc::MiMalloc;
use wscope::capture;
use wscope::check;
use wscope::config::Per;
use wscope::export::{FORMATS, Row, SCHEMA, text};
use wscope::filter::{self, Filter};
use wscope::run::check::Report;
use wscope::run::output::{Growth, Output};
use wscope::run::{self, Finished, export, interrupt};
use wscope::stats;
use wscope::tui::{self, resident::Resident, settings::Settings};

use cli::{Check, CheckFormat, Cli, Command, Export, Inputs, Stats, StatsFormat};
use open::{again, open};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Headers that the terminal UI shows of one message.
const FRAMES_SHOWN: usize = 64;

const FOUND: u8 = 1;
const FAILED: u8 = 2;
const DAMAGED: u8 = 3;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        // Nobody reads any more.
        Err(error) if error.downcast_ref().is_some_and(run::Error::is_broken_pipe) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wscope: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    if cli.command.is_none() && stdout().is_terminal() && !cli.inputs.asks_for_limits() {
        return show(&cli);
    }
    ensure!(cli.screen.columns.is_empty(), "-e is for the screen; elsewhere `wscope export` has all fields");
    let interrupted = interrupt::on_signal().context("cannot handle signals")?;
    match cli.command {
        None if cli.inputs.asks_for_limits() => print(&cli.inputs.limits().table()),
        None => export(&cli.inputs, "text", Per::Message, output(&cli.inputs, None)?, &interrupted),
        Some(Command::Export(args)) if args.schema => print(SCHEMA),
        Some(
            Command::Export(Export { inputs, .. })
            | Command::Check(Check { inputs, .. })
            | Command::Stats(Stats { inputs, .. }),
        ) if inputs.asks_for_limits() => print(&inputs.limits().table()),
        Some(Command::Export(args)) => {
            let output = output(&args.inputs, args.output.as_deref())?;
            export(&args.inputs, &args.format, args.per.into(), output, &interrupted)
        }
        Some(Command::Check(args)) if args.rules => print(&rules(args.format)),
        Some(Command::Check(args)) => check(&args, &interrupted),
        Some(Command::Stats(args)) if args.schema => print(stats::json::SCHEMA),
        Some(Command::Stats(args)) => count(&args, &interrupted),
        Some(Command::Interfaces) => interfaces(),
        Some(Command::Help { topic }) => print(&help(topic.as_deref())?),
    }
}

/// Opens the terminal UI.
fn show(cli: &Cli) -> Result<ExitCode> {
    let inputs = &cli.inputs;
    ensure!(!inputs.capture.writes_to_stdout(), "-w - leaves no room for a screen on standard output");
    let filter = inputs.display_filter(Filter::parse_with)?;
    let settings = Settings::load();
    let look = cli.screen.look(settings.as_ref().ok());
    let stop = Arc::new(AtomicBool::new(false));
    // Where none can be made, that is told once it is needed.
    let spill = tempfile::tempfile().ok();
    let resident = Resident::open();
    // What is saved on request goes where we stand, and settings to their own folder.
    let folders: Vec<_> = [PathBuf::from(".")].into_iter().chain(Settings::folder()).collect();
    let (source, mut run) = open(inputs, Per::Message, &stop, &folders)?;
    run.config.limits.headers = FRAMES_SHOWN;
    let options = tui::Options {
        name: inputs.name(),
        live: !inputs.capture.interface.is_empty(),
        inputs: tui::Inputs {
            open: again(inputs),
            config: run.config.clone(),
            threads: run.threads,
            stop: run.stop,
            redact: inputs.redact,
        },
        kept: inputs.capture.recording().map(|recording| recording.path),
        settings,
        memory: cli.screen.memory,
        spill,
        resident,
        look,
        filter: filter.expr().map(|_| filter.to_string()),
        fields: cli.screen.columns.clone(),
        reading: tui::Reading { run, redact: inputs.redact, stop },
        over: interrupt::on_end().context("cannot handle signals")?,
    };
    let finished = tui::run(source, options).context("the terminal")?;
    Ok(finished.map_or(ExitCode::SUCCESS, |finished| conclude(&finished, &AtomicBool::new(false))))
}

/// Where events go, where packets leave them room.
fn output(inputs: &Inputs, path: Option<&Path>) -> Result<Output> {
    let capture = &inputs.capture;
    if capture.writes_to_stdout() && path.is_none_or(|path| path.as_os_str() == "-") {
        return Ok(Output::nowhere());
    }
    let growth = if capture.interface.is_empty() { Growth::AtOnce } else { Growth::InPlace };
    Ok(Output::open(path, growth)?)
}

fn export(inputs: &Inputs, format: &str, per: Per, output: Output, interrupted: &Arc<AtomicBool>) -> Result<ExitCode> {
    let filter = inputs.display_filter(Filter::parse_with)?;
    let (mut source, run) = open(inputs, per, interrupted, &[])?;
    let row: &Row = FORMATS.iter().find(|row| row.name == format).context("no such format")?;
    let export = export::Export { filter, format: (row.make)(per), run, redact: inputs.redact };
    let finished = export.run(&mut *source, output)?;
    Ok(conclude(&finished, interrupted))
}

fn check(args: &Check, interrupted: &Arc<AtomicBool>) -> Result<ExitCode> {
    let filter = args.inputs.display_filter(Filter::parse_for_connections)?;
    ensure!(!args.inputs.capture.writes_to_stdout(), "-w - leaves no room for a report on standard output");
    let (mut source, run) = open(&args.inputs, Per::Frame, interrupted, &[])?;
    let report = Report {
        filter,
        jsonl: args.format == CheckFormat::Jsonl,
        threshold: args.severity.into(),
        redact: args.inputs.redact,
        run,
    };
    let (finished, reached) = report.run(&mut *source, Output::open(None, Growth::AtOnce)?)?;
    let code = conclude(&finished, interrupted);
    Ok(if reached && finished.is_whole() { ExitCode::from(FOUND) } else { code })
}

fn count(args: &Stats, interrupted: &Arc<AtomicBool>) -> Result<ExitCode> {
    let filter = args.inputs.display_filter(Filter::parse_for_connections)?;
    ensure!(!args.inputs.capture.writes_to_stdout(), "-w - leaves no room for numbers on standard output");
    let (mut source, run) = open(&args.inputs, Per::Frame, interrupted, &[])?;
    let json = args.format == StatsFormat::Json;
    let count = run::stats::Count { run, filter, json, redact: args.inputs.redact };
    let finished = count.run(&mut *source, Output::open(None, Growth::AtOnce)?)?;
    Ok(conclude(&finished, interrupted))
}

fn interfaces() -> Result<ExitCode> {
    let interfaces = capture::interfaces()?;
    if let Some(advice) = capture::missing_permission("any") {
        eprintln!("wscope: no permission to capture: {advice}");
    }
    print(&capture::list(&interfaces))
}

/// A page of help: on a command, on the language of filters, or on all.
fn help(topic: Option<&str>) -> Result<String> {
    let mut command = Cli::command();
    command.build();
    match topic {
        None => Ok(command.render_long_help().to_string()),
        Some("filter") => Ok(filter::help::page()),
        Some(name) => {
            let topics = command.get_subcommands().map(clap::Command::get_name).chain(["filter"]);
            let topics = topics.filter(|name| *name != "help").collect::<Vec<_>>().join(", ");
            let command = command.find_subcommand_mut(name);
            let command = command.with_context(|| format!("no help on {name:?}; there is some on: {topics}"))?;
            Ok(command.render_long_help().to_string())
        }
    }
}

fn rules(format: CheckFormat) -> String {
    match format {
        CheckFormat::Text => check::text::rules(),
        CheckFormat::Jsonl => check::jsonl::rules(),
    }
}

/// Says on standard error what was wrong with the inputs, and after an interrupt how far it came.
fn conclude(finished: &Finished, interrupted: &AtomicBool) -> ExitCode {
    if interrupted.load(Ordering::Relaxed) {
        eprintln!("wscope: interrupted: {}", text::summary(&finished.summary));
    }
    for message in &finished.damaged {
        eprintln!("wscope: {message}");
    }
    for note in &finished.notes {
        eprintln!("wscope: {note}");
    }
    if let Some(reason) = &finished.failed {
        eprintln!("wscope: {reason}");
        return ExitCode::from(FAILED);
    }
    if finished.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) }
}

fn print(text: &str) -> Result<ExitCode> {
    let mut output = Output::open(None, Growth::AtOnce)?;
    output.write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

//! The `wscope` command: arguments in, exit status out; all else is the library's.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use wscope::capture::{Files, Interfaces, Source};
use wscope::check;
use wscope::config::{Config, Limits, Per};
use wscope::export::{FORMATS, Row, SCHEMA, text};
use wscope::run::check::Report;
use wscope::run::export::Export;
use wscope::run::output::Output;
use wscope::run::{self, Finished, Run, interrupt};

use cli::{Check, CheckFormat, Cli, Command, Inputs};

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
    let interrupted = interrupt::on_signal().context("cannot handle signals")?;
    match cli.command {
        None => export(&cli.inputs, "text", Per::Message, Output::open(None)?, &interrupted),
        Some(Command::Export(args)) if args.schema => print(SCHEMA),
        Some(Command::Export(args)) => {
            let output = Output::open(args.output.as_deref())?;
            export(&args.inputs, &args.format, args.per.into(), output, &interrupted)
        }
        Some(Command::Check(args)) if args.rules => print(&rules(args.format)),
        Some(Command::Check(args)) => check(&args, &interrupted),
    }
}

fn export(inputs: &Inputs, format: &str, per: Per, output: Output, interrupted: &Arc<AtomicBool>) -> Result<ExitCode> {
    let mut source = open(inputs, interrupted)?;
    let row: &Row = FORMATS.iter().find(|row| row.name == format).context("no such format")?;
    let export = Export { format: (row.make)(per), run: prepare(inputs, per)?, redact: inputs.redact };
    let finished = export.run(&mut *source, output)?;
    Ok(conclude(&finished, interrupted))
}

fn check(args: &Check, interrupted: &Arc<AtomicBool>) -> Result<ExitCode> {
    let mut source = open(&args.inputs, interrupted)?;
    let report = Report {
        jsonl: args.format == CheckFormat::Jsonl,
        threshold: args.severity.into(),
        redact: args.inputs.redact,
        run: prepare(&args.inputs, Per::Frame)?,
    };
    let (finished, reached) = report.run(&mut *source, Output::open(None)?)?;
    let code = conclude(&finished, interrupted);
    Ok(if reached && finished.is_whole() { ExitCode::from(FOUND) } else { code })
}

fn rules(format: CheckFormat) -> String {
    match format {
        CheckFormat::Text => check::text::rules(),
        CheckFormat::Jsonl => check::jsonl::rules(),
    }
}

/// What is asked for, whatever comes of it.
fn prepare(inputs: &Inputs, per: Per) -> Result<Run> {
    let stop = inputs.stop();
    ensure!(stop.duration.is_none() || !inputs.interface.is_empty(), "-a duration is for live captures: with -i");
    let report = interrupt::on_question().context("cannot handle signals")?;
    Ok(Run { config: Config { per, ..Config::default() }, stop, report })
}

fn open(inputs: &Inputs, interrupted: &Arc<AtomicBool>) -> Result<Box<dyn Source>> {
    if !inputs.interface.is_empty() {
        return capture(inputs, interrupted);
    }
    let files = inputs.files();
    ensure!(!files.is_empty(), "no input: name a capture file, `-` for standard input, or an interface with -i");
    Ok(Box::new(Files::open(&files, inputs.filter.as_deref(), Arc::clone(interrupted))?))
}

fn capture(inputs: &Inputs, interrupted: &Arc<AtomicBool>) -> Result<Box<dyn Source>> {
    let interfaces = Interfaces::open(&inputs.interface, &inputs.options())?;
    let live = interfaces.start(Limits::default().queue, Arc::clone(interrupted))?;
    eprintln!("wscope: capturing on {}", inputs.interface.join(", "));
    Ok(Box::new(live))
}

/// Says on standard error what was wrong with the inputs, and after an interrupt how far it came.
fn conclude(finished: &Finished, interrupted: &AtomicBool) -> ExitCode {
    if interrupted.load(Ordering::Relaxed) {
        eprintln!("wscope: interrupted: {}", text::summary(&finished.summary));
    }
    for message in &finished.damaged {
        eprintln!("wscope: {message}");
    }
    if let Some(reason) = &finished.failed {
        eprintln!("wscope: {reason}");
        return ExitCode::from(FAILED);
    }
    if finished.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) }
}

fn print(text: &str) -> Result<ExitCode> {
    let mut output = Output::open(None)?;
    output.write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

//! Arguments to what is read, and how.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail, ensure};
use wscope::capture::{Description, Files, Interfaces, KeyLog, Keyed, Live, Recorder, Source};
use wscope::config::{Limits, Per};
use wscope::run::privileges::{self, Needs, Sandbox};
use wscope::run::{Run, interrupt};
use wscope::tui::again;

use crate::cli::Inputs;

/// Opens the inputs, and what is written of them. `folders` are those in which files may be made later.
pub(crate) fn open(
    inputs: &Inputs,
    per: Per,
    interrupted: &Arc<AtomicBool>,
    folders: &[PathBuf],
) -> Result<(Box<dyn Source>, Run)> {
    if let Some(contradiction) = inputs.capture.contradiction() {
        bail!(contradiction);
    }
    let config = inputs.config(per)?;
    let mut run = Run {
        stop: inputs.capture.stop(),
        report: interrupt::on_question().context("cannot handle signals")?,
        config,
        recorder: None,
        threads: 1,
    };
    let key_logs = inputs.key_logs().open()?;
    let source: Box<dyn Source> = if inputs.capture.interface.is_empty() {
        let files = inputs.files();
        ensure!(!files.is_empty(), "no input: name a capture file, `-` for standard input, or an interface with -i");
        let files = open_files(&files, inputs.filter.as_deref(), interrupted)?;
        run.threads = inputs.threads(files.packet_length());
        run.recorder = recorder(inputs, Vec::new(), &run.config.limits)?;
        Box::new(files)
    } else {
        let needs = Needs {
            folders: folders.to_vec(),
            awaited: key_logs.iter().filter_map(KeyLog::awaited).collect(),
            interfaces: inputs.capture.interface.clone(),
        };
        let (live, recorder) = capture(inputs, needs, &run.config.limits, interrupted)?;
        run.recorder = recorder;
        Box::new(live)
    };
    let source = match key_logs {
        Some(key_logs) => Box::new(Keyed::new(key_logs, source)),
        None => source,
    };
    Ok((source, run))
}

/// Opens capture files.
fn open_files(
    files: &[PathBuf],
    filter: Option<&str>,
    interrupted: &Arc<AtomicBool>,
) -> Result<Files, wscope::capture::Error> {
    Ok(Files::open(files, filter, Arc::clone(interrupted))?.secrets_first())
}

/// What opens the inputs once more, where they can be read twice.
pub(crate) fn again(inputs: &Inputs) -> Option<again::Open> {
    let files = inputs.files();
    if files.is_empty() || !files.iter().all(|file| file.is_file()) {
        return None;
    }
    let (filter, key_logs) = (inputs.filter.clone(), inputs.key_logs());
    Some(Arc::new(move |interrupted| {
        let source = Box::new(open_files(&files, filter.as_deref(), &interrupted)?);
        Ok(match key_logs.open()? {
            Some(key_logs) => Box::new(Keyed::new(key_logs, source)),
            None => source,
        })
    }))
}

/// Opens interfaces and files, gives up what was needed for that, and begins.
fn capture(
    inputs: &Inputs,
    mut needs: Needs,
    limits: &Limits,
    interrupted: &Arc<AtomicBool>,
) -> Result<(Live, Option<Recorder>)> {
    let capture = &inputs.capture;
    let interfaces = Interfaces::open(&capture.interface, &capture.options(inputs.filter.as_ref()))?;
    let ring = capture.recording().filter(|recording| recording.ring.is_some());
    let mut recorder = None;
    match &ring {
        Some(ring) => needs.folders.push(ring.folder().to_owned()),
        None => recorder = self::recorder(inputs, interfaces.descriptions().to_vec(), limits)?,
    }
    let identity = privileges::give_up(capture.user.as_deref(), &needs, !capture.no_sandbox)?;
    if ring.is_some() {
        // Its files are made one after the other, so the first as the last.
        let opened = self::recorder(inputs, interfaces.descriptions().to_vec(), limits);
        recorder = opened.with_context(|| match &identity.user {
            Some(user) => format!("the files of a ring are made as user {user} (see --user)"),
            None => "the files of a ring".to_owned(),
        })?;
    }
    let live = interfaces.start(limits.queue, Arc::clone(interrupted))?;
    let user = identity.user.map(|user| format!(" as user {user}")).unwrap_or_default();
    let sandbox = match identity.sandbox {
        Sandbox::Off => "",
        Sandbox::Missing => ", without a sandbox: this system has no Landlock",
        Sandbox::Partial => ", in as much of a sandbox as this kernel has",
        Sandbox::Full => ", in a sandbox",
    };
    eprintln!("wscope: capturing on {}{user}{sandbox}", capture.interface.join(", "));
    Ok((live, recorder))
}

fn recorder(inputs: &Inputs, descriptions: Vec<Description>, limits: &Limits) -> Result<Option<Recorder>> {
    let Some(recording) = inputs.capture.recording() else { return Ok(None) };
    Ok(Some(Recorder::open(recording, descriptions, limits.held)?))
}

//! Arguments to what is read, and how.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail, ensure};
use wscope::capture::{Description, Files, Interfaces, KeyLog, Keyed, Live, Recorder, Source};
use wscope::config::{Limits, Per};
use wscope::run::privileges::{self, Needs, Sandbox};
use wscope::run::{Run, interrupt};

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
    let key_logs = inputs.key_logs()?;
    let source: Box<dyn Source> = if inputs.capture.interface.is_empty() {
        let files = inputs.files();
        ensure!(!files.is_empty(), "no input: name a capture file, `-` for standard input, or an interface with -i");
        let files = Files::open(&files, inputs.filter.as_deref(), Arc::clone(interrupted))?.secrets_first();
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

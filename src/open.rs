//! Arguments to what is read, and how.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail, ensure};
use wscope::capture::{Description, Files, Interfaces, Recorder, Source};
use wscope::config::{Limits, Per};
use wscope::run::{Run, interrupt};

use crate::cli::Inputs;

/// Opens the inputs, and what is written of them.
pub(crate) fn open(inputs: &Inputs, per: Per, interrupted: &Arc<AtomicBool>) -> Result<(Box<dyn Source>, Run)> {
    if let Some(contradiction) = inputs.capture.contradiction() {
        bail!(contradiction);
    }
    let config = inputs.config(per);
    let mut run = Run {
        stop: inputs.capture.stop(),
        report: interrupt::on_question().context("cannot handle signals")?,
        config,
        recorder: None,
    };
    let source: Box<dyn Source> = if inputs.capture.interface.is_empty() {
        let files = inputs.files();
        ensure!(!files.is_empty(), "no input: name a capture file, `-` for standard input, or an interface with -i");
        let files = Files::open(&files, inputs.filter.as_deref(), Arc::clone(interrupted))?;
        run.recorder = recorder(inputs, Vec::new(), &run.config.limits)?;
        Box::new(files)
    } else {
        let options = inputs.capture.options(inputs.filter.as_ref());
        let interfaces = Interfaces::open(&inputs.capture.interface, &options)?;
        run.recorder = recorder(inputs, interfaces.descriptions().to_vec(), &run.config.limits)?;
        let live = interfaces.start(run.config.limits.queue, Arc::clone(interrupted))?;
        eprintln!("wscope: capturing on {}", inputs.capture.interface.join(", "));
        Box::new(live)
    };
    Ok((source, run))
}

fn recorder(inputs: &Inputs, descriptions: Vec<Description>, limits: &Limits) -> Result<Option<Recorder>> {
    let Some(recording) = inputs.capture.recording() else { return Ok(None) };
    Ok(Some(Recorder::open(recording, descriptions, limits.held)?))
}

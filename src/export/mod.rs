//! Events to bytes: one file per format, and the table of them.

pub mod community;
pub mod decoded;
pub mod escape;
pub mod json;
pub mod jsonl;
pub mod record;
pub mod redact;
pub mod text;
pub mod time;

use crate::config::Per;
use crate::event::Event;
use crate::origin::Timestamp;
use crate::outbox::Summary;

/// The JSON Schema of the records, version 1.
pub const SCHEMA: &str = include_str!("schema.json");

/// Turns events into the bytes of an output.
pub trait Format {
    /// What stands before the first record.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// One event; `started` is the time of the capture's first packet.
    fn event(&mut self, event: &Event, started: Timestamp, out: &mut Vec<u8>);

    /// The summary, and what stands behind the last record.
    fn end(&mut self, end: &Conclusion<'_>, out: &mut Vec<u8>);
}

/// What is known at the end.
#[derive(Debug, Clone, Copy)]
pub struct Conclusion<'a> {
    /// The counters.
    pub summary: &'a Summary,
    /// What was wrong with the inputs: one message each.
    pub damaged: &'a [String],
}

/// A row of the table of formats.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Makes a writer of it.
    pub make: fn(Per) -> Box<dyn Format>,
}

/// Every format there is.
pub const FORMATS: &[Row] = &[
    Row { name: "jsonl", about: "one JSON object a line, for programs", make: |per| Box::new(jsonl::Lines::new(per)) },
    Row { name: "json", about: "the same objects in one JSON array", make: |per| Box::new(jsonl::Array::new(per)) },
    Row {
        name: "text",
        about: "a readable line a record, broken rules below it",
        make: |_| Box::<text::Text>::default(),
    },
];

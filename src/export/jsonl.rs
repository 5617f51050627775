//! JSON records: one a line, or as one array.

use crate::config::Per;
use crate::event::Event;
use crate::export::record::Records;
use crate::export::{Conclusion, Format};
use crate::origin::Timestamp;

/// One JSON object a line.
#[derive(Debug)]
pub struct Lines {
    records: Records,
}

impl Lines {
    /// For events told per frame or per message.
    pub fn new(per: Per) -> Self {
        Self { records: Records::new(per) }
    }
}

impl Format for Lines {
    fn event(&mut self, event: &Event, started: Timestamp, out: &mut Vec<u8>) {
        self.records.event(event, started, out);
        out.push(b'\n');
    }

    fn end(&mut self, end: &Conclusion<'_>, out: &mut Vec<u8>) {
        self.records.summary(end, out);
        out.push(b'\n');
    }
}

/// The objects in one array, still one a line.
#[derive(Debug)]
pub struct Array {
    records: Records,
}

impl Array {
    /// For events told per frame or per message.
    pub fn new(per: Per) -> Self {
        Self { records: Records::new(per) }
    }
}

impl Format for Array {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[\n");
    }

    fn event(&mut self, event: &Event, started: Timestamp, out: &mut Vec<u8>) {
        self.records.event(event, started, out);
        out.extend_from_slice(b",\n");
    }

    fn end(&mut self, end: &Conclusion<'_>, out: &mut Vec<u8>) {
        self.records.summary(end, out);
        out.extend_from_slice(b"\n]\n");
    }
}

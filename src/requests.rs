//! Ordinary requests of an HTTP/2 connection to what they tell of polling.
//!
//! A request is over when the server ends its stream. Sizes of heads are what HTTP/1.1 would have taken, so that they can be compared.

use std::collections::BTreeMap;

use crate::http2::hpack::Fields;
use crate::origin::Span;
use crate::polling::{self, Exchanged, Passed};

/// Those under way, by their stream.
#[derive(Debug, Default)]
pub struct Requests {
    under_way: BTreeMap<u32, Exchanged>,
    /// Bytes of memory that they take.
    held: usize,
}

impl Requests {
    /// A request's head is whole; at most `limit` are followed, and the oldest make room.
    pub fn ask(&mut self, stream: u32, fields: &Fields, span: Span, limit: usize) -> Option<Passed> {
        let target = str::from_utf8(fields.pseudo(":path")?).ok().filter(|target| target.len() <= polling::TARGET)?;
        let method = fields.pseudo(":method")?;
        let line = method.len() + target.len() + "  HTTP/1.1\r\n".len();
        let exchanged = Exchanged {
            target: target.into(),
            asked: span.last.time,
            answered: span.last.time,
            header_bytes: (line + lines(fields)) as u64,
            payload_bytes: 0,
        };
        while self.under_way.len() >= limit.max(1) {
            let oldest = self.under_way.keys().next().copied();
            oldest.and_then(|oldest| self.take(oldest));
        }
        self.take(stream);
        self.held += memory(&exchanged);
        self.under_way.insert(stream, exchanged);
        Some(Passed::Asked(target.into()))
    }

    /// The head of a final response is whole.
    pub fn answer(&mut self, stream: u32, fields: &Fields, span: Span) {
        if let Some(exchanged) = self.under_way.get_mut(&stream) {
            exchanged.answered = span.first.time;
            exchanged.header_bytes += ("HTTP/1.1 200 OK\r\n".len() + lines(fields)) as u64;
        }
    }

    /// Bytes of either body.
    pub fn data(&mut self, stream: u32, bytes: usize) {
        if let Some(exchanged) = self.under_way.get_mut(&stream) {
            exchanged.payload_bytes += bytes as u64;
        }
    }

    /// The server ends the stream.
    pub fn end(&mut self, stream: u32) -> Option<Passed> {
        self.take(stream).map(Passed::Over)
    }

    /// A stream is given up.
    pub fn cancel(&mut self, stream: u32) {
        self.take(stream);
    }

    /// Bytes were lost, and heads among them.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Memory kept between packets, in bytes.
    pub fn held(&self) -> usize {
        self.held
    }

    fn take(&mut self, stream: u32) -> Option<Exchanged> {
        self.under_way.remove(&stream).inspect(|exchanged| self.held -= memory(exchanged))
    }
}

/// Bytes of a head behind its first line, as HTTP/1.1 has them; what is not known counts nothing.
fn lines(fields: &Fields) -> usize {
    let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let line = |name: &[u8], value: usize| match name {
        b":authority" => "Host".len() + value + ": \r\n".len(),
        [b':', ..] => 0,
        name => name.len() + value + ": \r\n".len(),
    };
    let lines =
        fields.list.iter().map(|field| line(field.name.as_deref().unwrap_or_default(), length(field.value.as_deref())));
    lines.sum::<usize>() + "\r\n".len()
}

fn memory(exchanged: &Exchanged) -> usize {
    size_of::<Exchanged>() + exchanged.target.len()
}

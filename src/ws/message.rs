//! Fragments of one direction to messages (RFC 6455 §5.4): joined, inflated and judged as UTF-8.

use std::mem::take;

use crate::anomaly::{self, Anomaly, Code, Detail};
use crate::config::{Config, Per};
use crate::duplex::Direction;
use crate::event::{FrameHeader, Message};
use crate::origin::Origin;
use crate::payload::{Payload, Range};
use crate::ws::deflate::{Engines, Inflated, Inflater};
use crate::ws::utf8::Utf8;

/// A message that is being received, or room for one.
#[derive(Debug, Default)]
pub struct Assembly {
    /// Packet of its first byte.
    pub first: Origin,
    message: Box<Message>,
    compression: Compression,
    /// Whether it is only assumed how it is compressed.
    assumed: bool,
    utf8: Utf8,
    inflated: u64,
    /// The same, and what was inflated only to keep the window right.
    output: u64,
}

/// Anomalies of a message that are kept though too much is kept over all connections.
const SPARED: usize = 8;

/// How the payload of a message is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// As it stands.
    #[default]
    None,
    /// By inflating it.
    Deflate,
    /// By inflating it, but only to keep the window right: more came out than is looked at.
    Overrun,
    /// Not at all: it cannot be inflated, or it is not known how.
    Unreadable,
}

/// Where the bytes of a fragment go and what is found in them.
#[derive(Debug)]
pub struct Fragment<'a> {
    /// What the frame shows, where frames are shown.
    pub payload: &'a mut Payload,
    /// What the frame is found guilty of.
    pub anomalies: &'a mut Vec<Anomaly>,
    /// What is asked for.
    pub config: &'a Config,
    /// Payload bytes that are kept by now, over all connections.
    pub held: &'a mut usize,
}

impl Assembly {
    /// A message begins with a frame at this place.
    pub fn begin(
        &mut self,
        direction: Direction,
        number: u64,
        offset: u64,
        first: Origin,
        text: bool,
        compression: Compression,
    ) {
        *self.message =
            Message { offset, text, compressed: compression != Compression::None, ..Message::new(direction, number) };
        self.first = first;
        self.compression = compression;
        self.assumed = false;
        self.utf8 = Utf8::default();
        (self.inflated, self.output) = (0, 0);
    }

    /// Learns that it is only assumed how it is compressed.
    pub fn assume(&mut self) {
        self.assumed = true;
    }

    /// A fragment of it begins; at most `kept` headers are kept.
    pub fn begin_fragment(&mut self, frame: FrameHeader, kept: usize) {
        self.message.frames += 1;
        self.message.payload_length = self.message.payload_length.saturating_add(frame.header.payload_length);
        if self.message.headers.len() < kept {
            self.message.headers.push(frame);
        }
    }

    /// Takes unmasked bytes of a fragment; how many bytes of the message they are.
    pub fn push(
        &mut self,
        bytes: &[u8],
        inflater: Option<&mut Inflater>,
        engines: &mut Engines,
        fragment: &mut Fragment<'_>,
    ) -> u64 {
        let Some(inflater) = inflater.filter(|_| self.is_inflating()) else {
            let raw = if self.compression == Compression::None { bytes } else { &[] };
            return self.take(raw, &[], fragment);
        };
        if let Some(distance) = inflater.too_far(bytes) {
            let detail = Detail::Number("distance".into(), distance as u64);
            fragment.anomalies.push(Anomaly::new(Code::DeflateWindow, detail));
        }
        let mut input = bytes;
        let mut count = 0;
        loop {
            match inflater.next(&mut input, engines) {
                Inflated::Bytes { bytes, unknown } => {
                    count += self.take_inflated(bytes, unknown, fragment);
                    if self.is_bomb(bytes.len(), fragment.config) {
                        self.give_up(Some(inflater), engines);
                        return count;
                    }
                }
                Inflated::Done => return count,
                Inflated::Corrupt => break,
            }
        }
        let detail = Detail::Number("after inflating bytes".into(), self.inflated);
        // Distances may have been read beyond this point; how far depends on where the bytes were split.
        fragment.anomalies.retain(|anomaly| anomaly.code != Code::DeflateWindow);
        fragment.anomalies.push(Anomaly::new(self.fault(), detail));
        self.give_up(Some(inflater), engines);
        count
    }

    /// Bytes of it will never come.
    pub fn miss(
        &mut self,
        count: u64,
        inflater: Option<&mut Inflater>,
        engines: &mut Engines,
        fragment: &mut Fragment<'_>,
    ) {
        self.message.missing = self.message.missing.saturating_add(count);
        self.message.complete = false;
        if self.compression == Compression::None {
            self.sink(fragment.payload, fragment.config).miss(count);
        } else {
            self.give_up(inflater, engines);
        }
    }

    /// The last fragment is over.
    pub fn end(&mut self, inflater: Option<&mut Inflater>, engines: &mut Engines, fragment: &mut Fragment<'_>) {
        if self.is_inflating()
            && let Some(inflater) = inflater
        {
            if inflater.end(engines) {
                inflater.finish(engines);
            } else {
                let detail = Detail::Number("ends inside a block, after inflating bytes".into(), self.inflated);
                fragment.anomalies.push(Anomaly::new(self.fault(), detail));
                self.give_up(Some(inflater), engines);
            }
        }
        if self.message.text
            && self.message.complete
            && let Some(offset) = self.utf8.finish()
        {
            fragment.anomalies.push(Anomaly::new(Code::Utf8Text, Detail::Number("at byte".into(), offset)));
        }
    }

    /// It ends here without its last fragment.
    pub fn cut_off(&mut self, inflater: Option<&mut Inflater>, engines: &mut Engines) {
        self.message.complete = false;
        self.give_up(inflater, engines);
    }

    /// Lets go of what can be done without; whether there was anything.
    pub fn release(&mut self, inflater: Option<&mut Inflater>, engines: &mut Engines) -> bool {
        if !self.is_inflating() && self.held() == 0 {
            return false;
        }
        self.give_up(inflater, engines);
        let Message { anomalies, headers, .. } = &mut *self.message;
        headers.truncate(SPARED);
        headers.shrink_to_fit();
        let found = std::mem::take(anomalies);
        anomaly::gather(anomalies, found, SPARED);
        true
    }

    /// Memory beside its payload, in bytes.
    pub fn held(&self) -> usize {
        let Message { anomalies, headers, .. } = &*self.message;
        // Room for a few costs no more than the message itself.
        anomalies.capacity().saturating_sub(4 * SPARED) * size_of::<Anomaly>()
            + headers.capacity().saturating_sub(SPARED) * size_of::<FrameHeader>()
    }

    /// What its payload means is not known.
    pub fn cannot_be_read(&mut self, inflater: Option<&mut Inflater>, engines: &mut Engines) {
        self.give_up(inflater, engines);
        self.compression = Compression::Unreadable;
        self.message.compressed = true;
        self.message.complete = false;
    }

    /// Whether what its payload means is known, as far as it has come.
    pub fn is_readable(&self) -> bool {
        self.compression != Compression::Unreadable
    }

    /// Moves what its frame was found guilty of to the message, which keeps at most `limit` of it.
    pub fn add_anomalies(&mut self, anomalies: Vec<Anomaly>, limit: usize) {
        anomaly::gather(&mut self.message.anomalies, anomalies, limit);
    }

    /// The message; nothing of it is left here.
    pub fn take_message(&mut self) -> Box<Message> {
        let mut message = take(&mut self.message);
        if message.payload.is_cut() {
            message.anomalies.push(Code::LimitPayload.into());
        }
        if message.text {
            // What was judged as it came needs not be judged again.
            if message.complete && !message.payload.is_cut() && self.utf8.is_whole() {
                message.payload.text = true;
            } else {
                message.payload.judge_text();
            }
        }
        message
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.message.number
    }

    /// Whether it is a text message.
    pub fn is_text(&self) -> bool {
        self.message.text
    }

    /// Whether it is compressed.
    pub fn is_compressed(&self) -> bool {
        self.message.compressed
    }

    /// Whether nothing can be found in its bytes.
    pub fn is_opaque(&self) -> bool {
        self.compression == Compression::None && !self.message.text
    }

    /// What it means that its data cannot be inflated.
    fn fault(&self) -> Code {
        if self.assumed { Code::DeflateUnknown } else { Code::DeflateCorrupt }
    }

    fn is_inflating(&self) -> bool {
        matches!(self.compression, Compression::Deflate | Compression::Overrun)
    }

    fn take_inflated(&mut self, bytes: &[u8], unknown: &[Range], fragment: &mut Fragment<'_>) -> u64 {
        if self.compression == Compression::Overrun {
            return 0;
        }
        let limit = fragment.config.limits.inflate;
        let room = usize::try_from(limit - self.inflated).unwrap_or(usize::MAX).min(bytes.len());
        self.inflated += room as u64;
        let count = self.take(&bytes[..room], unknown, fragment);
        if room < bytes.len() {
            fragment.anomalies.push(Anomaly::new(Code::LimitInflate, Detail::Number("limit".into(), limit)));
            self.compression = Compression::Overrun;
            self.message.complete = false;
        }
        count
    }

    /// Counts what is inflated; whether it is more than is looked at, and so much that it is not worth the time
    /// even to keep the window right for the next message.
    fn is_bomb(&mut self, length: usize, config: &Config) -> bool {
        self.output += length as u64;
        // By the declared length, which is the same however its bytes are split.
        self.compression == Compression::Overrun
            && self.output > self.message.payload_length.saturating_mul(config.limits.inflate_ratio)
    }

    /// Takes bytes of the message; a range of those that are not known may begin behind them.
    fn take(&mut self, bytes: &[u8], unknown: &[Range], fragment: &mut Fragment<'_>) -> u64 {
        let Fragment { payload, held, config, .. } = fragment;
        let sink = self.sink(payload, config);
        if config.discards_data {
            sink.length += bytes.len() as u64;
        } else {
            sink.keep(bytes, unknown, &config.limits, held);
        }
        let known = unknown.first().map_or(bytes.len(), |&(first, _)| bytes.len().min(first as usize));
        if self.message.text
            && self.message.complete
            && let Some(offset) = self.utf8.push(&bytes[..known])
        {
            fragment.anomalies.push(Anomaly::new(Code::Utf8Text, Detail::Number("at byte".into(), offset)));
        }
        if known < bytes.len() && self.message.complete {
            self.message.complete = false;
            let behind = self.inflated - (bytes.len() - known) as u64;
            let detail = Detail::Number("after inflating bytes".into(), behind);
            fragment.anomalies.push(Anomaly::new(Code::DeflateDictionaryLost, detail));
        }
        bytes.len() as u64
    }

    /// Where bytes are kept: with the message, or with the frame, whichever is shown.
    fn sink<'a>(&'a mut self, frame: &'a mut Payload, config: &Config) -> &'a mut Payload {
        match config.per {
            Per::Message => &mut self.message.payload,
            Per::Frame => frame,
        }
    }

    fn give_up(&mut self, inflater: Option<&mut Inflater>, engines: &mut Engines) {
        if self.is_inflating()
            && let Some(inflater) = inflater
        {
            inflater.abandon(engines);
        }
        if self.compression != Compression::None {
            self.compression = Compression::Unreadable;
            self.message.complete = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::frame::Header;

    #[test]
    fn as_many_headers_are_kept_as_are_asked_for() {
        for kept in [0, 2, 9] {
            let mut assembly = Assembly::default();
            assembly.begin(Direction::ToServer, 1, 0, Origin::default(), true, Compression::None);
            for number in 1..=3 {
                let (header, length) = Header::parse(&[0x01, 0x00]).expect("two bytes are a header");
                assembly.begin_fragment(FrameHeader { number, offset: number * length as u64, header }, kept);
            }
            let message = assembly.take_message();
            assert_eq!((message.frames, message.headers.len()), (3, kept.min(3)));
        }
    }
}

//! From the bytes of one capture file to its records: tells the format by its magic number.

use std::ops::Range;

use crate::input::LinkType;
use crate::origin::Timestamp;

use super::error::{Error, Fault};
use super::order::Order;
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::stream::Stream;
use super::window::Window;

/// Largest packet believed: 64 times what IP can carry, and far below what a broken length asks for.
pub(super) const MAX_PACKET: u32 = 16 << 20;

/// One capture file being read.
pub(super) struct CaptureFile {
    name: String,
    window: Window,
    /// `None` until the first bytes were read.
    format: Option<Format>,
    first_interface: u32,
}

impl CaptureFile {
    /// `first_interface`: how many interfaces the files before described.
    pub(super) fn new(name: String, stream: Stream, first_interface: u32) -> Self {
        Self { name, window: Window::new(stream), format: None, first_interface }
    }

    /// The next packet, secret or pause; `None` at the end. After an error there is no more to be had.
    #[inline(always)] // with what it calls, as a packet has few steps and each is passed on by four functions
    pub(super) fn next(&mut self) -> Result<Option<Record>, Error> {
        let record = match &mut self.format {
            Some(format) => format.next(&mut self.window),
            None => self.first(),
        };
        match record {
            Ok(record) => Ok(record),
            Err(fault) => self.pause_or_fail(fault),
        }
    }

    /// Finds out the format, from the first bytes.
    pub(super) fn recognise(&mut self) -> Result<(), Error> {
        let format = Format::of(&mut self.window, self.first_interface).map_err(|fault| self.error(fault))?;
        self.format = Some(format);
        Ok(())
    }

    /// The bytes of the record that `next` gave last.
    #[inline]
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.window.bytes(range)
    }

    /// How many interfaces this file and those before have described.
    pub(super) fn interface_count(&self) -> u32 {
        match &self.format {
            None => self.first_interface,
            Some(Format::Pcap(_)) => self.first_interface.saturating_add(1),
            Some(Format::Pcapng(pcapng)) => pcapng.interface_count(),
        }
    }

    pub(super) fn stream(&self) -> &Stream {
        self.window.stream()
    }

    /// The first record: finds out the format before.
    #[cold] // and so not in the way of all others, as what follows
    fn first(&mut self) -> Result<Option<Record>, Fault> {
        let format = Format::of(&mut self.window, self.first_interface)?;
        self.format.insert(format).next(&mut self.window)
    }

    #[cold]
    fn pause_or_fail(&self, fault: Fault) -> Result<Option<Record>, Error> {
        match fault {
            Fault::Dry => Ok(Some(Record::Pause)),
            fault => Err(self.error(fault)),
        }
    }

    #[cold]
    fn error(&self, fault: Fault) -> Error {
        fault.at(&self.name, self.window.offset())
    }
}

/// What a capture file holds; byte ranges are for [`CaptureFile::bytes`].
#[derive(Debug)]
pub(super) enum Record {
    Packet {
        time: Timestamp,
        interface: u32,
        link: LinkType,
        bytes: Range<usize>,
        wire_len: u32,
    },
    Secret {
        kind: u32,
        bytes: Range<usize>,
    },
    /// Nothing more for now.
    Pause,
}

impl Record {
    /// The record with its bytes so much further on.
    #[inline]
    pub(super) fn moved(self, by: usize) -> Self {
        let moved = |bytes: Range<usize>| bytes.start + by..bytes.end + by;
        match self {
            Self::Packet { time, interface, link, bytes, wire_len } => {
                Self::Packet { time, interface, link, bytes: moved(bytes), wire_len }
            }
            Self::Secret { kind, bytes } => Self::Secret { kind, bytes: moved(bytes) },
            Self::Pause => Self::Pause,
        }
    }
}

/// How the file is written.
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Format {
    #[inline(always)]
    fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Fault> {
        match self {
            Self::Pcap(pcap) => pcap.next(window),
            Self::Pcapng(pcapng) => pcapng.next(window),
        }
    }

    fn of(window: &mut Window, first_interface: u32) -> Result<Self, Fault> {
        let start = window.fill(4);
        if let Some([magic]) = Order::Little.u32s(start) {
            if magic == Pcapng::MAGIC {
                return Ok(Self::Pcapng(Pcapng::new(first_interface)));
            }
            let pcap = Pcap::new(magic, first_interface).map(Self::Pcap);
            return pcap.ok_or_else(|| foreign(&start[..4]));
        }
        let foreign = foreign(start);
        match window.end("") {
            // Not the end of the file, but of what can be decompressed.
            Err(fault @ (Fault::Read { .. } | Fault::Dry)) => Err(fault),
            _ => Err(foreign),
        }
    }
}

fn foreign(start: &[u8]) -> Fault {
    let reason = match start {
        [] => "empty, not a capture file".to_owned(),
        _ => format!("not a pcap or pcapng file (nor one in gzip or zstd): begins with '{}'", start.escape_ascii()),
    };
    Fault::Foreign { reason }
}

//! From pcap records to packets (draft-ietf-opsawg-pcap).
//!
//! Either byte order, microseconds and nanoseconds, and the record header of Alexey Kuznetzov's modified format.

use crate::input::LinkType;
use crate::origin::Timestamp;

use super::error::Fault;
use super::file::{MAX_PACKET, Record};
use super::order::Order;
use super::window::Window;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Kuznetzov's: microseconds, with eight more bytes in each record header.
const MODIFIED: u32 = 0xa1b2_cd34;

const FILE_HEADER: usize = 24;
const VERSION: u16 = 2;

/// Reads the records of a pcap file.
pub(super) struct Pcap {
    order: Order,
    nanos_per_tick: i64,
    record_header: usize,
    /// `None` until the file header was read.
    link: Option<LinkType>,
    interface: u32,
}

impl Pcap {
    /// By the first four bytes, read as little-endian; `None` where they begin something else.
    pub(super) fn new(magic: u32, interface: u32) -> Option<Self> {
        let (order, nanos_per_tick, record_header) = match (magic, magic.swap_bytes()) {
            (MICROSECONDS, _) => (Order::Little, 1000, 16),
            (NANOSECONDS, _) => (Order::Little, 1, 16),
            (MODIFIED, _) => (Order::Little, 1000, 24),
            (_, MICROSECONDS) => (Order::Big, 1000, 16),
            (_, NANOSECONDS) => (Order::Big, 1, 16),
            (_, MODIFIED) => (Order::Big, 1000, 24),
            _ => return None,
        };
        Some(Self { order, nanos_per_tick, record_header, link: None, interface })
    }

    #[inline(always)]
    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Fault> {
        let link = match self.link {
            Some(link) => link,
            None => self.read_file_header(window)?,
        };
        let header = self.record_header;
        let Some([seconds, ticks, len, wire_len]) = self.order.u32s(window.fill(header)) else {
            return window.end(format!("a record header of {header} bytes")).map(|()| None);
        };
        if len > MAX_PACKET {
            return Err(Fault::damaged(
                format!("a packet of at most {MAX_PACKET} bytes"),
                format!("a length of {len}"),
            ));
        }
        let whole = header + len as usize;
        if window.fill(whole).len() < whole {
            return window.end(format!("a record of {whole} bytes")).map(|()| None);
        }
        window.take(header);
        Ok(Some(Record::Packet {
            // 2^32 seconds are half of what fits.
            time: Timestamp(i64::from(seconds) * 1_000_000_000 + i64::from(ticks) * self.nanos_per_tick),
            interface: self.interface,
            link,
            bytes: window.take(len as usize),
            wire_len: wire_len.max(len),
        }))
    }

    #[cold]
    fn read_file_header(&mut self, window: &mut Window) -> Result<LinkType, Fault> {
        let header = window.fill(FILE_HEADER);
        let (Some([_, _, major]), Some([_magic, _version, _zone, _accuracy, _snap_len, network])) =
            (self.order.u16s(header), self.order.u32s(header))
        else {
            window.end(format!("a file header of {FILE_HEADER} bytes"))?;
            unreachable!("the magic number is there, so this is no proper end");
        };
        if major != VERSION {
            return Err(Fault::damaged(format!("pcap version {VERSION}"), format!("version {major}")));
        }
        window.take(FILE_HEADER);
        // The upper bits tell how long the frame check sequence behind each packet is. It needs no cutting off: IP says how
        // long it is itself.
        let link = LinkType((network & 0xffff) as u16);
        self.link = Some(link);
        Ok(link)
    }
}

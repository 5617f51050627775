//! From pcapng blocks to packets and secrets (draft-ietf-opsawg-pcapng).
//!
//! Several sections, each in its own byte order, with any number of interfaces. Passes over name resolution, statistics,
//! custom and unknown blocks, and over all options but those that tell what a timestamp means.

use crate::input::LinkType;
use crate::origin::Timestamp;

use super::error::Fault;
use super::file::{MAX_PACKET, Record};
use super::order::Order;
use super::resolution::Resolution;
use super::window::Window;

// Block types.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const DECRYPTION_SECRETS: u32 = 10;

// Options.
const END_OF_OPTIONS: u16 = 0;
pub(super) const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

pub(super) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
pub(super) const MAJOR_VERSION: u16 = 1;
/// What holds without `if_tsresol`: 10^-6 seconds.
const MICROSECONDS: u8 = 6;

/// Type and length before the body of a block; the length again behind it.
const BEFORE_BODY: usize = 8;
const AFTER_BODY: usize = 4;
const MIN_BLOCK: u32 = 12;
/// Largest block believed: four of the largest packets.
const MAX_BLOCK: u32 = 4 * MAX_PACKET;
/// Each costs memory until its section ends, so their number has a bound, as large as the obsolete Packet Block can count.
const MAX_INTERFACES: usize = 1 << 16;

/// Reads the blocks of a pcapng file.
pub(super) struct Pcapng {
    /// Of the section.
    order: Order,
    /// Of the section.
    interfaces: Vec<Interface>,
    /// How many interfaces were described before the section.
    first_interface: u32,
    /// Of the packet before: a Simple Packet Block has none of its own.
    time: Timestamp,
}

impl Pcapng {
    /// The first four bytes of a file, the same in both byte orders.
    pub(super) const MAGIC: u32 = SECTION_HEADER;

    pub(super) fn new(first_interface: u32) -> Self {
        // The section header, which comes first, sets the order.
        Self { order: Order::Little, interfaces: Vec::new(), first_interface, time: Timestamp::default() }
    }

    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Fault> {
        while let Some((kind, len)) = self.read_block_header(window)? {
            let Some(block) = window.fill(len).get(..len) else {
                return window.end(format!("a block of {len} bytes")).map(|()| None);
            };
            let (body, after) = block[BEFORE_BODY..].split_at(len - BEFORE_BODY - AFTER_BODY);
            if self.order.u32s(after) != Some([len as u32]) {
                return Err(Fault::damaged(format!("the length {len} again behind the block"), hex(after)));
            }
            // A block is taken when it was found sound, so that an error tells where it begins.
            let record = self.read_body(kind, body)?;
            let body = window.take(len).start + BEFORE_BODY;
            if let Some(record) = record {
                return Ok(Some(record.moved(body)));
            }
        }
        Ok(None)
    }

    /// How many interfaces were described, those before the file included.
    pub(super) fn interface_count(&self) -> u32 {
        self.first_interface.saturating_add(self.interfaces.len() as u32)
    }

    /// Type and length of the next block, for which a section header sets the byte order.
    #[inline]
    fn read_block_header(&mut self, window: &mut Window) -> Result<Option<(u32, usize)>, Fault> {
        let Some([kind, mut len, magic]) = self.order.u32s(window.fill(MIN_BLOCK as usize)) else {
            return window.end(format!("a block of at least {MIN_BLOCK} bytes")).map(|()| None);
        };
        if kind == SECTION_HEADER {
            if magic == BYTE_ORDER_MAGIC.swap_bytes() {
                self.order = self.order.swapped();
                len = len.swap_bytes();
            } else if magic != BYTE_ORDER_MAGIC {
                return Err(Fault::damaged("a byte-order magic of 1a2b3c4d", format!("{magic:08x}")));
            }
        }
        if !(MIN_BLOCK..=MAX_BLOCK).contains(&len) || len % 4 != 0 {
            let expected = format!("a block length of {MIN_BLOCK} to {MAX_BLOCK}, in steps of 4");
            return Err(Fault::damaged(expected, format!("{len}")));
        }
        Ok(Some((kind, len as usize)))
    }

    #[inline]
    fn read_body(&mut self, kind: u32, body: &[u8]) -> Result<Option<Record>, Fault> {
        match kind {
            ENHANCED_PACKET => self.read_enhanced_packet(body).map(Some),
            SIMPLE_PACKET => self.read_simple_packet(body).map(Some),
            OBSOLETE_PACKET => self.read_obsolete_packet(body).map(Some),
            DECRYPTION_SECRETS => self.read_secrets(body).map(Some),
            INTERFACE_DESCRIPTION => self.read_interface(body).map(|()| None),
            SECTION_HEADER => self.read_section_header(body).map(|()| None),
            _ => Ok(None),
        }
    }

    #[inline]
    fn read_enhanced_packet(&mut self, body: &[u8]) -> Result<Record, Fault> {
        let Some([interface, high, low, len, wire_len]) = self.order.u32s(body) else {
            return Err(short("an Enhanced Packet Block", body));
        };
        self.packet(body, interface, [high, low], [len, wire_len])
    }

    /// §A of the draft: as the Enhanced Packet Block, with a count of drops in half of the interface number.
    fn read_obsolete_packet(&mut self, body: &[u8]) -> Result<Record, Fault> {
        let (Some([interface, _drops]), Some([_, high, low, len, wire_len])) =
            (self.order.u16s(body), self.order.u32s(body))
        else {
            return Err(short("a Packet Block", body));
        };
        self.packet(body, u32::from(interface), [high, low], [len, wire_len])
    }

    #[inline]
    fn packet(&mut self, body: &[u8], id: u32, time: [u32; 2], lens: [u32; 2]) -> Result<Record, Fault> {
        const BEFORE_DATA: usize = 20;
        let interface = self.interface(id)?;
        let ([high, low], [len, wire_len]) = (time, lens);
        let end = BEFORE_DATA + len as usize;
        if len > MAX_PACKET || end > body.len() {
            let room = (body.len() - BEFORE_DATA).min(MAX_PACKET as usize);
            return Err(Fault::damaged(format!("a packet of at most {room} bytes"), format!("a length of {len}")));
        }
        self.time = interface.resolution.time(u64::from(high) << 32 | u64::from(low));
        Ok(Record::Packet {
            time: self.time,
            interface: self.first_interface.saturating_add(id),
            link: interface.link,
            bytes: BEFORE_DATA..end,
            wire_len: wire_len.max(len),
        })
    }

    fn read_simple_packet(&mut self, body: &[u8]) -> Result<Record, Fault> {
        const BEFORE_DATA: usize = 4;
        let Some([wire_len]) = self.order.u32s(body) else {
            return Err(short("a Simple Packet Block", body));
        };
        let interface = self.interface(0)?;
        // §4.4: the captured length is not written down, and a snap length of 0 is none.
        let snap_len = if interface.snap_len == 0 { MAX_PACKET } else { interface.snap_len.min(MAX_PACKET) };
        let len = (wire_len.min(snap_len) as usize).min(body.len() - BEFORE_DATA);
        Ok(Record::Packet {
            time: self.time,
            interface: self.first_interface,
            link: interface.link,
            bytes: BEFORE_DATA..BEFORE_DATA + len,
            wire_len,
        })
    }

    fn read_secrets(&mut self, body: &[u8]) -> Result<Record, Fault> {
        const BEFORE_DATA: usize = 8;
        let Some([kind, len]) = self.order.u32s(body) else {
            return Err(short("a Decryption Secrets Block", body));
        };
        let end = BEFORE_DATA + len as usize;
        if end > body.len() {
            let room = body.len() - BEFORE_DATA;
            return Err(Fault::damaged(format!("secrets of at most {room} bytes"), format!("a length of {len}")));
        }
        Ok(Record::Secret { kind, bytes: BEFORE_DATA..end })
    }

    fn read_section_header(&mut self, body: &[u8]) -> Result<(), Fault> {
        let Some([_, _, major, _minor]) = self.order.u16s(body) else {
            return Err(short("a Section Header Block", body));
        };
        if major != MAJOR_VERSION {
            return Err(Fault::damaged(format!("pcapng version {MAJOR_VERSION}"), format!("version {major}")));
        }
        self.first_interface = self.interface_count();
        self.interfaces.clear();
        Ok(())
    }

    fn read_interface(&mut self, body: &[u8]) -> Result<(), Fault> {
        const BEFORE_OPTIONS: usize = 8;
        let (Some([link, _reserved]), Some([_, snap_len])) = (self.order.u16s(body), self.order.u32s(body)) else {
            return Err(short("an Interface Description Block", body));
        };
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(Fault::damaged(format!("at most {MAX_INTERFACES} interfaces in a section"), "one more"));
        }
        let resolution = self.read_resolution(&body[BEFORE_OPTIONS..])?;
        self.interfaces.push(Interface { link: LinkType(link), snap_len, resolution });
        Ok(())
    }

    fn read_resolution(&self, mut options: &[u8]) -> Result<Resolution, Fault> {
        let (mut tsresol, mut offset) = (None, 0);
        while let Some([code, len]) = self.order.u16s(options) {
            if code == END_OF_OPTIONS {
                break;
            }
            let padded = usize::from(len).next_multiple_of(4);
            let Some((value, rest)) = options[4..].split_at_checked(padded) else {
                let room = options.len() - 4;
                return Err(Fault::damaged(format!("an option of at most {room} bytes"), format!("a length of {len}")));
            };
            options = rest;
            match (code, &value[..usize::from(len)]) {
                (IF_TSRESOL, &[value]) => tsresol = Some(value),
                (IF_TSOFFSET, &[a, b, c, d, e, f, g, h]) => {
                    offset = self.order.i64([a, b, c, d, e, f, g, h]);
                }
                (IF_TSRESOL, _) => {
                    return Err(Fault::damaged("if_tsresol of 1 byte", format!("{len}")));
                }
                (IF_TSOFFSET, _) => {
                    return Err(Fault::damaged("if_tsoffset of 8 bytes", format!("{len}")));
                }
                _ => {}
            }
        }
        Ok(Resolution::new(tsresol.unwrap_or(MICROSECONDS), offset))
    }

    #[inline]
    fn interface(&self, id: u32) -> Result<Interface, Fault> {
        self.interfaces.get(id as usize).copied().ok_or_else(|| {
            let count = self.interfaces.len();
            Fault::damaged(format!("a packet of one of {count} interfaces"), format!("one of interface {id}"))
        })
    }
}

/// What an Interface Description Block says that a packet needs.
#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    snap_len: u32,
    resolution: Resolution,
}

fn short(block: &str, body: &[u8]) -> Fault {
    Fault::damaged(block, format!("a body of {} bytes", body.len()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! What the edges feed the core: packets, secrets and the passing of time.

use crate::origin::Timestamp;

/// One thing that the analyzer learns, in capture order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// A captured packet.
    Packet(Packet<'a>),
    /// Secrets: of a pcapng decryption secrets block, or of a key log file.
    Secret(Secret<'a>),
    /// Time passed without a packet, as while an interface is silent.
    Tick(Timestamp),
    /// So many packets that passed here were dropped while capturing.
    Dropped(u64),
}

/// A captured packet, borrowed from the reader's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Number in the capture, from 1, over all inputs in the order given.
    pub number: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// Interface it was captured on, from 0 in the order in which interfaces are described, over all inputs.
    pub interface: u32,
    /// What the first byte of `bytes` is the header of.
    pub link: LinkType,
    /// The captured bytes, from the link-layer header on.
    pub bytes: &'a [u8],
    /// Length on the wire in bytes; larger than `bytes` where the snap length cut the packet.
    pub wire_len: u32,
}

/// Decryption secrets, as they stood in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a> {
    /// Secrets type of the pcapng decryption secrets block (0x544c534b: TLS key log).
    pub kind: u32,
    /// The secrets; for a TLS key log its lines.
    pub bytes: &'a [u8],
}

/// What a live capture counts, in packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Taken from the kernel, after the filter.
    pub received: u64,
    /// Dropped by the kernel, because its buffer was full.
    pub kernel: u64,
    /// Dropped by the interface or its driver, as far as they tell.
    pub interface: u64,
    /// Dropped by us of those received, because the analysis fell behind.
    pub queue: u64,
}

impl Counters {
    /// All that were dropped.
    pub fn dropped(&self) -> u64 {
        self.kernel + self.interface + self.queue
    }
}

impl Secret<'_> {
    /// The kind of a TLS key log.
    pub const TLS_KEY_LOG: u32 = 0x544c_534b;
}

/// Link-layer header type, as registered in the tcpdump.org LINKTYPE_ list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

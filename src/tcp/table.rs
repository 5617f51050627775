//! All flows: which entry a segment belongs to.
//!
//! Entries live in a slab; a hash index over the endpoint pairs finds them.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::quality::RandomState;

use crate::net::segment::{Context, Endpoint, Segment};

/// Index of an entry; stays valid until the entry is removed.
pub type FlowId = usize;

/// The flows, each with a `T`.
#[derive(Debug)]
pub struct Table<T> {
    index: HashMap<Key, u32, RandomState>,
    slab: Vec<Option<(Key, T)>>,
    free: Vec<u32>,
}

/// Endpoint pair without direction, and context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    low: Address,
    high: Address,
    context: Context,
}

/// An endpoint as plain numbers: hashes faster than [`Endpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Address {
    ip: [u64; 2],
    /// Port, and above it 4 or 6.
    port: u32,
}

impl From<Endpoint> for Address {
    fn from(endpoint: Endpoint) -> Self {
        let (ip, version) = match endpoint.ip {
            IpAddr::V4(ip) => ([0, u64::from(ip.to_bits())], 4),
            IpAddr::V6(ip) => ([(ip.to_bits() >> 64) as u64, ip.to_bits() as u64], 6),
        };
        Self { ip, port: version << 16 | u32::from(endpoint.port) }
    }
}

impl From<&Segment<'_>> for Key {
    fn from(segment: &Segment<'_>) -> Self {
        let (a, b) = (segment.source.into(), segment.destination.into());
        Self { low: Address::min(a, b), high: Address::max(a, b), context: segment.context }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { index: HashMap::default(), slab: Vec::new(), free: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Adds an entry for a key that has none.
    pub fn insert(&mut self, key: Key, value: T) -> FlowId {
        let entry = Some((key, value));
        let id = if let Some(id) = self.free.pop() {
            self.slab[id as usize] = entry;
            id
        } else {
            self.slab.push(entry);
            u32::try_from(self.slab.len() - 1).expect("the analyzer bounds the flows far below 2^32")
        };
        self.index.insert(key, id);
        id as FlowId
    }

    /// Removes an entry.
    pub fn remove(&mut self, id: FlowId) -> Option<T> {
        let (key, value) = self.slab.get_mut(id)?.take()?;
        self.index.remove(&key);
        self.free.push(id as u32);
        Some(value)
    }

    /// The entry of a key.
    pub fn find(&self, key: &Key) -> Option<FlowId> {
        self.index.get(key).map(|&id| id as FlowId)
    }

    /// The value of an entry.
    pub fn get(&self, id: FlowId) -> Option<&T> {
        Some(&self.slab.get(id)?.as_ref()?.1)
    }

    /// The value of an entry, to change it.
    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut T> {
        Some(&mut self.slab.get_mut(id)?.as_mut()?.1)
    }

    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// One above the largest index in use.
    pub fn bound(&self) -> FlowId {
        self.slab.len()
    }
}

//! All flows: which entry a segment belongs to.
//!
//! Entries live in a slab, keys beside them; a hash index of places in it finds them, so that a key stands only once.

use std::hash::BuildHasher as _;
use std::net::IpAddr;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::net::segment::{Context, Endpoint, Segment};

/// Index of an entry; stays valid until the entry is removed.
pub type FlowId = usize;

/// The flows, each with a `T`.
#[derive(Debug)]
pub struct Table<T> {
    index: HashTable<u32>,
    hashes: RandomState,
    slab: Vec<Option<(Key, T)>>,
    free: Vec<u32>,
}

/// Endpoint pair without direction, and context: six numbers, which hash faster than [`Endpoint`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// The addresses of the two.
    low: [u64; 2],
    high: [u64; 2],
    /// Port and IP version of `low`, and below those of `high`.
    ports: u64,
    context: Context,
}

/// An endpoint as numbers: address, and port below 4 or 6.
fn numbers(endpoint: Endpoint) -> ([u64; 2], u64) {
    let (ip, version) = match endpoint.ip {
        IpAddr::V4(ip) => ([0, u64::from(ip.to_bits())], 4),
        IpAddr::V6(ip) => ([(ip.to_bits() >> 64) as u64, ip.to_bits() as u64], 6),
    };
    (ip, version << 16 | u64::from(endpoint.port))
}

impl From<&Segment<'_>> for Key {
    fn from(segment: &Segment<'_>) -> Self {
        let (a, b) = (numbers(segment.source), numbers(segment.destination));
        let ((low, low_port), (high, high_port)) = if a <= b { (a, b) } else { (b, a) };
        Self { low, high, ports: low_port << 32 | high_port, context: segment.context }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { index: HashTable::new(), hashes: RandomState::default(), slab: Vec::new(), free: Vec::new() }
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
        let Self { index, hashes, slab, .. } = self;
        let hash_at = |id: &u32| slab[*id as usize].as_ref().map_or(0, |(key, _)| hashes.hash_one(key));
        index.insert_unique(hashes.hash_one(key), id, hash_at);
        id as FlowId
    }

    /// Removes an entry.
    pub fn remove(&mut self, id: FlowId) -> Option<T> {
        let (key, value) = self.slab.get_mut(id)?.take()?;
        if let Ok(entry) = self.index.find_entry(self.hashes.hash_one(key), |&other| other as FlowId == id) {
            entry.remove();
        }
        self.free.push(id as u32);
        Some(value)
    }

    /// The entry of a key.
    pub fn find(&self, key: &Key) -> Option<FlowId> {
        let is_it = |id: &u32| self.slab[*id as usize].as_ref().is_some_and(|(other, _)| other == key);
        self.index.find(self.hashes.hash_one(key), is_it).map(|&id| id as FlowId)
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

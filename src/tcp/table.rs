//! All flows: which entry a segment belongs to.
//!
//! Entries live in a slab, keys beside them; a hash index of places in it finds them, so that a key stands only once. The slab
//! grows by chunks, which never move.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::tcp::key::{Key, StoredKey};

/// Index of an entry; stays valid until the entry is removed.
pub type FlowId = usize;

/// Entries in a chunk of the slab.
const CHUNK: usize = 1 << 10;

/// The flows, each with a `T`.
#[derive(Debug)]
pub struct Table<T> {
    index: HashTable<u32>,
    hashes: RandomState,
    slab: Slab<T>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slab<T>(Vec<Vec<Option<(StoredKey, T)>>>);

impl<T> Slab<T> {
    fn get(&self, id: FlowId) -> Option<&(StoredKey, T)> {
        self.0.get(id / CHUNK)?.get(id % CHUNK)?.as_ref()
    }

    fn get_mut(&mut self, id: FlowId) -> Option<&mut Option<(StoredKey, T)>> {
        self.0.get_mut(id / CHUNK)?.get_mut(id % CHUNK)
    }

    /// One above the largest index in use.
    fn bound(&self) -> FlowId {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    fn push(&mut self, entry: (StoredKey, T)) -> FlowId {
        let id = self.bound();
        match self.0.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(Some(entry)),
            Some(_) | None => {
                // The first grows, so that a few flows take no room for many.
                let mut chunk = Vec::with_capacity(if id == 0 { 1 } else { CHUNK });
                chunk.push(Some(entry));
                self.0.push(chunk);
            }
        }
        id
    }

    fn key(&self, id: FlowId) -> Option<Key> {
        self.get(id).map(|(key, _)| key.into())
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { index: HashTable::new(), hashes: RandomState::default(), slab: Slab(Vec::new()), free: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Adds an entry for a key that has none.
    pub fn insert(&mut self, key: Key, value: T) -> FlowId {
        let entry = (key.into(), value);
        let vacant = self.free.pop().map(|id| id as FlowId);
        let id = match vacant.and_then(|id| Some((id, self.slab.get_mut(id)?))) {
            Some((id, vacant)) => {
                *vacant = Some(entry);
                id
            }
            None => self.slab.push(entry),
        };
        let Self { index, hashes, slab, .. } = self;
        let hash_at = |id: &u32| slab.key(*id as FlowId).map_or(0, |key| hashes.hash_one(key));
        let place = u32::try_from(id).expect("the analyzer bounds the flows far below 2^32");
        index.insert_unique(hashes.hash_one(key), place, hash_at);
        id
    }

    /// Removes an entry.
    pub fn remove(&mut self, id: FlowId) -> Option<T> {
        let (key, value) = self.slab.get_mut(id)?.take()?;
        if let Ok(entry) = self.index.find_entry(self.hashes.hash_one(Key::from(&key)), |&other| other as FlowId == id)
        {
            entry.remove();
        }
        self.free.push(id as u32);
        Some(value)
    }

    /// The entry of a key.
    #[inline]
    pub fn find(&self, key: &Key) -> Option<FlowId> {
        let is_it = |id: &u32| self.slab.get(*id as FlowId).is_some_and(|(other, _)| other == key);
        self.index.find(self.hashes.hash_one(key), is_it).map(|&id| id as FlowId)
    }

    /// The key of an entry.
    pub fn key(&self, id: FlowId) -> Option<Key> {
        self.slab.key(id)
    }

    /// The value of an entry.
    pub fn get(&self, id: FlowId) -> Option<&T> {
        Some(&self.slab.get(id)?.1)
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
        self.slab.bound()
    }
}

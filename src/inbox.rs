//! Bytes of one direction that wait to be parsed, with their provenance.

use std::collections::VecDeque;

use crate::chunk::Chunk;
use crate::http::head;
use crate::origin::{Origin, Span};

/// A buffer of consecutive stream bytes.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// How many of `bytes` are consumed.
    start: usize,
    /// Stream offset of `bytes[start]`.
    offset: u64,
    /// How far behind `start` the end of a head was searched in vain.
    searched: usize,
    /// Which chunk brought the bytes from a stream offset on; the first one covers `offset`.
    marks: VecDeque<Mark>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    offset: u64,
    origin: Origin,
    acknowledged: Option<u64>,
}

impl Inbox {
    /// Adds bytes at the end.
    pub fn push(&mut self, chunk: Chunk<'_>) {
        if self.is_empty() {
            self.bytes.clear();
            self.marks.clear();
            self.start = 0;
            self.searched = 0;
            self.offset = chunk.offset;
        }
        let same = self
            .marks
            .back()
            .is_some_and(|last| last.origin == chunk.origin && last.acknowledged == chunk.acknowledged);
        if !same {
            let Chunk { offset, origin, acknowledged, .. } = chunk;
            self.marks.push_back(Mark { offset, origin, acknowledged });
        }
        self.bytes.extend_from_slice(chunk.bytes);
    }

    /// Takes `count` bytes (at most all) away from the front.
    pub fn consume(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let count = count.min(self.bytes.len() - self.start);
        self.start += count;
        self.offset += count as u64;
        self.searched = 0;
        while self.marks.get(1).is_some_and(|second| second.offset <= self.offset) {
            self.marks.pop_front();
        }
        // Moves at most as much as was consumed since the last time.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Learns that the stream went on to this offset elsewhere, while nothing waits here.
    pub fn pass(&mut self, offset: u64) {
        if self.is_empty() {
            self.offset = offset;
        }
    }

    /// What waits.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// What waits, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// Makes room for what waits to become this long.
    pub fn reserve(&mut self, length: usize) {
        self.bytes.reserve((self.start + length).saturating_sub(self.bytes.len()));
    }

    /// Takes a buffer to work with, where it has none and nothing waits, or gives its own away.
    pub fn exchange_buffer(&mut self, spare: &mut Vec<u8>) {
        if self.is_empty() {
            self.bytes.clear();
            self.start = 0;
            std::mem::swap(&mut self.bytes, spare);
        }
    }

    /// Length of the head that what waits begins with, once it is whole.
    pub fn head_length(&mut self) -> Option<usize> {
        head::length(&self.bytes[self.start..], &mut self.searched)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Whether the first byte that waits is the first of a chunk.
    pub fn is_at_start(&self) -> bool {
        self.marks.front().is_some_and(|mark| mark.offset == self.offset)
    }

    /// Gives room back that is not needed for what waits.
    pub fn shrink(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.shrink_to_fit();
        self.marks.shrink_to_fit();
    }

    /// Memory it takes, in bytes.
    pub fn held(&self) -> usize {
        self.bytes.capacity() + self.marks.capacity() * size_of::<Mark>()
    }

    /// Stream offset of the first byte that waits.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The packets of the first `count` bytes.
    pub fn span(&self, count: usize) -> Span {
        let last = self.offset + (count as u64).saturating_sub(1);
        let origin = |mark: Option<&Mark>| mark.map(|mark| mark.origin).unwrap_or_default();
        let behind = self.marks.partition_point(|mark| mark.offset <= last);
        Span { first: origin(self.marks.front()), last: origin(self.marks.get(behind.saturating_sub(1))) }
    }

    /// What the sender of the first byte had acknowledged of the opposite stream.
    pub fn acknowledged(&self) -> Option<u64> {
        self.marks.front()?.acknowledged
    }

    /// Length of the first chunk, or of what is left of it.
    pub fn first_chunk(&self) -> usize {
        self.chunks().next().map_or(0, |chunk| chunk.bytes.len())
    }

    /// Length of the chunk that ends behind the first `count` bytes, or of what is left of it; 0 where none does.
    pub fn chunk_ending_at(&self, count: usize) -> usize {
        let end = self.offset + count as u64;
        let index = self.marks.partition_point(|mark| mark.offset < end);
        let ends = count == self.bytes().len() || self.marks.get(index).is_some_and(|next| next.offset == end);
        let start = index.checked_sub(1).map(|index| self.marks[index].offset.max(self.offset));
        start.filter(|_| ends).map_or(0, |start| (end - start) as usize)
    }

    /// What waits, as the chunks in which it came.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        self.part(0, self.bytes().len())
    }

    /// A part of what waits, as the chunks in which it came.
    pub fn part(&self, start: usize, length: usize) -> impl Iterator<Item = Chunk<'_>> {
        let start = self.offset + start as u64;
        let end = start + length as u64;
        let marks = self.marks.iter().enumerate().take_while(move |(_, mark)| mark.offset < end);
        marks.filter_map(move |(index, mark)| {
            let from = mark.offset.max(start);
            let to = self.marks.get(index + 1).map_or(end, |next| next.offset.min(end)).max(from);
            let bytes = &self.bytes()[(from - self.offset) as usize..(to - self.offset) as usize];
            let chunk = Chunk { origin: mark.origin, offset: from, acknowledged: mark.acknowledged, bytes };
            (!bytes.is_empty()).then_some(chunk)
        })
    }
}

//! Fragments of IP packets, in any order, to the payload they were cut from (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! A joined payload has the number and time of the packet that made it whole: then the receiver could read it. The first
//! copy of a byte wins; what contradicts it is told, and where the whole then fails TCP's checksum it is dropped, as every
//! receiver does: identifications repeat, and fragments of two packets must not become one. Other checksums are not
//! looked at.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;
use std::net::IpAddr;

use etherparse::IpNumber;
use etherparse::checksum::Sum16BitWords;
use foldhash::quality::{FixedState, RandomState};

use crate::config::Limits;
use crate::net::enclosure::Enclosure;
use crate::net::ip::{Datagram, Part};
use crate::net::segment::Context;
use crate::net::tunnel::may_carry_tcp;
use crate::net::wire::Wire;
use crate::net::{Decoded, Skip, follow};
use crate::origin::{Origin, Timestamp};
use crate::pieces::{Content, Pieces};

/// No IP packet has more payload; beyond lie only jumbograms, which must not be fragmented (RFC 2675 §3).
const LONGEST: u32 = 0xffff;

/// A packet of fewer fragments is recognised when it is captured a second time.
const REMEMBERED: usize = 64;

/// A fragment of an IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    pub(super) origin: Origin,
    pub(super) enclosure: Enclosure,
    pub(super) datagram: Datagram<'a>,
    pub(super) part: Part,
}

/// Fragments that wait for others.
#[derive(Debug, Default)]
pub struct Fragments {
    datagrams: HashMap<Key, Entry, RandomState>,
    /// Since when each entry is there; those of entries that were replaced are passed over.
    oldest_first: VecDeque<(Timestamp, Key)>,
    /// Memory that is taken, in bytes.
    held: usize,
    unjoined: u64,
    evicted: u64,
}

/// Payload of an IP packet, joined from fragments.
#[derive(Debug)]
pub struct Joined {
    origin: Origin,
    enclosure: Enclosure,
    source: IpAddr,
    destination: IpAddr,
    protocol: IpNumber,
    /// What was captured of it, up to the first byte that a snap length cut off.
    bytes: Vec<u8>,
    cut: u32,
    conflict: bool,
}

/// Which fragments belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    /// 0 for IPv6, where it does not count.
    protocol: u8,
    identification: u32,
    context: Context,
}

#[derive(Debug)]
struct Entry {
    since: Timestamp,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Box<Waiting>),
    /// Joined: what its fragments were, to know them when they are captured twice.
    Joined(Box<[u64]>),
    /// Nothing for us.
    Foreign,
}

#[derive(Debug, Default)]
struct Waiting {
    pieces: Pieces<()>,
    /// Length of the whole payload, once the last fragment is there.
    length: Option<u32>,
    /// What the first header of the payload is, once the first fragment is there.
    protocol: Option<IpNumber>,
    /// A hash of each fragment.
    seen: Vec<u64>,
    conflict: bool,
}

impl<'a> Fragment<'a> {
    fn key(&self) -> Key {
        let Datagram { source, destination, protocol, .. } = self.datagram;
        Key {
            source,
            destination,
            protocol: if source.is_ipv4() { protocol.0 } else { 0 },
            identification: self.part.identification,
            context: self.enclosure.context(),
        }
    }

    /// Where it ends in the payload; `None` where that cannot be.
    fn end(&self) -> Option<u32> {
        let payload = self.datagram.payload;
        let length = u32::try_from(payload.bytes().len()).ok()?.checked_add(payload.cut())?;
        let end = self.part.offset.checked_add(length)?;
        // Only the last fragment can have another length than a multiple of 8.
        let possible = length > 0 && end <= LONGEST && (!self.part.more || length % 8 == 0);
        possible.then_some(end)
    }

    /// What tells it from other fragments; the same when it is captured twice.
    fn fingerprint(&self) -> u64 {
        FixedState::default().hash_one((self.part.offset, self.part.more, self.datagram.payload.bytes()))
    }
}

impl Fragments {
    /// Takes a fragment; the payload, where that makes one whole.
    pub fn insert(&mut self, fragment: &Fragment<'_>, limits: &Limits) -> Option<Joined> {
        let now = fragment.origin.time;
        self.forget_old(now, limits);
        let end = fragment.end()?;
        let key = fragment.key();
        self.begin(key, fragment, limits);
        let entry = self.datagrams.get_mut(&key)?;
        let State::Waiting(waiting) = &mut entry.state else { return None };
        self.unjoined += 1;
        self.held -= waiting.held();
        let whole = waiting.insert(fragment, end);
        self.held += waiting.held();
        let joined = match whole {
            Whole::No => None,
            Whole::Foreign => {
                self.unjoined -= waiting.seen.len() as u64;
                self.held -= waiting.held();
                entry.state = State::Foreign;
                None
            }
            Whole::Yes => {
                self.unjoined -= waiting.seen.len() as u64;
                self.held -= waiting.held();
                let joined = waiting.join(fragment);
                waiting.seen.sort_unstable();
                waiting.seen.dedup();
                waiting.seen.truncate(REMEMBERED);
                let seen = std::mem::take(&mut waiting.seen);
                self.held += seen.len() * size_of::<u64>();
                entry.state = State::Joined(seen.into());
                Some(joined)
            }
        };
        while self.held > limits.fragment_bytes || self.datagrams.len() > limits.fragment_datagrams {
            let Some((since, oldest)) = self.oldest_first.pop_front() else { break };
            if self.forget(since, &oldest) {
                self.evicted += 1;
            }
        }
        joined
    }

    /// How many fragments have not become part of a whole packet.
    pub fn unjoined(&self) -> u64 {
        self.unjoined
    }

    /// How many packets under way were given up for want of room since this was asked last.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Makes an entry where there is none that the fragment can belong to.
    fn begin(&mut self, key: Key, fragment: &Fragment<'_>, limits: &Limits) {
        let now = fragment.origin.time;
        if let Some(entry) = self.datagrams.get(&key) {
            let again = match &entry.state {
                State::Waiting(_) | State::Foreign => false,
                State::Joined(seen) => !seen.contains(&fragment.fingerprint()),
            };
            if !again && !is_old(entry.since, now, limits) {
                return;
            }
            self.forget(entry.since, &key);
        }
        let waiting: Box<Waiting> = Box::default();
        self.held += ENTRY + waiting.held();
        self.datagrams.insert(key, Entry { since: now, state: State::Waiting(waiting) });
        self.oldest_first.push_back((now, key));
    }

    fn forget_old(&mut self, now: Timestamp, limits: &Limits) {
        while let Some(&(since, key)) = self.oldest_first.front()
            && is_old(since, now, limits)
        {
            self.oldest_first.pop_front();
            self.forget(since, &key);
        }
    }

    /// Drops an entry, unless it has been replaced since; whether fragments were lost.
    fn forget(&mut self, since: Timestamp, key: &Key) -> bool {
        if self.datagrams.get(key).is_none_or(|entry| entry.since != since) {
            return false;
        }
        let Some(entry) = self.datagrams.remove(key) else { return false };
        self.held -= ENTRY;
        match entry.state {
            State::Waiting(waiting) => {
                self.held -= waiting.held();
                true
            }
            State::Joined(seen) => {
                self.held -= seen.len() * size_of::<u64>();
                false
            }
            State::Foreign => false,
        }
    }
}

/// What an entry costs in both tables, which are half empty at worst.
const ENTRY: usize = 2 * (2 * size_of::<Key>() + size_of::<Entry>() + size_of::<Timestamp>());

/// Whether fragments of the same identification are no longer of the same packet; also where time jumped back.
fn is_old(since: Timestamp, now: Timestamp, limits: &Limits) -> bool {
    u128::from(now.since(since).unsigned_abs()) > limits.fragment_time.as_nanos()
}

/// Whether a packet is whole.
enum Whole {
    Yes,
    No,
    /// It carries nothing for us.
    Foreign,
}

impl Waiting {
    /// Takes a fragment that ends at `end`.
    fn insert(&mut self, fragment: &Fragment<'_>, end: u32) -> Whole {
        let Fragment { part, datagram, .. } = fragment;
        let payload = datagram.payload;
        self.seen.push(fragment.fingerprint());
        if part.offset == 0 && self.protocol.is_none() {
            // RFC 8200 §4.5: that of the first fragment counts.
            self.protocol = Some(datagram.protocol);
            if !may_carry_tcp(datagram.protocol, payload.bytes()) {
                return Whole::Foreign;
            }
        }
        let beyond = self.length.is_some_and(|length| end > length);
        let contradicted =
            !part.more && (self.pieces.end() > u64::from(end) || self.length.is_some_and(|length| length != end));
        if beyond || contradicted {
            self.conflict = true;
            return Whole::No;
        }
        if !part.more {
            self.length = Some(end);
        }
        let start = u64::from(part.offset);
        self.conflict |= self.pieces.insert(start, payload.bytes(), ()).is_some();
        self.pieces.insert_cut(start + payload.bytes().len() as u64, end.into(), ());
        let whole = self.length.is_some_and(|length| self.pieces.known() == u64::from(length));
        if whole { Whole::Yes } else { Whole::No }
    }

    /// The payload that `last` made whole.
    fn join(&mut self, last: &Fragment<'_>) -> Joined {
        let length = self.length.unwrap_or_default();
        let mut bytes = Vec::with_capacity(length as usize);
        while let Some((_, piece)) = self.pieces.pop_first()
            && let Content::Bytes(piece) = piece.content
        {
            bytes.extend_from_slice(&piece);
        }
        self.pieces = Pieces::default();
        Joined {
            origin: last.origin,
            enclosure: last.enclosure,
            source: last.datagram.source,
            destination: last.datagram.destination,
            protocol: self.protocol.unwrap_or(last.datagram.protocol),
            cut: length - bytes.len() as u32,
            bytes,
            conflict: self.conflict,
        }
    }

    fn held(&self) -> usize {
        size_of::<Self>() + self.pieces.held() + self.seen.capacity() * size_of::<u64>()
    }
}

impl Joined {
    /// Finds the TCP segment in it.
    pub fn decode(&self) -> Decoded<'_> {
        if self.conflict && self.protocol == IpNumber::TCP && self.cut == 0 && !self.is_checksum_right() {
            return Decoded::Skipped(Skip::Malformed);
        }
        let datagram = Datagram {
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            fragment: None,
            payload: Wire::new(&self.bytes, self.bytes.len() as u32 + self.cut),
        };
        let found = datagram.follow_extensions().and_then(|datagram| follow(self.origin, datagram, self.enclosure));
        found.unwrap_or_else(Decoded::Skipped)
    }

    /// Whether two of its fragments contradicted each other.
    pub fn has_conflict(&self) -> bool {
        self.conflict
    }

    /// The TCP checksum (RFC 9293 §3.1), over a pseudo-header. The sender of fragments had to compute it: a network card does
    /// that for whole segments only.
    fn is_checksum_right(&self) -> bool {
        let mut sum = Sum16BitWords::new();
        for ip in [self.source, self.destination] {
            sum = match ip {
                IpAddr::V4(ip) => sum.add_4bytes(ip.octets()),
                IpAddr::V6(ip) => sum.add_16bytes(ip.octets()),
            };
        }
        sum.add_2bytes([0, self.protocol.0])
            .add_4bytes((self.bytes.len() as u32).to_be_bytes())
            .add_slice(&self.bytes)
            .ones_complement()
            == 0
    }
}

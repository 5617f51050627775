//! Segment to the flow that it is of: two endpoints without direction, and what else tells flows apart.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::segment::{Context, Endpoint, Segment};

/// What all segments of a flow have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    addresses: Addresses,
    ports: [u16; 2],
    context: Context,
}

/// The addresses of the two endpoints, the lower endpoint's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Addresses {
    V4([u32; 2]),
    V6([Ipv6Addr; 2]),
}

/// A [`Key`] to be kept: a third of the room, where the addresses are those of IPv4.
#[derive(Debug)]
pub enum StoredKey {
    /// IPv4.
    V4 {
        /// The addresses.
        addresses: [u32; 2],
        /// The ports.
        ports: [u16; 2],
        /// What else tells flows apart.
        context: Context,
    },
    /// Anything else.
    Other(Box<Key>),
}

/// Address and port of an IPv4 endpoint as one number, which sorts as the endpoint does.
fn number(ip: Ipv4Addr, port: u16) -> u64 {
    u64::from(ip.to_bits()) << 16 | u64::from(port)
}

impl Segment<'_> {
    /// Whether it was sent by the lower endpoint of its flow.
    #[inline]
    pub fn is_from_lower(&self) -> bool {
        let (source, destination) = (&self.source, &self.destination);
        match (source.ip, destination.ip) {
            (IpAddr::V4(one), IpAddr::V4(other)) => number(one, source.port) <= number(other, destination.port),
            (IpAddr::V4(_) | IpAddr::V6(_), _) => source <= destination,
        }
    }
}

impl From<&Segment<'_>> for Key {
    #[inline]
    fn from(segment: &Segment<'_>) -> Self {
        let (source, destination, context) = (&segment.source, &segment.destination, segment.context);
        let (IpAddr::V4(one), IpAddr::V4(other)) = (source.ip, destination.ip) else {
            return Self::of_ipv6(segment);
        };
        let (one, other) = (number(one, source.port), number(other, destination.port));
        let ends = [one.min(other), one.max(other)];
        let addresses = Addresses::V4(ends.map(|end| (end >> 16) as u32));
        Self { addresses, ports: ends.map(|end| end as u16), context }
    }
}

impl Key {
    fn of_ipv6(segment: &Segment<'_>) -> Self {
        let mut ends = [segment.source, segment.destination];
        ends.sort_unstable();
        let addresses = ends.map(|end| match end.ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        });
        Self { addresses: Addresses::V6(addresses), ports: ends.map(|end| end.port), context: segment.context }
    }

    /// The lower endpoint, and the higher one.
    pub fn endpoints(&self) -> [Endpoint; 2] {
        let [low, high] = match self.addresses {
            Addresses::V4(addresses) => addresses.map(|bits| IpAddr::V4(bits.into())),
            Addresses::V6(addresses) => addresses.map(IpAddr::V6),
        };
        [Endpoint { ip: low, port: self.ports[0] }, Endpoint { ip: high, port: self.ports[1] }]
    }
}

impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = u128::from(self.ports[0]) << 16 | u128::from(self.ports[1]);
        match self.addresses {
            // All of it at once, which is half the work of the same in parts.
            Addresses::V4([low, high]) => state.write_u128(u128::from(low) << 64 | u128::from(high) << 32 | ports),
            Addresses::V6([low, high]) => {
                state.write_u128(low.to_bits());
                state.write_u128(high.to_bits());
                state.write_u128(ports);
            }
        }
        if self.context != Context::default() {
            state.write_u64(self.context.0);
        }
    }
}

impl From<Key> for StoredKey {
    fn from(key: Key) -> Self {
        match key {
            Key { addresses: Addresses::V4(addresses), ports, context } => Self::V4 { addresses, ports, context },
            Key { addresses: Addresses::V6(_), .. } => Self::Other(Box::new(key)),
        }
    }
}

impl PartialEq<Key> for StoredKey {
    #[inline]
    fn eq(&self, key: &Key) -> bool {
        match (self, &key.addresses) {
            (Self::V4 { addresses, ports, context }, Addresses::V4(others)) => {
                addresses == others && *ports == key.ports && *context == key.context
            }
            (Self::Other(this), Addresses::V6(_)) => **this == *key,
            (Self::V4 { .. }, Addresses::V6(_)) | (Self::Other(_), Addresses::V4(_)) => false,
        }
    }
}

impl From<&StoredKey> for Key {
    fn from(stored: &StoredKey) -> Self {
        match *stored {
            StoredKey::V4 { addresses, ports, context } => Self { addresses: Addresses::V4(addresses), ports, context },
            StoredKey::Other(ref key) => **key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::segment::Flags;
    use crate::net::seq::SeqNumber;
    use crate::origin::Origin;

    fn segment(source: &str, destination: &str) -> Segment<'static> {
        let endpoint = |ip: &str, port| Endpoint { ip: ip.parse().expect("an address"), port };
        Segment {
            origin: Origin::default(),
            source: endpoint(source, 1000),
            destination: endpoint(destination, 80),
            context: Context(7),
            seq: SeqNumber(0),
            ack: None,
            flags: Flags::default(),
            payload: &[],
            cut: 0,
        }
    }

    #[test]
    fn both_directions_have_one_key_that_knows_its_endpoints() {
        for (one, other) in [("10.0.0.2", "10.0.0.1"), ("10.0.0.1", "10.0.0.2"), ("::2", "::1"), ("::1", "fe80::1")] {
            let there = segment(one, other);
            let back = Segment { source: there.destination, destination: there.source, ..there };
            let key = Key::from(&there);
            assert_eq!(key, Key::from(&back));
            let sent = if there.is_from_lower() { [there.source, back.source] } else { [back.source, there.source] };
            assert_eq!(key.endpoints(), sent);
            let stored = StoredKey::from(key);
            assert_eq!(Key::from(&stored), key);
            assert!(stored == key && stored != Key::from(&Segment { context: Context(8), ..there }));
        }
    }

    #[test]
    fn a_stored_key_of_ipv4_takes_24_bytes() {
        assert_eq!(size_of::<StoredKey>(), 24);
    }
}

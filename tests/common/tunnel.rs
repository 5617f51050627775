//! Packets inside packets, and packets cut to fragments.

use std::net::IpAddr;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket};

use super::packet::OwnedPacket;

/// Addresses of an Ethernet header, which nobody looks at.
const MACS: [u8; 12] = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8];
const ETHERNET: usize = 14;
const IPV4: usize = 20;

/// Something that carries Ethernet frames with IPv4 in them.
pub struct Carrier {
    pub name: &'static str,
    /// A frame to what carries it, again in Ethernet.
    pub wrap: fn(&[u8]) -> Vec<u8>,
}

/// All that is read.
pub const CARRIERS: &[Carrier] = &[
    Carrier { name: "VLAN", wrap: |frame| ethernet(&[0x81, 0, 0, 5, 8, 0], ip_packet(frame)) },
    Carrier {
        name: "three VLANs",
        wrap: |frame| ethernet(&[0x88, 0xa8, 0, 5, 0x91, 0, 0, 6, 0x81, 0, 0, 7, 8, 0], ip_packet(frame)),
    },
    Carrier { name: "MPLS", wrap: |frame| ethernet(&[0x88, 0x47, 0, 1, 0, 9, 0, 2, 1, 9], ip_packet(frame)) },
    Carrier { name: "Ethernet over MPLS", wrap: |frame| ethernet(&[0x88, 0x47, 0, 1, 1, 9, 0, 0, 0, 0], frame) },
    Carrier {
        name: "PPPoE",
        wrap: |frame| {
            let [l0, l1] = (ip_packet(frame).len() as u16 + 2).to_be_bytes();
            ethernet(&[0x88, 0x64, 0x11, 0, 0, 77, l0, l1, 0, 0x21], ip_packet(frame))
        },
    },
    Carrier { name: "IP in IP", wrap: |frame| v4(frame, 4, &[], ip_packet(frame)) },
    Carrier { name: "IPv4 in IPv6", wrap: |frame| v6(frame, 4, ip_packet(frame)) },
    Carrier { name: "GRE", wrap: |frame| v4(frame, 47, &[0, 0, 8, 0], ip_packet(frame)) },
    Carrier { name: "GRE with a key", wrap: |frame| v4(frame, 47, &[0x20, 0, 8, 0, 0, 0, 0, 7], ip_packet(frame)) },
    Carrier { name: "NVGRE", wrap: |frame| v4(frame, 47, &[0x20, 0, 0x65, 0x58, 0, 0, 5, 1], frame) },
    Carrier {
        name: "ERSPAN",
        wrap: |frame| v4(frame, 47, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 5, 0, 0, 0, 0], frame),
    },
    Carrier { name: "VXLAN", wrap: |frame| udp(frame, 4789, &[8, 0, 0, 0, 0, 0, 42, 0], frame) },
    Carrier { name: "GENEVE", wrap: |frame| udp(frame, 6081, &[0, 0, 0x65, 0x58, 0, 0, 42, 0], frame) },
    Carrier {
        name: "GTP-U",
        wrap: |frame| udp(frame, 2152, &[0x30, 255, 0, 0, 0, 0, 0, source(frame)], ip_packet(frame)),
    },
    Carrier {
        name: "VLAN in VXLAN in VLAN",
        wrap: |frame| {
            let inner = ethernet(&[0x81, 0, 0, 5, 8, 0], ip_packet(frame));
            let outer = udp(&inner, 4789, &[8, 0, 0, 0, 0, 0, 42, 0], &inner);
            ethernet(&[0x81, 0, 0, 6, 8, 0], ip_packet(&outer))
        },
    },
];

/// The packet in a carrier.
pub fn carried(packet: &OwnedPacket, carrier: &Carrier) -> OwnedPacket {
    OwnedPacket::new(packet.time, (carrier.wrap)(&packet.bytes))
}

/// Cuts an IPv4 packet in Ethernet to fragments of at most `size` bytes of payload, a multiple of 8.
pub fn fragments(packet: &OwnedPacket, identification: u16, size: usize) -> Vec<OwnedPacket> {
    let (header, payload) = packet.bytes.split_at(ETHERNET + IPV4);
    let count = payload.len().div_ceil(size).max(1);
    let fragment = |(index, payload): (usize, &[u8])| {
        let more = if index + 1 < count { 0x2000 } else { 0 };
        fragment(packet, header, identification, more | (index * size / 8) as u16, payload)
    };
    payload.chunks(size).enumerate().map(fragment).collect()
}

/// A fragment with this place in the payload: more fragments 0x2000, and the offset in units of 8 bytes.
pub fn fragment(packet: &OwnedPacket, header: &[u8], identification: u16, place: u16, payload: &[u8]) -> OwnedPacket {
    let mut bytes = [&header[..ETHERNET + IPV4], payload].concat();
    bytes[ETHERNET + 2..ETHERNET + 4].copy_from_slice(&((IPV4 + payload.len()) as u16).to_be_bytes());
    bytes[ETHERNET + 4..ETHERNET + 6].copy_from_slice(&identification.to_be_bytes());
    bytes[ETHERNET + 6..ETHERNET + 8].copy_from_slice(&place.to_be_bytes());
    OwnedPacket::new(packet.time, bytes)
}

fn ip_packet(frame: &[u8]) -> &[u8] {
    &frame[ETHERNET..]
}

fn ethernet(behind_addresses: &[u8], payload: &[u8]) -> Vec<u8> {
    [&MACS, behind_addresses, payload].concat()
}

/// Last byte of the address that the innermost packet comes from: tells the two ways apart.
fn source(frame: &[u8]) -> u8 {
    let sliced = SlicedPacket::from_ethernet(frame).expect("a packet of ours");
    match sliced.net {
        Some(NetSlice::Ipv4(ip)) => ip.header().source()[3],
        other => panic!("IPv4 was wrapped, not {other:?}"),
    }
}

/// Addresses of the tunnel's ends, the sender first.
fn ends(frame: &[u8]) -> [[u8; 4]; 2] {
    let ends = [[192, 0, 2, 1], [192, 0, 2, 2]];
    if source(frame).is_multiple_of(2) { [ends[1], ends[0]] } else { ends }
}

fn v4(frame: &[u8], protocol: u8, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let [source, destination] = ends(frame);
    let payload = [header, payload].concat();
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [3; 6])
        .ipv4(source, destination, 64)
        .write(&mut bytes, protocol.into(), &payload)
        .expect("it fits");
    bytes
}

fn v6(frame: &[u8], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [source, destination] = ends(frame).map(|end| match IpAddr::from(end) {
        IpAddr::V4(end) => end.to_ipv6_mapped().octets(),
        IpAddr::V6(end) => end.octets(),
    });
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [3; 6])
        .ipv6(source, destination, 64)
        .write(&mut bytes, protocol.into(), payload)
        .expect("it fits");
    bytes
}

fn udp(frame: &[u8], port: u16, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let [source, destination] = ends(frame);
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [3; 6])
        .ipv4(source, destination, 64)
        .udp(50_000, port)
        .write(&mut bytes, &[header, payload].concat())
        .expect("it fits");
    bytes
}

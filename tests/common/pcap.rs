//! Capture files of packets.

use std::io::{self, Write};

use super::packet::{ETHERNET, OwnedPacket};

/// A pcap file, microsecond resolution, little-endian.
pub fn pcap(packets: &[OwnedPacket]) -> Vec<u8> {
    let mut file = Vec::new();
    write_pcap(packets, &mut file).expect("memory takes all");
    file
}

/// Writes a pcap file, microsecond resolution, little-endian.
pub fn write_pcap<'a>(packets: impl IntoIterator<Item = &'a OwnedPacket>, out: &mut impl Write) -> io::Result<()> {
    write_pcap_header(out)?;
    packets.into_iter().try_for_each(|packet| write_pcap_packet(packet, out))
}

/// Writes what stands before the first packet.
pub fn write_pcap_header(out: &mut impl Write) -> io::Result<()> {
    const SNAPLEN: u32 = 262_144;
    out.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
    out.write_all(&2_u16.to_le_bytes())?;
    out.write_all(&4_u16.to_le_bytes())?;
    out.write_all(&[0; 8])?;
    out.write_all(&SNAPLEN.to_le_bytes())?;
    out.write_all(&u32::from(ETHERNET.0).to_le_bytes())
}

/// Writes one packet.
pub fn write_pcap_packet(packet: &OwnedPacket, out: &mut impl Write) -> io::Result<()> {
    let micros = packet.time.0 / 1_000;
    let header = [(micros / 1_000_000) as u32, (micros % 1_000_000) as u32, packet.bytes.len() as u32, packet.wire_len];
    for number in header {
        out.write_all(&number.to_le_bytes())?;
    }
    out.write_all(&packet.bytes)
}

/// A pcapng file with one interface, nanosecond resolution, little-endian.
pub fn pcapng(packets: &[OwnedPacket]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut section = vec![0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
    section.extend_from_slice(&[0xff; 8]);
    block(0x0a0d_0d0a, &section, &mut file);
    let mut interface = ETHERNET.0.to_le_bytes().to_vec();
    // No snap length; if_tsresol: 10^-9; opt_endofopt.
    interface.extend_from_slice(&[0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    block(1, &interface, &mut file);
    for packet in packets {
        let mut body = vec![0; 4];
        let time = packet.time.0.cast_unsigned();
        for number in [(time >> 32) as u32, time as u32, packet.bytes.len() as u32, packet.wire_len] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend_from_slice(&packet.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        block(6, &body, &mut file);
    }
    file
}

fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
    let length = (body.len() as u32 + 12).to_le_bytes();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&length);
    out.extend_from_slice(body);
    out.extend_from_slice(&length);
}

//! From what carries packets of its own to the IP packet in it.
//!
//! GRE (RFC 2784, RFC 2890) with PPTP (RFC 2637), NVGRE (RFC 7637) and ERSPAN (draft-foschiano-erspan-03) in it; IP in IP
//! (RFC 2003), IPv6 in either and either in IPv6 (RFC 4213, RFC 2473); EtherIP (RFC 3378); MPLS in IP (RFC 4023) and in UDP
//! (RFC 7510); VXLAN (RFC 7348) and VXLAN-GPE, GENEVE (RFC 8926) and GTP-U (3GPP TS 29.281 §5), by their UDP ports.
//! Encrypted tunnels show nothing; L2TP and Teredo are left out.

use etherparse::IpNumber;

use crate::net::Skip;
use crate::net::enclosure::{Enclosure, Tunnel};
use crate::net::ip::Datagram;
use crate::net::link::{BRIDGED, MPLS, ether_payload, ethernet_payload, ppp_payload};
use crate::net::wire::Wire;

/// An IP packet, and what encloses it.
type Inner<'a> = Result<(Wire<'a>, Enclosure), Skip>;

/// The IP packet that this one carries.
#[cold]
pub(super) fn inner<'a>(outer: &Datagram<'a>, enclosure: Enclosure) -> Inner<'a> {
    let payload = outer.payload;
    match outer.protocol {
        IpNumber::GRE => gre(outer, enclosure),
        IpNumber::UDP => udp(outer, enclosure),
        IpNumber::IPV4 | IpNumber::IPV6 => Ok((payload, enclosure.within(hosts(outer))?)),
        IpNumber::MPLS_IN_IP => ether_payload(MPLS, payload, enclosure.within(hosts(outer))?),
        // §3: version 3, and nothing else in two bytes
        IpNumber::ETHER_IP => ethernet_payload(payload.skip(2)?, enclosure.within(hosts(outer))?),
        _ => Err(Skip::NotTcp),
    }
}

/// Whether TCP may be found in what has this header, as far as the captured beginning of its payload tells.
pub(super) fn may_carry_tcp(protocol: IpNumber, payload: &[u8]) -> bool {
    match protocol {
        IpNumber::UDP => match *payload {
            [_, _, d0, d1, ..] => port_carries_packets(u16::from_be_bytes([d0, d1])),
            _ => true,
        },
        IpNumber::TCP
        | IpNumber::GRE
        | IpNumber::IPV4
        | IpNumber::IPV6
        | IpNumber::MPLS_IN_IP
        | IpNumber::ETHER_IP
        | IpNumber::AUTHENTICATION_HEADER
        | IpNumber::IPV6_DESTINATION_OPTIONS
        | IpNumber::IPV6_ROUTE_HEADER => true,
        _ => false,
    }
}

fn hosts(outer: &Datagram<'_>) -> Tunnel {
    Tunnel::Hosts(Tunnel::ends(outer.source, outer.destination))
}

fn gre<'a>(outer: &Datagram<'a>, enclosure: Enclosure) -> Inner<'a> {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    const ERSPAN_I_II: u16 = 0x88be;
    const ERSPAN_III: u16 = 0x22eb;
    let payload = outer.payload;
    let [flags, version, t0, t1] = *payload.head()?;
    let ether_type = u16::from_be_bytes([t0, t1]);
    let has = |flag: u8| flags & flag != 0;
    match version & 7 {
        0 if !has(ROUTING) => {}
        1 => return pptp(outer, enclosure),
        _ => return Err(Skip::NotTcp),
    }
    let mut payload = payload.skip(if has(CHECKSUM) { 8 } else { 4 })?;
    let mut key = None;
    if has(KEY) {
        key = Some(u32::from_be_bytes(*payload.head()?));
        payload = payload.skip(4)?;
    }
    if has(SEQUENCE) {
        payload = payload.skip(4)?;
    }
    match ether_type {
        // A mirror is no network: either way of a connection may come from a switch of its own, so it makes no context.
        ERSPAN_I_II => {
            let header = if has(SEQUENCE) { 8 } else { 0 };
            ethernet_payload(payload.skip(header)?, enclosure.deeper()?)
        }
        ERSPAN_III => {
            let [.., last] = *payload.head::<12>()?;
            let header = if last & 1 == 1 { 20 } else { 12 };
            ethernet_payload(payload.skip(header)?, enclosure.deeper()?)
        }
        _ => {
            let ends = Tunnel::ends(outer.source, outer.destination);
            let tunnel = match key {
                // RFC 7637 §3.2: the low byte tells flows of one virtual subnet apart, and may differ between the two ways
                Some(key @ 0x100..) if ether_type == BRIDGED => Tunnel::Network(key >> 8),
                key => Tunnel::Gre(ends, key),
            };
            ether_payload(ether_type, payload, enclosure.within(tunnel)?)
        }
    }
}

/// RFC 2637 §4.1: PPP in version 1 of GRE.
fn pptp<'a>(outer: &Datagram<'a>, enclosure: Enclosure) -> Inner<'a> {
    const PPP: [u8; 2] = [0x88, 0x0b];
    const SEQUENCE: u8 = 0x10;
    const ACKNOWLEDGMENT: u8 = 0x80;
    let [flags, version, t0, t1, ..] = *outer.payload.head::<8>()?;
    if [t0, t1] != PPP {
        return Err(Skip::NotTcp);
    }
    let optional = usize::from(flags & SEQUENCE != 0) + usize::from(version & ACKNOWLEDGMENT != 0);
    ppp_payload(outer.payload.skip(8 + 4 * optional)?, enclosure.within(hosts(outer))?)
}

const VXLAN: u16 = 4789;
/// Linux's port for VXLAN before it had a registered one; still the default of flannel and others.
const VXLAN_LINUX: u16 = 8472;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
const MPLS_IN_UDP: u16 = 6635;

fn port_carries_packets(port: u16) -> bool {
    matches!(port, VXLAN | VXLAN_LINUX | VXLAN_GPE | GENEVE | GTP_U | MPLS_IN_UDP)
}

fn udp<'a>(outer: &Datagram<'a>, enclosure: Enclosure) -> Inner<'a> {
    // The source port is chosen by a hash of what is inside.
    let [_, _, d0, d1, l0, l1, _, _] = *outer.payload.head()?;
    let port = u16::from_be_bytes([d0, d1]);
    if !port_carries_packets(port) {
        return Err(Skip::NotTcp);
    }
    let datagram = match u16::from_be_bytes([l0, l1]) {
        0 => outer.payload, // a jumbogram (RFC 2675 §4), or left to the card
        len => outer.payload.limit(len.into()),
    };
    let payload = datagram.skip(8)?;
    match port {
        VXLAN | VXLAN_LINUX | VXLAN_GPE => vxlan(port, payload, enclosure),
        GENEVE => geneve(payload, enclosure),
        GTP_U => gtp_u(payload, enclosure.within(hosts(outer))?),
        _ => ether_payload(MPLS, payload, enclosure.within(hosts(outer))?),
    }
}

/// RFC 7348 §5; for the generic protocol extension draft-ietf-nvo3-vxlan-gpe-13 §3.
fn vxlan(port: u16, payload: Wire<'_>, enclosure: Enclosure) -> Inner<'_> {
    const VALID: u8 = 0x08;
    const NEXT_PROTOCOL: u8 = 0x04;
    let [flags, _, _, next, v0, v1, v2, _] = *payload.head()?;
    if flags & VALID == 0 {
        return Err(Skip::NotTcp);
    }
    let payload = payload.skip(8)?;
    let enclosure = enclosure.within(Tunnel::Network(u32::from_be_bytes([0, v0, v1, v2])))?;
    match next {
        _ if port != VXLAN_GPE || flags & NEXT_PROTOCOL == 0 => ethernet_payload(payload, enclosure),
        1 | 2 => Ok((payload, enclosure)),
        3 => ethernet_payload(payload, enclosure),
        5 => ether_payload(MPLS, payload, enclosure),
        _ => Err(Skip::NotTcp),
    }
}

/// RFC 8926 §3.4.
fn geneve(payload: Wire<'_>, enclosure: Enclosure) -> Inner<'_> {
    let [version_and_options, _, t0, t1, v0, v1, v2, _] = *payload.head()?;
    if version_and_options >> 6 != 0 {
        return Err(Skip::NotTcp);
    }
    let options = usize::from(version_and_options & 0x3f) * 4;
    let enclosure = enclosure.within(Tunnel::Network(u32::from_be_bytes([0, v0, v1, v2])))?;
    ether_payload(u16::from_be_bytes([t0, t1]), payload.skip(8 + options)?, enclosure)
}

/// TS 29.281 §5.1, §5.2: user data, and no signalling.
fn gtp_u(payload: Wire<'_>, enclosure: Enclosure) -> Inner<'_> {
    const VERSION_1: u8 = 0x30;
    const OPTIONAL: u8 = 0x07;
    const G_PDU: u8 = 255;
    let [flags, G_PDU, ..] = *payload.head::<8>()? else { return Err(Skip::NotTcp) };
    if flags & 0xf0 != VERSION_1 {
        return Err(Skip::NotTcp);
    }
    let payload = payload.skip(8)?;
    if flags & OPTIONAL == 0 {
        return Ok((payload, enclosure));
    }
    let [_, _, _, mut extension] = *payload.head()?;
    let mut payload = payload.skip(4)?;
    while extension != 0 {
        let [units] = *payload.head()?;
        let len = usize::from(units) * 4;
        let last = len.checked_sub(1).ok_or(Skip::Malformed)?;
        [extension] = *payload.skip(last)?.head()?;
        payload = payload.skip(len)?;
    }
    Ok((payload, enclosure))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 packet, as far as its first byte tells.
    const PACKET: &[u8] = b"\x45 the packet";
    const ETHERNET: &[u8] = &[2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0x08, 0x00];

    #[test]
    fn gre_headers_lead_to_the_packet() {
        let gre = |header: &[u8]| carries(IpNumber::GRE, &[header, PACKET].concat());
        gre(&[0, 0, 0x08, 0x00]);
        gre(&[0xb0, 0, 0x86, 0xdd, 1, 2, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1]); // checksum, key, sequence number
        gre(&[&[0, 0, 0x65, 0x58], ETHERNET].concat());
        gre(&[0, 0, 0x88, 0x47, 0, 1, 1, 64]);
        gre(&[&[0, 0, 0x88, 0xbe], ETHERNET].concat()); // ERSPAN I
        gre(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &[0x10, 0, 0, 5, 0, 0, 0, 0][..], ETHERNET].concat()); // II
        gre(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[0x20; 11][..], &[0], ETHERNET].concat()); // III
        gre(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[0x20; 11][..], &[1], &[0; 8], ETHERNET].concat());
        gre(&[0x30, 0x81, 0x88, 0x0b, 0, 14, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0x03, 0x00, 0x21]); // PPTP
        gre(&[0x20, 0x01, 0x88, 0x0b, 0, 14, 0, 7, 0x21]);
    }

    #[test]
    fn routed_gre_and_other_versions_are_not_read() {
        for header in [[0x40, 0, 0x08, 0x00], [0, 2, 0x08, 0x00], [0, 1, 0x08, 0x00], [0, 0, 0x08, 0x06]] {
            assert_eq!(read(IpNumber::GRE, &[&header, PACKET].concat()), Err(Skip::NotTcp), "{header:x?}");
        }
    }

    #[test]
    fn ip_carries_ip_ethernet_and_labels() {
        carries(IpNumber::IPV4, PACKET);
        carries(IpNumber::IPV6, PACKET);
        carries(IpNumber::ETHER_IP, &[&[0x30, 0], ETHERNET, PACKET].concat());
        carries(IpNumber::MPLS_IN_IP, &[&[0, 1, 1, 64], PACKET].concat());
        assert_eq!(read(IpNumber(50), PACKET), Err(Skip::NotTcp));
    }

    #[test]
    fn udp_ports_carry_packets() {
        let vni = [0, 0, 42, 0];
        datagram(4789, &[&[8, 0, 0, 0], &vni[..], ETHERNET].concat());
        datagram(8472, &[&[8, 0, 0, 0], &vni[..], ETHERNET].concat());
        datagram(4790, &[&[0x0c, 0, 0, 1], &vni[..]].concat());
        datagram(4790, &[&[0x0c, 0, 0, 3], &vni[..], ETHERNET].concat());
        datagram(6081, &[&[0, 0, 0x65, 0x58], &vni[..], ETHERNET].concat());
        datagram(6081, &[&[2, 0, 0x08, 0x00], &vni[..], &[0; 8]].concat()); // two words of options
        datagram(2152, &[0x30, 255, 0, 13, 0, 0, 0, 1]);
        datagram(2152, &[0x36, 255, 0, 25, 0, 0, 0, 1, 0, 1, 0, 0x85, 1, 0x10, 9, 0]); // a PDU session container
        datagram(6635, &[0, 1, 1, 64]);
        for (port, header) in [(53, vec![0; 8]), (4789, vec![0; 8]), (2152, vec![0x30, 1, 0, 0, 0, 0, 0, 0])] {
            assert_eq!(read(IpNumber::UDP, &udp_datagram(port, &header)), Err(Skip::NotTcp), "{port}");
        }
        let endless = udp_datagram(2152, &[0x34, 255, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x85, 0, 0, 0, 0]);
        assert_eq!(read(IpNumber::UDP, &endless), Err(Skip::Malformed));
    }

    #[test]
    fn both_ways_have_one_context_and_other_tunnels_another() {
        let context = |source: u8, destination: u8, protocol, payload: &[u8]| {
            let outer = Datagram {
                source: [192, 0, 2, source].into(),
                destination: [192, 0, 2, destination].into(),
                protocol,
                fragment: None,
                payload: Wire::new(payload, 0),
            };
            inner(&outer, Enclosure::default()).expect("a packet").1.context()
        };
        let vxlan = |vni: u8| udp_datagram(4789, &[&[8, 0, 0, 0, 0, 0, vni, 0], ETHERNET, PACKET].concat());
        let gtp = |endpoint: u8| udp_datagram(2152, &[&[0x30, 255, 0, 13, 0, 0, 0, endpoint], PACKET].concat());
        let gre = |key: u8| [&[0x20, 0, 0x08, 0x00, 0, 0, 0, key], PACKET].concat();
        let nvgre = |flow: u8| [&[0x20, 0, 0x65, 0x58, 0, 0, 5, flow], ETHERNET, PACKET].concat();
        // there, and back
        assert_eq!(context(1, 2, IpNumber::UDP, &vxlan(7)), context(3, 1, IpNumber::UDP, &vxlan(7)));
        assert_eq!(context(1, 2, IpNumber::UDP, &gtp(7)), context(2, 1, IpNumber::UDP, &gtp(8)));
        assert_eq!(context(1, 2, IpNumber::GRE, &gre(7)), context(2, 1, IpNumber::GRE, &gre(7)));
        assert_eq!(context(1, 2, IpNumber::GRE, &nvgre(7)), context(2, 1, IpNumber::GRE, &nvgre(8)));
        assert_eq!(context(1, 2, IpNumber::IPV4, PACKET), context(2, 1, IpNumber::IPV4, PACKET));
        // elsewhere
        assert_ne!(context(1, 2, IpNumber::UDP, &vxlan(7)), context(1, 2, IpNumber::UDP, &vxlan(8)));
        assert_ne!(context(1, 2, IpNumber::UDP, &gtp(7)), context(1, 3, IpNumber::UDP, &gtp(7)));
        assert_ne!(context(1, 2, IpNumber::GRE, &gre(7)), context(1, 2, IpNumber::GRE, &gre(8)));
        assert_ne!(context(1, 2, IpNumber::GRE, &gre(7)), context(1, 3, IpNumber::GRE, &gre(7)));
        assert_ne!(context(1, 2, IpNumber::IPV4, PACKET), context(1, 3, IpNumber::IPV4, PACKET));
    }

    fn datagram(port: u16, header: &[u8]) {
        carries(IpNumber::UDP, &udp_datagram(port, &[header, PACKET].concat()));
    }

    fn udp_datagram(port: u16, payload: &[u8]) -> Vec<u8> {
        let [p0, p1] = port.to_be_bytes();
        [&[0xc0, 0, p0, p1, 0, 8 + payload.len() as u8, 0, 0], payload].concat()
    }

    /// `PACKET` is found in it; and cut anywhere before, nothing is.
    fn carries(protocol: IpNumber, payload: &[u8]) {
        assert_eq!(read(protocol, payload), Ok(PACKET.to_vec()), "{payload:x?}");
        for snap in 0..payload.len() - PACKET.len() {
            let snapped = outer(protocol, Wire::new(&payload[..snap], payload.len() as u32));
            let found = inner(&snapped, Enclosure::default());
            assert!(found.is_err() || found.is_ok_and(|(packet, _)| packet.bytes().is_empty()), "{snap} {payload:x?}");
        }
    }

    fn read(protocol: IpNumber, payload: &[u8]) -> Result<Vec<u8>, Skip> {
        let (packet, _) = inner(&outer(protocol, Wire::new(payload, 0)), Enclosure::default())?;
        Ok(packet.bytes().to_vec())
    }

    fn outer(protocol: IpNumber, payload: Wire<'_>) -> Datagram<'_> {
        let [source, destination] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        Datagram { source, destination, protocol, fragment: None, payload }
    }
}

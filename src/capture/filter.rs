//! From a filter expression (pcap-filter(7)) to a verdict on each packet, by libpcap's compiler and its BPF machine.
//!
//! `len`, `less` and `greater` see the captured length, as the pcap crate gives libpcap no other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use pcap::{BpfProgram, Capture, Linktype};

use crate::input::LinkType;

use super::error::Error;

/// LINKTYPE_ values of files that have another DLT_ value in libpcap, by libpcap's name for it.
const RENUMBERED: [(LinkType, &str); 5] = [
    (LinkType(100), "ATM_RFC1483"),
    (LinkType(101), "RAW"),
    (LinkType(102), "SLIP_BSDOS"),
    (LinkType(103), "PPP_BSDOS"),
    (LinkType(106), "ATM_CLIP"),
];

/// A filter expression, compiled for each link type that was seen.
pub(super) struct Filter {
    expression: String,
    programs: BTreeMap<LinkType, BpfProgram>,
}

impl Filter {
    /// Compiles for `link`, the first link type, to tell at once when the expression is wrong.
    pub(super) fn new(expression: &str, link: LinkType) -> Result<Self, Error> {
        match compile(expression, link) {
            Ok(program) => Ok(Self { expression: expression.to_owned(), programs: BTreeMap::from([(link, program)]) }),
            Err(reason) => Err(Error::Filter { expression: expression.to_owned(), link: None, reason }),
        }
    }

    /// Whether the packet passes; an error where the expression means nothing on its link type.
    pub(super) fn passes(&mut self, link: LinkType, bytes: &[u8]) -> Result<bool, Error> {
        let program = match self.programs.entry(link) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => match compile(&self.expression, link) {
                Ok(program) => entry.insert(program),
                Err(reason) => {
                    return Err(Error::Filter { expression: self.expression.clone(), link: Some(link), reason });
                }
            },
        };
        Ok(program.filter(bytes))
    }
}

fn compile(expression: &str, link: LinkType) -> Result<BpfProgram, String> {
    let capture = Capture::dead(dlt(link)).map_err(|error| error.to_string())?;
    capture.compile(expression, true).map_err(reason)
}

/// What libpcap says, in its own words.
pub(super) fn reason(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        pcap::Error::InvalidInputString => "it has a NUL character in it".to_owned(),
        error => error.to_string(),
    }
}

/// libpcap's own number, which differs from system to system where it is not the one in files.
fn dlt(link: LinkType) -> Linktype {
    let name = RENUMBERED.iter().find_map(|&(number, name)| (number == link).then_some(name));
    name.and_then(|name| Linktype::from_name(name).ok()).unwrap_or(Linktype(i32::from(link.0)))
}

/// The number that stands in files for one of libpcap's own.
pub(super) fn link_type(dlt: Linktype) -> LinkType {
    let name = dlt.get_name().ok();
    let renumbered = RENUMBERED.iter().find(|(_, known)| name.as_deref() == Some(known));
    renumbered.map_or(LinkType(dlt.0 as u16), |&(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TCP segment from port 8080 in IPv4.
    const SEGMENT: [u8; 40] = {
        let mut bytes = [0; 40];
        (bytes[0], bytes[3], bytes[9]) = (0x45, 40, 6);
        (bytes[20], bytes[21], bytes[32]) = (0x1f, 0x90, 0x50);
        bytes
    };

    #[test]
    fn each_ip_link_type_has_its_program() {
        let ethernet = [&[0; 12][..], &[8, 0], &SEGMENT].concat();
        let null = [&[2, 0, 0, 0][..], &SEGMENT].concat();
        let cooked = [&[0; 14][..], &[8, 0], &SEGMENT].concat();
        let cooked2 = [&[8, 0][..], &[0; 18], &SEGMENT].concat();
        let packets: [(u16, &[u8]); 6] =
            [(1, &ethernet), (0, &null), (113, &cooked), (276, &cooked2), (101, &SEGMENT), (228, &SEGMENT)];
        let mut hit = Filter::new("tcp src port 8080", LinkType(1)).expect("a good expression");
        let mut miss = Filter::new("tcp src port 8081", LinkType(1)).expect("a good expression");
        for (link, packet) in packets {
            assert!(hit.passes(LinkType(link), packet).expect("an IP link type"), "link type {link}");
            assert!(!miss.passes(LinkType(link), packet).expect("an IP link type"), "link type {link}");
        }
        assert_eq!(hit.programs.len(), packets.len());
    }

    #[test]
    fn a_bad_expression_is_told_in_the_words_of_libpcap() {
        let Err(error) = Filter::new("tcp prot 80", LinkType(1)) else { panic!("compiled") };
        assert_eq!(error.to_string(), "filter 'tcp prot 80': can't parse filter expression: syntax error");
        assert!(Filter::new("tcp\0", LinkType(1)).is_err());
    }

    #[test]
    fn a_link_type_without_such_a_header_is_named() {
        let mut filter = Filter::new("ether host 02:00:00:00:00:01", LinkType(1)).expect("a good expression");
        let error = filter.passes(LinkType(101), &SEGMENT).expect_err("raw IP has no Ethernet header");
        assert!(error.to_string().contains("for link type 101: "), "{error}");
    }

    #[test]
    fn numbers_of_files_and_of_libpcap_lead_to_each_other() {
        for link in [0, 1, 101, 105, 113, 228, 276].map(LinkType) {
            assert_eq!(link_type(dlt(link)), link);
        }
    }

    #[test]
    fn an_empty_packet_passes_no_port() {
        let mut filter = Filter::new("tcp", LinkType(101)).expect("a good expression");
        assert!(!filter.passes(LinkType(101), &[]).expect("raw IP"));
    }
}

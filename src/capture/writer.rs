//! From packets and secrets to pcapng blocks (draft-ietf-opsawg-pcapng), each handed to the output whole.
//!
//! One section, little-endian, times in nanoseconds. An interface is described when it is first needed, so that packets of
//! any source can be written: of one capture, or of several files with different link types.

use std::collections::HashMap;
use std::io::{self, Write};

use foldhash::quality::RandomState;

use crate::input::{Counters, LinkType, Packet, Secret};
use crate::origin::Timestamp;

use super::pcapng::{
    BYTE_ORDER_MAGIC, DECRYPTION_SECRETS, ENHANCED_PACKET, IF_TSRESOL, INTERFACE_DESCRIPTION, MAJOR_VERSION,
    SECTION_HEADER,
};

const INTERFACE_STATISTICS: u32 = 5;

// Options.
const COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_FILTER: u16 = 11;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;
const ISB_USRDELIV: u16 = 8;

/// 10^-9 seconds.
const NANOSECONDS: u8 = 9;
/// First byte of `if_filter`: the expression as libpcap understands it.
const LIBPCAP_EXPRESSION: u8 = 0;
/// The section's length is not known before it ends.
const UNKNOWN_LENGTH: u64 = u64::MAX;

/// An interface as it is described in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// Its name, where it is known.
    pub name: Option<String>,
    /// Bytes kept of each packet; 0: all.
    pub snap_len: u32,
    /// The filter expression that the packets passed.
    pub filter: Option<String>,
}

/// A pcapng section that is being written.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    /// What is known of the interfaces, by their number in the capture.
    descriptions: Vec<Description>,
    /// Their number in the section, by that in the capture and their link type.
    interfaces: HashMap<(u32, LinkType), u32, RandomState>,
    /// Packets written.
    packets: u64,
    /// Under way.
    block: Vec<u8>,
    has_options: bool,
}

impl<W: Write> Writer<W> {
    /// Begins a section. `descriptions` are of the interfaces 0, 1, 2… of the capture, as far as something is known of them.
    ///
    /// # Errors
    /// Those of the output, here and below.
    pub fn begin(output: W, descriptions: Vec<Description>) -> io::Result<Self> {
        let (interfaces, block) = (HashMap::default(), Vec::new());
        let mut writer = Self { output, descriptions, interfaces, packets: 0, block, has_options: false };
        writer.begin_block(SECTION_HEADER);
        writer.u32s(&[BYTE_ORDER_MAGIC, u32::from(MAJOR_VERSION)]);
        writer.block.extend_from_slice(&UNKNOWN_LENGTH.to_le_bytes());
        writer.option(SHB_USERAPPL, concat!("wscope ", env!("CARGO_PKG_VERSION")).as_bytes());
        writer.end_block()?;
        Ok(writer)
    }

    /// Writes a packet, with a comment that readers show beside it.
    pub fn packet(&mut self, packet: &Packet<'_>, comment: Option<&str>) -> io::Result<()> {
        let interface = match self.interfaces.get(&(packet.interface, packet.link)) {
            Some(&interface) => interface,
            None => self.describe(packet.interface, packet.link)?,
        };
        let [high, low] = halves(packet.time);
        self.begin_block(ENHANCED_PACKET);
        self.u32s(&[interface, high, low, packet.bytes.len() as u32, packet.wire_len]);
        self.padded(packet.bytes);
        if let Some(comment) = comment {
            self.option(COMMENT, comment.as_bytes());
        }
        self.packets += 1;
        self.end_block()
    }

    /// Writes secrets; they serve the packets behind them.
    pub fn secrets(&mut self, secret: &Secret<'_>) -> io::Result<()> {
        self.begin_block(DECRYPTION_SECRETS);
        self.u32s(&[secret.kind, secret.bytes.len() as u32]);
        self.padded(secret.bytes);
        self.end_block()
    }

    /// Writes how the capture went, as of `now`: beside an interface where there was one alone, of several it is not known.
    pub fn statistics(&mut self, now: Timestamp, counters: Counters) -> io::Result<()> {
        if self.interfaces.len() != 1 {
            return Ok(());
        }
        let [high, low] = halves(now);
        self.begin_block(INTERFACE_STATISTICS);
        self.u32s(&[0, high, low]);
        self.option(ISB_IFDROP, &counters.interface.to_le_bytes());
        self.option(ISB_OSDROP, &(counters.kernel + counters.queue).to_le_bytes());
        self.option(ISB_USRDELIV, &self.packets.to_le_bytes());
        self.end_block()
    }

    /// The output, which has every block that was written.
    pub fn output(&mut self) -> &mut W {
        &mut self.output
    }

    fn describe(&mut self, number: u32, link: LinkType) -> io::Result<u32> {
        let description = self.descriptions.get(number as usize).cloned().unwrap_or_default();
        self.begin_block(INTERFACE_DESCRIPTION);
        self.u32s(&[u32::from(link.0), description.snap_len]);
        if let Some(name) = &description.name {
            self.option(IF_NAME, name.as_bytes());
        }
        if let Some(filter) = &description.filter {
            self.option(IF_FILTER, &[&[LIBPCAP_EXPRESSION], filter.as_bytes()].concat());
        }
        self.option(IF_TSRESOL, &[NANOSECONDS]);
        self.end_block()?;
        let interface = self.interfaces.len() as u32;
        self.interfaces.insert((number, link), interface);
        Ok(interface)
    }

    fn begin_block(&mut self, kind: u32) {
        self.block.clear();
        self.has_options = false;
        // The length is put in at the end.
        self.u32s(&[kind, 0]);
    }

    /// §3.1: the length stands before and behind the body. §3.5: options have an end, of code and length 0.
    fn end_block(&mut self) -> io::Result<()> {
        if self.has_options {
            self.u32s(&[0]);
        }
        let len = self.block.len() as u32 + 4;
        self.block[4..8].copy_from_slice(&len.to_le_bytes());
        self.u32s(&[len]);
        self.output.write_all(&self.block)
    }

    /// An option; a value longer than one can be is cut.
    fn option(&mut self, code: u16, value: &[u8]) {
        self.has_options = true;
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        self.block.extend_from_slice(&code.to_le_bytes());
        self.block.extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.padded(value);
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn u32s(&mut self, values: &[u32]) {
        self.block.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}

/// Upper and lower half of a time; there are none before 1970 in the format.
fn halves(time: Timestamp) -> [u32; 2] {
    let nanos = time.0.max(0).unsigned_abs();
    [(nanos >> 32) as u32, nanos as u32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Files, Source, Step};
    use crate::input::Input;

    const IPV4: LinkType = LinkType(228);
    const ETHERNET: LinkType = LinkType(1);

    fn packet(number: u64, interface: u32, link: LinkType, bytes: &'static [u8]) -> Packet<'static> {
        let time = Timestamp(1_795_000_000_123_456_789 + number as i64);
        Packet { number, time, interface, link, bytes, wire_len: 1500 }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let packets = [packet(1, 0, ETHERNET, b"first"), packet(2, 1, IPV4, b""), packet(3, 0, ETHERNET, b"four")];
        let secret = Secret { kind: 0x544c_534b, bytes: b"CLIENT_RANDOM 00 11\n" };
        let described = Description { name: Some("eth0".into()), snap_len: 64, filter: Some("tcp".into()) };
        let mut writer = Writer::begin(Vec::new(), vec![described]).expect("room");
        writer.packet(&packets[0], None).expect("room");
        writer.secrets(&secret).expect("room");
        writer.packet(&packets[1], Some("a comment")).expect("room");
        writer.packet(&packets[2], None).expect("room");
        writer.statistics(Timestamp(5), Counters::default()).expect("room");
        let file = tempfile::NamedTempFile::new().expect("room for a file");
        std::fs::write(file.path(), writer.output()).expect("room for its bytes");
        let mut files = Files::open(&[file.path().to_owned()], None, Default::default()).expect("a capture");
        let mut expected =
            [Input::Packet(packets[0]), Input::Secret(secret), Input::Packet(packets[1]), Input::Packet(packets[2])]
                .into_iter();
        while let Step::Input(input) = files.step().expect("sound") {
            assert_eq!(Some(input), expected.next());
        }
        assert_eq!(expected.next(), None);
    }
}

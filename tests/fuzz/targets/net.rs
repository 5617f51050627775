//! Any bytes on any link type, whole and cut by a snap length: `decode` answers, and a cut never changes a length.
//!
//! Input: link type (2 bytes, big-endian), bytes on the wire behind the captured ones, snap length, then the packet.

use wscope::input::{LinkType, Packet};
use wscope::net::{Decoded, decode};
use wscope::origin::Timestamp;

/// See above.
pub fn run(data: &[u8]) {
    let Some(([l0, l1, beyond, snap], bytes)) = data.split_first_chunk() else {
        return;
    };
    let whole = Packet {
        number: 1,
        time: Timestamp(0),
        interface: 0,
        link: LinkType(u16::from_be_bytes([*l0, *l1])),
        bytes,
        wire_len: bytes.len() as u32 + u32::from(*beyond),
    };
    let snapped = Packet { bytes: &bytes[..bytes.len().min(usize::from(*snap))], ..whole };
    match (decode(&whole), decode(&snapped)) {
        (Decoded::Segment(whole), Decoded::Segment(snapped)) => {
            let len = whole.payload.len() + whole.cut as usize;
            assert_eq!(len, snapped.payload.len() + snapped.cut as usize);
            assert!(len <= bytes.len() + usize::from(*beyond));
        }
        (Decoded::Fragment(_), Decoded::Fragment(_)) | (_, Decoded::Skipped(_)) => {}
        (_, invented) => panic!("invented: {invented:?}"),
    }
}

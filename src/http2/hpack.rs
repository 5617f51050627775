//! Header blocks to header fields (RFC 7541), as a passive observer has to read them.
//!
//! An endpoint ends the connection at the first reference to an entry that it does not have. An observer may have come
//! late, or may have lost a block: then older entries are not known, but those that are added from now on are, as
//! indices count from the newest.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::http2::huffman;

/// One direction's decoder, with its dynamic table (§2.3.2).
#[derive(Debug)]
pub struct Decoder {
    /// Entries that are known, newest first.
    entries: VecDeque<Field>,
    /// Size of them, as §4.1 counts it.
    size: usize,
    /// What `size` may grow to.
    capacity: usize,
    /// Whether the encoder may have entries behind these.
    more: bool,
}

/// A header field; a name or value that is not known refers to what was not captured.
///
/// They are shared with the table, as a block can refer to a large entry with every octet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    /// Name, in lower case where the encoder keeps the rules.
    pub name: Option<Arc<[u8]>>,
    /// Value.
    pub value: Option<Arc<[u8]>>,
}

/// What a block holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// The fields in order, as many as the limit allows.
    pub list: Vec<Field>,
    /// Whether there were more.
    pub cut: bool,
}

/// The block is not HPACK: it refers to what cannot be, or ends inside a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// Size of the dynamic table before any update (RFC 9113 §6.5.2, SETTINGS_HEADER_TABLE_SIZE).
const DEFAULT_CAPACITY: usize = 4096;

/// What each entry counts beside its octets (§4.1).
const OVERHEAD: usize = 32;

impl Default for Decoder {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, capacity: DEFAULT_CAPACITY, more: false }
    }
}

impl Decoder {
    /// Learns that a block was lost, or all before now: what the table held is not known any more.
    pub fn forget(&mut self) {
        self.entries = VecDeque::new();
        self.size = 0;
        self.more = true;
    }

    /// Memory for what later blocks may refer to, in bytes, as §4.1 counts it.
    pub fn held(&self) -> usize {
        self.size
    }

    /// Decodes a whole block: at most `head` bytes of it are kept, with at most `table` bytes for later ones.
    pub fn decode(&mut self, block: &[u8], head: usize, table: usize) -> Result<Fields, Corrupt> {
        let mut fields = Fields::default();
        let mut kept = 0;
        let mut rest = block;
        while let Some(&first) = rest.first() {
            let field = match first {
                0x80.. => self.entry(integer(&mut rest, 7)?)?,
                0x40.. => {
                    let field = self.literal(&mut rest, 6)?;
                    self.insert(field.clone());
                    field
                }
                0x20.. => {
                    self.resize(integer(&mut rest, 5)?, table);
                    continue;
                }
                // Without indexing, and never indexed.
                0x00.. => self.literal(&mut rest, 4)?,
            };
            kept += field.size();
            if kept > head {
                fields.cut = true;
            } else {
                fields.list.push(field);
            }
        }
        Ok(fields)
    }

    /// §6.2: a name, by index or literally, and a literal value.
    fn literal(&self, rest: &mut &[u8], prefix: u32) -> Result<Field, Corrupt> {
        let name = match integer(rest, prefix)? {
            0 => Some(string(rest)?),
            index => self.entry(index)?.name,
        };
        Ok(Field { name, value: Some(string(rest)?) })
    }

    /// §2.3.3: the static entries, and behind them the dynamic ones, newest first.
    fn entry(&self, index: usize) -> Result<Field, Corrupt> {
        let index = index.checked_sub(1).ok_or(Corrupt)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Ok(Field { name: Some(name.as_bytes().into()), value: Some(value.as_bytes().into()) });
        }
        match self.entries.get(index - STATIC.len()) {
            Some(field) => Ok(field.clone()),
            None if self.more => Ok(Field::default()),
            None => Err(Corrupt),
        }
    }

    fn insert(&mut self, field: Field) {
        self.size += field.size();
        self.entries.push_front(field);
        self.evict();
    }

    /// §6.3: the encoder changes the size of the table. One that is larger than we keep holds entries that we do not know.
    fn resize(&mut self, capacity: usize, limit: usize) {
        self.more |= capacity > limit;
        // An empty table has no entries that are not known.
        self.more &= capacity > 0;
        self.capacity = capacity.min(limit);
        self.evict();
    }

    fn evict(&mut self) {
        while self.size > self.capacity
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
        }
    }
}

impl Field {
    /// §4.1.
    fn size(&self) -> usize {
        let length = |octets: &Option<Arc<[u8]>>| octets.as_ref().map_or(0, |octets| octets.len());
        length(&self.name) + length(&self.value) + OVERHEAD
    }
}

/// §5.1: an integer whose first bits are the last `prefix` bits of the next octet.
fn integer(rest: &mut &[u8], prefix: u32) -> Result<usize, Corrupt> {
    let mask = (1 << prefix) - 1;
    let mut octet = || rest.split_off_first().copied().ok_or(Corrupt);
    let mut value = usize::from(octet()? & mask);
    if value < usize::from(mask) {
        return Ok(value);
    }
    // As many octets as hold 28 bits: far above any index and any length that is read.
    for shift in [0, 7, 14, 21] {
        let octet = octet()?;
        value += usize::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Corrupt)
}

/// §5.2: a string, in the Huffman code or as it is.
fn string(rest: &mut &[u8]) -> Result<Arc<[u8]>, Corrupt> {
    let coded = rest.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(rest, 7)?;
    let octets = rest.split_off(..length).ok_or(Corrupt)?;
    if coded { huffman::decode(octets).map(Into::into).ok_or(Corrupt) } else { Ok(octets.into()) }
}

/// The static table (Appendix A), from index 1 on.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 16;

    fn fields(list: &[(&str, &str)]) -> Vec<Field> {
        let known = |text: &str| Some(text.as_bytes().into());
        list.iter().map(|(name, value)| Field { name: known(name), value: known(value) }).collect()
    }

    /// RFC 7541, Appendix C.4: three requests on one connection.
    const REQUESTS: [&[u8]; 3] = [
        &[0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff],
        &[0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf],
        &[
            0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f, 0x89, 0x25, 0xa8, 0x49,
            0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
        ],
    ];

    #[test]
    fn the_requests_of_appendix_c_4() {
        let mut decoder = Decoder::default();
        let last = REQUESTS.map(|block| decoder.decode(block, LIMIT, LIMIT)).into_iter().next_back().expect("three");
        assert_eq!(
            last,
            Ok(Fields {
                list: fields(&[
                    (":method", "GET"),
                    (":scheme", "https"),
                    (":path", "/index.html"),
                    (":authority", "www.example.com"),
                    ("custom-key", "custom-value"),
                ]),
                cut: false,
            })
        );
        assert_eq!((decoder.entries.len(), decoder.size), (3, 164));
    }

    #[test]
    fn who_comes_late_knows_what_is_added_from_then_on() {
        let mut decoder = Decoder::default();
        decoder.forget();
        let second = decoder.decode(REQUESTS[1], LIMIT, LIMIT).expect("nothing is impossible");
        assert_eq!(second.list[3], Field::default());
        assert_eq!(second.list[4], fields(&[("cache-control", "no-cache")])[0]);
        let third = decoder.decode(&[0xbe, 0xbf], LIMIT, LIMIT).expect("nothing is impossible");
        assert_eq!(third.list, [second.list[4].clone(), Field::default()]);
        // Emptied and filled again, it is known to the end.
        assert!(decoder.decode(&[0x20, 0x3f, 0xe1, 0x1f, 0x82], LIMIT, LIMIT).is_ok());
        assert_eq!(decoder.decode(&[0xbe], LIMIT, LIMIT), Err(Corrupt));
    }

    #[test]
    fn what_cannot_be_is_corrupt() {
        for block in [&[0xbe][..], &[0x80], &[0x40], &[0x40, 0x05, b'a'], &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01]] {
            assert_eq!(Decoder::default().decode(block, LIMIT, LIMIT), Err(Corrupt), "{block:x?}");
        }
    }

    #[test]
    fn a_table_larger_than_is_kept_loses_its_oldest_entries() {
        let mut decoder = Decoder::default();
        // Grows to 65536, of which 100 are kept: two entries of 34.
        let block = [0x3f, 0xe1, 0xff, 0x03, 0x40, 0x01, b'a', 0x01, b'1', 0x40, 0x01, b'b', 0x01, b'2'];
        assert!(decoder.decode(&block, LIMIT, 100).is_ok());
        assert!(decoder.decode(&[0x40, 0x01, b'c', 0x01, b'3'], LIMIT, 100).is_ok());
        let read = decoder.decode(&[0xbe, 0xbf, 0xc0], LIMIT, 100).expect("nothing is impossible");
        assert_eq!(read.list[..2], fields(&[("c", "3"), ("b", "2")]));
        assert_eq!(read.list[2], Field::default());
    }

    #[test]
    fn a_head_is_cut_and_the_table_goes_on() {
        let mut decoder = Decoder::default();
        let block = [0x40, 0x01, b'a', 0x01, b'1', 0x40, 0x01, b'b', 0x01, b'2'];
        let read = decoder.decode(&block, 40, LIMIT).expect("nothing is impossible");
        assert_eq!((read.list.len(), read.cut), (1, true));
        assert_eq!(decoder.decode(&[0xbe], 40, LIMIT).expect("known").list, fields(&[("b", "2")]));
    }
}

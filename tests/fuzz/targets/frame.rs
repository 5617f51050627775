//! Any bytes, read as a frame: its header is where it is however much more comes, and its payload is unmasked and judged the same
//! in one piece and in two.
//!
//! Input: where the payload is cut, then the bytes.

use wscope::ws::close::Close;
use wscope::ws::frame::{Header, MAX_HEADER};
use wscope::ws::mask;
use wscope::ws::utf8::Utf8;

/// See above.
pub fn run(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    for stop in 0..bytes.len().min(MAX_HEADER) {
        if let Some(truncated) = Header::parse_truncated(&bytes[..stop]) {
            assert_eq!((truncated.fin, truncated.payload_length), (bytes[0] & 0x80 != 0, 0));
        }
    }
    let Some((header, length)) = Header::parse(bytes) else {
        assert!(bytes.len() < MAX_HEADER, "more than the longest header was wanted");
        return;
    };
    assert_eq!(Header::parse(&bytes[..length]), Some((header, length)));
    assert_eq!(Header::parse(&bytes[..length - 1]), None);

    let payload = &bytes[length..];
    let cut = usize::from(cut).min(payload.len());
    let key = header.masking_key.unwrap_or_default();
    let mut whole = payload.to_vec();
    mask::apply(&mut whole, key, 0);
    let mut pieces = payload.to_vec();
    let (first, second) = pieces.split_at_mut(cut);
    mask::apply(first, key, 0);
    mask::apply(second, key, cut as u64);
    assert_eq!(pieces, whole);

    assert_eq!(judged(&[&whole[..cut], &whole[cut..]]), judged(&[&whole]));
    assert_eq!(judged(&[&whole]).is_none(), str::from_utf8(&whole).is_ok());
    let mut anomalies = Vec::new();
    let close = Close::parse(&whole, false, &mut anomalies);
    assert_eq!(close.code.is_some(), whole.len() >= 2);
    assert!(anomalies.len() <= 2);
}

/// Where a text cannot be valid.
fn judged(pieces: &[&[u8]]) -> Option<u64> {
    let mut text = Utf8::default();
    let found: Vec<_> = pieces.iter().filter_map(|piece| text.push(piece)).collect();
    assert!(found.len() <= 1, "told once");
    found.first().copied().or_else(|| text.finish())
}

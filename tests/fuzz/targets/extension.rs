//! Any two values of Sec-WebSocket-Extensions: an agreement within its bounds, and the same offer answers itself or not.
//!
//! Input: offer and answer, divided by the first line feed.

use wscope::duplex::Direction;
use wscope::ws::extension::agree;

/// See above.
pub fn run(bytes: &[u8]) {
    let Ok(data) = str::from_utf8(bytes) else { return };
    let (offer, answer) = data.split_once('\n').unwrap_or((data, data));
    for offered in [None, Some(None), Some(Some(offer))] {
        let mut anomalies = Vec::new();
        let agreement = agree(offered, Some(answer), &mut anomalies);
        if let Some(deflate) = agreement.deflate {
            for way in Direction::BOTH {
                assert!((8..=15).contains(&deflate[way].window_bits));
            }
        }
        let elements = answer.split(',').count();
        assert!(anomalies.len() <= 2 * elements, "{anomalies:?}");
    }
}

//! Any bytes, read as an HTTP head: it ends in the same place however it is searched, and every line is accounted for.
//!
//! Input: where the search stops first, then the bytes.

use wscope::http::body::Body;
use wscope::http::head;
use wscope::http::headers::Name;

/// See above.
pub fn run(data: &[u8]) {
    let Some((&stop, bytes)) = data.split_first() else { return };
    let whole = head::length(bytes, &mut 0);
    let mut searched = 0;
    let first = head::length(&bytes[..bytes.len().min(usize::from(stop))], &mut searched);
    assert_eq!(first.or_else(|| head::length(bytes, &mut searched)), whole);

    let length = whole.unwrap_or(bytes.len());
    let (request, response) = (head::request(&bytes[..length]), head::response(&bytes[..length]));
    for headers in [&request.headers, &response.headers] {
        let text: usize = headers.lines().map(|(name, value)| name.len() + value.len()).sum();
        // A byte that is not UTF-8 becomes a character of two.
        assert!(text == headers.size() && text <= 2 * length);
        headers.elements(Name::SecWebSocketExtensions).for_each(drop);
    }
    for start in 0..length.min(40) {
        // What was decided of a beginning stays so when more comes.
        for looks_like in [head::looks_like_request, head::looks_like_response] {
            if let Some(decided) = looks_like(&bytes[..start]) {
                assert_eq!(looks_like(&bytes[..length]), Some(decided));
            }
        }
    }
    let rest = &bytes[length..];
    for body in [Body::of_request(&request), Body::of_response("GET", &response)] {
        let mut once = body.clone();
        let skipped = once.skip(rest);
        let mut piecewise = body;
        let mut at = 0;
        while at < rest.len() && !piecewise.is_over() {
            at += piecewise.skip(&rest[at..=at]);
        }
        assert_eq!((at, piecewise), (skipped, once));
    }
}

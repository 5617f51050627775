//! Judges what is different in an opening handshake over HTTP/2: the extended CONNECT (RFC 8441 §4, §5).
//!
//! No key is sent and none is answered, and nothing is upgraded; `:protocol` says what is asked for.

use crate::anomaly::{Anomaly, Code, Detail};
use crate::duplex::Direction;
use crate::http::head::Request;
use crate::http::headers::Name;

/// Judges the request, as far as it differs from an upgrade.
pub fn judge_request(request: &Request, anomalies: &mut Vec<Anomaly>) {
    let mut found = |code, detail| anomalies.push(Anomaly::new(code, detail).by(Direction::ToServer));
    let unknown = request.headers.unknown > 0 && request.method.is_empty();
    if &*request.method != "CONNECT" && !unknown {
        found(Code::HandshakeMethod, Detail::Found(request.method.clone()));
    }
    // §5: http stands for ws, and https for wss.
    match request.headers.first(Name::Scheme) {
        Some("http" | "https") => {}
        Some(other) => found(Code::HandshakeScheme, Detail::Found(other.into())),
        None => found(Code::HandshakeScheme, Detail::None),
    }
    if request.target.is_empty() {
        found(Code::HandshakePathMissing, Detail::None);
    }
}

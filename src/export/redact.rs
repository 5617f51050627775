//! Blots credentials out of events, so that what is exported can be shared.
//!
//! Values of Cookie, Set-Cookie, Authorization and Proxy-Authorization go, and tokens in queries. Sec-WebSocket-Key
//! stays: it is no secret (RFC 6455 §10.3). Payload stays.

use crate::anomaly::{Code, Detail};
use crate::event::{Body, Event};
use crate::http::secret::{REDACTED, redact_headers, redact_query};

/// Blots out the credentials of an event.
pub fn redact(event: &mut Event) {
    let Body::Handshake(handshake) = &mut event.body else { return };
    if let Some(request) = &mut handshake.request {
        request.target = redact_query(&request.target).into();
        redact_headers(&mut request.headers);
    }
    if let Some(response) = &mut handshake.response {
        redact_headers(&mut response.headers);
    }
    for anomaly in &mut handshake.anomalies {
        if matches!(anomaly.code, Code::HttpHeadMalformed | Code::Http2HeadMalformed) {
            anomaly.detail = Detail::Found(REDACTED.into());
        }
    }
}

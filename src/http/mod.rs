//! HTTP/1.1, as much as it takes to find the opening handshakes (RFC 9112).

pub mod body;
pub mod exchange;
pub mod head;
pub mod headers;
pub mod secret;

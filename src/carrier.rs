//! What a session runs on: the two ends of a TCP connection, and the layers between it and TCP.

use crate::event::{HttpVersion, TlsSession, Transport};
use crate::net::segment::Endpoint;

/// What a session runs on. Each layer hands its own copy to what runs above it.
#[derive(Debug, Clone, Copy)]
pub struct Carrier<'a> {
    /// Who opened the TCP connection.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// Whether the capture began after the connection did.
    pub late: bool,
    /// The TLS session that was opened for it.
    pub tls: Option<&'a TlsSession>,
    /// Target of the CONNECT whose tunnel it runs through.
    pub proxy: Option<&'a str>,
    /// The HTTP/2 stream whose bytes it is.
    pub stream: Option<u32>,
}

impl Carrier<'_> {
    /// As events tell it.
    pub fn transport(&self) -> Transport {
        let http = if self.stream.is_some() { HttpVersion::Http2 } else { HttpVersion::Http11 };
        Transport { tls: self.tls.cloned().map(Box::new), http, stream: self.stream, proxy: self.proxy.map(Into::into) }
    }
}

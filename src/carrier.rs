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
    /// How many layers of TLS and HTTP/2 there are below it.
    pub layers: u8,
}

/// So many layers are looked through: TLS to a proxy, HTTP/2 with it, and both again in its tunnel. Hostile captures would
/// else stack them without end.
const LAYERS: u8 = 4;

impl Carrier<'_> {
    /// Whether another layer on top of it is looked through.
    pub fn has_room(&self) -> bool {
        self.layers < LAYERS
    }

    /// As events tell it.
    pub fn transport(&self) -> Transport {
        let http = if self.stream.is_some() { HttpVersion::Http2 } else { HttpVersion::Http11 };
        Transport { tls: self.tls.cloned().map(Box::new), http, stream: self.stream, proxy: self.proxy.map(Into::into) }
    }
}

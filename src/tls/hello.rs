//! Handshake messages to what an observer needs of them (RFC 8446 §4, RFC 5246 §7.4).

use tls_parser::{
    TlsExtension, parse_tls_extension_alpn_content, parse_tls_extension_sni_content, parse_tls_handshake_client_hello,
    parse_tls_handshake_server_hello,
};

use super::keylog::Random;
use super::suite::Version;

/// Bytes before the body of a handshake message: type and length.
pub const HEADER: usize = 4;

// Handshake types.
/// ClientHello.
pub const CLIENT_HELLO: u8 = 1;
/// ServerHello, and HelloRetryRequest.
pub const SERVER_HELLO: u8 = 2;
/// EndOfEarlyData.
pub const END_OF_EARLY_DATA: u8 = 5;
/// EncryptedExtensions.
pub const ENCRYPTED_EXTENSIONS: u8 = 8;
/// ClientKeyExchange.
pub const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Finished.
pub const FINISHED: u8 = 20;
/// KeyUpdate.
pub const KEY_UPDATE: u8 = 24;

// Extensions.
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
/// RFC 7366; tls-parser has 21.
const ENCRYPT_THEN_MAC: u16 = 22;
const EXTENDED_MASTER_SECRET: u16 = 23;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// ServerHello.random of a HelloRetryRequest (RFC 8446 §4.1.3).
const RETRY: Random = *b"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\
    \xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

/// What a ClientHello says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// Its random, by which key logs name the session.
    pub random: Random,
    /// The server name asked for.
    pub sni: Option<Box<str>>,
    /// Whether 0-RTT data follow.
    pub early_data: bool,
}

/// What a ServerHello says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHello {
    /// Its random.
    pub random: Random,
    /// The version chosen.
    pub version: Version,
    /// The cipher suite chosen.
    pub suite: u16,
    /// The protocol chosen; in TLS 1.3 that comes encrypted.
    pub alpn: Option<Box<str>>,
    /// RFC 7366.
    pub encrypt_then_mac: bool,
    /// RFC 7627.
    pub extended_master_secret: bool,
    /// Whether it is a HelloRetryRequest, to which another ClientHello answers.
    pub retry: bool,
}

/// What EncryptedExtensions say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncryptedExtensions {
    /// The protocol chosen.
    pub alpn: Option<Box<str>>,
    /// Whether 0-RTT data were accepted.
    pub early_data: bool,
}

/// The body of a ClientHello; `None` where it is malformed.
pub fn client_hello(body: &[u8]) -> Option<ClientHello> {
    let (_, hello) = parse_tls_handshake_client_hello(body).ok()?;
    let mut read = ClientHello { random: hello.random.try_into().ok()?, sni: None, early_data: false };
    for (kind, content) in extensions(hello.ext.unwrap_or_default()) {
        match kind {
            SERVER_NAME => read.sni = server_name(content),
            EARLY_DATA => read.early_data = true,
            _ => {}
        }
    }
    Some(read)
}

/// The body of a ServerHello; `None` where it is malformed.
pub fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let (_, hello) = parse_tls_handshake_server_hello(body).ok()?;
    let random = hello.random.try_into().ok()?;
    let mut read = ServerHello {
        random,
        version: Version(hello.version.0),
        suite: hello.cipher.0,
        alpn: None,
        encrypt_then_mac: false,
        extended_master_secret: false,
        retry: random == RETRY,
    };
    for (kind, content) in extensions(hello.ext.unwrap_or_default()) {
        match (kind, content) {
            (SUPPORTED_VERSIONS, &[major, minor]) => read.version = Version(u16::from_be_bytes([major, minor])),
            (ALPN, _) => read.alpn = protocol(content),
            (ENCRYPT_THEN_MAC, _) => read.encrypt_then_mac = true,
            (EXTENDED_MASTER_SECRET, _) => read.extended_master_secret = true,
            _ => {}
        }
    }
    Some(read)
}

/// The body of EncryptedExtensions.
pub fn encrypted_extensions(body: &[u8]) -> EncryptedExtensions {
    let mut read = EncryptedExtensions::default();
    for (kind, content) in extensions(body.get(2..).unwrap_or_default()) {
        match kind {
            ALPN => read.alpn = protocol(content),
            EARLY_DATA => read.early_data = true,
            _ => {}
        }
    }
    read
}

/// The first bytes of the encrypted premaster secret in a ClientKeyExchange with RSA, by which key logs name it.
pub fn encrypted_premaster(body: &[u8]) -> Option<[u8; 8]> {
    // RFC 5246 §7.4.7.1: a length of two bytes first.
    body.get(2..10)?.try_into().ok()
}

/// Extensions one by one, as far as they are well-formed.
fn extensions(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (&[kind_high, kind_low, high, low], behind) = rest.split_first_chunk()?;
        let (content, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        rest = behind;
        Some((u16::from_be_bytes([kind_high, kind_low]), content))
    })
}

fn server_name(content: &[u8]) -> Option<Box<str>> {
    let Ok((_, TlsExtension::SNI(names))) = parse_tls_extension_sni_content(content) else { return None };
    text(names.first()?.1)
}

fn protocol(content: &[u8]) -> Option<Box<str>> {
    let Ok((_, TlsExtension::ALPN(names))) = parse_tls_extension_alpn_content(content) else { return None };
    text(names.first()?)
}

/// Names are ASCII, or come from somebody who means harm.
fn text(name: &[u8]) -> Option<Box<str>> {
    const LONGEST: usize = 255;
    (!name.is_empty()).then(|| String::from_utf8_lossy(&name[..name.len().min(LONGEST)]).into())
}

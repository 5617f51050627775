//! Judges the opening handshake (RFC 6455 §4.1, §4.2, §4.4, §11.3): two heads in, terms and verdict out.
//!
//! Over HTTP/2 it is an extended CONNECT: what is different there stands in [`connect`].

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1::{Digest as _, Sha1};

use crate::anomaly::{Anomaly, Code, Detail, Severity};
use crate::duplex::Direction;
use crate::event::{Accept, Terms, Verdict};
use crate::http::head::{Request, Response};
use crate::http::headers::{Headers, Name};
use crate::http::secret;
use crate::ledger::Nonce;
use crate::ws::connect;
use crate::ws::extension::{self, Agreement};

/// What is appended to the key before hashing (RFC 6455 §1.3).
pub const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// base64 with its padding; what the unused bits of the last character are is nobody's rule.
const KEY: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// A handshake, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What it says of the WebSocket.
    pub terms: Terms,
    /// What that means for the frames.
    pub agreement: Agreement,
    /// What came of it.
    pub verdict: Verdict,
    /// Rules that either side broke.
    pub anomalies: Vec<Anomaly>,
}

/// Judges the heads of a handshake; either can be missing from the capture. `secure`: they were encrypted.
pub fn judge(request: Option<&Request>, response: Option<&Response>, secure: bool) -> Judged {
    let mut anomalies = Vec::new();
    let mut terms = Terms::default();
    if let Some(request) = request {
        read_request(request, &mut terms);
        judge_request(request, &terms, secure, &mut anomalies);
    }
    // What was offered may stand among the fields that are not known.
    let seen = request.is_some_and(|request| request.headers.unknown == 0) || terms.extensions.is_some();
    let perhaps = if seen { extension::perhaps(terms.extensions.as_deref()) } else { Agreement::UNSEEN };
    let mut agreement = perhaps;
    if let Some(response) = response {
        let found = |code, detail| Anomaly::new(code, detail).by(Direction::ToClient);
        read_response(response, &mut terms);
        if let Some(line) = &response.headers.malformed {
            anomalies.push(found(malformed(&response.version), Detail::Found(line.clone())));
        }
        if response.headers.unknown > 0 {
            let count = Detail::Number("fields".into(), response.headers.unknown as u64);
            anomalies.push(found(Code::Http2HeadUnknown, count));
        }
        if response.is_acceptance() {
            judge_acceptance(request, response, &terms, &mut anomalies);
            agreement = if response.headers.unknown > 0 && terms.extension.is_none() {
                perhaps
            } else {
                extension::agree(
                    seen.then_some(terms.extensions.as_deref()),
                    terms.extension.as_deref(),
                    &mut anomalies,
                )
            };
        } else if response.status == 426 && leaves_version_open(response) {
            anomalies.push(found(Code::HandshakeVersionUnnamed, Detail::None));
        }
    }
    let known = |headers: &Headers| headers.unknown == 0;
    let verdict = match (request, response) {
        (Some(_), Some(response)) if !response.is_acceptance() => Verdict::Rejected,
        (Some(request), Some(response)) if known(&request.headers) && known(&response.headers) => Verdict::Accepted,
        (Some(_), Some(_)) | (None, _) | (_, None) => Verdict::Incomplete,
    };
    let mut judged = Judged { terms, agreement, verdict, anomalies: Vec::new() };
    judged.add(anomalies);
    judged
}

impl Judged {
    /// Adds what else was odd; one broken rule makes an accepted handshake invalid.
    pub fn add(&mut self, mut anomalies: Vec<Anomaly>) {
        let broken = anomalies.iter().any(|anomaly| anomaly.code.rule().severity == Severity::Violation);
        if broken && self.verdict == Verdict::Accepted {
            self.verdict = Verdict::Invalid;
        }
        self.anomalies.append(&mut anomalies);
    }
}

/// The Sec-WebSocket-Accept that a key demands (§4.2.2, step 5.4).
pub fn accept(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID.as_bytes());
    STANDARD.encode(hash.finalize())
}

/// The nonce that a key is the base64 form of (§4.1); `None` where it is not that of 16 bytes.
pub fn nonce(key: &str) -> Option<Nonce> {
    // Room for as many bytes as the decoder reckons with.
    let mut bytes = [0; 18];
    let count = KEY.decode_slice(key, &mut bytes).ok()?;
    bytes[..count].try_into().ok()
}

fn read_request(request: &Request, terms: &mut Terms) {
    let headers = &request.headers;
    terms.key = headers.first(Name::SecWebSocketKey).map(Into::into);
    terms.subprotocols = headers.elements(Name::SecWebSocketProtocol).map(Into::into).collect();
    terms.extensions = headers.joined(Name::SecWebSocketExtensions);
}

fn read_response(response: &Response, terms: &mut Terms) {
    let headers = &response.headers;
    terms.subprotocol = headers.elements(Name::SecWebSocketProtocol).next().map(Into::into);
    terms.extension = headers.joined(Name::SecWebSocketExtensions);
    let received = headers.first(Name::SecWebSocketAccept).map(Into::into);
    let expected = terms.key.as_ref().map(|key| accept(key).into());
    // Of a refusal none is expected, and over HTTP/2 it means nothing (RFC 8441 §5).
    if &*response.version == "2" {
        return;
    }
    if received.is_some() || response.status == 101 && expected.is_some() {
        terms.accept = Some(Accept { received, expected });
    }
}

fn judge_request(request: &Request, terms: &Terms, secure: bool, anomalies: &mut Vec<Anomaly>) {
    let headers = &request.headers;
    if request.is_http2() {
        connect::judge_request(request, anomalies);
    } else {
        judge_upgrade(request, terms, anomalies);
    }
    let mut found = |code, detail| anomalies.push(Anomaly::new(code, detail).by(Direction::ToServer));
    // RFC 9112 §3.2: also where the target is a URI.
    let host = if request.is_http2() { request.authority() } else { headers.first(Name::Host) };
    if host.is_none() {
        found(Code::HandshakeHostMissing, Detail::None);
    }
    match headers.first(Name::SecWebSocketVersion) {
        None => found(Code::HandshakeVersionMissing, Detail::None),
        Some("13") => {}
        Some(other) => found(Code::HandshakeVersionUnsupported, Detail::Found(other.into())),
    }
    if headers.all(Name::SecWebSocketVersion).count() > 1 {
        found(Code::HandshakeVersionRepeated, as_found(headers, Name::SecWebSocketVersion));
    }
    if headers.first(Name::Origin).is_none() {
        found(Code::HandshakeOriginMissing, Detail::None);
    }
    let offered = &terms.subprotocols;
    if let Some(twice) = (1..offered.len()).find(|&index| offered[..index].contains(&offered[index])) {
        found(Code::HandshakeProtocolRepeatedValue, Detail::Found(offered[twice].clone()));
    }
    let in_query = secret::credential_in_query(&request.target);
    if let Some(name) = in_query {
        found(Code::HandshakeCredentialsQuery, Detail::Found(name.into()));
    }
    let mut others = headers.known().filter(|(known, ..)| known.is_none()).map(|(_, name, _)| name);
    let in_header = others.find(|name| secret::is_credential_header(name));
    if let Some(name) = in_header.or(in_query).filter(|_| !secure) {
        found(Code::HandshakeCredentialsCleartext, Detail::Found(name.into()));
    }
    if let Some(line) = &headers.malformed {
        found(malformed(&request.version), Detail::Found(line.clone()));
    }
    if headers.unknown > 0 {
        found(Code::Http2HeadUnknown, Detail::Number("fields".into(), headers.unknown as u64));
        // What is not there may be what is not known.
        anomalies.retain(|anomaly| !is_absence(anomaly.code));
    }
}

/// What only HTTP/1.1 has: the upgrade, and the key that proves that it was understood.
fn judge_upgrade(request: &Request, terms: &Terms, anomalies: &mut Vec<Anomaly>) {
    let headers = &request.headers;
    let mut found = |code, detail| anomalies.push(Anomaly::new(code, detail).by(Direction::ToServer));
    if &*request.method != "GET" {
        found(Code::HandshakeMethod, Detail::Found(request.method.clone()));
    }
    if !is_upgradable(&request.version) {
        found(Code::HandshakeHttpVersion, Detail::Found(request.version.clone()));
    }
    if !headers.has_token(Name::Upgrade, "websocket") {
        found(Code::HandshakeUpgradeMissing, as_found(headers, Name::Upgrade));
    }
    if !headers.has_token(Name::Connection, "upgrade") {
        found(Code::HandshakeConnectionMissing, as_found(headers, Name::Connection));
    }
    match &terms.key {
        None => found(Code::HandshakeKeyMissing, Detail::None),
        Some(key) if nonce(key).is_none() => found(Code::HandshakeKeyInvalid, Detail::Found(key.clone())),
        Some(_) => {}
    }
    if headers.all(Name::SecWebSocketKey).count() > 1 {
        found(Code::HandshakeKeyRepeated, Detail::None);
    }
}

fn judge_acceptance(request: Option<&Request>, response: &Response, terms: &Terms, anomalies: &mut Vec<Anomaly>) {
    if &*response.version != "2" {
        judge_switch(response, terms, anomalies);
    }
    let headers = &response.headers;
    let mut found = |code, detail| anomalies.push(Anomaly::new(code, detail).by(Direction::ToClient));
    if headers.elements(Name::SecWebSocketProtocol).count() > 1 {
        found(Code::HandshakeSubprotocolRepeated, as_found(headers, Name::SecWebSocketProtocol));
    }
    if headers.all(Name::SecWebSocketExtensions).count() > 1 {
        found(Code::HandshakeExtensionRepeated, as_found(headers, Name::SecWebSocketExtensions));
    }
    let Some(request) = request else { return };
    // §4.2.2: the empty string is no legal value, and was not offered.
    if terms.subprotocol.is_none() && headers.first(Name::SecWebSocketProtocol).is_some() {
        found(Code::HandshakeSubprotocolUnoffered, Detail::Found("".into()));
    }
    if let Some(chosen) = &terms.subprotocol
        && !terms.subprotocols.contains(chosen)
    {
        found(Code::HandshakeSubprotocolUnoffered, Detail::Found(chosen.clone()));
    }
    let host = request.authority();
    if let (Some(origin), Some(host)) = (request.headers.first(Name::Origin), host)
        && is_cross_site(origin, host)
    {
        let detail = Detail::Mismatch { found: origin.into(), expected: host.into() };
        found(Code::HandshakeOriginCrossSite, detail);
    }
}

/// What only a 101 has.
fn judge_switch(response: &Response, terms: &Terms, anomalies: &mut Vec<Anomaly>) {
    let headers = &response.headers;
    let mut found = |code, detail| anomalies.push(Anomaly::new(code, detail).by(Direction::ToClient));
    if !headers.has_token(Name::Upgrade, "websocket") {
        found(Code::HandshakeResponseUpgrade, as_found(headers, Name::Upgrade));
    }
    if !headers.has_token(Name::Connection, "upgrade") {
        found(Code::HandshakeResponseConnection, as_found(headers, Name::Connection));
    }
    match &terms.accept {
        Some(Accept { received: Some(received), expected: Some(expected) }) if received != expected => {
            let detail = Detail::Mismatch { found: received.clone(), expected: expected.clone() };
            found(Code::HandshakeAcceptWrong, detail);
        }
        Some(Accept { received: Some(_), .. }) => {}
        Some(Accept { received: None, .. }) | None => found(Code::HandshakeAcceptMissing, Detail::None),
    }
    if headers.all(Name::SecWebSocketAccept).count() > 1 {
        found(Code::HandshakeAcceptRepeated, Detail::None);
    }
}

/// The code of a line that must not stand in a head.
fn malformed(version: &str) -> Code {
    if version == "2" { Code::Http2HeadMalformed } else { Code::HttpHeadMalformed }
}

/// Whether a code says that something is not there.
fn is_absence(code: Code) -> bool {
    matches!(
        code,
        Code::HandshakeHostMissing
            | Code::HandshakeVersionMissing
            | Code::HandshakeOriginMissing
            | Code::HandshakeScheme
            | Code::HandshakePathMissing
    )
}

/// Whether a 426 says no version, though it is about that: it may want another upgrade first, as in RFC 2817.
fn leaves_version_open(response: &Response) -> bool {
    let headers = &response.headers;
    headers.first(Name::SecWebSocketVersion).is_none()
        && (headers.first(Name::Upgrade).is_none() || headers.has_token(Name::Upgrade, "websocket"))
}

fn as_found(headers: &Headers, name: Name) -> Detail {
    headers.joined(name).map_or(Detail::None, Detail::Found)
}

/// Whether a version is "at least 1.1" (§4.1).
fn is_upgradable(version: &str) -> bool {
    let parts = version.split_once('.').map(|(major, minor)| (major.parse::<u32>(), minor.parse::<u32>()));
    matches!(parts, Some((Ok(major), Ok(minor))) if (major, minor) >= (1, 1))
}

/// Whether a page of this origin is another site than the host it talks to; ports do not count.
fn is_cross_site(origin: &str, host: &str) -> bool {
    if origin == "null" {
        return true;
    }
    match origin.split_once("://") {
        Some((_, authority)) if !authority.is_empty() => !host_name(authority).eq_ignore_ascii_case(host_name(host)),
        Some(_) | None => false,
    }
}

/// `host` of `host:port`, `[v6]` of `[v6]:port`.
fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head;

    const REQUEST: &str = "GET /chat HTTP/1.1\nHost: server.example.com\nUpgrade: websocket\nConnection: Upgrade\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nOrigin: http://server.example.com\n\
        Sec-WebSocket-Protocol: chat, superchat\nSec-WebSocket-Version: 13\n";
    const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\nSec-WebSocket-Protocol: chat\n";

    const KEY_OF_SECTION_1_3: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn judge_texts(request: &str, response: &str) -> (Verdict, Vec<Code>) {
        let request = head::request(request.as_bytes());
        // The server answers the key that it got.
        let key = request.headers.first(Name::SecWebSocketKey).unwrap_or(KEY_OF_SECTION_1_3);
        let response = response.replace("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &accept(key));
        let response = head::response(response.as_bytes());
        let judged = judge(Some(&request), Some(&response), false);
        (judged.verdict, judged.anomalies.into_iter().map(|anomaly| anomaly.code).collect())
    }

    #[test]
    fn the_handshake_of_section_1_3_is_accepted_in_silence() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(judge_texts(REQUEST, RESPONSE), (Verdict::Accepted, vec![]));
    }

    /// Each rule planted (left) and its nearest lawful neighbour (right), as a replacement in the request.
    #[test]
    fn rules_of_the_request() {
        use Code::*;
        for (line, planted, lawful, code) in [
            ("GET", "POST", "GET", HandshakeMethod),
            ("/chat HTTP/1.1", "/chat HTTP/1.0", "/ HTTP/1.1", HandshakeHttpVersion),
            ("Host: server.example.com", "X: y", "HOST: server.example.com", HandshakeHostMissing),
            ("Upgrade: websocket", "Upgrade: h2c", "upgrade: h2c, WebSocket", HandshakeUpgradeMissing),
            ("Connection: Upgrade", "Connection: close", "connection: keep-alive, upgrade", HandshakeConnectionMissing),
            ("Host:", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nHost:", "Host:", HandshakeKeyRepeated),
            ("Sec-WebSocket-Version: 13", "X: y", "sec-websocket-version:  13 ", HandshakeVersionMissing),
            (
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Version: 8",
                "Sec-WebSocket-Version: 13",
                HandshakeVersionUnsupported,
            ),
            (
                "Origin: http://server.example.com",
                "X: y",
                "Origin: https://server.example.com:8443",
                HandshakeOriginMissing,
            ),
            ("chat, superchat", "chat, chat", "chat, Chat", HandshakeProtocolRepeatedValue),
            (
                "Origin: http://server.example.com",
                "Origin: https://evil.example",
                "Origin: file://",
                HandshakeOriginCrossSite,
            ),
            (
                "Origin: http://server.example.com",
                "Origin: null",
                "Origin: http://SERVER.example.com",
                HandshakeOriginCrossSite,
            ),
            (
                "Origin: http://server.example.com",
                "Origin: ://evil.example",
                "Origin: ://server.example.com",
                HandshakeOriginCrossSite,
            ),
            ("Host:", "no colon\nHost:", "X-Empty:\nHost:", HttpHeadMalformed),
        ] {
            assert_eq!(judge_texts(&REQUEST.replacen(line, planted, 1), RESPONSE).1, [code], "{planted}");
            assert_eq!(judge_texts(&REQUEST.replacen(line, lawful, 1), RESPONSE).1, [], "{lawful}");
        }
    }

    #[test]
    fn rules_of_the_response() {
        use Code::*;
        for (line, planted, lawful, code) in [
            (
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                "X: y",
                "sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                HandshakeAcceptMissing,
            ),
            ("xOo=", "xOo=-wrong", "xOo= ", HandshakeAcceptWrong),
            (
                "Upgrade:",
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\nUpgrade:",
                "Upgrade:",
                HandshakeAcceptRepeated,
            ),
            ("Upgrade: websocket", "Upgrade: web-socket", "Upgrade: WebSocket", HandshakeResponseUpgrade),
            (
                "Connection: Upgrade",
                "Connection: keep-alive",
                "Connection: keep-alive, UPGRADE",
                HandshakeResponseConnection,
            ),
            ("Protocol: chat", "Protocol: other", "Protocol: superchat", HandshakeSubprotocolUnoffered),
            ("Protocol: chat", "Protocol: chat, superchat", "Protocol: chat,", HandshakeSubprotocolRepeated),
            (
                "Upgrade:",
                "Sec-WebSocket-Extensions: x-y\nUpgrade:",
                "Sec-WebSocket-Extensions:\nUpgrade:",
                HandshakeExtensionUnoffered,
            ),
        ] {
            let (verdict, codes) = judge_texts(REQUEST, &RESPONSE.replacen(line, planted, 1));
            assert_eq!((verdict, codes), (Verdict::Invalid, vec![code]), "{planted}");
            assert_eq!(judge_texts(REQUEST, &RESPONSE.replacen(line, lawful, 1)).1, [], "{lawful}");
        }
    }

    #[test]
    fn refusals_are_no_violation_but_a_426_names_the_version() {
        for (response, codes) in [
            ("HTTP/1.1 401 Unauthorized\n", vec![]),
            ("HTTP/1.1 302 Found\nLocation: /\n", vec![]),
            ("HTTP/1.1 426 Upgrade Required\nSec-WebSocket-Version: 13\n", vec![]),
            ("HTTP/1.1 426 Upgrade Required\n", vec![Code::HandshakeVersionUnnamed]),
        ] {
            assert_eq!(judge_texts(REQUEST, response), (Verdict::Rejected, codes), "{response}");
        }
    }

    #[test]
    fn a_key_is_16_bytes_even_where_the_answer_suits_it() {
        for (key, codes) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", vec![]),
            ("AQIDBAUGBwgJCgsMDQ4PEA==", vec![]),
            ("dGhlIHNhbXBsZSBub25jZQ", vec![Code::HandshakeKeyInvalid]),
            ("dGhlIHNhbXBsZSBub25jZSE=", vec![Code::HandshakeKeyInvalid]),
            ("not base64 at all", vec![Code::HandshakeKeyInvalid]),
        ] {
            let request = REQUEST.replace("dGhlIHNhbXBsZSBub25jZQ==", key);
            let response = RESPONSE.replace("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &accept(key));
            assert_eq!(judge_texts(&request, &response).1, codes, "{key}");
        }
    }

    #[test]
    fn no_accept_is_expected_of_a_refusal() {
        let request = head::request(REQUEST.as_bytes());
        let refusal = head::response(b"HTTP/1.1 401 Unauthorized\n");
        assert_eq!(judge(Some(&request), Some(&refusal), false).terms.accept, None);
        let switch = head::response(b"HTTP/1.1 101 Switching Protocols\n");
        let accept = judge(Some(&request), Some(&switch), false).terms.accept.expect("one is due");
        assert_eq!((accept.received.as_deref(), accept.valid()), (None, Some(false)));
    }

    #[test]
    fn a_missing_key_and_credentials_are_told() {
        let without = REQUEST.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n", "");
        assert!(judge_texts(&without, RESPONSE).1.contains(&Code::HandshakeKeyMissing));
        let secret = REQUEST.replace("/chat", "/chat?access_token=1");
        let codes = vec![Code::HandshakeCredentialsQuery, Code::HandshakeCredentialsCleartext];
        assert_eq!(judge_texts(&secret, RESPONSE), (Verdict::Accepted, codes));
        let cookie = REQUEST.replace("Host:", "Cookie: a=b\nHost:");
        assert_eq!(judge_texts(&cookie, RESPONSE).1, [Code::HandshakeCredentialsCleartext]);
        let (request, response) = (head::request(cookie.as_bytes()), head::response(RESPONSE.as_bytes()));
        assert_eq!(judge(Some(&request), Some(&response), true).anomalies, [], "nobody on the path can read it");
    }

    #[test]
    fn half_a_handshake_is_incomplete() {
        let (request, response) = (head::request(REQUEST.as_bytes()), head::response(RESPONSE.as_bytes()));
        assert_eq!(judge(Some(&request), None, false).verdict, Verdict::Incomplete);
        let judged = judge(None, Some(&response), false);
        assert_eq!((judged.verdict, judged.anomalies), (Verdict::Incomplete, vec![]));
    }
}

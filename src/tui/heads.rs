//! A handshake to lines: what was asked and answered, each check with its mark, the Accept computed (RFC 6455 §4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::anomaly::{Code, Severity};
use crate::event::{Handshake, HttpVersion};
use crate::export::text;
use crate::http::headers::Headers;
use crate::ws::handshake::GUID;

use super::ink::{Ink, Inked};
use super::show;
use super::theme::Glyphs;

/// A check, and the anomalies that say it failed.
struct Check {
    what: &'static str,
    section: &'static str,
    codes: &'static [Code],
    /// Whether it is one of the upgrade of HTTP/1.1, which HTTP/2 has not.
    upgrade: bool,
}

const fn check(what: &'static str, section: &'static str, upgrade: bool, codes: &'static [Code]) -> Check {
    Check { what, section, codes, upgrade }
}

const REQUEST: &[Check] = &[
    check("method GET", "§4.1", true, &[Code::HandshakeMethod]),
    check("HTTP/1.1 or later", "§4.1", true, &[Code::HandshakeHttpVersion]),
    check("Host", "§4.1", true, &[Code::HandshakeHostMissing]),
    check("Upgrade: websocket", "§4.1", true, &[Code::HandshakeUpgradeMissing]),
    check("Connection: Upgrade", "§4.1", true, &[Code::HandshakeConnectionMissing]),
    check(
        "Sec-WebSocket-Key: 16 bytes, once, not used before",
        "§4.1",
        true,
        &[Code::HandshakeKeyMissing, Code::HandshakeKeyInvalid, Code::HandshakeKeyRepeated, Code::HandshakeKeyReused],
    ),
    check(
        "Sec-WebSocket-Version: 13, once",
        "§4.1",
        false,
        &[Code::HandshakeVersionMissing, Code::HandshakeVersionUnsupported, Code::HandshakeVersionRepeated],
    ),
    check("subprotocols offered once each", "§4.1", false, &[Code::HandshakeProtocolRepeatedValue]),
    check(
        "no credentials in the clear",
        "§10.5",
        false,
        &[Code::HandshakeCredentialsQuery, Code::HandshakeCredentialsCleartext],
    ),
];

const RESPONSE: &[Check] = &[
    check("Upgrade: websocket", "§4.2.2", true, &[Code::HandshakeResponseUpgrade]),
    check("Connection: Upgrade", "§4.2.2", true, &[Code::HandshakeResponseConnection]),
    check(
        "Sec-WebSocket-Accept answers the key",
        "§4.2.2",
        true,
        &[Code::HandshakeAcceptMissing, Code::HandshakeAcceptWrong, Code::HandshakeAcceptRepeated],
    ),
    check(
        "subprotocol is one that was offered",
        "§4.1",
        false,
        &[Code::HandshakeSubprotocolUnoffered, Code::HandshakeSubprotocolRepeated],
    ),
    check(
        "extensions answer the offer",
        "§9.1",
        false,
        &[Code::HandshakeExtensionUnoffered, Code::HandshakeExtensionParameters, Code::HandshakeExtensionRepeated],
    ),
    check("Origin is that of the host", "§10.2", false, &[Code::HandshakeOriginCrossSite]),
    check("no frames before the answer", "§4.1", true, &[Code::HandshakeEarlyData]),
];

/// The handshake as lines, for `columns` columns.
pub fn lines(handshake: &Handshake, glyphs: &Glyphs, columns: usize) -> Vec<Inked> {
    let mut lines = vec![summary(handshake)];
    lines.extend(transport(handshake));
    lines.extend(prologue(handshake));
    lines.push(Inked::default());
    request(handshake, glyphs, &mut lines);
    lines.push(Inked::default());
    response(handshake, glyphs, &mut lines);
    accept(handshake, glyphs, &mut lines);
    let others = handshake.anomalies.iter().filter(|anomaly| !is_checked(anomaly.code));
    lines.extend(others.map(super::doc::anomaly_line));
    lines.into_iter().flat_map(|line| line.wrapped(columns, 2)).collect()
}

fn summary(handshake: &Handshake) -> Inked {
    let verdict = handshake.verdict.name();
    let violated = handshake.anomalies.iter().any(|anomaly| anomaly.code.rule().severity == Severity::Violation);
    let ink = if violated { Ink::Violation } else { Ink::Title };
    let mut line = Inked::of(ink, verdict).and(Ink::Plain, format!("  {} > {}", handshake.client, handshake.server));
    if let Some((asked, answered)) = handshake.turn {
        line = line.and(Ink::Dim, format!("  answered after {}", show::duration(answered.time.since(asked.time))));
    }
    line
}

/// The polling that it took the place of.
fn prologue(handshake: &Handshake) -> Option<Inked> {
    let prologue = handshake.prologue.as_ref()?;
    let (cost, path) = (&prologue.cost, show::escaped(&prologue.path));
    let requests = text::count(cost.requests, "request", "requests");
    let mut told = format!("after {requests} by {} of {path}", prologue.name());
    if let Some(mean) = cost.mean_latency() {
        told += &format!(", answered after {} on average", show::duration(mean));
    }
    Some(Inked::of(Ink::Plain, told))
}

fn transport(handshake: &Handshake) -> Option<Inked> {
    let transport = &handshake.transport;
    let mut parts = Vec::new();
    if let Some(tls) = &transport.tls {
        parts.push(format!("TLS {} {}", show::escaped(&tls.version), show::escaped(&tls.cipher)));
        parts.extend(tls.sni.as_deref().map(|sni| format!("SNI {}", show::escaped(sni))));
        parts.extend(tls.alpn.as_deref().map(|alpn| format!("ALPN {}", show::escaped(alpn))));
    }
    if let Some(stream) = transport.stream {
        parts.push(format!("HTTP/2 stream {stream} (RFC 8441)"));
    }
    parts.extend(transport.proxy.as_deref().map(|proxy| format!("through a proxy to {}", show::escaped(proxy))));
    (!parts.is_empty()).then(|| Inked::of(Ink::Dim, "over   ").and(Ink::Plain, parts.join("  ")))
}

fn request(handshake: &Handshake, glyphs: &Glyphs, lines: &mut Vec<Inked>) {
    let Some(request) = &handshake.request else {
        lines.push(Inked::of(Ink::Warning, "the request was not captured"));
        return;
    };
    let (method, target) = (show::escaped(&request.method), show::escaped(&request.target));
    lines.push(Inked::of(Ink::Title, format!("{method} {target} HTTP/{}", show::escaped(&request.version))));
    headers(&request.headers, lines);
    checks(REQUEST, handshake, glyphs, lines);
}

fn response(handshake: &Handshake, glyphs: &Glyphs, lines: &mut Vec<Inked>) {
    let Some(response) = &handshake.response else {
        lines.push(Inked::of(Ink::Warning, "no response was captured"));
        return;
    };
    let version = show::escaped(&response.version);
    lines
        .push(Inked::of(Ink::Title, format!("HTTP/{version} {} {}", response.status, show::escaped(&response.reason))));
    headers(&response.headers, lines);
    if handshake.established && handshake.request.is_some() {
        checks(RESPONSE, handshake, glyphs, lines);
    }
}

fn headers(headers: &Headers, lines: &mut Vec<Inked>) {
    let pair = |(name, value)| {
        Inked::of(Ink::Name, format!("{}: ", show::escaped(name))).and(Ink::Plain, show::escaped(value))
    };
    lines.extend(headers.lines().map(pair));
}

fn checks(table: &[Check], handshake: &Handshake, glyphs: &Glyphs, lines: &mut Vec<Inked>) {
    let upgraded = handshake.transport.http == HttpVersion::Http11;
    for check in table.iter().filter(|check| upgraded || !check.upgrade) {
        let mut failed = handshake.anomalies.iter().filter(|anomaly| check.codes.contains(&anomaly.code)).peekable();
        if failed.peek().is_none() {
            let mark = Inked::of(Ink::Good, format!("{:<2} ", glyphs.yes));
            lines.push(mark.and(Ink::Plain, check.what).and(Ink::Dim, format!("  {}", check.section)));
        }
        for anomaly in failed {
            let ink = ink_of(anomaly.code.rule().severity);
            let mark = if ink == Ink::Violation { glyphs.no } else { "!" };
            let line = Inked::of(ink, format!("{mark:<2} {}  ", check.what));
            let name = format!("{} {}  ", anomaly.code.rule().name, anomaly.code.rule().reference);
            lines.push(line.and(Ink::Dim, name).and(Ink::Plain, show::escaped(&anomaly.to_string())));
        }
    }
}

/// How Sec-WebSocket-Accept comes from the key (§4.2.2).
fn accept(handshake: &Handshake, glyphs: &Glyphs, lines: &mut Vec<Inked>) {
    let (Some(key), Some(accept)) = (&handshake.terms.key, &handshake.terms.accept) else { return };
    let Some(expected) = &accept.expected else { return };
    let digest = STANDARD.decode(&**expected).unwrap_or_default();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let row = |label: &str, value: &str| Inked::of(Ink::Dim, format!("{label:<10}")).and(Ink::Plain, value.to_owned());
    lines.push(Inked::default());
    lines.push(Inked::of(Ink::Title, "Sec-WebSocket-Accept = base64(SHA-1(key + GUID))"));
    lines.push(row("key", &show::escaped(key)));
    lines.push(row("GUID", GUID));
    lines.push(row("SHA-1", &digest));
    lines.push(row("expected", expected));
    let received = accept.received.as_deref().map(show::escaped);
    let (ink, mark) = match accept.valid() {
        Some(true) => (Ink::Good, glyphs.yes),
        Some(false) | None => (Ink::Violation, glyphs.no),
    };
    let received = received.unwrap_or_else(|| "nothing".to_owned());
    lines.push(row("received", &received).and(ink, format!(" {mark}")));
}

fn is_checked(code: Code) -> bool {
    REQUEST.iter().chain(RESPONSE).any(|check| check.codes.contains(&code))
}

/// The ink for a severity.
pub fn ink_of(severity: Severity) -> Ink {
    match severity {
        Severity::Note => Ink::Dim,
        Severity::Loss | Severity::Warning => Ink::Warning,
        Severity::Violation => Ink::Violation,
    }
}

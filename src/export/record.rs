//! One event to one JSON object: the record contract, version 1 (`wscope export --schema`).

use std::net::IpAddr;

use crate::anomaly::{Anomaly, Code};
use crate::config::Per;
use crate::duplex::Direction;
use crate::event::{
    Body, Closed, Event, Frame, Gap, Handshake, Message, NO_CONNECTION, Tally, TlsSession, Transport, Verdict,
};
use crate::export::Conclusion;
use crate::export::json::{Base64, Hex, Json, Text, field, list, object, optional};
use crate::export::time::{Clock, write_seconds};
use crate::export::{community, decoded};
use crate::http::headers::{Headers, Name};
use crate::net::segment::Endpoint;
use crate::origin::Timestamp;
use crate::payload::Payload;
use crate::polling::{Cost, Prologue};
use crate::ws::close::Close;
use crate::ws::frame::Opcode;

/// Writes records.
#[derive(Debug)]
pub struct Records {
    clock: Clock,
    per: Per,
}

impl Records {
    /// For events told per frame or per message.
    pub fn new(per: Per) -> Self {
        Self { clock: Clock::default(), per }
    }

    /// Appends the record of an event; `started` is the time of the capture's first packet.
    pub fn event(&mut self, event: &Event, started: Timestamp, out: &mut Vec<u8>) {
        let first = event.span.first;
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(self.type_name(&event.body).as_bytes());
        out.extend_from_slice(b"\",\"time\":\"");
        self.clock.write(event.time(), out);
        out.extend_from_slice(b"\",\"elapsed\":");
        write_seconds(event.time().since(started), out);
        if event.connection != NO_CONNECTION {
            field!(out, "connection", event.connection);
        }
        out.extend_from_slice(b",\"packets\":{\"first\":");
        first.packet.write(out);
        field!(out, "last", event.span.last.packet);
        out.push(b'}');
        match &event.body {
            Body::Handshake(handshake) => self::handshake(handshake, out),
            Body::Frame(frame) => self::frame(frame, out),
            Body::Message(message) => self::message(message, out),
            Body::Gap(gap) => self::gap(gap, out),
            Body::Notice(_) => {}
            Body::Closed(closed) => self::closed(closed, out),
        }
        let anomalies = event.body.anomalies();
        if !anomalies.is_empty() {
            field!(out, "anomalies", anomalies);
        }
        out.push(b'}');
    }

    fn type_name(&self, body: &Body) -> &'static str {
        match body {
            Body::Handshake(_) => "handshake",
            // Beside messages stand control frames, and frames that belong to no message.
            Body::Frame(frame) if self.per == Per::Message && frame.header.opcode.is_defined_control() => "control",
            Body::Frame(_) => "frame",
            Body::Message(_) => "message",
            Body::Gap(_) => "gap",
            Body::Notice(_) => "notice",
            Body::Closed(_) => "closed",
        }
    }

    /// Appends the record that ends the output.
    pub fn summary(&mut self, end: &Conclusion<'_>, out: &mut Vec<u8>) {
        let summary = end.summary;
        out.extend_from_slice(b"{\"type\":\"summary\"");
        if let Some((first, last)) = summary.period {
            out.extend_from_slice(b",\"time\":\"");
            self.clock.write(last, out);
            out.extend_from_slice(b"\",\"elapsed\":");
            write_seconds(last.since(first), out);
        }
        field!(out, "packets", summary.packets);
        field!(out, "bytes", summary.bytes);
        field!(out, "flows", summary.flows);
        field!(out, "connections", summary.connections);
        out.extend_from_slice(b",\"handshakes\":");
        counts(Verdict::ALL.map(Verdict::name).into_iter().zip(summary.handshakes), out);
        out.extend_from_slice(b",\"frames\":");
        let opcodes = (0..16).map(Opcode).map(|opcode| (opcode.name(), summary.frames_of(opcode)));
        counts(opcodes.filter(|(_, count)| *count > 0), out);
        field!(out, "messages", summary.messages);
        field!(out, "gaps", summary.gaps);
        field!(out, "missing", summary.missing);
        out.extend_from_slice(b",\"anomalies\":");
        counts(summary.anomalies.iter().map(|(code, count)| (code.rule().name, count)), out);
        let tls = &summary.tls;
        if tls.connections + tls.malformed_lines > 0 {
            out.extend_from_slice(b",\"tls\":");
            let counts = [
                ("connections", tls.connections),
                ("decrypted", tls.decrypted),
                ("without_keys", tls.without_keys),
                ("failed", tls.failed),
                ("malformed_lines", tls.malformed_lines),
            ];
            self::counts(counts, out);
        }
        out.extend_from_slice(b",\"skipped\":");
        let skipped =
            [("other", summary.other), ("fragments", summary.fragments), ("headers_cut", summary.headers_cut)];
        counts(skipped, out);
        if !summary.unknown_links.is_empty() {
            out.extend_from_slice(b",\"unknown_link_types\":");
            list(&summary.unknown_links, out, Json::write);
        }
        if let Some(capture) = &summary.capture {
            out.extend_from_slice(b",\"capture\":");
            object!(out, "received": capture.received, "dropped": capture.dropped(), "dropped_kernel": capture.kernel,
                "dropped_interface": capture.interface, "dropped_queue": capture.queue);
        }
        if !end.damaged.is_empty() {
            field!(out, "damaged", end.damaged);
        }
        out.push(b'}');
    }
}

fn handshake(handshake: &Handshake, out: &mut Vec<u8>) {
    let Handshake { client, server, terms, .. } = handshake;
    field!(out, "client", client);
    field!(out, "server", server);
    field!(out, "community_id", community::id(*client, *server));
    field!(out, "transport", handshake.transport);
    if let Some(request) = &handshake.request {
        out.extend_from_slice(b",\"request\":");
        object!(out, "method": request.method, "target": request.target, "version": request.version,
            "headers": request.headers);
        optional!(out, "host", request.authority());
        field!(out, "target", request.target);
        optional!(out, "origin", request.headers.first(Name::Origin));
        optional!(out, "user_agent", request.headers.first(Name::UserAgent));
    }
    if let Some(response) = &handshake.response {
        out.extend_from_slice(b",\"response\":");
        object!(out, "status": response.status, "reason": response.reason, "version": response.version,
            "headers": response.headers);
    }
    if !terms.subprotocols.is_empty() {
        field!(out, "subprotocols", terms.subprotocols);
    }
    optional!(out, "subprotocol", &terms.subprotocol);
    optional!(out, "extensions", &terms.extensions);
    optional!(out, "extension", &terms.extension);
    optional!(out, "key", &terms.key);
    if let Some(accept) = &terms.accept {
        // The object's first field may be absent, so its comma is taken off again.
        let start = out.len() + b",\"accept\":{".len();
        out.extend_from_slice(b",\"accept\":{");
        optional!(out, "received", &accept.received);
        optional!(out, "expected", &accept.expected);
        optional!(out, "valid", accept.valid());
        out.remove(start);
        out.push(b'}');
    }
    field!(out, "verdict", handshake.verdict.name());
    if let Some(prologue) = &handshake.prologue {
        field!(out, "prologue", **prologue);
    }
    if let Some((asked, answered)) = handshake.turn {
        out.extend_from_slice(b",\"latency\":");
        write_seconds(answered.time.since(asked.time), out);
    }
}

fn frame(frame: &Frame, out: &mut Vec<u8>) {
    let header = &frame.header;
    field!(out, "from", frame.direction);
    field!(out, "number", frame.number);
    field!(out, "offset", frame.offset);
    field!(out, "fin", header.fin);
    field!(out, "rsv", header.rsv);
    field!(out, "opcode", header.opcode);
    if frame.truncated {
        field!(out, "truncated", true);
    } else {
        field!(out, "masked", header.masked);
        if let Some(key) = &header.masking_key {
            field!(out, "masking_key", Hex(key));
        }
        field!(out, "payload_length", header.payload_length);
    }
    field!(out, "compressed", frame.compressed);
    payload(&frame.payload, out);
    if frame.missing > 0 {
        field!(out, "missing", frame.missing);
    }
    optional!(out, "close", &frame.close);
    optional!(out, "message", frame.message);
    if let Some(rtt) = frame.rtt {
        out.extend_from_slice(b",\"rtt\":");
        write_seconds(rtt, out);
    }
}

fn message(message: &Message, out: &mut Vec<u8>) {
    field!(out, "from", message.direction);
    field!(out, "number", message.number);
    field!(out, "offset", message.offset);
    field!(out, "opcode", if message.text { "text" } else { "binary" });
    field!(out, "frames", message.frames);
    field!(out, "payload_length", message.payload_length);
    field!(out, "compressed", message.compressed);
    payload(&message.payload, out);
    if message.missing > 0 {
        field!(out, "missing", message.missing);
    }
    field!(out, "complete", message.complete);
    if let Some(decoded) = &message.decoded {
        decoded::message(decoded, out);
    }
}

fn payload(payload: &Payload, out: &mut Vec<u8>) {
    field!(out, "length", payload.length);
    if payload.text {
        field!(out, "text", Text(&payload.bytes));
    } else {
        field!(out, "base64", Base64(&payload.bytes));
    }
    if payload.is_cut() {
        field!(out, "kept", payload.bytes.len());
    }
    if !payload.holes.is_empty() {
        field!(out, "holes", payload.holes);
    }
    if !payload.unknown.is_empty() {
        field!(out, "unknown", payload.unknown);
    }
}

fn gap(gap: &Gap, out: &mut Vec<u8>) {
    field!(out, "from", gap.direction);
    field!(out, "offset", gap.offset);
    field!(out, "length", gap.length);
    if !gap.exact {
        field!(out, "exact", false);
    }
    field!(out, "reason", gap.reason.name());
}

fn closed(closed: &Closed, out: &mut Vec<u8>) {
    field!(out, "how", closed.how.name());
    optional!(out, "by", closed.by);
    optional!(out, "close", &closed.close);
    out.extend_from_slice(b",\"duration\":");
    write_seconds(closed.duration, out);
    field!(out, "client", closed.tally.to_server);
    field!(out, "server", closed.tally.to_client);
    if !closed.unanswered.is_empty() {
        field!(out, "unanswered", closed.unanswered);
    }
    if closed.forgotten > 0 {
        field!(out, "forgotten", closed.forgotten);
    }
}

/// Appends an object of names and counts.
pub fn counts<N: AsRef<str>>(counts: impl IntoIterator<Item = (N, u64)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, count)) in counts.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        name.as_ref().write(out);
        out.push(b':');
        count.write(out);
    }
    out.push(b'}');
}

/// Begins the object of an anomaly with what its rule says.
pub fn begin_anomaly(code: Code, out: &mut Vec<u8>) {
    let rule = code.rule();
    out.extend_from_slice(b"{\"code\":");
    rule.name.write(out);
    field!(out, "severity", rule.severity.name());
    field!(out, "reference", rule.reference);
}

impl Json for Direction {
    fn write(&self, out: &mut Vec<u8>) {
        self.sender().write(out);
    }
}

impl Json for Opcode {
    fn write(&self, out: &mut Vec<u8>) {
        self.name().write(out);
    }
}

impl Json for IpAddr {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            // Each record has two of them.
            Self::V4(ip) => {
                let mut opening = b'"';
                for octet in ip.octets() {
                    out.push(std::mem::replace(&mut opening, b'.'));
                    octet.write(out);
                }
                out.push(b'"');
            }
            Self::V6(ip) => ip.to_string().write(out),
        }
    }
}

impl Json for Endpoint {
    fn write(&self, out: &mut Vec<u8>) {
        object!(out, "ip": self.ip, "port": self.port);
    }
}

impl Json for Transport {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"http\":");
        self.http.name().write(out);
        optional!(out, "tls", self.tls.as_deref());
        optional!(out, "stream", self.stream);
        optional!(out, "proxy", &self.proxy);
        out.push(b'}');
    }
}

impl Json for Prologue {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"transport\":");
        self.name().write(out);
        field!(out, "path", self.path);
        cost(&self.cost, out);
        out.push(b'}');
    }
}

/// Appends the fields of what exchanges over HTTP took, each behind a comma.
pub(crate) fn cost(cost: &Cost, out: &mut Vec<u8>) {
    field!(out, "requests", cost.requests);
    field!(out, "answered", cost.answered);
    field!(out, "header_bytes", cost.header_bytes);
    field!(out, "payload_bytes", cost.payload_bytes);
    if let Some(mean) = cost.mean_latency() {
        out.extend_from_slice(b",\"latency\":{\"mean\":");
        write_seconds(mean, out);
        out.extend_from_slice(b",\"max\":");
        write_seconds(cost.slowest, out);
        out.push(b'}');
    }
}

impl Json for TlsSession {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"version\":");
        self.version.write(out);
        field!(out, "cipher", self.cipher);
        optional!(out, "sni", &self.sni);
        optional!(out, "alpn", &self.alpn);
        out.push(b'}');
    }
}

impl Json for Headers {
    fn write(&self, out: &mut Vec<u8>) {
        list(self.lines(), out, |line, out| line.write(out));
    }
}

impl Json for Close {
    fn write(&self, out: &mut Vec<u8>) {
        match self.code {
            Some(code) => object!(out, "code": code, "name": self.name(), "reason": self.reason),
            None => object!(out, "name": self.name(), "reason": self.reason),
        }
    }
}

impl Json for Anomaly {
    fn write(&self, out: &mut Vec<u8>) {
        begin_anomaly(self.code, out);
        optional!(out, "from", self.side);
        field!(out, "text", self.to_string());
        out.push(b'}');
    }
}

impl Json for Tally {
    fn write(&self, out: &mut Vec<u8>) {
        object!(out, "frames": self.frames, "messages": self.messages, "payload_bytes": self.payload_bytes,
            "bytes": self.bytes, "wire_bytes": self.wire_bytes, "gaps": self.gaps, "missing": self.missing,
            "anomalies": self.anomalies);
    }
}

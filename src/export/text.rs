//! A readable line a record, and one below it for each anomaly.
//!
//! ```text
//! 09:15:44.956829  #1   -> text               28  One message in three frames.  in 3 frames
//! ```

use std::fmt::Write as _;

use crate::anomaly::{Anomaly, Severity};
use crate::dissect::decoded::Decoded;
use crate::duplex::Direction;
use crate::event::{Body, Closed, Event, Frame, Handshake, Message, NO_CONNECTION, Verdict};
use crate::export::escape::{is_unsafe, push_broken, push_escaped};
use crate::export::time::{Clock, write_seconds};
use crate::export::{Conclusion, Format};
use crate::input::Counters;
use crate::origin::Timestamp;
use crate::outbox::Summary;
use crate::payload::Payload;

/// Characters of a payload that are shown.
const SHOWN: usize = 240;

/// The text timeline.
#[derive(Debug, Default)]
pub struct Text {
    clock: Clock,
    line: String,
}

impl Format for Text {
    fn event(&mut self, event: &Event, _started: Timestamp, out: &mut Vec<u8>) {
        self.clock.write_time_of_day(event.time(), out);
        self.line.clear();
        let arrow = match event.body.direction() {
            Some(Direction::ToServer) => "->",
            Some(Direction::ToClient) => "<-",
            None => "--",
        };
        match event.connection {
            NO_CONNECTION => write!(self.line, "  {:<4} {arrow} ", ""),
            connection => write!(self.line, "  #{connection:<3} {arrow} "),
        }
        .expect("a String takes all");
        describe(&event.body, &mut self.line).expect("a String takes all");
        out.extend_from_slice(self.line.as_bytes());
        out.push(b'\n');
        for anomaly in event.body.anomalies() {
            self.line.clear();
            self.line.push_str("                       ");
            describe_anomaly(anomaly, &mut self.line).expect("a String takes all");
            out.extend_from_slice(self.line.as_bytes());
            out.push(b'\n');
        }
    }

    fn end(&mut self, end: &Conclusion<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(summary(end.summary).as_bytes());
        out.push(b'\n');
    }
}

/// `1 packet`, `2 packets`.
pub fn count(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// One line that says what was found.
pub fn summary(summary: &Summary) -> String {
    let verdicts = Verdict::ALL.map(Verdict::name).into_iter().zip(summary.handshakes);
    let verdicts: Vec<_> =
        verdicts.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    let verdicts = if verdicts.is_empty() { String::new() } else { format!(" ({})", verdicts.join(", ")) };
    let of = |severity| {
        let weighed = summary.anomalies.iter().filter(|(code, _)| code.rule().severity == severity);
        weighed.map(|(_, count)| count).sum::<u64>()
    };
    let mut text = format!(
        "{}, {}, {}{verdicts}, {}, {}, {}, {}, {}",
        count(summary.packets, "packet", "packets"),
        count(summary.flows, "flow", "flows"),
        count(summary.connections, "connection", "connections"),
        count(summary.frames.iter().sum(), "frame", "frames"),
        count(summary.messages, "message", "messages"),
        count(of(Severity::Violation), "violation", "violations"),
        count(of(Severity::Warning), "warning", "warnings"),
        count(of(Severity::Loss), "loss", "losses"),
    );
    let tls = &summary.tls;
    if tls.connections > 0 {
        text += &format!("; {}", count(tls.connections, "TLS connection", "TLS connections"));
        let became = [(tls.decrypted, "decrypted"), (tls.without_keys, "without keys"), (tls.failed, "failed")];
        let became: Vec<_> = became.iter().filter(|(count, _)| *count > 0).collect();
        let became: Vec<_> = became.iter().map(|(count, what)| format!("{count} {what}")).collect();
        text += &format!(" ({})", became.join(", "));
    }
    if tls.malformed_lines > 0 {
        text += &format!("; {} of the key log not understood", count(tls.malformed_lines, "line", "lines"));
    }
    if let Some(capture) = &summary.capture {
        text += &format!("; {}", self::capture(capture));
    }
    if !summary.unknown_links.is_empty() {
        let links: Vec<_> = summary.unknown_links.iter().map(ToString::to_string).collect();
        text += &format!("; link types not known: {}", links.join(", "));
    }
    text
}

/// What a live capture counted; who dropped is said where anything was.
fn capture(capture: &Counters) -> String {
    let received = count(capture.received, "packet received", "packets received");
    let by = [("kernel", capture.kernel), ("interface", capture.interface), ("analysis", capture.queue)];
    let by: Vec<_> =
        by.iter().filter(|(_, count)| *count > 0).map(|(who, count)| format!("{count} by the {who}")).collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    format!("{received}, {} dropped{by}", capture.dropped())
}

fn describe(body: &Body, line: &mut String) -> std::fmt::Result {
    match body {
        Body::Handshake(_) => line.push_str("handshake    "),
        Body::Frame(frame) => write!(line, "{:<12} {:>8}  ", frame.header.opcode.name(), frame.payload.length)?,
        Body::Message(message) => {
            let kind = if message.text { "text" } else { "binary" };
            write!(line, "{kind:<12} {:>8}  ", message.payload.length)?;
        }
        Body::Gap(gap) => write!(line, "gap          {:>8}  ", gap.length)?,
        Body::Notice(_) => line.push_str("notice"),
        Body::Closed(_) => line.push_str("closed       "),
    }
    describe_content(body, line)
}

/// What is behind kind and size: the beginning of the payload, the request line, how it ended; escaped for a terminal.
///
/// # Errors
/// Never: a `String` takes all.
pub fn describe_content(body: &Body, line: &mut String) -> std::fmt::Result {
    match body {
        Body::Handshake(handshake) => describe_handshake(handshake, line),
        Body::Frame(frame) => describe_frame(frame, line),
        Body::Message(message) => describe_message(message, line),
        Body::Gap(gap) => write!(line, "{} at offset {}", gap.reason.name(), gap.offset),
        Body::Notice(_) => Ok(()),
        Body::Closed(closed) => describe_closed(closed, line),
    }
}

fn describe_handshake(handshake: &Handshake, line: &mut String) -> std::fmt::Result {
    write!(line, "{}  ", handshake.verdict.name())?;
    match &handshake.request {
        Some(request) => {
            push_escaped(&request.method, line);
            line.push(' ');
            push_escaped(&handshake.uri().unwrap_or_default(), line);
        }
        None => write!(line, "request not captured")?,
    }
    match &handshake.response {
        Some(response) => {
            write!(line, " = {} ", response.status)?;
            push_escaped(&response.reason, line);
        }
        None => write!(line, " = no response captured")?,
    }
    write!(line, "  {} -> {}", handshake.client, handshake.server)?;
    if let Some(prologue) = &handshake.prologue {
        write!(line, "  after {} by {} of ", count(prologue.cost.requests, "request", "requests"), prologue.name())?;
        push_escaped(&prologue.path, line);
    }
    for (name, value) in [("subprotocol", &handshake.terms.subprotocol), ("extension", &handshake.terms.extension)] {
        if let Some(value) = value {
            write!(line, "  {name} ")?;
            push_escaped(value, line);
        }
    }
    Ok(())
}

fn describe_frame(frame: &Frame, line: &mut String) -> std::fmt::Result {
    if !frame.header.fin {
        line.push_str("[more] ");
    }
    match &frame.close {
        Some(close) => {
            if let Some(code) = close.code {
                write!(line, "{code} ")?;
            }
            write!(line, "{} ", close.name())?;
            push_escaped(&close.reason, line);
        }
        None => describe_payload(&frame.payload, line)?,
    }
    if let Some(rtt) = frame.rtt {
        line.push_str("  after ");
        describe_seconds(rtt, line)?;
    }
    describe_missing(frame.missing, line)
}

fn describe_message(message: &Message, line: &mut String) -> std::fmt::Result {
    if !message.complete {
        line.push_str("[incomplete] ");
    }
    match &message.decoded {
        Some(decoded) => describe_decoded(decoded, &message.payload, line)?,
        None => describe_payload(&message.payload, line)?,
    }
    if message.frames > 1 {
        write!(line, "  in {} frames", message.frames)?;
    }
    describe_missing(message.missing, line)
}

/// A summary stands for the payload, where there is one.
fn describe_decoded(decoded: &Decoded, payload: &Payload, line: &mut String) -> std::fmt::Result {
    let summary = decoded.summary();
    if summary.is_empty() {
        describe_payload(payload, line)?;
    } else {
        write!(line, "{} ", decoded.protocol)?;
        push_escaped(&summary, line);
    }
    if let Some(reply) = decoded.reply() {
        write!(line, "  answers #{} after ", reply.message)?;
        describe_seconds(reply.latency, line)?;
    }
    Ok(())
}

fn describe_seconds(nanoseconds: i64, line: &mut String) -> std::fmt::Result {
    let mut seconds = Vec::new();
    write_seconds(nanoseconds, &mut seconds);
    write!(line, "{} s", String::from_utf8_lossy(&seconds))
}

fn describe_missing(missing: u64, line: &mut String) -> std::fmt::Result {
    if missing > 0 { write!(line, "  {missing} bytes not captured") } else { Ok(()) }
}

fn describe_payload(payload: &Payload, line: &mut String) -> std::fmt::Result {
    let mut shown = payload.bytes.len().min(SHOWN);
    if payload.text {
        let text = str::from_utf8(&payload.bytes).unwrap_or_default();
        shown = text.char_indices().map(|(at, _)| at).nth(SHOWN).unwrap_or(text.len());
        push_escaped(&text[..shown], line);
    } else if !payload.unknown.is_empty() || !payload.holes.is_empty() {
        shown = push_broken(payload, shown, line);
    } else if let Some(text) = readable(&payload.bytes) {
        shown = text.len();
        write!(line, "{text:?}")?;
    } else {
        shown = shown.min(SHOWN / 8);
        for (index, byte) in payload.bytes[..shown].iter().enumerate() {
            write!(line, "{}{byte:02x}", if index > 0 { " " } else { "" })?;
        }
    }
    let more = payload.length - shown as u64;
    if more > 0 { write!(line, " ... {more} more bytes") } else { Ok(()) }
}

/// Short bytes that are plain text though nothing says so, as pings often are.
fn readable(bytes: &[u8]) -> Option<&str> {
    let short = (1..=SHOWN / 2).contains(&bytes.len());
    str::from_utf8(bytes).ok().filter(|text| short && !text.chars().any(is_unsafe))
}

fn describe_closed(closed: &Closed, line: &mut String) -> std::fmt::Result {
    line.push_str(closed.how.name());
    if let Some(by) = closed.by {
        write!(line, " by {}", by.sender())?;
    }
    line.push_str(" after ");
    describe_seconds(closed.duration, line)?;
    for direction in Direction::BOTH {
        let tally = &closed.tally[direction];
        write!(line, "  {}: {} frames {} bytes", direction.sender(), tally.frames, tally.bytes)?;
    }
    let unanswered = closed.unanswered.len() as u64 + closed.forgotten;
    if unanswered > 0 {
        write!(line, "  {} unanswered", count(unanswered, "request", "requests"))?;
    }
    Ok(())
}

fn describe_anomaly(anomaly: &Anomaly, line: &mut String) -> std::fmt::Result {
    let rule = anomaly.code.rule();
    write!(line, "! {} {} [{}] ", rule.severity.name(), rule.name, rule.reference)?;
    push_escaped(&anomaly.to_string(), line);
    Ok(())
}

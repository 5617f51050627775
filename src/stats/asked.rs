//! Requests of sub-protocols, and the polling before them, to lines of the table.

use std::fmt::{Result, Write as _};

use crate::duplex::Direction;
use crate::export::escape::push_escaped;
use crate::export::text::count;
use crate::stats::methods::{Method, Methods};
use crate::stats::text::{Bytes, Duration, line};
use crate::stats::traffic::{Side, Traffic};

/// Methods, and requests without an answer, that are shown; JSON has all.
const SHOWN: usize = 20;

/// Latencies of the methods of a sub-protocol, and what was never answered.
pub(super) fn requests(methods: &Methods, out: &mut String) {
    line(out, format_args!("   method                        answered     not       p50       p95       max"));
    let named = methods.by_answers();
    for (name, of) in named.iter().take(SHOWN) {
        method(name, of, out);
    }
    if methods.others != Method::default() {
        method("(others)", &methods.others, out);
    }
    let hidden = named.len().saturating_sub(SHOWN) as u64;
    if hidden > 0 {
        line(out, format_args!("   and {} (--format json)", count(hidden, "method more", "methods more")));
    }
    for (connection, request) in methods.unanswered.iter().take(SHOWN) {
        let mut name = String::new();
        push_escaped(&request.method, &mut name);
        let (sender, message) = (request.direction.sender(), request.message);
        line(out, format_args!("   no answer to #{connection} {sender} {message}: {name}"));
    }
    let hidden = methods.unanswered.len().saturating_sub(SHOWN) as u64 + methods.more;
    if hidden > 0 {
        line(out, format_args!("   and to {}", count(hidden, "request more", "requests more")));
    }
}

fn method(name: &str, of: &Method, out: &mut String) {
    const NAME: usize = 28;
    let mut text = String::new();
    push_escaped(name, &mut text);
    if text.chars().count() > NAME {
        text = text.chars().take(NAME - 1).chain(['~']).collect();
    }
    let nanos = |nanos: Option<u64>| match nanos {
        Some(nanos) => Duration(nanos.cast_signed()).to_string(),
        None => "-".to_owned(),
    };
    let (answered, not) = (of.latency.count(), of.unanswered);
    let max = (answered > 0).then(|| of.latency.max());
    let [half, most, max] = [of.latency.percentile(50), of.latency.percentile(95), max].map(nanos);
    line(out, format_args!("   {text:<NAME$}{answered:>10}{not:>8}{half:>10}{most:>10}{max:>10}"));
}

/// What polling took before, and what a message took since.
pub(super) fn polled(traffic: &Traffic, text: &mut String) -> Result {
    let Some(cost) = &traffic.polled else { return Ok(()) };
    let [heads, bodies] = [cost.header_bytes, cost.payload_bytes].map(Bytes);
    write!(text, "{} before: heads {heads}, bodies {bodies}", count(cost.requests, "request", "requests"))?;
    if let Some(mean) = cost.mean_latency() {
        let [mean, slowest] = [mean, cost.slowest].map(Duration);
        let each = cost.answered.max(1);
        let [head, body] = [cost.header_bytes / each, cost.payload_bytes / each].map(Bytes);
        write!(text, "\n             answered after {mean} on average, at most {slowest}")?;
        write!(text, "\n             a request with its answer: {head} of heads for {body}")?;
    }
    let messages = traffic.messages();
    if messages > 0 {
        let of = |bytes: fn(&Side) -> u64| {
            Bytes(Direction::BOTH.iter().map(|way| bytes(&traffic.sides[*way])).sum::<u64>() / messages)
        };
        let [headers, payload] = [of(|side| side.header_bytes), of(|side| side.payload_bytes)];
        write!(text, "\n             a message since: {headers} of frame headers for {payload}")?;
    }
    Ok(())
}

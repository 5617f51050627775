//! Requests of sub-protocols, and the polling before them, to lines of the table.

use crate::duplex::Direction;
use crate::export::escape::push_escaped;
use crate::stats::methods::{Method, Methods};
use crate::stats::traffic::{Side, Traffic};
use crate::stats::words::{Bytes, Count, Duration, Escaped, Left, Right, line, push};

/// Methods, and requests without an answer, that are shown; JSON has all.
const SHOWN: usize = 20;

/// Latencies of the methods of a sub-protocol, and what was never answered.
pub(super) fn requests(methods: &Methods, out: &mut String) {
    line!(out, "   method                        answered     not       p50       p95       max");
    let named = methods.by_answers();
    for (name, of) in named.iter().take(SHOWN) {
        method(name, of, out);
    }
    if methods.others != Method::default() {
        method("(others)", &methods.others, out);
    }
    let hidden = named.len().saturating_sub(SHOWN) as u64;
    if hidden > 0 {
        line!(out, "   and ", Count(hidden, "method more", "methods more"), " (--format json)");
    }
    for (connection, request) in methods.unanswered.iter().take(SHOWN) {
        let (sender, message) = (request.direction.sender(), request.message);
        line!(out, "   no answer to #", *connection, " ", sender, " ", message, ": ", Escaped(&request.method));
    }
    let hidden = methods.unanswered.len().saturating_sub(SHOWN) as u64 + methods.more;
    if hidden > 0 {
        line!(out, "   and to ", Count(hidden, "request more", "requests more"));
    }
}

fn method(name: &str, of: &Method, out: &mut String) {
    const NAME: usize = 28;
    let mut text = String::new();
    push_escaped(name, &mut text);
    if text.chars().count() > NAME {
        text = text.chars().take(NAME - 1).chain(['~']).collect();
    }
    let max = (of.latency.count() > 0).then(|| of.latency.max());
    let [half, most, max] = [of.latency.percentile(50), of.latency.percentile(95), max]
        .map(|nanos| Right(10, nanos.map(|nanos| Duration(nanos.cast_signed()))));
    let (answered, not) = (Right(10, of.latency.count()), Right(8, of.unanswered));
    line!(out, "   ", Left(NAME, &text), answered, not, half, most, max);
}

/// What polling took before, and what a message took since.
pub(super) fn polled(traffic: &Traffic, out: &mut String) {
    let Some(cost) = &traffic.more().polled else { return };
    let [heads, bodies] = [cost.header_bytes, cost.payload_bytes].map(Bytes);
    push!(out, Count(cost.requests, "request", "requests"), " before: heads ", heads, ", bodies ", bodies);
    if let Some(mean) = cost.mean_latency() {
        let [mean, slowest] = [mean, cost.slowest].map(Duration);
        let each = cost.answered.max(1);
        let [head, body] = [cost.header_bytes / each, cost.payload_bytes / each].map(Bytes);
        push!(out, "\n             answered after ", mean, " on average, at most ", slowest);
        push!(out, "\n             a request with its answer: ", head, " of heads for ", body);
    }
    let messages = traffic.messages();
    if messages > 0 {
        let of = |bytes: fn(&Side) -> u64| {
            Bytes(Direction::BOTH.iter().map(|way| bytes(&traffic.sides[*way])).sum::<u64>() / messages)
        };
        let [headers, payload] = [of(|side| side.header_bytes), of(|side| side.payload_bytes)];
        push!(out, "\n             a message since: ", headers, " of frame headers for ", payload);
    }
}

//! What became of a capture, in a line: how its connections stand, and what could not be seen.

use std::collections::BTreeMap;

use crate::outbox::Summary;
use crate::store::Store;

use super::show;

/// Connections that are looked at; of more a line says little.
const CONNECTIONS: usize = 10_000;
/// States that are named, those of most connections.
const STATES: usize = 3;

/// How the connections stand: `2x 1000, 1x open`.
pub fn states(store: &Store) -> String {
    let mut counts = BTreeMap::<String, u64>::new();
    for connection in store.connections().take(CONNECTIONS) {
        *counts.entry(connection.state()).or_default() += 1;
    }
    let mut states: Vec<_> = counts.into_iter().collect();
    states.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    states.into_iter().take(STATES).map(|(state, count)| format!("{count}x {state}")).collect::<Vec<_>>().join(", ")
}

/// The line for a capture that was read to its end.
pub fn of(store: &Store, summary: &Summary) -> String {
    let mut line = show::counted(summary.connections, "connection", "connections");
    let states = states(store);
    if !states.is_empty() {
        line.push_str(&format!(" ({states})"));
    }
    if summary.gaps > 0 {
        line.push_str(&format!(", {}", show::counted(summary.gaps, "gap", "gaps")));
    }
    if let Some(closed) = unopened(summary) {
        line.push_str(&format!(", {closed}"));
    }
    line
}

/// The TLS connections that could not be looked into, where there are any.
pub fn unopened(summary: &Summary) -> Option<String> {
    let tls = &summary.tls;
    let count = tls.without_keys + tls.failed;
    (count > 0).then(|| format!("{} not opened (--keylog)", show::counted(count, "TLS connection", "TLS connections")))
}

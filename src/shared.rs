//! What all connections share while they are analysed: the question, the answers, and the tools that are lent.

use crate::config::Config;
use crate::outbox::Outbox;
use crate::tcp::unacknowledged::Spares;
use crate::tls;
use crate::ws::tools::Tools;

/// What all connections share.
#[derive(Debug, Default)]
pub struct Shared {
    /// What is asked for.
    pub config: Config,
    /// Where events go.
    pub outbox: Outbox,
    /// Secrets, and what else is needed to open TLS.
    pub tls: tls::Tools,
    /// Room for bytes that are not acknowledged.
    pub spares: Spares,
    /// Inflaters and room to work in.
    pub tools: Tools,
}

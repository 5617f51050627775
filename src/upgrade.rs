//! HTTP/1.1 up to the upgrade: the exchange, and the handshake that is told of it (RFC 6455 §4).

use crate::anomaly::Anomaly;
use crate::carrier::Carrier;
use crate::duplex::Direction;
use crate::event::ConnectionId;
use crate::http::exchange::{Answered, Asked, Exchange};
use crate::http::head;
use crate::http::headers::Name;
use crate::http2::frame;
use crate::ledger::Nonce;
use crate::opening::Halves;
use crate::shared::Shared;
use crate::ws::connection::Opening;
use crate::ws::handshake;

/// Requests and responses, and the upgrade among them that waits for its answer.
#[derive(Debug, Default)]
pub struct Upgrade {
    /// Requests and responses.
    pub exchange: Exchange,
    /// Number of the connection that the upgrade request begins.
    pub connection: Option<ConnectionId>,
    /// Nonce of the last handshake: asking again on the same TCP connection, say with credentials, may repeat it.
    nonce: Option<Nonce>,
    /// What was odd in the transport of the handshake, to be told with it.
    notices: Vec<Anomaly>,
}

impl Upgrade {
    /// Whether what waits begins with a TLS record.
    pub fn is_tls(&self) -> bool {
        Direction::BOTH.iter().any(|&way| head::is_tls(self.exchange.inbox(way).bytes()))
    }

    /// Whether what waits begins an HTTP/2 connection: with the client's preface, or with the server's first frame.
    pub fn is_http2(&self) -> bool {
        let [client, server] = Direction::BOTH.map(|way| self.exchange.inbox(way).bytes());
        let preface = frame::PREFACE.starts_with(&client[..client.len().min(frame::PREFACE.len())]);
        preface && (client.len() >= head::PREFACE_LINE || head::is_http2_settings(server) == Some(true))
    }

    /// Keeps an anomaly until the handshake is told; one of each kind and side is enough.
    pub fn note(&mut self, anomaly: Anomaly) {
        if !self.notices.iter().any(|other| (other.code, other.side) == (anomaly.code, anomaly.side)) {
            self.notices.push(anomaly);
        }
    }

    /// Judges a handshake and tells it; `established`: a WebSocket follows.
    pub fn tell(
        &mut self,
        asked: Option<Asked>,
        answered: Option<Answered>,
        established: bool,
        carrier: Carrier<'_>,
        shared: &mut Shared,
    ) -> Opening {
        let connection = self.connection.take().unwrap_or_else(|| shared.outbox.begin());
        let key = asked.as_ref().and_then(|asked| asked.request.headers.first(Name::SecWebSocketKey));
        if let Some(nonce) = key.and_then(handshake::nonce)
            && self.nonce.replace(nonce) != Some(nonce)
        {
            shared.outbox.ask(nonce);
        }
        let anomalies = std::mem::take(&mut self.notices);
        let carrier = Carrier { proxy: self.exchange.proxy().or(carrier.proxy), ..carrier };
        Halves { connection, asked, answered, established, anomalies }.tell(carrier, shared)
    }
}

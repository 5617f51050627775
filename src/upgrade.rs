//! HTTP/1.1 up to the upgrade: the exchange, and the handshake that is told of it (RFC 6455 §4).

use crate::anomaly::{Anomaly, Code, Detail};
use crate::carrier::Carrier;
use crate::duplex::{Direction, Duplex};
use crate::event::{Body, ConnectionId, Event, Handshake, HttpVersion};
use crate::http::exchange::{Answered, Asked, Exchange};
use crate::http::head;
use crate::ledger::Nonce;
use crate::origin::Span;
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
        let connection = self.connection.take().unwrap_or_else(|| shared.ledger.number());
        let request = asked.as_ref().map(|asked| &asked.request);
        let mut judged =
            handshake::judge(request, answered.as_ref().map(|answered| &answered.response), carrier.tls.is_some());
        if let Some(key) = &judged.terms.key
            && let Some(nonce) = handshake::nonce(key)
            && self.nonce.replace(nonce) != Some(nonce)
            && shared.ledger.is_reused(nonce, shared.config.limits.nonces)
        {
            let reused = Anomaly::new(Code::HandshakeKeyReused, Detail::Found(key.clone()));
            judged.anomalies.push(reused.by(Direction::ToServer));
        }
        judged.anomalies.append(&mut self.notices);
        let spans = (asked.as_ref().map(|asked| asked.span), answered.as_ref().map(|answered| answered.span));
        let span = match spans {
            (Some(asked), Some(answered)) => Span { first: asked.first, last: answered.last },
            (Some(span), None) | (None, Some(span)) => span,
            (None, None) => Span::default(),
        };
        let opening = Opening {
            connection,
            first: span.first,
            heard: Duplex { to_server: asked.is_some(), to_client: answered.is_some() },
            agreement: judged.agreement,
            answered_at: answered.as_ref().map(|answered| answered.end),
        };
        let carrier = Carrier { proxy: self.exchange.proxy().or(carrier.proxy), ..carrier };
        let handshake = Handshake {
            client: carrier.client,
            server: carrier.server,
            transport: carrier.transport(HttpVersion::Http11, None),
            turn: spans.0.zip(spans.1).map(|(asked, answered)| (asked.last, answered.first)),
            request: asked.map(|asked| asked.request),
            response: answered.map(|answered| answered.response),
            terms: judged.terms,
            verdict: judged.verdict,
            established,
            anomalies: judged.anomalies,
        };
        shared.outbox.push(Event { connection, span, body: Body::Handshake(Box::new(handshake)) });
        opening
    }
}

//! The two halves of a handshake to the event that tells it, and to what it opens (RFC 6455 §4).

use crate::anomaly::Anomaly;
use crate::carrier::Carrier;
use crate::duplex::Duplex;
use crate::event::{Body, ConnectionId, Event, Handshake};
use crate::http::exchange::{Answered, Asked};
use crate::origin::Span;
use crate::shared::Shared;
use crate::ws::connection::Opening;
use crate::ws::handshake;

/// What was captured of a handshake.
#[derive(Debug)]
pub struct Halves {
    /// Number of the connection that it begins.
    pub connection: ConnectionId,
    /// The request.
    pub asked: Option<Asked>,
    /// The final response.
    pub answered: Option<Answered>,
    /// Whether a WebSocket follows.
    pub established: bool,
    /// What was odd beside the heads themselves.
    pub anomalies: Vec<Anomaly>,
}

impl Halves {
    /// Judges the handshake and tells it.
    pub fn tell(self, carrier: Carrier<'_>, shared: &mut Shared) -> Opening {
        let Self { connection, asked, answered, established, anomalies } = self;
        let request = asked.as_ref().map(|asked| &asked.request);
        let response = answered.as_ref().map(|answered| &answered.response);
        let mut judged = handshake::judge(request, response, carrier.tls.is_some());
        judged.add(anomalies);
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
        let handshake = Handshake {
            client: carrier.client,
            server: carrier.server,
            transport: carrier.transport(),
            turn: spans.0.zip(spans.1).map(|(asked, answered)| (asked.last, answered.first)),
            request: asked.map(|asked| asked.request),
            response: answered.map(|answered| answered.response),
            terms: judged.terms,
            verdict: judged.verdict,
            established,
            prologue: None,
            anomalies: judged.anomalies,
        };
        shared.outbox.push(Event { connection, span, body: Body::Handshake(Box::new(handshake)) });
        opening
    }
}

//! Conversations for the tests of dissectors, through the whole stage.

use prost_reflect::DescriptorPool;

use super::Dissector;
use super::decoded::Value;
use crate::config::{Config, DecodeAs};
use crate::duplex::{Direction, Duplex};
use crate::event::{Body, Closed, End, Event, Handshake, Message, Terms, Verdict};
use crate::http::head::Request;
use crate::http::headers::Headers;
use crate::net::segment::Endpoint;
use crate::origin::{Origin, Span, Timestamp};
use crate::payload::Payload;

/// One connection; a message a second.
pub(super) struct Talk {
    dissector: Dissector,
    numbers: Duplex<u64>,
    packets: u64,
}

/// A message as it comes out.
pub(super) struct Told(pub(super) Message);

impl Talk {
    pub(super) fn on(target: &str, subprotocol: Option<&str>) -> Self {
        Self::with(target, subprotocol, None, Verdict::Accepted)
    }

    pub(super) fn by_hand(protocol: &str) -> Self {
        Self::with("/", None, Some(protocol), Verdict::Accepted)
    }

    pub(super) fn with_schema(protocol: &str, schema: DescriptorPool) -> Self {
        let mut talk = Self::with("/", None, None, Verdict::Rejected);
        let decode_as = vec![DecodeAs { port: 80, protocol: protocol.to_owned() }];
        talk.dissector = Dissector::new(&Config { decode_as, schema: Some(schema), ..Config::default() });
        talk.open("/", None, Verdict::Accepted);
        talk
    }

    /// Joined in the middle.
    pub(super) fn late(protocol: &str) -> Self {
        Self::with("/", None, Some(protocol), Verdict::Unseen)
    }

    /// The same where nothing is known of the protocol.
    pub(super) fn late_anywhere() -> Self {
        Self::with("/", None, None, Verdict::Unseen)
    }

    fn with(target: &str, subprotocol: Option<&str>, by_hand: Option<&str>, verdict: Verdict) -> Self {
        let decode_as = by_hand.map(|protocol| DecodeAs { port: 80, protocol: protocol.to_owned() });
        let config = Config { decode_as: decode_as.into_iter().collect(), ..Config::default() };
        let mut talk = Self { dissector: Dissector::new(&config), numbers: Duplex::default(), packets: 0 };
        talk.open(target, subprotocol, verdict);
        talk
    }

    fn open(&mut self, target: &str, subprotocol: Option<&str>, verdict: Verdict) {
        let endpoint = |port| Endpoint { ip: [10, 0, 0, 1].into(), port };
        let request =
            Request { method: "GET".into(), target: target.into(), version: "1.1".into(), headers: Headers::default() };
        let handshake = Handshake {
            request: Some(request),
            terms: Terms { subprotocol: subprotocol.map(Into::into), ..Terms::default() },
            verdict,
            ..Handshake::unseen(endpoint(50_000), endpoint(80))
        };
        self.event(Body::Handshake(Box::new(handshake)));
    }

    pub(super) fn client(&mut self, text: &str) -> Told {
        self.message(Direction::ToServer, true, text.as_bytes())
    }

    pub(super) fn server(&mut self, text: &str) -> Told {
        self.message(Direction::ToClient, true, text.as_bytes())
    }

    pub(super) fn client_binary(&mut self, bytes: &[u8]) -> Told {
        self.message(Direction::ToServer, false, bytes)
    }

    pub(super) fn server_binary(&mut self, bytes: &[u8]) -> Told {
        self.message(Direction::ToClient, false, bytes)
    }

    /// A message of which not all is there.
    pub(super) fn incomplete(&mut self, direction: Direction) -> Told {
        self.tell(direction, false, b"?", false)
    }

    /// What was asked for and not answered when the connection is over.
    pub(super) fn unanswered(mut self) -> Vec<String> {
        let closed = Closed {
            how: End::Fin,
            by: None,
            close: None,
            duration: 0,
            tally: Duplex::default(),
            unanswered: Vec::new(),
            forgotten: 0,
        };
        let Body::Closed(closed) = self.event(Body::Closed(Box::new(closed))).body else { panic!("an end") };
        assert_eq!(self.dissector.held, 0, "nothing is kept of a connection that is over");
        closed.unanswered.iter().map(|request| request.method.to_string()).collect()
    }

    fn message(&mut self, direction: Direction, text: bool, bytes: &[u8]) -> Told {
        self.tell(direction, text, bytes, true)
    }

    fn tell(&mut self, direction: Direction, text: bool, bytes: &[u8], complete: bool) -> Told {
        self.numbers[direction] += 1;
        let mut payload = Payload::default();
        payload.append(bytes, usize::MAX);
        let message = Message {
            text,
            frames: 1,
            payload_length: bytes.len() as u64,
            payload,
            complete,
            ..Message::new(direction, self.numbers[direction])
        };
        let Body::Message(message) = self.event(Body::Message(Box::new(message))).body else { panic!("a message") };
        Told(*message)
    }

    fn event(&mut self, body: Body) -> Event {
        self.packets += 1;
        let origin = Origin { packet: self.packets, time: Timestamp(self.packets as i64 * 1_000_000_000) };
        let mut event = Event { connection: 1, span: Span::at(origin), body };
        self.dissector.event(&mut event);
        event
    }
}

impl Told {
    pub(super) fn protocol(&self) -> Option<&str> {
        self.0.decoded.as_ref().map(|decoded| &*decoded.protocol)
    }

    pub(super) fn kinds(&self) -> Vec<&str> {
        self.0.decoded.iter().flat_map(|decoded| &decoded.units).map(|unit| &*unit.kind).collect()
    }

    pub(super) fn summary(&self) -> String {
        self.0.decoded.as_ref().expect("decoded").summary()
    }

    pub(super) fn field(&self, name: &str) -> Vec<Value> {
        self.0.decoded.iter().flat_map(|decoded| decoded.field(name)).map(std::borrow::Cow::into_owned).collect()
    }

    /// Number and method of the request that it answers.
    pub(super) fn answers(&self) -> Option<(u64, &str)> {
        let reply = self.0.decoded.as_ref()?.reply()?;
        Some((reply.message, &reply.method))
    }

    pub(super) fn begins(&self) -> Option<u64> {
        self.0.decoded.as_ref()?.units.first()?.begins.map(|begin| begin.message)
    }

    pub(super) fn is_keepalive(&self) -> bool {
        self.0.decoded.as_ref().is_some_and(|decoded| decoded.is_keepalive())
    }

    pub(super) fn codes(&self) -> Vec<&'static str> {
        self.0.anomalies.iter().map(|anomaly| anomaly.code.rule().name).collect()
    }
}

/// Each of these, first from the client, is no message of the protocol that `target` stands for.
pub(super) fn failing(target: &str, messages: &[&str], code: &str) {
    for message in messages {
        let told = Talk::on(target, None).client(message);
        assert_eq!((told.kinds(), told.codes()), (vec!["unknown"], vec![code]), "{message:?}");
    }
}

//! What the memory keeps of each connection besides its numbers: enough for a line about it, and which rows are its own.

use crate::duplex::Direction;
use crate::event::{Body, Closed, ConnectionId, End, Event, Frame, Handshake, Verdict};
use crate::net::segment::Endpoint;
use crate::origin::Timestamp;
use crate::ws::close::Close;

use super::list::List;
use super::{Row, RowId};

/// Characters kept of what peers named; heads may be long, and connections many.
const NAME: usize = 256;

/// A connection as far as it was told.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its number.
    pub id: ConnectionId,
    /// Who asked and who was asked.
    pub ends: Option<(Endpoint, Endpoint)>,
    /// Where the client went; empty where the request was not captured.
    pub uri: Box<str>,
    /// Subprotocol chosen.
    pub subprotocol: Option<Box<str>>,
    /// Extensions agreed.
    pub extension: Option<Box<str>>,
    /// What came of the handshake.
    pub verdict: Option<Verdict>,
    /// Status code of the response.
    pub status: Option<u16>,
    /// Whether a WebSocket was opened.
    pub established: bool,
    /// Row of the handshake.
    pub handshake: Option<RowId>,
    /// The first Close frame, and who sent it.
    pub close: Option<(Close, Direction)>,
    /// How it ended.
    pub end: Option<End>,
    /// When its first and its latest event happened.
    pub period: (Timestamp, Timestamp),
    /// Its rows.
    pub rows: List,
}

impl Connection {
    /// A connection of which nothing is known yet.
    pub fn new(id: ConnectionId, time: Timestamp) -> Self {
        Self {
            id,
            ends: None,
            uri: "".into(),
            subprotocol: None,
            extension: None,
            verdict: None,
            status: None,
            established: false,
            handshake: None,
            close: None,
            end: None,
            period: (time, time),
            rows: List::default(),
        }
    }

    /// Learns of an event of it, which became this row.
    pub fn learn(&mut self, event: &Event, number: RowId, row: &Row) {
        self.rows.push(number);
        self.period.1 = self.period.1.max(row.time);
        match &event.body {
            Body::Handshake(handshake) => self.learn_handshake(handshake, number),
            Body::Frame(frame) => self.learn_frame(frame),
            Body::Closed(closed) => self.learn_end(closed),
            Body::Message(_) | Body::Gap(_) | Body::Notice(_) => {}
        }
    }

    fn learn_handshake(&mut self, handshake: &Handshake, number: RowId) {
        let short = |text: &str| text.chars().take(NAME).collect::<Box<str>>();
        self.ends = Some((handshake.client, handshake.server));
        self.uri = handshake.uri().map(|uri| short(&uri)).unwrap_or_default();
        self.subprotocol = handshake.terms.subprotocol.as_deref().map(short);
        self.extension = handshake.terms.extension.as_deref().map(short);
        self.verdict = Some(handshake.verdict);
        self.status = handshake.response.as_ref().map(|response| response.status);
        self.established = handshake.established;
        self.handshake = Some(number);
    }

    fn learn_frame(&mut self, frame: &Frame) {
        if let Some(close) = &frame.close
            && self.close.is_none()
        {
            self.close = Some((close.clone(), frame.direction));
        }
    }

    fn learn_end(&mut self, closed: &Closed) {
        self.end = Some(closed.how);
    }

    /// Whether nothing more comes of it: it ended, or no WebSocket was opened.
    pub fn is_over(&self) -> bool {
        self.end.is_some() || self.verdict.is_some() && !self.established
    }

    /// A word for where it stands: a close code, how TCP ended, or `open`.
    pub fn state(&self) -> String {
        if !self.established && self.verdict.is_some() {
            return match self.status {
                Some(status) => format!("http {status}"),
                None => "no answer".to_owned(),
            };
        }
        match (&self.close, self.end) {
            (Some((Close { code: Some(code), .. }, _)), _) => code.to_string(),
            (Some((Close { code: None, .. }, _)), _) => "1005".to_owned(),
            // What a browser reports where TCP ended without a Close frame (RFC 6455 §7.1.5).
            (None, Some(End::Fin | End::Reset | End::ClosingHandshake)) => "1006".to_owned(),
            (None, Some(End::Idle)) => "idle".to_owned(),
            (None, Some(End::Evicted)) => "evicted".to_owned(),
            (None, Some(End::EndOfCapture) | None) => "open".to_owned(),
        }
    }

    /// Its URI, or its endpoints where that is not known.
    pub fn name(&self) -> String {
        match (&*self.uri, self.ends) {
            ("", Some((client, server))) => format!("{client} > {server}"),
            ("", None) => format!("connection {}", self.id),
            (uri, _) => uri.to_owned(),
        }
    }
}

//! The messages of one connection to what they mean: which protocol it is, and which answer belongs to which request.

use std::cell::OnceCell;

use prost_reflect::DescriptorPool;

use super::candidates::Candidates;
use super::decoded::{Decoded, Role, Unanswered, Unit};
use super::pending::{Ask, Pending};
use super::{Dissect, Found, Incoming, Link, Malformed, Opening, PROTOCOLS, Protocol};
use crate::config::Limits;
use crate::duplex::{Direction, Duplex};
use crate::event::{Handshake, Message, Verdict};
use crate::origin::Span;

/// One connection.
#[derive(Debug)]
pub struct Conversation {
    choice: Choice,
    late: bool,
    /// Requests of each side; `None` where there was none yet, as on most connections that are silent.
    pending: Option<Box<Duplex<Pending>>>,
}

/// Which protocol is spoken.
#[derive(Debug)]
pub enum Choice {
    /// This one.
    Known(&'static Protocol, Box<dyn Dissect>),
    /// None was shown yet.
    Open(Open),
}

/// Messages that showed no protocol.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    /// How many there were; only the first are asked whether they decide for one.
    probed: u8,
    /// Whether payload formats are looked for too.
    formats: bool,
}

impl Default for Choice {
    fn default() -> Self {
        Self::Open(Open { probed: 0, formats: true })
    }
}

/// So many messages are asked whether they decide for a protocol.
const PROBED: u8 = 16;

impl Conversation {
    /// Begins behind a handshake; a protocol named by hand comes before any evidence. `formats`: where there is no protocol,
    /// payload formats are looked for.
    pub fn new(
        handshake: &Handshake,
        by_hand: Option<(&'static Protocol, &str)>,
        schema: Option<&DescriptorPool>,
        formats: bool,
    ) -> Self {
        let target = handshake.request.as_ref().map_or("", |request| &*request.target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let opening = Opening {
            path,
            query,
            subprotocol: handshake.terms.subprotocol.as_deref(),
            late: handshake.verdict == Verdict::Unseen,
            parameter: by_hand.map_or("", |(_, parameter)| parameter),
            schema,
        };
        Self { choice: Choice::new(&opening, by_hand.map(|(row, _)| row), formats), late: opening.late, pending: None }
    }

    /// One of which the handshake told nothing, as most do.
    pub fn blank(formats: bool) -> Self {
        Self { choice: Choice::Open(Open { probed: 0, formats }), late: false, pending: None }
    }

    /// Whether it is such a one, and nothing was said on it.
    pub fn is_blank(&self) -> bool {
        matches!(self.choice, Choice::Open(Open { probed: 0, .. })) && !self.late
    }

    /// Adds to a message what it means, or why that is not known.
    pub fn message(&mut self, message: &mut Message, span: Span, limits: &Limits) {
        if !is_whole(message) {
            return self.lose(message.direction);
        }
        let incoming = Incoming {
            direction: message.direction,
            number: message.number,
            text: message.text,
            bytes: &message.payload.bytes,
            span,
            limits,
            late: self.late,
            utf8: &OnceCell::new(),
        };
        let mut found = Found::default();
        let Some((row, result)) = self.choice.message(&incoming, &mut found) else { return };
        message.anomalies.append(&mut found.anomalies);
        let mut units: Vec<_> = found.units.into_iter().map(|(unit, link)| self.link(unit, link, &incoming)).collect();
        if let Err(malformed) = result {
            units.push(malformed.unit());
            message.anomalies.push(malformed.anomaly(row));
        }
        if !units.is_empty() {
            message.decoded = Some(Box::new(Decoded { protocol: row.name.into(), units }));
        }
    }

    /// Bytes of a direction were lost.
    pub fn lose(&mut self, direction: Direction) {
        self.choice.lose(direction);
        if let Some(pending) = &mut self.pending {
            pending.to_server.lose_order();
            pending.to_client.lose_order();
        }
    }

    /// More is kept over all connections than may be: what this one keeps goes.
    pub fn forget(&mut self) {
        for direction in Direction::BOTH {
            self.lose(direction);
        }
        if let Some(pending) = &mut self.pending {
            pending.to_server.forget();
            pending.to_client.forget();
        }
    }

    /// Bytes of memory that it keeps.
    pub fn held(&self) -> usize {
        let pending = self.pending.as_ref().map_or(0, |both| both.to_server.held() + both.to_client.held());
        self.choice.held() + pending
    }

    /// The connection is over: what was never answered, and how many requests were forgotten.
    pub fn finish(self) -> (Vec<Unanswered>, u64) {
        let (mut unanswered, mut forgotten) = (Vec::new(), 0);
        let Some(pending) = self.pending else { return (unanswered, forgotten) };
        for direction in Direction::BOTH {
            let (open, lost) = pending[direction].unanswered(direction);
            unanswered.extend(open);
            forgotten += lost;
        }
        (unanswered, forgotten)
    }

    /// The requests of a side, where there was any of either.
    fn asked(&mut self, direction: Direction) -> Option<&mut Pending> {
        Some(&mut self.pending.as_mut()?[direction])
    }

    fn link(&mut self, mut unit: Unit, link: Option<Link>, message: &Incoming<'_>) -> Unit {
        match link {
            Some(Link::Asks(key, method)) => {
                unit.role = Some(Role::Request);
                unit.id = (!key.id.is_empty()).then(|| key.id.clone());
                let Incoming { number, span, limits, .. } = *message;
                let keepalive = unit.keepalive;
                let ask = Ask { key, method, message: number, sent: span.last.time, keepalive };
                self.pending.get_or_insert_default()[message.direction].ask(ask, limits.requests);
            }
            Some(Link::Both(links)) => {
                let [first, second] = *links;
                let unit = self.link(unit, Some(first), message);
                return self.link(unit, Some(second), message);
            }
            Some(Link::Answers(key, last)) => {
                unit.role = Some(Role::Reply);
                unit.id = (!key.id.is_empty()).then(|| key.id.clone());
                let asked = message.direction.opposite();
                let begin = unit.begins.unwrap_or(message.begin());
                unit.reply = self.asked(asked).and_then(|pending| pending.answer(&key, last, begin, asked));
            }
            Some(Link::MayAnswer(key, last)) => {
                let asked = message.direction.opposite();
                let begin = unit.begins.unwrap_or(message.begin());
                unit.reply = self.asked(asked).and_then(|pending| pending.answer(&key, last, begin, asked));
                if unit.reply.is_some() {
                    unit.role = Some(Role::Reply);
                    unit.id = (!key.id.is_empty()).then_some(key.id);
                }
            }
            Some(Link::Belongs(key)) => {
                let asked = message.direction.opposite();
                let begin = unit.begins.unwrap_or(message.begin());
                unit.reply = self.asked(asked).and_then(|pending| pending.refer(&key, begin, asked));
            }
            Some(Link::Cancels(key)) => {
                unit.id = (!key.id.is_empty()).then(|| key.id.clone());
                if let Some(pending) = self.asked(message.direction) {
                    pending.cancel(&key);
                }
            }
            None => {}
        }
        // Many an answer to a ping does not look like one.
        unit.keepalive |= unit.reply.as_ref().is_some_and(|reply| reply.keepalive);
        // Only where it was an earlier message is it worth telling.
        unit.begins = unit.begins.filter(|begin| begin.message != message.number);
        unit
    }
}

impl Choice {
    /// What a handshake decides.
    pub fn new(opening: &Opening<'_>, by_hand: Option<&'static Protocol>, formats: bool) -> Self {
        let agreed = |name| PROTOCOLS.iter().copied().find(|row| row.subprotocols.contains(&name));
        let row = by_hand
            .or_else(|| opening.subprotocol.and_then(agreed))
            .or_else(|| PROTOCOLS.iter().copied().find(|row| (row.target)(opening.path, opening.query)));
        match row {
            Some(row) => Self::Known(row, (row.make)(opening)),
            None => Self::Open(Open { probed: 0, formats }),
        }
    }

    /// Takes a message inside another one, whose units stand behind those of that.
    pub fn nested(&mut self, message: &Incoming<'_>, found: &mut Found) {
        let mut inner = Found::default();
        let Some((row, result)) = self.message(message, &mut inner) else { return };
        if let Err(malformed) = result {
            inner.push(malformed.unit());
            inner.anomalies.push(malformed.anomaly(row));
        }
        for (unit, _) in &mut inner.units {
            unit.protocol.get_or_insert(row.name.into());
        }
        found.append(inner);
    }

    /// Bytes of a direction were lost.
    pub fn lose(&mut self, direction: Direction) {
        if let Self::Known(_, dissect) = self {
            dissect.lose(direction);
        }
    }

    /// Bytes of memory that the dissector keeps.
    pub fn held(&self) -> usize {
        if let Self::Known(_, dissect) = self { dissect.held() } else { 0 }
    }

    /// Takes a message: what it is a message of, where that is known, and whether it fits.
    pub fn message(
        &mut self,
        message: &Incoming<'_>,
        found: &mut Found,
    ) -> Option<(&'static Protocol, Result<(), Malformed>)> {
        if let Self::Open(open) = self {
            let lasting = open.probed < PROBED;
            open.probed = open.probed.saturating_add(1);
            let first = message.first();
            debug_assert!(PROTOCOLS.iter().all(|row| row.can_begin(first) || !(row.probe)(message)), "{first:?}");
            for row in Candidates::of(first, lasting, open.formats).filter(|row| (row.probe)(message)) {
                let late = message.late;
                let opening = Opening { path: "", query: "", subprotocol: None, late, parameter: "", schema: None };
                let mut dissect = (row.make)(&opening);
                let result = dissect.message(message, found);
                if row.lasting {
                    *self = Self::Known(row, dissect);
                    return Some((row, result));
                }
                // What only looked like it is nothing odd; what began as it is.
                if result.is_ok() || !found.is_empty() {
                    return Some((row, result));
                }
                *found = Found::default();
            }
            return None;
        }
        let Self::Known(row, dissect) = self else { return None };
        Some((row, dissect.message(message, found)))
    }
}

/// Whether every byte of a message is there and known.
fn is_whole(message: &Message) -> bool {
    message.complete && message.missing == 0 && !message.payload.is_cut() && message.payload.holes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Talk;
    use crate::duplex::Direction::{self, ToClient, ToServer};

    /// What stands in the middle of a conversation.
    const LATE: &[(&str, Direction, &str)] = &[
        ("nats", ToServer, "PUB time.now _INBOX.a 2\r\nhi\r\n"),
        ("nats", ToClient, "HMSG a 2 18 20\r\nNATS/1.0\r\nA: b\r\n\r\n..\r\n"),
        ("stomp", ToClient, "MESSAGE\nsubscription:1\nmessage-id:2\n\nhi\0"),
        ("graphql", ToClient, r#"{"id":"1","type":"next","payload":{"data":{"a":1}}}"#),
        ("graphql", ToServer, r#"{"id":"1","type":"start","payload":{"query":"{ a }"}}"#),
        ("xmpp", ToClient, "<message xmlns='jabber:client' type='chat'><body>hi</body></message>"),
        ("sockjs", ToClient, r#"a["hi"]"#),
        ("signalr", ToClient, "{\"type\":6}\u{1e}"),
        ("phoenix", ToClient, r#"[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]"#),
        ("actioncable", ToClient, r#"{"identifier":"{\"channel\":\"Chat\"}","message":{"a":1}}"#),
        ("mqtt", ToClient, "\x30\x0b\0\x05a/b/cnews"),
        (
            "jupyter",
            ToClient,
            r#"{"channel":"iopub","header":{"msg_type":"status","msg_id":"1"},"parent_header":{},"content":{}}"#,
        ),
    ];

    #[test]
    fn joined_late_what_nobody_else_writes_decides() {
        for (protocol, direction, text) in LATE {
            let mut talk = Talk::late_anywhere();
            let told = if *direction == ToServer { talk.client(text) } else { talk.server(text) };
            assert_eq!((told.protocol(), told.codes()), (Some(*protocol), vec![]), "{text}");
            let mut talk = Talk::on("/", None);
            let told = if *direction == ToServer { talk.client(text) } else { talk.server(text) };
            assert_ne!(told.protocol(), Some(*protocol), "{text}");
        }
    }

    #[test]
    fn joined_late_what_others_may_write_decides_nothing() {
        for text in [
            "PUB a x\r\n",
            "PING\r\n",
            "MESSAGE hi",
            "a[1]",
            "h",
            r#"{"type":"next","id":"1"}"#,
            r#"{"type":"ping","message":1}"#,
            "{\"type\":\"x\"}\u{1e}",
            "<iq/>",
            "\x30\x04\0\x01t!",
            r#"{"header":{},"parent_header":{},"content":{}}"#,
        ] {
            let told = Talk::late_anywhere().server(text);
            assert!(matches!(told.protocol(), None | Some("json" | "xml")), "{text}");
        }
    }
}

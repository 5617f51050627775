//! Messages of a connection read anew in a protocol that the user names: a slice at a time, and those to come as they come.
//!
//! The reader goes on reading them in its own way; what it tells of such a connection is put in another way here.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::config::{Config, Decode, DecodeAs};
use crate::dissect::{self, Dissector, protobuf};
use crate::event::{Body, ConnectionId, Event, Handshake};
use crate::origin::Span;
use crate::stats::methods::Methods;
use crate::store::{METHODS, RowId, Store};

/// The connections that are read in another way.
#[derive(Debug, Default)]
pub struct Reread {
    /// How all others are read.
    config: Config,
    connections: BTreeMap<ConnectionId, Reading>,
    /// Whether rows were left for later, so that others may have looked at them as they were.
    behind: bool,
}

/// In what the messages of a connection are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum As {
    /// In what is found, as ever.
    Found,
    /// In nothing.
    Bytes,
    /// In this protocol; behind a colon what it wants to know.
    Protocol(String),
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing was left to do.
    Idle,
    /// There is more.
    Working,
    /// What was left for later is done.
    Done,
}

#[derive(Debug)]
struct Reading {
    how: As,
    dissector: Option<Dissector>,
    /// Rows below were read.
    next: RowId,
    methods: Methods,
}

impl Reread {
    /// Nothing is read in another way than `config` has it.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Begins to read a connection in another way.
    ///
    /// # Errors
    /// Why it cannot be read so, for the user.
    pub fn begin(&mut self, store: &Store, connection: ConnectionId, how: As) -> Result<(), String> {
        if let As::Protocol(protocol) = &how {
            self.check(&DecodeAs { port: 0, protocol: protocol.clone() })?;
        }
        let ends = store.connection(connection).and_then(|known| known.ends);
        let handshake = store.handshake(connection);
        let handshake = handshake.or_else(|| ends.map(|(client, server)| Box::new(Handshake::unseen(client, server))));
        let handshake = handshake.ok_or_else(|| format!("connection {connection} is no longer kept"))?;
        let mut dissector = self.dissector(&how, handshake.server.port);
        if let Some(dissector) = &mut dissector {
            dissector.event(&mut Event { connection, span: Span::default(), body: Body::Handshake(handshake) });
        }
        self.connections.insert(connection, Reading { how, dissector, next: 0, methods: Methods::default() });
        self.behind = true;
        Ok(())
    }

    /// Whether there is what a protocol is to be read with: types of Protocol Buffers.
    ///
    /// # Errors
    /// What is missing, for the user.
    pub fn check(&self, rule: &DecodeAs) -> Result<(), String> {
        if rule.name() == "protobuf" {
            protobuf::types(self.config.schema.as_ref(), rule.parameter())?;
        }
        Ok(())
    }

    /// In what a connection is read.
    pub fn how(&self, connection: ConnectionId) -> &As {
        self.connections.get(&connection).map_or(&As::Found, |reading| &reading.how)
    }

    /// Reads until all is read or the time is up.
    pub fn work(&mut self, store: &mut Store, until: Instant) -> Progress {
        for (&connection, reading) in &mut self.connections {
            if !reading.work(store, connection, until) {
                self.behind = true;
                return Progress::Working;
            }
        }
        if std::mem::take(&mut self.behind) { Progress::Done } else { Progress::Idle }
    }

    fn dissector(&self, how: &As, port: u16) -> Option<Dissector> {
        let config = match how {
            As::Bytes => return None,
            As::Found if self.config.decode == Decode::Nothing => return None,
            As::Found => self.config.clone(),
            As::Protocol(protocol) => {
                Config { decode_as: vec![DecodeAs { port, protocol: protocol.clone() }], ..self.config.clone() }
            }
        };
        Some(Dissector::new(&config))
    }
}

impl Reading {
    /// Reads rows of a connection; whether all that are there were.
    fn work(&mut self, store: &mut Store, connection: ConnectionId, until: Instant) -> bool {
        let mut any = false;
        let mut over = false;
        while !over
            && let Some(known) = store.connection(connection)
            && let Some(row) = known.rows.get(known.rows.position(self.next))
        {
            self.next = row.saturating_add(1);
            if let Ok(event) = store.event(row) {
                any |= self.read(store, row, event);
            }
            over = Instant::now() >= until;
        }
        if any {
            store.set_methods(connection, self.methods.clone());
        }
        !over
    }

    /// Reads an event; whether it is another one then.
    fn read(&mut self, store: &mut Store, row: RowId, mut event: Event) -> bool {
        let changes = matches!(event.body, Body::Message(_) | Body::Closed(_));
        dissect::undo(&mut event.body);
        if let Some(dissector) = &mut self.dissector
            && !matches!(event.body, Body::Handshake(_))
        {
            dissector.event(&mut event);
        }
        match &event.body {
            Body::Message(message) => {
                if let Some(decoded) = &message.decoded {
                    self.methods.answers(decoded, METHODS);
                }
            }
            Body::Closed(closed) => {
                self.methods.ended(event.connection, &closed.unanswered, closed.forgotten, METHODS);
            }
            Body::Handshake(_) | Body::Frame(_) | Body::Gap(_) | Body::Notice(_) => {}
        }
        if changes {
            store.replace(row, event);
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duplex::Direction;
    use crate::event::Message;
    use crate::net::segment::Endpoint;
    use crate::payload::Payload;

    fn store() -> Store {
        let end = |port| Endpoint { ip: [127, 0, 0, 1].into(), port };
        let handshake = Box::new(Handshake::unseen(end(40_000), end(80)));
        let mut store = Store::new(16 << 20);
        store.push(Event { connection: 1, span: Span::default(), body: Body::Handshake(handshake) });
        for (number, (way, text)) in
            [(Direction::ToServer, r#"420["sum",1]"#), (Direction::ToClient, "430[1]")].into_iter().enumerate()
        {
            let mut payload = Payload::default();
            payload.text = true;
            payload.append(text.as_bytes(), usize::MAX);
            let message =
                Message { text: true, complete: true, frames: 1, payload, ..Message::new(way, number as u64 + 1) };
            store.push(Event { connection: 1, span: Span::default(), body: Body::Message(Box::new(message)) });
        }
        store
    }

    fn protocol(store: &Store, row: RowId) -> Option<String> {
        let Body::Message(message) = store.event(row).expect("kept").body else { panic!("a message") };
        message.decoded.map(|decoded| decoded.protocol.into_owned())
    }

    #[test]
    fn rows_are_replaced_as_the_protocol_reads_them_and_again_when_it_is_taken_back() {
        let mut store = store();
        let mut reread = Reread::new(Config::default());
        let later = || Instant::now() + std::time::Duration::from_secs(60);
        assert_eq!(reread.begin(&store, 1, As::Protocol("socketio".to_owned())), Ok(()));
        assert_eq!(reread.work(&mut store, later()), Progress::Done);
        assert_eq!(reread.work(&mut store, later()), Progress::Idle);
        assert_eq!([1, 2].map(|row| protocol(&store, row)), [Some("socketio".into()), Some("socketio".into())]);
        let methods = store.numbers(1).and_then(|row| row.traffic.more().methods.clone()).expect("an answer");
        assert_eq!(methods.by_answers().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["sum"]);
        assert_eq!(reread.begin(&store, 1, As::Bytes), Ok(()));
        assert_eq!(reread.work(&mut store, later()), Progress::Done);
        assert_eq!([1, 2].map(|row| protocol(&store, row)), [None, None]);
        assert!(store.numbers(1).is_some_and(|row| row.traffic.more().methods.is_none()));
        assert!(reread.begin(&store, 9, As::Bytes).is_err(), "no such connection");
        assert!(reread.begin(&store, 1, As::Protocol("protobuf:p.M".to_owned())).is_err(), "no such type");
    }

    #[test]
    fn a_slice_ends_when_the_time_is_up() {
        let mut store = store();
        let mut reread = Reread::new(Config::default());
        assert_eq!(reread.begin(&store, 1, As::Protocol("socketio".to_owned())), Ok(()));
        let mut slices = 0;
        while reread.work(&mut store, Instant::now()) != Progress::Done {
            slices += 1;
        }
        assert_eq!(slices, 3, "a row each");
    }
}

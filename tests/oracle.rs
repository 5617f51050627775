//! Held against tungstenite, which nobody here wrote: what it says was sent and received is what wscope tells.

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use tungstenite::handshake::server::NoCallback;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{ClientHandshake, Error, HandshakeError, Message, ServerHandshake};
use wscope::anomaly::Severity;
use wscope::config::{Config, Per};
use wscope::duplex::{Direction, Duplex};
use wscope::event::{Body, Event};

use common::script::{Ending, Script, direction, faultless, script, thorough};
use common::{Conversation, Network, analyse, raw};

use Direction::{ToClient, ToServer};

/// A message or control frame: opcode and payload.
type Said = (u8, Vec<u8>);

/// What tungstenite gives out for a Close that breaks a rule.
const OWN_CLOSE: &[u8] = b"\x03\xeaProtocol violation";

proptest! {
    #![proptest_config(thorough(200))]

    #[test]
    fn what_tungstenite_receives_is_what_wscope_tells(
        talk in vec((direction(), message()), 0..20), seed: u64, mss in prop_oneof![Just(1), 2..3000usize],
    ) {
        let (wire, received) = converse(&talk);
        let told = wire.iter().fold(Conversation::new().syn(), |told, (from, bytes)| told.say(*from, &raw(bytes)));
        let told = told.fin(ToClient).fin(ToServer);
        let segments = Network { seed, mss, ..Network::calm() }.carry(told.segments());
        let events = analyse(&told.route().packets(&segments), &messages());
        let violations: Vec<_> = violations(&events, None).collect();
        prop_assert!(violations.is_empty(), "{:?}", violations);
        for way in Direction::BOTH {
            prop_assert_eq!(&said(&events, way), &received[way]);
        }
    }

    #[test]
    fn tungstenite_reads_frames_as_wscope_does(script in faultless(12)) {
        let script = Script { deflate: None, ..script };
        let events = analyse(&script.play(0).packets(), &messages());
        for way in Direction::BOTH {
            let (read, failed) = read(&script, way);
            prop_assert!(!failed);
            prop_assert_eq!(read, said(&events, way));
        }
    }

    #[test]
    fn where_tungstenite_fails_the_connection_there_is_a_violation(script in script(8)) {
        let script = Script { deflate: None, early: Vec::new(), ending: Ending::Close, ..script };
        let events = analyse(&script.play(0).packets(), &messages());
        for way in Direction::BOTH {
            let (read, failed) = read(&script, way);
            let mut said = said(&events, way);
            // It fails at the frame that broke a rule, and reads no further.
            said.truncate(read.len());
            prop_assert_eq!(read, said);
            let blamed = violations(&events, Some(way)).next().is_some();
            prop_assert!(blamed || !failed);
        }
    }
}

fn messages() -> Config {
    Config { per: Per::Message, ..Config::default() }
}

/// What one side said, as wscope tells it.
fn said(events: &[Event], way: Direction) -> Vec<Said> {
    let said = events.iter().filter_map(|event| match &event.body {
        Body::Message(message) if message.direction == way => {
            Some((if message.text { 1 } else { 2 }, message.payload.bytes.clone()))
        }
        Body::Frame(frame) if frame.direction == way => Some((frame.header.opcode.0, frame.payload.bytes.clone())),
        Body::Message(_) | Body::Frame(_) | Body::Handshake(_) => None,
        Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => None,
    });
    said.collect()
}

fn violations(events: &[Event], way: Option<Direction>) -> impl Iterator<Item = &wscope::anomaly::Anomaly> {
    let events = events.iter().filter(move |event| way.is_none() || event.body.direction() == way);
    events
        .flat_map(|event| event.body.anomalies())
        .filter(|anomaly| anomaly.code.rule().severity == Severity::Violation)
}

/// What tungstenite reads of one side's frames, and whether it fails the connection then.
fn read(script: &Script, way: Direction) -> (Vec<Said>, bool) {
    let before = Script { words: Vec::new(), ending: Ending::Silence, ..script.clone() }.play(0).streams();
    let streams = script.play(0).streams();
    let frames = streams[way][before[way].len()..].to_vec();
    let role = if way == ToServer { Role::Server } else { Role::Client };
    let reader = Pipe { from: way, reads: Rc::new(RefCell::new(frames.into())), ..Pipe::default() };
    let mut socket = WebSocket::from_raw_socket(reader, role, None);
    let mut read = Vec::new();
    loop {
        match socket.read().map(as_said) {
            // Its answer in place of what it cannot accept.
            Ok((8, answer)) if answer == OWN_CLOSE => return (read, true),
            Ok(said) => read.push(said),
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                return (read, false);
            }
            Err(Error::Protocol(_) | Error::Utf8(_)) => return (read, true),
            // The end of the bytes, or of what tungstenite would keep.
            Err(_) => return (read, false),
        }
    }
}

fn as_said(message: Message) -> Said {
    match message {
        Message::Text(text) => (1, text.as_bytes().to_vec()),
        Message::Binary(bytes) => (2, bytes.to_vec()),
        Message::Ping(bytes) => (9, bytes.to_vec()),
        Message::Pong(bytes) => (10, bytes.to_vec()),
        Message::Close(None) => (8, Vec::new()),
        Message::Close(Some(close)) => (8, [&u16::from(close.code).to_be_bytes(), close.reason.as_bytes()].concat()),
        Message::Frame(frame) => unreachable!("never read: {frame}"),
    }
}

/// A message as tungstenite is asked to send it, in one piece or in fragments.
fn message() -> impl Strategy<Value = Vec<Message>> {
    let fragments = vec("[a-zé€😀]{0,50}", 1..4).prop_map(|texts| {
        let last = texts.len() - 1;
        let fragment = |(index, text): (usize, String)| {
            let data = if index == 0 { Data::Text } else { Data::Continue };
            Message::Frame(Frame::message(text.into_bytes(), OpCode::Data(data), index == last))
        };
        texts.into_iter().enumerate().map(fragment).collect()
    });
    prop_oneof![
        "[a-zé€😀]{0,200}".prop_map(|text| vec![Message::text(text)]),
        vec(any::<u8>(), 0..300).prop_map(|bytes| vec![Message::binary(bytes)]),
        (65_000..70_000usize).prop_map(|length| vec![Message::binary(vec![7; length])]),
        vec(any::<u8>(), 0..125).prop_map(|bytes| vec![Message::Ping(bytes.into())]),
        fragments,
    ]
}

/// Lets two tungstenites talk: the bytes on the wire, in order, and what each direction's receiver got.
fn converse(talk: &[(Direction, Vec<Message>)]) -> (Written, Duplex<Vec<Said>>) {
    let (mut client, mut server, wire) = open();
    let mut received = Duplex::<Vec<Said>>::default();
    let mut hear = |client: &mut WebSocket<Pipe>, server: &mut WebSocket<Pipe>| {
        // Twice: a Ping is answered while it is read, and the Pong has to be read as well.
        for _ in 0..2 {
            received.to_client.extend(std::iter::from_fn(|| client.read().ok()).map(as_said));
            received.to_server.extend(std::iter::from_fn(|| server.read().ok()).map(as_said));
        }
    };
    for (from, messages) in talk {
        let speaker = if *from == ToServer { &mut client } else { &mut server };
        for message in messages {
            speaker.send(message.clone()).expect("memory takes all");
        }
        hear(&mut client, &mut server);
    }
    let close = CloseFrame { code: CloseCode::Normal, reason: "bye".into() };
    client.close(Some(close)).expect("memory takes all");
    hear(&mut client, &mut server);
    (wire.take(), received)
}

/// Two ends with the opening handshake behind them, and the wire between them.
fn open() -> (WebSocket<Pipe>, WebSocket<Pipe>, Wire) {
    let wire = Wire::default();
    let (to_server, to_client) = (Queue::default(), Queue::default());
    let pipe = |from, reads: &Queue, writes: &Queue| Pipe {
        from,
        reads: reads.clone(),
        writes: writes.clone(),
        wire: wire.clone(),
    };
    let client = tungstenite::client("ws://server.example.com/chat", pipe(ToServer, &to_client, &to_server));
    let Err(HandshakeError::Interrupted(client)) = client else { panic!("no answer yet") };
    let server = tungstenite::accept(pipe(ToClient, &to_server, &to_client));
    let Ok(server) = server as Result<_, HandshakeError<ServerHandshake<Pipe, NoCallback>>> else {
        panic!("the request is whole")
    };
    let client: Result<_, HandshakeError<ClientHandshake<Pipe>>> = client.handshake();
    let Ok((client, _)) = client else { panic!("the response is whole") };
    (client, server, wire)
}

type Queue = Rc<RefCell<VecDeque<u8>>>;
type Wire = Rc<RefCell<Written>>;

/// What was written, by whom, in order.
type Written = Vec<(Direction, Vec<u8>)>;

/// One end of a connection in memory; what is written is noted on the wire.
#[derive(Debug)]
struct Pipe {
    from: Direction,
    reads: Queue,
    writes: Queue,
    wire: Wire,
}

impl Default for Pipe {
    fn default() -> Self {
        Self { from: ToServer, reads: Queue::default(), writes: Queue::default(), wire: Wire::default() }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reads.borrow_mut().read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.borrow_mut().extend(bytes);
        self.wire.borrow_mut().push((self.from, bytes.to_vec()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

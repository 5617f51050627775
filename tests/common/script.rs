//! Conversations that proptest makes up: what is said, by whom, right or wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wscope::duplex::{Direction, Duplex};
use wscope::origin::Timestamp;

use super::conversation::{Conversation, Deflate, Dialect};
use super::frame::{Masking, Say, binary, close, continuation, frame, ping, pong, raw, text};
use super::segment::Route;

use Direction::{ToClient, ToServer};

/// A conversation made up.
#[derive(Debug, Clone)]
pub struct Script {
    /// Initial sequence numbers.
    pub isn: Duplex<u32>,
    pub deflate: Option<Deflate>,
    /// Requests and responses before the upgrade, on the same TCP connection.
    pub before: Vec<(&'static str, &'static str)>,
    /// Frames that the client sends before the 101.
    pub early: Vec<Say>,
    pub words: Vec<(Direction, Say)>,
    pub ending: Ending,
    /// Whether each word is acknowledged by a segment of its own.
    pub acks: bool,
}

/// How it ends.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    Close,
    Fin(Direction),
    Reset(Direction),
    Silence,
}

impl Script {
    /// The conversation, on a route of its own for each `number`.
    pub fn play(&self, number: u16) -> Conversation {
        let default = Route::default();
        let route = Route {
            isn: self.isn,
            client: (default.client.0, 40_000 + number),
            start: Timestamp(default.start.0),
            ..default
        };
        let key = format!("{number:05}{:017}==", 0);
        let dialect = Dialect { deflate: self.deflate, acks: self.acks, key, mss: 60_000, ..Dialect::default() };
        let mut told = Conversation::on(route, dialect).syn();
        for (request, response) in &self.before {
            told = told.exchange(request, response);
        }
        let (request, response) = (told.request(), told.response());
        told = told.client(raw(request));
        for say in &self.early {
            told = told.client(say.clone());
        }
        told = told.server(raw(response));
        for (from, say) in &self.words {
            told = told.say(*from, say);
        }
        match self.ending {
            Ending::Close => told.close(1000, "bye"),
            Ending::Fin(first) => told.fin(first).fin(first.opposite()),
            Ending::Reset(by) => told.reset(by),
            Ending::Silence => told,
        }
    }
}

/// So many cases, or as many as PROPTEST_CASES asks for.
pub fn thorough(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    // The same cases each time, so that a change is judged by what it changes; with a number asked for, others each time.
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(6455) };
    // What it finds becomes a test with a name, not a seed in a file.
    ProptestConfig { cases: asked.unwrap_or(cases), rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// Any conversation, with up to `words` words.
pub fn script(words: usize) -> impl Strategy<Value = Script> {
    let isn = prop_oneof![Just(u32::MAX - 600), Just(u32::MAX), Just(0), any::<u32>()];
    let early = prop_oneof![4 => Just(Vec::new()), 1 => vec(wrong_or_right(), 1..3)];
    let talk = vec((direction(), wrong_or_right()), 0..words);
    ((isn.clone(), isn), deflate(), vec(http(), 0..3), early, talk, ending(), any::<bool>()).prop_map(
        |((to_server, to_client), deflate, before, early, words, ending, acks)| Script {
            isn: Duplex { to_server, to_client },
            deflate,
            before,
            early,
            words,
            ending,
            acks,
        },
    )
}

/// A conversation that breaks no rule, with up to `words` words.
pub fn faultless(words: usize) -> impl Strategy<Value = Script> {
    let talk = vec((direction(), right()), 0..words);
    (script(1), talk).prop_map(|(script, words)| Script { words, early: Vec::new(), ending: Ending::Close, ..script })
}

/// Either side.
pub fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(ToServer), Just(ToClient)]
}

/// permessage-deflate, or not.
pub fn deflate() -> impl Strategy<Value = Option<Deflate>> {
    let parameters = ((9..=15u8, 9..=15u8), any::<(bool, bool)>()).prop_map(|(bits, takeover)| Deflate {
        window_bits: Duplex { to_server: bits.0, to_client: bits.1 },
        takeover: Duplex { to_server: takeover.0, to_client: takeover.1 },
    });
    proptest::option::of(parameters)
}

/// A message or control frame as it should be.
pub fn right() -> impl Strategy<Value = Say> {
    let words = "[a-zé€😀 ]{0,40}";
    let long = (0..300usize, "[a-z]{1,9}").prop_map(|(times, word)| word.repeat(times));
    let bytes = prop_oneof![8 => vec(any::<u8>(), 0..300), 1 => vec(any::<u8>(), 65_000..67_000)];
    let data = prop_oneof![words.prop_map(text), long.prop_map(text), bytes.prop_map(binary)];
    let fragments = prop_oneof![2 => Just(Vec::new()), 1 => vec(0..200usize, 1..5)];
    let data = (data, fragments, any::<bool>(), proptest::option::of(control())).prop_map(
        |(data, fragments, compressed, control)| Say {
            fragments,
            between: Vec::from_iter(control),
            compressed: compressed && data.compressed,
            ..data
        },
    );
    prop_oneof![3 => data, 1 => control()]
}

fn control() -> impl Strategy<Value = Say> {
    let payload = prop_oneof![Just(Vec::new()), Just(b"1".to_vec()), vec(any::<u8>(), 0..125)];
    (payload, any::<bool>()).prop_map(|(payload, ask)| if ask { ping(payload) } else { pong(payload) })
}

fn wrong_or_right() -> impl Strategy<Value = Say> {
    prop_oneof![4 => right(), 1 => wrong()]
}

fn wrong() -> impl Strategy<Value = Say> {
    let bad = vec(any::<u8>(), 0..60);
    prop_oneof![
        bad.clone().prop_map(text),
        bad.clone().prop_map(|bytes| text([b"text ", &bytes[..]].concat()).fragments(&[7, 1, 2])),
        right().prop_map(Say::not_final),
        right().prop_map(|say| say.masked([1, 2, 3, 4])),
        right().prop_map(Say::unmasked),
        (right(), 1..8u8).prop_map(|(say, rsv)| say.uncompressed().rsv(rsv)),
        (right(), prop_oneof![Just(16), Just(64)]).prop_map(|(say, bits)| say.length_in(bits)),
        (0..16u8, bad.clone()).prop_map(|(opcode, bytes)| frame(opcode, bytes)),
        (bad.clone(), any::<bool>()).prop_map(|(bytes, last)| Say { fin: last, ..continuation(bytes) }),
        (any::<u16>(), bad.clone()).prop_map(|(code, reason)| close(code, reason)),
        (1..2000u64).prop_map(|length| binary(b"short").declaring(length)),
        vec(any::<u8>(), 1..30).prop_map(raw),
        Just(Say { masking: Masking::Key([0; 4]), ..text("clear") }),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Close),
        direction().prop_map(Ending::Fin),
        direction().prop_map(Ending::Reset),
        Just(Ending::Silence),
    ]
}

fn http() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop_oneof![
        Just(("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHTTP/1.1 101")),
        Just((
            "POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nGET / H",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: t\r\n\r\n"
        )),
        Just(("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")),
        Just((
            "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"
        )),
    ]
}

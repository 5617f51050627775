//! Any bytes, read as a key log, as hellos, as handshake messages cut anywhere, and as the two directions of a TLS connection
//! with holes: nothing panics, and nothing is told of what no secret opens.
//!
//! Input: where messages are cut, which pieces are lost, then the bytes.

use wscope::chunk::Chunk;
use wscope::duplex::{Direction, Duplex};
use wscope::event::GapReason;
use wscope::limits::Limits;
use wscope::origin::Origin;
use wscope::tls::Tools;
use wscope::tls::connection::{Connection, Step};
use wscope::tls::half::Hole;
use wscope::tls::hello;
use wscope::tls::messages::Messages;

const LIMIT: usize = 1000;

/// See above.
pub fn run(data: &[u8]) {
    let [cut, lost, bytes @ ..] = data else { return };
    hello::client_hello(bytes);
    hello::server_hello(bytes);
    hello::encrypted_extensions(bytes);

    let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    let whole = Messages::default().push(bytes, LIMIT);
    let mut messages = Messages::default();
    let mut pieces = messages.push(first, LIMIT);
    pieces.extend(messages.push(second, LIMIT));
    assert_eq!(pieces, whole);

    let (limits, mut tools) = (Limits { tls_tries: 1 << 16, ..Limits::default() }, Tools::default());
    tools.keys.extend(bytes, LIMIT);
    for late in [false, true] {
        let mut connection = Connection::new(&Duplex::default(), late, &mut tools, &limits);
        let mut offsets = Duplex::<u64>::default();
        for (index, piece) in bytes.chunks(64).enumerate() {
            let direction = Direction::BOTH[index % 2];
            let origin = Origin { packet: index as u64 + 1, ..Origin::default() };
            if (lost >> (index % 8)) & 1 == 1 {
                connection.gap(direction, Hole { length: 64, reason: GapReason::NotCaptured, origin });
            } else {
                let chunk = Chunk { origin, offset: offsets[direction], acknowledged: Some(0), bytes: piece };
                connection.push(direction, chunk, &mut tools, &limits);
            }
            offsets[direction] += piece.len() as u64;
            while let Some(step) = connection.step(&mut tools, &limits) {
                assert!(!matches!(step, Step::Data(_)), "no secret opens this");
                if matches!(step, Step::Foreign | Step::Unsupported) {
                    return;
                }
            }
        }
        connection.leftovers().for_each(drop);
    }
}

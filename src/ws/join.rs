//! Whether a TCP stream whose beginning was not captured is a WebSocket.
//!
//! Frames are looked for in both directions ([`resync`](crate::ws::resync)). One of them must be masked, the other one not;
//! together they must say so much for themselves that other protocols never do.

use crate::chunk::Chunk;
use crate::duplex::{Direction, Duplex};
use crate::inbox::Inbox;
use crate::ws::evidence::{Chain, Expected, PLENTY};
use crate::ws::extension::Agreement;
use crate::ws::resync::{KEPT, Search};

/// Evidence in bits that is wanted of both directions together, and of each of them.
const TOGETHER: u32 = 40;
const EACH: u32 = 8;

/// What is wanted of both where nothing more comes.
const AT_THE_END: u32 = 32;

/// Evidence that is wanted of one direction where nothing came of the other.
const ALONE: u32 = 48;

/// So many packets of a direction may begin with what is no frame.
const PATIENCE: u32 = 256;

/// What may be a WebSocket.
#[derive(Debug)]
pub struct Joining {
    searches: Duplex<Search>,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is one.
    WebSocket,
    /// It is one, and who was taken for the server is its client.
    Reversed,
    /// It is none.
    Foreign,
    /// More is needed.
    Open,
}

impl Joining {
    /// What came so far.
    pub fn new(inboxes: &Duplex<Inbox>) -> Self {
        let expected = Expected { masked: None, rsv: Agreement::UNSEEN.expected_rsv() };
        let search = |inbox: &Inbox| {
            let mut search = Search::new(inbox.offset(), expected, Search::ANY);
            inbox.chunks().for_each(|chunk| search.push(chunk));
            search
        };
        let searches = Duplex { to_server: search(&inboxes.to_server), to_client: search(&inboxes.to_client) };
        Self { searches }
    }

    /// Memory for what came, in bytes.
    pub fn held(&self) -> usize {
        self.searches.to_server.held() + self.searches.to_client.held()
    }

    /// Takes bytes of one direction.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>) {
        self.searches[direction].push(chunk);
    }

    /// Learns that the bytes up to `offset` will not come.
    pub fn gap(&mut self, direction: Direction, offset: u64) {
        self.searches[direction].gap(offset);
    }

    /// Whether the stronger of the two directions says that client and server were mistaken for each other.
    pub fn is_reversed(&self) -> bool {
        let [client, server] = Direction::BOTH.map(|way| self.searches[way].chain());
        let (stronger, masked) = if client.bits() >= server.bits() { (client, false) } else { (server, true) };
        stronger.bits() >= EACH && stronger.masked() == Some(masked)
    }

    /// Takes the client for the server.
    pub fn swap(&mut self) {
        self.searches.swap();
    }

    /// What waits of one direction.
    pub fn waiting(&self, direction: Direction) -> &Inbox {
        self.searches[direction].inbox()
    }

    /// What came, as long as it may be what both streams begin with.
    pub fn beginnings(&self) -> Option<Duplex<&Inbox>> {
        let Duplex { to_server, to_client } = &self.searches;
        let whole = to_server.refuted() + to_client.refuted() == 0;
        whole.then(|| Duplex { to_server: to_server.inbox(), to_client: to_client.inbox() })
    }

    /// What is left of each direction once frames were found, and the offset at which it began.
    pub fn take(&mut self) -> Duplex<(Inbox, u64)> {
        let mut take = |way| {
            let search = &mut self.searches[way];
            (search.take_all(), search.from())
        };
        Duplex { to_server: take(Direction::ToServer), to_client: take(Direction::ToClient) }
    }

    /// What is left of each direction.
    pub fn take_inboxes(&mut self) -> Duplex<Inbox> {
        let Duplex { to_server, to_client } = self.take();
        Duplex { to_server: to_server.0, to_client: to_client.0 }
    }

    /// Decides with what is there; `ended`: nothing more will come.
    pub fn decide(&mut self, ended: bool) -> Verdict {
        for way in Direction::BOTH {
            self.searches[way].look(false);
        }
        let [client, server] = Direction::BOTH.map(|way| &self.searches[way]);
        let enough = match [client, server].map(|search| search.chain().bits()) {
            [0, alone] | [alone, 0] => {
                let silent = client.is_untouched() || server.is_untouched();
                alone >= if silent { ALONE } else { PLENTY }
            }
            [a, b] => {
                let apart = client.chain().masked() != server.chain().masked();
                apart && a.min(b) >= EACH && a + b >= if ended { AT_THE_END } else { TOGETHER }
            }
        };
        let over = ended
            || client.refuted().max(server.refuted()) > PATIENCE
            || client.inbox().bytes().len().max(server.inbox().bytes().len()) > KEPT;
        match (enough, self.is_reversed()) {
            (true, false) => Verdict::WebSocket,
            (_, _) if over => Verdict::Foreign,
            (true, true) => Verdict::Reversed,
            (false, _) => Verdict::Open,
        }
    }
}

/// What bytes begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// A frame, as far as it goes; whether it is masked.
    Frame(bool),
    /// What is no frame.
    Foreign,
    /// Too few to tell.
    Open,
}

impl Beginning {
    /// What these bytes begin with.
    pub fn of(bytes: &[u8]) -> Self {
        let mut chain = Chain::new(Expected { masked: None, rsv: Agreement::UNSEEN.expected_rsv() }, 0);
        match (chain.follow(bytes, |_| 0), chain.masked()) {
            (true, Some(masked)) => Self::Frame(masked),
            (true, None) => Self::Open,
            (false, _) => Self::Foreign,
        }
    }
}

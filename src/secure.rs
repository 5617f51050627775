//! TLS between a stream and the session that runs in it: chunks through [`tls`](crate::tls), and what comes of them.

use crate::anomaly::{Anomaly, Code, Detail};
use crate::carrier::Carrier;
use crate::chunk::Chunk;
use crate::duplex::{Direction, Duplex};
use crate::event::{Body, Event, Gap, NO_CONNECTION, TlsSession};
use crate::inbox::Inbox;
use crate::origin::{Origin, Span};
use crate::session::Session;
use crate::shared::Shared;
use crate::tls::connection::{Connection, Outcome, Step};
use crate::tls::half::Hole;
use crate::ws::connection::Ending;

/// A stream that speaks TLS, and what is spoken inside it.
#[derive(Debug)]
pub struct Secure {
    stage: Connection,
    above: Session,
    /// What is told of the TLS session, once anything was opened.
    about: Option<Box<TlsSession>>,
    /// Target of the CONNECT whose tunnel the stream runs through.
    proxy: Option<Box<str>>,
    /// Bytes of it that are counted as waiting.
    waiting: usize,
}

impl Secure {
    /// A stream of which these bytes came, in the tunnel to `proxy`; `None` where it can be told already that nothing
    /// comes of it.
    pub fn new(
        inboxes: &Duplex<Inbox>,
        proxy: Option<&str>,
        carrier: Carrier<'_>,
        shared: &mut Shared,
    ) -> Option<Box<Self>> {
        shared.outbox.summary.tls.connections += 1;
        let stage = Connection::new(inboxes, carrier.late, &mut shared.tls, &shared.config.limits);
        let proxy = proxy.map(Into::into);
        let mut secure = Box::new(Self { stage, above: Session::default(), about: None, proxy, waiting: 0 });
        secure.run(carrier, shared).then_some(secure)
    }

    /// Takes bytes of one direction; whether anything can still come of it.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>, carrier: Carrier<'_>, shared: &mut Shared) -> bool {
        self.stage.push(direction, chunk, &mut shared.tls, &shared.config.limits);
        self.run(carrier, shared)
    }

    /// Learns of bytes that will never come; whether anything can still come of it.
    pub fn gap(&mut self, gap: &Gap, origin: Origin, carrier: Carrier<'_>, shared: &mut Shared) -> bool {
        self.stage.gap(gap.direction, Hole { length: gap.length, reason: gap.reason, origin });
        self.run(carrier, shared)
    }

    /// Secrets have come; whether anything can still come of it.
    pub fn retry(&mut self, carrier: Carrier<'_>, shared: &mut Shared) -> bool {
        self.stage.retry();
        self.run(carrier, shared)
    }

    /// The stream is over.
    pub fn finish(&mut self, ending: Ending, carrier: Carrier<'_>, shared: &mut Shared) {
        let Self { stage, above, about, proxy, .. } = self;
        let inner = within(stage, about.as_deref(), proxy.as_deref(), carrier);
        for missing in stage.leftovers() {
            let gap = Gap::new(missing.direction, missing.offset, missing.length, missing.reason);
            above.gap(oriented(gap.inexact(), stage), missing.origin, inner, shared);
        }
        let keys_missing = self.stage.wants_keys().then_some(Code::TlsKeysMissing);
        if self.stage.outcome() == Outcome::Opened {
            if let Some(code) = keys_missing {
                self.above.notice(self.anomaly(code, carrier), ending.last, shared);
            }
            let Self { stage, above, about, proxy, .. } = self;
            let by = ending.by.map(|by| if stage.is_reversed() { by.opposite() } else { by });
            let carrier = within(stage, about.as_deref(), proxy.as_deref(), carrier);
            above.finish(Ending { by, ..ending }, carrier, shared);
        } else {
            self.tell_closed(carrier, shared);
        }
        self.let_go(shared);
    }

    /// Lets go of what can be done without: a record under way is then told as missing.
    pub fn release(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        let Self { stage, above, about, proxy, .. } = self;
        stage.release();
        above.release(within(stage, about.as_deref(), proxy.as_deref(), carrier), shared);
    }

    /// Memory kept between packets, in bytes; records that wait for secrets have a limit of their own.
    pub fn held(&self) -> usize {
        self.stage.held() + self.above.held()
    }

    /// The session inside.
    pub fn above(&mut self) -> &mut Session {
        &mut self.above
    }

    /// Number of the connection inside.
    pub fn connection(&self) -> Option<u64> {
        self.above.connection()
    }

    /// Whether it waits for secrets.
    pub fn wants_keys(&self) -> bool {
        self.stage.wants_keys()
    }

    /// Hands on what can be opened; whether anything can still come of it.
    fn run(&mut self, carrier: Carrier<'_>, shared: &mut Shared) -> bool {
        while let Some(step) = self.stage.step(&mut shared.tls, &shared.config.limits) {
            let Self { stage, above, about, proxy, .. } = self;
            if about.is_none() && matches!(step, Step::Data(_) | Step::Gap(_)) {
                shared.outbox.summary.tls.decrypted += 1;
                *about = Some(Box::new(stage.session()));
            }
            let inner = within(stage, about.as_deref(), proxy.as_deref(), carrier);
            match step {
                Step::Data(data) => {
                    let direction = if stage.is_reversed() { data.direction.opposite() } else { data.direction };
                    for chunk in stage.chunks(data) {
                        above.push(direction, chunk, inner, shared);
                    }
                }
                Step::Gap(missing) => {
                    let gap = Gap::new(missing.direction, missing.offset, missing.length, missing.reason);
                    let gap = if missing.exact { gap } else { gap.inexact() };
                    above.gap(oriented(gap, stage), missing.origin, inner, shared);
                }
                Step::Foreign => {
                    shared.outbox.summary.tls.connections -= 1;
                    self.let_go(shared);
                    return false;
                }
                Step::Unsupported => {
                    self.tell(Code::TlsUnsupported, carrier, shared);
                    self.let_go(shared);
                    return false;
                }
            }
        }
        self.keep(carrier, shared)
    }

    /// Whether it is worth to go on, within the limits of what may wait.
    fn keep(&mut self, carrier: Carrier<'_>, shared: &mut Shared) -> bool {
        shared.tls.waiting -= self.waiting;
        self.waiting = self.stage.waiting();
        shared.tls.waiting += self.waiting;
        let limits = &shared.config.limits;
        let opened = self.stage.outcome() == Outcome::Opened;
        let over = self.waiting > limits.tls_waiting || shared.tls.waiting > limits.tls_waiting_total;
        let nothing = self.above.is_foreign() || self.stage.is_hopeless() && !opened || over;
        if nothing && !opened {
            self.tell_closed(carrier, shared);
        } else if nothing && !self.above.is_foreign() {
            // One side cannot be opened, and too much of it waits: the other is told as it is.
            self.stage.give_up();
            return true;
        }
        if nothing {
            self.let_go(shared);
        }
        !nothing
    }

    /// Tells why nothing of it could be opened.
    fn tell_closed(&mut self, carrier: Carrier<'_>, shared: &mut Shared) {
        match self.stage.outcome() {
            Outcome::Opened => {}
            Outcome::KeysMissing => self.tell(Code::TlsKeysMissing, carrier, shared),
            Outcome::Failed => self.tell(Code::TlsDecryptFailed, carrier, shared),
        }
    }

    /// Tells of a connection that it could not be opened, and which host it was with.
    fn tell(&self, code: Code, carrier: Carrier<'_>, shared: &mut Shared) {
        let counts = &mut shared.outbox.summary.tls;
        match code {
            Code::TlsKeysMissing => counts.without_keys += 1,
            _ => counts.failed += 1,
        }
        let (first, last) = self.stage.packets();
        let body = Body::Notice(vec![self.anomaly(code, carrier)]);
        shared.outbox.push(Event { connection: NO_CONNECTION, span: Span { first, last }, body });
    }

    fn anomaly(&self, code: Code, carrier: Carrier<'_>) -> Anomaly {
        let Carrier { client, server, .. } = carrier;
        let host = self.stage.sni().map_or_else(String::new, |sni| format!("{sni}, "));
        Anomaly::new(code, Detail::Peers(format!("{host}{client} -> {server}").into()))
    }

    /// It no longer waits for anything.
    fn let_go(&mut self, shared: &mut Shared) {
        shared.tls.waiting -= std::mem::take(&mut self.waiting);
    }
}

/// What the session inside runs on.
fn within<'a>(
    stage: &Connection,
    tls: Option<&'a TlsSession>,
    proxy: Option<&'a str>,
    carrier: Carrier<'a>,
) -> Carrier<'a> {
    let Carrier { client, server, .. } = carrier;
    let (client, server) = if stage.is_reversed() { (server, client) } else { (client, server) };
    Carrier {
        client,
        server,
        late: stage.is_late(),
        tls,
        proxy: proxy.or(carrier.proxy),
        layers: carrier.layers + 1,
        ..carrier
    }
}

/// A gap as the session inside sees it.
fn oriented(gap: Gap, stage: &Connection) -> Gap {
    let direction = if stage.is_reversed() { gap.direction.opposite() } else { gap.direction };
    Gap { direction, ..gap }
}

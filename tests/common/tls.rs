//! A conversation as TLS carries it: two peers of rustls in the same process, and the key log that they write.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, OnceLock};

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::kx_group::{SECP256R1, X25519};
use rustls::crypto::ring::{ALL_CIPHER_SUITES, default_provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, KeyLog, RootCertStore, ServerConfig, ServerConnection};

use wscope::duplex::{Direction, Duplex};

use super::conversation::{Conversation, Dialect};
use super::frame::raw;
use super::segment::Route;

use Direction::{ToClient, ToServer};

/// The server name that the client asks for.
pub const HOST: &str = "wss.example.com";

/// Names of the suites that rustls has; those of TLS 1.2 that differ only in the certificate, which is not RSA, once.
pub fn suites() -> Vec<String> {
    let names = ALL_CIPHER_SUITES.iter().map(|suite| format!("{:?}", suite.suite()));
    names.filter(|name| !name.contains("_RSA_")).collect()
}

/// A key log with another secret in each line.
pub fn wrong(keys: &str) -> String {
    let last = |line: &str| if line.ends_with('0') { '1' } else { '0' };
    keys.lines().map(|line| format!("{}{}\n", &line[..line.len() - 1], last(line))).collect()
}

/// Two peers that trust each other.
pub struct Tls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    keys: Arc<Keys>,
}

/// Lines of a key log.
#[derive(Debug, Default)]
struct Keys(Mutex<String>);

impl KeyLog for Keys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        *self.0.lock().expect("nobody panics") += &format!("{label} {} {}\n", hex(client_random), hex(secret));
    }
}

/// What TLS makes of a conversation.
pub struct Carried {
    pub told: Conversation,
    /// The key log.
    pub keys: String,
}

fn certificate() -> &'static (CertificateDer<'static>, Vec<u8>) {
    static CERTIFICATE: OnceLock<(CertificateDer<'static>, Vec<u8>)> = OnceLock::new();
    CERTIFICATE.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
        (made.cert.der().clone(), made.signing_key.serialize_der())
    })
}

impl Tls {
    /// Peers that agree this suite, as [`suites`] names it.
    pub fn new(suite: &str) -> Self {
        Self::with_groups(suite, &[X25519], &[X25519])
    }

    /// The same, but the client's key share is of a group that the server does not have (RFC 8446 §4.1.4).
    pub fn with_retry(suite: &str) -> Self {
        Self::with_groups(suite, &[X25519, SECP256R1], &[SECP256R1])
    }

    fn with_groups(
        suite: &str,
        of_client: &[&'static dyn SupportedKxGroup],
        of_server: &[&'static dyn SupportedKxGroup],
    ) -> Self {
        let provider = |groups: &[&'static dyn SupportedKxGroup]| {
            let mut provider = default_provider();
            provider.cipher_suites.retain(|offered| format!("{:?}", offered.suite()) == suite);
            provider.kx_groups = groups.to_vec();
            Arc::new(provider)
        };
        let (certificate, key) = certificate();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("it is one");
        let keys = Arc::new(Keys::default());
        let mut client = ClientConfig::builder_with_provider(provider(of_client))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .expect("the suite has a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        client.key_log = keys.clone();
        client.enable_early_data = true;
        let key = PrivateKeyDer::try_from(key.clone()).expect("a key");
        let mut server = ServerConfig::builder_with_provider(provider(of_server))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .expect("the suite has a version")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("they belong together");
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server.max_early_data_size = 1 << 14;
        Self { client: Arc::new(client), server: Arc::new(server), keys }
    }

    /// Changes how the peers are configured.
    #[must_use]
    pub fn with(mut self, client: impl FnOnce(&mut ClientConfig), server: impl FnOnce(&mut ServerConfig)) -> Self {
        client(Arc::get_mut(&mut self.client).expect("nobody else has it"));
        server(Arc::get_mut(&mut self.server).expect("nobody else has it"));
        self
    }

    /// A conversation, carried on this route.
    pub fn carry(&self, plain: &Conversation, route: Route) -> Carried {
        self.carry_with(plain, route, |_, _| {})
    }

    /// As [`carry`](Self::carry); `before` is asked before each segment of the conversation, by its number.
    pub fn carry_with(&self, plain: &Conversation, route: Route, mut before: impl FnMut(usize, &mut Peers)) -> Carried {
        let name = ServerName::try_from(HOST).expect("a name");
        let client = ClientConnection::new(Arc::clone(&self.client), name).expect("a client");
        let server = ServerConnection::new(Arc::clone(&self.server)).expect("a server");
        let told = Some(Conversation::on(route, Dialect::default()).syn());
        let mut peers = Peers { both: Duplex { to_server: client.into(), to_client: server.into() }, told };
        let words = plain.segments();
        let words = words.iter().filter(|segment| !segment.payload.is_empty());
        for (number, segment) in words.enumerate() {
            before(number, &mut peers);
            peers.say(segment.from, &segment.payload);
        }
        let told = peers.told.take().expect("it is there").fin(ToServer).fin(ToClient);
        Carried { told, keys: self.keys.0.lock().expect("nobody panics").clone() }
    }
}

/// Both ends of a TLS connection.
pub struct Peers {
    pub both: Duplex<Connection>,
    told: Option<Conversation>,
}

impl Peers {
    /// One side says something; what it waits for is said before.
    pub fn say(&mut self, from: Direction, bytes: &[u8]) {
        if from == ToServer
            && let Connection::Client(client) = &mut self.both[from]
            && let Some(mut early) = client.early_data()
        {
            early.write_all(bytes).expect("room for it");
            return self.exchange();
        }
        self.exchange();
        self.both[from].writer().write_all(bytes).expect("room for it");
        self.exchange();
    }

    /// Hands over what each has for the other, until both are silent.
    pub fn exchange(&mut self) {
        let mut silent = 0;
        for direction in [ToServer, ToClient].into_iter().cycle() {
            let mut flight = Vec::new();
            while self.both[direction].wants_write() {
                self.both[direction].write_tls(&mut flight).expect("room for it");
            }
            silent = if flight.is_empty() { silent + 1 } else { 0 };
            if silent == 2 {
                return;
            }
            self.hand_over(direction, &flight);
        }
    }

    fn hand_over(&mut self, direction: Direction, flight: &[u8]) {
        if let Some(told) = self.told.take() {
            let say = raw(flight);
            self.told = Some(if direction == ToServer { told.client(say) } else { told.server(say) });
        }
        let peer = &mut self.both[direction.opposite()];
        let mut rest = flight;
        while !rest.is_empty() {
            peer.read_tls(&mut rest).expect("it is there");
            peer.process_new_packets().expect("it is authentic");
            let mut heard = Vec::new();
            // Nothing more for now is an error here.
            let _ = peer.reader().read_to_end(&mut heard);
        }
    }
}

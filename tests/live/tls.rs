//! Peers that encrypt, and a key log that is written behind them.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, KeyLog, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;
use tungstenite::{Message, accept, client};
use wscope::capture::{Files, Source as _, Step};
use wscope::input::{Input, Secret};

use crate::sniffer::{Sniffer, left_out, read, wscope};

const HOST: &str = "wss.example.com";

#[test]
fn secrets_that_come_late_open_what_was_held_and_are_written() {
    if left_out("secrets_that_come_late_open_what_was_held_and_are_written") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let [keys, path] = ["keys.log", "tls.pcapng"].map(|name| folder.path().join(name).display().to_string());
    File::create(&keys).expect("room");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let args = ["export", "--per", "message", "--keylog", &keys, "-w", &path];
    let mut sniffer = Sniffer::on_loopback(&args, port);
    let secrets = talk(&listener);
    // The conversation is over before the first secret is written down.
    fs::OpenOptions::new().append(true).open(&keys).expect("it is there").write_all(secrets.as_bytes()).expect("room");
    sniffer.await_record(|record| record["text"] == "behind the secrets");
    let live = sniffer.interrupt();
    let texts = |messages: Vec<(_, _, Vec<u8>)>| messages.into_iter().map(|(_, _, bytes)| bytes).collect::<Vec<_>>();
    let expected = [&b"in secret"[..], b"answered", b"behind the secrets"].map(<[u8]>::to_vec);
    assert_eq!(texts(live.messages()), expected, "{}", live.stderr);
    assert_eq!(live.records[0]["transport"]["tls"]["sni"], HOST);
    // The file has the secrets within, and needs no key log.
    assert_eq!(texts(read(&["export", "--per", "message", &path]).messages()), expected);
    let mut files = Files::open(&[PathBuf::from(&path)], None, Default::default()).expect("a capture");
    let mut found = Vec::new();
    while let Step::Input(input) = files.step().expect("sound") {
        if let Input::Secret(Secret { bytes, .. }) = input {
            found.extend_from_slice(bytes);
        }
    }
    assert_eq!(String::from_utf8(found).expect("text"), secrets);
}

#[test]
fn a_key_log_may_begin_later_and_the_sandbox_lets_it_be_read() {
    if left_out("a_key_log_may_begin_later_and_the_sandbox_lets_it_be_read") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let keys = folder.path().join("later.log");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let filter = format!("tcp port {port}");
    // Who reads it must be able to; this is about the sandbox.
    let mut command = wscope(&["export", "--per", "message", "--user", "root", "-i", "lo", "-f", &filter]);
    command.env("SSLKEYLOGFILE", &keys);
    let mut sniffer = Sniffer::start(command);
    let secrets = talk(&listener);
    fs::write(&keys, secrets).expect("room");
    sniffer.await_record(|record| record["text"] == "behind the secrets");
    assert_eq!(sniffer.interrupt().status, Some(0));
}

/// Three messages over TLS 1.3; the lines of the key log.
fn talk(listener: &TcpListener) -> String {
    let keys = Arc::new(Keys::default());
    let (client_config, server_config) = configure(&keys);
    let address = listener.local_addr().expect("it is bound");
    let calling = thread::spawn(move || {
        let stream = TcpStream::connect(address).expect("the server listens");
        let name = ServerName::try_from(HOST).expect("a name");
        let tls = ClientConnection::new(client_config, name).expect("a configuration");
        let (mut socket, _) = client(format!("ws://{HOST}/secret"), StreamOwned::new(tls, stream)).expect("an answer");
        socket.send(Message::text("in secret")).expect("the server reads");
        assert_eq!(socket.read().expect("an answer"), Message::text("answered"));
        socket.send(Message::text("behind the secrets")).expect("the server reads");
    });
    let (stream, _) = listener.accept().expect("the client comes");
    let tls = ServerConnection::new(server_config).expect("a configuration");
    let mut socket = accept(StreamOwned::new(tls, stream)).expect("the client asks");
    assert_eq!(socket.read().expect("a message"), Message::text("in secret"));
    socket.send(Message::text("answered")).expect("the client reads");
    assert_eq!(socket.read().expect("a message"), Message::text("behind the secrets"));
    calling.join().expect("no panic");
    keys.0.lock().expect("nobody panics").clone()
}

fn configure(keys: &Arc<Keys>) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let client = client.with_safe_default_protocol_versions().expect("TLS").with_root_certificates(roots);
    let mut client = client.with_no_client_auth();
    client.key_log = Arc::clone(keys) as Arc<dyn KeyLog>;
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    let server = server.with_no_client_auth().with_single_cert(vec![certificate], key).expect("a certificate");
    (Arc::new(client), Arc::new(server))
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

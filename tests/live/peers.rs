//! A WebSocket client and server on loopback that log what they receive.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket, accept, client};

/// A message as its receiver logged it: who sent it, whether it is text, and its bytes.
pub(crate) type Logged = (&'static str, bool, Vec<u8>);

/// A server that waits for its client.
pub(crate) struct Peers {
    listener: TcpListener,
}

/// A client and a server that are connected.
pub(crate) struct Pair {
    client: WebSocket<TcpStream>,
    server: WebSocket<TcpStream>,
}

impl Peers {
    /// Listens on a port that nobody else uses.
    pub(crate) fn listen() -> Self {
        Self::listen_on(Ipv4Addr::LOCALHOST)
    }

    /// Listens on an address of this network namespace.
    pub(crate) fn listen_on(address: Ipv4Addr) -> Self {
        Self { listener: TcpListener::bind((address, 0)).expect("a free port") }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address().port()
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it is bound")
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Pair {
        self.connect_from(|| ())
    }

    /// Opens a connection from a thread that went elsewhere first.
    pub(crate) fn connect_from(&self, go: impl FnOnce() + Send + 'static) -> Pair {
        let address = self.address();
        let opening = thread::spawn(move || {
            go();
            let stream = TcpStream::connect(address).expect("the server listens");
            stream.set_nodelay(true).expect("a TCP socket");
            client(format!("ws://{address}/live"), stream).expect("the server answers").0
        });
        let (stream, _) = self.listener.accept().expect("the client comes");
        stream.set_nodelay(true).expect("a TCP socket");
        let server = accept(stream).expect("the client asks");
        Pair { client: opening.join().expect("no panic"), server }
    }

    /// Opens a connection that says nothing by itself.
    pub(crate) fn connect_plain(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address()).expect("the server listens");
        (client, self.listener.accept().expect("the client comes").0)
    }

    /// A conversation from the first to the last byte: what was received, in order.
    pub(crate) fn talk(&self) -> Vec<Logged> {
        self.connect().talk()
    }
}

impl Pair {
    /// Talks to the end: what was received, in order.
    pub(crate) fn talk(mut self) -> Vec<Logged> {
        let mut logged = Vec::new();
        for round in 0..20usize {
            logged.push(self.client_says(&format!("question {round}: {}", "?".repeat(round * 97))));
            logged.push(self.server_says(Message::binary(vec![round as u8; round * 7001])));
            logged.push(self.server_says(Message::text("")));
        }
        self.close();
        logged
    }

    /// Says a text, and waits until the server has it.
    pub(crate) fn client_says(&mut self, text: &str) -> Logged {
        self.client.send(Message::text(text)).expect("the server reads");
        log("client", self.server.read().expect("a message"))
    }

    /// Says something, and waits until the client has it.
    pub(crate) fn server_says(&mut self, message: Message) -> Logged {
        let server = &mut self.server;
        let client = &mut self.client;
        thread::scope(|scope| {
            // A large message fills the socket, and needs a reader.
            scope.spawn(move || server.send(message).expect("the client reads"));
            log("server", client.read().expect("a message"))
        })
    }

    /// The closing handshake.
    pub(crate) fn close(mut self) {
        let close = CloseFrame { code: 1000.into(), reason: "done".into() };
        self.client.close(Some(close)).expect("the server is there");
        // Each reads to the end of the connection, and answers the Close on the way.
        while self.server.read().is_ok() {}
        drop(self.server);
        while self.client.read().is_ok() {}
    }
}

/// Talks over a connection that is no WebSocket, until both are silent.
pub(crate) fn gossip((mut client, mut server): (TcpStream, TcpStream)) {
    let mut heard = [0; 4000];
    for _ in 0..20 {
        client.write_all(&[b'x'; 4000]).expect("the server reads");
        server.read_exact(&mut heard).expect("it was sent");
    }
}

fn log(from: &'static str, message: Message) -> Logged {
    (from, message.is_text(), message.into_data().to_vec())
}

//! Two network namespaces and a cable between them, where peers meet out of everybody else's sight.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::peers::{Logged, Peers};
use super::sniffer::{Sniffer, left_out, wscope};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Two namespaces; removed with all that is in them.
pub(crate) struct Network {
    /// That of the server, from where it is captured.
    near: String,
    far: String,
}

impl Network {
    /// `None` where the right or the tool for it is missing.
    pub(crate) fn new(what: &str) -> Option<Self> {
        if left_out(what) {
            return None;
        }
        if Command::new("ip").arg("-V").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "{what}: needs the ip command, which CI must have");
            eprintln!("left out, for it needs the ip command: {what}");
            return None;
        }
        let name = format!("ws{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let network = Self { near: format!("{name}a"), far: format!("{name}b") };
        let Self { near, far } = &network;
        ip(&format!("netns add {near}"));
        ip(&format!("netns add {far}"));
        ip(&format!("-n {near} link add veth0 type veth peer name veth0 netns {far}"));
        ip(&format!("-n {near} address add {SERVER}/24 dev veth0"));
        ip(&format!("-n {far} address add 10.99.0.2/24 dev veth0"));
        ip(&format!("-n {far} link set veth0 up"));
        ip(&format!("-n {near} link set lo up"));
        network.take_up();
        Some(network)
    }

    /// The interface of the server.
    pub(crate) fn near(&self) -> &'static str {
        "veth0"
    }

    /// A server in this network.
    pub(crate) fn listen(&self) -> Peers {
        let go = enter(&self.near);
        let listening = thread::spawn(move || {
            go();
            Peers::listen_on(SERVER)
        });
        listening.join().expect("it listens")
    }

    /// A conversation over the cable: what was received, in order.
    pub(crate) fn talk(&self, peers: &Peers) -> Vec<Logged> {
        peers.connect_from(enter(&self.far)).talk()
    }

    /// A conversation that does not leave the server's machine.
    pub(crate) fn talk_at_home(&self, peers: &Peers) -> Vec<Logged> {
        peers.connect_from(enter(&self.near)).talk()
    }

    /// Captures where the server is.
    pub(crate) fn capture(&self, args: &[&str], port: u16) -> Sniffer {
        let inner = wscope(args);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.near]).arg(inner.get_program()).args(inner.get_args());
        command.args(["-f", &format!("tcp port {port}")]);
        Sniffer::start(command)
    }

    pub(crate) fn take_down(&self) {
        ip(&format!("-n {} link set veth0 down", self.near));
    }

    pub(crate) fn take_up(&self) {
        ip(&format!("-n {} link set veth0 up", self.near));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in [&self.near, &self.far] {
            // As far as it came to be.
            let _ = Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

/// Takes a thread into a namespace.
fn enter(namespace: &str) -> impl FnOnce() + Send + use<> {
    let namespace = File::open(format!("/run/netns/{namespace}")).expect("it was made");
    move || move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may")
}

fn ip(args: &str) {
    let run = Command::new("ip").args(args.split(' ')).output().expect("the ip command");
    assert!(run.status.success(), "ip {args}: {}", String::from_utf8_lossy(&run.stderr));
}

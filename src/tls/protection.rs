//! The protection of one direction's records: an opener, the number of the next record, and what comes after a KeyUpdate.

use std::ops::Range;

use crate::duplex::Direction;

use super::cipher::Opener;
use super::hello::ServerHello;
use super::keylog::{Label, Secret};
use super::record::{HEADER, Header};
use super::schedule::{self, Randoms};
use super::suite::{Suite, Version};

/// What protects one direction.
#[derive(Debug)]
pub struct Protection {
    opener: Opener,
    /// Number of the next record.
    pub seq: u64,
    /// The traffic secret, of TLS 1.3.
    secret: Option<(Suite, Secret)>,
    /// What it protects.
    pub epoch: Epoch,
    /// The nonce that stood in the last record (TLS 1.2): most senders count it up.
    nonce: Option<u64>,
}

/// How far a direction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Epoch {
    /// Nothing is protected yet.
    #[default]
    Clear,
    /// 0-RTT data (RFC 8446 §2.3).
    Early,
    /// Handshake messages of TLS 1.3.
    Handshake,
    /// Application data; of TLS 1.2 all behind ChangeCipherSpec.
    Application,
}

impl Epoch {
    /// Which secret protects it in TLS 1.3.
    pub fn label(self, direction: Direction) -> Label {
        match self {
            Self::Early => Label::ClientEarlyTraffic,
            Self::Clear | Self::Handshake => Label::HandshakeTraffic(direction),
            Self::Application => Label::Traffic(direction),
        }
    }
}

impl Protection {
    /// By a traffic secret of TLS 1.3.
    pub fn with_secret(suite: Suite, secret: &Secret, epoch: Epoch) -> Self {
        let keys = schedule::traffic_keys(suite, secret);
        let opener = Opener::new(suite.cipher, Version::TLS13, false, keys);
        Self { opener, seq: 0, secret: Some((suite, *secret)), epoch, nonce: None }
    }

    /// By a master secret (RFC 5246 §6.3).
    pub fn with_master(suite: Suite, master: &[u8], client: &[u8; 32], server: &ServerHello, way: Direction) -> Self {
        let iv_len = Opener::iv_len(suite.cipher, server.version);
        let randoms = Randoms { client, server: &server.random };
        let [to_server, to_client] = schedule::key_block(suite, master, randoms, iv_len);
        let keys = match way {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        };
        let opener = Opener::new(suite.cipher, server.version, server.encrypt_then_mac, keys);
        Self { opener, seq: 0, secret: None, epoch: Epoch::Application, nonce: None }
    }

    /// The one behind a KeyUpdate (RFC 8446 §7.2); `None` before TLS 1.3.
    pub fn updated(&self) -> Option<Self> {
        let (suite, secret) = self.secret.as_ref()?;
        Some(Self::with_secret(*suite, &schedule::next_secret(suite.hash, secret), self.epoch))
    }

    /// Opens the next record in place; where in `body` its content stands, and of which type it is.
    ///
    /// `None`: it is not authentic, and `body` is spoiled.
    pub fn open(&mut self, header: Header, body: &mut [u8]) -> Option<(u8, Range<usize>)> {
        let nonce = self.opener.explicit_nonce(body);
        let content = self.opener.open(self.seq, header, body)?;
        self.seq += 1;
        self.nonce = nonce;
        if self.secret.is_none() {
            return Some((header.kind, content));
        }
        // RFC 8446 §5.2: content, type, zeros.
        let length = body[content.clone()].iter().rposition(|&byte| byte != 0)?;
        let kind = body[content.start + length];
        Some((kind, content.start..content.start + length))
    }

    /// Whether the record is authentic with one of these numbers; then the next one to open is this.
    ///
    /// `budget`: bytes that may be tried.
    pub fn find(&mut self, numbers: Range<u64>, header: Header, body: &[u8], attempt: &mut Attempt<'_>) -> bool {
        let guess = self.nonce.zip(self.opener.explicit_nonce(body));
        let guess = guess.map(|(last, now)| self.seq.wrapping_add(now.wrapping_sub(last).wrapping_sub(1)));
        let likely = guess.filter(|guess| numbers.contains(guess));
        for seq in likely.into_iter().chain(numbers) {
            let cost = Self::cost(body);
            if *attempt.budget < cost {
                break;
            }
            *attempt.budget -= cost;
            attempt.scratch.clear();
            attempt.scratch.extend_from_slice(body);
            if self.opener.open(seq, header, attempt.scratch).is_some() {
                self.seq = seq;
                return true;
            }
        }
        false
    }

    /// What one attempt at a record costs, in bytes.
    pub fn cost(body: &[u8]) -> u64 {
        (body.len() + COST) as u64
    }

    /// The plaintext that records hold whose bytes, headers included, are so many in all.
    pub fn plaintext(&self, bytes: u64, records: u64) -> u64 {
        bytes.saturating_sub(records.saturating_mul((HEADER + self.opener.overhead()) as u64))
    }

    /// Whether [`plaintext`](Self::plaintext) is exact for application data.
    pub fn is_exact(&self) -> bool {
        self.opener.is_exact()
    }

    /// The least bytes that a record has.
    pub fn least(&self) -> u64 {
        (HEADER + self.opener.overhead()) as u64
    }
}

/// Work for one attempt, in bytes, beside the record itself.
const COST: usize = 64;

/// What trying costs, and room for it.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Bytes that may still be tried.
    pub budget: &'a mut u64,
    /// Room to work in.
    pub scratch: &'a mut Vec<u8>,
}

//! What is known of a TLS session, from its hellos or by trying, and the protections that follow from it (RFC 8446 §7.3, RFC 5246 §6.3).

use crate::duplex::Direction;

use super::hello::{ClientHello, ServerHello};
use super::keylog::{KeyLog, Label, Random, Session};
use super::protection::{Epoch, Protection};
use super::schedule::{self, Randoms};
use super::suite::{Suite, Version};

/// So many sessions of a key log are tried on a connection that was joined late.
const MAX_CANDIDATES: usize = 1 << 12;

/// What is known of a session.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) client: Option<ClientHello>,
    pub(super) server: Option<ServerHello>,
    /// Of the ServerHello, or of the HelloRetryRequest before it.
    pub(super) version: Option<Version>,
    pub(super) suite: Option<Suite>,
    pub(super) alpn: Option<Box<str>>,
    pub(super) early: Early,
    /// The first bytes of the encrypted premaster secret.
    pub(super) premaster: Option<[u8; 8]>,
    /// Of a connection that was joined late: what was found by trying.
    pub(super) found: Option<(Random, u16)>,
}

impl Facts {
    pub(super) fn is_13(&self) -> bool {
        self.found.is_some() || self.version == Some(Version::TLS13)
    }

    /// The master secret, from the key log or from a premaster secret in it.
    pub(super) fn master(&self, keys: &KeyLog) -> Option<[u8; 48]> {
        let (client, server) = (self.client.as_ref()?, self.server.as_ref()?);
        let logged = keys.session(&client.random).and_then(|session| session.get(Label::Master));
        if let Some(secret) = logged {
            return secret.bytes().try_into().ok();
        }
        // RFC 7627: the extended one is made of all messages up to the ClientKeyExchange, which are not kept.
        let premaster = keys.premaster(&self.premaster?).filter(|_| !server.extended_master_secret)?;
        let randoms = Randoms { client: &client.random, server: &server.random };
        Some(schedule::master_secret(self.suite?.hash, premaster.bytes(), randoms))
    }

    /// What may protect a direction that has come further than this epoch. `fresh`: no keys are known yet.
    pub(super) fn later(&self, direction: Direction, epoch: Epoch, fresh: bool, keys: &KeyLog) -> Vec<Protection> {
        let (Some(client), Some(server), Some(suite)) = (&self.client, &self.server, self.suite) else {
            return Vec::new();
        };
        if server.version < Version::TLS13 {
            let master = self.master(keys).filter(|_| fresh);
            let protection =
                master.map(|master| Protection::with_master(suite, &master, &client.random, server, direction));
            return protection.into_iter().collect();
        }
        let epochs: &[_] = match epoch {
            Epoch::Clear | Epoch::Early => &[Epoch::Handshake, Epoch::Application],
            Epoch::Handshake if fresh => &[Epoch::Handshake, Epoch::Application],
            Epoch::Handshake => &[Epoch::Application],
            Epoch::Application => {
                if fresh {
                    &[Epoch::Application]
                } else {
                    &[]
                }
            }
        };
        let session = keys.session(&client.random);
        let secret = |epoch: Epoch| Some((epoch, session?.get(epoch.label(direction))?));
        let secrets = epochs.iter().filter_map(|&epoch| secret(epoch));
        secrets.map(|(epoch, secret)| Protection::with_secret(suite, secret, epoch)).collect()
    }

    /// Which secrets may protect a record of a connection without a ServerHello: session, label and suite.
    pub(super) fn candidates(&self, direction: Direction, keys: &KeyLog) -> Vec<(Random, Label, u16)> {
        let of = |(random, session): (&Random, &Session), labels: &[Label], only: Option<u16>| {
            let found = labels.iter().filter_map(|&label| Some((label, session.get(label)?.bytes().len())));
            let suites = found
                .flat_map(|(label, length)| Suite::with_secret_of(length).iter().map(move |&suite| (label, suite)));
            let suites = suites.filter(|(_, suite)| only.is_none_or(|only| only == *suite));
            suites.map(|(label, suite)| (*random, label, suite)).collect::<Vec<_>>()
        };
        let own = [Label::Traffic(direction)];
        let either = [Label::Traffic(direction), Label::Traffic(direction.opposite())];
        let known = self.found.map(|(random, suite)| (random, Some(suite)));
        match known.or(self.client.as_ref().map(|client| (client.random, None))) {
            Some((random, suite)) => {
                keys.session(&random).map(|session| of((&random, session), &own, suite)).unwrap_or_default()
            }
            None => keys.unseen().take(MAX_CANDIDATES).flat_map(|session| of(session, &either, None)).collect(),
        }
    }
}

/// What became of 0-RTT data (RFC 8446 §4.2.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Early {
    #[default]
    None,
    /// The client sent some; the server has not answered.
    Offered,
    Accepted,
    Rejected,
}

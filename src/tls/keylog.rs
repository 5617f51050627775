//! Lines of a key log to secrets by client random (the NSS key log format, draft-ietf-tls-keylogfile).

use std::collections::{HashMap, VecDeque};
use std::fmt;

use foldhash::quality::RandomState;

use crate::duplex::Direction;

/// ClientHello.random, by which a key log names a session.
pub type Random = [u8; 32];

/// All secrets that are known.
#[derive(Default)]
pub struct KeyLog {
    sessions: HashMap<Random, Session, RandomState>,
    oldest_first: VecDeque<Random>,
    /// Premaster secrets by the first 8 bytes of their encrypted form.
    premaster: HashMap<[u8; 8], Secret, RandomState>,
    /// Lines that are neither secret, comment nor blank.
    malformed: u64,
}

/// A secret of a key log, or derived from one: at most 48 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    bytes: [u8; 48],
    length: u8,
}

impl Secret {
    /// The first 48 of these bytes.
    pub fn new(secret: &[u8]) -> Self {
        let length = secret.len().min(48);
        let mut bytes = [0; 48];
        bytes[..length].copy_from_slice(&secret[..length]);
        Self { bytes, length: length as u8 }
    }

    /// The secret.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// Which secret of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The master secret of TLS 1.2 and before.
    Master,
    /// Of 0-RTT data.
    ClientEarlyTraffic,
    /// Of the handshake messages of one side.
    HandshakeTraffic(Direction),
    /// Of one side's application data, up to its first KeyUpdate.
    Traffic(Direction),
}

/// The secrets of one session, in the order in which they came.
#[derive(Default)]
pub struct Session {
    secrets: Vec<(Label, Secret)>,
    /// Whether its hello was captured, so that it is no candidate for a connection that was joined late.
    pub seen: bool,
}

impl Session {
    /// The last one with this label.
    pub fn get(&self, label: Label) -> Option<&Secret> {
        self.secrets.iter().rev().find(|(other, _)| *other == label).map(|(_, secret)| secret)
    }

    fn set(&mut self, label: Label, secret: Secret) {
        match self.secrets.iter_mut().find(|(other, _)| *other == label) {
            Some((_, known)) => *known = secret,
            None => self.secrets.push((label, secret)),
        }
    }
}

impl KeyLog {
    /// Takes whole lines; keeps the secrets of at most `limit` sessions, the youngest.
    pub fn extend(&mut self, lines: &[u8], limit: usize) {
        for line in lines.split(|&byte| byte == b'\n') {
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            if self.add(line, limit).is_none() {
                self.malformed += 1;
            }
        }
    }

    /// The secrets of the session with this client random.
    pub fn session(&self, random: &Random) -> Option<&Session> {
        self.sessions.get(random)
    }

    /// Notes that the hello of this session was captured.
    pub fn see(&mut self, random: &Random) {
        if let Some(session) = self.sessions.get_mut(random) {
            session.seen = true;
        }
    }

    /// The sessions whose hello was not captured, youngest first.
    pub fn unseen(&self) -> impl Iterator<Item = (&Random, &Session)> {
        let sessions = self.oldest_first.iter().rev().filter_map(|random| self.sessions.get_key_value(random));
        sessions.filter(|(_, session)| !session.seen)
    }

    /// The premaster secret whose encrypted form begins so.
    pub fn premaster(&self, encrypted: &[u8; 8]) -> Option<&Secret> {
        self.premaster.get(encrypted)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.premaster.is_empty()
    }

    /// Lines that could not be understood.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Takes one line; `None` where it is malformed.
    fn add(&mut self, line: &[u8], limit: usize) -> Option<()> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (label, name, secret) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return None;
        }
        let (name, secret) = (unhex(name)?, unhex(secret)?);
        if label == b"RSA" {
            let encrypted = <[u8; 8]>::try_from(name).ok()?;
            if self.premaster.len() < limit {
                self.premaster.insert(encrypted, (secret.len() == 48).then(|| Secret::new(&secret))?);
            }
            return Some(());
        }
        let random = Random::try_from(name).ok()?;
        // Labels of exporters, ECH and what is yet to come are well-formed, and of no use here.
        let Some(label) = Label::new(label) else { return Some(()) };
        if !label.fits(secret.len()) {
            return None;
        }
        if !self.sessions.contains_key(&random) {
            if self.sessions.len() >= limit.max(1)
                && let Some(oldest) = self.oldest_first.pop_front()
            {
                self.sessions.remove(&oldest);
            }
            self.oldest_first.push_back(random);
        }
        self.sessions.entry(random).or_default().set(label, Secret::new(&secret));
        Some(())
    }
}

impl Label {
    fn new(label: &[u8]) -> Option<Self> {
        Some(match label {
            b"CLIENT_RANDOM" => Self::Master,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Self::ClientEarlyTraffic,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::HandshakeTraffic(Direction::ToServer),
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::HandshakeTraffic(Direction::ToClient),
            b"CLIENT_TRAFFIC_SECRET_0" => Self::Traffic(Direction::ToServer),
            b"SERVER_TRAFFIC_SECRET_0" => Self::Traffic(Direction::ToClient),
            _ => return None,
        })
    }

    /// Whether a secret can have this length: that of the master secret, or of a hash.
    fn fits(self, length: usize) -> bool {
        length == 48 || self != Self::Master && length == 32
    }
}

/// Secrets are for nobody's log.
impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret of {} bytes", self.length)
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyLog of {} sessions", self.sessions.len())
    }
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() || digits.len() > 1024 {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some((digit(high)? << 4 | digit(low)?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 99;

    #[test]
    fn lines_of_every_kind() {
        let (random, short, long) = ("ab".repeat(32), "11".repeat(32), "22".repeat(48));
        let text = format!(
            "# comment\r\n\r\nCLIENT_RANDOM {random} {long}\r\n\
             CLIENT_TRAFFIC_SECRET_0 {} {short}\nSERVER_TRAFFIC_SECRET_0  {random}\t{long} \n\
             CLIENT_TRAFFIC_SECRET_0 {random} {long}\nEXPORTER_SECRET {random} {short}\nRSA 0011223344556677 {long}",
            random.to_uppercase()
        );
        let mut log = KeyLog::default();
        log.extend(text.as_bytes(), ALL);
        let session = log.session(&[0xab; 32]).expect("it was named");
        for (label, length) in [
            (Label::Master, Some(48)),
            (Label::Traffic(Direction::ToServer), Some(48)),
            (Label::Traffic(Direction::ToClient), Some(48)),
            (Label::HandshakeTraffic(Direction::ToServer), None),
        ] {
            assert_eq!(session.get(label).map(|secret| secret.bytes().len()), length, "{label:?}: the last one counts");
        }
        assert!(log.premaster(&[0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]).is_some());
        assert_eq!(log.malformed(), 0);
    }

    #[test]
    fn malformed_lines_are_counted_and_passed_over() {
        let (random, secret) = ("ab".repeat(32), "22".repeat(48));
        let lines = [
            "CLIENT_RANDOM".to_owned(),
            format!("CLIENT_RANDOM {random}"),
            format!("CLIENT_RANDOM {random} {secret} more"),
            format!("CLIENT_RANDOM {} {secret}", &random[1..]),
            format!("CLIENT_RANDOM {random} {}", &secret[2..]),
            format!("CLIENT_RANDOM {random} {}", secret.replace("22", "zz")),
            format!("RSA {random} {secret}"),
            "\u{1b}[31m {random} {secret}".to_owned(),
        ];
        let mut log = KeyLog::default();
        log.extend(lines.join("\n").as_bytes(), ALL);
        assert_eq!((log.malformed(), log.is_empty()), (lines.len() as u64, true));
    }

    #[test]
    fn the_oldest_sessions_make_room() {
        let mut log = KeyLog::default();
        for number in 0..5u8 {
            let random = format!("{number:02x}").repeat(32);
            log.extend(format!("CLIENT_RANDOM {random} {}\n", "22".repeat(48)).as_bytes(), 3);
        }
        let known = |number: u8| log.session(&[number; 32]).is_some();
        assert_eq!([0, 1, 2, 3, 4].map(known), [false, false, true, true, true]);
        assert_eq!(log.unseen().map(|(random, _)| random[0]).collect::<Vec<_>>(), [4, 3, 2]);
    }
}

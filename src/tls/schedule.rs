//! From secrets to keys: HKDF-Expand-Label of TLS 1.3 (RFC 8446 §7.1, §7.3), the PRF of earlier versions (RFC 5246 §5).

use hkdf::Hkdf;
use hmac::Hmac;
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::keylog::Secret;
use super::suite::{Hash, Suite};

/// The longest key or secret that is derived at once.
pub const MAX_OUTPUT: usize = 48;

/// Key and IV of one direction, and the MAC key of a CBC suite.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// Of the cipher.
    pub key: Vec<u8>,
    /// What nonces are made of; of CBC before TLS 1.1 the first IV.
    pub iv: Vec<u8>,
    /// Of the MAC; empty for an AEAD.
    pub mac: Vec<u8>,
}

/// Keys of a traffic secret (RFC 8446 §7.3).
pub fn traffic_keys(suite: Suite, secret: &Secret) -> Keys {
    let key = expand_label(suite.hash, secret, "key", suite.cipher.key_len());
    let iv = expand_label(suite.hash, secret, "iv", 12);
    Keys { key: key.bytes().into(), iv: iv.bytes().into(), mac: Vec::new() }
}

/// The traffic secret behind a KeyUpdate (RFC 8446 §7.2).
pub fn next_secret(hash: Hash, secret: &Secret) -> Secret {
    expand_label(hash, secret, "traffic upd", secret.bytes().len())
}

/// Keys of both directions, the client's first (RFC 5246 §6.3).
///
/// `iv_len`: bytes of the fixed IV of each side.
pub fn key_block(suite: Suite, master: &[u8], randoms: Randoms<'_>, iv_len: usize) -> [Keys; 2] {
    let mac_len = suite.cipher.mac().map_or(0, super::suite::Mac::length);
    let key_len = suite.cipher.key_len();
    let mut block = vec![0; 2 * (mac_len + key_len + iv_len)];
    // §6.3: the server's random first, unlike in the master secret.
    prf(suite.hash, master, "key expansion", &[randoms.server, randoms.client], &mut block);
    let mut rest = &block[..];
    let mut take = |length: usize| {
        let (taken, behind) = rest.split_at(length);
        rest = behind;
        taken.to_vec()
    };
    let [mac_client, mac_server] = [take(mac_len), take(mac_len)];
    let [key_client, key_server] = [take(key_len), take(key_len)];
    let [iv_client, iv_server] = [take(iv_len), take(iv_len)];
    [Keys { key: key_client, iv: iv_client, mac: mac_client }, Keys { key: key_server, iv: iv_server, mac: mac_server }]
}

/// The master secret of a premaster secret, without the extended_master_secret extension (RFC 5246 §8.1).
pub fn master_secret(hash: Hash, premaster: &[u8], randoms: Randoms<'_>) -> [u8; 48] {
    let mut master = [0; 48];
    prf(hash, premaster, "master secret", &[randoms.client, randoms.server], &mut master);
    master
}

/// The random values of both hellos.
#[derive(Debug, Clone, Copy)]
pub struct Randoms<'a> {
    /// ClientHello.random.
    pub client: &'a [u8; 32],
    /// ServerHello.random.
    pub server: &'a [u8; 32],
}

/// HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
fn expand_label(hash: Hash, secret: &Secret, label: &str, length: usize) -> Secret {
    let length = length.min(MAX_OUTPUT);
    let mut info = vec![0, length as u8, 6 + label.len() as u8];
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    let mut out = [0; MAX_OUTPUT];
    let out = &mut out[..length];
    let expanded = match hash {
        Hash::Sha384 => Hkdf::<Sha384>::from_prk(secret.bytes()).is_ok_and(|hkdf| hkdf.expand(&info, out).is_ok()),
        Hash::Sha256 | Hash::Md5Sha1 => {
            Hkdf::<Sha256>::from_prk(secret.bytes()).is_ok_and(|hkdf| hkdf.expand(&info, out).is_ok())
        }
    };
    // A secret shorter than the hash is none of this suite's: its keys open nothing.
    if !expanded {
        out.fill(0);
    }
    Secret::new(out)
}

/// The pseudorandom function (RFC 5246 §5; with MD5 and SHA-1 RFC 4346 §5).
fn prf(hash: Hash, secret: &[u8], label: &str, seeds: &[&[u8; 32]; 2], out: &mut [u8]) {
    let seed = [label.as_bytes(), seeds[0], seeds[1]].concat();
    match hash {
        Hash::Sha256 => p_hash::<Hmac<Sha256>>(secret, &seed, out),
        Hash::Sha384 => p_hash::<Hmac<Sha384>>(secret, &seed, out),
        Hash::Md5Sha1 => {
            // The halves share the middle byte of a secret of odd length.
            let half = secret.len().div_ceil(2);
            p_hash::<Hmac<Md5>>(&secret[..half], &seed, out);
            p_hash::<Hmac<Sha1>>(&secret[secret.len() - half..], &seed, out);
        }
    }
}

/// P_hash, exclusive-ored onto `out`.
fn p_hash<M: hmac::Mac + hmac::KeyInit>(secret: &[u8], seed: &[u8], out: &mut [u8]) {
    let hash = |parts: &[&[u8]]| {
        let mut mac = <M as hmac::KeyInit>::new_from_slice(secret).expect("an HMAC takes keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let mut a = hash(&[seed]);
    for block in out.chunks_mut(a.len()) {
        let output = hash(&[&a, seed]);
        block.iter_mut().zip(&output).for_each(|(byte, with)| *byte ^= with);
        a = hash(&[&a]);
    }
}

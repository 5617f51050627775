//! Opens protected records (RFC 8446 §5.2-5.3; RFC 5246 §6.2.3, RFC 5288, 6655, 7905, 7366).
//!
//! What a record says is told only where its tag, or MAC, is right.

use std::ops::Range;

use aes::{Aes128, Aes256};
use aes_gcm::aead::consts::{U8, U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use cbc::cipher::KeyIvInit;
use ccm::Ccm;
use chacha20poly1305::ChaCha20Poly1305;
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::record::Header;
use super::schedule::Keys;
use super::suite::{Cipher, Mac, Version};

/// Bytes of an AES block.
const BLOCK: usize = 16;
/// Bytes of the nonce that stands in each record of TLS 1.2's GCM and CCM suites (RFC 5288 §3).
const EXPLICIT: usize = 8;

/// Opens the records of one direction.
pub struct Opener {
    cipher: Cipher,
    version: Version,
    /// RFC 7366: the MAC is over the ciphertext.
    encrypt_then_mac: bool,
    keys: Keys,
    aead: Option<Aead>,
    /// Before TLS 1.1 the IV is the last block of the record before.
    chained: [u8; BLOCK],
}

/// An AEAD with its key set.
enum Aead {
    Aes128Gcm(Box<Aes128Gcm>),
    Aes256Gcm(Box<Aes256Gcm>),
    ChaCha20Poly1305(Box<ChaCha20Poly1305>),
    Aes128Ccm(Box<Ccm<Aes128, U16, U12>>),
    Aes256Ccm(Box<Ccm<Aes256, U16, U12>>),
    Aes128Ccm8(Box<Ccm<Aes128, U8, U12>>),
    Aes256Ccm8(Box<Ccm<Aes256, U8, U12>>),
}

impl Opener {
    /// For these keys, whose lengths are those of the cipher ([`Opener::iv_len`]).
    pub fn new(cipher: Cipher, version: Version, encrypt_then_mac: bool, keys: Keys) -> Self {
        let mut chained = [0; BLOCK];
        if keys.iv.len() == BLOCK {
            chained.copy_from_slice(&keys.iv);
        }
        Self { cipher, version, encrypt_then_mac, aead: Aead::new(cipher, &keys.key), keys, chained }
    }

    /// Bytes of IV that the key block has for each side (RFC 5246 §6.3; none of CBC since TLS 1.1).
    pub fn iv_len(cipher: Cipher, version: Version) -> usize {
        match cipher {
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) if version > Version::TLS10 => 0,
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) => BLOCK,
            Cipher::ChaCha20Poly1305 => 12,
            _ => 4,
        }
    }

    /// Opens a record in place; `None`: it is not authentic. Then `body` is spoiled.
    ///
    /// What is returned is where in `body` the plaintext stands; in TLS 1.3 content type and padding still follow it.
    pub fn open(&mut self, seq: u64, header: Header, body: &mut [u8]) -> Option<Range<usize>> {
        match self.cipher.mac() {
            Some(mac) => self.open_cbc(mac, seq, header, body),
            None => self.open_aead(seq, header, body),
        }
    }

    /// What is not plaintext in a record; the least of it, of CBC.
    pub fn overhead(&self) -> usize {
        let tag = self.cipher.tag_len();
        match self.cipher.mac() {
            Some(_) => tag + 1 + if self.version > Version::TLS10 { BLOCK } else { 0 },
            None => tag + self.explicit() + usize::from(self.version == Version::TLS13),
        }
    }

    /// Whether [`overhead`](Self::overhead) is all that there is in a record of application data.
    pub fn is_exact(&self) -> bool {
        self.cipher.mac().is_none() && self.version < Version::TLS13
    }

    /// The nonce that stands in a record.
    pub fn explicit_nonce(&self, body: &[u8]) -> Option<u64> {
        let (nonce, _) = body.split_first_chunk().filter(|_| self.explicit() == EXPLICIT)?;
        Some(u64::from_be_bytes(*nonce))
    }

    fn explicit(&self) -> usize {
        let none = self.version == Version::TLS13 || self.cipher == Cipher::ChaCha20Poly1305;
        if none { 0 } else { EXPLICIT }
    }

    fn open_aead(&self, seq: u64, header: Header, body: &mut [u8]) -> Option<Range<usize>> {
        let (start, tag) = (self.explicit(), self.cipher.tag_len());
        let length = body.len().checked_sub(start + tag)?;
        let mut nonce = [0; 12];
        if start == EXPLICIT {
            nonce[..4].copy_from_slice(&self.keys.iv);
            nonce[4..].copy_from_slice(&body[..EXPLICIT]);
        } else {
            // RFC 8446 §5.3, RFC 7905 §2.
            nonce.copy_from_slice(&self.keys.iv);
            nonce[4..].iter_mut().zip(seq.to_be_bytes()).for_each(|(byte, with)| *byte ^= with);
        }
        let (buffer, tag) = body[start..].split_at_mut(length);
        let aead = self.aead.as_ref()?;
        let opened = if self.version == Version::TLS13 {
            aead.open(&nonce, &header.bytes(), buffer, tag)
        } else {
            aead.open(&nonce, &additional_data(seq, header, length), buffer, tag)
        };
        opened.then_some(start..start + length)
    }

    fn open_cbc(&mut self, mac: Mac, seq: u64, header: Header, body: &mut [u8]) -> Option<Range<usize>> {
        let mac_len = mac.length();
        let start = if self.version > Version::TLS10 { BLOCK } else { 0 };
        let end = if self.encrypt_then_mac { body.len().checked_sub(mac_len)? } else { body.len() };
        if end <= start || (end - start) % BLOCK != 0 {
            return None;
        }
        // RFC 7366 §3: IV and ciphertext are what the MAC is over.
        if self.encrypt_then_mac
            && !mac.is_right(&self.keys.mac, &[&additional_data(seq, header, end), &body[..end]], &body[end..])
        {
            return None;
        }
        let mut last = [0; BLOCK];
        last.copy_from_slice(&body[end - BLOCK..end]);
        let (iv, ciphertext) = body[..end].split_at_mut(start);
        let iv: &[u8; BLOCK] = if start == 0 { &self.chained } else { (&*iv).try_into().ok()? };
        match self.cipher {
            Cipher::Aes128Cbc(_) => decrypt_cbc::<cbc::Decryptor<Aes128>>(&self.keys.key, iv, ciphertext)?,
            _ => decrypt_cbc::<cbc::Decryptor<Aes256>>(&self.keys.key, iv, ciphertext)?,
        }
        // §6.2.3.2: as many bytes as the last one says, each of them the same, and itself.
        let padding = usize::from(*ciphertext.last()?);
        let unpadded = ciphertext.len().checked_sub(padding + 1)?;
        if ciphertext[unpadded..].iter().any(|&byte| usize::from(byte) != padding) {
            return None;
        }
        let length = if self.encrypt_then_mac { unpadded } else { unpadded.checked_sub(mac_len)? };
        if !self.encrypt_then_mac {
            let (content, found) = ciphertext[..unpadded].split_at(length);
            if !mac.is_right(&self.keys.mac, &[&additional_data(seq, header, length), content], found) {
                return None;
            }
        }
        self.chained = last;
        Some(start..start + length)
    }
}

impl Aead {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        fn keyed<A: KeyInit>(key: &[u8]) -> Option<Box<A>> {
            A::new_from_slice(key).ok().map(Box::new)
        }
        Some(match cipher {
            Cipher::Aes128Gcm => Self::Aes128Gcm(keyed(key)?),
            Cipher::Aes256Gcm => Self::Aes256Gcm(keyed(key)?),
            Cipher::ChaCha20Poly1305 => Self::ChaCha20Poly1305(keyed(key)?),
            Cipher::Aes128Ccm => Self::Aes128Ccm(keyed(key)?),
            Cipher::Aes256Ccm => Self::Aes256Ccm(keyed(key)?),
            Cipher::Aes128Ccm8 => Self::Aes128Ccm8(keyed(key)?),
            Cipher::Aes256Ccm8 => Self::Aes256Ccm8(keyed(key)?),
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) => return None,
        })
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> bool {
        fn open<A: AeadInOut>(aead: &A, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8]) -> bool {
            let (Ok(nonce), Ok(tag)) = (<&Nonce<A>>::try_from(&nonce[..]), <&Tag<A>>::try_from(tag)) else {
                return false;
            };
            aead.decrypt_inout_detached(nonce, aad, buffer.into(), tag).is_ok()
        }
        match self {
            Self::Aes128Gcm(aead) => open(&**aead, nonce, aad, buffer, tag),
            Self::Aes256Gcm(aead) => open(&**aead, nonce, aad, buffer, tag),
            Self::ChaCha20Poly1305(aead) => open(&**aead, nonce, aad, buffer, tag),
            Self::Aes128Ccm(aead) => open(&**aead, nonce, aad, buffer, tag),
            Self::Aes256Ccm(aead) => open(&**aead, nonce, aad, buffer, tag),
            Self::Aes128Ccm8(aead) => open(&**aead, nonce, aad, buffer, tag),
            Self::Aes256Ccm8(aead) => open(&**aead, nonce, aad, buffer, tag),
        }
    }
}

impl Mac {
    /// Whether this is the MAC of these parts.
    fn is_right(self, key: &[u8], parts: &[&[u8]], found: &[u8]) -> bool {
        fn is_right<M: hmac::Mac + KeyInit>(key: &[u8], parts: &[&[u8]], found: &[u8]) -> bool {
            let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return false };
            parts.iter().for_each(|part| mac.update(part));
            mac.verify_slice(found).is_ok()
        }
        match self {
            Self::Sha1 => is_right::<Hmac<Sha1>>(key, parts, found),
            Self::Sha256 => is_right::<Hmac<Sha256>>(key, parts, found),
            Self::Sha384 => is_right::<Hmac<Sha384>>(key, parts, found),
        }
    }
}

/// Keys are for nobody's log.
impl std::fmt::Debug for Opener {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Opener of {:?}", self.cipher)
    }
}

/// RFC 5246 §6.2.3.3, and what the MAC of §6.2.3.1 begins with.
fn additional_data(seq: u64, header: Header, length: usize) -> [u8; 13] {
    let mut data = [0; 13];
    data[..8].copy_from_slice(&seq.to_be_bytes());
    data[8..].copy_from_slice(&Header { length, ..header }.bytes());
    data
}

fn decrypt_cbc<D>(key: &[u8], iv: &[u8; BLOCK], ciphertext: &mut [u8]) -> Option<()>
where
    D: KeyIvInit + cbc::cipher::BlockModeDecrypt + cbc::cipher::BlockSizeUser<BlockSize = U16>,
{
    let mut decryptor = D::new_from_slices(key, iv).ok()?;
    let (blocks, _) = cbc::cipher::Array::slice_as_chunks_mut(ciphertext);
    decryptor.decrypt_blocks(blocks);
    Some(())
}

//! From the number of a cipher suite to how its records are protected (RFC 8446 §B.4, RFC 5246 §C, RFC 5288, 6655, 7905).

use tls_parser::{TlsCipherEnc, TlsCipherEncMode, TlsCipherMac, TlsCipherSuite};

/// Protocol version as it stands on the wire; 0x0304 is TLS 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16);

impl Version {
    /// TLS 1.0.
    pub const TLS10: Self = Self(0x0301);
    /// TLS 1.2.
    pub const TLS12: Self = Self(0x0303);
    /// TLS 1.3.
    pub const TLS13: Self = Self(0x0304);

    /// `1.3`; `0x7f1c` for what has no name.
    pub fn name(self) -> Box<str> {
        match self.0 {
            0x0300 => "SSL 3.0".into(),
            minor @ 0x0301..=0x0304 => format!("1.{}", minor - 0x0301).into(),
            other => format!("{other:#06x}").into(),
        }
    }
}

/// How records are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite {
    /// Its algorithm.
    pub cipher: Cipher,
    /// The hash of the key schedule.
    pub hash: Hash,
}

/// A record protection algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
    /// AES-128-CCM.
    Aes128Ccm,
    /// AES-256-CCM.
    Aes256Ccm,
    /// AES-128-CCM with a tag of 8 bytes.
    Aes128Ccm8,
    /// AES-256-CCM with a tag of 8 bytes.
    Aes256Ccm8,
    /// AES-128-CBC with a MAC of its own.
    Aes128Cbc(Mac),
    /// AES-256-CBC with a MAC of its own.
    Aes256Cbc(Mac),
}

/// The MAC of a CBC suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mac {
    /// HMAC-SHA-1.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-384.
    Sha384,
}

/// The hash of a key schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// MD5 and SHA-1 together, before TLS 1.2.
    Md5Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Suite {
    /// The suite with this number in this version; `None` where it is not one that can be opened.
    pub fn new(id: u16, version: Version) -> Option<Self> {
        let suite = TlsCipherSuite::from_id(id)?;
        if (version == Version::TLS13) != suite.name.starts_with("TLS_AES_") && id != CHACHA20_POLY1305_SHA256
            || (id == CHACHA20_POLY1305_SHA256) && version != Version::TLS13
        {
            return None;
        }
        let short_tag = suite.name.contains("_CCM_8");
        let cipher = match (&suite.enc, &suite.enc_mode, suite.enc_size) {
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm, 128) => Cipher::Aes128Gcm,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm, 256) => Cipher::Aes256Gcm,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Ccm, 128) if short_tag => Cipher::Aes128Ccm8,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Ccm, 256) if short_tag => Cipher::Aes256Ccm8,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Ccm, 128) => Cipher::Aes128Ccm,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Ccm, 256) => Cipher::Aes256Ccm,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Cbc, size) => {
                let mac = match suite.mac {
                    TlsCipherMac::HmacSha1 => Mac::Sha1,
                    TlsCipherMac::HmacSha256 => Mac::Sha256,
                    TlsCipherMac::HmacSha384 => Mac::Sha384,
                    _ => return None,
                };
                if size == 128 { Cipher::Aes128Cbc(mac) } else { Cipher::Aes256Cbc(mac) }
            }
            (TlsCipherEnc::Chacha20_Poly1305, ..) => Cipher::ChaCha20Poly1305,
            _ => return None,
        };
        let hash = match version {
            older if older < Version::TLS12 => Hash::Md5Sha1,
            _ if suite.name.ends_with("_SHA384") => Hash::Sha384,
            _ => Hash::Sha256,
        };
        Some(Self { cipher, hash })
    }

    /// Suites of TLS 1.3 whose traffic secrets have this length.
    pub fn with_secret_of(length: usize) -> &'static [u16] {
        match length {
            32 => &[0x1301, CHACHA20_POLY1305_SHA256, 0x1304, 0x1305],
            48 => &[0x1302],
            _ => &[],
        }
    }
}

const CHACHA20_POLY1305_SHA256: u16 = 0x1303;

impl Cipher {
    /// Bytes of the key.
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 | Self::Aes128Cbc(_) => 16,
            Self::Aes256Gcm | Self::Aes256Ccm | Self::Aes256Ccm8 | Self::Aes256Cbc(_) | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Bytes of the tag, or of the MAC.
    pub fn tag_len(self) -> usize {
        match self {
            Self::Aes128Ccm8 | Self::Aes256Ccm8 => 8,
            Self::Aes128Cbc(mac) | Self::Aes256Cbc(mac) => mac.length(),
            Self::Aes128Gcm | Self::Aes256Gcm | Self::ChaCha20Poly1305 | Self::Aes128Ccm | Self::Aes256Ccm => 16,
        }
    }

    /// The MAC of a CBC suite.
    pub fn mac(self) -> Option<Mac> {
        match self {
            Self::Aes128Cbc(mac) | Self::Aes256Cbc(mac) => Some(mac),
            _ => None,
        }
    }
}

impl Mac {
    /// Bytes of the MAC, and of its key.
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// Name of a suite, as IANA has it; the number where it has none.
pub fn name(id: u16) -> Box<str> {
    TlsCipherSuite::from_id(id).map_or_else(|| format!("{id:#06x}").into(), |suite| suite.name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_of_one_version() {
        let suite = |cipher, hash| Some(Suite { cipher, hash });
        for (id, version, expected) in [
            (0x1301, Version::TLS13, suite(Cipher::Aes128Gcm, Hash::Sha256)),
            (0x1302, Version::TLS13, suite(Cipher::Aes256Gcm, Hash::Sha384)),
            (0x1303, Version::TLS13, suite(Cipher::ChaCha20Poly1305, Hash::Sha256)),
            (0x1304, Version::TLS13, suite(Cipher::Aes128Ccm, Hash::Sha256)),
            (0x1305, Version::TLS13, suite(Cipher::Aes128Ccm8, Hash::Sha256)),
            (0x1301, Version::TLS12, None),
            (0x1303, Version::TLS12, None),
            (0xc02f, Version::TLS13, None),
            (0xc02f, Version::TLS12, suite(Cipher::Aes128Gcm, Hash::Sha256)),
            (0xc030, Version::TLS12, suite(Cipher::Aes256Gcm, Hash::Sha384)),
            (0xcca8, Version::TLS12, suite(Cipher::ChaCha20Poly1305, Hash::Sha256)),
            (0xc0a3, Version::TLS12, suite(Cipher::Aes256Ccm8, Hash::Sha256)),
            (0xc028, Version::TLS12, suite(Cipher::Aes256Cbc(Mac::Sha384), Hash::Sha384)),
            (0xc013, Version::TLS12, suite(Cipher::Aes128Cbc(Mac::Sha1), Hash::Sha256)),
            (0xc013, Version::TLS10, suite(Cipher::Aes128Cbc(Mac::Sha1), Hash::Md5Sha1)),
            (0x0005, Version::TLS12, None),
            (0xffff, Version::TLS12, None),
        ] {
            assert_eq!(Suite::new(id, version), expected, "{id:#06x} in {}", version.name());
        }
        assert_eq!((&*name(0xc02f), &*name(0xfffe)), ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "0xfffe"));
    }
}

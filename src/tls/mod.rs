//! TLS as seen by somebody who has the keys: ciphertext of a TCP connection in, plaintext out (RFC 8446, RFC 5246).
//!
//! ```text
//!  Chunk, hole ─► half ─record─► connection ─► Data, Gap
//!                 (framing)        │    ▲
//!                  messages ◄──────┘    └── protection (cipher, schedule, suite) ◄── keylog
//!                  hello: what they say
//! ```
//!
//! Opens AES-GCM, ChaCha20-Poly1305, AES-CCM and AES-CBC suites of TLS 1.0 to 1.3. It verifies tags and MACs, never
//! certificates: who the peers are is not its business. Knows nothing of what runs above.

pub mod cipher;
pub mod connection;
mod facts;
pub mod half;
pub mod hello;
pub mod keylog;
pub mod messages;
pub mod protection;
pub mod record;
pub mod schedule;
pub mod suite;

use keylog::KeyLog;

/// What all TLS connections share.
#[derive(Debug, Default)]
pub struct Tools {
    /// The secrets.
    pub keys: KeyLog,
    /// Bytes that wait for secrets, over all connections.
    pub waiting: usize,
    /// A buffer that nobody uses.
    pub spare: Vec<u8>,
    /// Room to try in.
    pub scratch: Vec<u8>,
}

//! HTTP/2 (RFC 9113): bytes of a connection to heads and the bytes of its streams.
//!
//! ```text
//!  Chunk ─► Reader ─► heads (hpack, huffman) ─► Part
//!             └────── bytes of streams ──────────┘
//! ```
//!
//! Nothing here knows what the streams carry.

pub mod frame;
pub mod heads;
pub mod hpack;
pub mod huffman;
pub mod reader;

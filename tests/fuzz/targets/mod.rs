//! What any bytes are put through, a file for each target: run on seeds by this test, and on what libFuzzer makes up by `fuzz/`.

#![allow(unreachable_pub, dead_code, reason = "the interface of a module that is part of several crates")]

pub mod capture;
pub mod deflate;
pub mod dissect;
pub mod extension;
pub mod filter;
pub mod frame;
pub mod head;
pub mod http2;
pub mod net;
pub mod pipeline;
pub mod reassembler;
pub mod tls;

/// A target: its name, and what takes any bytes, and panics where something does not hold that always does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("capture", capture::run),
    ("deflate", deflate::run),
    ("dissect", dissect::run),
    ("extension", extension::run),
    ("filter", filter::run),
    ("frame", frame::run),
    ("head", head::run),
    ("http2", http2::run),
    ("net", net::run),
    ("pipeline", pipeline::run),
    ("reassembler", reassembler::run),
    ("tls", tls::run),
];

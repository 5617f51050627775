//! Passive analysis of WebSocket traffic: packets in, events out.

pub mod input;
pub mod net;
pub mod origin;

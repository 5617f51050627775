//! The WebSocket protocol (RFC 6455) and its permessage-deflate extension (RFC 7692).

pub mod close;
pub mod connect;
pub mod connection;
pub mod deflate;
pub mod distance;
pub mod evidence;
pub mod extension;
pub mod frame;
pub mod handshake;
pub mod join;
pub mod judge;
pub mod mask;
pub mod message;
pub mod partial;
pub mod ping;
pub mod receiver;
pub mod resync;
pub mod sides;
pub mod symbols;
pub mod tools;
pub mod underway;
pub mod utf8;

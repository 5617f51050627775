//! From packets to TCP segments: link layer, VLAN tags, IP and TCP headers.

pub mod segment;
pub mod seq;

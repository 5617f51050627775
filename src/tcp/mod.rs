//! From TCP segments to in-order bytes: flows and their two reassembled streams.

pub mod deadlines;
pub mod flow;
pub mod half_open;
pub mod key;
pub mod reassembler;
pub mod table;
pub mod unacknowledged;

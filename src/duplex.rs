//! The two directions of a connection, and pairs of things that exist once in each.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// Which way bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Sent by the client.
    ToServer,
    /// Sent by the server.
    ToClient,
}

impl Direction {
    /// Both directions, the client's first.
    pub const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];

    /// The other way.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }

    /// Name of the sending side: `client` or `server`.
    pub fn sender(self) -> &'static str {
        match self {
            Self::ToServer => "client",
            Self::ToClient => "server",
        }
    }
}

/// One `T` for each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Duplex<T> {
    /// Of what the client sends.
    pub to_server: T,
    /// Of what the server sends.
    pub to_client: T,
}

impl<T> Duplex<T> {
    /// Exchanges the directions: what was taken for the client is the server.
    pub fn swap(&mut self) {
        std::mem::swap(&mut self.to_server, &mut self.to_client);
    }
}

impl<T> Index<Direction> for Duplex<T> {
    type Output = T;

    fn index(&self, direction: Direction) -> &T {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }
}

impl<T> IndexMut<Direction> for Duplex<T> {
    fn index_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

//! Inflaters and room to work in: one value for all connections, lent to whoever has something to do.

use crate::ws::deflate::Engines;
use crate::ws::message::Assembly;
use crate::ws::underway::State;

/// Inflaters and room to work in.
#[derive(Debug, Default)]
pub struct Tools {
    /// Inflaters.
    pub engines: Engines,
    /// Room for unmasked bytes.
    pub unmasked: Vec<u8>,
    /// A box for what is under way in a stream.
    pub states: Spare<State>,
    /// A box for the message that is under way.
    pub messages: Spare<Assembly>,
}

/// A box that waits to be used again.
#[derive(Debug)]
pub struct Spare<T>(Option<Box<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Spare<T> {
    /// The box with what is left in it, where there is one.
    pub fn take(&mut self) -> Option<Box<T>> {
        self.0.take()
    }

    /// A value in a box.
    pub fn boxed(&mut self, value: T) -> Box<T> {
        match self.0.take() {
            None => Box::new(value),
            Some(mut spare) => {
                *spare = value;
                spare
            }
        }
    }

    /// Takes a box that has done its service.
    pub fn take_back(&mut self, spare: Box<T>) {
        self.0 = Some(spare);
    }
}

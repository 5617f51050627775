//! Values of connections by number. Connections that begin together are mostly busy together, so their values lie together.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::event::ConnectionId;

/// So many numbers, one behind the other, make a block.
const BLOCK: u64 = 64;

/// A value for each of some connections.
#[derive(Debug)]
pub struct Numbered<T> {
    /// By number, divided by the length of a block; none is empty.
    blocks: HashMap<u64, Box<Block<T>>, RandomState>,
}

#[derive(Debug)]
struct Block<T> {
    count: usize,
    values: [Option<T>; BLOCK as usize],
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { blocks: HashMap::default() }
    }
}

impl<T> Numbered<T> {
    /// The value of a connection.
    pub fn get(&self, number: ConnectionId) -> Option<&T> {
        self.blocks.get(&(number / BLOCK))?.values[place(number)].as_ref()
    }

    /// The value of a connection, to change it.
    #[inline]
    pub fn get_mut(&mut self, number: ConnectionId) -> Option<&mut T> {
        self.blocks.get_mut(&(number / BLOCK))?.values[place(number)].as_mut()
    }

    /// Gives a connection a value, in the place of the one that it has.
    pub fn insert(&mut self, number: ConnectionId, value: T) {
        let none = || Box::new(Block { count: 0, values: [const { None }; BLOCK as usize] });
        let block = self.blocks.entry(number / BLOCK).or_insert_with(none);
        block.count += usize::from(block.values[place(number)].replace(value).is_none());
    }

    /// Takes the value of a connection away.
    pub fn remove(&mut self, number: ConnectionId) -> Option<T> {
        let block = self.blocks.get_mut(&(number / BLOCK))?;
        let value = block.values[place(number)].take()?;
        block.count -= 1;
        if block.count == 0 {
            self.blocks.remove(&(number / BLOCK));
        }
        Some(value)
    }

    /// All of them, in the order of the numbers.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        let mut blocks: Vec<_> = self.blocks.iter().collect();
        blocks.sort_unstable_by_key(|(number, _)| **number);
        blocks.into_iter().flat_map(|(_, block)| block.values.iter().flatten())
    }
}

fn place(number: ConnectionId) -> usize {
    (number % BLOCK) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_order_and_blocks_go_with_their_last() {
        let mut numbered = Numbered::default();
        let numbers = [0, 1, BLOCK - 1, BLOCK, 7 * BLOCK + 3, u64::MAX];
        for &number in numbers.iter().rev() {
            numbered.insert(number, number);
        }
        assert!(numbered.values().eq(&numbers));
        for number in numbers {
            assert_eq!(numbered.get(number), Some(&number));
            assert_eq!(numbered.get_mut(number).copied(), Some(number));
            assert_eq!(numbered.get(number ^ 2), None);
            assert_eq!(numbered.remove(number ^ 2), None);
            numbered.insert(number, number);
            assert_eq!((numbered.remove(number), numbered.remove(number)), (Some(number), None));
        }
        assert!(numbered.blocks.is_empty());
    }
}

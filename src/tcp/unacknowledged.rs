//! The last bytes delivered of a stream that its receiver has not acknowledged: what a second copy is held against.
//!
//! Until a byte is acknowledged a copy with other content leaves open which one the receiver took. Nearly every packet brings
//! such bytes, and the next one takes them away; so the room for them is lent from [`Spares`].

/// Rooms that wait to be used again;
const SPARES: usize = 16;
/// none of more bytes than that.
const SPARE: usize = 64 << 10;

/// Bytes that are not acknowledged; nothing is kept where all are.
#[derive(Debug, Default)]
pub struct Unacknowledged(Option<Box<Room>>);

#[derive(Debug, Default)]
struct Room {
    bytes: Vec<u8>,
    /// The next one, of rooms that wait to be used again.
    next: Option<Box<Self>>,
}

/// Rooms that wait to be used again, of all streams: the last one that was given back first.
#[derive(Debug, Default)]
pub struct Spares {
    first: Option<Box<Room>>,
    count: usize,
}

impl Spares {
    fn take(&mut self) -> Box<Room> {
        let Some(mut room) = self.first.take() else { return Box::default() };
        self.first = room.next.take();
        self.count -= 1;
        room
    }

    fn give_back(&mut self, mut room: Box<Room>) {
        if self.count < SPARES && room.bytes.capacity() <= SPARE {
            room.bytes.clear();
            room.next = self.first.take();
            self.first = Some(room);
            self.count += 1;
        }
    }
}

impl Unacknowledged {
    /// Bytes were delivered behind those that are here; of more than `limit` only the last are kept.
    pub fn push(&mut self, bytes: &[u8], limit: usize, spares: &mut Spares) {
        let room = self.0.get_or_insert_with(|| spares.take());
        room.bytes.extend_from_slice(bytes);
        // Twice the bound before cutting, so that the cost of moving stays a constant per byte.
        if room.bytes.len() > 2 * limit {
            room.bytes.drain(..room.bytes.len() - limit);
        }
    }

    /// All but the last `open` bytes are acknowledged.
    pub fn settle(&mut self, open: usize, spares: &mut Spares) {
        let Some(room) = &mut self.0 else { return };
        let settled = room.bytes.len().saturating_sub(open);
        if open == 0 {
            self.0.take().into_iter().for_each(|room| spares.give_back(room));
        } else if settled > room.bytes.len() / 2 {
            // Only when half of it goes, so that the cost of moving stays a constant per byte.
            room.bytes.drain(..settled);
        }
    }

    /// Lets go of all of them.
    pub fn release(&mut self) {
        self.0 = None;
    }

    /// The bytes, up to the last one delivered.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |room| &room.bytes)
    }

    /// Memory that they take.
    pub fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |room| room.bytes.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged_goes_and_its_room_serves_the_next() {
        let (mut one, mut other, mut spares) =
            (Unacknowledged::default(), Unacknowledged::default(), Spares::default());
        one.push(b"abc", 10, &mut spares);
        one.push(b"defg", 10, &mut spares);
        one.settle(2, &mut spares);
        assert_eq!(one.bytes(), b"fg");
        one.settle(0, &mut spares);
        assert_eq!((one.bytes(), one.held(), spares.count), (&b""[..], 0, 1));
        other.push(&[7; 25], 10, &mut spares);
        assert_eq!((other.bytes(), spares.count), (&[7; 10][..], 0));
        other.release();
        assert_eq!((other.held(), spares.count), (0, 0));
    }
}

//! An event to bytes and back: what is known of it first, its payload behind, so that a glance need not read all.
//!
//! ```text
//!  length of the head (4 bytes, little endian) │ head: the event without payload │ payload bytes
//! ```

use crate::event::{Body, Event};
use crate::payload::Payload;

const PREFIX: usize = 4;

/// Takes the payload out of the event and appends prefix and head to `head`; the payload belongs behind them.
///
/// # Errors
/// When the head cannot be written, which happens to none of the events there are.
pub fn write(event: &mut Event, head: &mut Vec<u8>) -> Result<Vec<u8>, postcard::Error> {
    let payload = payload(&mut event.body).map(|payload| std::mem::take(&mut payload.bytes)).unwrap_or_default();
    let start = head.len();
    head.extend_from_slice(&[0; PREFIX]);
    *head = postcard::to_extend(event, std::mem::take(head))?;
    let length = u32::try_from(head.len() - start - PREFIX).unwrap_or(u32::MAX);
    head[start..start + PREFIX].copy_from_slice(&length.to_le_bytes());
    Ok(payload)
}

/// Reads an event back from the first bytes of its record; the payload as far as it is there.
///
/// `Err` tells how many bytes are needed for the head, where there are fewer.
///
/// # Errors
/// When the head is not there as a whole, or is none.
pub fn read(record: &[u8]) -> Result<Event, Unread> {
    let (prefix, rest) = record.split_first_chunk::<PREFIX>().ok_or(Unread::Needs(PREFIX))?;
    let length = u32::from_le_bytes(*prefix) as usize;
    let (head, behind) = rest.split_at_checked(length).ok_or(Unread::Needs(PREFIX + length))?;
    let mut event: Event = postcard::from_bytes(head).map_err(|_| Unread::Broken)?;
    if let Some(payload) = payload(&mut event.body) {
        payload.bytes = behind.to_vec();
    }
    Ok(event)
}

/// Why a record gives no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// So many bytes of it are needed.
    Needs(usize),
    /// It is no record.
    Broken,
}

fn payload(body: &mut Body) -> Option<&mut Payload> {
    match body {
        Body::Frame(frame) => Some(&mut frame.payload),
        Body::Message(message) => Some(&mut message.payload),
        Body::Handshake(_) | Body::Gap(_) | Body::Notice(_) | Body::Closed(_) => None,
    }
}

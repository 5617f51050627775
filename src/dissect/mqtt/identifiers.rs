//! A PUBLISH with several subscription identifiers to one with the first of them, and all of them (MQTT 5.0 §3.3.2.3.8).
//!
//! A server puts the identifiers of all subscriptions that match into one packet; the codec knows a property of which there is one.

/// The packet with one identifier, and all that it has; `None` where it has no second one, or is no PUBLISH.
pub(super) fn split(packet: &[u8]) -> Option<(Vec<u8>, Vec<u32>)> {
    const PUBLISH: u8 = 3;
    let (&first, rest) = packet.split_first()?;
    let (_, variable) = number(rest)?;
    if first >> 4 != PUBLISH {
        return None;
    }
    let behind_topic = string(variable)?;
    let behind_id = if first & 0b110 == 0 { behind_topic } else { behind_topic.get(2..)? };
    let (length, properties) = number(behind_id)?;
    let (properties, payload) = properties.split_at_checked(length as usize)?;
    let (kept, identifiers) = sort_out(properties)?;
    if identifiers.len() < 2 {
        return None;
    }
    let head = &variable[..variable.len() - behind_id.len()];
    let mut body = head.to_vec();
    write(kept.len(), &mut body);
    body.extend_from_slice(&kept);
    body.extend_from_slice(payload);
    let mut packet = vec![first];
    write(body.len(), &mut packet);
    packet.extend_from_slice(&body);
    Some((packet, identifiers))
}

/// The properties without further identifiers, and all identifiers.
fn sort_out(properties: &[u8]) -> Option<(Vec<u8>, Vec<u32>)> {
    const IDENTIFIER: u8 = 0x0b;
    let (mut kept, mut identifiers) = (Vec::new(), Vec::new());
    let mut rest = properties;
    while let Some((&property, value)) = rest.split_first() {
        let behind = match property {
            IDENTIFIER => {
                let (identifier, behind) = number(value)?;
                identifiers.push(identifier);
                behind
            }
            // §2.2.2.2: those of PUBLISH.
            0x01 => value.get(1..)?,
            0x23 => value.get(2..)?,
            0x02 => value.get(4..)?,
            0x03 | 0x08 | 0x09 => string(value)?,
            0x26 => string(string(value)?)?,
            _ => return None,
        };
        if property != IDENTIFIER || identifiers.len() == 1 {
            kept.extend_from_slice(&rest[..rest.len() - behind.len()]);
        }
        rest = behind;
    }
    Some((kept, identifiers))
}

/// A variable byte integer (§1.5.5), and what stands behind it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        number |= u32::from(byte & 127) << (7 * index);
        if byte < 128 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

/// What stands behind a string or binary data (§1.5.4).
fn string(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.get(usize::from(u16::from_be_bytes(*length))..)
}

fn write(mut number: usize, out: &mut Vec<u8>) {
    while number > 127 {
        out.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_first_are_taken_out() {
        let packet = b"\x32\x11\x00\x01t\x00\x09\x09\x0b\x07\x01\x01\x0b\xac\x02\x0b\x05hi";
        let (one, identifiers) = split(packet).expect("three identifiers");
        assert_eq!(
            (&one[..], &identifiers[..]),
            (&b"\x32\x0c\x00\x01t\x00\x09\x04\x0b\x07\x01\x01hi"[..], &[7, 300, 5][..])
        );
        assert_eq!(split(&one), None);
        for cut in 0..packet.len() - 2 {
            assert_eq!(split(&packet[..cut]), None);
        }
    }
}

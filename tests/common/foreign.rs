//! What is no WebSocket: streams of other protocols, and of nothing.

use super::Dice;

/// A kind of stream: its name, and what makes the next piece of it (one record, line or message).
pub type Kind = (&'static str, fn(&mut Dice) -> Vec<u8>);

/// All kinds.
pub const KINDS: &[Kind] = &[
    ("random bytes", |dice| noise(dice, 1400)),
    ("zeros", |_| vec![0; 1400]),
    ("TLS records", |dice| {
        let body = noise(dice, 2000);
        [&[0x17, 3, 3][..], &(body.len() as u16).to_be_bytes(), &body].concat()
    }),
    ("an HTTP download", |dice| {
        let body = noise(dice, 4000);
        [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat()
    }),
    ("a page", |dice| format!("<p class=\"c{}\">{}</p>\r\n", dice.below(9), words(dice, 12)).into_bytes()),
    ("a page in Russian", |dice| {
        (0..20).map(|_| ["с ", "т", "кот ", "там ", "то, ", "сто "][dice.below(6)]).collect::<String>().into_bytes()
    }),
    ("SSH packets", |dice| {
        // The length is in the clear, the packet and its MAC are not.
        let body = noise(dice, 300);
        [&(body.len() as u32).to_be_bytes()[..], &body, &noise(dice, 16)].concat()
    }),
    ("SMTP", |dice| {
        format!("{} {}\r\n", ["250", "RCPT TO:", "AUTH", "BDAT", "354"][dice.below(5)], words(dice, 5)).into_bytes()
    }),
    ("Redis", |dice| {
        let value = words(dice, 3);
        format!("*2\r\n$3\r\nGET\r\n${}\r\n{value}\r\n", value.len()).into_bytes()
    }),
    ("MySQL", |dice| {
        let body = noise(dice, 130);
        [&(body.len() as u32).to_le_bytes()[..3], &[dice.below(4) as u8], &body].concat()
    }),
    ("BitTorrent", |dice| match dice.below(4) {
        0 => vec![0; 4],
        1 => [&[0, 0, 0, 5, 4, 0, 0][..], &noise(dice, 2), &[0; 2]].concat()[..9].to_vec(),
        2 => [&[0, 0, 0, 13, 6, 0, 0, 0][..], &[dice.next() as u8, 0, 0, 0x40, 0, 0, 0, 0x40, 0]].concat(),
        _ => {
            let body = noise(dice, 500);
            [&(body.len() as u32 + 9).to_be_bytes()[..], &[7, 0, 0, 0, 1, 0, 0, 0, 0], &body].concat()
        }
    }),
    ("protobuf with lengths", |dice| {
        let (name, number) = (words(dice, 2), dice.below(128) as u8);
        let body = [&[0x08, number, 0x12, name.len() as u8][..], name.as_bytes(), &[0x82, 1, 2, 8, 1]].concat();
        [&[body.len() as u8][..], &body].concat()
    }),
    ("DNS", |dice| {
        let body = noise(dice, 110);
        [&(body.len() as u16).to_be_bytes()[..], &body].concat()
    }),
    ("MQTT", |dice| match dice.below(4) {
        0 => vec![0xc0, 0],
        1 => [&[0x82, 12, 0, dice.next() as u8, 0, 7][..], b"samples", &[0]].concat(),
        2 => vec![0x90, 3, 0, dice.next() as u8, 0],
        _ => [&[0x30, 16, 0, 7][..], b"samples", b"payload"].concat(),
    }),
    ("CBOR", |dice| match dice.below(3) {
        0 => vec![0x82, 1, dice.below(24) as u8],
        1 => [&[0x81, 0x78, 30][..], format!("{:30.30}", words(dice, 9)).as_bytes()].concat(),
        _ => vec![0x82, 0x18, dice.next() as u8, 0x81, 5],
    }),
    ("numbers of 16 bits", |dice| (0..300).flat_map(|_| (dice.below(4) as u16).to_le_bytes()).collect()),
];

/// A stream of a kind, so long.
pub fn stream(kind: Kind, dice: &mut Dice, length: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(length + 4096);
    while stream.len() < length {
        stream.extend((kind.1)(dice));
    }
    stream.truncate(length);
    stream
}

fn noise(dice: &mut Dice, most: usize) -> Vec<u8> {
    let length = 1 + dice.below(most);
    let mut noise: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| dice.next().to_le_bytes()).collect();
    noise.truncate(length);
    noise
}

fn words(dice: &mut Dice, count: usize) -> String {
    let word = |dice: &mut Dice| ["accept", "Beta", "connection", "data", "of", "the"][dice.below(6)];
    (0..count).map(|_| word(dice).to_owned() + " ").collect()
}

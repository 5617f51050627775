//! Masking (RFC 6455 §5.3): XOR with the key, in words.

/// Unmasks `payload` in place; its first byte is number `position` of the frame's payload. Masking is the same.
pub fn apply(payload: &mut [u8], key: [u8; 4], position: u64) {
    let turned: [u8; 4] = std::array::from_fn(|index| key[(position as usize + index) & 3]);
    let wide: [u8; 32] = std::array::from_fn(|index| turned[index & 3]);
    let (blocks, tail) = payload.as_chunks_mut::<32>();
    for block in blocks {
        for (byte, key) in block.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in tail.iter_mut().zip(wide) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn hello_of_section_5_7() {
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&payload, b"Hello");
    }

    #[test]
    fn any_split_gives_the_bytes_of_the_plain_loop() {
        let key = [1, 0x82, 3, 0xc4];
        let wire: Vec<u8> = (0..200u8).collect();
        let plain: Vec<u8> = wire.iter().enumerate().map(|(index, byte)| byte ^ key[index % 4]).collect();
        for split in 0..wire.len() {
            let mut payload = wire.clone();
            let (head, tail) = payload.split_at_mut(split);
            apply(head, key, 0);
            apply(tail, key, split as u64);
            assert_eq!(payload, plain, "split at {split}");
        }
    }
}

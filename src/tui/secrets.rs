//! Lines of key logs to those that open one connection: they name the random of its ClientHello (RFC 8446 §4.1.2).

use std::collections::HashMap;

/// Bytes of a client random.
const RANDOM: usize = 32;
/// Where it stands behind the beginning of a record with a ClientHello.
const BEHIND: usize = 11;

/// Lines of key logs, by client random.
#[derive(Debug, Default)]
pub struct Secrets(HashMap<[u8; RANDOM], Vec<u8>>);

impl Secrets {
    /// Takes lines; what is none of a secret is left away.
    pub fn learn(&mut self, lines: &[u8]) {
        for line in lines.split(|&byte| byte == b'\n') {
            let random = line.split(u8::is_ascii_whitespace).nth(1).and_then(random);
            if let Some(random) = random {
                let known = self.0.entry(random).or_default();
                known.extend_from_slice(line.trim_ascii());
                known.push(b'\n');
            }
        }
    }

    /// Takes out the lines for the ClientHello in a packet, where it has one whose secrets are known.
    pub fn take(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        // A record of the handshake with a ClientHello: type 22, version 3.x, length, type 1, length, version 3.3, random.
        memchr::memchr_iter(22, packet).find_map(|at| match packet.get(at..at + BEHIND + RANDOM)? {
            [_, 3, _, _, _, 1, _, _, _, 3, _, random @ ..] => self.0.remove(random),
            _ => None,
        })
    }
}

fn random(hex: &[u8]) -> Option<[u8; RANDOM]> {
    let mut random = [0; RANDOM];
    if hex.len() != 2 * RANDOM {
        return None;
    }
    for (byte, digits) in random.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_hello_are_found_by_its_random_and_no_others() {
        let line = |label: &str, random: u8| format!("{label} {} 00ff\r\n", format!("{random:02x}").repeat(RANDOM));
        let mut secrets = Secrets::default();
        secrets.learn(format!("# a comment\n{}{}", line("CLIENT_RANDOM", 7), line("CLIENT_RANDOM", 8)).as_bytes());
        secrets.learn(line("EXPORTER_SECRET", 7).as_bytes());
        let mut packet = vec![0, 22, 3, 22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
        packet.extend([7; RANDOM]);
        assert_eq!(secrets.take(&packet[..packet.len() - 1]), None, "not all of it");
        let lines = secrets.take(&packet).expect("both lines");
        let wanted = line("CLIENT_RANDOM", 7) + &line("EXPORTER_SECRET", 7);
        assert_eq!(String::from_utf8_lossy(&lines), wanted.replace('\r', ""));
        assert_eq!(secrets.take(&packet), None, "they are written once");
        assert_eq!(secrets.0.len(), 1);
    }
}

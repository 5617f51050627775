//! Frames as one side says them (RFC 6455 §5.2), right or wrong.

use std::fmt;

use wscope::ws::mask;

/// A message or control frame that one side says, or bytes that only look like it.
#[derive(Clone)]
pub struct Say {
    pub opcode: u8,
    pub payload: Vec<u8>,
    /// Payload length of each frame but the last; the last one has the rest.
    pub fragments: Vec<usize>,
    /// What stands behind the first fragment.
    pub between: Vec<Say>,
    pub fin: bool,
    /// Further reserved bits of the first frame.
    pub rsv: u8,
    pub masking: Masking,
    /// Whether it is compressed where that was agreed.
    pub compressed: bool,
    /// Payload length to declare instead of the true one.
    pub declared: Option<u64>,
    /// Bits to write the payload length in instead of the fewest.
    pub length_bits: Option<u8>,
    /// These bytes instead of any frame.
    pub raw: Option<Vec<u8>>,
}

/// How frames are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masking {
    /// As the side must: the client with a new key each time.
    Due,
    /// With this key.
    Key([u8; 4]),
    /// Not.
    None,
}

/// A text message.
pub fn text(text: impl AsRef<[u8]>) -> Say {
    frame(1, text)
}

/// A binary message.
pub fn binary(bytes: impl AsRef<[u8]>) -> Say {
    frame(2, bytes)
}

/// A further fragment of a message whose first one was [`Say::not_final`].
pub fn continuation(bytes: impl AsRef<[u8]>) -> Say {
    frame(0, bytes)
}

/// A Ping.
pub fn ping(payload: impl AsRef<[u8]>) -> Say {
    frame(9, payload)
}

/// A Pong.
pub fn pong(payload: impl AsRef<[u8]>) -> Say {
    frame(10, payload)
}

/// A Close with status code and reason.
pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Say {
    frame(8, [&code.to_be_bytes(), reason.as_ref()].concat())
}

/// A frame of any opcode.
pub fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Say {
    Say {
        opcode,
        payload: payload.as_ref().to_vec(),
        fragments: Vec::new(),
        between: Vec::new(),
        fin: true,
        rsv: 0,
        masking: Masking::Due,
        compressed: matches!(opcode, 1 | 2),
        declared: None,
        length_bits: None,
        raw: None,
    }
}

/// Bytes as they are.
pub fn raw(bytes: impl AsRef<[u8]>) -> Say {
    Say { raw: Some(bytes.as_ref().to_vec()), ..frame(0, b"") }
}

impl Say {
    /// In fragments with these payload lengths, and a last one with the rest.
    #[must_use]
    pub fn fragments(self, lengths: &[usize]) -> Self {
        Self { fragments: lengths.to_vec(), ..self }
    }

    /// With this one behind the first fragment.
    #[must_use]
    pub fn between(mut self, control: Say) -> Self {
        self.between.push(control);
        self
    }

    /// Without FIN on its last frame.
    #[must_use]
    pub fn not_final(self) -> Self {
        Self { fin: false, ..self }
    }

    /// With these reserved bits.
    #[must_use]
    pub fn rsv(self, rsv: u8) -> Self {
        Self { rsv, ..self }
    }

    /// Masked with this key.
    #[must_use]
    pub fn masked(self, key: [u8; 4]) -> Self {
        Self { masking: Masking::Key(key), ..self }
    }

    /// Not masked.
    #[must_use]
    pub fn unmasked(self) -> Self {
        Self { masking: Masking::None, ..self }
    }

    /// Not compressed, though that was agreed.
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Self { compressed: false, ..self }
    }

    /// With a header that declares another payload length.
    #[must_use]
    pub fn declaring(self, length: u64) -> Self {
        Self { declared: Some(length), ..self }
    }

    /// With its payload length in 7, 16 or 64 bits.
    #[must_use]
    pub fn length_in(self, bits: u8) -> Self {
        Self { length_bits: Some(bits), ..self }
    }

    /// The frames with `payload` (its own, maybe compressed) on the wire; `key` gives the masking key that is due.
    pub fn write(&self, payload: &[u8], rsv1: bool, key: &mut dyn FnMut() -> Option<[u8; 4]>, out: &mut Vec<u8>) {
        if let Some(raw) = &self.raw {
            out.extend_from_slice(raw);
            return;
        }
        let mut rest = payload;
        for (index, length) in self.fragments.iter().map(Some).chain([None]).enumerate() {
            let (piece, behind) = rest.split_at(length.map_or(rest.len(), |&length| length.min(rest.len())));
            rest = behind;
            let opcode = if index == 0 { self.opcode } else { 0 };
            let rsv = if index == 0 { self.rsv | u8::from(rsv1) << 2 } else { 0 };
            let fin = length.is_none() && self.fin;
            let key = match self.masking {
                Masking::Due => key(),
                Masking::Key(key) => Some(key),
                Masking::None => None,
            };
            out.push(u8::from(fin) << 7 | rsv << 4 | opcode);
            let declared = self.declared.unwrap_or(piece.len() as u64);
            write_length(declared, self.length_bits, key.is_some(), out);
            let start = out.len() + key.map_or(0, |key| key.len());
            out.extend(key.iter().flatten());
            out.extend_from_slice(piece);
            if let Some(key) = key {
                mask::apply(&mut out[start..], key, 0);
            }
            if index == 0 {
                for control in &self.between {
                    let due = &mut || key.map(|key| key.map(|byte| byte.wrapping_add(1)));
                    control.write(&control.payload, false, due, out);
                }
            }
        }
    }
}

/// On one line, and only what is out of the ordinary.
impl fmt::Debug for Say {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(raw) = &self.raw {
            return write!(out, "raw(b\"{}\")", raw.escape_ascii());
        }
        write!(out, "frame({}, b\"{}\")", self.opcode, self.payload.escape_ascii())?;
        if !self.fragments.is_empty() {
            write!(out, ".fragments(&{:?})", self.fragments)?;
        }
        self.between.iter().try_for_each(|say| write!(out, ".between({say:?})"))?;
        for (set, name) in [(!self.fin, "not_final"), (!self.compressed, "uncompressed")] {
            if set {
                write!(out, ".{name}()")?;
            }
        }
        if self.rsv > 0 {
            write!(out, ".rsv({})", self.rsv)?;
        }
        match self.masking {
            Masking::Due => {}
            Masking::Key(key) => write!(out, ".masked({key:?})")?,
            Masking::None => write!(out, ".unmasked()")?,
        }
        if let Some(length) = self.declared {
            write!(out, ".declaring({length})")?;
        }
        self.length_bits.map_or(Ok(()), |bits| write!(out, ".length_in({bits})"))
    }
}

fn write_length(length: u64, bits: Option<u8>, masked: bool, out: &mut Vec<u8>) {
    let fewest = match length {
        0..=125 => 7,
        126..=0xffff => 16,
        0x1_0000.. => 64,
    };
    let masked = u8::from(masked) << 7;
    match bits.unwrap_or(fewest) {
        7 => out.push(masked | length as u8 & 0x7f),
        16 => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}

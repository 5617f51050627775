//! From bytes to the integers of a capture file, in the byte order of the machine that wrote it.

/// Byte order of a file or of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// The first `N` 16-bit integers of `bytes`; `None` where there are fewer.
    #[inline]
    pub(super) fn u16s<const N: usize>(self, bytes: &[u8]) -> Option<[u16; N]> {
        let integers = bytes.as_chunks().0.first_chunk::<N>()?;
        Some(match self {
            Self::Little => integers.map(u16::from_le_bytes),
            Self::Big => integers.map(u16::from_be_bytes),
        })
    }

    /// The first `N` 32-bit integers of `bytes`; `None` where there are fewer.
    #[inline]
    pub(super) fn u32s<const N: usize>(self, bytes: &[u8]) -> Option<[u32; N]> {
        let integers = bytes.as_chunks().0.first_chunk::<N>()?;
        Some(match self {
            Self::Little => integers.map(u32::from_le_bytes),
            Self::Big => integers.map(u32::from_be_bytes),
        })
    }

    /// The other one.
    pub(super) fn swapped(self) -> Self {
        match self {
            Self::Little => Self::Big,
            Self::Big => Self::Little,
        }
    }

    /// A signed 64-bit integer.
    pub(super) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }
}

//! What can be wrong with a capture input, said in one line.

use std::io;
use std::path::Path;

use crate::input::LinkType;

/// Why reading a capture stopped, or went on with the next input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The input cannot be read at all: missing, forbidden, empty, a directory, not a capture; or the device failed.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The input as named by the user; `standard input` for `-`.
        file: String,
        /// What is the matter with it.
        reason: String,
    },
    /// The input is a capture up to a byte that cannot be right. All packets before it were handed on.
    #[error("{file}: damaged at byte {offset}: expected {expected}, found {found}")]
    Damaged {
        /// The input as named by the user; `standard input` for `-`.
        file: String,
        /// Where the first unreadable record begins, in bytes from the start of the (decompressed) capture.
        offset: u64,
        /// What the format asks for.
        expected: String,
        /// What is there instead.
        found: String,
    },
    /// The input ends inside a record. All packets before it were handed on.
    #[error("{file}: cut at byte {offset}: expected {expected}, found only {found} bytes")]
    Cut {
        /// The input as named by the user; `standard input` for `-`.
        file: String,
        /// Where the incomplete record begins, in bytes from the start of the (decompressed) capture.
        offset: u64,
        /// What the format asks for.
        expected: String,
        /// How many bytes of the record are there.
        found: u64,
    },
    /// An interface cannot be captured from, or no more. All packets before were handed on.
    #[error("{interface}: {reason}")]
    Interface {
        /// Its name.
        interface: String,
        /// What libpcap or the system said.
        reason: String,
    },
    /// What is captured cannot be written. The file has all that was written before, in whole blocks.
    #[error("{file}: {reason}")]
    Unwritable {
        /// The file; `standard output` for `-`.
        file: String,
        /// Kind of the system's error.
        kind: io::ErrorKind,
        /// What the system said.
        reason: String,
    },
    /// libpcap cannot compile the filter expression.
    #[error("filter '{expression}'{}: {reason}", for_link(*.link))]
    Filter {
        /// The expression as given.
        expression: String,
        /// The link type it cannot be compiled for, where it can be for another.
        link: Option<LinkType>,
        /// libpcap's message.
        reason: String,
    },
}

impl Error {
    /// Whether an input that was readable at first is damaged or cut: everything before was handed on.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Cut { .. })
    }

    /// Whether what was captured before can still be told.
    pub fn ends_in_order(&self) -> bool {
        matches!(self, Self::Interface { .. } | Self::Unwritable { .. })
    }

    /// Whether nobody reads any more what is written, which is no error.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Unwritable { kind: io::ErrorKind::BrokenPipe, .. })
    }

    /// `path` cannot be written because of `error`.
    pub(super) fn unwritable(path: &Path, error: &io::Error) -> Self {
        let standard = path.as_os_str() == "-";
        let file = if standard { "standard output".to_owned() } else { path.display().to_string() };
        Self::Unwritable { file, kind: error.kind(), reason: error.to_string() }
    }

    /// `interface` failed for `reason`.
    pub(super) fn interface(interface: &str, reason: String) -> Self {
        Self::Interface { interface: interface.to_owned(), reason }
    }
}

/// A record that cannot be had, before it is known in which file and where.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes cannot be right.
    Damaged { expected: String, found: String },
    /// The bytes end after `found` of the record.
    Cut { expected: String, found: usize },
    /// The bytes cannot be read: by the decompressor (`InvalidData`, `UnexpectedEof`), or by the system.
    Read { error: io::Error, found: usize },
    /// There was never a capture in this input.
    Foreign { reason: String },
    /// Nothing is wrong, but the rest has not come yet.
    Dry,
}

impl Fault {
    /// The bytes of a record cannot be right.
    pub(super) fn damaged(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Damaged { expected: expected.into(), found: found.into() }
    }

    /// The error for the record at `offset` of `file`.
    pub(super) fn at(self, file: &str, offset: u64) -> Error {
        let file = file.to_owned();
        match self {
            Self::Damaged { expected, found } => Error::Damaged { file, offset, expected, found },
            Self::Cut { expected, found } => Error::Cut { file, offset, expected, found: found as u64 },
            Self::Read { error, found } => match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    let expected = "the rest of the compressed data".to_owned();
                    Error::Cut { file, offset, expected, found: found as u64 }
                }
                io::ErrorKind::InvalidData => {
                    let expected = "intact compressed data".to_owned();
                    Error::Damaged { file, offset, expected, found: error.to_string() }
                }
                _ => unreadable(&file, &error),
            },
            Self::Foreign { reason } => Error::Unreadable { file, reason },
            Self::Dry => unreachable!("told as a pause"),
        }
    }
}

/// `file` could not be opened or read because of `error`.
pub(super) fn unreadable(file: &str, error: &io::Error) -> Error {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "a directory, not a capture file".to_owned(),
        _ => error.to_string(),
    };
    Error::Unreadable { file: file.to_owned(), reason }
}

/// The part of the filter message that names the link type.
fn for_link(link: Option<LinkType>) -> String {
    link.map_or_else(String::new, |LinkType(number)| format!(" for link type {number}"))
}

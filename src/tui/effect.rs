//! What the model asks of the outside: the loop does it, the model does not.

use crate::config::DecodeAs;
use crate::store::RowId;

/// Something to be done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Give the terminal to the shell until it is given back.
    Suspend,
    /// Report the mouse, or not.
    Mouse(bool),
    /// Ask the terminal whether its background is dark or light.
    AskBackground,
    /// Draw all anew.
    Redraw,
    /// End reading, as at the end of the input.
    StopReading,
    /// Put bytes on the clipboard; what they are.
    Copy(Vec<u8>, String),
    /// Write a file.
    Save(Save),
    /// Write the settings.
    Settings,
    /// Read the inputs from the beginning, with one more rule for what runs on which port.
    ReadAgain(DecodeAs),
}

/// What is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Save {
    /// What of it.
    pub what: What,
    /// Where to; a name is found where none is given.
    pub path: Option<String>,
}

/// What can be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The rows that are listed, in a format of the exporters.
    Listed(&'static str),
    /// The rows that are marked.
    Marked(&'static str),
    /// All rows of a connection.
    Connection(u64, &'static str),
    /// The payload of a row.
    Payload(RowId),
    /// The packets of a connection, as pcapng.
    Packets(u64),
}

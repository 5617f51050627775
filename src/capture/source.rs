//! What every kind of capture offers to the loop that analyses it: files and interfaces alike.

use crate::input::{Counters, Input};

use super::error::Error;

/// Where packets come from.
pub trait Source: Send {
    /// What comes next.
    ///
    /// # Errors
    /// Where [`Error::is_damage`], the call after goes on with what is left; else nothing more comes.
    fn step(&mut self) -> Result<Step<'_>, Error>;

    /// How far reading has come; `None` where there is no end to come to.
    fn progress(&self) -> Option<Progress> {
        None
    }

    /// What was counted by a live capture so far.
    fn counters(&self) -> Option<Counters> {
        None
    }
}

/// What comes next of a capture.
#[derive(Debug)]
pub enum Step<'a> {
    /// What the analysis is to learn.
    Input(Input<'a>),
    /// Nothing for now; the call after waits for more.
    Pause,
    /// Nothing more.
    End,
}

/// How far reading has come, in bytes of the files as they are: compressed where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub read: u64,
    /// Bytes of all inputs when they were opened; `None` where one is a pipe.
    pub total: Option<u64>,
}

//! What the user can ask for; the key table says with which key.

use super::form::Form;

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Move within the pane that has the keys.
    Move(Step),
    /// To the next or previous connection; fold and unfold in a tree.
    Sideways(Way),
    /// Give the keys to the next or previous pane.
    Pane(Way),
    /// Show a view.
    View(View),
    /// Open what is selected.
    Open,
    /// Leave what is open; clear what hides.
    Back,
    /// Leave.
    Quit,
    /// Begin to type.
    Prompt(Prompt),
    /// To the next or previous row that the search finds.
    Found(Way),
    /// Follow what comes, or hold still.
    Follow,
    /// Show nothing new, or all again.
    Freeze,
    /// Hide Pings and Pongs, or show them.
    KeepAlives,
    /// Show payloads in the next form, or in this one.
    Form(Option<Form>),
    /// Wait for the letter of a mark, or of one to go to.
    Mark,
    /// Go to a mark whose letter comes next.
    ToMark,
    /// To the next or previous marked row.
    Marked(Way),
    /// To the next or previous gap, close or anomaly.
    Landmark(Way),
    /// To the next or previous message of the same exchange: the request, its answers, what shares its id.
    SameExchange(Way),
    /// Compare with the marked message.
    Diff,
    /// Show times in the next form.
    Times,
    /// Show times since the marked row, or as before.
    TimesSinceMark,
    /// Wait for how to filter by the value under the cursor.
    FilterByValue,
    /// Copy the payload, or the value under the cursor.
    Copy,
    /// Choose what to copy.
    CopyMenu,
    /// Choose what to save.
    ExportMenu,
    /// Save the packets of the connection, and show the command that opens them in Wireshark.
    Wireshark,
    /// Choose what the messages of the connection are read in.
    Protocols,
    /// Choose the columns.
    Columns,
    /// Fold or unfold all of a tree.
    FoldAll,
    /// Give the pane with the keys all of the screen, or less again.
    Zoom,
    /// Make the list larger or smaller.
    Resize(Way),
    /// Show the labels of keys, or not.
    Footer,
    /// Report the mouse, or leave it to the terminal.
    Mouse,
    /// Show the keys.
    Help,
    /// Leave the terminal to the shell for now.
    Suspend,
    /// Draw all anew.
    Redraw,
}

/// A movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Lines down, or up where negative.
    Lines(i64),
    /// Half pages.
    Halves(i64),
    /// Pages.
    Pages(i64),
    /// To the first line, or to the row whose number was typed.
    First,
    /// To the last line, and follow; or to the row whose number was typed.
    Last,
}

/// One way or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Onward, larger, open.
    Next,
    /// Back, smaller, folded.
    Previous,
}

impl Way {
    /// Whether it is onward.
    pub fn is_next(self) -> bool {
        self == Self::Next
    }
}

/// What the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Messages and one of them in detail.
    #[default]
    Messages,
    /// All connections.
    Connections,
    /// Messages as arrows between client and server.
    Ladder,
    /// Numbers.
    Statistics,
    /// What was odd, in the order in which it was told.
    Log,
}

impl View {
    /// All of them, in the order of their keys.
    pub const ALL: [Self; 5] = [Self::Messages, Self::Connections, Self::Ladder, Self::Statistics, Self::Log];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Connections => "connections",
            Self::Ladder => "ladder",
            Self::Statistics => "statistics",
            Self::Log => "log",
        }
    }
}

/// What is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// A filter.
    Filter,
    /// Text that lines must contain, added to the filter.
    Containing,
    /// What to search.
    Search,
    /// A command.
    Command,
}

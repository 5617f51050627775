//! The table of keys. The help is made from it, so that it cannot say anything else.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, Prompt, Step, View, Way};

/// A row of the table: the keys, what they do, and how the help says it.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Any of these keys.
    pub keys: &'static [Key],
    /// What is done.
    pub action: Action,
    /// How the help says it; empty where the row before says it too.
    pub help: &'static str,
    /// A word for the line of keys below the screen; empty where it has no place there.
    pub label: &'static str,
}

/// A key as it is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character, with Shift where that makes it.
    Char(char),
    /// A character with Control.
    Ctrl(char),
    /// Another key.
    Code(KeyCode),
}

/// A heading of the help and the keys below it.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// The keys.
    pub bindings: &'static [Binding],
}

use Action::{FilterByValue, Form, Found, Landmark, Mark, Marked, Move, Pane, Resize, SameExchange, Sideways, ToMark};
use Key::{Char, Code, Ctrl};
use KeyCode::{BackTab, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Tab, Up};
use Way::{Next, Previous};

const fn key(keys: &'static [Key], action: Action, help: &'static str) -> Binding {
    Binding { keys, action, help, label: "" }
}

const fn labelled(keys: &'static [Key], action: Action, label: &'static str, help: &'static str) -> Binding {
    Binding { keys, action, help, label }
}

/// All keys.
pub const KEYS: &[Group] = &[
    Group {
        title: "Move",
        bindings: &[
            key(&[Char('j'), Code(Down)], Move(Step::Lines(1)), "down; 12j twelve rows down"),
            key(&[Char('k'), Code(Up)], Move(Step::Lines(-1)), "up"),
            key(&[Ctrl('d')], Move(Step::Halves(1)), "half a page down"),
            key(&[Ctrl('u')], Move(Step::Halves(-1)), "half a page up"),
            key(&[Ctrl('f'), Code(PageDown)], Move(Step::Pages(1)), "a page down"),
            key(&[Ctrl('b'), Code(PageUp)], Move(Step::Pages(-1)), "a page up"),
            key(&[Char('g'), Code(Home)], Move(Step::First), "to the first row"),
            labelled(&[Char('G'), Code(End)], Move(Step::Last), "end", "to the last row, and follow; 5G goes to row 5"),
            key(&[Char('l'), Code(Right)], Sideways(Next), "next connection; in the detail: unfold"),
            key(&[Char('h'), Code(Left)], Sideways(Previous), "previous connection; in the detail: fold"),
            labelled(&[Code(Tab)], Pane(Next), "pane", "keys to the next pane"),
            key(&[Code(BackTab)], Pane(Previous), "keys to the previous pane"),
            labelled(&[Code(Enter)], Action::Open, "open", "open; in a tree: fold or unfold"),
            key(&[Code(Esc)], Action::Back, "back; clear the filter; stop reading"),
        ],
    },
    Group {
        title: "Find",
        bindings: &[
            labelled(&[Char('/')], Action::Prompt(Prompt::Filter), "filter", "filter: only what matches is listed"),
            key(&[Char('&')], Action::Prompt(Prompt::Containing), "only what contains a text, on top of the filter"),
            key(&[Char('f')], FilterByValue, "filter by the value under the cursor: then = ! & or |"),
            key(&[Char('s')], Action::Prompt(Prompt::Search), "search without hiding"),
            labelled(&[Char('n')], Found(Next), "next", "next found"),
            key(&[Char('N')], Found(Previous), "previous found"),
            key(&[Char(']')], Landmark(Next), "next gap, close or anomaly"),
            key(&[Char('[')], Landmark(Previous), "previous gap, close or anomaly"),
            key(&[Char('o')], SameExchange(Next), "next message of the same exchange: request, answer, id"),
            key(&[Char('O')], SameExchange(Previous), "previous message of the same exchange"),
            key(&[Char('P')], Action::KeepAlives, "hide or show Pings, Pongs and heartbeats of protocols"),
        ],
    },
    Group {
        title: "Follow",
        bindings: &[
            labelled(&[Char('F')], Action::Follow, "follow", "follow what comes, or hold still"),
            key(&[Char('p'), Char(' ')], Action::Freeze, "freeze the list; reading goes on"),
        ],
    },
    Group {
        title: "Look",
        bindings: &[
            labelled(&[Char('v')], Form(None), "form", "payload as tree, text, hex, raw, or the frames' bits"),
            key(&[Char('d')], Action::Protocols, "read the connection's messages in another protocol"),
            key(&[Char('z')], Action::Zoom, "give the pane all of the screen"),
            key(&[Char('Z')], Action::FoldAll, "fold or unfold all of a tree"),
            key(&[Char('+'), Char('>')], Resize(Next), "more room for the list"),
            key(&[Char('-'), Char('<')], Resize(Previous), "less room for the list"),
            key(&[Char('t')], Action::Times, "time of day, since the start, since the row before, with date"),
            key(&[Char('T')], Action::TimesSinceMark, "time since the marked row"),
            key(&[Char('c')], Action::Columns, "choose columns"),
            key(&[Char('1')], Action::View(View::Messages), "messages"),
            key(&[Char('2')], Action::View(View::Connections), "connections"),
            key(&[Char('3')], Action::View(View::Ladder), "ladder: messages as arrows"),
            key(&[Char('4')], Action::View(View::Statistics), "statistics"),
            key(&[Char('5')], Action::View(View::Log), "log: all that was odd"),
        ],
    },
    Group {
        title: "Keep",
        bindings: &[
            labelled(&[Char('m')], Mark, "mark", "mark the row with a letter"),
            key(&[Char('\'')], ToMark, "go to a mark"),
            key(&[Char('u')], Marked(Next), "next mark"),
            key(&[Char('U')], Marked(Previous), "previous mark"),
            key(&[Char('D')], Action::Diff, "compare with the message marked last"),
            labelled(&[Char('y')], Action::Copy, "copy", "copy the payload, or the value under the cursor"),
            key(&[Char('Y')], Action::CopyMenu, "choose what to copy"),
            labelled(&[Char('e')], Action::ExportMenu, "export", "save messages, payload or packets"),
            key(&[Char('W')], Action::Wireshark, "save the connection's packets for Wireshark"),
        ],
    },
    Group {
        title: "All else",
        bindings: &[
            labelled(&[Char(':')], Action::Prompt(Prompt::Command), "command", "command; Tab completes"),
            key(&[Char('H')], Action::Footer, "show or hide the line of keys"),
            key(&[Char('M')], Action::Mouse, "mouse on or off; with it on, Shift selects text"),
            key(&[Ctrl('l')], Action::Redraw, "draw all anew"),
            key(&[Ctrl('z')], Action::Suspend, "to the shell; `fg` comes back"),
            labelled(&[Char('?')], Action::Help, "help", "this help"),
            labelled(&[Char('q'), Ctrl('c')], Action::Quit, "quit", "back, quit"),
        ],
    },
];

/// What a key does.
pub fn action(event: KeyEvent) -> Option<Action> {
    let pressed = Key::of(event)?;
    let mut bindings = KEYS.iter().flat_map(|group| group.bindings);
    bindings.find(|binding| binding.keys.contains(&pressed)).map(|binding| binding.action)
}

impl Key {
    /// The key of a terminal event; `None` with modifiers that mean nothing here.
    pub fn of(event: KeyEvent) -> Option<Self> {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META) {
            return None;
        }
        Some(match event.code {
            KeyCode::Char(c) if control => Self::Ctrl(c.to_ascii_lowercase()),
            KeyCode::Char(c) => Self::Char(c),
            code => Self::Code(code),
        })
    }

    /// How the help names it.
    pub fn name(self) -> String {
        match self {
            Self::Char(' ') => "Space".to_owned(),
            Self::Char(c) => c.to_string(),
            Self::Ctrl(c) => format!("C-{c}"),
            Self::Code(code) => match code {
                Tab => "Tab".to_owned(),
                BackTab => "S-Tab".to_owned(),
                PageDown => "PgDn".to_owned(),
                PageUp => "PgUp".to_owned(),
                code => format!("{code:?}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let mut seen = Vec::new();
        for key in KEYS.iter().flat_map(|group| group.bindings).flat_map(|binding| binding.keys) {
            assert!(!seen.contains(key), "{key:?} stands twice");
            seen.push(*key);
        }
    }

    #[test]
    fn keys_are_found_with_their_modifiers() {
        let press = |code, modifiers| action(KeyEvent::new(code, modifiers));
        assert_eq!(press(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Move(Step::Last)));
        assert_eq!(press(KeyCode::Char('d'), KeyModifiers::CONTROL), Some(Move(Step::Halves(1))));
        assert_eq!(press(KeyCode::Char('j'), KeyModifiers::ALT), None);
    }
}

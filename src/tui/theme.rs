//! How things look: a row of styles for each theme. Nothing depends on colour: arrows, words and `!` say the same.

use ratatui::style::{Color, Modifier, Style};

use crate::anomaly::Severity;
use crate::duplex::Direction;

/// The styles of a theme, and the characters it draws with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Name in the configuration.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Headings and borders of the pane that has the keys.
    pub active: Style,
    /// Those of the others.
    pub passive: Style,
    /// What matters less.
    pub dim: Style,
    /// The bars above and below.
    pub bar: Style,
    /// The selected row.
    pub selected: Style,
    /// The selected row of a pane that has not the keys.
    pub held: Style,
    /// What a search found.
    pub found: Style,
    /// What the client sent.
    pub client: Style,
    /// What the server sent.
    pub server: Style,
    /// A warning or loss.
    pub warning: Style,
    /// A violation or failure.
    pub violation: Style,
    /// What is as it should be.
    pub good: Style,
    /// Names in trees.
    pub name_style: Style,
    /// Texts in trees.
    pub text: Style,
    /// Numbers and words in trees.
    pub number: Style,
}

const PLAIN: Style = Style::new();

const fn fg(color: Color) -> Style {
    Style::new().fg(color)
}

const fn bold(color: Color) -> Style {
    fg(color).add_modifier(Modifier::BOLD)
}

/// The themes there are; the first is used where none is asked for.
pub const THEMES: &[Theme] = &[
    Theme {
        name: "sixteen",
        about: "the terminal's own sixteen colours, for dark and light",
        active: bold(Color::Blue),
        passive: fg(Color::DarkGray),
        dim: fg(Color::DarkGray),
        bar: PLAIN.add_modifier(Modifier::REVERSED),
        selected: PLAIN.add_modifier(Modifier::REVERSED),
        held: PLAIN.add_modifier(Modifier::BOLD.union(Modifier::UNDERLINED)),
        found: fg(Color::Black).bg(Color::Yellow),
        client: fg(Color::Magenta),
        server: fg(Color::Blue),
        warning: fg(Color::Yellow),
        violation: bold(Color::Red),
        good: fg(Color::Green),
        name_style: fg(Color::Blue),
        text: fg(Color::Green),
        number: fg(Color::Magenta),
    },
    Theme {
        name: "dark",
        about: "256 colours on a dark background",
        active: bold(Color::Indexed(117)),
        passive: fg(Color::Indexed(242)),
        dim: fg(Color::Indexed(245)),
        bar: fg(Color::Indexed(252)).bg(Color::Indexed(237)),
        selected: PLAIN.bg(Color::Indexed(24)).add_modifier(Modifier::BOLD),
        held: PLAIN.bg(Color::Indexed(238)),
        found: fg(Color::Indexed(16)).bg(Color::Indexed(221)),
        client: fg(Color::Indexed(215)),
        server: fg(Color::Indexed(117)),
        warning: fg(Color::Indexed(221)),
        violation: bold(Color::Indexed(203)),
        good: fg(Color::Indexed(114)),
        name_style: fg(Color::Indexed(117)),
        text: fg(Color::Indexed(150)),
        number: fg(Color::Indexed(215)),
    },
    Theme {
        name: "light",
        about: "256 colours on a light background",
        active: bold(Color::Indexed(25)),
        passive: fg(Color::Indexed(247)),
        dim: fg(Color::Indexed(243)),
        bar: fg(Color::Indexed(235)).bg(Color::Indexed(253)),
        selected: PLAIN.bg(Color::Indexed(153)).add_modifier(Modifier::BOLD),
        held: PLAIN.bg(Color::Indexed(254)),
        found: fg(Color::Indexed(16)).bg(Color::Indexed(222)),
        client: fg(Color::Indexed(130)),
        server: fg(Color::Indexed(25)),
        warning: fg(Color::Indexed(130)),
        violation: bold(Color::Indexed(124)),
        good: fg(Color::Indexed(28)),
        name_style: fg(Color::Indexed(25)),
        text: fg(Color::Indexed(28)),
        number: fg(Color::Indexed(130)),
    },
    Theme {
        name: "mono",
        about: "no colour, as NO_COLOR asks for",
        active: PLAIN.add_modifier(Modifier::BOLD),
        passive: PLAIN,
        dim: PLAIN,
        bar: PLAIN.add_modifier(Modifier::REVERSED),
        selected: PLAIN.add_modifier(Modifier::REVERSED),
        held: PLAIN.add_modifier(Modifier::UNDERLINED),
        found: PLAIN.add_modifier(Modifier::REVERSED.union(Modifier::BOLD)),
        client: PLAIN,
        server: PLAIN,
        warning: PLAIN.add_modifier(Modifier::BOLD),
        violation: PLAIN.add_modifier(Modifier::BOLD),
        good: PLAIN,
        name_style: PLAIN,
        text: PLAIN,
        number: PLAIN,
    },
];

impl Theme {
    /// The theme of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        THEMES.iter().find(|theme| theme.name == name)
    }

    /// How what went this way looks.
    pub fn direction(&self, direction: Option<Direction>) -> Style {
        match direction {
            Some(Direction::ToServer) => self.client,
            Some(Direction::ToClient) => self.server,
            None => self.dim,
        }
    }

    /// How an anomaly looks.
    pub fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Note => self.dim,
            Severity::Loss | Severity::Warning => self.warning,
            Severity::Violation => self.violation,
        }
    }
}

/// The characters lines, marks and bars are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// A horizontal line.
    pub horizontal: &'static str,
    /// A vertical line.
    pub vertical: &'static str,
    /// What is as it should be.
    pub yes: &'static str,
    /// What is not.
    pub no: &'static str,
    /// A folded branch.
    pub folded: &'static str,
    /// An unfolded branch.
    pub unfolded: &'static str,
    /// Bars, lowest first; the first stands for none.
    pub bars: [&'static str; 9],
    /// What stands for text that was cut off.
    pub more: &'static str,
}

/// For terminals that show Unicode.
pub const UNICODE: Glyphs = Glyphs {
    horizontal: "─",
    vertical: "│",
    yes: "✓",
    no: "✗",
    folded: "▸",
    unfolded: "▾",
    bars: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    more: "…",
};

/// For those that do not (`--ascii`, or a locale that is not UTF-8).
pub const ASCII: Glyphs = Glyphs {
    horizontal: "-",
    vertical: "|",
    yes: "ok",
    no: "NO",
    folded: ">",
    unfolded: "v",
    bars: [" ", ".", ".", ":", ":", "|", "|", "#", "#"],
    more: "~",
};

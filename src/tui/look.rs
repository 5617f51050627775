//! How the screen looks, as the user has set it.

use serde::{Deserialize, Serialize};

use super::theme::{ASCII, Glyphs, THEMES, Theme, UNICODE};

/// Settings of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Styles.
    pub theme: &'static Theme,
    /// Whether the terminal is asked if its background is dark or light, to choose them by that.
    pub asks: bool,
    /// Characters for lines and marks.
    pub glyphs: Glyphs,
    /// How times are written.
    pub times: Times,
    /// Which columns are shown where there is room.
    pub columns: Columns,
    /// Whether the line of keys is shown.
    pub footer: bool,
    /// Rows of the list in a hundred of what list and detail have together.
    pub share: u16,
    /// Whether the mouse is reported to us.
    pub mouse: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            theme: &THEMES[0],
            asks: false,
            glyphs: UNICODE,
            times: Times::OfDay,
            columns: Columns::default(),
            footer: true,
            share: 50,
            mouse: false,
        }
    }
}

impl Look {
    /// The theme that is dark or light as the terminal is.
    pub const AUTO: &str = "auto";

    /// Chooses a theme by its name, or with [`AUTO`](Self::AUTO) by what the terminal answers; whether there is such a one.
    pub fn choose(&mut self, name: &str) -> bool {
        self.asks = name == Self::AUTO;
        if let Some(theme) = Theme::named(name) {
            self.theme = theme;
        }
        self.asks || Theme::named(name).is_some()
    }

    /// Name of the choice.
    pub fn chosen(&self) -> &'static str {
        if self.asks { Self::AUTO } else { self.theme.name }
    }

    /// What can be chosen.
    pub fn themes() -> impl Iterator<Item = &'static str> {
        THEMES.iter().map(|theme| theme.name).chain([Self::AUTO])
    }

    /// The same with the characters that every terminal has.
    #[must_use]
    pub fn in_ascii(self) -> Self {
        Self { glyphs: ASCII, ..self }
    }
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    /// `12:00:01.204118`, UTC.
    OfDay,
    /// `2026-11-21 12:00:01.204118`, UTC.
    WithDate,
    /// Seconds since the first packet of the capture.
    SinceStart,
    /// Seconds since the row before.
    SincePrevious,
    /// Seconds since the row that was marked last.
    SinceMark,
}

impl Times {
    /// The next one that `t` shows.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::OfDay => Self::SinceStart,
            Self::SinceStart => Self::SincePrevious,
            Self::SincePrevious => Self::WithDate,
            Self::WithDate | Self::SinceMark => Self::OfDay,
        }
    }

    /// What the settings call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OfDay => "time of day",
            Self::WithDate => "date and time",
            Self::SinceStart => "since the start",
            Self::SincePrevious => "since the row before",
            Self::SinceMark => "since the mark",
        }
    }
}

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Number of the row.
    Number,
    /// When.
    Time,
    /// How long after the row before.
    Delta,
    /// On which connection.
    Connection,
    /// What kind.
    Kind,
    /// Frames of a message.
    Frames,
    /// Bytes.
    Size,
    /// Of an answer or a Pong: how long after its request.
    Latency,
}

impl Column {
    /// All of them, in their order.
    pub const ALL: [Self; 8] =
        [Self::Number, Self::Time, Self::Delta, Self::Connection, Self::Kind, Self::Frames, Self::Size, Self::Latency];

    /// Its name in settings and menus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Time => "time",
            Self::Delta => "delta",
            Self::Connection => "connection",
            Self::Kind => "type",
            Self::Frames => "frames",
            Self::Size => "size",
            Self::Latency => "latency",
        }
    }
}

/// The columns that are shown where there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns([bool; Column::ALL.len()]);

impl Default for Columns {
    fn default() -> Self {
        Self([true; Column::ALL.len()])
    }
}

impl Columns {
    /// Whether a column is shown.
    pub fn has(self, column: Column) -> bool {
        self.0[column as usize]
    }

    /// Shows a column, or not.
    pub fn set(&mut self, column: Column, shown: bool) {
        self.0[column as usize] = shown;
    }
}

//! Lines of text with roles instead of colours: what builds them knows no theme, what draws them no meaning.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::show;
use super::theme::{Glyphs, Theme};

/// The role of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// As it is.
    Plain,
    /// What matters less: labels, units.
    Dim,
    /// A heading.
    Title,
    /// A name in a tree.
    Name,
    /// A text in a tree.
    Text,
    /// A number or word in a tree.
    Number,
    /// As it should be.
    Good,
    /// A warning, or something lost.
    Warning,
    /// A violation.
    Violation,
}

/// A line in pieces; each is safe for a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inked(pub Vec<(Ink, String)>);

impl Inked {
    /// A line of one piece.
    pub fn of(ink: Ink, text: impl Into<String>) -> Self {
        Self(vec![(ink, text.into())])
    }

    /// The same with one more piece.
    #[must_use]
    pub fn and(mut self, ink: Ink, text: impl Into<String>) -> Self {
        self.0.push((ink, text.into()));
        self
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// In the colours of a theme, cut to so many columns.
    pub fn line(&self, theme: &Theme, glyphs: &Glyphs, columns: usize) -> Line<'static> {
        let mut left = columns;
        let mut spans = Vec::with_capacity(self.0.len());
        for (ink, text) in &self.0 {
            if left == 0 {
                break;
            }
            let text = show::clipped(text, left, glyphs.more);
            left -= show::columns(&text).min(left);
            spans.push(Span::styled(text, ink.style(theme)));
        }
        Line::from(spans)
    }

    /// Broken into lines of at most so many columns; those after the first begin with `indent` spaces.
    pub fn wrapped(self, columns: usize, indent: usize) -> Vec<Self> {
        let columns = columns.max(indent + 8);
        if show::columns(&self.text()) <= columns {
            return vec![self];
        }
        let mut lines = Vec::new();
        let (mut line, mut used) = (Self::default(), 0);
        for (ink, text) in self.0 {
            for word in text.split_inclusive(' ') {
                let mut word = word;
                while !word.is_empty() {
                    let width = show::columns(word.trim_end());
                    if used + width <= columns {
                        line.push(ink, word);
                        used += show::columns(word);
                        break;
                    }
                    if used > indent {
                        lines.push(std::mem::replace(&mut line, Self::of(Ink::Plain, " ".repeat(indent))));
                        used = indent;
                        continue;
                    }
                    let end = end_within(word, columns - used);
                    line.push(ink, &word[..end]);
                    word = &word[end..];
                    used = columns;
                }
            }
        }
        lines.push(line);
        lines
    }

    fn push(&mut self, ink: Ink, text: &str) {
        match self.0.last_mut() {
            Some((last, known)) if *last == ink => known.push_str(text),
            Some(_) | None => self.0.push((ink, text.to_owned())),
        }
    }
}

impl Ink {
    /// How it looks.
    pub fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Dim => theme.dim,
            Self::Title => theme.active,
            Self::Name => theme.name_style,
            Self::Text => theme.text,
            Self::Number => theme.number,
            Self::Good => theme.good,
            Self::Warning => theme.warning,
            Self::Violation => theme.violation,
        }
    }
}

/// Bytes of `text` that fit in so many columns; at least one character.
pub fn end_within(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let mut bytes = [0; 4];
        used += show::columns(c.encode_utf8(&mut bytes));
        if used > columns && at > 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_between_words_and_long_words_anywhere() {
        let line = Inked::of(Ink::Dim, "note: ").and(Ink::Plain, "one two three aaaaaaaaaaaaaaaaaaaaaaaaa");
        let lines: Vec<_> = line.wrapped(14, 2).iter().map(Inked::text).collect();
        assert_eq!(lines, ["note: one two ", "  three ", "  aaaaaaaaaaaa", "  aaaaaaaaaaaa", "  a"]);
    }
}

//! A line that is typed below the screen, with what was typed before.

use crossterm::event::Event;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use super::action::Prompt;

/// Lines of each kind that are remembered.
const REMEMBERED: usize = 100;

/// A line being typed.
#[derive(Debug, Clone)]
pub struct PromptLine {
    /// What it is for.
    pub kind: Prompt,
    input: Input,
    /// Which of the lines typed before is shown; counted from the latest, 0 is the line itself.
    back: usize,
    /// What was typed before going back.
    draft: String,
    /// What is wrong with it: a message, and which bytes.
    pub error: Option<(String, std::ops::Range<usize>)>,
    /// What it is understood as, where that is not how it is typed.
    pub understood: Option<String>,
}

impl PromptLine {
    /// A line that begins with this text.
    pub fn new(kind: Prompt, text: &str) -> Self {
        Self { kind, input: Input::new(text.to_owned()), back: 0, draft: String::new(), error: None, understood: None }
    }

    /// Takes a key or a paste.
    pub fn edit(&mut self, event: &Event) {
        if let Event::Paste(text) = event {
            // A line is one line.
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            for c in text.chars() {
                self.input.handle(tui_input::InputRequest::InsertChar(c));
            }
        } else {
            self.input.handle_event(event);
        }
        self.back = 0;
    }

    /// Puts another text there.
    pub fn set(&mut self, text: &str) {
        self.input = Input::new(text.to_owned());
    }

    /// Shows the line typed before this one, or after it.
    pub fn recall(&mut self, history: &[String], older: bool) {
        if self.back == 0 {
            self.draft = self.text().to_owned();
        }
        self.back = if older { (self.back + 1).min(history.len()) } else { self.back.saturating_sub(1) };
        let text = match self.back {
            0 => self.draft.clone(),
            back => history[history.len() - back].clone(),
        };
        self.set(&text);
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Columns before the cursor.
    pub fn cursor(&self) -> usize {
        self.input.visual_cursor()
    }

    /// What stands before the text.
    pub fn sign(&self) -> &'static str {
        match self.kind {
            Prompt::Filter => "/",
            Prompt::Containing => "&",
            Prompt::Search => "s ",
            Prompt::Command => ":",
        }
    }
}

/// What was typed before, by kind.
#[derive(Debug, Clone, Default)]
pub struct History(std::collections::HashMap<Prompt, Vec<String>>);

impl History {
    /// Remembers a line, as the latest of its kind.
    pub fn add(&mut self, kind: Prompt, text: &str) {
        let lines = self.0.entry(kind).or_default();
        lines.retain(|known| known != text);
        if !text.is_empty() {
            lines.push(text.to_owned());
        }
        if lines.len() > REMEMBERED {
            lines.remove(0);
        }
    }

    /// The lines of a kind, the latest last.
    pub fn of(&self, kind: Prompt) -> &[String] {
        self.0.get(&kind).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_typed_before_come_back_and_the_draft_too() {
        let mut history = History::default();
        for text in ["one", "two", "one"] {
            history.add(Prompt::Filter, text);
        }
        let mut line = PromptLine::new(Prompt::Filter, "new");
        let mut shown = Vec::new();
        for older in [true, true, true, false, false] {
            line.recall(history.of(Prompt::Filter), older);
            shown.push(line.text().to_owned());
        }
        assert_eq!(shown, ["one", "two", "two", "one", "new"]);
    }

    #[test]
    fn a_paste_stays_one_line() {
        let mut line = PromptLine::new(Prompt::Search, "");
        line.edit(&Event::Paste("a\n\x1b[2Jb".to_owned()));
        assert_eq!(line.text(), "a[2Jb");
    }
}

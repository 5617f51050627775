//! Two messages to the lines in which they differ; JSON is laid out first, so that only what changed differs.

use std::time::{Duration, Instant};

use similar::{Algorithm, ChangeTag, TextDiff};

use crate::event::Event;

use super::doc::Doc;
use super::form::Form;
use super::ink::{Ink, Inked};
use super::theme::ASCII;

/// Lines of each message that are compared at most.
const LINES: usize = 20_000;
/// Where comparing takes longer, the difference is told less well instead.
const PATIENCE: Duration = Duration::from_millis(200);

/// Two messages compared.
#[derive(Debug, Clone)]
pub struct Diff {
    /// Which ones.
    pub title: String,
    /// Their lines: those of both, of the first and of the second.
    pub lines: Vec<Inked>,
    /// The first line on the screen.
    pub top: usize,
    /// Lines of the first and of the second alone.
    pub changed: (usize, usize),
}

impl Diff {
    /// Compares two messages.
    pub fn new(title: String, before: Event, after: Event) -> Self {
        let (before, before_cut) = laid_out(before);
        let (after, after_cut) = laid_out(after);
        let mut config = TextDiff::configure();
        config.algorithm(Algorithm::Myers).deadline(Instant::now() + PATIENCE);
        let diff = config.diff_lines(&before, &after);
        let mut told = Self { title, lines: Vec::new(), top: 0, changed: (0, 0) };
        for change in diff.iter_all_changes() {
            told.add(&change);
        }
        if before_cut || after_cut {
            told.lines.push(Inked::of(Ink::Warning, format!("only the first {LINES} lines were compared")));
        }
        told
    }

    fn add(&mut self, change: &similar::Change<&str>) {
        let (sign, ink) = match change.tag() {
            ChangeTag::Equal => (" ", Ink::Plain),
            ChangeTag::Delete => ("-", Ink::Violation),
            ChangeTag::Insert => ("+", Ink::Good),
        };
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Delete => self.changed.0 += 1,
            ChangeTag::Insert => self.changed.1 += 1,
        }
        self.lines.push(Inked::of(ink, format!("{sign} {}", change.value().trim_end_matches('\n'))));
    }

    /// The line of the next difference behind the top, or before it.
    pub fn next(&self, forward: bool) -> Option<usize> {
        let differs = |at: &usize| !self.lines[*at].text().starts_with(' ');
        // The beginning of a run of differences.
        let begins = |at: &usize| differs(at) && (*at == 0 || !differs(&(at - 1)));
        if forward {
            (self.top + 1..self.lines.len()).find(begins)
        } else {
            (0..self.top.min(self.lines.len())).rev().find(begins)
        }
    }
}

/// The payload as the lines of the detail pane, and whether they are not all.
fn laid_out(event: Event) -> (String, bool) {
    let doc = Doc::new(Ok(event), Form::Tree, 120, &ASCII);
    let lines = (doc.body_start()..doc.line_count()).take(LINES + 1);
    let mut text = String::new();
    let mut cut = false;
    for (count, number) in lines.enumerate() {
        if count == LINES {
            cut = true;
            break;
        }
        text.push_str(&doc.line(number, &ASCII).map(|line| line.text()).unwrap_or_default());
        text.push('\n');
    }
    (text, cut)
}

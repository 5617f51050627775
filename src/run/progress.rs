//! How far reading has come: a bar on standard error, where that is a terminal and the work takes over a second.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::capture::Progress as Position;

/// Work that is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const TICKS: u32 = 4096;

/// A progress bar that may never show.
#[derive(Debug)]
pub struct Progress {
    begun: Option<Instant>,
    ticks: u32,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins now; `shown`: where there is a terminal to show it.
    pub fn begin(shown: bool) -> Self {
        Self { begun: (shown && stderr().is_terminal()).then(Instant::now), ticks: 0, bar: None }
    }

    /// To be called once a packet; looks at the position and the clock now and then, and gives the position then.
    pub fn tick(&mut self, position: impl FnOnce() -> Option<Position>) -> Option<Position> {
        self.ticks += 1;
        if self.ticks < TICKS {
            return None;
        }
        self.ticks = 0;
        let position = position()?;
        self.show(position);
        Some(position)
    }

    fn show(&mut self, position: Position) {
        let Some(begun) = self.begun.filter(|begun| begun.elapsed() >= PATIENCE) else { return };
        let bar = self.bar.get_or_insert_with(|| {
            let so_far = bar(position.total).with_position(position.read);
            so_far.with_elapsed(begun.elapsed())
        });
        bar.set_position(position.read);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{percent:>3}% {bar:30} {bytes_per_sec}, {eta} left"),
        None => (ProgressBar::no_length(), "{bytes} {bytes_per_sec}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template is a constant"))
}

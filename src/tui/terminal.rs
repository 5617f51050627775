//! The terminal: taken for the screen, and given back however we end.

use std::io::{self, Stdout, Write as _, stdout};
use std::panic;
use std::sync::Once;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// The screen on a terminal.
pub type Screen = Terminal<CrosstermBackend<Stdout>>;

/// Holds the terminal; gives it back when it is dropped, and before a panic is told.
#[derive(Debug)]
pub struct Guard(());

static HOOK: Once = Once::new();

impl Guard {
    /// Takes the terminal: raw mode, the alternate screen, pasting as one, no cursor.
    ///
    /// # Errors
    /// When standard output is no terminal, or the terminal is gone.
    pub fn take() -> io::Result<Self> {
        HOOK.call_once(|| {
            let tell = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                give_back();
                tell(panic);
            }));
        });
        let guard = Self(());
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        Ok(guard)
    }

    /// The screen on it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn screen(&self) -> io::Result<Screen> {
        Terminal::new(CrosstermBackend::new(stdout()))
    }

    /// Has the mouse reported to us, or left to the terminal for selecting.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn mouse(&self, on: bool) -> io::Result<()> {
        if on { execute!(stdout(), EnableMouseCapture) } else { execute!(stdout(), DisableMouseCapture) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Undoes all that may have been done to the terminal; what is not so is not harmed by it.
fn give_back() {
    // A terminal that is gone needs nothing given back.
    let _ = execute!(stdout(), DisableMouseCapture, DisableBracketedPaste, Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
    let _ = stdout().flush();
}

//! The terminal: taken for the screen, and given back however we end.

use std::fs::File;
use std::io::{self, IsTerminal as _, PipeReader, Read as _, Stdout, Write as _, stdin, stdout};
use std::os::fd::AsFd as _;
use std::panic;
use std::sync::Once;
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::background::Background;

/// The screen on a terminal.
pub type Screen = Terminal<CrosstermBackend<Stdout>>;

/// Holds the terminal; gives it back when it is dropped, and before a panic is told.
#[derive(Debug)]
pub struct Guard {
    /// Where keys come from.
    keys: File,
}

/// How long an answer of the terminal is awaited, and how long it can be; terminals answer within a millisecond, a slow line later.
const ANSWER: Duration = Duration::from_millis(500);
const LONGEST: usize = 1 << 10;

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
        // As crossterm chooses it: standard input may be the capture.
        let keys = if stdin().is_terminal() {
            File::from(stdin().as_fd().try_clone_to_owned()?)
        } else {
            File::options().read(true).write(true).open("/dev/tty")?
        };
        let guard = Self { keys };
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        Ok(guard)
    }

    /// The screen on it, empty.
    ///
    /// Not `Terminal::clear`, which asks the terminal where its cursor is, and fails where nobody answers.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn screen(&self) -> io::Result<Screen> {
        execute!(stdout(), Clear(ClearType::All))?;
        Terminal::new(CrosstermBackend::new(stdout()))
    }

    /// Waits until there are keys, `bell` can be read from, a signal came, or so much time passed.
    ///
    /// # Errors
    /// When the terminal is gone. Only here that is noticed: crossterm reads on and on at its end.
    pub fn wait(&self, bell: Option<&PipeReader>, patience: Duration) -> io::Result<()> {
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        let mut awaited = vec![PollFd::new(&self.keys, PollFlags::IN)];
        awaited.extend(bell.map(|bell| PollFd::new(bell, PollFlags::IN)));
        match poll(&mut awaited, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if awaited[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal is gone"));
        }
        Ok(())
    }

    /// The colour of the terminal's background, where it tells in time.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn background(&self) -> io::Result<Option<Background>> {
        stdout().write_all(Background::QUESTION)?;
        stdout().flush()?;
        let until = Instant::now() + ANSWER;
        let mut answer = Vec::new();
        while !Background::is_answered(&answer) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || answer.len() > LONGEST {
                break;
            }
            let patience = Timespec::try_from(left).map_err(io::Error::other)?;
            let mut awaited = [PollFd::new(&self.keys, PollFlags::IN)];
            if matches!(poll(&mut awaited, Some(&patience)), Ok(1..)) {
                let mut bytes = [0; 64];
                let count = (&self.keys).read(&mut bytes)?;
                answer.extend_from_slice(&bytes[..count]);
            }
        }
        Ok(Background::parse(&answer))
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

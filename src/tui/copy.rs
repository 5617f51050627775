//! Bytes to the clipboard of the terminal, which may be on another machine (OSC 52).

use std::io::{self, stdout};

use crossterm::clipboard::CopyToClipboard;
use crossterm::execute;

use super::save;
use super::show;

/// Terminals and multiplexers take about 100 kB of base64 at once; a few of them stop at what is more without a word.
const MOST: usize = 74_000;

/// Copies bytes; what to say of it. What is too long goes to a file instead.
///
/// # Errors
/// When the terminal is gone, or no file can be made.
pub fn copy(bytes: &[u8], what: &str) -> io::Result<String> {
    let count = show::counted(bytes.len() as u64, "byte", "bytes");
    if bytes.len() > MOST {
        let (path, mut file) = save::create(None, "wscope-copy", "bin")?;
        io::Write::write_all(&mut file, bytes)?;
        return Ok(format!("{what} is too long for terminals: {count} written to {}", path.display()));
    }
    execute!(stdout(), CopyToClipboard::to_clipboard_from(bytes))?;
    Ok(format!("copied {what}: {count}, if the terminal allows it (OSC 52)"))
}

//! From key log files to secrets: read before the first packet, and followed while packets come.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use crate::input::{Counters, Input, Secret};

use super::error::{Error, unreadable};
use super::source::{Progress, Source, Step};

/// So much is read at once.
const BLOCK: usize = 64 << 10;
/// A line above this length is none of a key log: what there is of it is handed on.
const LONGEST: usize = 64 << 10;

/// Key log files (SSLKEYLOGFILE) that may still grow.
#[derive(Debug)]
pub struct KeyLog {
    files: Vec<Followed>,
    /// Complete lines that were read last.
    lines: Vec<u8>,
}

/// A file, read up to its last complete line.
#[derive(Debug)]
struct Followed {
    path: PathBuf,
    /// `None` while there is no such file.
    file: Option<File>,
    /// Bytes read.
    position: u64,
    /// The beginning of a line that is not complete.
    started: Vec<u8>,
}

impl KeyLog {
    /// Opens key logs; the one at `perhaps` may not be there yet.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when one is missing, forbidden or a directory.
    pub fn open(paths: &[PathBuf], perhaps: Option<&Path>) -> Result<Self, Error> {
        let mut files = Vec::with_capacity(paths.len() + 1);
        for path in paths {
            let mut followed = Followed::new(path);
            followed.open()?;
            files.push(followed);
        }
        if let Some(path) = perhaps {
            let mut followed = Followed::new(path);
            if path.exists() {
                followed.open()?;
            }
            files.push(followed);
        }
        Ok(Self { files, lines: Vec::new() })
    }

    /// The folder of a key log that is not there yet.
    pub fn awaited(&self) -> Option<PathBuf> {
        let missing = self.files.iter().find(|followed| followed.file.is_none())?;
        let folder = missing.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).to_owned())
    }

    /// The lines that became complete since the last call; empty where there are none.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when a file can no longer be read.
    pub fn read_new(&mut self) -> Result<&[u8], Error> {
        self.lines.clear();
        for file in &mut self.files {
            file.read(&mut self.lines)?;
        }
        Ok(&self.lines)
    }

    /// As [`read_new`](Self::read_new), and what stands behind the last line end: nothing more is waited for.
    ///
    /// # Errors
    /// As `read_new`.
    pub fn read_all(&mut self) -> Result<&[u8], Error> {
        self.read_new()?;
        for file in &mut self.files {
            self.lines.append(&mut file.started);
            self.lines.push(b'\n');
        }
        Ok(&self.lines)
    }
}

impl Followed {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, position: 0, started: Vec::new() }
    }

    fn open(&mut self) -> Result<(), Error> {
        let file = File::open(&self.path).map_err(|error| self.error(&error))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(self.error(&ErrorKind::IsADirectory.into()));
        }
        self.file = Some(file);
        Ok(())
    }

    /// Appends the lines that became complete.
    fn read(&mut self, lines: &mut Vec<u8>) -> Result<(), Error> {
        if self.file.is_none() {
            // In the sandbox of a live capture it cannot be opened any more.
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        // Begun anew, by a program that does not append.
        if file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() < self.position) {
            self.position = 0;
            self.started.clear();
            let rewound = file.rewind();
            rewound.map_err(|error| self.error(&error))?;
        }
        loop {
            let Some(file) = &mut self.file else { return Ok(()) };
            let before = self.started.len();
            let read = file.by_ref().take(BLOCK as u64).read_to_end(&mut self.started);
            let read = read.map_err(|error| self.error(&error))?;
            self.position += read as u64;
            let complete = match memchr::memrchr(b'\n', &self.started[before..]) {
                Some(end) => before + end + 1,
                None if self.started.len() > LONGEST => self.started.len(),
                None => 0,
            };
            lines.extend(self.started.drain(..complete));
            if read < BLOCK {
                return Ok(());
            }
        }
    }

    fn error(&self, error: &std::io::Error) -> Error {
        unreadable(&self.path.display().to_string(), error)
    }
}

/// A capture with key logs: their secrets come before its packets, and new ones whenever it pauses.
pub struct Keyed {
    log: KeyLog,
    source: Box<dyn Source>,
    due: Due,
}

/// Whether the key logs are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// All that there is.
    All,
    /// What is new.
    New,
    No,
}

impl Keyed {
    /// `source` with the secrets of `log`.
    pub fn new(log: KeyLog, source: Box<dyn Source>) -> Self {
        Self { log, source, due: Due::All }
    }
}

impl Source for Keyed {
    fn step(&mut self) -> Result<Step<'_>, Error> {
        // What is piped in may be captured at this moment, and the log written.
        let at_rest = self.source.progress().is_some_and(|progress| progress.total.is_some());
        let lines = match std::mem::replace(&mut self.due, Due::No) {
            Due::All if at_rest => self.log.read_all()?,
            Due::All | Due::New => self.log.read_new()?,
            Due::No => &[],
        };
        if !lines.is_empty() {
            return Ok(Step::Input(Input::Secret(Secret { kind: Secret::TLS_KEY_LOG, bytes: lines })));
        }
        let step = self.source.step()?;
        if matches!(step, Step::Pause | Step::Input(Input::Tick(_))) {
            self.due = Due::New;
        }
        Ok(step)
    }

    fn progress(&self) -> Option<Progress> {
        self.source.progress()
    }

    fn counters(&self) -> Option<Counters> {
        self.source.counters()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_are_handed_on_once_they_are_complete() {
        let directory = tempfile::tempdir().expect("a directory");
        let (first, second) = (directory.path().join("first"), directory.path().join("later"));
        let mut file = File::create(&first).expect("a file");
        let mut log = KeyLog::open(&[first], Some(&second)).expect("it is there");
        let mut expect = |expected: &[u8]| assert_eq!(log.read_new().expect("readable"), expected);
        expect(b"");
        file.write_all(b"one\ntw").expect("written");
        expect(b"one\n");
        file.write_all(b"o\r\nthree").expect("written");
        expect(b"two\r\n");
        std::fs::write(&second, b"four\n").expect("written");
        expect(b"four\n");
        expect(b"");
        file.set_len(0).expect("cut");
        file.rewind().expect("rewound");
        file.write_all(b"five\n").expect("written");
        expect(b"five\n");
        file.write_all(b"last").expect("written");
        assert_eq!(log.read_all().expect("readable"), b"last\n\n");
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        for path in [directory.path().to_owned(), directory.path().join("none")] {
            assert!(matches!(KeyLog::open(&[path], None), Err(Error::Unreadable { .. })));
        }
    }
}

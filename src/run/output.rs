//! Where an output goes: standard output, or a file that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::export::escape::escape_json;
use crate::run::Error;

/// An open output.
#[derive(Debug)]
pub struct Output {
    name: String,
    target: Target,
    terminal: bool,
}

#[derive(Debug)]
enum Target {
    Stdout(io::Stdout),
    /// A device, a pipe, or a file that grows: written as it comes.
    Stream(File),
    /// Written beside, renamed at the end.
    File(NamedTempFile, PathBuf),
    Nowhere,
}

/// How a file output appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Whole or not at all.
    AtOnce,
    /// In place, as it is written: a live capture has no end that could be waited for, and no right to rename files then.
    InPlace,
}

impl Output {
    /// Standard output where `path` is absent or `-`; `growth` is how a file appears.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(path: Option<&Path>, growth: Growth) -> Result<Self, Error> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            let target = Target::Stdout(io::stdout());
            return Ok(Self { name: "standard output".to_owned(), terminal: target.is_terminal(), target });
        };
        let name = path.display().to_string();
        match Self::make(path, growth) {
            Ok(target) => Ok(Self { name, terminal: target.is_terminal(), target }),
            Err(source) => Err(Error::Output { name, source }),
        }
    }

    /// Takes everything and keeps nothing.
    pub fn nowhere() -> Self {
        Self { name: String::new(), terminal: false, target: Target::Nowhere }
    }

    fn make(path: &Path, growth: Growth) -> io::Result<Target> {
        if fs::metadata(path).is_ok_and(|known| !known.is_file() && !known.is_dir()) {
            return Ok(Target::Stream(File::options().write(true).open(path)?));
        }
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if growth == Growth::InPlace {
            return Ok(Target::Stream(File::create(path)?));
        }
        // A link stays, and what it leads to is replaced.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As `open` would make it: the umask takes away what it should.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder.prefix(".wscope-").tempfile_in(folder)?;
        Ok(Target::File(file, path.to_owned()))
    }

    /// Whether a person reads it as it comes.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes all of `bytes`.
    ///
    /// A terminal gets them escaped as JSON escapes, which changes nothing of text that is escaped already: what peers
    /// sent must not talk to it. A file or pipe gets the bytes as they are.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.terminal { self.write_as_is(&escape_json(bytes)) } else { self.write_as_is(bytes) }
    }

    fn write_as_is(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = match &mut self.target {
            // Flushed at once: the caller has gathered a block.
            Target::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            Target::Stream(file) => file.write_all(bytes),
            Target::File(file, _) => file.write_all(bytes),
            Target::Nowhere => Ok(()),
        };
        written.map_err(|source| Error::Output { name: self.name.clone(), source })
    }

    /// Makes a file appear under its name.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn finish(self) -> Result<(), Error> {
        match self.target {
            Target::File(file, path) => match file.persist(path) {
                Ok(_) => Ok(()),
                Err(error) => Err(Error::Output { name: self.name, source: error.error }),
            },
            Target::Stdout(_) | Target::Stream(_) | Target::Nowhere => Ok(()),
        }
    }
}

impl Target {
    fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(stdout) => stdout.is_terminal(),
            Self::Stream(file) => file.is_terminal(),
            Self::File(..) | Self::Nowhere => false,
        }
    }
}

//! From what is captured to pcapng files: one, or a ring of them; all packets, or only those of WebSocket connections.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;

use crate::flows::Standing;
use crate::input::{Counters, Packet, Secret};
use crate::origin::Timestamp;

use super::block_file::BlockFile;
use super::error::Error;
use super::holding::Holding;
use super::writer::{Description, Writer};

/// Secrets kept to be written into each file of a ring: over this the oldest are missing from later files.
const SECRETS: usize = 4 << 20;

/// How what is captured is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recording {
    /// The file, `-` for standard output; of a ring what its names are made of.
    pub path: PathBuf,
    /// When to go on with the next file.
    pub ring: Option<Ring>,
    /// Whether to leave out what belongs to no WebSocket connection.
    pub only_websocket: bool,
    /// Stop when so many bytes were written.
    pub size: Option<u64>,
}

/// When to go on with the next of several files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ring {
    /// When the packets in it cover so much time.
    pub duration: Option<Duration>,
    /// When so many bytes are in it.
    pub size: Option<u64>,
    /// So many files are kept, and older ones removed.
    pub files: Option<usize>,
}

/// Writes what is captured.
#[derive(Debug)]
pub struct Recorder {
    recording: Recording,
    descriptions: Vec<Description>,
    writer: Writer<BlockFile>,
    /// The files, the one that is written last.
    files: VecDeque<PathBuf>,
    /// How many there were.
    count: u32,
    /// Time of the first packet in the file.
    begun: Option<Timestamp>,
    /// Time of the last packet.
    latest: Timestamp,
    /// Secrets so far, for the files to come.
    secrets: VecDeque<(u32, Box<[u8]>)>,
    holding: Option<Holding>,
}

impl Recorder {
    /// Opens the first file. Of packets whose connection has not shown what it speaks at most `held` bytes are kept.
    ///
    /// # Errors
    /// [`Error::Unwritable`], here and below.
    pub fn open(recording: Recording, descriptions: Vec<Description>, held: usize) -> Result<Self, Error> {
        let path = recording.file(1);
        let begin = |path: &Path| Writer::begin(BlockFile::create(path)?, descriptions.clone());
        let writer = begin(&path).map_err(|error| Error::unwritable(&path, &error))?;
        Ok(Self {
            holding: recording.only_websocket.then(|| Holding::new(held)),
            recording,
            descriptions,
            writer,
            files: VecDeque::from([path]),
            count: 1,
            begun: None,
            latest: Timestamp::default(),
            secrets: VecDeque::new(),
        })
    }

    /// Takes a packet, of whose connection so much is known by now.
    pub fn packet(&mut self, packet: &Packet<'_>, standing: Standing) -> Result<(), Error> {
        let Some(holding) = &mut self.holding else { return self.write(packet) };
        match standing {
            Standing::Open(connection) => {
                holding.hold(connection, packet);
                Ok(())
            }
            Standing::WebSocket(connection) => {
                for held in holding.release(connection) {
                    self.write(&held.packet())?;
                }
                self.write(packet)
            }
            Standing::Foreign(connection) => {
                holding.release(connection);
                Ok(())
            }
            Standing::Fragment => self.write(packet),
            Standing::None => Ok(()),
        }
    }

    /// Takes secrets.
    pub fn secret(&mut self, secret: &Secret<'_>) -> Result<(), Error> {
        if self.recording.ring.is_some() {
            self.secrets.push_back((secret.kind, secret.bytes.into()));
            while self.secrets.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > SECRETS {
                self.secrets.pop_front();
            }
        }
        let written = self.writer.secrets(secret);
        self.checked(written)
    }

    /// Writes what was gathered.
    pub fn flush(&mut self) -> Result<(), Error> {
        let written = self.writer.output().flush();
        self.checked(written)
    }

    /// Ends the last file, with the counters of a live capture.
    pub fn finish(mut self, counters: Option<Counters>) -> Result<(), Error> {
        if let Some(counters) = counters {
            let written = self.writer.statistics(self.latest, counters);
            self.checked(written)?;
        }
        self.flush()
    }

    /// Whether as much was written as was asked for.
    pub fn is_full(&mut self) -> bool {
        self.recording.size.is_some_and(|size| self.writer.output().len() >= size)
    }

    /// Packets that were let go before it was known whether they are wanted.
    pub fn lost(&self) -> u64 {
        self.holding.as_ref().map_or(0, Holding::lost)
    }

    /// The name of the file that is written.
    pub fn name(&self) -> String {
        self.files.back().map(|path| path.display().to_string()).unwrap_or_default()
    }

    fn write(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        if self.is_next_due(packet.time) {
            self.turn_over()?;
        }
        self.latest = packet.time;
        self.begun.get_or_insert(packet.time);
        let written = self.writer.packet(packet, None);
        self.checked(written)
    }

    /// Whether a packet of this time belongs into the next file.
    fn is_next_due(&mut self, time: Timestamp) -> bool {
        let (Some(ring), Some(begun)) = (self.recording.ring, self.begun) else { return false };
        ring.duration.is_some_and(|duration| begun.plus(duration) <= time)
            || ring.size.is_some_and(|size| self.writer.output().len() >= size)
    }

    fn turn_over(&mut self) -> Result<(), Error> {
        self.flush()?;
        self.count += 1;
        let path = self.recording.file(self.count);
        let begun = self.begin(&path);
        self.files.push_back(path);
        self.checked(begun)?;
        let keep = self.recording.ring.and_then(|ring| ring.files).unwrap_or(usize::MAX);
        while self.files.len() > keep
            && let Some(oldest) = self.files.pop_front()
        {
            // Somebody else may have taken it away.
            let _ = fs::remove_file(oldest);
        }
        Ok(())
    }

    fn begin(&mut self, path: &Path) -> io::Result<()> {
        self.writer = Writer::begin(BlockFile::create(path)?, self.descriptions.clone())?;
        self.begun = None;
        for (kind, bytes) in &self.secrets {
            self.writer.secrets(&Secret { kind: *kind, bytes })?;
        }
        Ok(())
    }

    fn checked(&self, written: io::Result<()>) -> Result<(), Error> {
        written.map_err(|error| Error::unwritable(Path::new(&self.name()), &error))
    }
}

impl Recording {
    /// The folder its files are in.
    pub fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// The path of the file of this number, from 1; of a ring as dumpcap names them, with the time in UTC.
    fn file(&self, number: u32) -> PathBuf {
        if self.ring.is_none() {
            return self.path.clone();
        }
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let suffix = self.path.extension().map(|suffix| format!(".{}", suffix.to_string_lossy())).unwrap_or_default();
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = jiff::Timestamp::from_second(seconds.cast_signed()).unwrap_or_default().to_zoned(TimeZone::UTC);
        self.path.with_file_name(format!("{stem}_{number:05}_{}{suffix}", now.strftime("%Y%m%d%H%M%S")))
    }
}

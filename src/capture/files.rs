//! From named inputs to one capture: one file after the other, packets and interfaces numbered on, filtered.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{IsTerminal, Read as _, Seek as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::input::{Input, LinkType, Packet, Secret};

use super::error::{Error, unreadable};
use super::file::{CaptureFile, Record};
use super::filter::Filter;
use super::pcapng::Pcapng;
use super::source::{Progress, Source, Step};
use super::stream::Stream;

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";
const ETHERNET: LinkType = LinkType(1);

/// Capture files, read as one capture in the order given.
pub struct Files {
    waiting: VecDeque<Opened>,
    current: Option<CaptureFile>,
    filter: Option<Filter>,
    interrupt: Arc<AtomicBool>,
    /// Packets so far, those filtered out too: they keep the number they have in the capture.
    packets: u64,
    /// Interfaces described in the files that were read to their end.
    interfaces: u32,
    /// Bytes read of the files that were read to their end.
    read: u64,
    /// Sum of the file sizes; `None` where an input has none.
    total: Option<u64>,
    /// Whether it was told that the next input has to be waited for.
    paused: bool,
    /// Which of `waiting` is next to be searched for secrets, or is being searched: `current`.
    ahead: Option<usize>,
}

impl Files {
    /// Opens `inputs`: paths, and `-` for standard input. `filter` is an expression of pcap-filter(7).
    ///
    /// Once `interrupt` is set, reading ends as at the end of the last input: within 100 ms where it waits for a pipe, and
    /// after what is in the buffer (256 KiB) where it does not.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when any of the inputs is missing, forbidden, empty, a directory, or a file that is no capture:
    /// all are looked at, and what comes through pipes at its turn. [`Error::Filter`] when the expression is wrong for the
    /// link type of the first file, or for Ethernet where that comes through a pipe.
    pub fn open(inputs: &[PathBuf], filter: Option<&str>, interrupt: Arc<AtomicBool>) -> Result<Self, Error> {
        let mut waiting: VecDeque<Opened> = VecDeque::with_capacity(inputs.len());
        for input in inputs {
            let opened = Opened::new(input, &interrupt)?;
            if opened.is_standard_input() && waiting.iter().any(Opened::is_standard_input) {
                return Err(Error::Unreadable { file: opened.name, reason: "named twice".to_owned() });
            }
            waiting.push_back(opened);
        }
        let filter = match filter {
            Some(expression) => {
                let first = waiting.front().and_then(|first| first.first_link(&interrupt));
                Some(Filter::new(expression, first.unwrap_or(ETHERNET))?)
            }
            None => None,
        };
        let total = waiting.iter().map(|opened| opened.len).sum();
        Ok(Self {
            waiting,
            current: None,
            filter,
            interrupt,
            packets: 0,
            interfaces: 0,
            read: 0,
            total,
            paused: false,
            ahead: None,
        })
    }

    /// Tells the secrets of pcapng files before any packet: they may stand behind those that they open.
    ///
    /// Reads such files twice, so only those that are regular and not compressed. The secrets are told again at their turn.
    #[must_use]
    pub fn secrets_first(self) -> Self {
        Self { ahead: Some(0), ..self }
    }

    /// Mean length of the first packets, in bytes; `None` of what cannot be read twice.
    pub fn packet_length(&self) -> Option<usize> {
        self.waiting.front()?.packet_length(&self.interrupt)
    }

    /// The next packet or secret; `None` at the end of the last input, or at an interrupt.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Cut`] and [`Error::Unreadable`]: the call after goes on with the next input.
    /// [`Error::Filter`] for a packet on whose link type the filter means nothing: the call after goes on with the next packet.
    pub fn next_input(&mut self) -> Result<Option<Input<'_>>, Error> {
        loop {
            match self.next_record()? {
                Some(Record::Pause) => {}
                Some(record) => return Ok(Some(self.input(record))),
                None => return Ok(None),
            }
        }
    }

    fn input(&self, record: Record) -> Input<'_> {
        let file = self.current.as_ref().expect("the record is from this file");
        match record {
            Record::Packet { time, interface, link, bytes, wire_len } => {
                let bytes = file.bytes(bytes);
                Input::Packet(Packet { number: self.packets, time, interface, link, bytes, wire_len })
            }
            Record::Secret { kind, bytes } => Input::Secret(Secret { kind, bytes: file.bytes(bytes) }),
            Record::Pause => unreachable!("a pause is no input"),
        }
    }

    /// The next record that passes the filter; its bytes are in `current`.
    fn next_record(&mut self) -> Result<Option<Record>, Error> {
        while let Some(index) = self.ahead {
            if let Some(secret) = self.next_secret(index) {
                return Ok(Some(secret));
            }
        }
        loop {
            let Some(file) = &mut self.current else {
                let Some(opened) = self.waiting.pop_front() else {
                    return Ok(None);
                };
                if opened.len.is_none() && !std::mem::replace(&mut self.paused, true) {
                    self.waiting.push_front(opened);
                    return Ok(Some(Record::Pause));
                }
                self.paused = false;
                self.current = Some(opened.start(self.interfaces, &self.interrupt)?);
                continue;
            };
            match file.next() {
                Ok(Some(record)) => {
                    if self.admits(&record)? {
                        return Ok(Some(record));
                    }
                }
                Ok(None) | Err(_) if file.stream().is_interrupted() => {
                    self.close();
                    self.waiting.clear();
                }
                Ok(None) => self.close(),
                Err(error) => {
                    self.close();
                    return Err(error);
                }
            }
        }
    }

    /// The next secret of an input whose turn has not come.
    fn next_secret(&mut self, index: usize) -> Option<Record> {
        if self.current.is_none() {
            let Some(opened) = self.waiting.get(index) else {
                self.ahead = None;
                return None;
            };
            self.current = opened.look_ahead(&self.interrupt);
        }
        // What is wrong with it is told at its turn.
        while let Some(Ok(Some(record))) = self.current.as_mut().map(CaptureFile::next) {
            if matches!(record, Record::Secret { .. }) {
                return Some(record);
            }
        }
        self.current = None;
        self.ahead = Some(index + 1);
        None
    }

    /// Counts a packet of the current file; whether it passes the filter.
    fn admits(&mut self, record: &Record) -> Result<bool, Error> {
        let Record::Packet { link, bytes, .. } = record else {
            return Ok(true);
        };
        self.packets += 1;
        match (&mut self.filter, &self.current) {
            (Some(filter), Some(file)) => filter.passes(*link, file.bytes(bytes.clone())),
            _ => Ok(true),
        }
    }

    /// Leaves the current file.
    fn close(&mut self) {
        if let Some(file) = self.current.take() {
            self.interfaces = file.interface_count();
            self.read += file.stream().bytes_read();
        }
    }
}

impl Source for Files {
    /// As [`next_input`](Files::next_input), but tells before it waits for a pipe.
    fn step(&mut self) -> Result<Step<'_>, Error> {
        Ok(match self.next_record()? {
            Some(Record::Pause) => Step::Pause,
            Some(record) => Step::Input(self.input(record)),
            None => Step::End,
        })
    }

    fn progress(&self) -> Option<Progress> {
        let current = self.current.as_ref().map_or(0, |file| file.stream().bytes_read());
        Some(Progress { read: self.read + current, total: self.total })
    }
}

/// An input that was found readable.
struct Opened {
    name: String,
    place: Place,
    /// Size in bytes, of a regular file.
    len: Option<u64>,
}

/// Where the bytes come from.
enum Place {
    /// A regular file. It is opened again at its turn, so that thousands of them need no thousands of descriptors.
    Path(PathBuf),
    /// What cannot be opened twice: a named pipe, a device.
    Pipe(File),
    StandardInput(File),
}

impl Opened {
    fn new(input: &Path, interrupt: &Arc<AtomicBool>) -> Result<Self, Error> {
        if input.as_os_str() == STANDARD_INPUT {
            return Self::standard_input();
        }
        let name = input.display().to_string();
        let file = File::open(input).map_err(|error| unreadable(&name, &error))?;
        let len = regular_len(&name, &file)?;
        if len.is_none() {
            return Ok(Self { name, place: Place::Pipe(file), len });
        }
        let opened = Self { name, place: Place::Path(input.to_owned()), len };
        match opened.capture(file, 0, interrupt).and_then(|mut capture| capture.recognise()) {
            Err(error @ Error::Unreadable { .. }) if !interrupt.load(Ordering::Relaxed) => Err(error),
            // Damage is told at its turn.
            Ok(()) | Err(_) => Ok(opened),
        }
    }

    fn standard_input() -> Result<Self, Error> {
        let name = "standard input".to_owned();
        let input = std::io::stdin();
        if input.is_terminal() {
            return Err(Error::Unreadable { file: name, reason: "a terminal, not a capture file".to_owned() });
        }
        let file = input.as_fd().try_clone_to_owned().map_err(|error| unreadable(&name, &error))?.into();
        let len = regular_len(&name, &file)?;
        Ok(Self { name, place: Place::StandardInput(file), len })
    }

    /// Begins to read; waits for the first bytes of a pipe.
    fn start(self, first_interface: u32, interrupt: &Arc<AtomicBool>) -> Result<CaptureFile, Error> {
        let file = match &self.place {
            Place::Path(path) => File::open(path),
            Place::Pipe(file) | Place::StandardInput(file) => file.try_clone(),
        };
        let file = file.map_err(|error| unreadable(&self.name, &error))?;
        self.capture(file, first_interface, interrupt)
    }

    fn capture(&self, file: File, first_interface: u32, interrupt: &Arc<AtomicBool>) -> Result<CaptureFile, Error> {
        let stream = Stream::new(file, Arc::clone(interrupt)).map_err(|error| unreadable(&self.name, &error))?;
        Ok(CaptureFile::new(self.name.clone(), stream, first_interface))
    }

    /// The same input, to be searched for secrets; `None` where it cannot be read twice, or only slowly, or has none.
    fn look_ahead(&self, interrupt: &Arc<AtomicBool>) -> Option<CaptureFile> {
        let Place::Path(path) = &self.place else {
            return None;
        };
        let mut file = File::open(path).ok()?;
        let mut magic = [0; 4];
        file.read_exact(&mut magic).ok()?;
        if u32::from_le_bytes(magic) != Pcapng::MAGIC {
            return None;
        }
        file.rewind().ok()?;
        self.capture(file, 0, interrupt).ok()
    }

    /// The link type of the first packet, of a file that can be read twice.
    fn first_link(&self, interrupt: &Arc<AtomicBool>) -> Option<LinkType> {
        let Place::Path(path) = &self.place else {
            return None;
        };
        let mut capture = self.capture(File::open(path).ok()?, 0, interrupt).ok()?;
        loop {
            if let Record::Packet { link, .. } = capture.next().ok()?? {
                return Some(link);
            }
        }
    }

    /// Mean length of the first packets, of a file that can be read twice.
    fn packet_length(&self, interrupt: &Arc<AtomicBool>) -> Option<usize> {
        const PACKETS: usize = 1000;
        let Place::Path(path) = &self.place else {
            return None;
        };
        let mut capture = self.capture(File::open(path).ok()?, 0, interrupt).ok()?;
        let (mut count, mut sum) = (0, 0);
        while count < PACKETS
            && let Ok(Some(record)) = capture.next()
        {
            if let Record::Packet { bytes, .. } = record {
                (count, sum) = (count + 1, sum + bytes.len());
            }
        }
        (count > 0).then(|| sum / count)
    }

    fn is_standard_input(&self) -> bool {
        matches!(self.place, Place::StandardInput(_))
    }
}

/// Size of a regular file, `None` of a pipe or a device; a directory is an error.
fn regular_len(name: &str, file: &File) -> Result<Option<u64>, Error> {
    let metadata = file.metadata().map_err(|error| unreadable(name, &error))?;
    if metadata.is_dir() {
        return Err(unreadable(name, &std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(metadata.is_file().then_some(metadata.len()))
}

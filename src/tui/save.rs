//! Rows to a file, a slice at a time so that the screen stays awake.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::config::Per;
use crate::event::Event;
use crate::export::{Conclusion, FORMATS, Format};
use crate::outbox::Summary;
use crate::store::RowId;

use super::doc::payload_of;
use super::effect::{Save, What};
use super::model::{Ended, Model};
use super::show;

/// Bytes gathered before they are written.
const BLOCK: usize = 64 << 10;

/// A file being written.
pub struct Saving {
    what: What,
    path: PathBuf,
    out: BufWriter<File>,
    format: Box<dyn Format>,
    gathered: Vec<u8>,
    /// The first row that was not looked at.
    next: RowId,
    /// Rows from here on came later.
    end: RowId,
    written: u64,
    unreadable: u64,
}

/// Begins to write rows; a payload is written at once. With `Err` what there is to say instead.
///
/// # Errors
/// When the file cannot be made, or what is to be saved is not there.
pub fn begin(model: &Model, save: &Save) -> io::Result<Result<Box<Saving>, String>> {
    let (name, format) = match save.what {
        What::Listed(format) => ("wscope-rows".to_owned(), format),
        What::Marked(format) => ("wscope-marked".to_owned(), format),
        What::Connection(number, format) => (format!("wscope-connection-{number}"), format),
        What::Payload(row) => return payload(model, row, save).map(Err),
        What::Packets(_) => unreachable!("packets are no rows"),
    };
    let Some(row) = FORMATS.iter().find(|row| row.name == format) else {
        return Err(io::Error::other(format!("{format}: no such format")));
    };
    let ending = if format == "text" { "txt" } else { format };
    let (path, file) = create(save.path.as_deref(), &name, ending)?;
    let mut saving = Saving {
        what: save.what,
        path,
        out: BufWriter::new(file),
        format: (row.make)(Per::Message),
        gathered: Vec::with_capacity(2 * BLOCK),
        next: 0,
        end: model.store.bounds().1,
        written: 0,
        unreadable: 0,
    };
    saving.format.begin(&mut saving.gathered);
    Ok(Ok(Box::new(saving)))
}

impl Saving {
    /// Writes until all is written or the time is up; what to say at the end.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn work(&mut self, model: &Model, until: Instant) -> io::Result<Option<String>> {
        while let Some(row) = self.take_row(model) {
            match model.store.event(row) {
                Ok(event) => self.write(&event, model)?,
                Err(_) => self.unreadable += 1,
            }
            if Instant::now() >= until {
                return Ok(None);
            }
        }
        let (summary, damaged) = match &model.reading.ended {
            Some(Ended::Finished(finished)) => (finished.summary.clone(), finished.damaged.clone()),
            Some(Ended::Failed(_)) | None => (Summary::default(), Vec::new()),
        };
        self.format.end(&Conclusion { summary: &summary, damaged: &damaged }, &mut self.gathered);
        self.out.write_all(&self.gathered)?;
        self.out.flush()?;
        let lost = if self.unreadable > 0 {
            format!(", {} no longer kept", show::count(self.unreadable))
        } else {
            String::new()
        };
        let rows = show::counted(self.written, "row", "rows");
        Ok(Some(format!("{rows} written to {}{lost}", self.path.display())))
    }

    fn write(&mut self, event: &Event, model: &Model) -> io::Result<()> {
        self.format.event(event, model.store.started(), &mut self.gathered);
        self.written += 1;
        if self.gathered.len() >= BLOCK {
            self.out.write_all(&self.gathered)?;
            self.gathered.clear();
        }
        Ok(())
    }

    fn take_row(&mut self, model: &Model) -> Option<RowId> {
        let store = &model.store;
        let row = match self.what {
            What::Listed(_) => {
                let listing = &model.timeline.listing;
                listing.get(store, listing.position(store, self.next))
            }
            What::Marked(_) => model.marks.iter().map(|(_, row)| row).filter(|&row| row >= self.next).min(),
            What::Connection(number, _) => {
                let rows = &store.connection(number)?.rows;
                rows.get(rows.position(self.next))
            }
            What::Payload(_) | What::Packets(_) => None,
        };
        let row = row.filter(|&row| row < self.end)?;
        self.next = row + 1;
        Some(row)
    }
}

fn payload(model: &Model, row: RowId, save: &Save) -> io::Result<String> {
    let event = model.store.event(row).map_err(io::Error::other)?;
    let Some(payload) = payload_of(&event.body) else { return Ok("this row has no payload".to_owned()) };
    let ending = if payload.text { "txt" } else { "bin" };
    let (path, mut file) = create(save.path.as_deref(), &format!("wscope-payload-{}", u64::from(row) + 1), ending)?;
    file.write_all(&payload.bytes)?;
    let cut = if payload.is_cut() { " (the rest is not kept)" } else { "" };
    let bytes = show::counted(payload.bytes.len() as u64, "byte", "bytes");
    Ok(format!("{bytes} written to {}{cut}", path.display()))
}

/// Makes a new file: under the name given, or under one that is free. What is there is never written over.
///
/// # Errors
/// When the name is taken, or the folder takes no file.
pub fn create(given: Option<&str>, name: &str, ending: &str) -> io::Result<(PathBuf, File)> {
    // Not `File::create_new`, which opens it for reading too: the sandbox lets nothing be read.
    let make = |path: &Path| File::options().write(true).create_new(true).open(path);
    if let Some(given) = given {
        let path = PathBuf::from(given);
        return make(&path).map(|file| (path, file)).map_err(|error| named(given, &error));
    }
    for number in 1..1000 {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        let path = PathBuf::from(format!("{name}{number}.{ending}"));
        match make(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(named(&path.display().to_string(), &error)),
        }
    }
    Err(io::Error::other(format!("{name}.{ending} and a thousand like it are taken")))
}

fn named(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

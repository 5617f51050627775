//! The screen: a capture as a timeline that can be searched, filtered and looked into.
//!
//! ```text
//!  Source ─► feed (a thread) ══ bounded channel ══► model ◄── keys ── terminal
//!                                                    │  ▲
//!                                              store ┘  └ update, effect
//!                                                    ▼
//!                                                  view ─► cells
//! ```
//!
//! One thread owns store and model and draws; another reads and analyses. What a key does stands in one table
//! ([`keymap::KEYS`]), what it changes in `update.rs`; panels in `view/` are pure functions of the model.

pub mod action;
pub mod again;
pub mod background;
pub mod bits;
pub mod command;
pub mod copy;
pub mod diff;
pub mod doc;
pub mod effect;
pub mod exchange;
pub mod facts;
pub mod feed;
pub mod fields;
pub mod form;
pub mod heads;
pub mod ink;
pub mod json;
pub mod keymap;
pub mod keys;
pub mod layout;
pub mod listing;
pub mod look;
pub mod marks;
pub mod menu;
pub mod menus;
pub mod model;
pub mod mouse;
pub mod news;
pub mod packets;
pub mod prompt;
pub mod reread;
pub mod resident;
pub mod save;
pub mod search;
pub mod secrets;
pub mod settings;
pub mod show;
pub mod sieve;
pub mod terminal;
pub mod theme;
pub mod timeline;
pub mod update;
pub mod value;
pub mod verdict;
pub mod view;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};
use signal_hook::consts::SIGTSTP;

use crate::capture::Source;
use crate::config::DecodeAs;
use crate::run::Finished;
use effect::{Effect, Save, What};
use feed::Feed;
use model::{Ended, Model};
use packets::{Wanted, Writing};
use prompt::History;
use reread::Reread;
use resident::Resident;
use save::Saving;
use settings::Settings;
use terminal::{Guard, Screen};

pub use again::Inputs;
pub use feed::Reading;
pub use look::Look;
pub use theme::{THEMES, Theme};

/// At most so many drawings a second.
const FRAME: Duration = Duration::from_millis(33);
/// News are taken and rows looked at for so long before keys are looked for again.
const SLICE: Duration = Duration::from_millis(8);
/// How long to wait for a key where nothing else happens; a signal is noticed then.
const IDLE: Duration = Duration::from_millis(100);

/// What the screen is asked for.
#[derive(Debug)]
pub struct Options {
    /// What is read, by name.
    pub name: String,
    /// Whether it comes from interfaces.
    pub live: bool,
    /// What is read, to read it again for packets.
    pub inputs: Inputs,
    /// Where the packets of a live capture are kept, if they are.
    pub kept: Option<PathBuf>,
    /// Settings that were kept, or what is wrong with them.
    pub settings: Result<Settings, String>,
    /// Bytes of memory that the store may take.
    pub memory: usize,
    /// Where records go that leave the memory; made before a sandbox is entered.
    pub spill: Option<File>,
    /// Tells what memory the process has.
    pub resident: Option<Resident>,
    /// How it looks.
    pub look: Look,
    /// A filter to begin with.
    pub filter: Option<String>,
    /// Fields that are columns from the beginning.
    pub fields: Vec<String>,
    /// How the capture is read.
    pub reading: Reading,
    /// Ends all once it is set.
    pub over: Arc<AtomicBool>,
}

/// Shows a capture until the user leaves; how reading ended, if it did before.
///
/// # Errors
/// When there is no terminal, or it is gone.
pub fn run(source: Box<dyn Source>, options: Options) -> io::Result<Option<Finished>> {
    let Options {
        name,
        live,
        inputs,
        kept,
        settings,
        memory,
        spill,
        resident,
        look,
        filter,
        fields,
        mut reading,
        over,
    } = options;
    let mut model = Model::new(name, live, memory, look);
    model.reading.kept = kept;
    model.reread = Reread::new(reading.run.config.clone());
    if let Some(file) = spill {
        model.store.set_file(file);
    }
    let kept = match settings {
        Ok(settings) => {
            model.filters = settings.filters;
            settings.fields
        }
        Err(reason) => {
            model.complain(reason);
            Vec::new()
        }
    };
    for field in kept.iter().filter(|kept| !fields.contains(kept)).chain(&fields) {
        if let Err(reason) = model.fields.toggle(field) {
            model.complain(format!("column {field}: {reason}"));
        }
    }
    if let Some(filter) = filter {
        keys::set_filter(&mut model, &filter);
    }
    // The reader would print over the screen.
    let asked = std::mem::take(&mut reading.run.report);
    let stopped = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTSTP, Arc::clone(&stopped))?;
    let guard = Guard::take()?;
    let feed = Feed::begin(source, reading)?;
    let screen = guard.screen()?;
    let mut desk = Desk {
        model,
        feed,
        screen,
        guard: Some(guard),
        history: History::default(),
        saving: None,
        packets: None,
        inputs,
        resident,
        asked,
        stopped,
        over,
    };
    if desk.model.look.asks {
        desk.ask_background()?;
    }
    desk.work()?;
    drop(desk.guard.take());
    Ok(match desk.model.reading.ended {
        Some(Ended::Finished(finished)) => Some(*finished),
        Some(Ended::Failed(_)) | None => None,
    })
}

/// All that the loop works with.
struct Desk {
    model: Model,
    feed: Feed,
    screen: Screen,
    guard: Option<Guard>,
    history: History,
    saving: Option<Box<Saving>>,
    packets: Option<Writing>,
    inputs: Inputs,
    resident: Option<Resident>,
    /// Set by SIGUSR1, which asks how it goes.
    asked: Arc<AtomicBool>,
    /// Set by SIGTSTP: a stop that gives the terminal back first.
    stopped: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Desk {
    /// Takes news and keys, and draws, until it is over.
    fn work(&mut self) -> io::Result<()> {
        let mut drawn: Option<Instant> = None;
        let mut stale = true;
        while !self.over.load(Ordering::Relaxed) {
            if self.asked.swap(false, Ordering::Relaxed) {
                self.model.say(self.model.counters());
                stale = true;
            }
            if self.stopped.swap(false, Ordering::Relaxed) {
                self.suspend()?;
                stale = true;
            }
            let busy =
                self.take_news() | self.model.work(Instant::now() + SLICE) | self.save_more() | self.await_packets();
            stale |= busy;
            if stale && drawn.is_none_or(|drawn| drawn.elapsed() >= FRAME) {
                self.draw()?;
                (stale, drawn) = (false, Some(Instant::now()));
            }
            let patience = match drawn {
                _ if busy => Duration::ZERO,
                Some(drawn) if stale => FRAME.saturating_sub(drawn.elapsed()),
                Some(_) | None => IDLE,
            };
            if let Some(guard) = &self.guard {
                // At its end the pipe can always be read from.
                let bell = self.model.reading.ended.is_none().then(|| self.feed.bell());
                guard.wait(bell, patience)?;
            }
            while event::poll(Duration::ZERO)? {
                (stale, drawn) = (true, None);
                // A key means what was there after the one before it, drawn or not.
                self.model.settle();
                if let Some(effect) = self.take(event::read()?)
                    && self.carry_out(effect)?
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes what was told for a while; whether there was anything.
    fn take_news(&mut self) -> bool {
        let until = Instant::now() + SLICE;
        if let Some(bytes) = self.resident.as_ref().and_then(Resident::bytes) {
            self.model.store.set_resident(bytes);
        }
        let mut any = false;
        while let Some(news) = self.feed.take() {
            any = true;
            self.model.learn(news);
            if Instant::now() >= until {
                break;
            }
        }
        any
    }

    fn take(&mut self, event: Event) -> Option<Effect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                keys::press(&mut self.model, &mut self.history, key)
            }
            Event::Paste(text) => {
                keys::paste(&mut self.model, text);
                None
            }
            Event::Mouse(event) => {
                mouse::happened(&mut self.model, event);
                None
            }
            Event::Key(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
        }
    }

    /// Does what the model asks for; whether that is the end.
    fn carry_out(&mut self, effect: Effect) -> io::Result<bool> {
        match effect {
            Effect::Quit => return Ok(true),
            Effect::StopReading => self.feed.stop(),
            Effect::Redraw => {
                if let Some(guard) = &self.guard {
                    self.screen = guard.screen()?;
                }
            }
            Effect::AskBackground => self.ask_background()?,
            Effect::Suspend => self.suspend()?,
            Effect::Mouse(on) => {
                if let Some(guard) = &self.guard {
                    guard.mouse(on)?;
                }
                self.model.say(if on { "mouse on; Shift selects text" } else { "mouse off" });
            }
            Effect::Copy(bytes, what) => self.tell(copy::copy(&bytes, &what)),
            Effect::Save(Save { what: What::Packets(number), path }) => self.save_packets(number, path.as_deref()),
            Effect::Save(save) => match save::begin(&self.model, &save) {
                Ok(Ok(saving)) => self.saving = Some(saving),
                Ok(Err(said)) => self.model.say(said),
                Err(error) => self.complain(&error),
            },
            Effect::ReadAgain(rule) => self.read_again(rule),
            Effect::Settings => {
                let settings = Settings::of(&self.model);
                self.tell(settings.save());
            }
        }
        Ok(false)
    }

    /// Takes the theme that goes with the terminal's background; where it does not answer the one there is stays.
    fn ask_background(&mut self) -> io::Result<()> {
        let Some(guard) = &self.guard else { return Ok(()) };
        if let Some(background) = guard.background()? {
            self.model.look.theme = background.theme();
        }
        Ok(())
    }

    /// Says what came of something.
    fn tell(&mut self, outcome: io::Result<String>) {
        match outcome {
            Ok(said) => self.model.say(said),
            Err(error) => self.complain(&error),
        }
    }

    /// Says what went wrong.
    fn complain(&mut self, error: &io::Error) {
        let hint = if self.model.reading.live && error.kind() == io::ErrorKind::PermissionDenied {
            " (a live capture gives up its rights: it saves in this folder, as its user: see --user, --no-sandbox)"
        } else {
            ""
        };
        self.model.complain(format!("{error}{hint}"));
    }

    /// Reads all from the beginning, with one more rule.
    fn read_again(&mut self, rule: DecodeAs) {
        let said = format!("read again: port {} is {}", rule.port, rule.protocol);
        match self.inputs.read(rule) {
            Ok(feed) => {
                self.feed = feed;
                self.model.begin_again(self.inputs.config.clone());
                self.model.say(said);
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Begins to write the packets of a connection.
    fn save_packets(&mut self, number: u64, path: Option<&str>) {
        let row = self.model.store.connection(number).and_then(|connection| connection.rows.get(0));
        let Some(Ok(event)) = row.map(|row| self.model.store.glance(row)) else {
            self.model.complain(format!("no row of connection {number} is kept"));
            return;
        };
        if self.inputs.open.is_none() {
            self.model.complain("standard input cannot be read once more; -w FILE keeps its packets");
            return;
        }
        let known = event.span.first.packet;
        let selected = self.model.timeline.selected().and_then(|row| self.model.store.glance(row).ok());
        let at = selected.filter(|event| event.connection == number).map_or(known, |event| event.span.last.packet);
        match packets::begin(self.inputs.clone(), Wanted { connection: number, known, at }, path) {
            Ok(writing) => {
                self.packets = Some(writing);
                self.model.say("writing packets");
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Says what came of writing packets, once that is over; whether it was.
    fn await_packets(&mut self) -> bool {
        if !self.packets.as_ref().is_some_and(Writing::is_finished) {
            return false;
        }
        match self.packets.take().map(Writing::join) {
            Some(Ok(Ok(said))) => self.model.say(said),
            Some(Ok(Err(reason))) => self.model.complain(reason),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => {}
        }
        true
    }

    /// Writes some more of the file being written; whether there was anything to write.
    fn save_more(&mut self) -> bool {
        let Some(mut saving) = self.saving.take() else { return false };
        match saving.work(&self.model, Instant::now() + SLICE) {
            Ok(None) => self.saving = Some(saving),
            Ok(Some(said)) => self.model.say(said),
            Err(error) => self.complain(&error),
        }
        true
    }

    /// Gives the terminal to the shell, and takes it again when the shell gives it back.
    fn suspend(&mut self) -> io::Result<()> {
        drop(self.guard.take());
        signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
        let guard = Guard::take()?;
        if self.model.look.mouse {
            guard.mouse(true)?;
        }
        self.screen = guard.screen()?;
        self.guard = Some(guard);
        Ok(())
    }

    fn draw(&mut self) -> io::Result<()> {
        self.screen.autoresize()?;
        self.model.size = self.screen.get_frame().area();
        self.model.settle();
        self.screen.draw(|frame| view::draw(frame, &self.model))?;
        Ok(())
    }
}

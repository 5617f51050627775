//! All that the screen shows, and where the reader is in it. One owner, no locks; views only read it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ratatui::layout::Rect;

use crate::capture;
use crate::config::Config;
use crate::duplex::Duplex;
use crate::input::Counters;
use crate::run::Finished;
use crate::stats::traffic::Traffic;
use crate::store::{Row, Store};

use super::action::View;
use super::doc::Doc;
use super::fields::Fields;
use super::form::Form;
use super::layout::{self, Areas};
use super::listing::Scope;
use super::look::Look;
use super::marks::Marks;
use super::menu::Menu;
use super::prompt::PromptLine;
use super::reread::{Progress, Reread};
use super::search::Search;
use super::show;
use super::timeline::Timeline;

/// Cells are read for so long before a drawing; what is left is read behind it.
const AT_ONCE: Duration = Duration::from_millis(4);

/// What the screen shows.
#[derive(Debug)]
pub struct Model {
    /// All that was told.
    pub store: Store,
    /// What is read, and how far it has come.
    pub reading: Reading,
    /// The list of rows.
    pub timeline: Timeline,
    /// One of them in detail.
    pub detail: Detail,
    /// Rows that were marked.
    pub marks: Marks,
    /// What is searched.
    pub search: Search,
    /// Columns of fields.
    pub fields: Fields,
    /// Connections whose messages are read in another way.
    pub reread: Reread,
    /// Filters that were kept, by name.
    pub filters: BTreeMap<String, String>,
    /// How it looks.
    pub look: Look,
    /// Which view.
    pub view: View,
    /// Which pane has the keys.
    pub focus: Pane,
    /// Whether that pane has all of the screen.
    pub zoomed: bool,
    /// What lies over it.
    pub layer: Layer,
    /// What the next key is for.
    pub pending: Pending,
    /// The number typed before a key.
    pub typed: Option<Typed>,
    /// What there is to say, until the next key.
    pub notice: Option<Notice>,
    /// Size of the screen.
    pub size: Rect,
    /// First line on the screen of views that are only scrolled.
    pub scroll: usize,
    /// Whether the user has pressed a key.
    pub touched: bool,
}

/// What is read.
#[derive(Debug)]
pub struct Reading {
    /// Its name: files or interfaces.
    pub name: String,
    /// Whether it comes from interfaces.
    pub live: bool,
    /// How far reading has come.
    pub position: Option<capture::Progress>,
    /// Bytes a second.
    pub speed: f64,
    /// Where the packets of a live capture are kept, if they are.
    pub kept: Option<PathBuf>,
    /// What was received and dropped.
    pub counters: Option<Counters>,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
    /// When reading began.
    pub since: Instant,
}

/// How reading ended.
#[derive(Debug)]
pub enum Ended {
    /// With these counters.
    Finished(Box<Finished>),
    /// Not at all well.
    Failed(String),
}

/// Something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What; safe for a terminal.
    pub text: String,
    /// Whether something went wrong.
    pub bad: bool,
}

/// One row in detail.
#[derive(Debug, Default)]
pub struct Detail {
    /// What is shown; made anew when something of `made_for` changes.
    pub doc: Option<Doc>,
    made_for: Option<MadeFor>,
    /// Forms of what the client and the server sent.
    pub forms: Duplex<Form>,
    /// The line of the cursor.
    pub cursor: usize,
    /// The first line on the screen.
    pub top: usize,
    /// Whether all of the tree is folded.
    pub folded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MadeFor {
    row: u32,
    /// Where its record stands: another one, once it was read in another way.
    place: u64,
    form: Form,
    columns: usize,
}

/// A pane that can have the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    /// The connections.
    Connections,
    /// The list.
    #[default]
    List,
    /// The detail.
    Detail,
}

/// What lies over the screen and has the keys.
#[derive(Debug, Default)]
pub enum Layer {
    /// Nothing.
    #[default]
    None,
    /// The help, from this line on.
    Help(usize),
    /// A line that is typed.
    Prompt(PromptLine),
    /// A choice.
    Menu(Menu),
    /// Two messages compared.
    Diff(super::diff::Diff),
}

/// A number that is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typed {
    /// The number so far.
    pub number: u32,
    /// What was shown before its first digit showed another view.
    pub before: View,
}

/// What the next key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pending {
    /// What the table says.
    #[default]
    None,
    /// The letter of a mark to set.
    Mark,
    /// The letter of a mark to go to.
    ToMark,
    /// How to filter by a value.
    FilterByValue,
    /// Once more to leave what is not saved.
    Quit,
}

impl Model {
    /// An empty screen; `budget` bounds the memory of the store in bytes.
    pub fn new(name: String, live: bool, budget: usize, look: Look) -> Self {
        let mut timeline = Timeline::default();
        timeline.set_follow(live);
        Self {
            store: Store::new(budget),
            reading: Reading {
                name,
                live,
                position: None,
                speed: 0.0,
                kept: None,
                counters: None,
                ended: None,
                since: Instant::now(),
            },
            timeline,
            detail: Detail::default(),
            marks: Marks::default(),
            search: Search::default(),
            fields: Fields::default(),
            reread: Reread::default(),
            filters: BTreeMap::new(),
            look,
            view: View::default(),
            focus: Pane::default(),
            zoomed: false,
            layer: Layer::None,
            pending: Pending::None,
            typed: None,
            notice: None,
            size: Rect::default(),
            scroll: 0,
            touched: false,
        }
    }

    /// Forgets what was read, as it is read once more; what was set stays.
    pub fn begin_again(&mut self, config: Config) {
        self.store = Store::new(self.store.budget());
        self.reread = Reread::new(config);
        self.timeline.begin_again();
        self.detail = Detail { forms: self.detail.forms, folded: self.detail.folded, ..Detail::default() };
        self.marks = Marks::default();
        self.search.stop();
        self.reading.position = None;
        self.reading.ended = None;
        self.reading.since = Instant::now();
        self.touched = false;
    }

    /// Where everything is on the screen.
    pub fn areas(&self) -> Areas {
        layout::areas(self)
    }

    /// Says something until the next key.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), bad: false });
    }

    /// Says that something went wrong.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), bad: true });
    }

    /// How it goes, in a line.
    pub fn counters(&self) -> String {
        let total = self.store.stats().total();
        let mut text = show::counted(self.store.connection_count() as u64, "connection", "connections");
        text.push_str(&format!(", {}", show::counted(total.messages(), "message", "messages")));
        if let Some(counters) = &self.reading.counters {
            let [received, dropped] = [counters.received, counters.dropped()].map(show::count);
            text.push_str(&format!(", {received} packets received, {dropped} dropped"));
        }
        text
    }

    /// Number of the connection whose rows are listed; 0 stands for all.
    pub fn connection(&self) -> u64 {
        match self.timeline.listing.scope() {
            Scope::All => 0,
            Scope::Connection(id) => id,
        }
    }

    /// What was counted of the connection whose rows are listed, or of all.
    pub fn traffic(&self) -> &Traffic {
        let row = self.store.numbers(self.connection());
        row.map_or(self.store.stats().total(), |row| &row.traffic)
    }

    /// Lists the rows of a connection, or with 0 of all.
    pub fn set_connection(&mut self, connection: u64) {
        let scope = if connection == 0 { Scope::All } else { Scope::Connection(connection) };
        if self.timeline.listing.scope() != scope {
            self.timeline.listing.set_scope(scope);
        }
    }

    /// Works at what takes longer until the time is up; whether anything is left to do.
    pub fn work(&mut self, until: Instant) -> bool {
        let reread = self.reread.work(&mut self.store, until);
        if reread == Progress::Done {
            self.timeline.listing.look_again();
        }
        let listing = self.timeline.listing.look(&self.store, &self.marks, until);
        let found = self.search.work(&self.store, &self.timeline.listing, &self.marks, until);
        match found {
            super::search::Found::Row(row) => self.timeline.select(row),
            super::search::Found::Nothing(what) => self.say(what),
            super::search::Found::Working | super::search::Found::Idle => {}
        }
        let cells = self.read_fields(until);
        reread != Progress::Idle || listing || cells || self.search.is_at_work()
    }

    /// Reads the cells of the rows on the screen; whether any are left.
    fn read_fields(&mut self, until: Instant) -> bool {
        let (top, rows) = (self.timeline.top(), self.areas().list_rows());
        let listing = &self.timeline.listing;
        let shown = (top..top + rows).map_while(|at| listing.get(&self.store, at));
        self.fields.read(&self.store, &self.marks, shown, until)
    }

    /// Brings everything in line with what is there now, after each change and before each drawing.
    pub fn settle(&mut self) {
        let areas = self.areas();
        self.timeline.settle(areas.list_rows(), &self.store);
        // So that what was scrolled to is nearly always there at once.
        self.read_fields(Instant::now() + AT_ONCE);
        self.settle_detail(&areas);
    }

    fn settle_detail(&mut self, areas: &Areas) {
        let Some(row) = self.timeline.selected() else {
            self.detail = Detail { forms: self.detail.forms, folded: self.detail.folded, ..Detail::default() };
            return;
        };
        let columns = usize::from(areas.detail_lines().width);
        let height = usize::from(areas.detail_lines().height);
        let place = self.store.row(row).map_or(0, |row| row.place);
        let made_for = MadeFor { row, place, form: self.form(), columns };
        if self.detail.made_for != Some(made_for) && height > 0 {
            let moved = self.detail.made_for.is_none_or(|known| known.row != row || known.form != made_for.form);
            let mut doc = Doc::new(self.store.event(row), made_for.form, columns, &self.look.glyphs);
            if self.detail.folded {
                doc.fold_all(true);
            }
            if moved {
                (self.detail.cursor, self.detail.top) = (0, 0);
            }
            self.detail.doc = Some(doc);
            self.detail.made_for = Some(made_for);
        }
        let lines = self.detail.doc.as_ref().map_or(0, Doc::line_count);
        let detail = &mut self.detail;
        detail.cursor = detail.cursor.min(lines.saturating_sub(1));
        let height = height.max(1);
        let lowest = (detail.cursor + 1).saturating_sub(height);
        detail.top = detail.top.clamp(lowest, detail.cursor).min(lines.saturating_sub(height));
    }

    /// The form in which the payload of the selected row is shown.
    pub fn form(&self) -> Form {
        let row = self.timeline.selected().and_then(|row| self.store.row(row));
        let direction = row.and_then(Row::direction);
        direction.map_or_else(Form::default, |direction| self.detail.forms[direction])
    }

    /// The line that is typed, where one is.
    pub fn prompt(&self) -> Option<&PromptLine> {
        match &self.layer {
            Layer::Prompt(prompt) => Some(prompt),
            Layer::None | Layer::Help(_) | Layer::Menu(_) | Layer::Diff(_) => None,
        }
    }
}

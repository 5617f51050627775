//! Where each pane is, from the size of the screen and what is asked to be seen.

use ratatui::layout::Rect;

use super::action::View;
use super::model::{Model, Pane};

/// From so many columns on the connections have a pane of their own,
const WIDE: u16 = 100;
/// and from so many the detail stands beside the list.
const WIDER: u16 = 150;
/// Below this nothing is shown.
pub const LEAST: (u16, u16) = (20, 5);

/// Where everything is; what has no room has no height or no width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Areas {
    /// What is read, and how far it is.
    pub header: Rect,
    /// The connection on one line: the title of the list.
    pub strip: Rect,
    /// The filter and what it hides.
    pub filter: Rect,
    /// The connections.
    pub connections: Rect,
    /// The handshake of the connection.
    pub handshake: Rect,
    /// The list, with its heading.
    pub list: Rect,
    /// Messages over time.
    pub rate: Rect,
    /// The detail, with its title.
    pub detail: Rect,
    /// Facts about the row, where the detail is tall.
    pub facts: Rect,
    /// A view that takes all the room between the bars.
    pub whole: Rect,
    /// What there is to say; the line that is typed.
    pub status: Rect,
    /// The keys.
    pub footer: Rect,
    /// Lines between panes.
    pub borders: [Rect; 2],
}

impl Areas {
    /// Rows of the list that are shown.
    pub fn list_rows(&self) -> usize {
        usize::from(self.list.height.saturating_sub(1))
    }

    /// The detail without its title and what stands above it.
    pub fn detail_lines(&self) -> Rect {
        let detail = self.detail;
        Rect { y: detail.y.saturating_add(1), height: detail.height.saturating_sub(1), ..detail }
    }
}

/// Where everything is.
pub fn areas(model: &Model) -> Areas {
    let mut rest = Cut(model.size);
    let mut areas = Areas::default();
    let height = model.size.height;
    areas.header = rest.top(1);
    if model.look.footer && height >= 8 {
        areas.footer = rest.bottom(1);
    }
    areas.status = rest.bottom(1);
    match model.view {
        View::Messages => {}
        View::Connections | View::Ladder | View::Statistics | View::Log => {
            areas.whole = rest.0;
            // The ladder scrolls as the list does.
            if model.view == View::Ladder {
                areas.list = rest.0;
            }
            return areas;
        }
    }
    if height >= 10 {
        areas.filter = rest.top(1);
    }
    if model.zoomed {
        match model.focus {
            Pane::Connections => areas.connections = rest.0,
            Pane::List => areas.list = rest.0,
            Pane::Detail => areas.detail = rest.0,
        }
        return areas;
    }
    panes(model, rest, &mut areas);
    areas
}

fn panes(model: &Model, mut rest: Cut, areas: &mut Areas) {
    let height = rest.0.height;
    if model.size.width >= WIDE {
        let mut left = Cut(rest.left(if model.size.width >= WIDER { 34 } else { 30 }));
        areas.borders[0] = rest.left(1);
        if height >= 24 {
            areas.handshake = left.bottom(height * 2 / 5);
        }
        areas.connections = left.0;
    }
    let share = u32::from(model.look.share.clamp(20, 80));
    if model.size.width >= WIDER {
        // At half and half the list, whose rows are long, gets some more.
        let detail = u32::from(rest.0.width) * (100 - share) / 125;
        let mut right = Cut(rest.right(detail as u16));
        areas.borders[1] = right.left(1);
        if height >= 30 {
            areas.rate = rest.bottom(3);
            areas.facts = right.top(8);
        }
        areas.detail = right.0;
        areas.strip = rest.top(1);
        areas.list = rest.0;
        return;
    }
    if height >= 10 {
        areas.strip = rest.top(1);
    }
    if height >= 8 {
        let list = (u32::from(height) * share / 100).max(4) as u16;
        areas.list = rest.top(list);
        areas.detail = rest.0;
    } else if model.focus == Pane::Detail {
        areas.detail = rest.0;
    } else {
        areas.list = rest.0;
    }
}

/// Room from which pieces are cut.
struct Cut(Rect);

impl Cut {
    fn top(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        let cut = Rect { height, ..self.0 };
        self.0.y += height;
        self.0.height -= height;
        cut
    }

    fn bottom(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        self.0.height -= height;
        Rect { y: self.0.y + self.0.height, height, ..self.0 }
    }

    fn left(&mut self, width: u16) -> Rect {
        let width = width.min(self.0.width);
        let cut = Rect { width, ..self.0 };
        self.0.x += width;
        self.0.width -= width;
        cut
    }

    fn right(&mut self, width: u16) -> Rect {
        let width = width.min(self.0.width);
        self.0.width -= width;
        Rect { x: self.0.x + self.0.width, width, ..self.0 }
    }
}

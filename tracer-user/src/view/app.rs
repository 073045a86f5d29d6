//! The state of the view and how actions change it. There is no terminal here: anything to be done outside is
//! returned as an [`Effect`], which one place carries out.

mod chooser;
mod closer;
mod cursor;
mod detail;
mod find;
mod kinds;
mod lists;
mod mouse;
mod sort;
mod typing;

use std::{borrow::Cow, sync::Arc, time::Duration};

pub use self::{
    chooser::Chooser,
    cursor::Cursor,
    detail::Detail,
    find::Find,
    kinds::{Effect, Flow, Live, Look, Mode, Sort, Tab},
    mouse::{Hits, Title},
};
use super::{
    columns::{COLUMNS, Column},
    filter::Filter,
    format::every,
    keys::Action,
    lists::ListSort,
    names::Names,
    pace,
    playback::Command,
    row::Row,
    snapshot::{EventKey, Snapshot},
};
use crate::{
    diagnosis::{Judged, Verdict},
    model::{peer::PeerId, socket::Ends},
    report::text,
};

/// Everything the screen depends on.
#[derive(Debug)]
pub struct App {
    /// Its appearance.
    pub look: Look,
    /// What only a live view has; `None` for a recording.
    pub live: Option<Live>,
    /// The snapshot on the screen.
    pub shown: Arc<Snapshot>,
    /// Whether the screen follows the feed.
    pub flow: Flow,
    /// The current tab.
    pub tab: Tab,
    /// The peer shown in detail.
    pub detail: Option<Detail>,
    /// What receives the keys.
    pub mode: Mode,
    /// The order of the peers.
    pub sort: Sort,
    /// The filter in effect, as typed.
    pub filter_text: String,
    /// Why the text being typed is not a valid filter.
    pub filter_error: Option<String>,
    /// What is looked for.
    pub find: Find,
    /// The outcome of the user's last action; shown until the next key.
    pub message: Option<String>,
    /// Whether peers are grouped.
    pub grouped: bool,
    /// Names of addresses.
    pub names: Names,
    /// What the mouse can hit, from the last drawing.
    pub hits: Hits,
    filter: Filter,
    groups: Vec<Row>,
    /// The order of the peers shown, as indexes into the snapshot.
    peer_order: Vec<usize>,
    /// The same for the list of the current tab, unless that is the peers.
    list_order: Vec<usize>,
    /// The orders of all tabs except the first.
    list_sorts: [ListSort; Tab::ALL.len()],
    /// The user's position in each list.
    pub peers: Cursor<PeerId>,
    /// Likewise.
    pub causes: Cursor<Verdict>,
    /// Likewise.
    pub listeners: Cursor<(u32, u16)>,
    /// Likewise.
    pub sockets: Cursor<Ends>,
    /// Likewise.
    pub log: Cursor<EventKey>,
    /// Number of list rows on the screen.
    pub page: usize,
}

impl App {
    /// Starts with a first snapshot.
    pub fn new(look: Look, first: Arc<Snapshot>) -> Self {
        let mut app = Self {
            sort: look.sort,
            look,
            live: None,
            shown: first,
            flow: Flow::Following,
            tab: Tab::Peers,
            detail: None,
            mode: Mode::Command,
            filter_text: String::new(),
            filter_error: None,
            find: Find::default(),
            message: None,
            grouped: false,
            names: Names::off(),
            hits: Hits::default(),
            filter: Filter::default(),
            groups: Vec::new(),
            peer_order: Vec::new(),
            list_order: Vec::new(),
            list_sorts: [ListSort::default(); Tab::ALL.len()],
            peers: Cursor::default(),
            causes: Cursor::default(),
            listeners: Cursor::default(),
            sockets: Cursor::default(),
            log: Cursor::default(),
            page: 1,
        };
        app.refresh();
        app
    }

    /// The columns of the peer table. While nothing has a name, none of them shows names.
    pub fn columns(&self) -> Vec<Column> {
        let is_named = !self.shown.diagnosis.options.names.is_empty();
        let columns = self.look.columns.iter().copied();
        columns
            .filter(|column| is_named || *column != Column::Name)
            .collect()
    }

    /// Takes in a newer snapshot.
    pub fn update(&mut self, snapshot: Arc<Snapshot>) {
        match &mut self.flow {
            Flow::Following => {
                self.shown = snapshot;
                self.refresh();
            }
            Flow::Paused(latest) => *latest = snapshot,
        }
    }

    /// The newest snapshot, shown or not.
    pub fn latest(&self) -> &Arc<Snapshot> {
        match &self.flow {
            Flow::Following => &self.shown,
            Flow::Paused(latest) => latest,
        }
    }

    /// How far the screen is behind, ns; `None` if it follows.
    pub fn behind_ns(&self) -> Option<u64> {
        match &self.flow {
            Flow::Following => None,
            Flow::Paused(latest) => {
                let (now, shown) = (latest.taken(), self.shown.taken());
                Some(now.monotonic_ns.saturating_sub(shown.monotonic_ns))
            }
        }
    }

    /// Does what the user wants, as far as that is possible here.
    pub fn act(&mut self, action: Action) -> Option<Effect> {
        self.message = None;
        if let Mode::Help(_) = self.mode {
            return self.act_in_help(action);
        }
        match action {
            Action::Down => self.step(1),
            Action::Up => self.step(-1),
            Action::PageDown => self.step(self.page_step()),
            Action::PageUp => self.step(-self.page_step()),
            Action::Top => self.go_to_top(),
            Action::Bottom => self.step(isize::MAX),
            Action::Enter => self.enter(),
            Action::Back => self.back(),
            Action::NextTab => self.turn_tab(1),
            Action::PreviousTab => self.turn_tab(Tab::ALL.len() - 1),
            Action::Tab(number) => self.show_tab(number),
            Action::NextSort => self.next_sort(),
            Action::ReverseSort => self.reverse_sort(),
            Action::Filter => self.begin_filter(),
            Action::Find => self.begin_find(),
            Action::FindNext => self.jump(1),
            Action::FindPrevious => self.jump(-1),
            Action::Columns => self.begin_choosing(),
            Action::Pause => return Some(self.pause()),
            Action::Group => self.group(),
            Action::Names => self.toggle_names(),
            Action::Help => self.mode = Mode::Help(0),
            Action::Copy => return Some(Effect::Copy(self.sentence())),
            Action::Play(command) => return self.play(command),
            Action::Export => return Some(Effect::Export),
            Action::BeginAnew if self.shown.playback.is_some() => {
                self.message = Some("a recording keeps the window it was made with".to_owned());
            }
            Action::BeginAnew => return Some(Effect::BeginAnew),
            Action::MoreOften => return self.change_interval(pace::shorter),
            Action::LessOften => return self.change_interval(pace::longer),
            Action::Redraw => return Some(Effect::Repaint),
            Action::Suspend => return Some(Effect::Suspend),
            Action::Quit => return Some(Effect::Quit),
        }
        None
    }

    fn act_in_help(&mut self, action: Action) -> Option<Effect> {
        let page = self.page_step().unsigned_abs();
        if let Mode::Help(top) = &mut self.mode {
            match action {
                Action::Down => *top += 1,
                Action::Up => *top = top.saturating_sub(1),
                Action::PageDown => *top += page,
                Action::PageUp => *top = top.saturating_sub(page),
                Action::Top => *top = 0,
                Action::Redraw => return Some(Effect::Repaint),
                Action::Suspend => return Some(Effect::Suspend),
                Action::Quit => return Some(Effect::Quit),
                _ => self.mode = Mode::Command,
            }
        }
        None
    }

    fn turn_tab(&mut self, by: usize) {
        let at = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or(0);
        self.show_tab((at + by) % Tab::ALL.len());
    }

    pub(super) fn show_tab(&mut self, number: usize) {
        if let Some(tab) = Tab::ALL.get(number) {
            self.detail = None;
            self.tab = *tab;
            self.refresh();
        }
    }

    fn pause(&mut self) -> Effect {
        match std::mem::replace(&mut self.flow, Flow::Following) {
            Flow::Following => {
                self.flow = Flow::Paused(Arc::clone(&self.shown));
                Effect::Hold
            }
            Flow::Paused(latest) => {
                self.shown = latest;
                self.refresh();
                Effect::GoOn
            }
        }
    }

    /// Shows the moment of the pause for which everything is kept.
    pub fn hold(&mut self, snapshot: Arc<Snapshot>) {
        if let Flow::Paused(latest) = &mut self.flow {
            if latest.taken().monotonic_ns < snapshot.taken().monotonic_ns {
                latest.clone_from(&snapshot);
            }
            self.shown = snapshot;
            self.refresh();
        }
    }

    /// Whether this is a recording, in which the user can move through time.
    pub fn is_replay(&self) -> bool {
        self.shown.playback.is_some()
    }

    fn play(&mut self, command: Command) -> Option<Effect> {
        let playback = self.shown.playback?;
        if command == Command::ToSurge && playback.surge.is_none() {
            self.message = Some("no surge in this recording".to_owned());
            return None;
        }
        Some(Effect::Play(command))
    }

    /// `step` gives the next interval, or `None` at the end of the scale.
    fn change_interval(&mut self, step: fn(Duration) -> Option<Duration>) -> Option<Effect> {
        let live = self.live.as_mut()?;
        let next = step(live.interval);
        live.interval = next.unwrap_or(live.interval);
        let bound = if next.is_none() { "; this is the limit" } else { "" };
        self.message = Some(format!("a sample {}{bound}", every(live.interval)));
        next.map(Effect::Interval)
    }

    fn group(&mut self) {
        self.grouped = !self.grouped;
        self.detail = None;
        let how = if self.grouped {
            "grouped by /24 and /64"
        } else {
            "one row per peer"
        };
        self.message = Some(how.to_owned());
        self.refresh();
    }

    fn toggle_names(&mut self) {
        self.names.toggle();
        let how = if self.names.is_on() {
            "looking up names of the addresses on the screen"
        } else {
            "addresses, not names"
        };
        self.message = Some(how.to_owned());
        self.refresh();
    }

    /// The peer under the cursor or in detail.
    fn peer_at_cursor(&self) -> Option<Judged> {
        let id = match (&self.detail, self.tab) {
            (Some(detail), _) => detail.id,
            (None, Tab::Peers) => self.selected_row().filter(|row| row.peers == 1)?.id,
            (None, Tab::Connections) => self.socket_row(self.sockets.row())?.peer?.0,
            (None, _) => return None,
        };
        self.shown.peer(id)
    }

    /// The verdict under the cursor, and what to change.
    pub fn verdict_at_cursor(&self) -> Option<(Verdict, Cow<'static, str>)> {
        if self.tab == Tab::Causes && self.detail.is_none() {
            let cause = self.cause_row(self.causes.row())?;
            return Some((cause.verdict, cause.fix.clone()));
        }
        let peer = self.peer_at_cursor()?;
        Some((peer.finding.verdict, peer.fix()))
    }

    /// The sentence about the selection, fit for a ticket.
    fn sentence(&self) -> String {
        let peer = Some(self.tab).filter(|tab| self.detail.is_some() || *tab == Tab::Peers);
        match peer.and_then(|_| self.peer_at_cursor()) {
            Some(peer) => format!(
                "{} on port {}: {}: {}. Change: {}",
                text::short_name(&peer),
                peer.id.port,
                peer.finding.verdict,
                peer.explanation(),
                peer.fix()
            ),
            None => self.shown.headline.clone(),
        }
    }
}

/// The columns shown by default.
pub fn default_columns() -> Vec<Column> {
    COLUMNS.iter().map(|spec| spec.column).collect()
}

#[cfg(test)]
pub(crate) mod tests;

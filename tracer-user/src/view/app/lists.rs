//! Which items of the snapshot are shown, in which order, and how the user moves among them.

use hashbrown::HashMap;

use super::{App, Tab};
use crate::{
    diagnosis::{Cause, ListenerNow},
    model::peer::PeerId,
    view::{
        lists::{CAUSES, CONNECTIONS, LISTENERS, LOG, ListColumn, order},
        row::{self, Row},
        snapshot::{Event, Socket},
    },
};

impl App {
    /// Brings what is shown in line with the snapshot, the filter, the order and the tab.
    pub fn refresh(&mut self) {
        match self.tab {
            Tab::Peers => self.refresh_peers(),
            _ => self.refresh_list(),
        }
        self.follow();
    }

    fn refresh_peers(&mut self) {
        let shown = &self.shown.rows;
        let admitted = shown.iter().enumerate().filter(|(_, row)| {
            let host = self.names.of(row.id.network);
            self.filter.admits(row, host)
        });
        // Only the peers of a group that pass the filter are shown and counted.
        let (rows, mut order): (&[Row], Vec<usize>) = if self.grouped {
            self.groups = row::grouped(admitted.map(|(_, row)| row));
            (&self.groups, (0..self.groups.len()).collect())
        } else {
            self.groups = Vec::new();
            (shown, admitted.map(|(place, _)| place).collect())
        };
        if let Some(column) = self.sort.column {
            let spec = column.spec();
            let order_of = |a: &Row, b: &Row| (spec.value)(a).compare(&(spec.value)(b));
            // A stable sort, so equal rows keep the order of the diagnosis.
            order.sort_by(|a, b| match (rows.get(*a), rows.get(*b)) {
                (Some(a), Some(b)) if spec.greatest_first() => order_of(b, a),
                (Some(a), Some(b)) => order_of(a, b),
                _ => std::cmp::Ordering::Equal,
            });
        }
        if self.sort.reversed {
            order.reverse();
        }
        self.peer_order = order;
    }

    fn refresh_list(&mut self) {
        let (sort, shown, now) = (self.list_sort(), &self.shown, self.shown.taken());
        let diagnosis = &shown.diagnosis;
        self.list_order = match self.tab {
            Tab::Peers => return,
            Tab::Causes => order(diagnosis.causes.iter().enumerate(), &CAUSES, sort, now),
            Tab::Listeners => order(diagnosis.listeners.iter().enumerate(), &LISTENERS, sort, now),
            Tab::Connections => {
                // A filter may ask for something only known of the peers.
                let rows: HashMap<PeerId, &Row> = match self.filter.is_empty() {
                    true => HashMap::new(),
                    false => shown.rows.iter().map(|row| (row.id, row)).collect(),
                };
                let admitted = shown.sockets.iter().enumerate().filter(|(_, socket)| {
                    let host = self.names.of(socket.connection.remote.0.into());
                    let row = socket.peer.and_then(|(id, _)| rows.get(&id).copied());
                    self.filter.admits_socket(socket, row, host)
                });
                order(admitted, &CONNECTIONS, sort, now)
            }
            Tab::Log => order(shown.log.iter().enumerate(), &LOG, sort, now),
        };
    }

    /// The titles of the current tab's list, unless that is the peers.
    pub fn list_titles(&self) -> Vec<&'static str> {
        fn titles<T>(columns: &[ListColumn<T>]) -> Vec<&'static str> {
            columns.iter().map(|column| column.title).collect()
        }
        match self.tab {
            Tab::Peers => Vec::new(),
            Tab::Causes => titles(&CAUSES),
            Tab::Listeners => titles(&LISTENERS),
            Tab::Connections => titles(&CONNECTIONS),
            Tab::Log => titles(&LOG),
        }
    }

    /// A row of the causes.
    pub fn cause_row(&self, row: usize) -> Option<&Cause> {
        self.shown.diagnosis.causes.get(*self.list_order.get(row)?)
    }

    /// A row of the listeners.
    pub fn listener_row(&self, row: usize) -> Option<&ListenerNow> {
        self.shown.diagnosis.listeners.get(*self.list_order.get(row)?)
    }

    /// A row of the log.
    pub fn log_row(&self, row: usize) -> Option<&Event> {
        self.shown.log.get(*self.list_order.get(row)?)
    }

    /// How many peers are shown.
    pub fn peer_count(&self) -> usize {
        self.peer_order.len()
    }

    /// A row of the peer table.
    pub fn peer_row(&self, row: usize) -> Option<&Row> {
        let rows = if self.grouped {
            &self.groups
        } else {
            &self.shown.rows
        };
        rows.get(*self.peer_order.get(row)?)
    }

    /// All rows of the peer table, in the order shown.
    pub fn peer_rows(&self) -> impl Iterator<Item = &Row> {
        (0..self.peer_count()).filter_map(|row| self.peer_row(row))
    }

    /// The selected row of the peer table.
    pub fn selected_row(&self) -> Option<&Row> {
        self.peer_row(self.peers.row())
    }

    /// A row of the live connections.
    pub fn socket_row(&self, row: usize) -> Option<&Socket> {
        self.shown.sockets.get(*self.list_order.get(row)?)
    }

    /// Number of rows in the current tab's list.
    pub fn len(&self) -> usize {
        match self.tab {
            Tab::Peers => self.peer_count(),
            _ => self.list_order.len(),
        }
    }

    /// Whether the current tab's list is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds the selected items again.
    fn follow(&mut self) {
        let len = self.len();
        let Self {
            shown,
            groups,
            grouped,
            peer_order,
            list_order,
            ..
        } = self;
        match self.tab {
            Tab::Peers => {
                let rows = if *grouped { &*groups } else { &shown.rows };
                let id_at = |place: &usize| rows.get(*place).map(|row| row.id);
                self.peers.follow(len, |wanted: &PeerId| {
                    // If the peer is in a group now, that group is selected.
                    let wanted = if *grouped { row::group_of(*wanted) } else { *wanted };
                    peer_order.iter().position(|place| id_at(place) == Some(wanted))
                });
            }
            Tab::Causes => {
                let causes = &shown.diagnosis.causes;
                self.causes.follow(len, |wanted| {
                    let is = |place: &usize| causes.get(*place).is_some_and(|cause| cause.verdict == *wanted);
                    list_order.iter().position(is)
                });
            }
            Tab::Listeners => {
                let listeners = &shown.diagnosis.listeners;
                self.listeners.follow(len, |wanted| {
                    let key_at = |place: &usize| listeners.get(*place).map(|now| (now.netns, now.port));
                    list_order.iter().position(|place| key_at(place) == Some(*wanted))
                });
            }
            Tab::Connections => {
                let key_at = |place: &usize| shown.sockets.get(*place).map(|socket| socket.connection.ends());
                self.sockets.follow(len, |wanted| {
                    list_order.iter().position(|place| key_at(place) == Some(*wanted))
                });
            }
            Tab::Log => {
                let key_at = |place: &usize| shown.log.get(*place).map(|event| event.key);
                self.log.follow(len, |wanted| {
                    list_order.iter().position(|place| key_at(place) == Some(*wanted))
                });
            }
        }
    }

    /// Selects another row of the current tab's list.
    pub(super) fn select(&mut self, to: usize) {
        let len = self.len();
        match self.tab {
            Tab::Peers => {
                let key = self.peer_row(to.min(len.saturating_sub(1))).map(|row| row.id);
                self.peers.select(to, len, |_| key);
            }
            Tab::Causes => {
                let key = self
                    .cause_row(to.min(len.saturating_sub(1)))
                    .map(|cause| cause.verdict);
                self.causes.select(to, len, |_| key);
            }
            Tab::Listeners => {
                let key = self
                    .listener_row(to.min(len.saturating_sub(1)))
                    .map(|listener| (listener.netns, listener.port));
                self.listeners.select(to, len, |_| key);
            }
            Tab::Connections => {
                let key = self
                    .socket_row(to.min(len.saturating_sub(1)))
                    .map(|socket| socket.connection.ends());
                self.sockets.select(to, len, |_| key);
            }
            Tab::Log => {
                let key = self.log_row(to.min(len.saturating_sub(1))).map(|event| event.key);
                self.log.select(to, len, |_| key);
            }
        }
    }

    /// The selected row of the current tab's list.
    pub fn row(&self) -> usize {
        match self.tab {
            Tab::Peers => self.peers.row(),
            Tab::Causes => self.causes.row(),
            Tab::Listeners => self.listeners.row(),
            Tab::Connections => self.sockets.row(),
            Tab::Log => self.log.row(),
        }
    }

    /// Scrolls the selected row onto the screen, and returns the first row shown.
    pub fn scroll(&mut self, height: usize) -> usize {
        self.page = height;
        let len = self.len();
        macro_rules! scrolled {
            ($cursor:expr) => {{
                $cursor.scroll(len, height);
                $cursor.top()
            }};
        }
        match self.tab {
            Tab::Peers => scrolled!(self.peers),
            Tab::Causes => scrolled!(self.causes),
            Tab::Listeners => scrolled!(self.listeners),
            Tab::Connections => scrolled!(self.sockets),
            Tab::Log => scrolled!(self.log),
        }
    }

    pub(super) fn page_step(&self) -> isize {
        isize::try_from(self.page.max(2) - 1).unwrap_or(isize::MAX)
    }

    /// Moves by this many rows, or scrolls the detail.
    pub(super) fn step(&mut self, by: isize) {
        match &mut self.detail {
            Some(detail) => detail.scroll(by),
            None => self.select(self.row().saturating_add_signed(by)),
        }
    }

    pub(super) fn go_to_top(&mut self) {
        if let Some(detail) = &mut self.detail {
            detail.top = 0;
            return;
        }
        match self.tab {
            Tab::Peers => self.peers.stay_on_top(),
            Tab::Causes => self.causes.stay_on_top(),
            Tab::Listeners => self.listeners.stay_on_top(),
            Tab::Connections => self.sockets.stay_on_top(),
            Tab::Log => self.log.stay_on_top(),
        }
    }
}

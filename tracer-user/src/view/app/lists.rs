//! What of the snapshot is shown in which order, and how the user moves in it.

use std::net::IpAddr;

use super::{App, Tab};
use crate::{
    model::peer::PeerId,
    view::{
        row::{self, Row},
        snapshot::Socket,
    },
};

/// What a live connection is known by: namespace, local and remote end.
pub type SocketKey = (u32, (IpAddr, u16), (IpAddr, u16));

fn key_of(socket: &Socket) -> SocketKey {
    let connection = &socket.connection;
    (connection.netns, connection.local, connection.remote)
}

impl App {
    /// Brings what is shown in line with the snapshot, the filter, the order and the tab.
    pub fn refresh(&mut self) {
        match self.tab {
            Tab::Peers => self.refresh_peers(),
            Tab::Connections => self.refresh_sockets(),
            Tab::Causes | Tab::Listeners | Tab::Log => {}
        }
        self.follow();
    }

    fn refresh_peers(&mut self) {
        self.groups = if self.grouped {
            row::grouped(&self.shown.rows)
        } else {
            Vec::new()
        };
        let rows = if self.grouped {
            &self.groups
        } else {
            &self.shown.rows
        };
        let mut order: Vec<usize> = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| self.filter.admits(row, self.names.of(row.id.network)))
            .map(|(place, _)| place)
            .collect();
        if let Some(column) = self.sort.column {
            let greatest_first = column.spec().greatest_first;
            // Stable, so equals stay in the order of the diagnosis.
            order.sort_by(|a, b| match (rows.get(*a), rows.get(*b)) {
                (Some(a), Some(b)) if greatest_first => column.compare(b, a),
                (Some(a), Some(b)) => column.compare(a, b),
                _ => std::cmp::Ordering::Equal,
            });
        }
        if self.sort.reversed {
            order.reverse();
        }
        self.peer_order = order;
    }

    fn refresh_sockets(&mut self) {
        self.socket_order = self
            .shown
            .sockets
            .iter()
            .enumerate()
            .filter(|(_, socket)| {
                let host = self.names.of(socket.connection.remote.0.into());
                self.filter.admits_socket(socket, host)
            })
            .map(|(place, _)| place)
            .collect();
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

    /// All rows of the peer table as they are shown.
    pub fn peer_rows(&self) -> impl Iterator<Item = &Row> {
        (0..self.peer_count()).filter_map(|row| self.peer_row(row))
    }

    /// All rows of the peer table, to be kept.
    pub fn all_rows(&mut self) -> Vec<Row> {
        // They are not kept up while another tab is shown.
        self.refresh_peers();
        self.peer_rows().cloned().collect()
    }

    /// The selected row of the peer table.
    pub fn selected_row(&self) -> Option<&Row> {
        self.peer_row(self.peers.row())
    }

    /// How many live connections are shown.
    pub fn socket_count(&self) -> usize {
        self.socket_order.len()
    }

    /// A row of the live connections.
    pub fn socket_row(&self, row: usize) -> Option<&Socket> {
        self.shown.sockets.get(*self.socket_order.get(row)?)
    }

    /// How many rows the list of the tab has.
    pub fn len(&self) -> usize {
        match self.tab {
            Tab::Peers => self.peer_count(),
            Tab::Causes => self.shown.diagnosis.causes.len(),
            Tab::Listeners => self.shown.diagnosis.listeners.len(),
            Tab::Connections => self.socket_count(),
            Tab::Log => self.shown.log.len(),
        }
    }

    /// Whether the list of the tab is empty.
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
            socket_order,
            ..
        } = self;
        match self.tab {
            Tab::Peers => {
                let rows = if *grouped { &*groups } else { &shown.rows };
                let id_at = |place: &usize| rows.get(*place).map(|row| row.id);
                self.peers.follow(len, |wanted: &PeerId| {
                    // A peer that is in a group now is found there.
                    let wanted = if *grouped { row::group_of(*wanted) } else { *wanted };
                    peer_order.iter().position(|place| id_at(place) == Some(wanted))
                });
            }
            Tab::Causes => {
                let causes = &shown.diagnosis.causes;
                self.causes.follow(len, |wanted| {
                    causes.iter().position(|cause| cause.verdict == *wanted)
                });
            }
            Tab::Listeners => {
                let listeners = &shown.diagnosis.listeners;
                self.listeners.follow(len, |wanted| {
                    listeners.iter().position(|now| (now.netns, now.port) == *wanted)
                });
            }
            Tab::Connections => {
                let key_at = |place: &usize| shown.sockets.get(*place).map(key_of);
                self.sockets.follow(len, |wanted| {
                    socket_order
                        .iter()
                        .position(|place| key_at(place) == Some(*wanted))
                });
            }
            Tab::Log => self.log.follow(len, |row| Some(*row)),
        }
    }

    /// Selects another row of the tab's list.
    pub(super) fn select(&mut self, to: usize) {
        let len = self.len();
        match self.tab {
            Tab::Peers => {
                let key = self.peer_row(to.min(len.saturating_sub(1))).map(|row| row.id);
                self.peers.select(to, len, |_| key);
            }
            Tab::Causes => {
                let causes = &self.shown.diagnosis.causes;
                self.causes
                    .select(to, len, |row| causes.get(row).map(|cause| cause.verdict));
            }
            Tab::Listeners => {
                let listeners = &self.shown.diagnosis.listeners;
                self.listeners.select(to, len, |row| {
                    listeners.get(row).map(|listener| (listener.netns, listener.port))
                });
            }
            Tab::Connections => {
                let key = self.socket_row(to.min(len.saturating_sub(1))).map(key_of);
                self.sockets.select(to, len, |_| key);
            }
            Tab::Log => self.log.select(to, len, Some),
        }
    }

    /// The selected row of the tab's list.
    pub fn row(&self) -> usize {
        match self.tab {
            Tab::Peers => self.peers.row(),
            Tab::Causes => self.causes.row(),
            Tab::Listeners => self.listeners.row(),
            Tab::Connections => self.sockets.row(),
            Tab::Log => self.log.row(),
        }
    }

    /// Makes the selected row one of those on the screen, and gives the first of these.
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

    /// Moves by so many rows, or scrolls the detail.
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

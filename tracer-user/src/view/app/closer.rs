//! Opening details, and the names of what is shown.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{App, Detail, Tab};
use crate::model::peer::PeerId;

impl App {
    /// Requests the names of the addresses on the screen.
    pub fn want_names(&mut self) {
        if !self.names.is_on() {
            return;
        }
        let first = self.hits.first;
        let rows = first..first + usize::from(self.hits.rows.height);
        let shown: Vec<IpNet> = match (self.detail, self.tab) {
            (Some(detail), _) => vec![detail.id.network],
            (None, Tab::Peers) => {
                let networks = rows.filter_map(|row| self.peer_row(row));
                networks.map(|row| row.id.network).collect()
            }
            (None, Tab::Connections) => {
                let sockets = rows.filter_map(|row| self.socket_row(row));
                sockets.map(|socket| socket.connection.remote.0.into()).collect()
            }
            (None, _) => Vec::new(),
        };
        for network in shown {
            self.names.want(network);
        }
    }

    /// Takes in a name.
    pub fn learn_name(&mut self, address: IpAddr, name: Option<&str>) {
        self.names.learn(address, name);
        // The filter may match the name.
        if !self.filter.is_empty() {
            self.refresh();
        }
    }

    /// Opens the details of the selection.
    pub(super) fn enter(&mut self) {
        if self.detail.is_some() {
            return;
        }
        match self.tab {
            Tab::Peers => match self.selected_row().map(|row| (row.id, row.peers)) {
                Some((id, 1)) => self.look_at(id),
                Some((id, _)) => {
                    // A group opens into those of its peers that pass the filter.
                    self.grouped = false;
                    let group = format!("peer:{} port:{}", id.network, id.port);
                    self.set_filter(&match self.filter.is_one() {
                        true => format!("{} {group}", self.filter_text.trim()),
                        false => group,
                    });
                }
                None => {}
            },
            Tab::Causes => {
                let cause = self.cause_row(self.causes.row());
                if let Some(verdict) = cause.map(|cause| cause.verdict) {
                    // A group shows only the worst of its verdicts.
                    self.grouped = false;
                    self.show_peers(&format!("verdict:{verdict}"));
                }
            }
            Tab::Listeners => {
                let listener = self.listener_row(self.listeners.row());
                if let Some(port) = listener.map(|listener| listener.port) {
                    self.show_peers(&format!("port:{port}"));
                }
            }
            Tab::Connections => {
                let peer = self.socket_row(self.sockets.row()).and_then(|socket| socket.peer);
                if let Some((id, _)) = peer {
                    self.look_at(id);
                }
            }
            Tab::Log => {
                let event = self.log_row(self.log.row());
                if let Some(id) = event.and_then(|event| event.peer) {
                    self.look_at(id);
                }
            }
        }
    }

    fn look_at(&mut self, id: PeerId) {
        self.detail = Some(Detail::new(id));
    }

    fn show_peers(&mut self, filter: &str) {
        self.tab = Tab::Peers;
        self.peers.stay_on_top();
        self.set_filter(filter);
    }

    /// One step back: out of the detail, then out of the filter.
    pub(super) fn back(&mut self) {
        if self.detail.take().is_none() && self.tab.is_filtered() && !self.filter_text.is_empty() {
            self.set_filter("");
        }
    }
}

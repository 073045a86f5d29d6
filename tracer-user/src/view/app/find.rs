//! Jumping to rows that match, without hiding the others.

use tui_input::Input;

use super::{App, Mode, Tab};
use crate::view::{filter::Filter, row::Row};

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Find {
    /// As it was typed; empty if nothing is looked for.
    pub text: String,
    filter: Filter,
}

impl App {
    pub(super) fn begin_find(&mut self) {
        if self.can_find() {
            self.detail = None;
            self.mode = Mode::Find(Input::new(self.find.text.clone()));
        }
    }

    fn can_find(&mut self) -> bool {
        if !self.tab.is_filtered() {
            self.message = Some("f finds peers (1) and connections (4)".to_owned());
        }
        self.tab.is_filtered()
    }

    /// Looks for what has been typed, from the row after the selected one.
    pub(super) fn find(&mut self, text: &str) {
        match Filter::parse(text) {
            Ok(filter) => {
                self.find = Find {
                    text: text.to_owned(),
                    filter,
                };
                self.jump(1);
            }
            Err(error) => self.filter_error = Some(error),
        }
    }

    /// Selects the next row that matches, or the one before; after the last one, the first.
    pub(super) fn jump(&mut self, by: isize) {
        if !self.can_find() {
            return;
        }
        if self.find.filter.is_empty() {
            self.message = Some("nothing to find yet: f asks for it".to_owned());
            return;
        }
        let (len, now) = (self.len(), self.row());
        let step = |distance: usize| match by {
            ..0 => (now + len - distance) % len,
            _ => (now + distance) % len,
        };
        let found = (1..=len).map(step).find(|row| self.is_found(*row));
        let text = &self.find.text;
        match found {
            Some(row) => {
                let is_around = if by < 0 { row >= now } else { row <= now };
                self.message = is_around.then(|| format!("/{text}: from the other end"));
                self.detail = None;
                self.select(row);
            }
            None => self.message = Some(format!("no row matches {text}")),
        }
    }

    fn is_found(&self, row: usize) -> bool {
        let filter = &self.find.filter;
        match self.tab {
            Tab::Peers => self.peer_row(row).is_some_and(|row| {
                let host = self.names.of(row.id.network);
                filter.admits(row, host)
            }),
            Tab::Connections => self.socket_row(row).is_some_and(|socket| {
                let host = self.names.of(socket.connection.remote.0.into());
                let of_peer = |wanted: &&Row| socket.peer.is_some_and(|(id, _)| id == wanted.id);
                let peer = self.shown.rows.iter().find(of_peer);
                filter.admits_socket(socket, peer, host)
            }),
            Tab::Causes | Tab::Listeners | Tab::Log => false,
        }
    }
}

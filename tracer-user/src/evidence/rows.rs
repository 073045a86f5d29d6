//! The rows of the CSV files, one kind per file: their columns, writing and reading.

mod columns;
mod connections;
mod events;
mod listeners;
mod peers;
mod writer;

use serde::{Deserialize, Serialize};

pub use self::{
    connections::{ConnectionRow, Context},
    events::EventRow,
    listeners::ListenerRow,
    peers::PeerRow,
    writer::{RowFormat, RowWriter},
};
use super::cells::{Cell, CellType, Fields};

/// One of the files that grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Ended connections and, at stop, those still open.
    Connections,
    /// Each peer, when it changes.
    Peers,
    /// Each listener, when one changes.
    Listeners,
    /// Each change of a verdict or of the answer.
    Events,
}

impl Kind {
    /// All of them, in the order in which a block is written.
    pub const ALL: [Self; 4] = [Self::Connections, Self::Peers, Self::Listeners, Self::Events];

    /// The name of its file, without extension.
    pub fn stem(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Peers => "peers",
            Self::Listeners => "listeners",
            Self::Events => "events",
        }
    }

    /// The columns of its file.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Connections => ConnectionRow::COLUMNS,
            Self::Peers => PeerRow::COLUMNS,
            Self::Listeners => ListenerRow::COLUMNS,
            Self::Events => EventRow::COLUMNS,
        }
    }
}

/// A value for each kind of file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PerKind<T> {
    /// For `connections.csv`.
    pub connections: T,
    /// For `peers.csv`.
    pub peers: T,
    /// For `listeners.csv`.
    pub listeners: T,
    /// For `events.csv`.
    pub events: T,
}

impl<T> PerKind<T> {
    /// Makes a value for each kind.
    ///
    /// # Errors
    /// The first error of `make`, if any.
    pub fn try_of<E>(mut make: impl FnMut(Kind) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self {
            connections: make(Kind::Connections)?,
            peers: make(Kind::Peers)?,
            listeners: make(Kind::Listeners)?,
            events: make(Kind::Events)?,
        })
    }

    /// The value of one kind.
    pub fn of(&self, kind: Kind) -> &T {
        match kind {
            Kind::Connections => &self.connections,
            Kind::Peers => &self.peers,
            Kind::Listeners => &self.listeners,
            Kind::Events => &self.events,
        }
    }

    /// All of them, in the order in which a block is written.
    pub fn all_mut(&mut self) -> [&mut T; 4] {
        [
            &mut self.connections,
            &mut self.peers,
            &mut self.listeners,
            &mut self.events,
        ]
    }
}

/// What the rows of all files have in common.
pub(crate) trait Row: Sized {
    /// The file it belongs to.
    const KIND: Kind;
    /// The header.
    const COLUMNS: &'static [&'static str];
    /// What the cells of each column are.
    const TYPES: &'static [CellType];
    /// How many of the last columns older recordings may lack.
    const ADDED: usize = 0;
    /// What the columns of each field say, line by line, for the documentation.
    #[cfg(test)]
    const ABOUT: &'static [(&'static [&'static str], &'static [&'static str])];

    /// Passes its cells on, one per column.
    fn cells(&self, put: &mut dyn FnMut(Cell<'_>));

    /// Reads the cells, or reports what is wrong with one of them.
    fn read(fields: &mut Fields<'_>) -> Result<Self, String>;
}

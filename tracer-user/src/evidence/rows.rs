//! The rows of the CSV files, one kind a file: their columns, written and read.

mod columns;
mod connections;
mod events;
mod listeners;
mod peers;
mod writer;

pub use self::{
    connections::{ConnectionRow, Context},
    events::EventRow,
    listeners::ListenerRow,
    peers::PeerRow,
    writer::{RowFormat, RowWriter},
};
use super::cells::{Cell, Fields};

/// One of the files that grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Ended connections and, at stop, those still open.
    Connections,
    /// Each peer, each interval.
    Peers,
    /// Each listener, each interval.
    Listeners,
    /// Each change of what was said.
    Events,
}

impl Kind {
    /// All of them, in the order in which a block is written.
    pub const ALL: [Self; 4] = [Self::Connections, Self::Peers, Self::Listeners, Self::Events];

    /// The name of its file without the ending.
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

/// What the rows of one file have in common.
pub(crate) trait Row: Sized {
    /// Which file.
    const KIND: Kind;
    /// The header.
    const COLUMNS: &'static [&'static str];
    /// How many of the last columns recordings may lack, since they were added later.
    const ADDED: usize = 0;

    /// Hands out its cells, one per column.
    fn cells(&self, put: &mut dyn FnMut(Cell<'_>));

    /// Reads the cells, or says what is wrong with one of them.
    fn read(fields: &mut Fields<'_>) -> Result<Self, String>;
}

//! What there is to choose from: tabs, orders, modes, and what comes of an action.

use std::{sync::Arc, time::Duration};

use tui_input::Input;

use crate::view::{
    columns::Column,
    playback::Command,
    snapshot::Snapshot,
    theme::{Glyphs, Theme},
};

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The peers, worst first.
    Peers,
    /// The causes with what to change.
    Causes,
    /// The listeners and their workers.
    Listeners,
    /// The live connections.
    Connections,
    /// What happened.
    Log,
}

impl Tab {
    /// All in order.
    pub const ALL: [Self; 5] = [
        Self::Peers,
        Self::Causes,
        Self::Listeners,
        Self::Connections,
        Self::Log,
    ];

    /// Its place among them.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0)
    }

    /// Whether a filter acts on its list.
    pub fn is_filtered(self) -> bool {
        matches!(self, Self::Peers | Self::Connections)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Causes => "causes",
            Self::Listeners => "listeners",
            Self::Connections => "connections",
            Self::Log => "log",
        }
    }
}

/// The order of the peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// By which column; `None`: worst first.
    pub column: Option<Column>,
    /// The other way round.
    pub reversed: bool,
}

/// What keys go to.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Commands.
    Command,
    /// The line of the filter, with the filter there was before.
    Filter(Input, String),
    /// The help, scrolled by so many lines.
    Help(usize),
}

/// Whether the screen follows what is counted.
#[derive(Clone, Debug)]
pub enum Flow {
    /// It does.
    Following,
    /// It stands still; this is what it will show.
    Paused(Arc<Snapshot>),
}

/// What has to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Stop it like any job.
    Suspend,
    /// Draw everything, whatever the terminal is thought to show.
    Repaint,
    /// Hand text to the terminal's clipboard.
    Copy(String),
    /// Write the evidence of what is shown.
    Export,
    /// Have everything known now, to be shown and kept while the screen stands still.
    Hold,
    /// Let go of it.
    GoOn,
    /// Have the feed judge only what comes from now on.
    BeginAnew,
    /// Have the feed sample at this interval.
    Interval(Duration),
    /// Tell the feed to move in time.
    Play(Command),
}

/// What only a view of this machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The interval between samples that the user asked for.
    pub interval: Duration,
    /// Ports with a listener when tracing began, if none of them is traced; else empty.
    pub listening: Vec<u16>,
}

/// How the view looks and what it says of itself.
#[derive(Clone, Debug)]
pub struct Look {
    /// Columns of the peer table.
    pub columns: Vec<Column>,
    /// Order of the peers at first.
    pub sort: Sort,
    /// Colours.
    pub theme: Theme,
    /// Characters.
    pub glyphs: Glyphs,
    /// The host it runs on.
    pub host: String,
    /// What is traced, in words.
    pub filters: String,
}

//! The choices: tabs, orders and modes, and the effects of an action.

use std::{sync::Arc, time::Duration};

use tui_input::Input;

use super::Chooser;
use crate::view::{
    columns::Column,
    playback::Command,
    snapshot::Snapshot,
    theme::{Glyphs, Theme},
};

/// The tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The peers, worst first.
    Peers,
    /// The causes and what to change.
    Causes,
    /// The listeners and their workers.
    Listeners,
    /// The live connections.
    Connections,
    /// The log of events.
    Log,
}

impl Tab {
    /// All tabs in order.
    pub const ALL: [Self; 5] = [
        Self::Peers,
        Self::Causes,
        Self::Listeners,
        Self::Connections,
        Self::Log,
    ];

    /// Its index among them.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0)
    }

    /// Whether the filter applies to its list.
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
    /// The column to sort by; `None` means worst first.
    pub column: Option<Column>,
    /// Whether the order is reversed.
    pub reversed: bool,
}

/// What receives the keys.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Commands.
    Command,
    /// The filter line, and the filter that was in effect before.
    Filter(Input, String),
    /// The line for what to find.
    Find(Input),
    /// The choice of columns.
    Columns(Chooser),
    /// The help, scrolled down by this many lines.
    Help(usize),
}

/// Whether the screen follows the feed.
#[derive(Clone, Debug)]
pub enum Flow {
    /// It does.
    Following,
    /// The screen is frozen; this is the latest snapshot, shown next.
    Paused(Arc<Snapshot>),
}

/// What has to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Stop it, as job control does.
    Suspend,
    /// Redraw everything, whatever the terminal is thought to show.
    Repaint,
    /// Copy text to the terminal's clipboard.
    Copy(String),
    /// Write evidence of what is shown.
    Export,
    /// Keep these columns in the settings file.
    SaveColumns(Vec<Column>),
    /// Fetch everything known now, to be shown and kept while the screen is frozen.
    Hold,
    /// Discard it.
    GoOn,
    /// Have the feed judge only what happens from now on.
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

/// The appearance of the view and its fixed texts.
#[derive(Clone, Debug)]
pub struct Look {
    /// Columns of the peer table.
    pub columns: Vec<Column>,
    /// Initial order of the peers.
    pub sort: Sort,
    /// The colours.
    pub theme: Theme,
    /// The characters.
    pub glyphs: Glyphs,
    /// The host it runs on.
    pub host: String,
    /// What is traced, in words.
    pub filters: String,
}

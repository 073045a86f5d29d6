//! The columns of the peer table, each fully described in one table.

mod table;
mod value;

pub use self::{table::COLUMNS, value::Value};
use super::{
    fit::Align,
    layout::{Need, Span, fit_columns},
    row::Row,
    theme::Role,
};
use crate::{diagnosis::Verdict, model::peer::Closes};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The peer.
    Peer,
    /// What the user calls it.
    Name,
    /// Port and direction.
    Port,
    /// The verdict.
    Verdict,
    /// Confidence in the verdict.
    Confidence,
    /// Opened while traced.
    Opens,
    /// Opened per second.
    Rate,
    /// Open now.
    Open,
    /// Held over the window.
    Trend,
    /// Most open at once.
    Peak,
    /// Opens while it held enough connections.
    Overlaps,
    /// Connections ended.
    Closes,
    /// Which side ended most of them, and how.
    ClosedBy,
    /// In CLOSE_WAIT now.
    CloseWait,
    /// Longest time in CLOSE_WAIT.
    Oldest,
    /// Idle before close.
    Idle,
    /// Request turns per connection.
    Turns,
    /// Payload received.
    Received,
    /// Payload sent.
    Sent,
    /// How long ago it was last active.
    Last,
    /// The process.
    Owner,
    /// Its service.
    Unit,
    /// Its container.
    Container,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words, or a name.
    Words,
    /// A number.
    Number,
    /// A duration.
    Time,
    /// A small chart.
    Chart,
    /// A number of bytes.
    Bytes,
}

/// Everything about a column.
#[derive(Debug)]
pub struct Spec {
    /// The column it describes.
    pub column: Column,
    /// Its name for flags and files.
    pub name: &'static str,
    /// Its title on the screen.
    pub title: &'static str,
    /// Minimum width in screen columns.
    pub width: u16,
    /// Extra width it can use if there is room.
    pub stretch: u16,
    /// The type of its values.
    pub kind: Kind,
    /// Columns with a higher value are dropped first on a narrow screen; 0 is never dropped.
    pub drop: u8,
    /// Its value in a row.
    pub value: fn(&Row) -> Value<'_>,
    /// What it shows, for the help.
    pub help: &'static str,
}

impl Spec {
    /// How its values are aligned.
    pub fn align(&self) -> Align {
        match self.kind {
            Kind::Words | Kind::Chart => Align::Left,
            Kind::Number | Kind::Time | Kind::Bytes => Align::Right,
        }
    }

    /// Whether sorting by it starts with the greatest value.
    pub fn greatest_first(&self) -> bool {
        self.kind != Kind::Words
    }
}

/// A name as it is compared: people write titles and names in either case.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', ' '], "_")
}

impl Column {
    /// Everything about it.
    pub fn spec(self) -> &'static Spec {
        // The table contains each column once; the first is only a fallback.
        let [first, ..] = &COLUMNS;
        COLUMNS.iter().find(|spec| spec.column == self).unwrap_or(first)
    }

    /// The column of that name or title.
    pub fn named(name: &str) -> Option<Self> {
        let name = plain(name);
        let mut specs = COLUMNS.iter();
        let spec = specs.find(|spec| spec.name == name || plain(spec.title) == name)?;
        Some(spec.column)
    }

    /// Its value in a row.
    pub fn value(self, row: &Row) -> Value<'_> {
        (self.spec().value)(row)
    }

    /// The role of its value in a row.
    pub fn role(self, row: &Row) -> Role {
        match self {
            Self::Verdict if row.verdict.accuses() => Role::Bad,
            Self::Verdict if row.verdict == Verdict::ManyHeld || row.recovered => Role::Doubtful,
            Self::Verdict if row.verdict == Verdict::Reusing => Role::Good,
            Self::CloseWait | Self::Oldest if row.close_wait > 0 => Role::Doubtful,
            // The verdict beside it says in words what is wrong with the number.
            Self::Open if row.open_now > 0 && is_about_held(row.verdict) => Role::Bad,
            Self::Open if row.open_now > 0 && row.verdict == Verdict::ManyHeld => Role::Doubtful,
            Self::Peer | Self::Name => Role::Strong,
            _ => Role::Plain,
        }
    }
}

/// Whether the verdict is about the number of connections held: it grows, or has grown and not shrunk again.
fn is_about_held(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::CloseWaitLeak
            | Verdict::PilingUp
            | Verdict::HalfOpen
            | Verdict::Abandoned
            | Verdict::NeverAccepted
    )
}

/// Which side ended most connections, how, and their share of all.
fn closed_by(closes: &Closes) -> Option<String> {
    let kinds = [
        ("local FIN", closes.local_fin),
        ("remote FIN", closes.remote_fin),
        ("local RST", closes.local_rst),
        ("remote RST", closes.remote_rst),
        ("timeout", closes.timeout),
    ];
    // Prefers the first of equals, where `max_by_key` would return the last.
    let (name, most) = kinds.into_iter().rev().max_by_key(|(_, n)| *n)?;
    let all = closes.total();
    (all > 0).then(|| format!("{name} {}%", most * 100 / all))
}

/// Which of the wanted columns fit, and where.
pub fn place(wanted: &[Column], width: u16) -> Vec<(Column, Span)> {
    let needs: Vec<Need> = wanted
        .iter()
        .map(|column| {
            let spec = column.spec();
            Need {
                width: spec.width,
                stretch: spec.stretch,
                drop: spec.drop,
            }
        })
        .collect();
    fit_columns(&needs, width)
        .into_iter()
        .filter_map(|(i, span)| Some((*wanted.get(i)?, span)))
        .collect()
}

#[cfg(test)]
mod tests;

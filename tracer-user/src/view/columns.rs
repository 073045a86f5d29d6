//! The columns of the peer table: one table says everything about each.

mod table;

use std::cmp::Ordering;

pub use self::table::COLUMNS;
use super::{
    fit::Align,
    format::{age, bytes, rate},
    layout::{Need, Span, fit_columns},
    row::Row,
    theme::{Glyphs, Role},
};
use crate::{diagnosis::Verdict, model::peer::Closes};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// Who.
    Peer,
    /// Port and direction.
    Port,
    /// What is said of it.
    Verdict,
    /// How sure that is.
    Confidence,
    /// Opened while traced.
    Opens,
    /// Opened per second.
    Rate,
    /// Open now.
    Open,
    /// Most open at once.
    Peak,
    /// Opens while it held enough.
    Overlaps,
    /// Ended.
    Closes,
    /// Who ended most of them, and how.
    ClosedBy,
    /// In CLOSE_WAIT now.
    CloseWait,
    /// Longest in CLOSE_WAIT.
    Oldest,
    /// Idle before close.
    Idle,
    /// Request turns per connection.
    Turns,
    /// Payload received.
    Received,
    /// Payload sent.
    Sent,
    /// How long ago it last did anything.
    Last,
    /// Process.
    Owner,
}

/// Everything about a column but its values.
#[derive(Debug)]
pub struct Spec {
    /// Which.
    pub column: Column,
    /// Its name for flags, files and CSV.
    pub name: &'static str,
    /// Its title on the screen.
    pub title: &'static str,
    /// Columns of the screen it takes at least.
    pub width: u16,
    /// What it can use beyond, when there is room.
    pub stretch: u16,
    /// Where its values stand.
    pub align: Align,
    /// The lower, the longer it stays when the screen is narrow; 0 stays always.
    pub drop: u8,
    /// Whether sorting by it begins with the greatest.
    pub greatest_first: bool,
    /// What it says.
    pub help: &'static str,
}

impl Column {
    /// Everything about it.
    pub fn spec(self) -> &'static Spec {
        // The table has each column once; the first stands in for one that were missing.
        let [first, ..] = &COLUMNS;
        COLUMNS.iter().find(|spec| spec.column == self).unwrap_or(first)
    }

    /// The column of that name.
    pub fn named(name: &str) -> Option<Self> {
        COLUMNS
            .iter()
            .find(|spec| spec.name == name)
            .map(|spec| spec.column)
    }

    /// Its value for people.
    pub fn text(self, row: &Row, glyphs: &Glyphs) -> String {
        let unknown = || glyphs.unknown.to_string();
        let known = |value: Option<String>| value.unwrap_or_else(unknown);
        match self {
            Self::Peer if row.peers > 1 => format!("{} ({})", row.name(), row.peers),
            Self::Peer => row.name(),
            Self::Port => match row.id.local_port() {
                Some(port) => port.to_string(),
                None => format!(">{}", row.id.port),
            },
            Self::Verdict if row.more_verdicts => format!("{}+", row.verdict),
            Self::Verdict if row.recovered => format!("{} (mended)", row.verdict),
            Self::Verdict => row.verdict.to_string(),
            Self::Confidence => format!("{:.2}", row.confidence),
            Self::Opens => row.opens.to_string(),
            Self::Rate => known(row.opens_per_s.map(rate)),
            Self::Open => row.open_now.to_string(),
            Self::Peak => known(row.open_peak.map(|n| n.to_string())),
            Self::Overlaps => row.overlaps.to_string(),
            Self::Closes => row.closes.total().to_string(),
            Self::ClosedBy => known(closed_by(&row.closes)),
            Self::CloseWait => row.close_wait.to_string(),
            Self::Oldest if row.close_wait == 0 => String::new(),
            Self::Oldest => known(row.oldest_ns.map(age)),
            Self::Idle => known(row.idle_ns.map(age)),
            Self::Turns => match row.turns {
                Some(turns) if row.turns_counted => turns.to_string(),
                Some(turns) => format!("<{}", turns.saturating_add(1)),
                None => unknown(),
            },
            Self::Received => known(row.received.map(bytes)),
            Self::Sent => known(row.sent.map(bytes)),
            Self::Last => age(row.last_ns),
            Self::Owner => row.owner.to_string(),
        }
    }

    /// Its value for programs; empty: unknown.
    pub fn csv(self, row: &Row) -> String {
        let ms = |ns: u64| (ns / 1_000_000).to_string();
        match self {
            Self::Peer => row.name(),
            Self::Port => row.id.port.to_string(),
            Self::Verdict => row.verdict.to_string(),
            Self::Rate => row
                .opens_per_s
                .map(|rate| format!("{rate:.3}"))
                .unwrap_or_default(),
            Self::ClosedBy => closed_by(&row.closes).unwrap_or_default(),
            Self::Oldest => row.oldest_ns.map(ms).unwrap_or_default(),
            Self::Idle => row.idle_ns.map(ms).unwrap_or_default(),
            Self::Last => ms(row.last_ns),
            Self::Turns if !row.turns_counted => String::new(),
            Self::Turns => row.turns.map(|n| n.to_string()).unwrap_or_default(),
            Self::Peak => row.open_peak.map(|n| n.to_string()).unwrap_or_default(),
            Self::Received => row.received.map(|n| n.to_string()).unwrap_or_default(),
            Self::Sent => row.sent.map(|n| n.to_string()).unwrap_or_default(),
            _ => self.text(row, &Glyphs::ASCII),
        }
    }

    /// The order of two rows by it, the smallest first; unknown is smaller than all.
    pub fn compare(self, a: &Row, b: &Row) -> Ordering {
        let float = |a: Option<f64>, b: Option<f64>| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
        match self {
            Self::Peer => a.id.network.cmp(&b.id.network),
            Self::Port => (a.id.port, a.id.direction).cmp(&(b.id.port, b.id.direction)),
            Self::Verdict => a.verdict.cmp(&b.verdict),
            Self::Confidence => float(Some(a.confidence), Some(b.confidence)),
            Self::Opens => a.opens.cmp(&b.opens),
            Self::Rate => float(a.opens_per_s, b.opens_per_s),
            Self::Open => a.open_now.cmp(&b.open_now),
            Self::Peak => a.open_peak.cmp(&b.open_peak),
            Self::Overlaps => a.overlaps.cmp(&b.overlaps),
            Self::Closes => a.closes.total().cmp(&b.closes.total()),
            Self::ClosedBy => closed_by(&a.closes).cmp(&closed_by(&b.closes)),
            Self::CloseWait => a.close_wait.cmp(&b.close_wait),
            Self::Oldest => a.oldest_ns.cmp(&b.oldest_ns),
            Self::Idle => a.idle_ns.cmp(&b.idle_ns),
            Self::Turns => a.turns.cmp(&b.turns),
            Self::Received => a.received.cmp(&b.received),
            Self::Sent => a.sent.cmp(&b.sent),
            Self::Last => a.last_ns.cmp(&b.last_ns),
            Self::Owner => a.owner.cmp(&b.owner),
        }
    }

    /// How its value looks in a row.
    pub fn role(self, row: &Row) -> Role {
        match self {
            Self::Verdict if row.verdict.accuses() => Role::Bad,
            Self::Verdict if row.verdict == Verdict::ManyHeld || row.recovered => Role::Doubtful,
            Self::Verdict if row.verdict == Verdict::Reusing => Role::Good,
            Self::CloseWait | Self::Oldest if row.close_wait > 0 => Role::Doubtful,
            Self::Peer => Role::Strong,
            _ => Role::Plain,
        }
    }
}

/// Who ended most connections, how, and what share of all that was.
fn closed_by(closes: &Closes) -> Option<String> {
    let kinds = [
        ("local FIN", closes.local_fin),
        ("remote FIN", closes.remote_fin),
        ("local RST", closes.local_rst),
        ("remote RST", closes.remote_rst),
        ("timeout", closes.timeout),
    ];
    // The first of equals: the last one would win otherwise.
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

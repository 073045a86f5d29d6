//! A value of a row, from which its text, its sort order and what a filter compares are derived.

use std::{borrow::Cow, cmp::Ordering};

use crate::{
    diagnosis::Verdict,
    model::peer::PeerId,
    view::{
        format::{age, bytes, rate},
        row::Trend,
        theme::Glyphs,
    },
};

/// A value. `None` inside it means unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not applicable.
    Nothing,
    /// The peer, and how many peers it stands for.
    Peer(PeerId, u64),
    /// The service's port and the direction.
    Port(PeerId),
    /// A verdict and the mark after it.
    Verdict(Verdict, &'static str),
    /// Words.
    Words(Option<Cow<'a, str>>),
    /// A number.
    Count(Option<u64>),
    /// Request turns, and whether they are counted rather than an upper bound.
    Turns(Option<u64>, bool),
    /// A rate per second.
    PerSecond(Option<f64>),
    /// A fraction between 0 and 1.
    Share(f64),
    /// A duration, ns, and whether it is a lower bound.
    Age(Option<u64>, bool),
    /// Bytes.
    Bytes(Option<u64>),
    /// Connections held over the window.
    Trend(Trend),
}

impl Value<'_> {
    /// As text for people.
    pub fn text(&self, glyphs: &Glyphs) -> String {
        let known = |text: Option<String>| text.unwrap_or_else(|| glyphs.unknown.to_string());
        match self {
            Self::Nothing => String::new(),
            Self::Peer(id, 1) => id.name(),
            Self::Peer(id, peers) => format!("{} ({peers})", id.name()),
            Self::Port(id) => match id.local_port() {
                Some(port) => port.to_string(),
                None => format!(">{}", id.port),
            },
            Self::Verdict(verdict, mark) => format!("{verdict}{mark}"),
            Self::Words(words) => known(words.as_deref().map(str::to_owned)),
            Self::Count(n) => known(n.map(|n| n.to_string())),
            Self::Turns(Some(turns), false) => format!("<{}", turns.saturating_add(1)),
            Self::Turns(turns, _) => known(turns.map(|n| n.to_string())),
            Self::PerSecond(n) => known(n.map(rate)),
            Self::Share(share) => format!("{share:.2}"),
            Self::Age(Some(ns), true) => format!(">{}", age(*ns)),
            Self::Age(ns, _) => known(ns.map(age)),
            Self::Bytes(n) => known(n.map(bytes)),
            Self::Trend(trend) => trend.text(glyphs),
        }
    }

    /// Orders two values of a column, smallest first; unknown sorts before everything.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Peer(a, _), Self::Peer(b, _)) => a.network.cmp(&b.network),
            (Self::Port(a), Self::Port(b)) => (a.port, a.direction).cmp(&(b.port, b.direction)),
            (Self::Verdict(a, _), Self::Verdict(b, _)) => a.cmp(b),
            (Self::Words(a), Self::Words(b)) => a.cmp(b),
            (a, b) => a.number().partial_cmp(&b.number()).unwrap_or(Ordering::Equal),
        }
    }

    /// As a number; durations in ns.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Nothing | Self::Peer(..) | Self::Verdict(..) | Self::Words(_) => None,
            Self::Port(id) => Some(id.port.into()),
            Self::Count(n) | Self::Turns(n, _) | Self::Age(n, _) | Self::Bytes(n) => n.map(|n| n as f64),
            Self::PerSecond(n) => *n,
            Self::Share(share) => Some(*share),
            Self::Trend(trend) => Some(trend.growth() as f64),
        }
    }
}

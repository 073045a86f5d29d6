//! Walks through the rows of a recording in order of time: interval by interval, each with the connections
//! that had ended by then.

use super::{
    Intervals, Rebuild,
    lately::{self, Lately},
};
use crate::evidence::{
    error::EvidenceError,
    journal::Interval,
    read::{Evidence, Rows},
    rows::{ConnectionRow, Kind},
};

/// A position in a recording, and everything before it. Copies share what none of them has changed since.
#[derive(Clone)]
pub(crate) struct Walk {
    /// The rows so far.
    pub(crate) rebuild: Rebuild,
    /// The latest connections that have ended.
    pub(crate) ended: Lately,
    intervals: Intervals,
    connections: Option<Rows<ConnectionRow>>,
    /// Rows of connections that belong to the intervals so far, less those taken in.
    owed: u64,
    /// Whether a journal says how many those are.
    is_counted: bool,
}

impl Walk {
    /// Starts before the first interval.
    pub(crate) fn of(evidence: &Evidence) -> Result<Self, EvidenceError> {
        let connections = evidence
            .has(Kind::Connections)
            .then(|| evidence.rows())
            .transpose()?;
        let mut rebuild = Rebuild::new(&evidence.manifest.session);
        if let Some(newest) = evidence.last.as_ref().and_then(Interval::moment) {
            rebuild.reckon_from(newest);
        }
        Ok(Self {
            rebuild,
            ended: Lately::default(),
            intervals: Intervals::of(evidence)?,
            connections,
            owed: 0,
            is_counted: false,
        })
    }

    /// When the next interval was sampled, UTC, ns; `None` after the last.
    pub(crate) fn next_at(&mut self) -> Result<Option<i128>, EvidenceError> {
        self.intervals.next_at()
    }

    /// Takes in the next interval and the connections ended by then. Returns its time.
    pub(crate) fn step(&mut self) -> Result<Option<i128>, EvidenceError> {
        // Those of earlier intervals, whatever their time: the clock may have been set back since.
        let owed = self.owed;
        let Some(at) = self.step_over()? else {
            return Ok(None);
        };
        self.connections(owed, |row| row.closed_at.is_some())?;
        // Nor does a time before this interval mean that a row belongs to it.
        let most = if self.is_counted { self.owed } else { u64::MAX };
        self.connections(most, |row| row.closed_at.is_some_and(|closed| closed <= at))?;
        Ok(Some(at))
    }

    /// Takes in the next interval without the connections. Returns its time.
    pub(crate) fn step_over(&mut self) -> Result<Option<i128>, EvidenceError> {
        let Some(step) = self.intervals.next().transpose()? else {
            return Ok(None);
        };
        let at = step.at;
        self.is_counted = step.connections.is_some();
        self.owed = self.owed.saturating_add(step.connections.unwrap_or(0));
        self.rebuild.interval(step);
        Ok(Some(at))
    }

    /// Takes in all remaining connections: those that ended while the last interval was sampled, and those
    /// still open.
    pub(crate) fn rest(&mut self) -> Result<(), EvidenceError> {
        self.connections(u64::MAX, |_| true)
    }

    /// Takes in the next rows of connections that are due, up to a number of them.
    fn connections(&mut self, most: u64, due: impl Fn(&ConnectionRow) -> bool) -> Result<(), EvidenceError> {
        let Some(rows) = &mut self.connections else {
            return Ok(());
        };
        let (mut left, mut ended) = (most, Vec::new());
        while left > 0
            && let Some(row) = rows.next_if(&due)?
        {
            left -= 1;
            self.owed = self.owed.saturating_sub(1);
            self.rebuild.connection(&row);
            ended.extend(self.rebuild.ended(&row));
            if ended.len() == lately::BLOCK {
                self.ended.add(std::mem::take(&mut ended));
            }
        }
        self.ended.add(ended);
        Ok(())
    }
}

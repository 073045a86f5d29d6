//! Walks through the rows of a recording in order of time: interval by interval, each with the connections
//! that had ended by then.

use std::{collections::VecDeque, iter::Peekable};

use super::{Intervals, Rebuild};
use crate::{
    evidence::{
        error::EvidenceError,
        journal::Interval,
        read::{Evidence, Rows},
        rows::{ConnectionRow, Kind},
    },
    model::ended::Ended,
};

/// Maximum number of records of ended connections kept until they are taken; they only illustrate.
const MAX_ENDED: usize = 16_384;

/// A position in a recording, and everything before it.
pub(crate) struct Walk {
    /// The rows so far.
    pub(crate) rebuild: Rebuild,
    intervals: Peekable<Intervals>,
    connections: Option<Peekable<Rows<ConnectionRow>>>,
    /// Rows of connections that belong to the intervals so far, less those taken in.
    owed: u64,
    /// Whether a journal says how many those are.
    is_counted: bool,
    /// The latest connections that have ended and not been taken.
    ended: VecDeque<Ended>,
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
            intervals: Intervals::of(evidence)?.peekable(),
            connections: connections.map(Iterator::peekable),
            owed: 0,
            is_counted: false,
            ended: VecDeque::new(),
        })
    }

    /// When the next interval was sampled, UTC, ns; `None` after the last, or if its rows are invalid.
    pub(crate) fn next_at(&mut self) -> Option<i128> {
        let next = self.intervals.peek()?;
        next.as_ref().ok().map(|step| step.at)
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

    /// The connections that have ended since the last call, as far as there was room.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended).into()
    }

    /// Takes in the next rows of connections that are due, up to a number of them.
    fn connections(&mut self, most: u64, due: impl Fn(&ConnectionRow) -> bool) -> Result<(), EvidenceError> {
        let Some(rows) = &mut self.connections else {
            return Ok(());
        };
        let mut left = most;
        while left > 0
            && let Some(row) = rows.next_if(|row| row.as_ref().map_or(true, &due))
        {
            let row = row?;
            left -= 1;
            self.owed = self.owed.saturating_sub(1);
            self.rebuild.connection(&row);
            if self.ended.len() == MAX_ENDED {
                self.ended.pop_front();
            }
            self.ended.extend(self.rebuild.ended(&row));
        }
        Ok(())
    }
}

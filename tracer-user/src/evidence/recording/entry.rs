//! One interval as it goes into the files.

use super::{Block, Rows};
use crate::{
    evidence::{
        journal::Interval,
        rows::{EventRow, ListenerRow, PeerRow},
        state::StateRef,
    },
    report::timestamp,
};

/// What a block contains for the files, so that the block itself need not wait until it is written.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) rows: Rows,
    pub(super) end: Interval,
    pub(super) expected: Option<u32>,
    pub(super) state: Option<Vec<u8>>,
}

impl Entry {
    /// Makes the rows of a block, with the changes of verdicts from number `told` on; also the state, if it
    /// gets the numbers of its recording and interval.
    pub(crate) fn of(block: &Block<'_>, told: u64, state: Option<(u64, u64)>) -> Self {
        let Block {
            sample, diagnosis, ..
        } = *block;
        let state = state.map(|number| StateRef::new(number, sample, block.judge, block.options).bytes());
        Self {
            rows: Rows {
                peers: PeerRow::all(sample, diagnosis),
                listeners: ListenerRow::of(sample, diagnosis),
                events: EventRow::from(diagnosis, told),
                told: diagnosis.changes.last().map_or(told, |change| change.id + 1),
            },
            end: Interval {
                at: timestamp(sample.taken),
                monotonic_ns: sample.taken.monotonic_ns,
                accounting: sample.accounting,
                losses: sample.losses,
                ..Interval::default()
            },
            expected: Some(diagnosis.expected.connections),
            // It can be written, since it has no keys but words.
            state: state.and_then(Result::ok),
        }
    }

    /// The number of the first change of a verdict after these.
    pub(crate) fn told(&self) -> u64 {
        self.rows.told
    }
}

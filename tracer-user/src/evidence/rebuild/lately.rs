//! The connections that ended last.

use std::{collections::VecDeque, sync::Arc};

use crate::model::ended::Ended;

/// Number of records from which the oldest are given up; they only illustrate.
const ENOUGH: usize = 16_384;

/// Maximum number of records added at once.
pub(super) const BLOCK: usize = 1024;

/// Records of the connections that ended last, oldest first. Copies share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lately {
    blocks: VecDeque<Arc<[Ended]>>,
    /// Number of records in the blocks.
    kept: usize,
    /// Number of records added so far, and how many of them had been added when they were last taken.
    added: u64,
    taken: u64,
}

impl Lately {
    pub(super) fn add(&mut self, ended: Vec<Ended>) {
        if ended.is_empty() {
            return;
        }
        self.kept += ended.len();
        self.added += ended.len() as u64;
        self.blocks.push_back(ended.into());
        while let Some(first) = self.blocks.front()
            && self.kept - first.len() >= ENOUGH
        {
            self.kept -= first.len();
            self.blocks.pop_front();
        }
    }

    /// The records added since the last call, as far as they are kept.
    pub(crate) fn take(&mut self) -> Vec<Ended> {
        let new = usize::try_from(self.added - self.taken).unwrap_or(usize::MAX);
        self.taken = self.added;
        let old = self.kept.saturating_sub(new);
        self.blocks
            .iter()
            .flat_map(|block| block.iter())
            .skip(old)
            .cloned()
            .collect()
    }

    /// Those taken from a copy that was made earlier count as taken here.
    pub(crate) fn follow(&mut self, earlier: &Self) {
        self.taken = earlier.taken;
    }

    /// None count as taken.
    pub(crate) fn begin_anew(&mut self) {
        self.taken = 0;
    }
}

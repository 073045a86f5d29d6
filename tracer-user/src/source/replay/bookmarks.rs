//! How a recording was read at earlier positions, so that going back need not begin at a key frame.
//!
//! Bookmarks are close together near the position that is shown, and further apart with distance. They share
//! what did not change between them.

use std::collections::BTreeMap;

use super::reading::Reading;

/// Number of bookmarks to each doubling of the distance, which bounds what is read to go back: a quarter of
/// how far one has gone back already.
const PER_DOUBLING: usize = 4;

/// Maximum number of bookmarks, and of peers in all of them if there are more than a few.
const MAX: usize = 48;
const MAX_PEERS: usize = 500_000;
const FEW: usize = 4;

/// How far ahead bookmarks are kept: a step back first goes to the interval before the one that is wanted.
const AHEAD: usize = 1;

/// Readings by position, each before the judge was told of the last interval read.
#[derive(Default)]
pub(super) struct Bookmarks(BTreeMap<usize, Reading>);

impl Bookmarks {
    /// The last one up to a position, with its own position.
    pub(super) fn nearest(&self, position: usize) -> Option<(usize, &Reading)> {
        let (number, reading) = self.0.range(..=position).next_back()?;
        Some((*number, reading))
    }

    /// Sets one at a position on the way to `to`, if it belongs there, and gives up those that are closer
    /// together than necessary.
    pub(super) fn set(&mut self, position: usize, reading: &Reading, to: usize) {
        if !belongs(position, to) {
            return;
        }
        self.0.entry(position).or_insert_with(|| reading.clone());
        self.0
            .retain(|position, _| *position <= to + AHEAD && belongs(*position, to));
        while self.0.len() > most(reading.walk.rebuild.len()) {
            self.0.pop_first();
        }
    }
}

/// Maximum number with this many peers.
fn most(peers: usize) -> usize {
    (MAX_PEERS / peers.max(1)).clamp(FEW, MAX)
}

/// Whether there is to be a bookmark at a position while another one is shown. One that there is not to be is
/// not wanted any more when the distance grows.
fn belongs(position: usize, shown: usize) -> bool {
    let doublings = (position.abs_diff(shown) / PER_DOUBLING).checked_ilog2();
    position.is_multiple_of(1 << doublings.unwrap_or(0))
}

#[cfg(test)]
mod tests;

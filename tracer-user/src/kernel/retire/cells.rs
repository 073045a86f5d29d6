//! The index that leads from a peer to its slot, as far as this half changes it.

use std::{
    os::fd::AsFd,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
};

use hashbrown::HashSet;
use rustix::mm::ProtFlags;
use tracer_ebpf::{
    abi::peer::{PeerKey, direction},
    index,
};

use crate::kernel::{TraceError, mapping::Mapping};

/// What the index is called in an error.
pub(super) const INDEX: &str = "the index of peers";

/// The cells of the index.
pub(super) struct Cells {
    index: Mapping,
    /// How many.
    cells: usize,
    /// Seed of the hash of peers.
    seed: u64,
    /// Cells that are abandoned and not free yet.
    abandoned: Vec<usize>,
}

impl Cells {
    /// Maps the index of `max_peers` peers, whose hash has this seed.
    ///
    /// # Errors
    /// If it cannot be mapped.
    pub(super) fn map(index: impl AsFd, seed: u64, max_peers: u32) -> Result<Self, TraceError> {
        let cells = index::cells(max_peers) as usize;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        Ok(Self {
            index: Mapping::new(index, cells * size_of::<u64>(), access, INDEX)?,
            cells,
            seed,
            abandoned: Vec::new(),
        })
    }

    /// The cells in which a key may be, its home first.
    fn row(&self, key: &PeerKey) -> (u64, impl Iterator<Item = usize> + use<>) {
        let hash = index::hash(&compared(key), self.seed);
        let mask = self.cells - 1;
        (
            hash,
            (0..index::PROBES).map(move |after| index::place(hash, after) as usize & mask),
        )
    }

    fn cell(&self, cell: usize) -> Option<&AtomicU64> {
        self.index.atomic_u64(cell * size_of::<u64>())
    }

    fn content(&self, cell: usize) -> u64 {
        self.cell(cell).map_or(0, |cell| cell.load(Acquire))
    }

    /// The slots to which the cells of a key may lead.
    pub(super) fn slots_of(&self, key: &PeerKey) -> impl Iterator<Item = u32> {
        let (hash, row) = self.row(key);
        row.filter_map(move |place| index::slot(self.content(place), hash))
    }

    /// Abandons the cell that leads to a slot; `false` if there is none.
    pub(super) fn abandon(&mut self, slot: u32, key: &PeerKey) -> bool {
        let (hash, mut row) = self.row(key);
        let content = index::cell(hash, slot);
        let Some(place) = row.find(|place| self.content(*place) == content) else {
            return false;
        };
        let done = self.cell(place).is_some_and(|cell| {
            cell.compare_exchange(content, index::ABANDONED, AcqRel, Relaxed)
                .is_ok()
        });
        if done {
            self.abandoned.push(place);
        }
        done
    }

    /// Frees the abandoned cells that no key lies behind. New keys cannot come to lie behind them once a
    /// grace period has passed, since the programs take the first vacant cell.
    pub(super) fn free(&mut self, linked: impl Iterator<Item = (u32, PeerKey)>) {
        if self.abandoned.is_empty() {
            return;
        }
        let mut needed = HashSet::new();
        for (slot, key) in linked {
            let (hash, row) = self.row(&key);
            let content = index::cell(hash, slot);
            let row: Vec<usize> = row.take_while(|place| self.content(*place) != content).collect();
            // Else the index does not lead to it.
            if row.len() < index::PROBES as usize {
                needed.extend(row);
            }
        }
        let mut abandoned = std::mem::take(&mut self.abandoned);
        abandoned.retain(|place| {
            if needed.contains(place) {
                return true;
            }
            if let Some(cell) = self.cell(*place) {
                // If it fails, a new peer has it.
                let _ = cell.compare_exchange(index::ABANDONED, 0, AcqRel, Relaxed);
            }
            false
        });
        self.abandoned = abandoned;
    }
}

/// A key as it is compared: the process of an inbound peer is no part of it.
pub(super) fn compared(key: &PeerKey) -> PeerKey {
    let process = if key.direction == direction::OUTBOUND {
        key.process
    } else {
        0
    };
    PeerKey { process, ..*key }
}

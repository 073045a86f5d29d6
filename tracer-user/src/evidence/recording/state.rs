//! Writes the state: a snapshot now and then, and in between what differs from it.

use sha2::{Digest, Sha256};

use crate::evidence::{
    DELTA, Folder, STATE, block::hex, error::EvidenceError, manifest::Listed, state::delta,
};

/// A difference of a quarter of the snapshot is no small one: then there is a new snapshot.
const LARGE: u64 = 4;

/// What is in the directory.
#[derive(Debug, Default)]
pub(super) struct States {
    /// The length and digest of the snapshot.
    snapshot: Option<(u64, String)>,
    /// The length of the difference.
    delta: u64,
    /// The segment whose journal has the digest of the difference.
    delta_segment: u64,
}

/// A state, ready to be written.
#[derive(Debug)]
pub(super) enum Next {
    /// A new snapshot.
    Snapshot(Vec<u8>),
    /// What differs from the one that is there.
    Delta(Vec<u8>),
}

impl Next {
    /// The digest that the journal needs before a difference is written.
    pub(super) fn delta_sha256(&self) -> Option<String> {
        match self {
            Self::Snapshot(_) => None,
            Self::Delta(bytes) => Some(hex(&Sha256::digest(bytes))),
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Snapshot(bytes) | Self::Delta(bytes) => bytes.len() as u64,
        }
    }
}

impl States {
    /// How this state will be written.
    pub(super) fn prepare(&self, folder: &Folder, state: Vec<u8>) -> Next {
        let Some((length, sha256)) = &self.snapshot else {
            return Next::Snapshot(state);
        };
        let base = folder.read(STATE, *length);
        let base = base.ok().filter(|base| hex(&Sha256::digest(base)) == *sha256);
        match base.and_then(|base| delta(&base, &state).ok()) {
            Some(bytes) if (bytes.len() as u64) < length / LARGE => Next::Delta(bytes),
            _ => Next::Snapshot(state),
        }
    }

    /// Writes a difference that the journal of this segment knows already.
    pub(super) fn write_delta(
        &mut self,
        folder: &Folder,
        bytes: &[u8],
        segment: u64,
    ) -> Result<(), EvidenceError> {
        folder.replace(DELTA, bytes)?;
        (self.delta, self.delta_segment) = (bytes.len() as u64, segment);
        Ok(())
    }

    /// The segments up to this one are about to be removed. A difference whose digest goes with them could
    /// not be verified any more, so it goes first.
    pub(super) fn lose_journals(&mut self, folder: &Folder, up_to: u64) -> Result<(), EvidenceError> {
        if self.delta == 0 || self.delta_segment > up_to {
            return Ok(());
        }
        self.delta = 0;
        remove_delta(folder)
    }

    /// A snapshot was written. The difference to the one before it is of no more use.
    pub(super) fn is_snapshot(&mut self, listed: &Listed) {
        self.snapshot = Some((listed.bytes, listed.sha256.clone()));
        self.delta = 0;
    }

    /// Whether this run has written none yet.
    pub(super) fn is_empty(&self) -> bool {
        self.snapshot.is_none()
    }

    /// Length of the difference.
    pub(super) fn delta_bytes(&self) -> u64 {
        self.delta
    }

    /// Length of the snapshot.
    pub(super) fn snapshot_bytes(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |(length, _)| *length)
    }
}

/// Removes a difference, if there is one.
pub(super) fn remove_delta(folder: &Folder) -> Result<(), EvidenceError> {
    match folder.remove(DELTA) {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}

//! The status of a recording: what it contains and what is missing.

use std::{mem, path::Path};

use super::{Recording, rotation::Advice};
use crate::evidence::{manifest::Listed, rows::Kind};

impl Recording {
    /// What has happened to the files and has not been reported yet.
    pub fn news(&mut self) -> Option<String> {
        if self.trouble == self.said {
            if !matches!(self.advice, Advice::Due(_)) {
                return None;
            }
            return match mem::replace(&mut self.advice, Advice::Said) {
                Advice::Due(text) => Some(text),
                _ => None,
            };
        }
        self.said.clone_from(&self.trouble);
        Some(match &self.trouble {
            Some(trouble) => {
                format!("{trouble}; counting continues, and writing is retried at each interval")
            }
            None => format!(
                "writing again; {} rows could not be written",
                self.manifest.session.rows_not_written
            ),
        })
    }

    /// Why the evidence is incomplete, if it is.
    pub fn incomplete(&self) -> Option<String> {
        let lost = self.manifest.session.rows_not_written;
        match &self.trouble {
            Some(trouble) => Some(format!(
                "the evidence is complete up to interval {} only: {trouble}",
                self.interval
            )),
            None if lost > 0 => Some(format!(
                "{lost} rows of {} could not be written; the counters are complete",
                self.folder.path().display()
            )),
            None => None,
        }
    }

    /// Rows of all files so far.
    pub fn rows(&self) -> u64 {
        Kind::ALL
            .iter()
            .map(|kind| self.files.whole(*kind).rows)
            .sum::<u64>()
            + self.older().filter_map(|listed| listed.rows).sum::<u64>()
    }

    /// Total size of all files, bytes.
    pub fn bytes(&self) -> u64 {
        let current = Some(self.files.segment);
        let listed = self.manifest.files.values();
        let others = listed.filter(|listed| listed.segment != current);
        self.files.bytes()
            + others.map(|listed| listed.bytes).sum::<u64>()
            + self.states.delta_bytes()
            + self.manifest_bytes
    }

    /// Size of the files of older segments, and of all others, bytes.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn bytes_by_age(&self) -> (u64, u64) {
        let older = self.older().map(|listed| listed.bytes).sum();
        (older, self.bytes() - older)
    }

    /// Rows that could not be written.
    pub fn rows_not_written(&self) -> u64 {
        self.manifest.session.rows_not_written
    }

    /// Counts rows that were lost before they came here.
    pub(crate) fn not_written(&mut self, rows: u64) {
        self.manifest.session.rows_not_written += rows;
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The older segments in the manifest.
    pub(super) fn older(&self) -> impl Iterator<Item = &Listed> {
        self.manifest.files.values().filter(|listed| {
            listed
                .segment
                .is_some_and(|segment| segment != self.files.segment)
        })
    }
}

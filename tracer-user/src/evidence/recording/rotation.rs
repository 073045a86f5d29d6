//! Limits the size of a recording: the files that grow are divided into segments, and the oldest are removed
//! first.

use super::{Recording, files::Files};
use crate::evidence::{error::EvidenceError, manifest::Listed, rows::Kind, segments};

/// About how many segments a directory has. Removing one leaves the newest rows of all the others.
const SEGMENTS: u64 = 8;

/// The maximum total size of the files that grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes.
    pub bytes: u64,
    /// Whether to remove the oldest segments instead of ending the recording.
    pub rotate: bool,
}

impl Recording {
    /// Whether the recording must end because it has reached its maximum size.
    pub fn is_full(&self) -> bool {
        self.limit
            .is_some_and(|limit| !limit.rotate && self.bytes() >= limit.bytes)
    }

    pub(super) fn rotate_if_large(&mut self) {
        let Some(limit) = self.limit.filter(|limit| limit.rotate) else {
            return;
        };
        if self.failed.is_some() || self.files.bytes() < limit.bytes / SEGMENTS {
            return;
        }
        let result = self.rotate(limit);
        self.note(result);
    }

    fn rotate(&mut self, limit: Limit) -> Result<(), EvidenceError> {
        self.begin_segment()?;
        let gone = self.forget_oldest(limit.bytes - limit.bytes / SEGMENTS);
        self.write_manifest()?;
        for name in gone {
            self.folder.remove(&name)?;
        }
        Ok(())
    }

    /// Numbers the current segment, and begins a new one.
    pub(super) fn begin_segment(&mut self) -> Result<(), EvidenceError> {
        let segment = self.files.segment;
        let rows = Kind::ALL.map(|kind| {
            (
                segments::current_rows_name(kind),
                segments::rows_name(kind, segment),
            )
        });
        // The journal last, since its contents are valid under either name.
        let journal = (segments::current_journal_name(), segments::journal_name(segment));
        self.write_manifest()?;
        for (plain, numbered) in rows.iter().chain([&journal]) {
            if self.folder.open_file(numbered).is_ok() {
                // An earlier attempt got this far and failed later. The files under the plain names are the
                // empty beginning of the next segment.
                let _ = self.folder.remove(plain);
            } else {
                self.folder.rename(plain, numbered)?;
            }
        }
        let files = Files::create(&self.folder, segment + 1)?;
        for (plain, numbered) in rows.into_iter().chain([journal]) {
            if let Some(listed) = self.manifest.files.remove(&plain) {
                self.manifest.files.insert(numbered, listed);
            }
        }
        self.files = files;
        self.manifest.segment = segment + 1;
        Ok(())
    }

    /// Removes the oldest segments from the manifest until the rest is small enough, and returns their files.
    fn forget_oldest(&mut self, keep: u64) -> Vec<String> {
        let mut gone = Vec::new();
        while self.bytes() > keep {
            let Some(oldest) = self.older().filter_map(|listed| listed.segment).min() else {
                break;
            };
            let files = &mut self.manifest.files;
            let of_oldest: Vec<(String, Listed)> = files
                .extract_if(.., |_, listed| listed.segment == Some(oldest))
                .collect();
            let removed = &mut self.manifest.removed;
            removed.segments += 1;
            for (name, listed) in of_oldest {
                let rows = listed.rows.unwrap_or(0);
                removed.bytes += listed.bytes;
                if name == segments::rows_name(Kind::Connections, oldest) {
                    removed.connections_rows += rows;
                } else if name == segments::rows_name(Kind::Peers, oldest) {
                    removed.peers_rows += rows;
                } else if name == segments::rows_name(Kind::Listeners, oldest) {
                    removed.listeners_rows += rows;
                } else if name == segments::rows_name(Kind::Events, oldest) {
                    removed.events_rows += rows;
                }
                gone.push(name);
            }
        }
        gone
    }
}

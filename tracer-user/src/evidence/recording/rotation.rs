//! Limits the size of a recording: the files that grow are divided into segments, and the oldest are removed
//! first.

use sha2::{Digest, Sha256};

use super::{
    Recording,
    files::{Files, Rows},
};
use crate::{
    evidence::{block::hex, error::EvidenceError, manifest::Listed, rows::Kind, segments},
    units::size,
};

/// The least number of segments for which there is room. Removing one leaves the newest rows of all others.
const SEGMENTS: u64 = 8;

/// The largest size of a segment before it is compressed, bytes: some 400,000 rows.
const SEGMENT: u64 = 64 << 20;

/// The maximum size of all files together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes.
    pub bytes: u64,
    /// Whether to remove the oldest segments instead of ending the recording.
    pub rotate: bool,
}

/// What is said once about the limit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Advice {
    /// Nothing so far.
    #[default]
    None,
    /// This, as soon as somebody asks.
    Due(String),
    /// It was said.
    Said,
}

impl Recording {
    /// Whether the recording must end because it has reached its maximum size. What is written at its end has
    /// to fit as well.
    pub fn is_full(&self) -> bool {
        let at_the_end = 2 * self.states.snapshot_bytes();
        self.limit
            .is_some_and(|limit| !limit.rotate && self.bytes() + at_the_end >= limit.bytes)
    }

    /// The least size that the directory needs for what there is, if the limit is smaller. All of it is the
    /// states and key frames.
    pub fn too_small(&self) -> Option<u64> {
        let least = self.least()?;
        (!self.limit_holds(least)).then_some(least)
    }

    /// What the directory needs at least, if it is limited: two key frames, and a state and a diagnosis while
    /// those before them are still there.
    pub(super) fn least(&self) -> Option<u64> {
        self.limit.filter(|limit| limit.rotate)?;
        Some(2 * self.key_frame + 4 * self.states.snapshot_bytes())
    }

    /// Whether another state fits. If not, that is said once: a diagnosis then rests on an older one, and on
    /// the rows.
    pub(super) fn has_room_for_states(&mut self) -> bool {
        let Some(least) = self.too_small() else {
            return true;
        };
        if self.advice == Advice::None {
            // A flight recorder has a quarter of what it was given.
            let (flag, times) = match self.reel {
                Some(_) => ("--evidence-size", 8),
                None => ("--max-size", 2),
            };
            self.advice = Advice::Due(format!(
                "{flag} is too small for what there is by now, so no more states are written: {} would do",
                size(least.saturating_mul(times))
            ));
        }
        false
    }

    pub(super) fn limit_holds(&self, least: u64) -> bool {
        self.limit.is_none_or(|limit| limit.bytes >= least)
    }

    /// The size at which a segment is closed.
    fn segment_bytes(&self) -> u64 {
        match self.limit {
            Some(limit) if limit.rotate => (limit.bytes / SEGMENTS).min(SEGMENT),
            _ => SEGMENT,
        }
    }

    pub(super) fn rotate_if_large(&mut self) {
        if self.failed.is_some() {
            return;
        }
        let is_over = self.reel.as_ref().is_some_and(super::Reel::is_over);
        let result = match self.files.bytes() < self.segment_bytes() && !is_over {
            true => self.keep_to(self.segment_bytes()),
            false => self.rotate(),
        };
        self.note(result);
    }

    fn rotate(&mut self) -> Result<(), EvidenceError> {
        self.begin_segment()?;
        let gone = self.forget_oldest(self.segment_bytes())?;
        self.write_manifest()?;
        for name in gone {
            self.folder.remove(&name)?;
        }
        self.compress_last()
    }

    /// Removes the oldest segments, should a larger state have used up their room.
    fn keep_to(&mut self, reserve: u64) -> Result<(), EvidenceError> {
        let gone = self.forget_oldest(reserve.saturating_sub(self.files.bytes()))?;
        if gone.is_empty() {
            return Ok(());
        }
        self.write_manifest()?;
        gone.iter().try_for_each(|name| self.folder.remove(name))
    }

    /// The first of these files, as many as leave room for some rows: the rest can be made of those.
    pub(super) fn fitting<'a>(&self, files: &[(&'static str, &'a [u8])]) -> Vec<(&'static str, &'a [u8])> {
        let limit = self.limit.filter(|limit| limit.rotate);
        let reserved = 2 * self.key_frame + self.segment_bytes();
        let mut room = limit.map_or(u64::MAX, |limit| limit.bytes.saturating_sub(reserved));
        let fits = |(_, bytes): &&(&str, &[u8])| {
            let left = room.checked_sub(bytes.len() as u64);
            room = left.unwrap_or(0);
            left.is_some()
        };
        files.iter().take_while(fits).copied().collect()
    }

    /// Removes the oldest segments so that these files find room.
    pub(super) fn make_room(&mut self, files: &[(&str, &[u8])]) -> Result<(), EvidenceError> {
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        self.keep_to(bytes as u64 + self.files.bytes())
    }

    /// Removes the oldest segments so that the block finds room that ends with these rows.
    pub(super) fn make_room_for_block(&mut self, rows: &Rows) {
        let result = self.keep_to(self.files.bytes() + self.files.expected_bytes(rows));
        self.note(result);
    }

    /// Compresses the segment that was closed last, except for the connections.
    fn compress_last(&mut self) -> Result<(), EvidenceError> {
        let segment = self.files.segment - 1;
        let rows = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Connections);
        let names = rows
            .map(|kind| segments::rows_name(kind, segment))
            .chain([segments::journal_name(segment)]);
        let mut compressed = Vec::new();
        for plain in names {
            let Some(listed) = self.manifest.files.get(&plain).cloned() else {
                continue;
            };
            let name = segments::compress(&self.folder, &plain)?;
            let bytes = self.folder.read(&name, listed.bytes + (1 << 20))?;
            let listed = Listed {
                bytes: bytes.len() as u64,
                sha256: hex(&Sha256::digest(&bytes)),
                ..listed
            };
            self.manifest.files.remove(&plain);
            self.manifest.files.insert(name, listed);
            compressed.push(plain);
        }
        self.write_manifest()?;
        compressed.iter().try_for_each(|name| self.folder.remove(name))
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
        if let Some(reel) = &mut self.reel {
            reel.turn(segment);
        }
        self.changes.forget();
        self.manifest.segment = segment + 1;
        Ok(())
    }

    /// Removes the oldest segments from the manifest until the rest leaves `reserve` free, and returns their
    /// files. A new state is written beside the old one, so there has to be room for both.
    fn forget_oldest(&mut self, reserve: u64) -> Result<Vec<String>, EvidenceError> {
        let mut gone = Vec::new();
        let Some(limit) = self.limit.filter(|limit| limit.rotate) else {
            return Ok(gone);
        };
        let keep = limit.bytes.saturating_sub(reserve + self.states.snapshot_bytes());
        while let Some(oldest) = self.older().filter_map(|listed| listed.segment).min() {
            let is_past = self.reel.as_ref().is_some_and(|reel| reel.is_past(oldest));
            if self.bytes() <= keep && !is_past {
                break;
            }
            if let Some(reel) = &mut self.reel {
                reel.forget(oldest);
            }
            let files = &mut self.manifest.files;
            let of_oldest: Vec<(String, Listed)> = files
                .extract_if(.., |_, listed| listed.segment == Some(oldest))
                .collect();
            let removed = &mut self.manifest.removed;
            removed.segments = removed.segments.max(oldest);
            for (name, listed) in of_oldest {
                removed.bytes += listed.bytes;
                let of = |kind| segments::plain_name(&name) == segments::rows_name(kind, oldest);
                if let Some(kind) = Kind::ALL.into_iter().find(|kind| of(*kind)) {
                    *removed.rows_mut(kind) += listed.rows.unwrap_or(0);
                }
                gone.push(name);
            }
        }
        self.states
            .lose_journals(&self.folder, self.manifest.removed.segments)?;
        Ok(gone)
    }
}

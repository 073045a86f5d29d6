//! The files of the current segment: the rows and their journal.

use std::{collections::BTreeMap, io};

use crate::evidence::{
    DELTA, Folder, MANIFEST, STATE,
    block::{Growing, RowFile},
    error::EvidenceError,
    journal::{self, Extent, Interval},
    rows::{ConnectionRow, EventRow, Kind, ListenerRow, PeerRow, PerKind},
    segments,
};

/// The rows written when an interval ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) peers: Vec<PeerRow>,
    pub(crate) listeners: Vec<ListenerRow>,
    pub(crate) events: Vec<EventRow>,
    /// The number of the first change after these.
    pub(crate) told: u64,
}

impl Rows {
    /// Whether there is nothing to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty() && self.listeners.is_empty() && self.events.is_empty()
    }
}

/// The open files of one segment.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) segment: u64,
    rows: PerKind<RowFile>,
    journal: Growing,
}

impl Files {
    /// Creates them under the plain names.
    pub(super) fn create(folder: &Folder, segment: u64) -> Result<Self, EvidenceError> {
        let files = Self {
            segment,
            rows: PerKind::try_of(|kind| RowFile::create(folder, kind))?,
            journal: Growing::new(folder.create_file(&segments::current_journal_name())?),
        };
        folder.sync()?;
        Ok(files)
    }

    /// Resumes existing files after their last complete interval, and returns its number.
    pub(super) fn resume(folder: &Folder, segment: u64) -> Result<(Self, u64), EvidenceError> {
        let name = segments::current_journal_name();
        let older = segments::older(folder)?;
        let begun = |folder: &Folder| match journal::scan(folder, &name, |_| Ok(())) {
            Ok(ending) => Ok(ending.last.is_some()),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        };
        if older.last() == Some(&segment) && !begun(folder)? {
            // The recorder was killed after the segment got its number and before the manifest knew: undone
            // here.
            let _ = folder.remove(&name);
            folder.rename(&segments::journal_name(segment), &name)?;
        }
        let ending = journal::scan(folder, &name, |_| Ok(()))?;
        let segment = ending.last.as_ref().map_or(segment, |last| last.segment);
        let rows = |kind: Kind| -> Result<RowFile, EvidenceError> {
            let name = segments::current_rows_name(kind);
            let found = segments::find(folder, kind, Some(segment));
            if found != name {
                // The recorder was killed while the segment was being numbered.
                let _ = folder.remove(&name);
                folder.rename(&found, &name)?;
            }
            let cannot = |error| EvidenceError::io(&folder.path_of(&name), "cannot continue it", error);
            let is_new = ending
                .last
                .as_ref()
                .is_some_and(|last| last.rows.of(kind).is_none());
            if is_new {
                // An older version had no such file. One that exists was made by an attempt like this one.
                let _ = folder.remove(&name);
                return RowFile::create(folder, kind);
            }
            let whole = match &ending.last {
                Some(last) => last.rows.of(kind).clone(),
                None => RowFile::empty(kind).map_err(cannot)?,
            };
            let file = folder.open_to_append(&name)?;
            match Growing::resume(file, &whole).map_err(cannot)? {
                Some(growing) => Ok(RowFile::over(kind, growing)),
                None => Err(damaged(folder, &name)),
            }
        };
        let rows = PerKind::try_of(rows)?;
        let journal = Growing::resume(folder.open_to_append(&name)?, &ending.whole)
            .map_err(|error| EvidenceError::io(&folder.path_of(&name), "cannot continue it", error))?
            .ok_or_else(|| damaged(folder, &name))?;
        let last = match ending.last {
            Some(last) => last.interval,
            None => last_of(folder, &older)?,
        };
        let files = Self {
            segment,
            rows,
            journal,
        };
        Ok((files, last))
    }

    /// Whether all of them have the columns that this version writes.
    pub(super) fn are_current(folder: &Folder) -> Result<bool, EvidenceError> {
        for kind in Kind::ALL {
            if !RowFile::is_current(folder, kind, &segments::current_rows_name(kind))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn connection(&mut self, row: &ConnectionRow) -> io::Result<()> {
        self.rows.connections.put(row)
    }

    /// About how many bytes the block takes with these rows, rather more than less: rows are as long as those
    /// before.
    pub(super) fn expected_bytes(&self, rows: &Rows) -> u64 {
        /// Bytes of a row where none was written yet.
        const USUAL: u64 = 600;
        let to_come = |kind| match kind {
            Kind::Peers => rows.peers.len(),
            Kind::Listeners => rows.listeners.len(),
            Kind::Events => rows.events.len(),
            Kind::Connections => 0,
        };
        let bytes = Kind::ALL.map(|kind| {
            let file = self.rows.of(kind);
            let whole = file.whole();
            let each = whole.bytes.checked_div(whole.rows).unwrap_or(USUAL);
            (file.of_block() + to_come(kind) as u64).saturating_mul(each)
        });
        bytes.iter().sum::<u64>() / 4 * 5
    }

    /// Writes the rest of the block, then the line that marks it complete.
    pub(super) fn end_block(&mut self, rows: &Rows, mut line: Interval) -> io::Result<()> {
        for row in &rows.peers {
            self.rows.peers.put(row)?;
        }
        for row in &rows.listeners {
            self.rows.listeners.put(row)?;
        }
        for row in &rows.events {
            self.rows.events.put(row)?;
        }
        for file in self.rows.all_mut() {
            file.finish_block()?;
        }
        for (extent, file) in line.rows.all_mut().into_iter().zip(self.rows.all_mut()) {
            *extent = file.written();
        }
        line.before = self.journal.whole().sha256;
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        self.journal.write(&text, 1)?;
        self.journal.sync()?;
        self.rows.all_mut().into_iter().for_each(RowFile::accept);
        self.journal.accept();
        Ok(())
    }

    /// Rows of the block that is not complete yet.
    pub(super) fn pending(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.rows.of(*kind).of_block()).sum()
    }

    /// Rolls back to the last complete block, and returns the number of rows dropped.
    pub(super) fn take_back(&mut self) -> u64 {
        // If even this fails, readers still stop at the last complete line.
        let _ = self.journal.take_back();
        self.rows.all_mut().into_iter().map(RowFile::take_back).sum()
    }

    pub(super) fn whole(&self, kind: Kind) -> Extent {
        self.rows.of(kind).whole()
    }

    pub(super) fn whole_journal(&self) -> Extent {
        self.journal.whole()
    }

    pub(super) fn bytes(&self) -> u64 {
        Kind::ALL
            .iter()
            .map(|kind| self.rows.of(*kind).whole_bytes())
            .sum::<u64>()
            + self.journal.whole_bytes()
    }

    /// The length of each file of rows.
    pub(super) fn lengths(&self) -> BTreeMap<String, u64> {
        Kind::ALL
            .into_iter()
            .map(|kind| (kind.stem().to_owned(), self.rows.of(kind).whole_bytes()))
            .collect()
    }
}

/// The last interval of the older segments.
fn last_of(folder: &Folder, older: &[u64]) -> Result<u64, EvidenceError> {
    let Some(segment) = older.last() else {
        return Ok(0);
    };
    let name = segments::as_stored(folder, segments::journal_name(*segment));
    let ending = journal::scan(folder, &name, |_| Ok(()))?;
    Ok(ending.last.map_or(0, |last| last.interval))
}

fn damaged(folder: &Folder, name: &str) -> EvidenceError {
    EvidenceError::new(
        &folder.path_of(name),
        "has been altered (see `tcpreuse verify`); record to a new directory",
    )
}

/// Removes what [`Files::create`], the first manifest and the first interval have created.
pub(super) fn remove(folder: &Folder) {
    let rows = Kind::ALL.into_iter().map(segments::current_rows_name);
    let others = [MANIFEST, STATE, DELTA].map(str::to_owned);
    for name in rows.chain([segments::current_journal_name()]).chain(others) {
        // Missing files need not be removed.
        let _ = folder.remove(&name);
    }
}

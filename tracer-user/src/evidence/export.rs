//! Recordings as Parquet files for SQL engines, in Hive layout: `v1/KIND/service=S/date=D/hour=H/`.
//!
//! A file has the intervals of one hour and segment. It gets its name when it is whole, and the name follows
//! from what is in it, so an export that was interrupted goes on where it ended, and the same recording is
//! never exported twice. The columns are those of the CSV files ([`super::rows`]) and, of peers, the figures
//! of their table.

mod figures;
mod files;
pub mod follow;
mod place;
mod table;
mod track;

use std::path::Path;

use self::{place::Place, track::Track};
use super::{EvidenceError, Folder, rows::Kind, service::Service};

/// Name and version of the layout and the columns.
pub const SCHEMA: &str = "tcpreuse.export/1";

/// The directory of this layout.
const ROOT: &str = "v1";

/// What is exported.
const KINDS: [Kind; 3] = [Kind::Connections, Kind::Peers, Kind::Listeners];

/// What has come of it so far.
#[derive(Debug, Default)]
pub struct Report {
    /// Files that were written.
    pub files: u64,
    /// Files that were there already.
    pub there: u64,
    /// Rows in those that were written.
    pub rows: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// What could not be read or replaced; everything else was exported.
    pub faults: Vec<EvidenceError>,
}

/// Exports recordings to one directory.
#[derive(Debug)]
pub struct Exporter {
    place: Place,
    report: Report,
}

impl Exporter {
    /// Opens the directory, which is created if need be.
    ///
    /// # Errors
    /// If it is a symbolic link, or cannot be created.
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        let root = Folder::enter(path)?.within(ROOT)?;
        Ok(Self {
            place: Place::new(root),
            report: Report::default(),
        })
    }

    /// Exports all recordings of a directory, as far as they are not there yet. They are of their own
    /// service, unless one is given.
    ///
    /// # Errors
    /// If nothing can be written any more. Other faults are in the report.
    pub fn directory(&mut self, path: &Path, service: Option<&Service>) -> Result<(), EvidenceError> {
        let numbers = match track::numbers(path) {
            Ok(numbers) => numbers,
            Err(error) => return self.note(Err(error)).map(drop),
        };
        for number in numbers {
            let track = Track::open(path, number, service);
            let exported = track.and_then(|mut track| track.export(self, true));
            self.note(exported)?;
        }
        Ok(())
    }

    /// What has come of it so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Notes a fault, unless it is one that all that follows would have too. Returns whether there was none.
    fn note(&mut self, result: Result<(), EvidenceError>) -> Result<bool, EvidenceError> {
        match result {
            Ok(()) => Ok(true),
            Err(error) if error.is_full() => Err(error),
            Err(error) => {
                self.report.faults.push(error);
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests;

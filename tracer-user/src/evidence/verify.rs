//! Which parts of an evidence directory are intact, truncated, altered or missing.

mod growing;

use std::{
    fmt,
    io::{self, Read},
    path::Path,
};

use hashbrown::HashSet;
use sha2::{Digest, Sha256};

use super::{
    DELTA, Folder, MANIFEST,
    block::hex,
    error::EvidenceError,
    journal::{self, Interval},
    manifest::{Listed, Manifest},
    rows::Kind,
    segments,
    state::{MAX_STATE, State},
};

/// The condition of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is as it was written.
    Whole,
    /// The end of what was written is missing.
    Cut,
    /// It differs from what was written.
    Altered,
    /// It does not exist.
    Missing,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Whole => "intact",
            Self::Cut => "TRUNCATED",
            Self::Altered => "ALTERED",
            Self::Missing => "MISSING",
        })
    }
}

/// The result for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its condition.
    pub condition: Condition,
    /// Details of that.
    pub details: String,
}

impl Found {
    /// Whether it is as it was written.
    pub fn is_whole(&self) -> bool {
        self.condition == Condition::Whole
    }
}

/// The result for the whole directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The results per file.
    pub files: Vec<Found>,
    /// Notes that are not faults.
    pub notes: Vec<String>,
    /// SHA-256 of the manifest, which nothing else in the directory vouches for.
    pub manifest_sha256: String,
    /// The last interval that is complete in all files, and when it ended.
    pub up_to: Option<(u64, String)>,
    /// Whether the recording ended properly.
    pub stopped: bool,
    /// Whether there is a journal of intervals.
    pub journalled: bool,
    /// Rows that could not be written when they were recorded.
    pub not_written: u64,
    /// Something is missing, so no later interval counts.
    broken: bool,
    /// The digests of the last differences of the state that were to be written.
    deltas: Vec<String>,
}

impl Report {
    /// Whether every file is as it was written.
    pub fn is_whole(&self) -> bool {
        self.files.iter().all(Found::is_whole)
    }

    fn add(&mut self, name: &str, condition: Condition, details: impl Into<String>) {
        self.files.push(Found {
            name: name.to_owned(),
            condition,
            details: details.into(),
        });
    }

    /// Takes in a line of a journal.
    fn take_in(&mut self, interval: &Interval, session: u64) {
        if let Some(digest) = &interval.delta_sha256 {
            self.deltas.push(digest.clone());
            let earlier = self.deltas.len().saturating_sub(2);
            self.deltas.drain(..earlier);
        }
        if interval.session == session {
            self.not_written = self.not_written.max(interval.rows_not_written);
        }
        if let Some(stepped) = interval.clock_stepped() {
            self.notes
                .push(format!("before {}, {stepped}", interval_name(interval)));
        }
    }

    /// Takes in a segment: its first and last interval, and the last one complete in all its files. Later
    /// segments count as long as nothing is missing before them.
    fn segment_is_whole_up_to(&mut self, first: u64, last: u64, whole: Option<(u64, String)>) {
        let follows = |known: u64| known.checked_add(1) == Some(first);
        let follows = self.up_to.as_ref().is_none_or(|(known, _)| follows(*known));
        if self.broken || !follows {
            self.broken = true;
            return;
        }
        self.broken = whole.as_ref().is_none_or(|(number, _)| *number < last);
        self.up_to = whole.or(self.up_to.take());
    }
}

/// Checks a directory.
///
/// # Errors
/// If it is not an evidence directory, or cannot be read.
pub fn verify(path: &Path) -> Result<Report, EvidenceError> {
    let folder = Folder::open(path)?;
    let manifest = Manifest::read(&folder)?;
    let mut report = Report {
        stopped: manifest.session.stopped.is_some(),
        manifest_sha256: digest(&folder, MANIFEST)?.1,
        ..Report::default()
    };
    let mut seen = HashSet::from([MANIFEST.to_owned()]);
    let earlier: u64 = manifest
        .earlier
        .iter()
        .map(|session| session.rows_not_written)
        .sum();
    report.not_written = manifest.session.rows_not_written;
    for (number, name) in segments::journals(&folder)? {
        segment(&folder, &manifest, number, &name, &mut report, &mut seen)?;
    }
    report.not_written = report.not_written.saturating_add(earlier);
    delta(&folder, &mut report, &mut seen)?;
    for (name, listed) in &manifest.files {
        if !seen.contains(name) {
            small(&folder, name, listed, &mut report)?;
            seen.insert(name.clone());
        }
    }
    for name in folder.names()? {
        if !seen.contains(&name) {
            report.notes.push(format!("{name} is not part of the evidence"));
        }
    }
    Ok(report)
}

/// Whether a journal listed under its plain name has been numbered since.
fn has_number(folder: &Folder, listed: &Listed) -> bool {
    listed
        .segment
        .is_some_and(|segment| folder.open_file(&segments::journal_name(segment)).is_ok())
}

/// Checks one segment: its journal and the rows listed in it.
fn segment(
    folder: &Folder,
    manifest: &Manifest,
    number: Option<u64>,
    name: &str,
    report: &mut Report,
    seen: &mut HashSet<String>,
) -> Result<(), EvidenceError> {
    let mut first = None;
    let ending = match journal::scan(folder, name, |interval| {
        first.get_or_insert(interval.interval);
        report.take_in(interval, manifest.session.session);
        Ok(())
    }) {
        Ok(ending) => ending,
        // The manifest says whether it should exist.
        Err(error) if error.is_missing() => return Ok(()),
        Err(error) => {
            seen.insert(name.to_owned());
            report.add(name, Condition::Altered, error.to_string());
            report.broken = true;
            return Ok(());
        }
    };
    seen.insert(name.to_owned());
    report.journalled = true;
    let segment = ending.last.as_ref().map(|last| last.segment);
    // A journal numbered after the manifest was written is listed under its plain name.
    let listed = [name.to_owned(), segments::current_journal_name()]
        .into_iter()
        .filter_map(|name| manifest.files.get(&name))
        .find(|listed| match segment {
            Some(_) => listed.segment == segment,
            // It is empty. The journal in the manifest may have been numbered already; then this is its
            // successor.
            None => number.is_some() || !has_number(folder, listed),
        });
    let removed = number.is_some_and(|number| number <= manifest.removed.segments);
    if removed {
        report.notes.push(format!(
            "{name} should have been removed by rotation and is still there"
        ));
    }
    let last = match segments::is_compressed(name) {
        true => {
            let whole = &ending.whole;
            let details = format!("{} intervals, {} bytes uncompressed", whole.rows, whole.bytes);
            report.add(name, Condition::Whole, details);
            container(folder, name, listed, report)?;
            ending.last.as_ref()
        }
        false => growing::journal(name, &ending, listed, report),
    };
    let mut whole: Vec<Option<(u64, String)>> = Vec::new();
    for kind in Kind::ALL {
        let file = segments::find(folder, kind, segment.or(number));
        if last.is_some_and(|last| last.rows.of(kind).is_none()) {
            // An older version, which had no such file.
            continue;
        }
        if last.is_some() {
            whole.push(growing::rows(folder, kind, name, &file, report)?);
            if segments::is_compressed(&file) {
                container(folder, &file, manifest.files.get(&file), report)?;
            }
        }
        seen.insert(file);
    }
    if let (Some(last), Some(first)) = (last, first) {
        // The least complete file decides; `None` is less than any.
        let whole = whole.into_iter().min().flatten();
        report.segment_is_whole_up_to(first, last.interval, whole);
    }
    // The manifest knows it under one of these names if it was numbered later.
    let plain = Kind::ALL.into_iter().map(segments::current_rows_name);
    for name in plain.chain([segments::current_journal_name()]) {
        if segment.is_some()
            && manifest
                .files
                .get(&name)
                .is_some_and(|listed| listed.segment == segment)
        {
            seen.insert(name);
        }
    }
    Ok(())
}

/// Checks that a compressed file is byte for byte the one that was written, not only in its content.
fn container(
    folder: &Folder,
    name: &str,
    listed: Option<&Listed>,
    report: &mut Report,
) -> Result<(), EvidenceError> {
    // The recorder may have been killed before the manifest knew of it.
    let Some(listed) = listed.filter(|listed| listed.previous_sha256.is_none()) else {
        return Ok(());
    };
    let same = length(folder, name)? == listed.bytes && digest(folder, name)?.1 == listed.sha256;
    if !same {
        report.add(name, Condition::Altered, "its SHA-256 differs");
    }
    Ok(())
}

/// Checks the difference between the state and its snapshot: the journal has its digest, and also that of the
/// one before it, which is still there if the recorder was killed in between.
fn delta(folder: &Folder, report: &mut Report, seen: &mut HashSet<String>) -> Result<(), EvidenceError> {
    let bytes = match length(folder, DELTA) {
        Ok(bytes) if !report.stopped => bytes,
        // One that is left over is not part of the evidence.
        Ok(_) => return Ok(()),
        Err(error) if error.is_missing() => return Ok(()),
        Err(error) => {
            seen.insert(DELTA.to_owned());
            report.add(DELTA, Condition::Altered, error.to_string());
            return Ok(());
        }
    };
    seen.insert(DELTA.to_owned());
    if bytes <= MAX_STATE && report.deltas.contains(&digest(folder, DELTA)?.1) {
        report.add(DELTA, Condition::Whole, format!("{bytes} bytes"));
    } else {
        report.add(DELTA, Condition::Altered, "its SHA-256 differs");
    }
    Ok(())
}

/// Checks a file that is replaced as a whole, or one without a journal.
fn small(folder: &Folder, name: &str, listed: &Listed, report: &mut Report) -> Result<(), EvidenceError> {
    // A file of the wrong length need not be read, which takes long if it is huge.
    if let Ok(bytes) = length(folder, name)
        && !listed.may_have(bytes)
    {
        if bytes < listed.bytes {
            let details = format!("only {bytes} of {} bytes are there", listed.bytes);
            report.add(name, Condition::Cut, details);
        } else {
            let details = format!("{bytes} bytes are there, and {} were recorded", listed.bytes);
            report.add(name, Condition::Altered, details);
        }
        return Ok(());
    }
    let (bytes, sha256) = match digest(folder, name) {
        Ok(found) => found,
        Err(error) if error.is_missing() => {
            // It may have been about to be written for the first time.
            if listed.previous_sha256.as_deref() == Some("") && !report.stopped {
                report.notes.push(format!("{name} has not been written yet"));
            } else {
                report.add(
                    name,
                    Condition::Missing,
                    format!("{} bytes were recorded", listed.bytes),
                );
            }
            return Ok(());
        }
        Err(error) => {
            report.add(name, Condition::Altered, error.to_string());
            return Ok(());
        }
    };
    let rows = listed
        .rows
        .map_or_else(String::new, |rows| format!("{rows} rows, "));
    if listed.sha256.is_empty() {
        report
            .notes
            .push(format!("{name}: the manifest has no SHA-256 of it"));
        return Ok(());
    }
    if sha256 == listed.sha256 || listed.previous_sha256.as_ref() == Some(&sha256) {
        report.add(name, Condition::Whole, format!("{rows}{bytes} bytes"));
    } else if bytes < listed.bytes {
        let details = format!("only {bytes} of {} bytes are there", listed.bytes);
        report.add(name, Condition::Cut, details);
    } else {
        let details = match (name == super::STATE, State::read(folder)) {
            (true, Err(error)) => format!("its SHA-256 differs, and {error}"),
            _ => "its SHA-256 differs".to_owned(),
        };
        report.add(name, Condition::Altered, details);
    }
    Ok(())
}

/// Length of a file.
fn length(folder: &Folder, name: &str) -> Result<u64, EvidenceError> {
    let about = folder.open_file(name)?.metadata();
    about
        .map(|about| about.len())
        .map_err(|error| EvidenceError::io(&folder.path_of(name), "cannot inspect it", error))
}

/// Length and digest of a file.
fn digest(folder: &Folder, name: &str) -> Result<(u64, String), EvidenceError> {
    let mut digest = Sha256::new();
    let mut file = folder.open_file(name)?;
    let bytes = io::copy(&mut file, &mut digest)
        .map_err(|error| EvidenceError::io(&folder.path_of(name), "cannot read it", error))?;
    Ok((bytes, hex(&digest.finalize())))
}

/// Reads on to an offset; false if the file ends before it.
fn read_to(file: &mut impl Read, from: u64, to: u64, digest: &mut Sha256) -> io::Result<bool> {
    let wanted = to.saturating_sub(from);
    Ok(io::copy(&mut file.take(wanted), digest)? == wanted && to >= from)
}

/// When an interval ended, in words.
fn interval_name(interval: &Interval) -> String {
    format!("interval {} ({})", interval.interval, interval.at)
}

#[cfg(test)]
mod tests;

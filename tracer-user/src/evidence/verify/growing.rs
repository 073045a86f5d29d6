//! Checks files that grow, interval by interval.

use std::{
    io::{BufReader, Read},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{Condition, Report, interval_name, read_to};
use crate::evidence::{
    Folder,
    block::hex,
    error::EvidenceError,
    journal::{self, Ending, Interval},
    manifest::Listed,
    read::Part,
    rows::{ConnectionRow, EventRow, Kind, ListenerRow, PeerRow, Row},
    segments,
};

/// Compares a journal with the manifest. If the recorder was killed the manifest is older, so the journal may
/// have grown since. Returns the last complete interval.
pub(super) fn journal<'a>(
    name: &str,
    ending: &'a Ending,
    listed: Option<&Listed>,
    report: &mut Report,
) -> Option<&'a Interval> {
    let whole = &ending.whole;
    let (condition, details) = match listed {
        None if report.stopped => (Condition::Altered, "it is not in the manifest".to_owned()),
        Some(listed) if whole.bytes < listed.bytes => (
            Condition::Cut,
            format!(
                "{} of {} intervals are there",
                whole.rows,
                listed.rows.unwrap_or(0)
            ),
        ),
        Some(listed) if report.stopped && (whole.bytes, &whole.sha256) != (listed.bytes, &listed.sha256) => {
            (Condition::Altered, "its SHA-256 differs".to_owned())
        }
        Some(_) if report.stopped && ending.torn > 0 => (
            Condition::Altered,
            format!("{} bytes were added to it", ending.torn),
        ),
        _ => (
            Condition::Whole,
            format!("{} intervals, {} bytes", whole.rows, whole.bytes),
        ),
    };
    report.add(name, condition, details);
    if ending.torn > 0 && !report.stopped {
        report.notes.push(format!(
            "{name}: {} bytes after the last complete interval are not counted",
            ending.torn
        ));
    }
    ending.last.as_ref()
}

/// Walks through the extents that the journal lists for a file of rows.
struct Walk<R> {
    file: R,
    at: u64,
    digest: Sha256,
    whole: Option<(u64, String, u64)>,
    fault: Option<(Condition, String, u64, Option<u64>)>,
}

/// Checks the rows of one kind against the digests in their journal. Returns the last interval for which they
/// are complete.
pub(super) fn rows(
    folder: &Folder,
    kind: Kind,
    journal_name: &str,
    name: &str,
    report: &mut Report,
) -> Result<Option<(u64, String)>, EvidenceError> {
    let file = match folder.open_file(name) {
        Ok(file) => file,
        Err(error) if error.is_missing() => {
            report.add(name, Condition::Missing, "the journal lists rows of it");
            return Ok(None);
        }
        Err(error) => {
            report.add(name, Condition::Altered, error.to_string());
            return Ok(None);
        }
    };
    let path = folder.path_of(name);
    let cannot = |error| EvidenceError::io(&path, "cannot read it", error);
    let length = match segments::is_compressed(name) {
        true => None,
        false => Some(file.metadata().map_err(cannot)?.len()),
    };
    let source = segments::Source::of(name, Arc::new(file), 0).map_err(cannot)?;
    let mut walk = Walk {
        file: BufReader::with_capacity(1 << 16, source),
        at: 0,
        digest: Sha256::new(),
        whole: None,
        fault: None,
    };
    let read = journal::scan(folder, journal_name, |interval| {
        walk.step(interval, kind).map_err(cannot)
    });
    if let (Err(error), None) = (read, length) {
        // What is compressed may be damaged such that it cannot be read at all.
        report.add(name, Condition::Altered, error.to_string());
        return Ok(walk.whole.map(|(number, at, _)| (number, at)));
    }
    let rows = walk.whole.as_ref().map_or(0, |(_, _, rows)| *rows);
    let whole = walk.whole.as_ref().map(|(number, at, _)| (*number, at.clone()));
    match walk.fault {
        None => {
            let beyond = match length {
                Some(length) => length.saturating_sub(walk.at),
                None => u64::from(walk.file.read(&mut [0]).map_err(cannot)? > 0),
            };
            if beyond > 0 && (report.stopped || length.is_none()) {
                report.add(
                    name,
                    Condition::Altered,
                    format!("{beyond} bytes were added to it"),
                );
                return Ok(whole);
            }
            if beyond > 0 {
                report.notes.push(format!(
                    "{name}: {beyond} bytes after the last complete interval are not counted"
                ));
            }
            report.add(name, Condition::Whole, format!("{rows} rows, {} bytes", walk.at));
        }
        Some((condition, what, from, to)) => {
            let row = first_bad_row(folder, kind, name)?;
            let row = row.map_or_else(String::new, |error| format!("; {error}"));
            // The header is row 1.
            let range = match to {
                Some(to) => format!("rows {} to {}", from.saturating_add(2), to.saturating_add(1)),
                None => format!("rows from {} on", from.saturating_add(2)),
            };
            report.add(
                name,
                condition,
                format!("{rows} rows are intact; {what}, {range}{row}"),
            );
        }
    }
    Ok(whole)
}

impl<R: Read> Walk<R> {
    fn step(&mut self, interval: &Interval, kind: Kind) -> std::io::Result<()> {
        if self.fault.is_some() {
            return Ok(());
        }
        let wanted = interval.rows.of(kind);
        let before = self.whole.as_ref().map_or(0, |(_, _, rows)| *rows);
        if !read_to(&mut self.file, self.at, wanted.bytes, &mut self.digest)? {
            let what = format!("it ends within {}", interval_name(interval));
            self.fault = Some((Condition::Cut, what, before, None));
        } else if hex(&self.digest.clone().finalize()) != wanted.sha256 {
            let what = format!("the rows of {} are missing", interval_name(interval));
            self.fault = Some((
                Condition::Altered,
                what,
                before,
                Some(wanted.rows.max(before.saturating_add(1))),
            ));
        } else {
            self.at = wanted.bytes;
            self.whole = Some((interval.interval, interval.at.clone(), wanted.rows));
        }
        Ok(())
    }
}

/// The first invalid row, if there is one.
fn first_bad_row(folder: &Folder, kind: Kind, name: &str) -> Result<Option<EvidenceError>, EvidenceError> {
    fn of<R: Row>(folder: &Folder, part: Part) -> Option<EvidenceError> {
        match crate::evidence::read::rows_of::<R>(folder, part) {
            Ok(rows) => rows.into_iter().find_map(Result::err),
            Err(error) => Some(error),
        }
    }
    let part = Part {
        name: name.to_owned(),
        from: 0,
        to: None,
    };
    Ok(match kind {
        Kind::Connections => of::<ConnectionRow>(folder, part),
        Kind::Peers => of::<PeerRow>(folder, part),
        Kind::Listeners => of::<ListenerRow>(folder, part),
        Kind::Events => of::<EventRow>(folder, part),
    })
}

//! From a directory to what a diagnosis needs.

use std::path::Path;

use super::{
    error::EvidenceError,
    manifest::Manifest,
    read::Evidence,
    rebuild::{Intervals, Pace, Rebuild},
    rows::{ConnectionRow, Kind},
    state::State,
};
use crate::{
    diagnosis::{Expect, Judge, Options},
    model::sample::Sample,
    report::Origin,
};

/// What a recording comes to.
#[derive(Debug)]
pub struct Loaded {
    /// Everything known at its end.
    pub sample: Sample,
    /// The run up to it, and what was said of it.
    pub judge: Judge,
    /// What the diagnosis was told.
    pub options: Options,
    /// Where it was made.
    pub origin: Origin,
    /// What a reader should be told, a line each.
    pub notes: Vec<String>,
}

/// Reads a directory: its last state or, where that does not belong to the rows, the rows.
///
/// # Errors
/// When it is no evidence directory, or a row is none.
pub fn load(path: &Path) -> Result<Loaded, EvidenceError> {
    load_recording(path, None)
}

/// The same of one of several recordings in a directory, counted from 1; `None`: of the last.
///
/// # Errors
/// As for [`load`], and when there is no such recording.
pub fn load_recording(path: &Path, number: Option<u32>) -> Result<Loaded, EvidenceError> {
    let evidence = Evidence::open(path, number)?;
    let mut notes: Vec<String> = evidence
        .notes
        .iter()
        .map(|note| format!("{}: {note}", path.display()))
        .collect();
    let origin = evidence.manifest.origin();
    match fresh_state(&evidence) {
        Ok(state) => Ok(Loaded {
            judge: state.judge(),
            sample: state.sample,
            options: state.options,
            origin,
            notes,
        }),
        Err(why) => {
            let (sample, judge) = from_rows(&evidence)?;
            notes.push(format!(
                "{}: {why}; diagnosed from the rows alone, which do not have everything",
                path.display()
            ));
            Ok(Loaded {
                sample,
                judge,
                options: options(&evidence.manifest),
                origin,
                notes,
            })
        }
    }
}

/// The state, if it is that of the last interval.
pub(crate) fn fresh_state(evidence: &Evidence) -> Result<State, String> {
    let state = State::read(&evidence.folder).map_err(|error| match error.is_missing() {
        true => "has no state.json".to_owned(),
        false => error.to_string(),
    })?;
    if state.session != evidence.manifest.session.session {
        return Err("its state.json is that of another recording".to_owned());
    }
    let written = evidence.last.as_ref().map(|last| (last.session, last.interval));
    match written {
        Some(written) if written != (state.session, state.interval) => Err(format!(
            "its state.json is that of interval {} and the rows end with {}",
            state.interval, written.1
        )),
        _ => Ok(state),
    }
}

fn from_rows(evidence: &Evidence) -> Result<(Sample, Judge), EvidenceError> {
    if !evidence.has(Kind::Connections) && !evidence.has(Kind::Peers) {
        return Err(EvidenceError::new(
            evidence.folder.path(),
            "has neither a state.json that can be used nor rows; nothing can be diagnosed",
        ));
    }
    let mut rebuild = Rebuild::new(&evidence.manifest.session);
    if evidence.has(Kind::Connections) {
        for row in evidence.rows::<ConnectionRow>()? {
            rebuild.connection(&row?);
        }
    }
    let mut judge = Judge::default();
    let mut pace = Pace::until(end(evidence));
    for step in Intervals::of(evidence)? {
        let step = step?;
        let at = step.at;
        rebuild.interval(step);
        if pace.wants(at, rebuild.len()) {
            judge.add_outline(&rebuild.outline(at));
        }
    }
    let mut sample = rebuild.sample(end(evidence));
    add_what_the_journal_knows(evidence, &mut sample);
    if judge.history().samples() == 0 {
        judge.add(&sample);
    }
    Ok((sample, judge))
}

/// When the recording ended, as far as something other than the rows tells.
pub(crate) fn end(evidence: &Evidence) -> Option<i128> {
    let session = &evidence.manifest.session;
    let text = match &evidence.last {
        Some(last) => Some(&last.at),
        None => session.stopped.as_ref(),
    };
    let time: jiff::Timestamp = text?.parse().ok()?;
    Some(time.as_nanosecond())
}

/// Losses and drift of the last interval.
fn add_what_the_journal_knows(evidence: &Evidence, sample: &mut Sample) {
    let session = &evidence.manifest.session;
    match &evidence.last {
        Some(last) => {
            sample.losses = last.losses;
            sample.taken.monotonic_ns = last.monotonic_ns.min(1 << 62);
            // Of what the rows count, not of something else.
            if last.accounting.totals == sample.accounting.totals {
                sample.accounting.drift = last.accounting.drift;
            }
        }
        None => sample.losses = session.losses,
    }
}

/// What the manifest knows of what the diagnosis was told.
pub(crate) fn options(manifest: &Manifest) -> Options {
    let session = &manifest.session;
    let by_hand = || Options {
        expect: match session.expected_connections {
            Some(connections) => Expect::Connections(connections.max(1)),
            None => Expect::Auto,
        },
        ..Options::default()
    };
    session.options.clone().unwrap_or_else(by_hand)
}

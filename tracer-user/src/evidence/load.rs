//! From a directory to what a diagnosis needs.

use std::path::Path;

use super::{
    at::At,
    error::EvidenceError,
    manifest::Manifest,
    read::Evidence,
    rebuild::{Looks, Pace, Walk},
    rows::Kind,
    state::State,
};
use crate::{
    diagnosis::{Expect, Judge, Options, words},
    model::sample::Sample,
    report::{Origin, day_and_clock, day_and_clock_of, utc_ns},
};

/// What is judged before a moment, where nobody says and the recording does not: as `record` does.
const WINDOW_NS: u64 = 600_000_000_000;

/// A judge needs to see this part of the window before it, to have it begin where it should ...
const LEAD_SHARE: u64 = 10;

/// ... and at least this many intervals.
const LEAD_INTERVALS: u64 = 3;

/// With fewer looks than this, nothing has held for several of them; then what the last one shows is said.
const FEW_LOOKS: u64 = 4;

/// Rows that begin so much later than the recording are not all there were, ns.
const LATE_NS: i128 = 10_000_000_000;

/// What is wanted of a recording.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Which of several in a directory, counted from 1; `None`: the last.
    pub number: Option<u32>,
    /// As it was at this moment; `None`: at its end.
    pub at: Option<At>,
    /// How much time before is judged, ns; `None`: as much as when it was recorded.
    pub window_ns: Option<u64>,
}

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

/// Reads all of a directory.
///
/// # Errors
/// As for [`load_wanted`].
#[cfg(any(test, feature = "testing"))]
pub fn load(path: &Path) -> Result<Loaded, EvidenceError> {
    load_wanted(path, &Wanted::default())
}

/// Reads what is wanted of a directory: from its last state where that tells it, else from the rows.
///
/// # Errors
/// When it is no evidence directory, there is no such recording or moment, or a row is none.
pub fn load_wanted(path: &Path, wanted: &Wanted) -> Result<Loaded, EvidenceError> {
    let mut evidence = Evidence::open(path, wanted.number)?;
    let mut notes: Vec<String> = evidence
        .notes
        .iter()
        .map(|note| format!("{}: {note}", path.display()))
        .collect();
    let mut note = |what: String| notes.push(format!("{}: {what}", path.display()));
    let origin = evidence.manifest.origin();
    let at = match wanted.at {
        Some(at) => Some(moment(&evidence, at)?),
        None => None,
    };
    let state = usable_state(&evidence).and_then(|state| match at {
        Some(at) if !is_newest_at(&evidence, &state, at) => Err(None),
        _ => Ok(state),
    });
    match state {
        Ok(state) if reaches(&state, wanted.window_ns) => {
            if at.is_none() {
                age(&evidence, &state).map(&mut note);
            }
            let mut judge = state.judge();
            if let Some(length_ns) = wanted.window_ns {
                judge.shorten_window(length_ns, state.sample.taken.monotonic_ns);
            }
            Ok(Loaded {
                judge,
                sample: state.sample,
                options: state.options,
                origin,
                notes,
            })
        }
        other => {
            let recorded = evidence.manifest.session.window_ns;
            let window_ns = wanted.window_ns.or(recorded).or(at.map(|_| WINDOW_NS));
            if let Err(Some(why)) = &other {
                note(format!(
                    "{why}; diagnosed from the rows alone, which lack some details"
                ));
            }
            let options = match other {
                Ok(state) => state.options,
                Err(_) => options(&evidence.manifest),
            };
            let (sample, judge, begins_late) = from_rows(&mut evidence, window_ns, at, &options)?;
            begins_late.map(&mut note);
            Ok(Loaded {
                sample,
                judge,
                options,
                origin,
                notes,
            })
        }
    }
}

/// Which moment is meant, UTC, ns.
fn moment(evidence: &Evidence, at: At) -> Result<i128, EvidenceError> {
    let session = &evidence.manifest.session;
    let wrong = |what: String| EvidenceError::new(evidence.folder.path(), what);
    let end = end(evidence)
        .ok_or_else(|| wrong("when it was recorded is unknown, so --at has no meaning".to_owned()))?;
    at.within(utc_ns(&session.started).unwrap_or(end), end)
        .map_err(wrong)
}

/// The state, if it belongs to this recording; else why there is none.
fn usable_state(evidence: &Evidence) -> Result<State, Option<String>> {
    let state = State::read(&evidence.folder).map_err(|error| match error.is_missing() {
        true => "has no state.json".to_owned(),
        false => error.to_string(),
    })?;
    if state.session != evidence.manifest.session.session {
        return Err(Some("its state.json belongs to another recording".to_owned()));
    }
    Ok(state)
}

/// The state, if it is that of the last interval.
pub(crate) fn fresh_state(evidence: &Evidence) -> Option<State> {
    let state = usable_state(evidence).ok()?;
    let last = evidence.last.as_ref();
    last.is_none_or(|last| last.interval == state.interval)
        .then_some(state)
}

/// Whether a state tells all there is to say of the moment: no interval lies between the two.
fn is_newest_at(evidence: &Evidence, state: &State, at: i128) -> bool {
    let taken = state.sample.taken.utc_ns;
    let interval_ns = i128::from(evidence.manifest.session.interval_ms) * 1_000_000;
    // The last one of a recording comes when it ends.
    let is_last = evidence
        .last
        .as_ref()
        .is_none_or(|last| last.interval == state.interval);
    taken <= at && (is_last || at < taken + interval_ns)
}

/// Whether what led to a state reaches back so far.
fn reaches(state: &State, window_ns: Option<u64>) -> bool {
    let judge = state.judge();
    let window = judge.history().window();
    window_ns.is_none_or(|length_ns| window.reaches(length_ns, state.sample.taken.monotonic_ns))
}

/// That a state is older than the rows, and by how much.
fn age(evidence: &Evidence, state: &State) -> Option<String> {
    let last = evidence
        .last
        .as_ref()
        .filter(|last| last.interval != state.interval)?;
    let taken = state.sample.taken;
    let older = last.monotonic_ns.checked_sub(taken.monotonic_ns)?;
    Some(format!(
        "diagnosed as of {}, {} before its last rows: it is still being recorded, or the recorder was killed (--at judges another moment, from the rows)",
        day_and_clock(taken),
        words::duration(older)
    ))
}

/// Judges the rows. Also says when they do not reach back far enough.
fn from_rows(
    evidence: &mut Evidence,
    window_ns: Option<u64>,
    until: Option<i128>,
    options: &Options,
) -> Result<(Sample, Judge, Option<String>), EvidenceError> {
    if !evidence.has(Kind::Connections) && !evidence.has(Kind::Peers) {
        return Err(EvidenceError::new(
            evidence.folder.path(),
            "has neither a usable state.json nor rows, so nothing can be diagnosed",
        ));
    }
    let session = &evidence.manifest.session;
    let started = utc_ns(&session.started);
    let lead_ns = LEAD_INTERVALS * session.interval_ms.saturating_mul(1_000_000);
    let newest = until.or_else(|| end(evidence));
    let begin = window_ns.zip(newest).map(|(length_ns, end)| {
        let lead_ns = lead_ns.max(length_ns / LEAD_SHARE);
        end - i128::from(length_ns) - i128::from(lead_ns)
    });
    if let (Some(begin), Some(end)) = (begin, newest) {
        evidence.narrow(begin, end)?;
    }
    let mut walk = Walk::of(evidence)?;
    let begin = begin.or(started).unwrap_or(i128::MIN);
    let mut looks = newest.map(|end| Looks::between(begin, end));
    let mut pace = Pace::until(newest);
    let mut judge = Judge::new(window_ns);
    let (mut seen, mut begins_late) = (0, None);
    let is_later = |at: i128| until.is_some_and(|until| at > until);
    while walk.next_at().is_none_or(|at| !is_later(at)) {
        let Some(at) = walk.step()? else { break };
        if walk.next_at().is_none_or(is_later) {
            // That is the one that is judged in the end.
            break;
        }
        let peers = walk.rebuild.len();
        if looks.as_mut().is_some_and(|looks| looks.wants(at, peers)) {
            judge.look(&walk.rebuild.sample(Some(at)), options);
            seen += 1;
            if seen == 1 && started.is_some_and(|started| at - started > LATE_NS) {
                // What the counters had come to by then is none of what is judged.
                judge.begin_anew();
                if window_ns == evidence.manifest.session.window_ns {
                    judge.recall(walk.rebuild.said());
                }
                begins_late = late(at, begin);
            }
        } else if pace.wants(at, peers) {
            judge.add_outline(&walk.rebuild.outline(at));
        }
    }
    if until.is_some() && walk.rebuild.is_empty() {
        let what = "has no rows from before the moment that --at names";
        return Err(EvidenceError::new(evidence.folder.path(), what));
    }
    if walk.next_at().is_none() {
        walk.rest()?;
    }
    let mut sample = walk.rebuild.sample(end(evidence));
    add_what_the_journal_knows(evidence, &mut sample);
    if seen >= FEW_LOOKS {
        judge.look(&sample, options);
    } else {
        judge.add(&sample);
        judge.reconsider();
    }
    Ok((sample, judge, begins_late))
}

/// That rows begin later than what is to be judged.
fn late(first: i128, begin: i128) -> Option<String> {
    let missing = first - begin > LATE_NS && begin > i128::MIN;
    missing.then(|| {
        let since = day_and_clock_of(first);
        format!("its rows begin only at {since}, so less is judged than was asked for")
    })
}

/// When the recording ended, as far as something other than the rows tells.
pub(crate) fn end(evidence: &Evidence) -> Option<i128> {
    let session = &evidence.manifest.session;
    let text = match &evidence.last {
        Some(last) => Some(&last.at),
        None => session.stopped.as_ref(),
    };
    utc_ns(text?)
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

#[cfg(test)]
mod tests;

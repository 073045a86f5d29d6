//! Loads a directory as input for the diagnosis.

use std::path::Path;

use super::{
    at::At,
    error::EvidenceError,
    journal::Interval,
    manifest::Manifest,
    read::Evidence,
    rebuild::{Looks, Pace, Walk, catch_up},
    rows::Kind,
    state::State,
};
use crate::{
    diagnosis::{Expect, Judge, Options, words},
    model::{accounting::Accounting, sample::Sample},
    report::{Origin, day_and_clock, day_and_clock_of, utc_ns},
};

/// The window, if neither the user nor the recording gives one: that of `record`.
const WINDOW_NS: u64 = 600_000_000_000;

/// To start the window correctly, a judge needs to see this part of it in advance ...
const LEAD_SHARE: u64 = 10;

/// ... and at least this many intervals.
const LEAD_INTERVALS: u64 = 3;

/// With fewer looks, no verdict has held for several of them; then the last look decides.
const FEW_LOOKS: u64 = 4;

/// Rows that begin this much later than the recording are not complete, ns.
const LATE_NS: i128 = 10_000_000_000;

/// Which recording to load, and as of when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Its number in the directory, counted from 1; `None` means the last.
    pub number: Option<u32>,
    /// As of this moment; `None` means its end.
    pub at: Option<At>,
    /// How much time before that is judged, ns; `None` means as much as when it was recorded.
    pub window_ns: Option<u64>,
}

/// Whose recording it is, and which time of it is judged; known without reading the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// The host's name.
    pub host: String,
    /// Its service, if it was given.
    pub service: Option<String>,
    /// When tracing began, UTC, ns.
    pub started: i128,
    /// When the time begins that is judged.
    pub begin: i128,
    /// When it ends.
    pub end: i128,
    /// Whether connections of the host's own processes were traced.
    pub has_outbound: bool,
}

impl Period {
    /// Looks at a directory.
    ///
    /// # Errors
    /// As for [`load_wanted`].
    pub fn of(path: &Path, wanted: &Wanted) -> Result<Self, EvidenceError> {
        let evidence = Evidence::open_end(path, wanted.number)?;
        let session = &evidence.manifest.session;
        let end = match wanted.at {
            Some(at) => Some(moment(&evidence, at)?),
            None => end(&evidence),
        };
        let started = utc_ns(&session.started).or(end).unwrap_or(0);
        let end = end.unwrap_or(started);
        let window_ns = window_of(wanted, session.window_ns);
        Ok(Self {
            host: session.host.clone(),
            service: session.service.clone(),
            started,
            begin: window_ns.map_or(started, |length| started.max(end - i128::from(length))),
            end,
            has_outbound: session.filters.direction != "inbound",
        })
    }
}

/// The earlier recordings of a directory into which the window reaches that the user gave: those before a
/// reboot, if `record --append` goes on in the same directory. The latest is first.
///
/// # Errors
/// As for [`load_wanted`].
pub fn reached(path: &Path, wanted: &Wanted) -> Result<Vec<Wanted>, EvidenceError> {
    let mut reached = Vec::new();
    let (Some(length_ns), None) = (wanted.window_ns, wanted.number) else {
        return Ok(reached);
    };
    let last = Period::of(path, wanted)?;
    let begin = last.end - i128::from(length_ns);
    let recordings = Evidence::open_end(path, None)?.manifest.recordings();
    let mut started = last.started;
    for number in (1..u32::try_from(recordings).unwrap_or(u32::MAX)).rev() {
        let one = Wanted {
            number: Some(number),
            at: None,
            window_ns: wanted.window_ns,
        };
        // Rotation may have removed it.
        let Ok(period) = Period::of(path, &one) else { break };
        if started <= begin || period.end <= begin || period.host != last.host {
            break;
        }
        started = period.started;
        reached.push(Wanted {
            window_ns: u64::try_from(period.end - begin).ok(),
            ..one
        });
    }
    Ok(reached)
}

/// How much time is judged, ns; `None`: the whole run.
fn window_of(wanted: &Wanted, recorded: Option<u64>) -> Option<u64> {
    wanted.window_ns.or(recorded).or(wanted.at.map(|_| WINDOW_NS))
}

/// A loaded recording.
#[derive(Debug)]
pub struct Loaded {
    /// Everything known at its end.
    pub sample: Sample,
    /// The run up to it, with the verdicts so far.
    pub judge: Judge,
    /// The options of the diagnosis.
    pub options: Options,
    /// The host where it was made.
    pub origin: Origin,
    /// Notes for the reader, one line each.
    pub notes: Vec<String>,
}

/// Loads a whole directory.
///
/// # Errors
/// As for [`load_wanted`].
#[cfg(any(test, feature = "testing"))]
pub fn load(path: &Path) -> Result<Loaded, EvidenceError> {
    load_wanted(path, &Wanted::default())
}

/// Loads part of a directory: from its last state if that suffices, otherwise from the rows.
///
/// # Errors
/// If it is not an evidence directory, there is no such recording or moment, or a row is invalid.
pub fn load_wanted(path: &Path, wanted: &Wanted) -> Result<Loaded, EvidenceError> {
    let mut evidence = Evidence::open_end(path, wanted.number)?;
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
            let older = match at {
                None => age(&evidence, &state),
                Some(_) => None,
            };
            let (sample, mut judge, options) = match older {
                Some(age) => {
                    note(age);
                    let mut judge = state.judge();
                    let sample = catch_up(&mut evidence, &state, &mut judge)?;
                    (sample, judge, state.options)
                }
                None => state.into_parts(),
            };
            if let Some(length_ns) = wanted.window_ns {
                judge.shorten_window(length_ns, sample.taken.monotonic_ns);
            }
            Ok(Loaded {
                judge,
                sample: with_losses_of_rows(&evidence, sample),
                options,
                origin,
                notes,
            })
        }
        other => {
            let recorded = evidence.manifest.session.window_ns;
            let window_ns = window_of(wanted, recorded);
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
                sample: with_losses_of_rows(&evidence, sample),
                judge,
                options,
                origin,
                notes,
            })
        }
    }
}

/// Adds the rows that could not be written, which a sample does not know.
fn with_losses_of_rows(evidence: &Evidence, mut sample: Sample) -> Sample {
    let last = evidence.last.as_ref().map_or(0, |last| last.rows_not_written);
    let known = evidence.manifest.session.rows_not_written.max(last);
    let lost = &mut sample.losses.rows_not_written;
    *lost = (*lost).max(known);
    sample
}

/// The moment meant, UTC, ns.
fn moment(evidence: &Evidence, at: At) -> Result<i128, EvidenceError> {
    let session = &evidence.manifest.session;
    let wrong = |what: String| EvidenceError::new(evidence.folder.path(), what);
    let end = end(evidence)
        .ok_or_else(|| wrong("the time of the recording is unknown, so --at cannot be used".to_owned()))?;
    at.within(utc_ns(&session.started).unwrap_or(end), end)
        .map_err(wrong)
}

/// The state, if it belongs to this recording; otherwise the reason.
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
    last.is_none_or(|last| is_of(&state, last)).then_some(state)
}

/// Whether a state was made of the same sample as this interval.
fn is_of(state: &State, interval: &Interval) -> bool {
    state.sample.taken.monotonic_ns == interval.monotonic_ns
}

/// Whether a state answers for this moment: no interval lies between the two.
fn is_newest_at(evidence: &Evidence, state: &State, at: i128) -> bool {
    let taken = state.sample.taken.utc_ns;
    let interval_ns = i128::from(evidence.manifest.session.interval_ms) * 1_000_000;
    // A recording writes its last state when it ends.
    let is_last = evidence.last.as_ref().is_none_or(|last| is_of(state, last));
    taken <= at && (is_last || at < taken + interval_ns)
}

/// Whether the history of a state reaches back far enough.
fn reaches(state: &State, window_ns: Option<u64>) -> bool {
    let window = state.history().window();
    window_ns.is_none_or(|length_ns| window.reaches(length_ns, state.sample.taken.monotonic_ns))
}

/// Says that a state is older than the rows, by how much, and what becomes of it.
fn age(evidence: &Evidence, state: &State) -> Option<String> {
    let last = evidence.last.as_ref().filter(|last| !is_of(state, last))?;
    let older = last.monotonic_ns.checked_sub(state.sample.taken.monotonic_ns)?;
    Some(format!(
        "diagnosed as of {}: its last state is {} older, and the rows since are added (it is still being recorded, or the recorder was killed)",
        day_and_clock(last.moment()?),
        words::duration(older)
    ))
}

/// Judges the rows. Also reports if they do not reach back far enough.
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
    } else {
        evidence.widen()?;
    }
    let mut walk = Walk::of(evidence)?;
    let begin = begin.or(started).unwrap_or(i128::MIN);
    let mut looks = newest.map(|end| Looks::between(begin, end));
    let mut pace = Pace::until(newest);
    let mut judge = Judge::new(window_ns);
    let (mut seen, mut begins_late) = (0, None);
    let is_later = |at: i128| until.is_some_and(|until| at > until);
    while walk.next_at()?.is_none_or(|at| !is_later(at)) {
        let Some(at) = walk.step()? else { break };
        if walk.next_at()?.is_none_or(is_later) {
            // This interval is judged at the end.
            break;
        }
        let peers = walk.rebuild.len();
        if looks.as_mut().is_some_and(|looks| looks.wants(at, peers)) {
            judge.look(&walk.rebuild.sample(Some(at)), options);
            seen += 1;
            if seen == 1 && started.is_some_and(|started| at - started > LATE_NS) {
                // The counts up to then are not judged.
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
        let what = "has no rows from before the time given with --at";
        return Err(EvidenceError::new(evidence.folder.path(), what));
    }
    if walk.next_at()?.is_none() {
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

/// Says that the rows begin later than the window.
fn late(first: i128, begin: i128) -> Option<String> {
    let missing = first - begin > LATE_NS && begin > i128::MIN;
    missing.then(|| {
        let since = day_and_clock_of(first);
        format!("its rows only begin at {since}, so less is judged than requested")
    })
}

/// When the recording ended, according to anything but the rows.
pub(crate) fn end(evidence: &Evidence) -> Option<i128> {
    let session = &evidence.manifest.session;
    let text = match &evidence.last {
        Some(last) => Some(&last.at),
        None => session.stopped.as_ref(),
    };
    utc_ns(text?)
}

/// Adds losses and accounting of the last interval. The rows alone do not say what those peers had counted
/// that left before the first row read.
fn add_what_the_journal_knows(evidence: &Evidence, sample: &mut Sample) {
    let session = &evidence.manifest.session;
    match &evidence.last {
        Some(last) => {
            sample.losses = last.losses;
            sample.taken.monotonic_ns = last.monotonic_ns.min(1 << 62);
            sample.accounting = Accounting {
                // The check says nothing about peers whose rows are missing.
                drift: last.accounting.drift.filter(|_| last.rows_not_written == 0),
                ..last.accounting
            };
        }
        None => sample.losses = session.losses,
    }
}

/// The options of the diagnosis, as far as the manifest has them.
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

//! One recording on its way into files: its intervals in order, an hour of each segment after the other.

use std::{collections::BTreeSet, ops::RangeInclusive, path::Path, thread, time::Duration};

use hashbrown::{HashMap, HashSet};

use super::{
    Exporter,
    files::Files,
    place::{Labels, hour},
};
use crate::{
    evidence::{
        EvidenceError,
        load::fresh_state,
        read::{Evidence, Frame},
        rebuild::{Intervals, Rebuild},
        rows::{ConnectionRow, Kind, PeerRow},
        service::Service,
    },
    model::{
        peer::{Counters, PeerId},
        sample::Moment,
    },
};

/// How often the journals are listed again if the recorder begins a segment meanwhile.
const MAX_TRIES: u32 = 3;

/// How long it waits for that.
const A_MOMENT: Duration = Duration::from_millis(20);

/// Successive intervals of one segment within an hour: what one file of each kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) first: Moment,
    pub(super) last: Moment,
    pub(super) hour: (String, String),
}

impl Unit {
    fn all(frames: &[Frame]) -> Vec<Self> {
        let mut units: Vec<Self> = Vec::new();
        for frame in frames {
            let hour = hour(frame.at.utc_ns);
            match units.last_mut() {
                Some(unit) if unit.hour == hour => unit.last = frame.at,
                _ => units.push(Self {
                    first: frame.at,
                    last: frame.at,
                    hour,
                }),
            }
        }
        units
    }
}

/// The numbers of a directory's recordings, as far as its manifest lists them.
pub(super) fn numbers(path: &Path) -> Result<RangeInclusive<u32>, EvidenceError> {
    let evidence = Evidence::open_bare(path, None)?;
    let last = u32::try_from(evidence.recordings).unwrap_or(u32::MAX);
    let earlier = u32::try_from(evidence.manifest.earlier.len()).unwrap_or(u32::MAX);
    Ok(last.saturating_sub(earlier).max(1)..=last)
}

/// A recording, and how far it has been exported.
pub(super) struct Track {
    evidence: Evidence,
    labels: Labels,
    /// The rows of the segments that were read to their end.
    rebuild: Rebuild,
    /// The last of these.
    done: u64,
}

/// A segment of which files are missing.
struct Task {
    journal: (Option<u64>, String),
    /// When these begin, monotonic, ns.
    missing: BTreeSet<u64>,
}

impl Track {
    /// Opens the recording with this number, counted from 1. Its own service gives way to another one.
    pub(super) fn open(path: &Path, number: u32, service: Option<&Service>) -> Result<Self, EvidenceError> {
        let evidence = Evidence::open_bare(path, Some(number))?;
        let session = &evidence.manifest.session;
        let service = match (service, &session.service) {
            (Some(service), _) => service.clone(),
            (None, Some(name)) => name
                .parse()
                .map_err(|why| EvidenceError::new(path, format!("names no valid service: {why}")))?,
            (None, None) => Service::default(),
        };
        Ok(Self {
            labels: Labels::of(session, service),
            rebuild: Rebuild::new(session),
            evidence,
            done: 0,
        })
    }

    /// Makes the files that are not there yet. Without `all`, only those of hours and segments that have
    /// ended.
    pub(super) fn export(&mut self, to: &mut Exporter, all: bool) -> Result<(), EvidenceError> {
        for _ in 0..MAX_TRIES {
            if let Some(tasks) = self.tasks(to, all)? {
                // What is there already is read up to the last segment that has something new.
                let last = tasks.iter().rposition(|task| !task.missing.is_empty());
                let wanted = last.map_or(0, |last| last + 1);
                return tasks
                    .into_iter()
                    .take(wanted)
                    .try_for_each(|task| self.work(to, &task));
            }
            thread::sleep(A_MOMENT);
        }
        match all {
            true => {
                let what = "has no intervals.jsonl, so it is not known which intervals are whole";
                to.note(Err(EvidenceError::new(self.evidence.folder.path(), what)))
                    .map(drop)
            }
            // The next attempt finds it.
            false => Ok(()),
        }
    }

    /// The segments that were not read to their end; `None` if the recorder began one meanwhile.
    fn tasks(&mut self, to: &mut Exporter, all: bool) -> Result<Option<Vec<Task>>, EvidenceError> {
        let mut tasks = Vec::new();
        let mut before = None;
        for journal in self.evidence.journals()? {
            let number = journal.0;
            if number.is_some_and(|number| number <= self.done) {
                before = number;
                continue;
            }
            let read = self.read_journal(&journal);
            if number.is_none() && read.as_ref().is_err_and(EvidenceError::is_missing) {
                return Ok(None);
            }
            if !to.note(read)? {
                continue;
            }
            let segment = self.evidence.last.as_ref().map(|last| last.segment);
            if number.is_none() && before.zip(segment).is_some_and(|(before, now)| now > before + 1) {
                return Ok(None);
            }
            before = number.or(before);
            let mut units = Unit::all(&self.evidence.frames);
            let is_over = all || number.is_some() || self.is_over();
            if !is_over {
                units.pop();
            }
            let mut missing = BTreeSet::new();
            for unit in &units {
                if self.is_missing(to, unit)? {
                    missing.insert(unit.first.monotonic_ns);
                }
            }
            tasks.push(Task { journal, missing });
        }
        Ok(Some(tasks))
    }

    /// Whether the intervals found last are the end of the recording.
    fn is_over(&self) -> bool {
        self.evidence.last.as_ref().is_some_and(|last| last.last)
    }

    fn read_journal(&mut self, journal: &(Option<u64>, String)) -> Result<(), EvidenceError> {
        match self.evidence.only(journal) {
            // Rotation has removed it meanwhile, or the whole recording was removed.
            Err(error) if error.is_missing() && (journal.0.is_some() || !self.evidence.is_there()) => Ok(()),
            other => other,
        }
    }

    fn is_missing(&self, to: &mut Exporter, unit: &Unit) -> Result<bool, EvidenceError> {
        let mut missing = false;
        for kind in super::KINDS {
            let is_there = to.place.has(kind, &self.labels, unit);
            match is_there {
                Ok(is_there) => missing |= !is_there,
                Err(error) => {
                    to.note(Err(error))?;
                    return Ok(false);
                }
            }
        }
        to.report.there += u64::from(!missing) * super::KINDS.len() as u64;
        Ok(missing)
    }

    /// Reads a segment, and makes its missing files.
    fn work(&mut self, to: &mut Exporter, task: &Task) -> Result<(), EvidenceError> {
        if !to.note(self.read_journal(&task.journal))? || self.evidence.frames.is_empty() {
            return Ok(());
        }
        let before = task.journal.0.is_none().then(|| self.rebuild.clone());
        let walked = self.walk(to, task);
        match (task.journal.0, before) {
            (Some(number), _) => self.done = number,
            // It goes on.
            (None, Some(before)) => self.rebuild = before,
            (None, None) => {}
        }
        to.note(walked).map(drop)
    }

    fn walk(&mut self, to: &mut Exporter, task: &Task) -> Result<(), EvidenceError> {
        let (frames, units) = (self.evidence.frames.clone(), Unit::all(&self.evidence.frames));
        let mut units = units.iter().peekable();
        let mut files: Option<Files> = None;
        let mut connections = match self.evidence.has(Kind::Connections) {
            true => Some(self.evidence.rows::<ConnectionRow>()?),
            false => None,
        };
        let end = self.evidence.last.as_ref().filter(|last| last.last);
        let end_ns = end.map(|end| end.monotonic_ns);
        // Rotation may have removed what came before.
        let first = self.evidence.manifest.session.first_segment;
        let segment = self.evidence.last.as_ref().map_or(first, |last| last.segment);
        let mut is_cut = segment > first && self.rebuild.is_empty();
        for (frame, step) in frames.iter().zip(Intervals::of(&self.evidence)?) {
            let (step, goes_on) = (step?, std::mem::take(&mut is_cut));
            let begins = units.next_if(|unit| unit.first == frame.at);
            if let Some(unit) = begins {
                finish(files.take(), to)?;
                if task.missing.contains(&unit.first.monotonic_ns) {
                    files = Some(Files::begin(&to.place, &self.labels, unit)?);
                }
            }
            let (is_whole, changed) = (step.whole, step.whole || !step.listeners.is_empty());
            let earlier = match begins.is_some() || is_whole {
                true => self.rows_so_far(),
                false => HashMap::new(),
            };
            let mut peers = step.peers.clone();
            self.rebuild.interval(step);
            for _ in 0..frame.connections {
                let row = connections.as_mut().and_then(Iterator::next).transpose()?;
                let Some(row) = row else { break };
                if row.close_reason.is_some() {
                    self.rebuild.connection(&row);
                }
                if let Some(files) = &mut files {
                    files.connection(&row)?;
                }
            }
            let Some(files) = &mut files else { continue };
            if is_whole {
                add_those_that_left(&mut peers, &earlier, frame.at);
            }
            let is_end = Some(frame.at.monotonic_ns) == end_ns;
            let exact = if is_end { self.at_the_end() } else { HashMap::new() };
            let rows = match begins.is_some() || is_end {
                true => self.listed(frame.at, &peers),
                false => peers,
            };
            for row in &rows {
                let shown = self.rebuild.counters(&row.id);
                let carried = goes_on || earlier.get(&row.id).is_some_and(|last| last.opens <= row.opens);
                files.peer(row, carried, shown.as_ref(), exact.get(&row.id))?;
            }
            if changed || begins.is_some() {
                for row in self.rebuild.listeners() {
                    files.listener(row, frame.at)?;
                }
            }
        }
        finish(files, to)
    }

    /// The rows of all peers at an interval that has these: each file stands for itself.
    fn listed(&self, at: Moment, peers: &[PeerRow]) -> Vec<PeerRow> {
        let left = peers.iter().filter(|row| row.left == Some(true));
        let mut rows: Vec<PeerRow> = self
            .rebuild
            .rows()
            .chain(left)
            .map(|row| row.clone().at(at))
            .collect();
        rows.sort_unstable_by_key(|row| row.id);
        rows
    }

    /// The last rows of the peers so far.
    fn rows_so_far(&self) -> HashMap<PeerId, PeerRow> {
        self.rebuild.rows().map(|row| (row.id, row.clone())).collect()
    }

    /// All figures of the peers at the end of the recording.
    fn at_the_end(&self) -> HashMap<PeerId, Counters> {
        let is_newest = self.evidence.manifest.recordings() == self.evidence.recordings;
        let state = is_newest.then(|| fresh_state(&self.evidence)).flatten();
        let peers = state.map(|state| state.sample.peers).unwrap_or_default();
        peers.into_iter().map(|peer| (peer.id, peer.counters)).collect()
    }
}

/// A key frame has rows of all peers that are still there, so those without one have left.
fn add_those_that_left(peers: &mut Vec<PeerRow>, earlier: &HashMap<PeerId, PeerRow>, at: Moment) {
    let there: HashSet<PeerId> = peers.iter().map(|row| row.id).collect();
    let left = earlier.values().filter(|row| !there.contains(&row.id));
    peers.extend(left.map(|row| row.clone().leaves(at.utc_ns)));
}

fn finish(files: Option<Files>, to: &mut Exporter) -> Result<(), EvidenceError> {
    match files {
        Some(files) => files.finish(&mut to.report),
        None => Ok(()),
    }
}

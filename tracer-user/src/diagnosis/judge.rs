//! Judges sample after sample, and remembers what it said: a verdict changes only when another one has held for
//! several samples, and a pile is one for as long as it stands.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::{
    Answer, Diagnosis, Movement, Options, Verdict,
    answer::{self, HostWide, Judged, Recovered},
    cause::{self, Finding, Grown},
    changes::Changes,
    listeners,
    norm::Norm,
    recent,
    scene::{From, Scene},
    thresholds::PILE_STANDS,
};
use crate::{
    memory,
    model::{
        history::History,
        peer::PeerId,
        sample::{self, Moment, Sample},
        serial::pairs,
    },
};

/// A new verdict stands when it was given so many times in a row.
const LOOKS: u32 = 3;

/// Or twice in a row, this far apart, ns: with long intervals.
const OR_NS: u64 = 10_000_000_000;

/// Judges the samples of one run.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    history: History,
    memory: Memory,
}

/// What was said of each peer, as far as that matters for what is said next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// What was said last, by slot: all that is to be known of those of whom nothing else is kept.
    #[serde(skip)]
    lately: Vec<Verdict>,
    #[serde(with = "pairs")]
    peers: HashMap<PeerId, Standing>,
    pub(super) changes: Changes,
}

/// What stands about one peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Standing {
    verdict: Verdict,
    also: Vec<Verdict>,
    confidence: f64,
    /// Another one that has been given since, how often, and since when.
    next: Option<(Verdict, u32, u64)>,
    recovered: Option<Recovered>,
    grown: Option<Grown>,
    /// The most it held before it last piled up.
    #[serde(default)]
    usual: Option<u64>,
    /// Whether any of this was said yet.
    has_spoken: bool,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            verdict: Verdict::InsufficientData,
            also: Vec::new(),
            confidence: 0.0,
            next: None,
            recovered: None,
            grown: None,
            usual: None,
            has_spoken: false,
        }
    }
}

impl Judge {
    /// Judges what happened in the last `window_ns`, or in all of the run.
    pub fn new(window_ns: Option<u64>) -> Self {
        Self {
            history: History::of_window(window_ns),
            ..Self::default()
        }
    }

    /// A judge that has seen a run and said this of it.
    pub fn of(history: History, memory: Memory) -> Self {
        Self { history, memory }
    }

    /// Takes in one more sample without judging it.
    pub fn add(&mut self, sample: &Sample) {
        self.history.add(sample);
    }

    /// Takes in a sample of which only the number of open connections is known.
    pub fn add_outline(&mut self, sample: &Sample) {
        self.history.add_outline(sample);
    }

    /// Takes in one more sample and judges it; samples come in the order in which they were taken.
    pub fn look(&mut self, sample: &Sample, options: &Options) -> Diagnosis {
        self.judged(sample, options, false)
    }

    fn judged(&mut self, sample: &Sample, options: &Options, is_last: bool) -> Diagnosis {
        self.history.add(sample);
        let mut diagnosis = judge(sample, &self.history, options, &self.memory);
        self.memory.settle(&mut diagnosis, is_last);
        diagnosis
    }

    /// Takes in the last sample of a run and judges it. There will be no other to confirm what it says of those of whom
    /// nothing has been said yet.
    pub fn conclude(&mut self, sample: &Sample, options: &Options) -> Diagnosis {
        self.judged(sample, options, true)
    }

    /// What was said of its newest sample, once more.
    pub fn again(&self, sample: &Sample, options: &Options) -> Diagnosis {
        let mut diagnosis = judge(sample, &self.history, options, &self.memory);
        self.memory.show(&mut diagnosis);
        diagnosis
    }

    /// Forgets what it said, for when it is to judge by other options. That piles grew happened all the same.
    pub fn reconsider(&mut self) {
        self.memory.peers.values_mut().for_each(Standing::reconsider);
        self.memory.changes.reconsider();
    }

    /// Judges only the last `length_ns` before a moment of its end, and forgets what it said of more.
    pub fn shorten_window(&mut self, length_ns: u64, now_ns: u64) {
        self.history.shorten_window(length_ns, now_ns);
        self.reconsider();
    }

    /// Takes over what was said of peers elsewhere, and how sure that was.
    pub fn recall(&mut self, said: impl IntoIterator<Item = (PeerId, Verdict, f64)>) {
        for (peer, verdict, confidence) in said {
            let standing = self.memory.peers.entry(peer).or_default();
            if standing.verdict != verdict {
                (standing.verdict, standing.confidence) = (verdict, confidence);
                (standing.next, standing.recovered) = (None, None);
                standing.also.clear();
            }
            standing.has_spoken = true;
        }
    }

    /// Judges from now on only what comes after the newest sample, and forgets what it said of the peers.
    pub fn begin_anew(&mut self) {
        self.history.begin_anew();
        self.memory.peers.clear();
        self.memory.changes.begin_anew();
    }

    /// Whether it remembers what it said of the samples before.
    pub fn has_spoken(&self) -> bool {
        !self.memory.peers.is_empty()
    }

    /// The run so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What was said so far.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}

/// Judges one sample with what led to it, as a [`Judge`] would that had said nothing before.
pub fn diagnose(sample: &Sample, history: &History, options: &Options) -> Diagnosis {
    let mut diagnosis = judge(sample, history, options, &Memory::default());
    diagnosis.order();
    diagnosis
}

fn judge(sample: &Sample, history: &History, options: &Options, memory: &Memory) -> Diagnosis {
    let scene = Scene::of(sample, history, options, memory);
    let nothing_yet = (Arc::new(Norm::default()), Arc::new(HostWide::default()));
    // Each is put together in its place, without its verdict, which takes all the others' figures.
    let mut peers: Vec<Judged> = memory::room_for(sample.peers.len());
    peers.extend(sample.peers.iter().map(|peer| {
        let figures = scene.figures(peer, From::Start);
        Judged {
            host: None,
            id: peer.id,
            finding: cause::nothing_to_say(),
            first_seen: Some(moment(sample, figures.first_seen_ns)),
            last_seen: Some(moment(sample, figures.last_seen_ns)),
            figures,
            recovered: None,
            impact: answer::Impact::default(),
            shared_address: false,
            slot: peer.slot,
            expected: scene.expected(peer.id),
            own_requests: scene.own_requests(peer.id),
            grown: memory.grown(peer.id),
            norm: Arc::clone(&nothing_yet.0),
            host_wide: Arc::clone(&nothing_yet.1),
        }
    }));
    let norms = scene.norms(peers.iter().map(|peer| (peer.id, &peer.figures)));
    let (listeners, capacity) = listeners::of(sample, history, options);
    let host = Arc::new(HostWide {
        now_ns: sample.taken.monotonic_ns,
        hold_ns: options.hold_ns,
        thresholds: options.thresholds,
        listeners: listeners.clone(),
    });
    for (peer, judged) in sample.peers.iter().zip(&mut peers) {
        judged.norm = norms.of(peer.id);
        judged.host_wide = Arc::clone(&host);
        judged.impact = answer::Impact::of(&judged.figures, &judged.norm);
        one(&scene, peer, judged);
    }
    let main = norms.main();
    // It is put in order, with what comes of it, when what stands is known.
    Diagnosis {
        answer: Answer::InsufficientData,
        started: sample.started,
        window_start: {
            let start = history.window().start().unwrap_or(sample.started);
            let since = sample.earlier.since.unwrap_or(start.utc_ns);
            Moment {
                utc_ns: start.utc_ns.min(since),
                ..start
            }
        },
        earlier_ns: sample.earlier.window_ns,
        taken: sample.taken,
        expected: main.expected,
        learned: main.learned,
        norms: norms.all(),
        thresholds: options.thresholds,
        options: options.clone(),
        workers: options.workers.clone(),
        accounting: sample.accounting,
        losses: sample.losses,
        unattributed: sample.unattributed.clone(),
        listeners,
        capacity,
        movement: Movement {
            from: sample.accounting.totals.seeded,
            to: sample.accounting.open_now,
            surge: history.surge().cloned(),
        },
        causes: Vec::new(),
        changes: Vec::new(),
        changes_dropped: 0,
        peers,
    }
}

/// Judges one peer by its figures of the window, and by what it did lately where that differs.
fn one(scene: &Scene<'_>, peer: &sample::Peer, judged: &mut Judged) {
    let lately = {
        let about = judged.about();
        let case = about.case(&judged.figures);
        let (finding, shared) = (cause::judge(&case), cause::is_shared(&case));
        let lately = if cause::is_of_ends(finding.verdict) {
            recent::mended(scene, peer, &about, &judged.figures)
        } else if finding.verdict.accuses() {
            None
        } else {
            recent::spoiled(scene, peer, &about, &judged.figures)
        };
        judged.finding = finding;
        judged.shared_address = shared;
        lately
    };
    let Some(lately) = lately else {
        return;
    };
    if judged.finding.verdict.accuses() {
        judged.recovered = Some(Recovered {
            verdict: judged.finding.verdict,
            since: moment(scene.sample, lately.since_ns),
        });
    }
    (judged.finding, judged.figures) = (lately.finding, lately.figures);
}

/// A monotonic time of this boot on both clocks.
fn moment(sample: &Sample, ns: u64) -> Moment {
    let now = sample.taken;
    let before = now.monotonic_ns.saturating_sub(ns);
    Moment {
        monotonic_ns: ns,
        utc_ns: now.utc_ns - i128::from(before),
    }
}

impl Memory {
    fn grown(&self, peer: PeerId) -> Option<Grown> {
        self.peers.get(&peer)?.grown
    }

    /// The most a peer held before it piled up, if it did so before.
    pub(super) fn usual(&self, peer: PeerId) -> Option<u64> {
        self.peers.get(&peer)?.usual
    }

    /// Makes the names in it harmless, where it was read from a file.
    pub fn sanitise(&mut self) {
        self.changes.sanitise();
    }

    /// Makes a diagnosis say what stands.
    fn show(&self, diagnosis: &mut Diagnosis) {
        for peer in &mut diagnosis.peers {
            if let Some(standing) = self.peers.get(&peer.id).filter(|standing| standing.has_spoken) {
                standing.show(peer);
            }
        }
        diagnosis.order();
        diagnosis.changes = self.changes.recent();
        diagnosis.changes_dropped = self.changes.dropped();
    }

    /// Makes a diagnosis say what stands, and remembers it.
    fn settle(&mut self, diagnosis: &mut Diagnosis, is_last: bool) {
        let taken = diagnosis.taken;
        let mut were = HashMap::new();
        for peer in &mut diagnosis.peers {
            let slot = peer.slot as usize;
            if self.lately.len() <= slot {
                self.lately.resize(slot + 1, Verdict::InsufficientData);
            }
            let Some(lately) = self.lately.get_mut(slot) else {
                continue;
            };
            let known = self.peers.get_mut(&peer.id);
            if known.is_none() && !is_remarkable(peer.finding.verdict) && peer.recovered.is_none() {
                // Most of them, all the time.
                *lately = peer.finding.verdict;
                continue;
            }
            let is_new = known.is_none();
            let mut unknown = Standing {
                verdict: *lately,
                ..Standing::default()
            };
            let standing = known.unwrap_or(&mut unknown);
            let before = standing.verdict;
            standing.settle(peer, taken.monotonic_ns, is_last);
            *lately = standing.verdict;
            if before != standing.verdict {
                were.insert(peer.id, before);
            }
            if is_new {
                self.peers.insert(peer.id, unknown);
            } else if standing.is_forgettable() {
                self.peers.remove(&peer.id);
            }
        }
        if self.peers.len() > diagnosis.peers.len() {
            let known: hashbrown::HashSet<PeerId> = diagnosis.peers.iter().map(|peer| peer.id).collect();
            self.peers.retain(|id, _| known.contains(id));
        }
        diagnosis.order();
        self.changes.note(diagnosis, &were);
        diagnosis.changes = self.changes.recent();
        diagnosis.changes_dropped = self.changes.dropped();
    }
}

/// Whether a verdict is worth remembering by itself.
fn is_remarkable(verdict: Verdict) -> bool {
    verdict.accuses() || verdict == Verdict::ManyHeld
}

impl Standing {
    /// Whether it says no more than what is said of those of whom nothing is remembered.
    fn is_forgettable(&self) -> bool {
        !is_remarkable(self.verdict)
            && self.next.is_none()
            && self.recovered.is_none()
            && self.grown.is_none()
            && self.usual.is_none()
    }

    fn settle(&mut self, peer: &mut Judged, now_ns: u64, is_last: bool) {
        self.remember_growth(peer);
        self.has_spoken = true;
        let given = peer.finding.verdict;
        // What was not judged yet may be found good at once, and what is known to be good may become unknown.
        let stands = given == self.verdict
            || !(given.accuses() || self.verdict.accuses())
            // Who recovered has been good for several times its own rhythm.
            || (peer.recovered.is_some() && !given.accuses())
            || (is_last && self.verdict == Verdict::InsufficientData)
            || self.has_held(given, now_ns);
        if stands {
            self.next = None;
            if let (Some(new), Some(old)) = (&mut peer.recovered, self.recovered)
                && new.verdict == old.verdict
                && old.since.monotonic_ns < new.since.monotonic_ns
            {
                new.since = old.since;
            }
            (self.verdict, self.confidence) = (given, peer.finding.confidence);
            self.also.clone_from(&peer.finding.also);
            self.recovered = peer.recovered;
            return;
        }
        self.show(peer);
    }

    fn show(&self, peer: &mut Judged) {
        if peer.finding.verdict != self.verdict {
            peer.finding = Finding {
                verdict: self.verdict,
                also: self.also.clone(),
                confidence: self.confidence,
            };
        }
        peer.recovered = self.recovered;
    }

    fn reconsider(&mut self) {
        (self.next, self.recovered, self.has_spoken) = (None, None, false);
        self.verdict = Verdict::InsufficientData;
    }

    /// Whether another verdict has been given for so long that it stands now.
    fn has_held(&mut self, given: Verdict, now_ns: u64) -> bool {
        let (verdict, looks, since_ns) = self.next.unwrap_or((given, 0, now_ns));
        if verdict != given {
            self.next = Some((given, 1, now_ns));
            return false;
        }
        self.next = Some((given, looks + 1, since_ns));
        looks + 1 >= LOOKS || (looks > 0 && now_ns.saturating_sub(since_ns) >= OR_NS)
    }

    fn remember_growth(&mut self, peer: &Judged) {
        let course = peer.figures.course;
        if let Some(grown) = &mut self.grown {
            grown.to = grown.to.max(course.end);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "connections of one peer"
            )]
            let left = grown.from + ((grown.to - grown.from) as f64 * PILE_STANDS) as u64;
            if course.end < left {
                self.grown = None;
            }
        }
        let piles =
            peer.finding.verdict == Verdict::PilingUp || peer.finding.also.contains(&Verdict::PilingUp);
        if piles && self.grown.is_none() && course.grown > 0 {
            self.usual = Some(course.from());
            self.grown = Some(Grown {
                from: course.from(),
                to: course.end,
                since_ns: course.since_ns,
            });
        }
    }
}

#[cfg(test)]
mod tests;

//! Judges sample after sample, and remembers what it said: a verdict changes only when another one has held for
//! several samples, and a pile is one for as long as it stands.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::{
    Diagnosis, Movement, Options, Verdict,
    answer::{self, HostWide, Judged, Recovered},
    cause::{self, Finding, Grown},
    changes::{Change, Changes},
    listeners, recent,
    scene::{About, From, Scene},
    thresholds::PILE_STANDS,
};
use crate::{
    memory,
    model::{
        history::History,
        peer::PeerId,
        sample::{Moment, Sample},
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
    #[serde(with = "pairs")]
    peers: HashMap<PeerId, Standing>,
    changes: Changes,
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
        self.history.add(sample);
        let mut diagnosis = judge(sample, &self.history, options, &self.memory);
        self.memory.settle(&mut diagnosis);
        diagnosis
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
        self.memory.changes = Changes::default();
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

    /// Judges from now on only what comes after the newest sample, and forgets what it said.
    pub fn begin_anew(&mut self) {
        self.history.begin_anew();
        self.memory = Memory::default();
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
    judge(sample, history, options, &Memory::default())
}

fn judge(sample: &Sample, history: &History, options: &Options, memory: &Memory) -> Diagnosis {
    let scene = Scene::of(sample, history, options);
    let thresholds = options.thresholds;
    let mut all = memory::room_for(sample.peers.len());
    all.extend(sample.peers.iter().map(|peer| scene.figures(peer, From::Start)));
    let norms = scene.norms(sample.peers.iter().map(|peer| peer.id).zip(&all));
    let (listeners, capacity) = listeners::of(sample, history, options);
    let mut start = history.window().start().unwrap_or(sample.started);
    start.utc_ns = sample.earlier.since.unwrap_or(start.utc_ns).min(start.utc_ns);
    let host = Arc::new(HostWide {
        now_ns: sample.taken.monotonic_ns,
        hold_ns: options.hold_ns,
        thresholds,
        listeners: listeners.clone(),
    });
    let mut peers: Vec<Judged> = memory::room_for(sample.peers.len());
    for (peer, whole) in sample.peers.iter().zip(all) {
        let norm = norms.of(peer.id);
        let about = About {
            id: peer.id,
            expected: scene.expected(peer.id),
            own_requests: scene.own_requests(peer.id),
            grown: memory.grown(peer.id),
            norm: &norm,
            host: &host,
        };
        let case = about.case(&whole);
        let shared_address = cause::is_shared(&case);
        let finding = cause::judge(&case);
        let mut recovered = None;
        let mut said = (finding, None);
        if cause::is_of_ends(said.0.verdict) {
            if let Some(lately) = recent::mended(&scene, peer, &about, &whole) {
                recovered = Some(Recovered {
                    verdict: said.0.verdict,
                    since: moment(sample, lately.since_ns),
                });
                said = (lately.finding, Some(lately.figures));
            }
        } else if !said.0.verdict.accuses()
            && let Some(lately) = recent::spoiled(&scene, peer, &about, &whole)
        {
            said = (lately.finding, Some(lately.figures));
        }
        let (expected, own_requests, grown) = (about.expected, about.own_requests, about.grown);
        peers.push(Judged {
            host: None,
            id: peer.id,
            finding: said.0,
            figures: said.1.unwrap_or(whole),
            first_seen: None,
            last_seen: None,
            recovered,
            impact: answer::Impact::default(),
            shared_address,
            slot: peer.slot,
            expected,
            own_requests,
            grown,
            norm: Arc::clone(&norm),
            host_wide: Arc::clone(&host),
        });
    }
    for peer in &mut peers {
        peer.first_seen = Some(moment(sample, peer.figures.first_seen_ns));
        peer.last_seen = Some(moment(sample, peer.figures.last_seen_ns));
        peer.impact = answer::Impact::of(&peer.figures, &peer.norm);
    }
    answer::worst_first(&mut peers);
    let main = norms.main();
    Diagnosis {
        answer: answer::overall(&peers),
        started: sample.started,
        window_start: start,
        earlier_ns: sample.earlier.window_ns,
        taken: sample.taken,
        expected: main.expected,
        learned: main.learned,
        norms: norms.all(),
        thresholds,
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
            surge: history.surge(),
        },
        causes: answer::causes(&peers),
        changes: Vec::new(),
        peers,
    }
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

    /// Makes a diagnosis say what stands.
    fn show(&self, diagnosis: &mut Diagnosis) {
        for peer in &mut diagnosis.peers {
            if let Some(standing) = self.peers.get(&peer.id).filter(|standing| standing.has_spoken) {
                standing.show(peer);
            }
        }
        diagnosis.order();
        diagnosis.changes = self.changes.recent();
    }

    /// Makes a diagnosis say what stands, and remembers it.
    fn settle(&mut self, diagnosis: &mut Diagnosis) {
        let taken = diagnosis.taken;
        let mut changes = Vec::new();
        for peer in &mut diagnosis.peers {
            let standing = self.peers.entry(peer.id).or_default();
            let before = standing.verdict;
            standing.settle(peer, taken.monotonic_ns);
            if before != standing.verdict {
                changes.push(Change::of(peer, before, taken));
            }
        }
        if self.peers.len() > diagnosis.peers.len() {
            let known: hashbrown::HashSet<PeerId> = diagnosis.peers.iter().map(|peer| peer.id).collect();
            self.peers.retain(|id, _| known.contains(id));
        }
        self.changes.add(changes);
        diagnosis.order();
        diagnosis.changes = self.changes.recent();
    }
}

impl Standing {
    fn settle(&mut self, peer: &mut Judged, now_ns: u64) {
        self.remember_growth(peer);
        self.has_spoken = true;
        let given = peer.finding.verdict;
        // What was not judged yet may be found good at once, and what is known to be good may become unknown.
        let stands = given == self.verdict
            || !(given.accuses() || self.verdict.accuses())
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

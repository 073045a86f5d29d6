//! Judges sample after sample.

mod memory;

use std::sync::Arc;

pub use self::memory::Memory;
use super::{
    Answer, Diagnosis, Movement, Options, Verdict,
    answer::{self, HostWide, Judged, Recovered},
    cause, listeners,
    norm::Norm,
    recent,
    scene::{From, Scene},
};
use crate::{
    memory::room_for,
    model::{
        history::History,
        peer::PeerId,
        sample::{self, Moment, Sample},
    },
};

/// Judges the samples of one run.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    history: History,
    memory: Memory,
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
        self.memory.reconsider();
    }

    /// Judges only the last `length_ns` before a moment of its end, and forgets what it said of more.
    pub fn shorten_window(&mut self, length_ns: u64, now_ns: u64) {
        self.history.shorten_window(length_ns, now_ns);
        self.reconsider();
    }

    /// Takes over what was said of peers elsewhere, and how sure that was.
    pub fn recall(&mut self, said: impl IntoIterator<Item = (PeerId, Verdict, f64)>) {
        self.memory.recall(said);
    }

    /// Judges from now on only what comes after the newest sample, and forgets what it said of the peers.
    pub fn begin_anew(&mut self) {
        self.history.begin_anew();
        self.memory.begin_anew();
    }

    /// Whether it remembers what it said of the samples before.
    pub fn has_spoken(&self) -> bool {
        self.memory.has_spoken()
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
    let (listeners, capacity) = listeners::of(sample, history, options);
    let host = Arc::new(HostWide {
        taken: sample.taken,
        hold_ns: options.hold_ns,
        thresholds: options.thresholds,
        listeners: listeners.clone(),
    });
    let no_norm = Arc::new(Norm::default());
    // Each is put together in its place, without its verdict, which takes all the others' figures.
    let mut peers: Vec<Judged> = room_for(sample.peers.len());
    peers.extend(sample.peers.iter().map(|peer| {
        let figures = scene.figures(peer, From::Start);
        Judged {
            host: None,
            id: peer.id,
            finding: cause::nothing_to_say(),
            figures,
            recovered: None,
            impact: answer::Impact::default(),
            shared_address: false,
            slot: peer.slot,
            expected: scene.expected(peer.id),
            own_requests: scene.own_requests(peer.id),
            grown: memory.grown(peer.id),
            norm: Arc::clone(&no_norm),
            host_wide: Arc::clone(&host),
        }
    }));
    let norms = scene.norms(peers.iter().map(|peer| (peer.id, &peer.figures)));
    for (peer, judged) in sample.peers.iter().zip(&mut peers) {
        judged.norm = norms.of(peer.id);
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
        judged.recovered = Some(Box::new(Recovered {
            verdict: judged.finding.verdict,
            since: scene.sample.taken.earlier(lately.since_ns),
        }));
    }
    (judged.finding, judged.figures) = (lately.finding, lately.figures);
}

#[cfg(test)]
mod tests;

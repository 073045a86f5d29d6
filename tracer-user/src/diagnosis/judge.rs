//! Judges one sample after another.

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
    /// Creates a judge of the last `window_ns`, or of the whole run for `None`.
    pub fn new(window_ns: Option<u64>) -> Self {
        Self {
            history: History::of_window(window_ns),
            ..Self::default()
        }
    }

    /// Restores a judge from a run's history and the verdicts given so far.
    pub fn of(history: History, memory: Memory) -> Self {
        Self { history, memory }
    }

    /// Adds a sample without judging it.
    pub fn add(&mut self, sample: &Sample) {
        let moved = self.history.add(sample);
        self.memory.forget(&moved);
    }

    /// Adds the outline of a sample, which has only the number of open connections.
    pub fn add_outline(&mut self, sample: &Sample) {
        self.history.add_outline(sample);
    }

    /// Adds a sample and judges it. Samples must come in order of time.
    pub fn look(&mut self, sample: &Sample, options: &Options) -> Diagnosis {
        self.judged(sample, options, false)
    }

    fn judged(&mut self, sample: &Sample, options: &Options, is_last: bool) -> Diagnosis {
        let moved = self.history.add(sample);
        self.memory.forget(&moved);
        let mut diagnosis = judge(sample, &self.history, options, &self.memory);
        self.memory.settle(&mut diagnosis, is_last);
        diagnosis
    }

    /// Adds the last sample of a run and judges it. A peer that had no verdict yet gets one at once, since no
    /// further sample can confirm it.
    pub fn conclude(&mut self, sample: &Sample, options: &Options) -> Diagnosis {
        self.judged(sample, options, true)
    }

    /// Repeats the diagnosis of the newest sample, without side effects.
    pub fn again(&self, sample: &Sample, options: &Options) -> Diagnosis {
        let mut diagnosis = judge(sample, &self.history, options, &self.memory);
        self.memory.show(&mut diagnosis);
        diagnosis
    }

    /// Forgets its verdicts, for use with other options. Piles stay remembered, since their growth is a fact.
    pub fn reconsider(&mut self) {
        self.memory.reconsider();
    }

    /// Shortens the window to the last `length_ns` before `now_ns`, and forgets the verdicts given for the
    /// longer one.
    pub fn shorten_window(&mut self, length_ns: u64, now_ns: u64) {
        self.history.shorten_window(length_ns, now_ns);
        self.reconsider();
    }

    /// Adopts verdicts given elsewhere, with their confidence.
    pub fn recall(&mut self, said: impl IntoIterator<Item = (PeerId, Verdict, f64)>) {
        self.memory.recall(said);
    }

    /// Starts the window at the newest sample, and forgets the peers' verdicts.
    pub fn begin_anew(&mut self) {
        self.history.begin_anew();
        self.memory.begin_anew();
    }

    /// Whether it remembers any verdict.
    pub fn has_spoken(&self) -> bool {
        self.memory.has_spoken()
    }

    /// The history of the run.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The verdicts so far.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}

/// Judges a sample by its history, without earlier verdicts.
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
    // Built in place without a verdict, because a verdict needs the figures of all peers.
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
    // Order, causes and answer follow once the memory has settled the verdicts.
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

/// Judges a peer by its figures for the window, and by its latest behaviour where that differs.
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

//! Judges one sample after another.

mod memory;

use std::sync::Arc;

use hashbrown::HashMap;

use self::memory::Span;
pub use self::memory::{Memory, Pile};
use super::{
    Answer, Capacity, Diagnosis, Figures, Movement, Options, Tally, Verdict,
    answer::{self, HostWide, Judged, Recovered},
    cause, listeners,
    norm::{Lessons, Norm, Norms},
    rated::Brief,
    recent,
    scene::{From, Scene},
};
use crate::{
    memory::{from_the_end, room_for},
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

    /// What is judged at a sample that was added.
    fn span(&self, sample: &Sample) -> Span {
        Span {
            begins: self.history.window().start().unwrap_or(sample.started),
            now: sample.taken,
        }
    }

    fn judged(&mut self, sample: &Sample, options: &Options, is_last: bool) -> Diagnosis {
        self.add(sample);
        let mut diagnosis = judge(sample, &self.history, options, &self.memory);
        let mut were = HashMap::new();
        let span = self.span(sample);
        for peer in &mut diagnosis.peers {
            let was = self.memory.settle(peer, &span, is_last);
            were.extend(was.map(|was| (peer.id, was)));
        }
        diagnosis.order();
        self.memory.note(&diagnosis, &diagnosis.peers, &were);
        self.memory.show_changes(&mut diagnosis);
        diagnosis
    }

    /// As [`Judge::look`], but takes the peers out of the sample and hands them over judged, one by one, so
    /// that they need not all be held in both forms. In the order of the diagnosis, they are returned in
    /// brief.
    pub fn look_at_each(
        &mut self,
        sample: &mut Sample,
        options: &Options,
        each: impl FnMut(Judged),
    ) -> (Diagnosis, Vec<Brief>) {
        self.add(sample);
        let mut were = HashMap::new();
        let span = self.span(sample);
        let peers = std::mem::take(&mut sample.peers);
        let scene = Scene::of(sample, &peers, &self.history, options, &self.memory);
        let memory = &mut self.memory;
        let settle = |peer: &mut Judged| {
            let was = memory.settle(peer, &span, false);
            were.extend(was.map(|was| (peer.id, was)));
        };
        let (mut diagnosis, briefs) = judge_each(&scene, peers, &self.history, settle, each);
        self.memory.note(&diagnosis, &briefs, &were);
        self.memory.show_changes(&mut diagnosis);
        (diagnosis, briefs)
    }

    /// Adds the last sample of a run and judges it. A peer that had no verdict yet gets one at once, since no
    /// further sample can confirm it.
    pub fn conclude(&mut self, sample: &Sample, options: &Options) -> Diagnosis {
        self.judged(sample, options, true)
    }

    /// Repeats the diagnosis of the newest sample, without side effects.
    pub fn again(&self, sample: &Sample, options: &Options) -> Diagnosis {
        let mut diagnosis = judge(sample, &self.history, options, &self.memory);
        diagnosis.peers.iter_mut().for_each(|peer| self.memory.show(peer));
        diagnosis.order();
        self.memory.show_changes(&mut diagnosis);
        diagnosis
    }

    /// As [`Judge::again`], but hands over the peers as [`Judge::look_at_each`] does.
    pub fn again_at_each(
        &self,
        sample: &mut Sample,
        options: &Options,
        each: impl FnMut(Judged),
    ) -> (Diagnosis, Vec<Brief>) {
        let peers = std::mem::take(&mut sample.peers);
        let scene = Scene::of(sample, &peers, &self.history, options, &self.memory);
        let show = |peer: &mut Judged| self.memory.show(peer);
        let (mut diagnosis, briefs) = judge_each(&scene, peers, &self.history, show, each);
        self.memory.show_changes(&mut diagnosis);
        (diagnosis, briefs)
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
    let scene = Scene::of(sample, &sample.peers, history, options, memory);
    let (host, capacity) = host(&scene, history);
    let mut lessons = Lessons::default();
    // Built in place without a verdict, because a verdict needs the figures of all peers.
    let mut peers: Vec<Judged> = room_for(sample.peers.len());
    peers.extend(sample.peers.iter().map(|peer| {
        let figures = scene.figures(peer, From::Start);
        lessons.add(peer.id, &figures, options);
        unjudged(&scene, peer, figures, &host)
    }));
    let norms = scene.norms(lessons);
    for (peer, judged) in sample.peers.iter().zip(&mut peers) {
        one(&scene, &norms, peer, judged);
    }
    Diagnosis {
        peers,
        ..around(&scene, history, &norms, &host, capacity)
    }
}

/// Judges one peer after the other. The figures of all of them are made twice, which takes less time than
/// room for them.
fn judge_each(
    scene: &Scene<'_>,
    peers: Vec<sample::Peer>,
    history: &History,
    mut settle: impl FnMut(&mut Judged),
    mut each: impl FnMut(Judged),
) -> (Diagnosis, Vec<Brief>) {
    let (host, capacity) = host(scene, history);
    let mut lessons = Lessons::default();
    for peer in &peers {
        let figures = scene.figures(peer, From::Start);
        lessons.add(peer.id, &figures, scene.options);
    }
    let norms = scene.norms(lessons);
    let briefs = (0..).zip(from_the_end(peers)).map(|(place, peer)| {
        let mut judged = unjudged(scene, &peer, scene.figures(&peer, From::Start), &host);
        one(scene, &norms, &peer, &mut judged);
        settle(&mut judged);
        let brief = Brief::of(&judged, place);
        each(judged);
        brief
    });
    let mut briefs: Vec<Brief> = briefs.collect();
    let mut diagnosis = around(scene, history, &norms, &host, capacity);
    diagnosis.rate(&mut briefs);
    (diagnosis, briefs)
}

/// What all peers of the host have in common, and its processes' capacity.
fn host(scene: &Scene<'_>, history: &History) -> (Arc<HostWide>, Vec<Capacity>) {
    let (listeners, capacity) = listeners::of(scene.sample, history, scene.options);
    let host = HostWide {
        taken: scene.sample.taken,
        hold_ns: scene.options.hold_ns,
        thresholds: scene.options.thresholds,
        listeners,
        names: scene.options.names.clone(),
        strangers_share: scene.options.strangers_share,
    };
    (Arc::new(host), capacity)
}

/// A peer with its figures, without a verdict.
fn unjudged(scene: &Scene<'_>, peer: &sample::Peer, figures: Figures, host: &Arc<HostWide>) -> Judged {
    Judged {
        host: None,
        over: None,
        id: peer.id,
        finding: cause::nothing_to_say(),
        figures,
        recovered: None,
        impact: answer::Impact::default(),
        shared_address: false,
        slot: peer.slot,
        expected: scene.expected(peer.id),
        own_requests: scene.own_requests(peer.id),
        grown: scene.grown(peer.id),
        norm: Norm::none(),
        host_wide: Arc::clone(host),
    }
}

/// A diagnosis without its peers. Order, causes and answer follow once the memory has settled the verdicts.
fn around(
    scene: &Scene<'_>,
    history: &History,
    norms: &Norms,
    host: &HostWide,
    capacity: Vec<Capacity>,
) -> Diagnosis {
    let (sample, options) = (scene.sample, scene.options);
    let main = norms.main();
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
        listeners: host.listeners.clone(),
        capacity,
        movement: Movement {
            from: sample.accounting.totals.seeded,
            to: sample.accounting.open_now,
            surge: history.surge().cloned(),
        },
        tally: Tally::default(),
        causes: Vec::new(),
        changes: Vec::new(),
        changes_dropped: 0,
        hosts: Vec::new(),
        peers: Vec::new(),
    }
}

/// Judges a peer by its figures for the window, and by its latest behaviour where that differs.
fn one(scene: &Scene<'_>, norms: &Norms, peer: &sample::Peer, judged: &mut Judged) {
    judged.norm = norms.of(peer.id);
    judged.impact = answer::Impact::of(&judged.figures, &judged.norm);
    let lately = {
        let about = judged.about();
        let case = about.case(&judged.figures);
        let (finding, shared) = (cause::judge(&case), cause::is_shared(&case));
        let has_shed_pile = finding.verdict == Verdict::InsufficientData
            && case.ended_at_once()
            && scene.has_piled_up(peer.id);
        let lately = if cause::is_of_ends(finding.verdict) || has_shed_pile {
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
    // What was shared within the window is shared still.
    judged.shared_address |= cause::is_shared(&judged.about().case(&judged.figures));
}

#[cfg(test)]
pub(crate) mod tests;

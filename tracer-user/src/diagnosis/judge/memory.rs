//! What a judge remembers: a verdict changes only after another one has held for several samples, and a pile
//! remains one until it is gone.

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use crate::{
    diagnosis::{
        Diagnosis, Verdict,
        answer::{Judged, Recovered},
        cause::{self, Finding, Grown},
        changes::Changes,
        rated::Rated,
        reuse::{self, Reuse},
        thresholds::PILE_STANDS,
    },
    model::{peer::PeerId, sample::Moment, serial::pairs},
};

/// A new verdict is adopted after it was given this many times in a row.
const LOOKS: u32 = 3;

/// With long intervals, twice in a row suffices if the two are this far apart, ns.
const OR_NS: u64 = 10_000_000_000;

/// What was said about each peer, as far as it affects the next diagnosis.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The latest verdict by slot. For most peers nothing else is kept.
    #[serde(skip)]
    lately: Vec<Verdict>,
    /// Whether peers have left since the last diagnosis.
    #[serde(skip)]
    has_left: bool,
    #[serde(with = "pairs")]
    peers: HashMap<PeerId, Standing>,
    pub(in crate::diagnosis) changes: Changes,
}

/// The time that is judged.
pub(super) struct Span {
    /// When the window begins.
    pub(super) begins: Moment,
    /// When its last sample was taken.
    pub(super) now: Moment,
}

/// How a peer piled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pile {
    /// As long as the pile stands.
    pub grown: Option<Grown>,
    /// The most connections it held before it last piled up.
    pub usual: Option<u64>,
}

/// The settled verdict on a peer, and what may change it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Standing {
    verdict: Verdict,
    also: Vec<Verdict>,
    confidence: f64,
    /// A different verdict given since: which, how many times, and since when (monotonic, ns).
    next: Option<(Verdict, u32, u64)>,
    recovered: Option<Box<Recovered>>,
    grown: Option<Grown>,
    /// The most connections it held before it last piled up.
    #[serde(default)]
    usual: Option<u64>,
    /// Whether a verdict has been given yet.
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

impl Memory {
    /// Forgets the verdicts. Piles stay remembered, since their growth is a fact.
    pub(super) fn reconsider(&mut self) {
        self.peers.values_mut().for_each(Standing::reconsider);
        self.changes.reconsider();
    }

    /// Adopts verdicts given elsewhere, with their confidence.
    pub(super) fn recall(&mut self, said: impl IntoIterator<Item = (PeerId, Verdict, f64)>) {
        for (peer, verdict, confidence) in said {
            let standing = self.peers.entry(peer).or_default();
            if standing.verdict != verdict {
                (standing.verdict, standing.confidence) = (verdict, confidence);
                (standing.next, standing.recovered) = (None, None);
                standing.also.clear();
            }
            standing.has_spoken = true;
        }
    }

    /// Forgets the verdicts on all peers.
    pub(super) fn begin_anew(&mut self) {
        self.peers.clear();
        self.changes.begin_anew();
    }

    /// Whether any peer is remembered.
    pub(super) fn has_spoken(&self) -> bool {
        !self.peers.is_empty()
    }

    /// The peers that pile up, or did.
    pub fn piles(&self) -> HashMap<PeerId, Pile> {
        let pile = |(id, standing): (&PeerId, &Standing)| {
            let pile = Pile {
                grown: standing.grown,
                usual: standing.usual,
            };
            (pile.grown.is_some() || pile.usual.is_some()).then_some((*id, pile))
        };
        self.peers.iter().filter_map(pile).collect()
    }

    /// Remembers nothing but these piles.
    pub fn of_piles(piles: impl IntoIterator<Item = (PeerId, Pile)>) -> Self {
        let standing = |(id, Pile { grown, usual })| {
            let standing = Standing {
                grown,
                usual,
                ..Standing::default()
            };
            (id, standing)
        };
        Self {
            peers: piles.into_iter().map(standing).collect(),
            ..Self::default()
        }
    }

    /// Sanitises the names, after reading from a file.
    pub fn sanitise(&mut self) {
        self.changes.sanitise();
    }

    /// Replaces the verdict on a peer by the settled one.
    pub(super) fn show(&self, peer: &mut Judged) {
        if let Some(standing) = self.peers.get(&peer.id).filter(|standing| standing.has_spoken) {
            standing.show(peer);
        }
    }

    /// Puts the list of changes into a diagnosis.
    pub(super) fn show_changes(&self, diagnosis: &mut Diagnosis) {
        diagnosis.changes = self.changes.recent();
        diagnosis.changes_dropped = self.changes.dropped();
    }

    /// Forgets the latest verdicts on the peers that had these slots.
    pub(super) fn forget(&mut self, slots: &[u32]) {
        for slot in slots {
            if let Some(lately) = self.lately.get_mut(*slot as usize) {
                *lately = Verdict::InsufficientData;
            }
        }
        self.has_left |= !slots.is_empty();
    }

    /// Settles the verdict on a peer, and remembers it. Returns the one before, if it has changed.
    pub(super) fn settle(&mut self, peer: &mut Judged, span: &Span, is_last: bool) -> Option<Verdict> {
        let slot = peer.slot as usize;
        if self.lately.len() <= slot {
            self.lately.resize(slot + 1, Verdict::InsufficientData);
        }
        let lately = self.lately.get_mut(slot)?;
        let known = self.peers.get_mut(&peer.id);
        if known.is_none() && !is_remarkable(peer.finding.verdict) && peer.recovered.is_none() {
            // The usual case: nothing to remember.
            *lately = peer.finding.verdict;
            return None;
        }
        let is_new = known.is_none();
        let mut unknown = Standing::default();
        if is_new {
            let about = peer.about();
            let case = about.case(&peer.figures);
            if let Some(confidence) = cause::confidence_in(&case, *lately) {
                (unknown.verdict, unknown.confidence) = (*lately, confidence);
            }
        }
        let standing = known.unwrap_or(&mut unknown);
        let before = if is_new { *lately } else { standing.verdict };
        standing.settle(peer, span, is_last);
        *lately = standing.verdict;
        let changed = before != standing.verdict;
        if is_new {
            self.peers.insert(peer.id, unknown);
        } else if standing.is_forgettable() {
            self.peers.remove(&peer.id);
        }
        changed.then_some(before)
    }

    /// Forgets those that are not among the peers of a diagnosis, and notes how it differs from the last one.
    /// `were`: the verdicts that have changed.
    pub(super) fn note<P: Rated>(
        &mut self,
        diagnosis: &Diagnosis,
        peers: &[P],
        were: &HashMap<PeerId, Verdict>,
    ) {
        if std::mem::take(&mut self.has_left) || self.peers.len() > peers.len() {
            let known: HashSet<PeerId> = peers.iter().map(Rated::id).collect();
            self.peers.retain(|id, _| known.contains(id));
        }
        self.changes.note(diagnosis, peers, were);
    }
}

/// Whether a verdict alone is reason to remember the peer.
fn is_remarkable(verdict: Verdict) -> bool {
    verdict.accuses() || verdict == Verdict::ManyHeld
}

impl Standing {
    /// Whether it contains nothing beyond the latest verdict, which is kept by slot.
    fn is_forgettable(&self) -> bool {
        !is_remarkable(self.verdict)
            && self.next.is_none()
            && self.recovered.is_none()
            && self.grown.is_none()
            && self.usual.is_none()
    }

    fn settle(&mut self, peer: &mut Judged, span: &Span, is_last: bool) {
        self.remember_growth(peer);
        self.has_spoken = true;
        if self.goes_on(peer) {
            self.next = None;
            self.show(peer);
            return;
        }
        let given = peer.finding.verdict;
        // Without an accusation on either side the change is immediate: a new peer may be found good, and a
        // good one may become unknown.
        let stands = given == self.verdict
            || !(given.accuses() || self.verdict.accuses())
            // A recovered peer has been good for several times its own rhythm already.
            || (peer.recovered.is_some() && !given.accuses())
            || (is_last && self.verdict == Verdict::InsufficientData)
            || self.has_held(given, span.now.monotonic_ns);
        if stands {
            self.next = None;
            match (&mut peer.recovered, &self.recovered) {
                (Some(new), Some(old)) => {
                    if new.verdict == old.verdict && old.since.monotonic_ns < new.since.monotonic_ns {
                        new.since = old.since;
                    }
                }
                (Some(_), None) => {}
                (None, _) if given.accuses() => {}
                (None, _) if self.verdict.accuses() => peer.recovered = self.withdrawn(given, span.now),
                (None, old) => {
                    let is_in_window = |old: &Recovered| old.since.monotonic_ns > span.begins.monotonic_ns;
                    peer.recovered = old.clone().filter(|old| is_in_window(old));
                }
            }
            (self.verdict, self.confidence) = (given, peer.finding.confidence);
            self.also.clone_from(&peer.finding.also);
            self.recovered.clone_from(&peer.recovered);
            return;
        }
        self.show(peer);
    }

    /// What is said of a peer that is not accused any more and has been found good.
    fn withdrawn(&self, given: Verdict, now: Moment) -> Option<Box<Recovered>> {
        (given == Verdict::Reusing).then(|| {
            Box::new(Recovered {
                verdict: self.verdict,
                since: now,
            })
        })
    }

    /// Whether the peer goes on to open and lose connections without a sign that it reuses them, and only the
    /// cause has become less clear, or it has closed what had piled up and nothing shows yet that it opens no
    /// more. That takes no accusation back.
    fn goes_on(&self, peer: &Judged) -> bool {
        let about = peer.about();
        let case = about.case(&peer.figures);
        if peer.finding.verdict != Verdict::InsufficientData || peer.recovered.is_some() {
            return false;
        }
        if self.verdict == Verdict::PilingUp {
            return case.ended_at_once() && case.figures.held.established > 0;
        }
        if !cause::is_of_ends(self.verdict) {
            return false;
        }
        match reuse::of(&case) {
            Reuse::Hardly => true,
            // Each may have carried a login and one request, as when it was accused.
            Reuse::Unknown => peer.figures.opens > 0 && peer.figures.closes > 0,
            Reuse::Mostly | Reuse::Steady => false,
        }
    }

    fn show(&self, peer: &mut Judged) {
        if peer.finding.verdict != self.verdict {
            peer.finding = Finding {
                verdict: self.verdict,
                also: self.also.clone(),
                confidence: self.confidence,
            };
        }
        peer.recovered.clone_from(&self.recovered);
    }

    fn reconsider(&mut self) {
        (self.next, self.recovered, self.has_spoken) = (None, None, false);
        self.verdict = Verdict::InsufficientData;
    }

    /// Whether a different verdict has been given long enough to be adopted.
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

//! What a report shows besides the diagnosis: the course of the run, sums over peers, and single connections.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::MAX_PEERS;
use crate::{
    diagnosis::{Diagnosis, Judge, Judged, Service, Verdict},
    model::{
        bar::Bar,
        chronicle::Chronicle,
        durations::Durations,
        ended::Ended,
        peer::{Counters, PeerId},
        sample::{Moment, Peer, Sample},
        socket::{Connection, State},
    },
};

/// Maximum number of peers with a time line of their connections.
const MAX_PROOF: usize = 6;

/// How many of them may have the same verdict.
const MAX_ALIKE: usize = 2;

/// Maximum number of connections in a time line, the latest.
const MAX_BARS: usize = 40;

/// How the evidence came about, as far as the diagnosis does not say it.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// What was traced, and how: a name and a value each.
    pub facts: Vec<(&'static str, String)>,
    /// Notes for the reader.
    pub notes: Vec<String>,
    /// The files it rests on.
    pub files: Vec<Digested>,
}

/// A file with its digest.
#[derive(Clone, Debug)]
pub struct Digested {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: String,
}

/// One host whose samples were judged.
pub struct Host<'a> {
    /// Its name, if there are several.
    pub name: Option<&'a str>,
    /// Its last sample.
    pub sample: &'a Sample,
    /// Who judged it.
    pub judge: &'a Judge,
    /// The course of its run.
    pub chronicle: Chronicle,
    /// Ended connections of some peers.
    pub ended: HashMap<PeerId, Vec<Ended>>,
}

/// What all peers of one service and verdict did within the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) peers: u64,
    pub(super) counters: Counters,
    /// How long those in CLOSE_WAIT have been in it.
    pub(super) waiting: Durations,
}

/// What one peer did.
#[derive(Clone, Debug, Default)]
pub struct PerPeer {
    /// How many connections it had open at moments of the window; UTC, ns.
    pub(super) held: Vec<(i128, u64)>,
    /// Its connections, latest first, if it is one of those to prove.
    pub(super) bars: Vec<Bar>,
    /// The moment they were seen from.
    pub(super) now: Option<Moment>,
}

/// Everything besides the diagnosis.
#[derive(Default)]
pub struct Material {
    /// The course of each host's run.
    pub(super) chronicles: Vec<(Option<String>, Chronicle)>,
    /// Sums by verdict and service.
    pub(super) sums: BTreeMap<(Verdict, Service), Sum>,
    /// The first peers of the diagnosis, in its order.
    pub(super) peers: Vec<PerPeer>,
    /// How it came about.
    pub(super) basis: Basis,
    /// Whether commands against the worst peers are wanted.
    pub first_aid: bool,
}

impl Material {
    /// What the hosts of a diagnosis have for a report of it.
    pub fn of(diagnosis: &Diagnosis, hosts: Vec<Host<'_>>, basis: Basis) -> Self {
        let mut material = Self {
            peers: vec![PerPeer::default(); diagnosis.peers.len().min(MAX_PEERS)],
            basis,
            ..Self::default()
        };
        let proven = to_prove(diagnosis);
        for host in hosts {
            let theirs: Vec<(usize, &Judged)> = diagnosis
                .peers
                .iter()
                .enumerate()
                .filter(|(_, peer)| peer.host.as_deref() == host.name)
                .collect();
            material.add(&host, &theirs, &proven);
            material
                .chronicles
                .push((host.name.map(str::to_owned), host.chronicle));
        }
        material
    }

    /// The same with the courses of several hosts, by name.
    #[must_use]
    pub fn with_chronicles(self, chronicles: Vec<(Option<String>, Chronicle)>) -> Self {
        Self { chronicles, ..self }
    }

    fn add(&mut self, host: &Host<'_>, judged: &[(usize, &Judged)], proven: &[usize]) {
        let slots: HashMap<u32, &Peer> = host.sample.peers.iter().map(|peer| (peer.slot, peer)).collect();
        let window = host.judge.history().window();
        let now = host.sample.taken;
        let mut keys: HashMap<u32, (Verdict, Service)> = HashMap::with_capacity(judged.len());
        for (place, peer) in judged {
            let Some(known) = slots.get(&peer.slot) else {
                continue;
            };
            let key = (peer.finding.verdict, Service::of(peer.id));
            keys.insert(peer.slot, key);
            let mut counters = window.counters(known);
            if let Some(earlier) = host.sample.earlier.peer(peer.slot) {
                counters = counters.after(&earlier.counters);
            }
            let sum = self.sums.entry(key).or_default();
            sum.peers += 1;
            sum.counters.absorb(&counters);
            if let Some(own) = self.peers.get_mut(*place) {
                own.held = held(host, known);
            }
        }
        for connection in &host.sample.sockets.connections {
            let key = connection.slot.and_then(|slot| keys.get(&slot));
            let sum = key.and_then(|key| self.sums.get_mut(key));
            if let (Some(sum), Some(since)) = (sum, connection.close_wait_since_ns)
                && connection.state == State::CloseWait
            {
                sum.waiting.note(now.monotonic_ns.saturating_sub(since));
            }
        }
        for place in proven {
            let peer = judged.iter().find(|(other, _)| other == place);
            if let (Some((_, peer)), Some(own)) = (peer, self.peers.get_mut(*place)) {
                own.bars = bars(host, peer);
                own.now = Some(now);
            }
        }
    }
}

/// How many connections a peer had open at the boundaries of the window and has now.
fn held(host: &Host<'_>, peer: &Peer) -> Vec<(i128, u64)> {
    let window = host.judge.history().window();
    let taken = host.sample.taken;
    let marks = window.boundaries().enumerate();
    let mut held: Vec<(i128, u64)> = marks
        .filter_map(|(boundary, at)| Some((at.utc_ns, window.mark(boundary, peer.slot)?.counters.open_now)))
        .collect();
    held.push((taken.utc_ns, peer.counters.open_now));
    held
}

fn bars(host: &Host<'_>, peer: &Judged) -> Vec<Bar> {
    let now_ns = host.sample.taken.monotonic_ns;
    let is_theirs = |connection: &&Connection| connection.slot == Some(peer.slot);
    let live = host.sample.sockets.connections.iter().filter(is_theirs);
    let ended = host.ended.get(&peer.id).into_iter().flatten();
    let mut bars: Vec<Bar> = live
        .map(|one| Bar::live(one, now_ns))
        .chain(ended.map(Bar::ended))
        .collect();
    bars.sort_by_key(|bar| std::cmp::Reverse((bar.to_ns, bar.from_ns)));
    bars.truncate(MAX_BARS);
    bars
}

/// The places of the peers whose single connections are shown: the worst of each verdict, and one that
/// reuses.
pub fn to_prove(diagnosis: &Diagnosis) -> Vec<usize> {
    let mut alike: HashMap<Verdict, usize> = HashMap::new();
    let mut places = Vec::new();
    for (place, peer) in diagnosis.peers.iter().enumerate().take(MAX_PEERS) {
        let verdict = peer.finding.verdict;
        let most = match verdict {
            _ if verdict.accuses() || verdict == Verdict::ManyHeld => MAX_ALIKE,
            Verdict::Reusing => 1,
            _ => 0,
        };
        let known = alike.entry(verdict).or_default();
        if *known < most {
            *known += 1;
            places.push(place);
        }
    }
    // The one that reuses comes last, and stays.
    if places.len() > MAX_PROOF {
        places.drain(MAX_PROOF - 1..places.len() - 1);
    }
    places
}

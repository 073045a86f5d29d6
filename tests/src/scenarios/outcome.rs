//! The diagnosis of a scenario, compared with the truth.

mod peer;

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use tcpreuse::testing::{
    diagnosis::{Diagnosis, Judged, ListenerNow},
    model::peer::Direction,
};

pub use self::peer::{Course, Peer, Since};
use super::{
    Group, Scenario, Truth,
    calibration::Calibration,
    stage::{Addresses, Done},
    truth::accuses,
};

/// Stands for the verdict of a peer that is missing from the diagnosis.
pub const ABSENT: &str = "(absent)";

/// The surges reported by the diagnosis.
#[derive(Clone, Debug, Default)]
pub struct Surges {
    /// Start of each surge, monotonic clock, ns.
    pub begun: BTreeSet<u64>,
    /// Whether the last diagnosis still reports one.
    pub at_the_end: bool,
}

/// The result of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: &'static str,
    /// Its groups.
    pub groups: Vec<Group>,
    /// The work each group did, as counted by itself.
    pub done: Vec<Done>,
    /// All clients in the order of the groups, once for each side that is traced.
    pub peers: Vec<Peer>,
    /// The listeners at the end.
    pub listeners: Vec<ListenerNow>,
    /// Calibration of every accusation in every diagnosis.
    pub accusing: Calibration,
    /// Calibration of the verdicts in the last diagnosis.
    pub last: Calibration,
    /// The surges reported.
    pub surges: Surges,
    wanted_surges: Option<usize>,
    /// The largest difference between the counters and the kernel's list of sockets.
    pub drift: i64,
    /// Whether any losses were reported.
    pub lost: bool,
    /// The server's log.
    pub log: String,
}

impl Outcome {
    pub(super) fn new(scenario: &Scenario, addresses: &[Vec<Addresses>]) -> Self {
        let mut peers = Vec::new();
        for (at, (group, addresses)) in scenario.groups.iter().zip(addresses).enumerate() {
            let inbound = addresses.iter().map(|of| (of.client, Direction::Inbound));
            peers.extend(inbound.map(|(address, direction)| Peer::new(at, address, direction)));
            if group.from_client.is_some() {
                let outbound = addresses.iter().map(|of| (of.server, Direction::Outbound));
                peers.extend(outbound.map(|(address, direction)| Peer::new(at, address, direction)));
            }
        }
        Self {
            scenario: scenario.name,
            groups: scenario.groups.clone(),
            done: Vec::new(),
            peers,
            listeners: Vec::new(),
            accusing: Calibration::default(),
            last: Calibration::default(),
            surges: Surges::default(),
            wanted_surges: scenario.surges,
            drift: 0,
            lost: false,
            log: String::new(),
        }
    }

    /// Compares a diagnosis of the running scenario, made after `seconds` of tracing, with the truth.
    pub(super) fn look(&mut self, diagnosis: &Diagnosis, seconds: f64) {
        let known: HashMap<(IpAddr, Direction), &Judged> = diagnosis
            .peers
            .iter()
            .map(|judged| ((judged.id.network.addr(), judged.id.direction), judged))
            .collect();
        for peer in &mut self.peers {
            if let Some(judged) = known.get(&(peer.address, peer.direction)) {
                let truth = truth_of(&self.groups, peer);
                peer.look(judged, truth, seconds);
                if judged.finding.verdict.accuses() {
                    let right = truth.allows(peer.verdict, seconds);
                    self.accusing.add(peer.confidence, right);
                }
            }
        }
        let surge = diagnosis.movement.surge.as_ref();
        self.surges.at_the_end = surge.is_some_and(|surge| surge.ended.is_none());
        self.surges
            .begun
            .extend(surge.map(|surge| surge.started.monotonic_ns));
        let drift = diagnosis.accounting.drift.unwrap_or(i64::MAX);
        if drift.abs() > self.drift.abs() {
            self.drift = drift;
        }
        let losses = &diagnosis.losses;
        self.lost |= losses.peers_dropped + losses.connections_unattributed + losses.connections_dropped > 0
            || losses.programs_skipped + losses.namespaces_skipped > 0;
        self.listeners.clone_from(&diagnosis.listeners);
    }

    /// Call this after the last diagnosis.
    pub(super) fn finish(&mut self) {
        let judged = self.peers.iter().filter(|peer| peer.verdict != ABSENT);
        for peer in judged {
            self.last.add(peer.confidence, peer.is_right);
        }
    }

    /// The peers of a group in one direction.
    pub fn of_group(&self, group: usize, direction: Direction) -> impl Iterator<Item = &Peer> {
        self.peers
            .iter()
            .filter(move |peer| peer.group == group && peer.direction == direction)
    }

    /// The expected verdicts for a peer.
    pub fn truth(&self, peer: &Peer) -> &Truth {
        truth_of(&self.groups, peer)
    }

    /// The peers whose last verdict is wrong.
    pub fn wrong(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| !peer.is_right)
    }

    /// Everything that is wrong, one line each; empty if the run passed.
    pub fn complaints(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for peer in &self.peers {
            let truth = self.truth(peer);
            let name = format!("{}/{} {peer}", self.scenario, self.groups[peer.group].name);
            if !peer.is_right {
                all.push(format!(
                    "{name}: {} {:?} instead of {:?} {:?}: {}",
                    peer.verdict, peer.also, truth.verdicts, truth.also, peer.explanation
                ));
            }
            for (phase, said) in peer.phases.iter().enumerate() {
                let verdicts = truth.in_phase(phase);
                if said.forgotten > 0 {
                    let looks = said.forgotten;
                    all.push(format!(
                        "{name}: acquitted in {looks} diagnoses although still {verdicts:?}"
                    ));
                }
                let is_last = phase + 1 == truth.phases();
                if !is_last && accuses(verdicts) && said.right.is_none() {
                    let until = truth.begins(phase + 1).as_secs();
                    all.push(format!(
                        "{name}: not {verdicts:?} at the end of its phase, {until} s"
                    ));
                }
            }
            if peer.slandered > 0 {
                let (looks, of) = (peer.slandered, peer.slander.unwrap_or_default());
                let words = &peer.slander_in_words;
                all.push(format!(
                    "{name}: innocent, but accused of {of} in {looks} diagnoses: {words}"
                ));
            }
        }
        all.extend(self.complaint_about_surges());
        if self.drift != 0 {
            all.push(format!("{}: drift {}", self.scenario, self.drift));
        }
        if self.lost {
            all.push(format!("{}: something was lost", self.scenario));
        }
        all
    }

    fn complaint_about_surges(&self) -> Option<String> {
        let (wanted, told) = (self.wanted_surges?, self.surges.begun.len());
        let complaint = if told != wanted {
            format!("{told} surges reported instead of {wanted}")
        } else if self.surges.at_the_end {
            "a surge that is over is still reported".to_owned()
        } else {
            return None;
        };
        Some(format!("{}: {complaint}", self.scenario))
    }
}

fn truth_of<'a>(groups: &'a [Group], peer: &Peer) -> &'a Truth {
    let group = &groups[peer.group];
    match (peer.direction, &group.from_client) {
        (Direction::Outbound, Some(truth)) => truth,
        _ => &group.truth,
    }
}

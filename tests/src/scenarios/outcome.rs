//! What the diagnosis made of a scenario.

use std::{collections::HashMap, net::IpAddr};

use tcpreuse::diagnosis::{Diagnosis, Figures, Judged, ListenerNow};

use super::{Group, stage::Done};

/// The verdict of a peer that the diagnosis does not know.
pub const ABSENT: &str = "(absent)";

/// When a peer's verdict became right for good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Right {
    /// Seconds of tracing.
    pub seconds: f64,
    /// Connections it had opened by then.
    pub opens: u64,
}

/// One client and what was said about it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who.
    pub address: IpAddr,
    /// Which group, by its place in the scenario.
    pub group: usize,
    /// The last verdict.
    pub verdict: &'static str,
    /// What else.
    pub also: Vec<&'static str>,
    /// The sentence.
    pub explanation: String,
    /// The last figures.
    pub figures: Figures,
    /// Whether the last verdict is right.
    pub is_right: bool,
    /// Since when the verdict has been right.
    pub right: Option<Right>,
    /// Looks at which it was accused of something that is not true.
    pub slandered: u32,
    /// What it was accused of then.
    pub slander: Option<&'static str>,
}

/// Everything about one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: &'static str,
    /// Its groups.
    pub groups: Vec<Group>,
    /// What each group did, by its own count.
    pub done: Vec<Done>,
    /// All clients, in the order of the groups.
    pub peers: Vec<Peer>,
    /// The listeners at the end.
    pub listeners: Vec<ListenerNow>,
    /// The largest distance between what was counted and the kernel's list.
    pub drift: i64,
    /// Whether anything was lost.
    pub lost: bool,
    /// What the server has logged.
    pub log: String,
}

impl Outcome {
    pub(super) fn new(scenario: &'static str, groups: &[Group], addresses: &[Vec<IpAddr>]) -> Self {
        let peers = (0..)
            .zip(addresses)
            .flat_map(|(group, addresses)| addresses.iter().map(move |address| (group, *address)))
            .map(|(group, address)| Peer {
                address,
                group,
                verdict: ABSENT,
                also: Vec::new(),
                explanation: String::new(),
                figures: Figures::default(),
                is_right: false,
                right: None,
                slandered: 0,
                slander: None,
            })
            .collect();
        Self {
            scenario,
            groups: groups.to_vec(),
            done: Vec::new(),
            peers,
            listeners: Vec::new(),
            drift: 0,
            lost: false,
            log: String::new(),
        }
    }

    /// Takes in a look at the running scenario.
    pub(super) fn look(&mut self, diagnosis: &Diagnosis, seconds: f64) {
        let by_address: HashMap<IpAddr, &Judged> = diagnosis
            .peers
            .iter()
            .map(|judged| (judged.id.network.addr(), judged))
            .collect();
        for peer in &mut self.peers {
            if let Some(judged) = by_address.get(&peer.address) {
                peer.look(judged, &self.groups[peer.group], seconds);
            }
        }
        let drift = diagnosis.accounting.drift.unwrap_or(i64::MAX);
        if drift.abs() > self.drift.abs() {
            self.drift = drift;
        }
        let losses = &diagnosis.losses;
        self.lost |= losses.peers_dropped + losses.connections_unattributed + losses.connections_dropped > 0
            || losses.programs_skipped + losses.namespaces_skipped > 0;
        self.listeners.clone_from(&diagnosis.listeners);
    }

    /// The clients of a group.
    pub fn of_group(&self, group: usize) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(move |peer| peer.group == group)
    }

    /// The clients whose last verdict is wrong.
    pub fn wrong(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| !peer.is_right)
    }

    /// What is wrong, one line each; empty when nothing is.
    pub fn complaints(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .wrong()
            .map(|peer| {
                let group = &self.groups[peer.group];
                format!(
                    "{}/{} {}: {} {:?} instead of {:?} {:?}: {}",
                    self.scenario,
                    group.name,
                    peer.address,
                    peer.verdict,
                    peer.also,
                    group.truth,
                    group.also,
                    peer.explanation
                )
            })
            .collect();
        let slandered = self.peers.iter().filter(|peer| {
            let well_behaved = self.groups[peer.group].truth.first() == Some(&"reusing");
            well_behaved && peer.is_right && peer.slandered > 0
        });
        all.extend(slandered.map(|peer| {
            let of = peer.slander.unwrap_or_default();
            format!("{} {}: accused of {of} for a while", self.scenario, peer.address)
        }));
        if self.drift != 0 {
            all.push(format!("{}: drift {}", self.scenario, self.drift));
        }
        if self.lost {
            all.push(format!("{}: something was lost", self.scenario));
        }
        all
    }
}

impl Peer {
    fn look(&mut self, judged: &Judged, group: &Group, seconds: f64) {
        let finding = &judged.finding;
        self.verdict = finding.verdict.id();
        self.also = finding.also.iter().map(|verdict| verdict.id()).collect();
        self.explanation = judged.explanation();
        self.figures = judged.figures.clone();
        let told = group.also.iter().all(|wanted| self.also.contains(wanted));
        self.is_right = told && group.truth.contains(&self.verdict);
        if !self.is_right {
            self.right = None;
        } else if self.right.is_none() {
            let opens = self.figures.opens;
            self.right = Some(Right { seconds, opens });
        }
        if finding.verdict.accuses() && !group.truth.contains(&self.verdict) {
            self.slandered += 1;
            self.slander = Some(self.verdict);
        }
    }
}

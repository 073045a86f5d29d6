//! What order and answer need of each peer. It is little, so that the peers themselves need not all be held
//! in memory at the same time.

use std::{borrow::Cow, cmp::Reverse, sync::Arc};

use super::{
    Answer, Judged, Verdict,
    answer::Recovered,
    software,
    thresholds::{habitual, share},
    verdict::Party,
};
use crate::model::{
    owner::Process,
    peer::{Direction, PeerId},
    protocol::Protocol,
};

/// A peer, as far as order and answer depend on it.
pub(super) trait Rated {
    fn id(&self) -> PeerId;
    fn verdict(&self) -> Verdict;
    fn confidence(&self) -> f64;
    fn recovered(&self) -> Option<&Recovered>;
    /// Connections opened within the window.
    fn opens(&self) -> u64;
    fn open_now(&self) -> u64;
    /// The process of this host that has most to do with it.
    fn owner(&self) -> Option<&Process>;
    /// What its connections speak, if that is known.
    fn protocol(&self) -> Option<Protocol>;
    /// The side that ends the connections, if it is nearly always the same one.
    fn closer(&self) -> Option<Party>;

    /// What to change, in the terms of the software involved.
    fn fix(&self) -> Cow<'static, str> {
        software::fix(&software::At {
            verdict: self.verdict(),
            direction: self.id().direction,
            port: self.id().port,
            spoken: self.protocol(),
            owner: self.owner().map(|owner| owner.comm.as_str()),
            closer: self.closer(),
        })
    }

    /// Who has to act on the verdict; `None` if nobody has to.
    fn party(&self) -> Option<Party> {
        let party = self.verdict().party()?;
        match self.verdict() {
            Verdict::LifetimeClose => Some(self.closer().unwrap_or(party)),
            // Seen from the client's host, the client is the one that fails to close.
            Verdict::CloseWaitLeak if self.id().direction == Direction::Outbound => Some(Party::Client),
            _ => Some(party),
        }
    }
}

impl Judged {
    /// Who has to act on the verdict; `None` if nobody has to.
    pub fn party(&self) -> Option<Party> {
        Rated::party(self)
    }
}

impl Rated for Judged {
    fn id(&self) -> PeerId {
        self.id
    }

    fn verdict(&self) -> Verdict {
        self.finding.verdict
    }

    fn confidence(&self) -> f64 {
        self.finding.confidence
    }

    fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_deref()
    }

    fn opens(&self) -> u64 {
        self.figures.opens
    }

    fn open_now(&self) -> u64 {
        self.figures.open_now
    }

    fn owner(&self) -> Option<&Process> {
        self.figures.owner.as_deref()
    }

    fn protocol(&self) -> Option<Protocol> {
        self.figures.protocol
    }

    fn closer(&self) -> Option<Party> {
        let figures = &self.figures;
        if habitual(figures.server_fin, figures.closes) {
            Some(Party::Server)
        } else if habitual(figures.client_fin + figures.client_rst, figures.closes) {
            Some(Party::Client)
        } else {
            None
        }
    }
}

/// Just that of a peer.
#[derive(Clone, Debug)]
pub struct Brief {
    /// The peer's number among those handed over.
    pub(crate) place: u32,
    pub(crate) id: PeerId,
    pub(crate) verdict: Verdict,
    confidence: f64,
    recovered: Option<Box<Recovered>>,
    opens: u64,
    open_now: u64,
    owner: Option<Arc<Process>>,
    protocol: Option<Protocol>,
    closer: Option<Party>,
}

impl Brief {
    pub(super) fn of(peer: &Judged, place: u32) -> Self {
        Self {
            place,
            id: peer.id,
            verdict: peer.finding.verdict,
            confidence: peer.finding.confidence,
            recovered: peer.recovered.clone(),
            opens: peer.figures.opens,
            open_now: peer.figures.open_now,
            owner: peer.figures.owner.clone(),
            protocol: peer.figures.protocol,
            closer: peer.closer(),
        }
    }
}

impl Rated for Brief {
    fn id(&self) -> PeerId {
        self.id
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn confidence(&self) -> f64 {
        self.confidence
    }

    fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_deref()
    }

    fn opens(&self) -> u64 {
        self.opens
    }

    fn open_now(&self) -> u64 {
        self.open_now
    }

    fn owner(&self) -> Option<&Process> {
        self.owner.as_deref()
    }

    fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    fn closer(&self) -> Option<Party> {
        self.closer
    }
}

/// How many peers there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub peers: u64,
    /// The other side connects.
    pub inbound: u64,
    /// Their main verdict accuses them.
    pub accused: u64,
    /// The operator has to decide about them.
    pub to_decide: u64,
    /// Accused within the window and no longer.
    pub recovered: u64,
    /// Nothing like a client.
    pub stray: u64,
    /// Found good.
    pub reusing: u64,
    /// Connections that they opened within the window.
    pub opens: u64,
    /// Connections that they hold.
    pub held: u64,
    to_act: [u64; Party::ALL.len()],
}

impl Tally {
    pub(super) fn of<P: Rated>(peers: &[P]) -> Self {
        let mut tally = Self::default();
        for peer in peers {
            let verdict = peer.verdict();
            tally.peers += 1;
            tally.inbound += u64::from(peer.id().direction == Direction::Inbound);
            tally.accused += u64::from(verdict.accuses());
            tally.to_decide += u64::from(verdict == Verdict::ManyHeld);
            tally.recovered += u64::from(peer.recovered().is_some() && !verdict.accuses());
            tally.stray += u64::from(verdict == Verdict::Stray);
            tally.reusing += u64::from(verdict == Verdict::Reusing);
            tally.opens += peer.opens();
            tally.held += peer.open_now();
            let to_act = peer
                .party()
                .and_then(|party| tally.to_act.get_mut(party as usize));
            if let Some(to_act) = to_act {
                *to_act += 1;
            }
        }
        tally
    }

    /// Number of peers whose verdict this party has to act on.
    pub fn of_party(&self, party: Party) -> u64 {
        self.to_act.get(party as usize).copied().unwrap_or(0)
    }

    /// The answer that follows.
    pub(super) fn answer(&self) -> Answer {
        if self.accused > 0 {
            Answer::Yes
        } else if self.reusing + self.to_decide > 0 {
            Answer::No
        } else {
            Answer::InsufficientData
        }
    }

    /// The cost of a peer or group: its share of the opens or of the open connections, whichever is larger,
    /// in millionths.
    pub(super) fn cost(&self, opens: u64, held: u64) -> u64 {
        let share = share(opens, self.opens).max(share(held, self.held));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share is between 0 and 1, give or take rounding"
        )]
        let millionths = (share * 1e6).round() as u64;
        millionths
    }
}

/// Sorts accused peers first, then those to be decided, then the rest. Within a group the most costly come
/// first; ties go by verdict and identity.
pub(super) fn worst_first<P: Rated>(peers: &mut [P], tally: &Tally) {
    // With cached keys the peers themselves, which may be large, are moved only once.
    peers.sort_by_cached_key(|peer| {
        let verdict = peer.verdict();
        (
            !verdict.accuses(),
            verdict != Verdict::ManyHeld,
            Reverse(tally.cost(peer.opens(), peer.open_now())),
            verdict,
            peer.id(),
        )
    });
}

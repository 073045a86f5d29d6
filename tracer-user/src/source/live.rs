//! Samples of this machine, from the running programs.

use crate::{
    kernel::{TraceError, clock, load::Settings, offsets::Missing, tracer::Tracer},
    model::{
        accounting::{Accounting, Totals, drift},
        ended::Ended,
        peer::Counters,
        sample::{Moment, Peer, Sample},
        socket::Sockets,
    },
};

/// A running trace.
pub struct Live {
    tracer: Tracer,
    started: Moment,
}

impl Live {
    /// Attaches the programs and counts what is open already.
    ///
    /// # Errors
    /// Says why tracing is impossible here.
    pub fn start(settings: &Settings) -> Result<Self, TraceError> {
        let mut tracer = Tracer::start(settings)?;
        // From here on everything is counted; loading took a moment.
        let started = clock::now();
        tracer.seed()?;
        Ok(Self { tracer, started })
    }

    /// Everything known now.
    ///
    /// # Errors
    /// When maps or sockets cannot be read.
    pub fn sample(&mut self) -> Result<Sample, TraceError> {
        self.tracer.flush_log();
        let before = totals(&self.tracer.peers()?);
        let sockets = self.tracer.sockets()?;
        let (peers, unattributed) = self.tracer.peers()?;
        let taken = clock::now();
        let mut losses = self.tracer.losses()?;
        losses.namespaces_skipped =
            u64::from(sockets.namespaces_skipped).max(Tracer::namespaces_unseen(&peers, &sockets));
        let accounting = account(before, &peers, &unattributed, &sockets);
        losses.programs_skipped = losses.nested.lost(accounting.drift);
        Ok(Sample {
            started: self.started,
            taken,
            known: self.tracer.known(),
            peers,
            unattributed,
            sockets,
            losses,
            accounting,
        })
    }

    /// The sums over all peers: cheap enough for a progress line.
    ///
    /// # Errors
    /// When the maps cannot be read.
    pub fn totals(&self) -> Result<Totals, TraceError> {
        Ok(totals(&self.tracer.peers()?))
    }

    /// Records of connections that ended since the last call, at most `limit`.
    pub fn ended(&mut self, limit: usize) -> Vec<Ended> {
        self.tracer.ended(limit)
    }

    /// What this kernel does not have, and what is lost by that.
    pub fn missing(&self) -> &[Missing] {
        self.tracer.missing()
    }

    /// The programs behind it.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }
}

fn totals((peers, unattributed): &(Vec<Peer>, Counters)) -> Totals {
    let mut totals = Totals::default();
    totals.add(unattributed);
    for peer in peers {
        totals.add(&peer.counters);
    }
    totals
}

fn account(before: Totals, peers: &[Peer], unattributed: &Counters, sockets: &Sockets) -> Accounting {
    let mut after = Totals::default();
    let mut open_now = 0;
    for counters in peers.iter().map(|peer| &peer.counters).chain([unattributed]) {
        after.add(counters);
        open_now += counters.open_now;
    }
    Accounting {
        totals: after,
        open_now,
        drift: Some(drift(before, after, sockets.connections.len() as u64)),
    }
}

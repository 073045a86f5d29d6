//! Converts records and sockets to rows.

use std::{collections::BTreeMap, net::IpAddr};

use hashbrown::{HashMap, HashSet};

use crate::{
    diagnosis::{Diagnosis, ExpectPeer, Expected, expected_of_peer},
    evidence::rows::{ConnectionRow, Context},
    filter::Filter,
    model::{
        ended::Ended,
        names::Names,
        owner::one_of_several,
        sample::{Known, Moment, Sample},
        workload::Workload,
    },
};

/// What a row needs besides its record.
pub(in crate::commands) struct Rows {
    clock: Moment,
    known: Known,
    filter: Filter,
    expect_peers: Vec<ExpectPeer>,
    expected: Option<u32>,
    comms: HashMap<u32, Option<String>>,
    names: Names,
    workloads: BTreeMap<u32, Workload>,
}

impl Rows {
    /// `clock` has both clocks at the start of tracing.
    pub(in crate::commands) fn new(
        clock: Moment,
        known: Known,
        filter: Filter,
        expect_peers: Vec<ExpectPeer>,
    ) -> Self {
        Self {
            clock,
            known,
            filter,
            expect_peers,
            expected: None,
            comms: HashMap::new(),
            names: Names::default(),
            workloads: BTreeMap::new(),
        }
    }

    /// From here on, overlaps are counted as in this diagnosis, and times are computed from its sample, since
    /// the clock may have been set after tracing began. Peers and processes are called as there.
    pub(in crate::commands) fn learn(&mut self, diagnosis: &Diagnosis, sample: &Sample) {
        self.clock = diagnosis.taken;
        self.names.clone_from(&diagnosis.options.names);
        if self.workloads != sample.workloads {
            self.workloads.clone_from(&sample.workloads);
        }
        self.expected = Some(diagnosis.expected.connections);
        // Process numbers are reused.
        self.comms.clear();
    }

    /// Whether rows can be made yet.
    pub(in crate::commands) fn is_ready(&self) -> bool {
        self.expected.is_some()
    }

    /// The row of an ended connection. `comm_of` gives the name of a process, if known.
    pub(in crate::commands) fn ended(
        &mut self,
        ended: &Ended,
        comm_of: impl Fn(u32) -> Option<String>,
    ) -> ConnectionRow {
        let comm = self.comm(ended.owner, comm_of);
        let row = ConnectionRow::of_ended(ended, &self.context(ended.remote.0), comm);
        self.called(row, ended.remote.0, ended.owner)
    }

    /// The connections still open in the last sample, except those in `ended`, which may have ended while the
    /// sample was taken.
    pub(in crate::commands) fn open<'a>(
        &'a mut self,
        sample: &'a Sample,
        ended: &[Ended],
        comm_of: impl Fn(u32) -> Option<String> + 'a,
    ) -> impl Iterator<Item = ConnectionRow> + 'a {
        let gone: HashSet<_> = ended.iter().map(Ended::ends).collect();
        sample
            .sockets
            .connections
            .iter()
            .filter(move |one| one.slot.is_some() && !gone.contains(&one.ends()))
            .map(move |one| {
                let comm = one
                    .owner
                    .and_then(|pid| Some(one_of_several(sample.names.get(&pid)?).to_owned()))
                    .or_else(|| self.comm(one.owner, &comm_of));
                let row = ConnectionRow::of_open(one, sample.taken, &self.context(one.remote.0), comm);
                self.called(row, one.remote.0, one.owner)
            })
    }

    /// The row with what the peer is called, and what the process belongs to.
    fn called(&self, row: ConnectionRow, remote: IpAddr, owner: Option<u32>) -> ConnectionRow {
        let workload = owner.and_then(|pid| self.workloads.get(&pid));
        ConnectionRow {
            name: self.names.get(self.filter.prefixes().network(remote)).cloned(),
            unit: workload.and_then(|of| of.unit.as_deref()).map(Into::into),
            container: workload.and_then(Workload::short_container).map(Into::into),
            ..row
        }
    }

    fn comm(&mut self, pid: Option<u32>, comm_of: impl Fn(u32) -> Option<String>) -> Option<String> {
        let pid = pid?;
        self.comms.entry(pid).or_insert_with(|| comm_of(pid)).clone()
    }

    fn context(&self, remote: IpAddr) -> Context {
        let otherwise = Expected {
            connections: self.expected.unwrap_or(1),
            learned_from: None,
        };
        let peer = self.filter.prefixes().network(remote);
        Context {
            clock: self.clock,
            known: self.known,
            expected: expected_of_peer(peer, &self.expect_peers, otherwise).connections,
        }
    }
}

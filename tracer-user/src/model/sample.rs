//! One look at everything: what a source hands to the diagnosis, the views and the files.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    accounting::{Accounting, Losses},
    earlier::Earlier,
    left::Left,
    owner::Process,
    peer::{Counters, PeerId},
    socket::Sockets,
    window::Looks,
    workload::Workload,
};

/// Most peers that there may be room for. The verifier lets programs reach 512 MiB of a map's value, and each
/// takes 1.4 KiB.
pub const MOST_PEERS: u32 = 1 << 18;

/// Peers that are kept apart while a file is read: as many as that, and the eighth that may be leaving beside
/// them.
pub const MAX_READ_PEERS: usize = (MOST_PEERS + MOST_PEERS / 8) as usize;

/// A moment on both clocks, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Monotonic clock, ns since boot.
    pub monotonic_ns: u64,
    /// UTC, ns since 1970.
    pub utc_ns: i128,
}

impl Moment {
    /// An earlier time of the same boot, monotonic, ns, on both clocks.
    #[must_use]
    pub fn earlier(self, monotonic_ns: u64) -> Self {
        let before = self.monotonic_ns.saturating_sub(monotonic_ns);
        Self {
            monotonic_ns,
            utc_ns: self.utc_ns - i128::from(before),
        }
    }
}

/// One peer with its counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Who.
    pub id: PeerId,
    /// Slot of the counters; [`super::socket::Connection::slot`] refers to it.
    pub slot: u32,
    /// What.
    pub counters: Counters,
}

/// Which figures the kernel gives. What is not known is 0 in the counters, which must not be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Request turns are counted; else they are upper bounds.
    pub turns: bool,
    /// Requests are told from handshakes, logins and signs of life; else each turn counts as one.
    #[serde(default)]
    pub requests: bool,
    /// Requests that come after this host has closed.
    #[serde(default)]
    pub late_requests: bool,
    /// How long connections were held, and how long of that they were busy.
    #[serde(default)]
    pub held: bool,
    /// Idle time before close.
    pub idle: bool,
    /// Payload received.
    pub bytes_received: bool,
    /// Payload sent.
    pub bytes_sent: bool,
    /// Segments sent again.
    pub retransmits: bool,
    /// When each live connection was last heard of, and what it sends in vain.
    pub heard: bool,
}

impl Known {
    /// Leaves only what another kernel gives too.
    pub fn limit_to(&mut self, other: Self) {
        // Every field is named, so that the compiler reports a new one missing here.
        let Self {
            turns,
            requests,
            late_requests,
            held,
            idle,
            bytes_received,
            bytes_sent,
            retransmits,
            heard,
        } = self;
        for (mine, theirs) in [
            (turns, other.turns),
            (requests, other.requests),
            (late_requests, other.late_requests),
            (held, other.held),
            (idle, other.idle),
            (bytes_received, other.bytes_received),
            (bytes_sent, other.bytes_sent),
            (retransmits, other.retransmits),
            (heard, other.heard),
        ] {
            *mine &= theirs;
        }
    }

    /// What a kernel that has everything gives.
    pub const ALL: Self = Self {
        turns: true,
        requests: true,
        late_requests: true,
        held: true,
        idle: true,
        bytes_received: true,
        bytes_sent: true,
        retransmits: true,
        heard: true,
    };
}

/// Everything known at one moment; counters are cumulative since tracing began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When tracing began.
    pub started: Moment,
    /// When the sample was taken.
    pub taken: Moment,
    /// Which figures this kernel gives.
    pub known: Known,
    /// All peers that have a place of their own, in a fixed order.
    #[serde(deserialize_with = "super::serial::bounded::deserialize::<_, _, MAX_READ_PEERS>")]
    pub peers: Vec<Peer>,
    /// All others together.
    pub unattributed: Counters,
    /// The live sockets.
    pub sockets: Sockets,
    /// How busy the connections of each slot were found since tracing began; of slots that never had several,
    /// nothing.
    #[serde(default)]
    pub looks: BTreeMap<u32, Looks>,
    /// How often each slot was given back by a peer that left, so that its history is not taken for that of
    /// the next one; those beyond the end never were. Only of a sample that was just taken.
    #[serde(skip)]
    pub generations: Vec<u32>,
    /// What those peers have counted. Only of a sample that was just taken.
    #[serde(skip)]
    pub left: Arc<Left>,
    /// Names of the processes that own connections, by thread group id, as far as they are known.
    pub names: BTreeMap<u32, String>,
    /// What they belong to, as far as that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workloads: BTreeMap<u32, Workload>,
    /// What was lost, by cause.
    pub losses: Losses,
    /// The identity and its check.
    pub accounting: Accounting,
    /// What recordings of the same host from before it add. A sample alone has none.
    #[serde(skip)]
    pub earlier: Earlier,
}

impl Sample {
    /// A sample of nothing, as when tracing has just begun.
    pub fn empty(at: Moment) -> Self {
        Self {
            started: at,
            taken: at,
            known: Known::ALL,
            peers: Vec::new(),
            unattributed: Counters::default(),
            sockets: Sockets::default(),
            looks: BTreeMap::new(),
            generations: Vec::new(),
            left: Arc::default(),
            names: BTreeMap::new(),
            workloads: BTreeMap::new(),
            losses: Losses::default(),
            accounting: Accounting::default(),
            earlier: Earlier::default(),
        }
    }

    /// The process with this thread group id, if its name is known.
    pub fn process(&self, pid: u32) -> Option<Process> {
        let comm = self.names.get(&pid)?.clone();
        let workload = self.workloads.get(&pid).cloned().map(Box::new);
        Some(Process { pid, comm, workload })
    }
}

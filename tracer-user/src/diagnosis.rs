//! From a sample to the answer: which peers do not reuse their connections, why, and what to change.
//!
//! Pure: a diagnosis is a function of the sample, its history, the options and the earlier verdicts. It asks
//! two questions in turn: does a peer reuse its connections ([`reuse`]), and if not, why ([`cause`])? Only
//! what happened within the window counts. All limits are in [`thresholds`].

mod answer;
mod capacity;
pub mod cause;
mod changes;
mod expected;
mod figures;
pub(crate) mod judge;
mod learned;
pub mod line;
mod listeners;
mod norm;
mod over;
mod packed;
mod rated;
mod recent;
pub mod reuse;
mod scene;
mod several;
pub mod software;
pub mod thresholds;
mod verdict;
pub(crate) mod words;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub(crate) use self::expected::of_peer as expected_of_peer;
#[cfg(test)]
use self::figures::{CloseWait, Course, HeldNow, Occupancy, Sparse, Waiting};
use self::thresholds::Thresholds;
pub use self::{
    answer::{Answer, Cause, Diagnosis, Impact, Judged, Movement},
    capacity::Capacity,
    changes::{Change, Observer, What},
    expected::{Expect, ExpectPeer, Expected},
    figures::{Figures, Idle, Lingering, Pace, Spread},
    judge::{Judge, Memory, Pile, diagnose},
    learned::{Constant, Learned},
    listeners::ListenerNow,
    norm::{Norm, Service},
    over::{JoinedHost, OnHost, OverHosts, Skew},
    packed::Packed,
    rated::{Brief, Tally},
    several::around_hosts,
    verdict::{Party, Verdict},
};
use crate::model::{names::Names, workers::Workers};

/// Limit of `expect_peers` in a recording: each peer is compared with every entry.
const MAX_SAID: usize = 4096;

/// What the user knows and the counters cannot show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// How many connections a well-behaved peer holds.
    pub expect: Expect,
    /// Peers that may hold another number.
    #[serde(deserialize_with = "crate::model::serial::bounded::deserialize::<_, _, MAX_SAID>")]
    pub expect_peers: Vec<ExpectPeer>,
    /// The server's keep-alive timeout, ns.
    pub keepalive_ns: Option<u64>,
    /// How long the server may hold a poll, ns.
    pub hold_ns: Option<u64>,
    /// Maximum number of the server's workers.
    pub max_workers: Option<u32>,
    /// What the server's status page says about its workers.
    pub workers: Option<Workers>,
    /// The address tcpreuse fetched the status page from, and its number of connections, which are not a
    /// client's.
    pub own_requests: Option<(IpAddr, u64)>,
    /// Whether a peer that is an IPv6 network is the strangers of that network, counted together while the
    /// table of peers was nearly full. Else the user has peers grouped by network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strangers_share: bool,
    /// The thresholds the rules use.
    pub thresholds: Thresholds,
    /// What the peers are called. No verdict depends on it.
    pub names: Names,
}

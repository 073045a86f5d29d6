//! From a sample to the answer: which peers do not reuse their connections, why, what to change.
//!
//! Pure: a diagnosis is a function of one sample, the history that led to it, the options, and the verdicts before. Two
//! questions, in this order: does a peer reuse its connections ([`reuse`]), and if not, why ([`cause`], one a file)?
//! Only what happened within the window is looked at. The numbers compared with are in [`thresholds`].

mod answer;
mod capacity;
pub mod cause;
mod changes;
mod expected;
mod figures;
mod judge;
mod learned;
mod listeners;
mod norm;
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
use self::thresholds::Thresholds;
pub use self::{
    answer::{Answer, Cause, Diagnosis, Impact, Judged, Movement, Recovered},
    capacity::Capacity,
    changes::{Change, Changes, Observer, What},
    expected::{Expect, ExpectPeer, Expected},
    figures::{CloseWait, Course, Figures, HeldNow, Idle, Lingering, Sparse, Spread, Waiting},
    judge::{Judge, Memory, diagnose},
    learned::{Constant, Learned},
    listeners::ListenerNow,
    norm::{Norm, Service},
    several::combine,
    verdict::{Party, Verdict},
};
use crate::model::workers::Workers;

/// Networks that a recording may say something of: each peer is looked for in all of them.
const MAX_SAID: usize = 4096;

/// What the user knows and the counters cannot tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// How many connections one well-behaved peer holds.
    pub expect: Expect,
    /// Peers that may hold more.
    #[serde(deserialize_with = "crate::model::serial::bounded::deserialize::<_, _, MAX_SAID>")]
    pub expect_peers: Vec<ExpectPeer>,
    /// The server's keep-alive timeout, ns.
    pub keepalive_ns: Option<u64>,
    /// How long the server may hold a poll, ns.
    pub hold_ns: Option<u64>,
    /// How many workers the server has.
    pub max_workers: Option<u32>,
    /// What the server says of its workers.
    pub workers: Option<Workers>,
    /// From where tcpreuse itself asked it, and how many connections that took: no client to judge.
    pub own_requests: Option<(IpAddr, u64)>,
    /// What the rules compare with.
    pub thresholds: Thresholds,
}

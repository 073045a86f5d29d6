//! Idle time before the end of a connection.

use crate::{
    diagnosis::thresholds::{TIGHT_NS, TIGHT_SHARE, habitual, share},
    model::durations::{Cluster, Durations},
};

/// How long a peer's connections were idle before the first FIN or RST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Idle {
    /// How many.
    pub count: u64,
    /// Median, ns.
    pub p50_ns: Option<u64>,
    /// Longest, ns.
    pub max_ns: Option<u64>,
    /// Where most lie close together.
    pub cluster: Option<Cluster>,
}

impl Idle {
    /// The cluster, if nearly all lie in it and it is narrow: a timer set it, not chance.
    pub fn constant(&self) -> Option<Cluster> {
        let cluster = self.cluster?;
        let narrow = cluster.width_ns() <= TIGHT_NS
            || share(cluster.width_ns(), cluster.high_ns) <= TIGHT_SHARE
            // Its limits are known no better than to a bucket when something lies outside.
            || cluster.count < self.count;
        (narrow && habitual(cluster.count, self.count)).then_some(cluster)
    }
}

impl From<&Durations> for Idle {
    fn from(durations: &Durations) -> Self {
        let Some(summary) = durations.summary() else {
            return Self::default();
        };
        Self {
            count: summary.count,
            p50_ns: Some(summary.median_ns),
            max_ns: Some(summary.max_ns),
            cluster: durations.cluster(),
        }
    }
}

//! Times that a timer sets lie close together; those that chance sets do not.

use serde::{Deserialize, Serialize};

use crate::{
    diagnosis::thresholds::{
        AGE_NS, AGE_SHARE, DISCARDED_NS, MIN_ALIKE, SAME_AGE_SHARE, TIGHT_NS, TIGHT_SHARE, habitual, share,
    },
    model::durations::{Cluster, Durations},
};

/// Some times of a peer's connections: how long they were idle before the first FIN or RST, or how old they
/// became.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// How many.
    pub count: u64,
    /// Median, ns.
    pub p50_ns: Option<u64>,
    /// Longest, ns.
    pub max_ns: Option<u64>,
    /// Where most lie close together.
    pub cluster: Option<Cluster>,
    /// The fullest bucket alone.
    pub bucket: Option<Cluster>,
    /// How many were as short as [`DISCARDED_NS`].
    pub at_once: u64,
}

impl Idle {
    /// The cluster, if nearly all lie in it and it is narrow: a timer set it, not chance.
    ///
    /// Where something lies outside, the cluster's limits are known no better than to the edges of its
    /// buckets, and two buckets are too wide for a timer: then it has to be one.
    pub fn constant(&self) -> Option<Cluster> {
        self.all_alike().or_else(|| {
            self.bucket
                .filter(|bucket| bucket.count >= MIN_ALIKE && habitual(bucket.count, self.count))
        })
    }

    /// The cluster, if all lie in it and it is narrow.
    pub fn all_alike(&self) -> Option<Cluster> {
        self.cluster.filter(|cluster| {
            let width = cluster.width_ns();
            cluster.count == self.count && (width <= TIGHT_NS || share(width, cluster.high_ns) <= TIGHT_SHARE)
        })
    }

    /// The cluster, if all lie in it and so close together that only a clock that began with the connection
    /// explains it. Where connections carry the same number of requests each, they are of about the same age
    /// too, so that it takes more then.
    pub fn constant_age(&self, same_requests: bool) -> Option<Cluster> {
        let cluster = self.cluster.filter(|cluster| cluster.count == self.count)?;
        let (part, least) = if same_requests {
            (SAME_AGE_SHARE, AGE_NS / 5)
        } else {
            (AGE_SHARE, AGE_NS)
        };
        let width = cluster.width_ns();
        let narrow = share(width, cluster.high_ns) <= part || width <= least;
        (narrow && cluster.low_ns > 10 * AGE_NS / 2).then_some(cluster)
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
            bucket: durations.fullest_bucket(),
            at_once: durations.up_to(DISCARDED_NS),
        }
    }
}

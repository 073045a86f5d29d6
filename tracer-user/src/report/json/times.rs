//! Times of a peer, in milliseconds; `null` where nothing was measured.

use serde::Serialize;

use super::NS_PER_MS;
use crate::diagnosis::{Pace, Spread};

#[derive(Serialize)]
pub(super) struct Milliseconds {
    p50: Option<u64>,
    max: Option<u64>,
}

impl From<Spread> for Milliseconds {
    fn from(spread: Spread) -> Self {
        let [p50, max] = [spread.p50_ns, spread.max_ns].map(|ns| Some(ns? / NS_PER_MS));
        Self { p50, max }
    }
}

#[derive(Serialize)]
pub(super) struct Percentiles {
    p50: Option<u64>,
    p95: Option<u64>,
    max: Option<u64>,
}

impl From<Pace> for Percentiles {
    fn from(pace: Pace) -> Self {
        let [p50, p95, max] = [pace.p50_ns, pace.p95_ns, pace.max_ns].map(|ns| Some(ns? / NS_PER_MS));
        Self { p50, p95, max }
    }
}

//! All options that a verdict depends on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::NS_PER_MS;
use crate::diagnosis::{Expect, Options};

#[derive(Serialize)]
pub(super) struct Told<'a> {
    expect: Option<u32>,
    expect_peers: Vec<ExpectPeer>,
    keepalive_timeout_ms: Option<u64>,
    hold_ms: Option<u64>,
    max_workers: Option<u32>,
    workers: Option<&'a crate::model::workers::Workers>,
    thresholds: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct ExpectPeer {
    peer: String,
    connections: u32,
}

impl<'a> Told<'a> {
    pub(super) fn of(options: &'a Options) -> Self {
        Self {
            expect: match options.expect {
                Expect::Auto => None,
                Expect::Connections(connections) => Some(connections),
            },
            expect_peers: options
                .expect_peers
                .iter()
                .map(|known| ExpectPeer {
                    peer: known.network.to_string(),
                    connections: known.connections,
                })
                .collect(),
            keepalive_timeout_ms: options.keepalive_ns.map(|ns| ns / NS_PER_MS),
            hold_ms: options.hold_ns.map(|ns| ns / NS_PER_MS),
            max_workers: options.max_workers,
            workers: options.workers.as_ref(),
            thresholds: options.thresholds.changed(),
        }
    }
}

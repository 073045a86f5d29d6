//! The listening processes and their workers.

use serde::Serialize;

use crate::{
    diagnosis::Capacity as Process,
    model::{owner, workers::Mpm},
};

#[derive(Serialize)]
pub(super) struct Capacity<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    process: Option<&'a owner::Process>,
    ports: &'a [u16],
    held: u64,
    growth_per_second: Option<f64>,
    takes_one_per_connection: Option<bool>,
    max_workers: Option<u32>,
    /// Whether the maximum is only an upper bound.
    at_most: bool,
    /// The value of `--max-workers`, if the status page has a different one.
    contradicted_max_workers: Option<u32>,
    busy_workers: Option<u32>,
    idle_workers: Option<u32>,
    finishing: Option<u32>,
    processes: Option<u32>,
    processes_ending: Option<u32>,
    states: Vec<State<'a>>,
    exhausted_in_seconds: Option<f64>,
    connections_total: Option<u32>,
    connections_keepalive: Option<u32>,
    connections_writing: Option<u32>,
    connections_closing: Option<u32>,
    mpm: Option<Mpm>,
    version: Option<&'a str>,
    uptime_seconds: Option<u64>,
}

#[derive(Serialize)]
struct State<'a> {
    state: &'a str,
    workers: u32,
}

pub(super) fn of(now: &Process) -> Capacity<'_> {
    let page = now.page.as_ref();
    let connections = page.and_then(|page| page.connections);
    let states = page.map_or(&[][..], |page| &page.states);
    Capacity {
        host: now.host.as_deref(),
        process: now.process.as_ref(),
        ports: &now.ports,
        held: now.held,
        growth_per_second: now.per_second.map(|growth| (growth * 1000.0).round() / 1000.0),
        takes_one_per_connection: now.takes_one,
        max_workers: now.max_workers,
        at_most: now.at_most,
        contradicted_max_workers: now.contradicted,
        busy_workers: now.busy_workers,
        idle_workers: now.idle_workers(),
        finishing: page.and_then(|page| page.finishing),
        processes: page.and_then(|page| page.processes),
        processes_ending: page.and_then(|page| page.ending),
        states: states
            .iter()
            .map(|(state, workers)| State {
                state,
                workers: *workers,
            })
            .collect(),
        exhausted_in_seconds: now.exhausted_in_s,
        connections_total: connections.map(|all| all.total),
        connections_keepalive: connections.map(|all| all.keepalive),
        connections_writing: connections.map(|all| all.writing),
        connections_closing: connections.map(|all| all.closing),
        mpm: page.and_then(|page| page.mpm),
        version: page.and_then(|page| page.version.as_deref()),
        uptime_seconds: page.and_then(|page| page.uptime_s),
    }
}

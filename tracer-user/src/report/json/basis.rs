//! The figures the rules use beside a peer's main ones, so that a verdict can be checked from the file.

use serde::Serialize;

use super::NS_PER_MS;
use crate::diagnosis::Figures;

#[derive(Serialize)]
pub(super) struct Basis {
    /// Request turns over all connections within the window: an upper bound, since a handshake has turns too.
    request_turns: u64,
    /// Whether the kernel counted the turns, rather than segments bounding them.
    turns_counted: bool,
    opens_while_none_was_held: u64,
    /// Turns of the ended connections, and the number of these connections.
    turns_of_ended: u64,
    turns_alike: u64,
    ended_by_client: u64,
    ended_by_server: u64,
    lifetime_sum_ms: u64,
    lifetimes: Cluster,
    idle_times: Cluster,
    holds: u64,
    holds_sum_ms: u64,
    pauses: u64,
    pauses_sum_ms: u64,
    /// All connections' time together, and how much of it had a request that waited for its answer.
    held_sum_ms: Option<u64>,
    busy_sum_ms: Option<u64>,
    held_low: u64,
    held_grown: u64,
    held_grown_lately: u64,
    /// Number of looks at it while it had connections, and what they showed.
    looks: u64,
    looks_established: u64,
    looks_busy: u64,
    looks_none_idle: u64,
    looks_just_opened: u64,
    looks_beside_free: u64,
    /// Established connections, by what is known about them since the next younger one opened.
    established: u64,
    in_use: u64,
    holding: u64,
    silent: u64,
    dead: u64,
    without_request: u64,
    waiting_oldest_ms: u64,
    late_read_max_ms: u64,
    close_wait_left: u64,
    close_wait_left_p50_ms: Option<u64>,
    close_wait_passed_by: u64,
    close_wait_keep_coming: u64,
}

/// Where most of a set of times lie close together.
#[derive(Serialize)]
struct Cluster {
    count: u64,
    low_ms: Option<u64>,
    high_ms: Option<u64>,
}

impl Cluster {
    fn of(times: &crate::diagnosis::Idle) -> Self {
        Self {
            count: times.cluster.map_or(0, |cluster| cluster.count),
            low_ms: times.cluster.map(|cluster| cluster.low_ns / NS_PER_MS),
            high_ms: times.cluster.map(|cluster| cluster.high_ns / NS_PER_MS),
        }
    }
}

impl Basis {
    pub(super) fn of(figures: &Figures) -> Self {
        let (held, course, looks) = (&figures.held, &figures.course, &figures.looks);
        let (close_wait, lingering) = (&figures.close_wait, figures.lingering.as_ref());
        Self {
            request_turns: figures.requests,
            turns_counted: figures.turns_counted,
            opens_while_none_was_held: figures.opens_with_none,
            turns_of_ended: figures.turns.sum,
            turns_alike: figures.turns.like_the_most(),
            ended_by_client: figures.client_fin + figures.client_rst,
            ended_by_server: figures.server_fin,
            lifetime_sum_ms: figures.lifetime_sum_ns / NS_PER_MS,
            lifetimes: Cluster::of(&figures.age),
            idle_times: Cluster::of(&figures.idle),
            holds: figures.hold.count,
            holds_sum_ms: figures.hold.sum_ns / NS_PER_MS,
            pauses: figures.pause.count,
            pauses_sum_ms: figures.pause.sum_ns / NS_PER_MS,
            held_sum_ms: figures.occupancy.held_ms,
            busy_sum_ms: figures.occupancy.busy_ms,
            held_low: course.low,
            held_grown: course.grown,
            held_grown_lately: course.lately,
            looks: looks.looks,
            looks_established: looks.established,
            looks_busy: looks.busy,
            looks_none_idle: looks.none_idle,
            looks_just_opened: looks.just_opened,
            looks_beside_free: looks.beside_free,
            established: held.established,
            in_use: held.alive,
            holding: held.holding,
            silent: held.silent,
            dead: held.dead,
            without_request: figures.without_request,
            waiting_oldest_ms: figures.waiting.oldest_ns / NS_PER_MS,
            late_read_max_ms: figures.late_read_max_ns / NS_PER_MS,
            close_wait_left: close_wait.left,
            close_wait_left_p50_ms: close_wait.p50_ns.map(|ns| ns / NS_PER_MS),
            close_wait_passed_by: lingering.map_or(0, |lingering| lingering.passed_by),
            close_wait_keep_coming: lingering.map_or(0, |lingering| lingering.keep_coming),
        }
    }
}

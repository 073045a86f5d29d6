//! The families of series, one after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, iter,
};

use prometheus_client::registry::Unit;
use tracer_ebpf::buckets::{TIME_BUCKETS, time_range};

use super::{
    Metrics,
    counted::{CELLS, Counted, EXPORTED, Exported, Service, Shape, Sums},
    series::{ALONE, Families, Histogram},
};
use crate::{
    diagnosis::{Capacity, Diagnosis, Judged, ListenerNow},
    model::socket::State,
};

const NS_PER_S: f64 = 1e9;

/// The reasons of a close, in the order of [`crate::model::peer::Closes::each`].
const REASONS: [&str; 5] = ["local_fin", "remote_fin", "local_rst", "remote_rst", "timeout"];

type Label = (&'static str, String);

pub(super) fn encode(metrics: &Metrics, out: &mut Families<'_>) -> fmt::Result {
    let Metrics {
        counted, diagnosis, ..
    } = metrics;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.info("tcpreuse_build", "The program.", &version)?;
    open(counted, out)?;
    for (place, exported) in EXPORTED.iter().enumerate() {
        if (exported.known)(counted.known) {
            export(counted, place, exported, out)?;
        }
    }
    let overlaps = counted
        .services
        .iter()
        .map(|(service, sums)| (of(*service), sums.overlaps));
    out.counters(
        "tcpreuse_overlapping_opens",
        None,
        "Connections opened while the peer already held as many as --expect allows; by default one.",
        overlaps,
    )?;
    listeners(diagnosis, out)?;
    processes(diagnosis, out)?;
    peers(metrics, out)?;
    surge(metrics, out)?;
    honesty(metrics, out)?;
    match &metrics.process {
        Some(process) => process.encode(out),
        None => Ok(()),
    }
}

fn of(service: Service) -> [Label; 2] {
    let direction = service.map_or_else(|| "unknown".to_owned(), |(direction, _)| direction.to_string());
    [("direction", direction), port(service)]
}

fn port(service: Service) -> Label {
    let port = service.map_or_else(|| "other".to_owned(), |(_, port)| port.to_string());
    ("port", port)
}

fn at(port: u16) -> Label {
    ("port", port.to_string())
}

fn open(counted: &Counted, out: &mut Families<'_>) -> fmt::Result {
    let each = counted.services.iter().flat_map(|(service, sums)| {
        State::ALL.into_iter().zip(sums.states).map(|(state, count)| {
            let [direction, port] = of(*service);
            (
                [direction, port, ("state", state.name().to_ascii_lowercase())],
                count,
            )
        })
    });
    out.gauges(
        "tcpreuse_connections",
        None,
        "Connections open now, by TCP state.",
        each,
    )?;
    let mut oldest: BTreeMap<Label, u64> = BTreeMap::new();
    for (service, sums) in &counted.services {
        let longest = oldest.entry(port(*service)).or_default();
        *longest = sums.close_wait_ns.unwrap_or(0).max(*longest);
    }
    out.gauges(
        "tcpreuse_close_wait_oldest",
        Some(Unit::Seconds),
        "How long the oldest connection in CLOSE_WAIT has been in it; 0 if there is none.",
        oldest.into_iter().map(|(port, ns)| ([port], seconds(ns))),
    )
}

/// A figure of all services.
fn export(counted: &Counted, place: usize, exported: &Exported, out: &mut Families<'_>) -> fmt::Result {
    let Exported { name, help, .. } = exported;
    let cells = |sums: &Sums| sums.figures.get(place).copied().unwrap_or([0; CELLS]);
    let services = counted
        .services
        .iter()
        .map(|(service, sums)| (*service, cells(sums)));
    match exported.shape {
        Shape::Count => {
            let each = services.map(|(service, [count, ..])| (of(service), count));
            out.counters(name, None, help, each)
        }
        Shape::Failures => {
            // By port alone, since only this host's connects are seen to fail.
            let mut ports: BTreeMap<[Label; 2], u64> = BTreeMap::new();
            for (service, [count, ..]) in services {
                for (error, count) in counted.failures.of(service, count) {
                    *ports
                        .entry([port(service), ("error", error.to_owned())])
                        .or_default() += count;
                }
            }
            let each = ports.into_iter();
            out.counters(name, None, help, each)
        }
        Shape::Reasons => {
            let each = services.flat_map(|(service, cells)| {
                REASONS.into_iter().zip(cells).map(move |(reason, count)| {
                    let [direction, port] = of(service);
                    ([direction, port, ("reason", reason.to_owned())], count)
                })
            });
            out.counters(name, None, help, each)
        }
        Shape::Durations => out.durations(
            name,
            help,
            services.map(|(service, cells)| (of(service), histogram(&cells))),
        ),
    }
}

/// One bucket an octave, from a millisecond to four and a half minutes.
fn histogram(cells: &[u64; CELLS]) -> Histogram {
    let (counts, sum) = cells.split_at(TIME_BUCKETS);
    let mut buckets: Vec<(f64, u64)> = Vec::new();
    let mut so_far = 0;
    for (bucket, count) in (0..).zip(counts) {
        so_far += count;
        // The kernel has two an octave, the first of which begins at a power of two.
        if bucket % 2 == 0 && bucket as usize + 1 < TIME_BUCKETS {
            let (_, end) = time_range(bucket);
            buckets.push((seconds(end), so_far));
            so_far = 0;
        }
    }
    buckets.push((f64::INFINITY, so_far));
    Histogram {
        buckets,
        count: counts.iter().sum(),
        sum: seconds(sum.first().copied().unwrap_or(0)),
    }
}

/// Adds what several listeners have under the same labels, as in several network namespaces.
fn summed<L: Ord, T>(all: &[T], value: impl Fn(&T) -> Option<(L, u64)>) -> impl Iterator<Item = (L, u64)> {
    let mut sums: BTreeMap<L, u64> = BTreeMap::new();
    for (labels, more) in all.iter().filter_map(value) {
        *sums.entry(labels).or_default() += more;
    }
    sums.into_iter()
}

fn listeners(diagnosis: &Diagnosis, out: &mut Families<'_>) -> fmt::Result {
    let all = &diagnosis.listeners;
    out.gauges(
        "tcpreuse_never_accepted_connections",
        None,
        "Connections open now that no process has accepted yet.",
        summed(all, |one| Some(([at(one.port)], one.never_accepted))),
    )?;
    let process = |one: &ListenerNow| {
        let comm = one
            .owner
            .process()
            .map_or_else(String::new, |process| process.comm.clone());
        [at(one.port), ("process", comm)]
    };
    out.gauges(
        "tcpreuse_listener_accept_queue",
        None,
        "Connections that wait to be accepted.",
        summed(all, |one| Some((process(one), one.backlog.accept_queue))),
    )?;
    out.gauges(
        "tcpreuse_listener_accept_queue_limit",
        None,
        "How many connections may wait to be accepted.",
        summed(all, |one| Some((process(one), one.backlog.accept_queue_limit))),
    )?;
    out.counters(
        "tcpreuse_listener_drops",
        None,
        "SYNs and connections that the kernel dropped since the socket listens, most of them for a full queue.",
        summed(all, |one| Some(([at(one.port)], one.backlog.drops?))),
    )?;
    let workers = |state: &'static str, count: fn(&ListenerNow) -> Option<u32>| {
        summed(all, move |one| {
            let labels = [at(one.port), ("state", state.to_owned())];
            Some((labels, u64::from(count(one)?)))
        })
    };
    let idle = |one: &ListenerNow| Some(one.max_workers?.saturating_sub(one.busy_workers?));
    out.gauges(
        "tcpreuse_listener_workers",
        None,
        "Workers of the server that listens, as far as its status page or --max-workers tells.",
        workers("busy", |one| one.busy_workers).chain(workers("idle", idle)),
    )
}

fn processes(diagnosis: &Diagnosis, out: &mut Families<'_>) -> fmt::Result {
    // Of several processes with one name, the one with the least room.
    let mut files: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let known = |one: &Capacity| Some((one.process.as_ref()?.comm.clone(), one.files?));
    for (comm, (open, limit)) in diagnosis.capacity.iter().filter_map(known) {
        let least = files.entry(comm).or_insert((open, limit));
        if limit.saturating_sub(open) < least.1.saturating_sub(least.0) {
            *least = (open, limit);
        }
    }
    let each = |value: fn(&(u64, u64)) -> u64| {
        files
            .iter()
            .map(move |(comm, files)| ([("process", comm.clone())], value(files)))
    };
    out.gauges(
        "tcpreuse_owner_open_fds",
        None,
        "Files, sockets included, that a process which listens has open.",
        each(|(open, _)| *open),
    )?;
    out.gauges(
        "tcpreuse_owner_open_fds_limit",
        None,
        "How many files it may have open.",
        each(|(_, limit)| *limit),
    )?;
    let mut soonest: BTreeMap<Label, f64> = BTreeMap::new();
    for one in &diagnosis.listeners {
        if let Some(seconds) = one.exhausted_in_s {
            let first = soonest.entry(at(one.port)).or_insert(seconds);
            *first = first.min(seconds);
        }
    }
    out.gauges(
        "tcpreuse_exhaustion",
        Some(Unit::Seconds),
        "Time until the server runs out at its present growth, 0 if it has. Absent while nothing grows.",
        soonest
            .into_iter()
            .map(|(port, seconds)| ([port, ("limit", "workers".to_owned())], seconds)),
    )
}

fn peers(metrics: &Metrics, out: &mut Families<'_>) -> fmt::Result {
    let Metrics {
        diagnosis, counted, ..
    } = metrics;
    let service = |one: &Judged| {
        let service = Some((one.id.direction, one.id.port));
        port(service.filter(|_| counted.services.contains_key(&service)))
    };
    let verdict = |one: &Judged| ("verdict", one.finding.verdict.to_string());
    out.gauges(
        "tcpreuse_peers",
        None,
        "Peers by their verdict over the window.",
        summed(&diagnosis.peers, |one| Some(([service(one), verdict(one)], 1))),
    )?;
    // Worst first, so the accused come before all others.
    let accused = diagnosis
        .peers
        .partition_point(|one| one.finding.verdict.accuses());
    let shown = diagnosis
        .peers
        .get(..accused.min(metrics.max_peers))
        .unwrap_or_default();
    out.gauges(
        "tcpreuse_peer_connections",
        None,
        "Connections that a peer holds which does not reuse them, the worst ones only.",
        summed(shown, |one| {
            let (peer, name) = (
                one.id.name(),
                one.name().map(ToString::to_string).unwrap_or_default(),
            );
            let labels = [service(one), ("peer", peer), ("name", name), verdict(one)];
            Some((labels, one.figures.open_now))
        }),
    )?;
    out.gauges(
        "tcpreuse_peers_not_shown",
        None,
        "Peers that do not reuse connections and have no series of their own, since --metrics-peers bounds these.",
        [(ALONE, (accused - shown.len()) as u64)],
    )?;
    out.gauges(
        "tcpreuse_peers_untracked",
        None,
        "Peers that found no room (--max-peers). They are counted in the totals and not judged.",
        [(ALONE, diagnosis.losses.peers_dropped)],
    )
}

fn surge(metrics: &Metrics, out: &mut Families<'_>) -> fmt::Result {
    let surge = metrics
        .diagnosis
        .movement
        .surge
        .as_ref()
        .filter(|surge| surge.ended.is_none());
    let of_port = |port: &u16| u64::from(surge.is_some_and(|surge| surge.ports.contains(port)));
    let services = metrics.counted.services.keys().flatten();
    let ports: BTreeSet<u16> = services.map(|(_, port)| *port).collect();
    let each = ports
        .iter()
        .map(|port| ([("port", port.to_string())], of_port(port)));
    out.gauges(
        "tcpreuse_surge",
        None,
        "Whether connections surge: far more are open than minutes ago. Found over all ports together; of a port: \
         whether it has a tenth of the growth.",
        iter::once(([("port", "all".to_owned())], u64::from(surge.is_some()))).chain(each),
    )?;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970, to a microsecond")]
    let start = surge.map(|surge| (ALONE, surge.started.utc_ns as f64 / NS_PER_S));
    out.gauges(
        "tcpreuse_surge_start_time",
        Some(Unit::Seconds),
        "When the surge that goes on began, since 1970.",
        start,
    )
}

/// What is missing, and what watching costs.
fn honesty(metrics: &Metrics, out: &mut Families<'_>) -> fmt::Result {
    let lost = metrics.counted.lost.iter();
    out.counters(
        "tcpreuse_lost",
        None,
        "What could not be counted or recorded, by cause.",
        lost.map(|(cause, count)| ([("cause", *cause)], *count)),
    )?;
    out.gauges(
        "tcpreuse_drift_connections",
        None,
        "Connections counted as open minus those the kernel lists; 0 means that nothing was missed.",
        metrics.diagnosis.accounting.drift.map(|drift| (ALONE, drift)),
    )?;
    out.gauges(
        "tcpreuse_sample_duration",
        Some(Unit::Seconds),
        "How long the newest look at all peers and sockets took.",
        metrics.sample_took.map(|took| (ALONE, took.as_secs_f64())),
    )
}

fn seconds(ns: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "years are exact to a microsecond")]
    let seconds = ns as f64 / NS_PER_S;
    seconds
}

//! The diagnosis as JSON, schema `tcpreuse.diagnosis/1`. Fields are only ever added; unknown is
//! `null`, never 0.

mod basis;
mod capacity;
mod changes;
mod counted;
mod hosts;
mod surge;
mod told;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use self::{basis::Basis, counted::Counted, told::Told};
use super::{Counts, Origin, timestamp};
use crate::{
    diagnosis::{
        self, Answer, Cause, Diagnosis, Figures, Impact, Judged, ListenerNow, Pace, Spread, Verdict,
    },
    model::{
        accounting::Losses,
        backlog::{Backlog, PLACED},
        interface::Interface,
        names::Names,
        owner::Process,
        peer::{Closes, Counters, Direction},
        protocol::Protocol,
        sample::{Known, Moment},
    },
    units::seconds,
};

const SCHEMA: &str = "tcpreuse.diagnosis/1";
const NS_PER_MS: u64 = 1_000_000;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    answer: Answer,
    host: &'a str,
    kernel: &'a str,
    version: &'static str,
    run: Span,
    window: Span,
    options: Told<'a>,
    expected: Expected,
    learned: Learned,
    thresholds_changed: BTreeMap<String, u64>,
    accounting: Accounting<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<hosts::Joined<'a>>,
    listeners: Vec<Listener<'a>>,
    capacity: Vec<capacity::Capacity<'a>>,
    surge: surge::Surge,
    changes: Vec<changes::Change<'a>>,
    changes_dropped: u64,
    causes: &'a [Cause],
    peers: Vec<Peer<'a>>,
}

/// A period: the run since tracing began, or the window that is judged.
#[derive(Serialize)]
struct Span {
    start: String,
    end: String,
    seconds: f64,
}

#[derive(Serialize)]
struct Expected {
    connections: u32,
    learned_from_peers: Option<usize>,
}

/// What the peers together reveal about the server's settings.
#[derive(Serialize)]
struct Learned {
    keepalive_timeout_ms: Option<u64>,
    keepalive_timeout_from_peers: Option<u64>,
    requests_per_connection: Option<u64>,
    requests_per_connection_from_peers: Option<u64>,
}

#[derive(Serialize)]
struct Accounting<'a> {
    #[serde(flatten)]
    counted: Counts,
    losses: &'a Losses,
}

#[derive(Serialize)]
struct Listener<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    local_port: u16,
    netns: u32,
    held: u64,
    close_wait: u64,
    never_accepted: u64,
    accept_queue: u64,
    accept_queue_limit: u64,
    accept_queue_peak: u64,
    never_accepted_peak: u64,
    owner: Option<&'a Process>,
    owners: Option<u32>,
    max_workers: Option<u32>,
    busy_workers: Option<u32>,
    growth_per_second: Option<f64>,
    exhausted_in_seconds: Option<f64>,
    #[serde(flatten)]
    others: Counted<'a, Backlog>,
}

#[derive(Serialize)]
struct Peer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(flatten)]
    over: Option<hosts::Over<'a>>,
    peer: String,
    name: Option<String>,
    local_port: Option<u16>,
    remote_port: Option<u16>,
    direction: Direction,
    /// Of several hosts together there is none.
    netns: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<Interface>,
    verdict: Verdict,
    also: &'a [Verdict],
    confidence: f64,
    shared_address: bool,
    recovered: Option<Recovered>,
    impact: Impact,
    first_seen: Option<String>,
    last_seen: Option<String>,
    expected: u32,
    owner: Option<&'a Process>,
    figures: PeerFigures<'a>,
    basis: Basis,
    explanation: String,
    fix: Cow<'static, str>,
}

#[derive(Serialize)]
struct Recovered {
    verdict: Verdict,
    since: String,
}

#[derive(Serialize)]
struct PeerFigures<'a> {
    seconds: f64,
    opens: u64,
    closes: u64,
    open_now: u64,
    open_peak: u64,
    overlaps: u64,
    failed: u64,
    seeded: u64,
    close_reasons: Closes,
    lifetime_ms: Range,
    idle_before_close_ms: Range,
    reopen_gap_ms: Range,
    hold_ms: Percentiles,
    pause_ms: Percentiles,
    turns_per_connection: Range,
    protocol: Option<Protocol>,
    requests: Option<u64>,
    requests_are_exact: bool,
    requests_per_connection: Range,
    held: Held,
    one_host: Option<bool>,
    close_wait: CloseWait,
    never_accepted: u64,
    bytes_received: Option<u64>,
    bytes_sent: Option<u64>,
    retransmits: Option<u64>,
    #[serde(flatten)]
    counted: Counted<'a, Counters>,
}

#[derive(Serialize)]
struct Range {
    p50: Option<u64>,
    max: Option<u64>,
}

#[derive(Serialize)]
struct Percentiles {
    p50: Option<u64>,
    p95: Option<u64>,
    max: Option<u64>,
}

/// Connections held, not counting CLOSE_WAIT.
#[derive(Serialize)]
struct Held {
    start: u64,
    end: u64,
    mean: Option<f64>,
    peak: u64,
}

#[derive(Serialize)]
struct CloseWait {
    now: u64,
    oldest_ms: Option<u64>,
    oldest_is_at_least: bool,
    entered: u64,
    longest_ms: Option<u64>,
    never_accepted: u64,
}

/// Writes the diagnosis, indented, with a final newline.
///
/// # Errors
/// If `to` cannot be written.
pub fn write(to: &mut dyn Write, diagnosis: &Diagnosis, origin: &Origin) -> io::Result<()> {
    let document = document(diagnosis, origin);
    serde_json::to_writer_pretty(&mut *to, &document)?;
    to.write_all(b"\n")
}

/// A change as it stands in the document.
pub(crate) fn change(change: &diagnosis::Change, names: &Names) -> impl Serialize {
    changes::of(change, names)
}

fn document<'a>(diagnosis: &'a Diagnosis, origin: &'a Origin) -> Document<'a> {
    let (changes, names) = (diagnosis.changes.iter(), &diagnosis.options.names);
    Document {
        schema: SCHEMA,
        answer: diagnosis.answer,
        host: &origin.host,
        kernel: &origin.kernel,
        version: env!("CARGO_PKG_VERSION"),
        run: span(diagnosis.started, diagnosis.taken, diagnosis.run_ns()),
        window: span(diagnosis.window_start, diagnosis.taken, diagnosis.window_ns()),
        options: Told::of(&diagnosis.options),
        expected: Expected {
            connections: diagnosis.expected.connections,
            learned_from_peers: diagnosis.expected.learned_from,
        },
        learned: learned(diagnosis),
        thresholds_changed: diagnosis.thresholds.changed(),
        accounting: Accounting {
            counted: Counts::of(&diagnosis.accounting, &diagnosis.losses),
            losses: &diagnosis.losses,
        },
        hosts: diagnosis.hosts.iter().map(hosts::Joined::of).collect(),
        listeners: diagnosis.listeners.iter().map(listener).collect(),
        capacity: diagnosis.capacity.iter().map(capacity::of).collect(),
        surge: surge::of(&diagnosis.movement),
        changes: changes.map(|change| changes::of(change, names)).collect(),
        changes_dropped: diagnosis.changes_dropped,
        causes: &diagnosis.causes,
        peers: diagnosis.peers.iter().map(peer).collect(),
    }
}

fn span(start: Moment, end: Moment, ns: u64) -> Span {
    Span {
        start: timestamp(start),
        end: timestamp(end),
        seconds: seconds(ns),
    }
}

fn learned(diagnosis: &Diagnosis) -> Learned {
    let learned = &diagnosis.learned;
    Learned {
        keepalive_timeout_ms: learned.keepalive.map(|constant| constant.value / NS_PER_MS),
        keepalive_timeout_from_peers: learned.keepalive.map(|constant| constant.peers),
        requests_per_connection: learned.request_limit.map(|constant| constant.value),
        requests_per_connection_from_peers: learned.request_limit.map(|constant| constant.peers),
    }
}

fn listener(now: &ListenerNow) -> Listener<'_> {
    Listener {
        host: now.host.as_deref(),
        local_port: now.port,
        netns: now.netns,
        held: now.held,
        close_wait: now.close_wait,
        never_accepted: now.never_accepted,
        accept_queue: now.backlog.accept_queue,
        accept_queue_limit: now.backlog.accept_queue_limit,
        accept_queue_peak: now.accept_queue_peak,
        never_accepted_peak: now.never_accepted_peak,
        owner: now.owner.process(),
        owners: now.owner.holders(),
        max_workers: now.max_workers,
        busy_workers: now.busy_workers,
        growth_per_second: now.per_second.map(|growth| (growth * 1000.0).round() / 1000.0),
        exhausted_in_seconds: now.exhausted_in_s,
        others: Counted {
            figures: &now.backlog,
            placed: PLACED,
            known: Known::ALL,
        },
    }
}

fn peer(judged: &Judged) -> Peer<'_> {
    Peer {
        host: judged.host.as_deref(),
        over: judged.over.as_deref().map(hosts::Over::of),
        peer: judged.id.address(),
        interface: judged.id.interface,
        name: judged.name().map(ToString::to_string),
        local_port: judged.id.local_port(),
        remote_port: judged.id.remote_port(),
        direction: judged.id.direction,
        netns: judged.over.is_none().then_some(judged.id.netns),
        verdict: judged.finding.verdict,
        also: &judged.finding.also,
        confidence: judged.finding.confidence,
        shared_address: judged.shared_address,
        recovered: judged.recovered.as_ref().map(|recovered| Recovered {
            verdict: recovered.verdict,
            since: timestamp(recovered.since),
        }),
        impact: judged.impact,
        first_seen: Some(timestamp(judged.first_seen())),
        last_seen: Some(timestamp(judged.last_seen())),
        expected: judged.expected(),
        owner: judged.figures.owner.as_deref(),
        figures: figures(&judged.figures),
        basis: Basis::of(&judged.figures),
        explanation: judged.explanation(),
        fix: judged.fix(),
    }
}

fn figures(figures: &Figures) -> PeerFigures<'_> {
    let close_wait = &figures.close_wait;
    let turns = |are_known: bool| Range {
        p50: figures.turns.median().filter(|_| are_known),
        max: figures.turns.max().filter(|_| are_known),
    };
    PeerFigures {
        seconds: seconds(figures.span_ns),
        opens: figures.opens,
        closes: figures.closes,
        open_now: figures.open_now,
        open_peak: figures.open_peak,
        overlaps: figures.overlaps,
        failed: figures.failed,
        seeded: figures.seeded,
        close_reasons: figures.close_reasons,
        lifetime_ms: milliseconds(figures.lifetime()),
        idle_before_close_ms: milliseconds(Spread {
            p50_ns: figures.idle.p50_ns,
            max_ns: figures.idle.max_ns,
        }),
        reopen_gap_ms: milliseconds(*figures.gap),
        hold_ms: percentiles(&figures.hold),
        pause_ms: percentiles(&figures.pause),
        // A bound is not a measurement.
        turns_per_connection: turns(figures.turns_counted),
        protocol: figures.protocol,
        requests: figures.known.requests.then_some(figures.requests),
        requests_are_exact: figures.requests_told,
        requests_per_connection: turns(figures.known.requests),
        held: Held {
            start: figures.occupancy.start,
            end: figures.course.end,
            mean: figures
                .occupancy
                .mean()
                .map(|mean| (mean * 1000.0).round() / 1000.0),
            peak: figures.occupancy.peak,
        },
        // Otherwise nothing is known.
        one_host: figures.one_host.then_some(true),
        close_wait: CloseWait {
            now: close_wait.now,
            oldest_ms: close_wait.oldest_ns.map(|ns| ns / NS_PER_MS),
            oldest_is_at_least: close_wait.oldest_is_bound,
            entered: close_wait.entered,
            longest_ms: close_wait.longest_ns.map(|ns| ns / NS_PER_MS),
            never_accepted: close_wait.never_accepted,
        },
        never_accepted: figures.waiting.now,
        bytes_received: figures.bytes_received,
        bytes_sent: figures.bytes_sent,
        retransmits: figures.retransmits,
        counted: Counted {
            figures: &figures.counted,
            placed: 0,
            known: figures.known,
        },
    }
}

fn milliseconds(spread: Spread) -> Range {
    Range {
        p50: spread.p50_ns.map(|ns| ns / NS_PER_MS),
        max: spread.max_ns.map(|ns| ns / NS_PER_MS),
    }
}

fn percentiles(pace: &Pace) -> Percentiles {
    let [p50, p95, max] = [pace.p50_ns, pace.p95_ns, pace.max_ns].map(|ns| Some(ns? / NS_PER_MS));
    Percentiles { p50, p95, max }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example::{example, example_called, origin};

    #[test]
    fn a_peer_has_the_name_that_it_was_given() {
        let mut out = Vec::new();
        write(&mut out, &example_called("checkout"), &origin()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let peers = json["peers"].as_array().unwrap();
        assert!(peers.iter().all(|peer| peer["name"] == "checkout"), "{json}");
    }

    #[test]
    fn the_example_reads_as_promised() {
        let mut out = Vec::new();
        write(&mut out, &example(), &origin()).unwrap();
        let text = String::from_utf8(out)
            .unwrap()
            .replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!(text);
    }
}

//! A report as JSON.

use serde_json::{Value, json};

use super::{
    budget,
    crowd::{Case, Cases, HELD},
    math::median,
    overhead::{Cost, Overhead},
    process::Memory,
    reads::Reads,
    report::Report,
    served::Rates,
    subject::Subject,
};

/// The whole report. A value that was not measured is `null` or missing, never 0.
pub fn of(report: &Report) -> Value {
    json!({
        "schema": "tcpreuse.bench/1",
        "machine": report.machine,
        "budgets": budget::all(report),
        "overhead": report.overhead.as_ref().map(overhead),
        "reads": report.reads.as_ref().map(reads),
        "crowd": or_obstacle(&report.crowd, |crowd| json!({
            "held": HELD,
            "ratio": crowd.ratio(),
            "cases": cases(&crowd.ours),
            "empty_program": cases(&crowd.empty),
            "line_between_cpus_ns": each(&crowd.line_ns),
        })),
        "served": or_obstacle(&report.served, |served| json!({
            "kept": rates(&served.kept),
            "fresh": rates(&served.fresh),
        })),
        "serve": or_obstacle(&report.scrapes, |scrapes| json!({
            "peers": scrapes.peers,
            "fresh_scrape_cpu_ms": scrapes.fresh_ms,
            "scrape_cpu_ms": scrapes.loaded_ms,
            "scrapes_per_second": scrapes.per_second,
            "late_ms": scrapes.late_ms,
            "memory_before": memory(scrapes.memory[0]),
            "memory_after": memory(scrapes.memory[1]),
            "first_paint_ms": scrapes.paint_ms,
        })),
        "peers": report.peers.iter().map(|look| json!({
            "peers": look.peers,
            "whole_ms": look.whole_ms,
            "maps_ms": look.maps_ms,
            "diagnosis_ms": look.diagnosis_ms,
            "all_ended_ms": look.idle_ms,
            "first_ms": look.first_ms,
            "memory": memory(look.memory),
            "map_bytes": look.map_bytes,
        })).collect::<Vec<_>>(),
        "sockets": report.sockets.iter().map(|list| json!({
            "sockets": list.sockets,
            "tcpreuse_ms": list.ours_ms,
            "ss_ms": list.ss_ms,
            "seed_ms": list.seed_ms,
        })).collect::<Vec<_>>(),
        "recording": or_obstacle(&report.recorded, |recorded| json!({
            "rows": recorded.rows,
            "from_state_ms": recorded.from_state_ms,
            "from_rows_ms": recorded.from_rows_ms,
            "rows_per_second": recorded.rows_per_second(),
        })),
        "day": or_obstacle(&report.day, |day| json!({
            "peers": day.host.peers,
            "moving": day.host.moving,
            "kept_bytes": day.kept,
            "written_bytes": day.written,
        })),
        "report": or_obstacle(&report.reported, |reported| json!({
            "peers": reported.peers,
            "rows": reported.rows,
            "recording_bytes": reported.recording_bytes,
            "report_ms": reported.report_ms,
            "page_bytes": reported.page_bytes,
        })),
        "hosts": or_obstacle(&report.joined, |joined| json!({
            "hosts": joined.hosts,
            "peers": joined.peers,
            "seconds": joined.seconds,
            "memory_kb": joined.memory_kb,
        })),
        "long": or_obstacle(&report.long, |long| json!({
            "peers": long.peers,
            "seconds": long.seconds,
            "rows": long.rows,
            "recording_bytes": long.recording_bytes,
            "report_ms": long.report_ms,
            "from_ms": long.from_ms,
            "back_ms": long.back_ms,
        })),
        "start": report.start.as_ref().map(|start| json!({
            "program_ms": start.program_ms,
            "attach_ms": start.attach_ms,
        })),
        "view": report.view.as_ref().map(|view| json!({
            "peers": view.peers,
            "frame_ms": view.frame_ms,
            "sort_ms": view.sort_ms,
            "snapshot_ms": view.snapshot_ms,
            "key_ms": view.key_ms,
            "key_late_ms": view.key_late_ms,
            "memory": memory(view.memory),
            "cpu": view.cpu,
        })),
    })
}

/// A part that was measured, or what kept it from being measured; `null` if nobody asked for it.
fn or_obstacle<T>(part: &Option<Result<T, String>>, of: impl FnOnce(&T) -> Value) -> Option<Value> {
    part.as_ref().map(|part| match part {
        Ok(part) => of(part),
        Err(reason) => json!({ "obstacle": reason }),
    })
}

/// A figure of each round.
fn each(numbers: &[f64]) -> Value {
    json!({ "median": median(numbers), "all": numbers })
}

fn reads(reads: &Reads) -> Value {
    let traced = reads.costs.iter().map(|(subject, cost)| {
        json!({
            "by": subject.name(),
            "http_ns": each(&cost.http_ns),
            "http_ns_one_connection": each(&cost.single_ns),
            "tls_ns": each(&cost.tls_ns),
            "obstacle": cost.obstacle,
        })
    });
    json!({ "connections": reads.connections, "traced": traced.collect::<Vec<_>>() })
}

fn cases(cases: &Cases) -> Vec<Value> {
    let case = |(case, ns): &(Case, Vec<f64>)| {
        json!({
            "held": case.is_held,
            "apart": case.is_apart,
            "transition_ns": each(ns),
        })
    };
    cases.iter().map(case).collect()
}

fn rates(rates: &Rates) -> Value {
    json!({
        "untraced_per_second": each(&rates.untraced),
        "per_second": each(&rates.traced),
        "ratio": each(&rates.ratio),
    })
}

fn overhead(overhead: &Overhead) -> Value {
    let all: Vec<Value> = overhead
        .costs
        .iter()
        .map(|(subject, cost)| one(*subject, cost))
        .collect();
    json!({
        "rounds": overhead.plan.rounds,
        "peers": overhead.plan.peers,
        "untraced_per_second": { "median": median(&overhead.untraced), "all": overhead.untraced },
        "traced": all,
    })
}

fn one(subject: Subject, cost: &Cost) -> Value {
    let programs = cost.programs.iter();
    let programs: serde_json::Map<_, _> = programs.map(|(name, ns)| (name.clone(), each(ns))).collect();
    json!({
        "by": subject.name(),
        "transition_ns": each(&cost.transition_ns),
        "transition_ns_one_client": each(&cost.single_ns),
        "programs_ns": programs,
        "main_program": cost.main,
        "per_second": each(&cost.speed),
        "ratio": each(&cost.ratio),
        "cpu_ratio": each(&cost.cpu_ratio),
        "expected": cost.seen.map(|seen| seen.expected),
        "lost": cost.seen.map(|seen| seen.lost),
        "drift": cost.seen.and_then(|seen| seen.drift),
        "cpu_us_per_connection": cost.cpu_us_per_connection(),
        "cpu_share": cost.cpu_share(),
        "memory": memory(cost.memory),
        "map_bytes": cost.map_bytes,
        "obstacle": cost.obstacle,
    })
}

fn memory(memory: Option<Memory>) -> Option<Value> {
    memory.map(|memory| {
        json!({
            "anonymous_kib": memory.anonymous,
            "user_kib": memory.user(),
            "resident_kib": memory.resident,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::machine::Machine;

    #[test]
    fn what_was_not_measured_is_null() {
        let value = of(&Report::new(Machine::this()));
        assert!(value["overhead"].is_null() && value["view"].is_null());
        assert_eq!(value["budgets"][0]["verdict"], "not-measured");
        assert!(value["budgets"][0]["measured"].is_null());
        assert_eq!(value["budgets"][4]["limit"]["at-least"], 0.97);
    }
}

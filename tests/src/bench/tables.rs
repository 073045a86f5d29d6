//! A report as tables.

mod tracing;

use super::{
    budget,
    math::{median, number, share},
    report::Report,
    scale::{peers::Look, sockets::List},
    served::{Rates, Served},
    subject::Subject,
    table::{Table, count, figure},
};

/// The budgets and what is good to know beside them, in one table.
pub fn summary(report: &Report) -> Table {
    let mut table = budget::table(&budget::all(report));
    let mut row = |what: &str, value: Option<f64>, digits, unit| {
        if value.is_some() {
            let cells = [what, "", &figure(value, digits, unit), ""];
            table.rows.push(cells.map(str::to_owned).into());
        }
    };
    let per_change = |subject| report.transition_ns(subject);
    let of_ours = |subject| share(per_change(subject)?, per_change(Subject::Recording)?);
    let read = |subject, of| report.reads.as_ref()?.above_empty(subject, of);
    let untraced = |of: fn(&Served) -> &Rates| median(&of(report.served.as_ref()?.as_ref().ok()?).untraced);
    row(
        "an empty program, per state change",
        per_change(Subject::Empty),
        0,
        " ns",
    );
    row(
        "`tcplife`, as a multiple of ours",
        of_ours(Subject::Tcplife),
        1,
        "×",
    );
    row(
        "`tcpstates`, as a multiple of ours",
        of_ours(Subject::Tcpstates),
        1,
        "×",
    );
    if let Some(crowd) = report.crowd.iter().flatten().next() {
        let of = [
            ("a state change, counting", &crowd.ours),
            ("an empty program", &crowd.empty),
        ];
        for (what, cases) in of {
            for (case, ns) in cases {
                let beside = match (case.is_held, case.is_apart) {
                    (false, false) => "nothing held and one CPU",
                    (true, false) => "20,000 connections held",
                    (false, true) => "a CPU for each end",
                    (true, true) => "20,000 held and a CPU for each end",
                };
                row(&format!("{what}, {beside}"), median(ns), 0, " ns");
            }
        }
        row(
            "a cache line that the other CPU has changed",
            median(&crowd.line_ns),
            0,
            " ns",
        );
    }
    row(
        "a read with `--no-peek`",
        read(Subject::Turns, |cost| &cost.http_ns),
        0,
        " ns",
    );
    row(
        "a read over TLS",
        read(Subject::Counting, |cost| &cost.tls_ns),
        0,
        " ns",
    );
    row(
        "nginx untraced, connections kept, requests/s",
        untraced(|all| &all.kept),
        0,
        "",
    );
    row(
        "nginx untraced, a connection each, requests/s",
        untraced(|all| &all.fresh),
        0,
        "",
    );
    table.notes.extend(obstacles(report));
    table
}

/// Why parts could not be measured.
fn obstacles(report: &Report) -> Vec<String> {
    let crowd = report.crowd.as_ref().and_then(|crowd| crowd.as_ref().err());
    let served = report.served.as_ref().and_then(|served| served.as_ref().err());
    [("Connections held", crowd), ("nginx", served)]
        .into_iter()
        .filter_map(|(what, reason)| Some(format!("{what}: {}.", reason?)))
        .collect()
}

/// All tables, with the budgets first.
pub fn all(report: &Report) -> Vec<Table> {
    let mut tables = vec![summary(report)];
    if let Some(overhead) = &report.overhead {
        tables.push(tracing::kernel(overhead));
        tables.push(tracing::speed(overhead));
    }
    tables.extend(report.reads.as_ref().map(tracing::reads));
    if !report.peers.is_empty() {
        tables.push(peers(&report.peers));
    }
    if !report.sockets.is_empty() {
        tables.push(sockets(&report.sockets));
    }
    tables.extend(others(report));
    tables
}

fn peers(looks: &[Look]) -> Table {
    let rows = looks.iter().map(|look| {
        let memory = look.memory;
        vec![
            count(look.peers.into()),
            figure(Some(look.whole_ms), 2, ""),
            figure(Some(look.maps_ms), 2, ""),
            figure(Some(look.diagnosis_ms), 2, ""),
            figure(Some(look.idle_ms), 2, ""),
            figure(Some(look.first_ms), 2, ""),
            figure(memory.map(|memory| mb(memory.anonymous)), 1, ""),
            figure(memory.map(|memory| mb(memory.user())), 1, ""),
            figure(memory.map(|memory| mb(memory.resident)), 1, ""),
            figure(look.map_bytes.map(|bytes| number(bytes) / 1e6), 1, ""),
        ]
    });
    Table {
        title: "Sample and diagnosis, ms, and memory of `diagnose`, MB, by number of peers:".to_owned(),
        head: vec![
            "peers",
            "whole",
            "maps",
            "diagnosis",
            "all ended",
            "first",
            "own",
            "user",
            "resident",
            "maps",
        ],
        rows: rows.collect(),
        notes: vec![
            "Each peer holds one connection. Whole: maps, list of sockets, diagnosis. First: includes the \
            search for the owners of the sockets, which runs every five seconds at most. User: resident memory \
            without the kernel's maps."
                .to_owned(),
        ],
    }
}

fn sockets(lists: &[List]) -> Table {
    let rows = lists.iter().map(|list| {
        vec![
            count(list.sockets.into()),
            figure(Some(list.ours_ms), 1, ""),
            figure(list.ss_ms, 1, ""),
            figure(list.ss_ms.and_then(|ss| share(list.ours_ms, ss)), 2, ""),
            figure(Some(list.seed_ms), 1, ""),
        ]
    });
    Table {
        title: "Listing the live sockets, ms:".to_owned(),
        head: vec!["sockets", "tcpreuse", "ss -tan", "ratio", "seeding"],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

fn others(report: &Report) -> Option<Table> {
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    let mut row = |what: String, value: String| rows.push(vec![what, value]);
    if let Some(start) = &report.start {
        row(
            "start to the first progress line".to_owned(),
            figure(Some(start.program_ms), 0, " ms"),
        );
        row(
            "loading and attaching, of that".to_owned(),
            figure(Some(start.attach_ms), 0, " ms"),
        );
    }
    match &report.scrapes {
        Some(Ok(scrapes)) => {
            let peers = count(scrapes.peers.into());
            for (what, value, digits, unit) in [
                (
                    format!("CPU of a new scrape of `serve`, {peers} peers"),
                    scrapes.fresh_ms,
                    1,
                    " ms",
                ),
                (
                    "CPU of a scrape under load".to_owned(),
                    scrapes.loaded_ms,
                    2,
                    " ms",
                ),
                (
                    "scrapes a second under load".to_owned(),
                    Some(scrapes.per_second),
                    0,
                    "",
                ),
                (
                    "a sample late meanwhile by at most".to_owned(),
                    Some(scrapes.late_ms),
                    0,
                    " ms",
                ),
                ("first paint of its page".to_owned(), scrapes.paint_ms, 0, " ms"),
            ] {
                row(what, figure(value, digits, unit));
            }
            for (when, memory) in ["before", "after"].iter().zip(scrapes.memory) {
                let own = memory.map(|memory| mb(memory.anonymous));
                row(
                    format!("memory of `serve` of its own, {when} the load"),
                    figure(own, 1, " MB"),
                );
            }
        }
        Some(Err(reason)) => notes.push(format!("Serve: {reason}.")),
        None => {}
    }
    match &report.recorded {
        Some(Ok(recorded)) => {
            row(
                format!("`diagnose --from`, {} rows", count(recorded.rows)),
                figure(Some(recorded.from_state_ms), 0, " ms"),
            );
            row(
                "the same without `state.json`, counting every row".to_owned(),
                figure(Some(recorded.from_rows_ms), 0, " ms"),
            );
            row(
                "rows per second when counting every row".to_owned(),
                figure(recorded.rows_per_second(), 0, ""),
            );
        }
        Some(Err(reason)) => notes.push(format!("Recording: {reason}.")),
        None => {}
    }
    match &report.day {
        Some(Ok(day)) => {
            let (peers, moving) = (count(day.host.peers.into()), day.host.moving);
            row(
                format!("kept of a day with {peers} known peers, of which {moving} connect each second"),
                figure(Some(number(day.kept) / 1e6), 0, " MB"),
            );
            row(
                "written for it, before older files are compressed".to_owned(),
                figure(Some(number(day.written) / 1e6), 0, " MB"),
            );
        }
        Some(Err(reason)) => notes.push(format!("Day: {reason}.")),
        None => {}
    }
    match &report.reported {
        Some(Ok(reported)) => {
            let peers = count(reported.peers.into());
            row(
                format!(
                    "`report` of an hour with {peers} peers, {} rows",
                    count(reported.rows)
                ),
                figure(Some(reported.report_ms), 0, " ms"),
            );
            row(
                "size of its page".to_owned(),
                figure(Some(reported.page_mb()), 2, " MB"),
            );
        }
        Some(Err(reason)) => notes.push(format!("Report: {reason}.")),
        None => {}
    }
    match &report.joined {
        Some(Ok(joined)) => {
            let (hosts, peers) = (count(joined.hosts.into()), count(joined.peers.into()));
            row(
                format!("`diagnose --from` {hosts} hosts with the same {peers} clients"),
                figure(Some(joined.seconds), 1, " s"),
            );
            row(
                "its memory".to_owned(),
                figure(Some(joined.memory_mb()), 0, " MB"),
            );
        }
        Some(Err(reason)) => notes.push(format!("Hosts: {reason}.")),
        None => {}
    }
    match &report.long {
        Some(Ok(long)) => {
            let peers = count(long.peers.into());
            let (hours, size) = (long.hours(), long.recording_gb());
            let of = format!("of {hours:.1} h with {peers} peers, {size:.1} GB");
            row(
                format!("`diagnose --from` {of}"),
                figure(Some(long.from_ms), 0, " ms"),
            );
            row(
                format!("slowest of several steps back in `replay` {of}"),
                figure(Some(long.back_ms), 0, " ms"),
            );
            row(format!("`report` {of}"), figure(Some(long.report_ms), 0, " ms"));
        }
        Some(Err(reason)) => notes.push(format!("Long recording: {reason}.")),
        None => {}
    }
    if let Some(view) = &report.view {
        let peers = count(view.peers.into());
        for (what, value) in [
            (format!("frame of 200×50, {peers} peers"), view.frame_ms),
            (
                "sorting by another column, with its frame".to_owned(),
                view.sort_ms,
            ),
            (
                "snapshot from a sample, in a separate thread".to_owned(),
                view.snapshot_ms,
            ),
            ("key to screen under load, median".to_owned(), view.key_ms),
            ("the same, 95th percentile".to_owned(), view.key_late_ms),
        ] {
            row(what, figure(Some(value), 1, " ms"));
        }
        row(
            "CPU of `top` under load".to_owned(),
            figure(view.cpu.map(|cpu| cpu * 100.0), 1, " %"),
        );
        row(
            "highest user memory of `top` under load".to_owned(),
            figure(view.memory.map(|memory| mb(memory.user())), 1, " MB"),
        );
    }
    (!rows.is_empty() || !notes.is_empty()).then(|| Table {
        title: "Other times:".to_owned(),
        head: vec!["what", ""],
        rows,
        notes,
    })
}

/// KiB as MB.
fn mb(kib: u64) -> f64 {
    number(kib) * 1024.0 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        machine::Machine,
        overhead::{Cost, Overhead},
        reads::{self, Reads},
    };

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let cost = Cost {
            obstacle: Some("is not installed".to_owned()),
            ..Cost::default()
        };
        let overhead = Overhead {
            plan: crate::bench::overhead::Plan {
                rounds: 3,
                peers: 7,
                slice: std::time::Duration::from_secs(1),
            },
            untraced: vec![1.0, 3.0],
            costs: Subject::ALL.map(|subject| (subject, cost.clone())).into(),
        };
        let look = Look {
            peers: 100,
            whole_ms: 1.0,
            maps_ms: 1.0,
            diagnosis_ms: 1.0,
            first_ms: 1.0,
            idle_ms: 1.0,
            memory: None,
            map_bytes: None,
        };
        let report = Report {
            overhead: Some(overhead),
            reads: Some(Reads {
                connections: 7,
                costs: Subject::READS
                    .map(|subject| (subject, reads::Cost::default()))
                    .into(),
            }),
            served: Some(Err("nginx is not installed".to_owned())),
            peers: vec![look],
            recorded: Some(Err("no room".to_owned())),
            ..Report::new(Machine::this())
        };
        let tables = all(&report);
        assert_eq!(tables.len(), 6);
        for table in &tables {
            assert!(
                table.rows.iter().all(|row| row.len() == table.head.len()),
                "{table:#?}"
            );
        }
        let text: String = tables.iter().map(Table::text).collect();
        assert!(text.contains("tcplife: is not installed."), "{text}");
        assert!(text.contains("nginx: nginx is not installed."), "{text}");
        assert!(!text.contains("NaN"), "{text}");
    }
}

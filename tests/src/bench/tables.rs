//! A report as tables.

use super::{
    budget,
    math::{median, number, range, share},
    overhead::{Cost, Overhead},
    process::Memory,
    report::Report,
    scale::{peers::Look, sockets::List},
    subject::{Seen, Subject},
    table::{Table, UNKNOWN, count, figure},
};

/// All tables, with the budgets first.
pub fn all(report: &Report) -> Vec<Table> {
    let mut tables = vec![budget::table(&budget::all(report))];
    if let Some(overhead) = &report.overhead {
        tables.push(kernel(overhead));
        tables.push(speed(overhead));
    }
    if !report.peers.is_empty() {
        tables.push(peers(&report.peers));
    }
    if !report.sockets.is_empty() {
        tables.push(sockets(&report.sockets));
    }
    tables.extend(others(report));
    tables
}

fn kernel(overhead: &Overhead) -> Table {
    let empty = overhead.of(Subject::Empty).and_then(Cost::transition_ns);
    let rows = overhead.costs.iter().map(|(subject, cost)| {
        let ns = cost.transition_ns();
        let main = cost.main.as_ref().and_then(|main| cost.programs.get(main));
        let over_empty = ns.zip(empty).and_then(|(ns, empty)| share(ns, empty));
        let single = match subject.is_ours() {
            true => figure(median(&cost.single_ns), 0, ""),
            false => String::new(),
        };
        vec![
            subject.name().to_owned(),
            figure(ns, 0, ""),
            between(&cost.transition_ns),
            figure(over_empty, 1, "×"),
            figure(main.and_then(|main| median(main)), 0, ""),
            single,
        ]
    });
    let mut notes = vec![format!(
        "The kernel's own statistics (BPF_ENABLE_STATS): the total time of all programs that run for a \
        connection, divided by its state changes; medians of {} rounds. This includes reading the clock for the \
        statistics, once per program.",
        overhead.plan.rounds
    )];
    let ours = overhead
        .of(Subject::Recording)
        .into_iter()
        .flat_map(|cost| &cost.programs);
    let ours: Vec<String> = ours
        .map(|(name, ns)| format!("`{name}` {}", figure(median(ns), 0, "")))
        .collect();
    if !ours.is_empty() {
        notes.push(format!("Recording: {}.", ours.join(", ")));
    }
    Table {
        title: format!(
            "Kernel time per state change, ns ({} clients, 10 state changes per connection, both ends here):",
            overhead.plan.peers
        ),
        head: vec![
            "traced by",
            "ns",
            "least–most",
            "of empty",
            "main program",
            "1 client",
        ],
        rows: rows.collect(),
        notes,
    }
}

fn speed(overhead: &Overhead) -> Table {
    let mut rows = vec![vec![
        "nobody".to_owned(),
        figure(median(&overhead.untraced), 0, ""),
        "1".to_owned(),
        "1".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    ]];
    rows.extend(overhead.costs.iter().map(|(subject, cost)| {
        let memory = |of: fn(Memory) -> u64| match cost.memory {
            Some(memory) => figure(Some(mb(of(memory))), 1, ""),
            None if *subject == Subject::Empty => String::new(),
            None => UNKNOWN.to_owned(),
        };
        let cpu = match subject {
            Subject::Empty => String::new(),
            _ => figure(cost.cpu_us_per_connection(), 2, ""),
        };
        vec![
            subject.name().to_owned(),
            figure(median(&cost.speed), 0, ""),
            figure(cost.ratio(), 3, ""),
            figure(median(&cost.cpu_ratio), 3, ""),
            lost(*subject, cost.seen),
            cpu,
            memory(|memory| memory.anonymous),
            memory(Memory::user),
            figure(cost.map_bytes.map(|bytes| number(bytes) / 1e6), 1, ""),
        ]
    }));
    let (least, most) = range(&overhead.untraced).unwrap_or((f64::NAN, f64::NAN));
    let mut notes = vec![
        format!(
            "Measured with statistics off; each speed is divided by the untraced speed right before and after \
            it ({least:.0}–{most:.0} a second). `by CPU`: the same for connections per second of CPU time. \
            Lost: ends of connections (for `tcpstates`, state changes) that were not reported."
        ),
        "CPU: of the tracing process, µs per connection. Memory in MB: anonymous, user, maps in the kernel."
            .to_owned(),
    ];
    if !overhead.is_steady() {
        notes.push(
            "The untraced speed varied too much to compare speeds; ratios by CPU are still valid.".to_owned(),
        );
    }
    notes.extend(overhead.costs.iter().filter_map(|(subject, cost)| {
        let reason = cost.obstacle.as_ref()?;
        Some(format!("{}: {reason}.", subject.name()))
    }));
    if let Some(drift) = overhead.of(Subject::Recording).and_then(|cost| cost.seen?.drift) {
        notes.push(format!("Drift while recording, over all rounds: {drift}."));
    }
    Table {
        title: "Connections per second of a tight loop over loopback:".to_owned(),
        head: vec![
            "traced by",
            "conn/s",
            "ratio",
            "by CPU",
            "lost",
            "CPU",
            "own",
            "user",
            "maps",
        ],
        rows,
        notes,
    }
}

fn lost(subject: Subject, seen: Option<Seen>) -> String {
    match seen {
        None if subject == Subject::Empty => String::new(),
        None => UNKNOWN.to_owned(),
        Some(seen) => format!("{} of {}", count(seen.lost), count(seen.expected)),
    }
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

fn between(numbers: &[f64]) -> String {
    match range(numbers) {
        Some((least, most)) => format!("{least:.0}–{most:.0}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::machine::Machine;

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
            peers: vec![look],
            recorded: Some(Err("no room".to_owned())),
            ..Report::new(Machine::this())
        };
        let tables = all(&report);
        assert_eq!(tables.len(), 5);
        for table in &tables {
            assert!(
                table.rows.iter().all(|row| row.len() == table.head.len()),
                "{table:#?}"
            );
        }
        let text: String = tables.iter().map(Table::text).collect();
        assert!(text.contains("tcplife: is not installed."), "{text}");
        assert!(!text.contains("NaN"), "{text}");
    }
}

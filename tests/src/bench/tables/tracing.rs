//! What tracing itself costs, as tables.

use super::mb;
use crate::bench::{
    math::{median, number, range, share},
    overhead::{Cost, Overhead},
    process::Memory,
    reads::{self, Reads},
    subject::{Seen, Subject},
    table::{Table, UNKNOWN, count, figure},
};

pub(super) fn kernel(overhead: &Overhead) -> Table {
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

pub(super) fn speed(overhead: &Overhead) -> Table {
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

pub(super) fn reads(reads: &Reads) -> Table {
    let rows = reads.costs.iter().map(|(subject, cost)| {
        let above = |of: fn(&reads::Cost) -> &[f64]| match subject {
            Subject::EmptyRead => String::new(),
            _ => figure(reads.above_empty(*subject, of), 0, ""),
        };
        vec![
            subject.name().to_owned(),
            figure(median(&cost.http_ns), 0, ""),
            between(&cost.http_ns),
            above(|cost| &cost.http_ns),
            above(|cost| &cost.single_ns),
            above(|cost| &cost.tls_ns),
        ]
    });
    let obstacles = reads.costs.iter().filter_map(|(subject, cost)| {
        let reason = cost.obstacle.as_ref()?;
        Some(format!("{}: {reason}.", subject.name()))
    });
    let note = "Requests of HTTP/1 and their answers, each in one read; both ends look at the bytes. \
        A program that only looks copies eight of them at each read and does nothing else: to tell requests by \
        what was read costs at least that on this machine.";
    Table {
        title: format!(
            "Kernel time per read, ns ({} connections, both ends here):",
            reads.connections
        ),
        head: vec![
            "traced by",
            "ns",
            "least–most",
            "above empty",
            "1 connection",
            "TLS",
        ],
        rows: rows.collect(),
        notes: [note.to_owned()].into_iter().chain(obstacles).collect(),
    }
}

fn between(numbers: &[f64]) -> String {
    match range(numbers) {
        Some((least, most)) => format!("{least:.0}–{most:.0}"),
        None => String::new(),
    }
}

//! The connections that listeners hold, and how long each process's workers will last.

use std::io::{self, Write};

use super::{Paint, wrap};
use crate::{
    diagnosis::{
        Capacity, Diagnosis, ListenerNow,
        words::{self, count, duration, number},
    },
    model::workers::{FINISHING, NoMax, Workers},
};

/// A sentence, and how it is written.
struct Line {
    text: String,
    indent: usize,
    is_bad: bool,
}

impl Line {
    fn plain(text: String, indent: usize) -> Self {
        Self {
            text,
            indent,
            is_bad: false,
        }
    }
}

/// A line for each listener that holds anything and, after those of a process, its workers.
pub(super) fn write(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    for line in lines(diagnosis) {
        let text = wrap(&line.text, line.indent);
        match line.is_bad {
            true => writeln!(to, "{}", paint.bad(&text))?,
            false => writeln!(to, "{text}")?,
        }
    }
    Ok(())
}

/// The same, a sentence each.
pub(in crate::report) fn said(diagnosis: &Diagnosis) -> Vec<String> {
    lines(diagnosis).into_iter().map(|line| line.text).collect()
}

fn lines(diagnosis: &Diagnosis) -> Vec<Line> {
    let mut lines = Vec::new();
    for process in &diagnosis.capacity {
        let listeners = diagnosis.listeners.iter().filter(|now| process.covers(now));
        let mut any = false;
        for now in listeners.filter(|now| now.held > 0 || now.backlog.accept_queue > 0) {
            any = true;
            lines.push(Line::plain(listener(now), 0));
        }
        if any || process.page.is_some() {
            workers(process, diagnosis, &mut lines);
        }
        if let Some((open, limit)) = process.crowded_files() {
            let text = format!(
                "{} of {} files open: at the limit it accepts no connection (`ulimit -n`, LimitNOFILE)",
                number(open),
                number(limit)
            );
            lines.push(Line {
                is_bad: true,
                ..Line::plain(text, 2)
            });
        }
    }
    lines.extend(nobodys_page(diagnosis));
    lines
}

fn listener(now: &ListenerNow) -> String {
    let owner = now
        .owner
        .process()
        .map(|process| format!(", {}", words::process(process)))
        .unwrap_or_default();
    let queue = format!(
        "accept queue {} of {}",
        number(now.backlog.accept_queue),
        number(now.backlog.accept_queue_limit)
    );
    let peak = if now.accept_queue_peak > now.backlog.accept_queue {
        format!(" (peak {})", number(now.accept_queue_peak))
    } else {
        String::new()
    };
    let host = now
        .host
        .as_ref()
        .map(|host| format!("{host} "))
        .unwrap_or_default();
    format!(
        "{host}{} {}{owner}: {} open, {} in CLOSE_WAIT, {} not accepted; {queue}{peak}",
        if host.is_empty() { "Port" } else { "port" },
        now.port,
        number(now.held),
        number(now.close_wait),
        number(now.never_accepted),
    )
}

fn workers(process: &Capacity, diagnosis: &Diagnosis, lines: &mut Vec<Line>) {
    let line = match &process.page {
        Some(page) if process.is_told() => told(process, page),
        _ => counted(process),
    };
    let Some(line) = line else { return };
    lines.push(Line {
        // A mere estimate does not raise an alarm.
        is_bad: process.exhausted_in_s.is_some() && !process.is_assumed(),
        ..Line::plain(line, 2)
    });
    if let Some(given) = process.contradicted {
        let max = process.max_workers.unwrap_or_default();
        let text =
            format!("--max-workers {given} contradicts the status page, which says {max}; the page wins");
        lines.push(Line::plain(text, 2));
    }
    let server = process.page.as_ref().and_then(|page| server(page, diagnosis));
    lines.extend(server.map(|text| Line::plain(text, 2)));
}

/// Which process the workers belong to, if it has several ports.
fn whose(process: &Capacity) -> String {
    match &*process.ports {
        [] | [_] => "workers".to_owned(),
        ports => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            format!("workers for ports {}", ports.join(", "))
        }
    }
}

/// According to the server itself.
fn told(process: &Capacity, page: &Workers) -> Option<String> {
    let busy = process.busy_workers?;
    // While processes are ending, Apache does not count their workers as busy.
    let apart = page.finishing.filter(|_| page.ending.is_some_and(|n| n > 0));
    let states: Vec<String> = page
        .states
        .iter()
        .filter(|(state, _)| apart.is_none() || state != FINISHING)
        .map(|(state, n)| format!("{n} {state}"))
        .collect();
    let mut of = match states.is_empty() {
        true => String::new(),
        false => format!(" ({})", states.join(", ")),
    };
    for (n, what) in [(page.idle, "idle"), (apart.filter(|n| *n > 0), FINISHING)] {
        if let Some(n) = n {
            of.push_str(&format!(", {n} {what}"));
        }
    }
    let whose = whose(process);
    let Some(max) = process.max_workers else {
        return Some(format!(
            "{whose}: {} busy{of}; {}",
            number(busy.into()),
            no_max(page)
        ));
    };
    let most = if process.at_most { "at most " } else { "" };
    let mut line = format!(
        "{whose}: {} of {most}{} busy{of}",
        number(busy.into()),
        number(max.into())
    );
    if page.no_max == Some(NoMax::Ending) && page.max == Some(max) {
        line.push_str(&format!(
            "; {max} was the maximum before the restart, and {}",
            ending(page)
        ));
    }
    line.push_str(&outlook(process));
    Some(line)
}

/// According to the connections held; `None` if nothing is known about workers.
fn counted(process: &Capacity) -> Option<String> {
    let max = process.max_workers?;
    let whose = whose(process);
    let most = if process.at_most { "at most " } else { "" };
    let against = format!(
        "{} against {most}{}",
        count(process.held, "connection", "connections"),
        count(max.into(), "worker", "workers")
    );
    let name = process
        .process
        .as_ref()
        .map_or("this server", |process| process.comm.as_str());
    let Some(busy) = process.busy_workers else {
        let why = match process.takes_one {
            Some(false) if process.page.is_some() => {
                "with the event MPM an idle one takes none, and the status page does not answer at present"
                    .to_owned()
            }
            Some(false) => {
                format!("in {name} an idle one takes none, so the number of busy workers is unknown")
            }
            _ => format!("whether an idle one takes a worker depends on the configuration of {name}"),
        };
        return Some(format!("{whose}: {against}; {why}"));
    };
    if !process.is_assumed() {
        let outlook = outlook(process);
        return Some(format!(
            "{whose}: {} of {most}{} busy, one for each connection{outlook}",
            number(busy.into()),
            number(max.into())
        ));
    }
    let so = match process.exhausted_in_s {
        Some(0.0) => "none is free".to_owned(),
        Some(seconds) => format!(
            "{} busy, and at the present growth none is left in {}",
            count(busy.into(), "is", "are"),
            left(seconds)
        ),
        None => format!("{} busy", count(busy.into(), "is", "are")),
    };
    Some(if process.is_apache() {
        format!(
            "{whose}: {against}. With the prefork or worker MPM {so}; with the event MPM idle connections take none: \
             give --server-status to know"
        )
    } else {
        format!("{whose}: {against}. If each connection takes one, {so}")
    })
}

/// How long they will last, if known.
fn outlook(process: &Capacity) -> String {
    let log = match process.mpm() {
        _ if !process.is_apache() => String::new(),
        Some(mpm) => format!("httpd logs {}", mpm.log_code()),
        None => "httpd logs AH00286".to_owned(),
    };
    match process.exhausted_in_s {
        Some(0.0) if log.is_empty() => "; none is left: new clients wait or get 503".to_owned(),
        Some(0.0) => format!("; none is left: new clients wait or get 503, and {log}"),
        Some(seconds) => {
            let and = if log.is_empty() { "" } else { ", and " };
            let latest = if process.at_most { " at the latest" } else { "" };
            format!(
                "; at the present growth none is left in {}{latest}{and}{log}",
                left(seconds)
            )
        }
        None if process.has_room() == Some(true) => "; they are not running out at present".to_owned(),
        None => String::new(),
    }
}

fn left(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and a guess"
    )]
    let ns = (seconds * 1e9) as u64;
    duration(ns)
}

fn no_max(page: &Workers) -> String {
    match page.no_max {
        Some(NoMax::Damaged) => {
            "the maximum is unknown, since the scoreboard is incomplete: give --max-workers".to_owned()
        }
        _ => format!(
            "the maximum is unknown while {}: give --max-workers",
            ending(page)
        ),
    }
}

fn ending(page: &Workers) -> String {
    match page.ending {
        Some(n) if n > 0 => format!("{} ending", count(n.into(), "process is", "processes are")),
        _ => "old workers are finishing".to_owned(),
    }
}

/// What else the page says about the server and about connections that take no worker.
fn server(page: &Workers, diagnosis: &Diagnosis) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(page.version.clone());
    parts.extend(page.mpm.map(|mpm| format!("{} MPM", mpm.name())));
    if let Some(seconds) = page.uptime_s {
        let up = duration(seconds.saturating_mul(1_000_000_000));
        let restarted = seconds.saturating_mul(1_000_000_000) < diagnosis.window_ns();
        parts.push(match restarted {
            true => format!("restarted {up} ago, which may have closed connections"),
            false => format!("up {up}"),
        });
    }
    if let Some(all) = &page.connections {
        let none = all
            .writing
            .saturating_add(all.keepalive)
            .saturating_add(all.closing);
        parts.push(format!(
            "{} of its {} take no worker ({} in keep-alive, {} writing, {} closing)",
            number(none.into()),
            count(all.total.into(), "connection", "connections"),
            number(all.keepalive.into()),
            number(all.writing.into()),
            number(all.closing.into())
        ));
    }
    (!parts.is_empty()).then(|| format!("status page: {}", parts.join(", ")))
}

/// A page that belongs to none of the processes listening here.
fn nobodys_page(diagnosis: &Diagnosis) -> Option<Line> {
    let page = diagnosis.workers.as_ref()?;
    if diagnosis.capacity.iter().any(|process| process.page.is_some()) {
        return None;
    }
    let busy = page
        .busy
        .map(|busy| format!(" ({})", count(busy.into(), "busy worker", "busy workers")))
        .unwrap_or_default();
    let text =
        format!("The status page{busy} is that of an Apache, but no Apache listens on the traced ports");
    Some(Line::plain(text, 0))
}

#[cfg(test)]
mod tests;

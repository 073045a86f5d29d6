//! The page: written here as a whole, so that it needs no script; the script only keeps it up to date, sorts
//! and filters.

mod course;

use std::fmt::{self, Write};

use super::{
    html::{Cells, Heads, Text},
    latest::Latest,
};
use crate::{
    diagnosis::{Capacity, Change, Diagnosis, Judged, What, words},
    model::owner::Process,
    report::{clock, clock_seen_from, framed, text},
    view::keeper::change_in_words,
};

/// Its style.
pub(super) const CSS: &str = include_str!("page/page.css");

/// Its script.
pub(super) const SCRIPT: &str = include_str!("page/page.js");

/// Its icon, two connections of one client. Without one, browsers ask for a file that is not there.
pub(super) const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\">\
    <path d=\"M3 8q5-9 10-2M3 8q5 9 10 2\" fill=\"none\" stroke=\"#0b57d0\" stroke-width=\"2\"/>\
    <circle cx=\"3\" cy=\"8\" r=\"3\" fill=\"#b3261e\"/></svg>\n";

/// Size of its picture.
const PICTURE: (u32, u32) = (900, 1000);

/// How many peers it shows, the worst.
const MAX_PEERS: usize = 200;

/// How many changes it lists, the latest, and how many of one peer.
const MAX_CHANGES: usize = 50;
const MAX_OF_PEER: usize = 10;

/// The columns of its tables that have short values.
const CAUSES: [&str; 3] = ["Peers", "Of all opens", "Of all held"];
const CAPACITY: [&str; 8] = [
    "Ports",
    "Held",
    "CLOSE_WAIT",
    "Not accepted",
    "Queue",
    "Workers busy",
    "Files",
    "Exhausted",
];
const PEERS: [&str; 5] = ["Open", "Opened", "Closed", "Requests", "Confidence"];

/// The page.
pub(super) fn whole(latest: &Latest) -> String {
    let host = Text(&latest.origin.host);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>tcpreuse on {host}</title>\n<link rel=\"stylesheet\" href=\"page.css\">\n\
         <link rel=\"icon\" href=\"icon.svg\" type=\"image/svg+xml\">\n\
         <script src=\"page.js\" defer></script>\n</head>\n<body>\n\
         <header><b>tcpreuse</b> on {host} <span id=\"state\" role=\"status\"></span></header>\n\
         <p id=\"tools\" hidden><label>Filter peers <input id=\"filter\" type=\"search\" \
         placeholder=\"address, name, port, verdict or unit\"></label></p>\n\
         <main id=\"live\">\n{}</main>\n</body>\n</html>\n",
        live(latest)
    )
}

/// The page's first screen as a picture, for the documentation.
pub fn picture(latest: &Latest) -> String {
    let body = format!(
        "<header><b>tcpreuse</b> on {}</header>\n<main>\n{}</main>",
        Text(&latest.origin.host),
        live(latest)
    );
    framed("The page of tcpreuse serve", CSS, &body, PICTURE)
}

/// The part that changes, as an event of the stream.
pub(super) fn event(latest: &Latest) -> String {
    let mut event = format!("id: {}\n", latest.number);
    for line in live(latest).lines() {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event
}

fn live(latest: &Latest) -> String {
    let mut page = String::new();
    // A String takes all that is written to it.
    let _ = write_live(&mut page, latest);
    page
}

fn write_live(page: &mut String, latest: &Latest) -> fmt::Result {
    let diagnosis = &*latest.diagnosis;
    answer(page, diagnosis)?;
    course::write(page, &latest.course)?;
    causes(page, diagnosis)?;
    capacity(page, diagnosis)?;
    peers(page, diagnosis)?;
    changes(page, diagnosis)
}

fn answer(page: &mut String, diagnosis: &Diagnosis) -> fmt::Result {
    let accused = diagnosis.tally.accused > 0;
    writeln!(page, "<section aria-label=\"The answer\">")?;
    let class = if accused { "bad" } else { "good" };
    writeln!(
        page,
        "<h1 class=\"{class}\">{}</h1>",
        Text(text::headline(diagnosis))
    )?;
    if let Some(surge) = &diagnosis.movement.surge {
        writeln!(page, "<p class=\"bad\">{}</p>", Text(text::surge(surge)))?;
    }
    let mut missing = text::lost(&diagnosis.losses);
    missing.extend(
        diagnosis
            .accounting
            .drift
            .filter(|drift| *drift != 0)
            .map(text::drift),
    );
    if !missing.is_empty() {
        writeln!(
            page,
            "<p class=\"bad\">Not covered: {}</p>",
            Text(missing.join("; "))
        )?;
    }
    writeln!(
        page,
        "<p>{} open now. Judged: the last {}. As of <time>{}</time>.</p>\n</section>",
        words::count(diagnosis.accounting.open_now, "connection", "connections"),
        Text(words::duration(diagnosis.window_ns())),
        Text(clock(diagnosis.taken)),
    )
}

fn causes(page: &mut String, diagnosis: &Diagnosis) -> fmt::Result {
    if diagnosis.causes.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<section><h2>Causes, the most costly first</h2>\n<div class=\"wide\"><table class=\"named\">\n<thead><tr>\
         <th>Cause</th>{}<th>What to change</th></tr></thead>\n<tbody>",
        Heads(&CAUSES)
    )?;
    for cause in &diagnosis.causes {
        writeln!(
            page,
            "<tr><td class=\"id\">{}</td>{}<td class=\"fix\">{}</td></tr>",
            cause.verdict,
            Cells(
                &CAUSES,
                [
                    cause.peers.to_string(),
                    percent(cause.share_of_opens),
                    percent(cause.share_of_held)
                ]
            ),
            Text(&cause.fix),
        )?;
    }
    writeln!(page, "</tbody></table></div></section>")
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn capacity(page: &mut String, diagnosis: &Diagnosis) -> fmt::Result {
    if diagnosis.capacity.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<section><h2>Capacity</h2>\n<div class=\"wide\"><table class=\"named\">\n<thead><tr><th>Server</th>{}\
         </tr></thead>\n<tbody>",
        Heads(&CAPACITY)
    )?;
    for process in &diagnosis.capacity {
        server(page, diagnosis, process)?;
    }
    writeln!(page, "</tbody></table></div></section>")
}

fn server(page: &mut String, diagnosis: &Diagnosis, process: &Capacity) -> fmt::Result {
    let listeners = || {
        diagnosis
            .listeners
            .iter()
            .filter(|listener| process.covers(listener))
    };
    let sum = |of: fn(&crate::diagnosis::ListenerNow) -> u64| listeners().map(of).sum::<u64>();
    let name = process
        .process
        .as_ref()
        .map_or_else(|| "unknown".to_owned(), words::process);
    let ports: Vec<String> = process.ports.iter().map(u16::to_string).collect();
    let of = |value: Option<String>, limit: Option<String>| match (value, limit) {
        (Some(value), Some(limit)) => format!("{value} of {limit}"),
        (Some(value), None) => value,
        _ => "–".to_owned(),
    };
    let (open, limit) = process.files.unzip();
    let text = |number: Option<u64>| number.map(|number| number.to_string());
    let exhausted = match process.exhausted_in_s {
        None => "–".to_owned(),
        Some(0.0) => "now".to_owned(),
        Some(seconds) => format!("in {seconds:.0} s"),
    };
    writeln!(
        page,
        "<tr><td>{}</td>{}</tr>",
        Text(name),
        Cells(
            &CAPACITY,
            [
                ports.join(", "),
                process.held.to_string(),
                sum(|one| one.close_wait).to_string(),
                sum(|one| one.never_accepted).to_string(),
                of(
                    Some(sum(|one| one.backlog.accept_queue).to_string()),
                    Some(sum(|one| one.backlog.accept_queue_limit).to_string())
                ),
                of(
                    text(process.busy_workers.map(u64::from)),
                    text(process.max_workers.map(u64::from))
                ),
                of(text(open), text(limit)),
                exhausted,
            ]
        )
    )
}

fn peers(page: &mut String, diagnosis: &Diagnosis) -> fmt::Result {
    let hidden = diagnosis.peers.len().saturating_sub(MAX_PEERS);
    writeln!(
        page,
        "<section><h2>Peers, the worst first</h2>\n<div class=\"wide\"><table id=\"peers\">\n<thead><tr>\
         <th>Peer</th><th>Verdict</th>{}</tr></thead>\n<tbody>",
        Heads(&PEERS)
    )?;
    for peer in diagnosis.peers.iter().take(MAX_PEERS) {
        self::peer(page, peer, diagnosis)?;
    }
    writeln!(page, "</tbody></table></div>")?;
    if hidden > 0 {
        writeln!(
            page,
            "<p>{} not shown; <a href=\"api/diagnosis\">the JSON</a> has all of them.</p>",
            words::count(hidden as u64, "more peer is", "more peers are"),
        )?;
    }
    writeln!(page, "</section>")
}

fn peer(page: &mut String, peer: &Judged, diagnosis: &Diagnosis) -> fmt::Result {
    let figures = &peer.figures;
    let verdict = peer.finding.verdict;
    let key = format!("{} {} {:?}", peer.id.netns, text::name(peer), peer.id.process);
    let requests = figures.known.turns.then(|| figures.requests.to_string());
    let class = if verdict.accuses() { "bad" } else { "calm" };
    writeln!(
        page,
        "<tr><td><details data-key=\"{}\"><summary>{}</summary>",
        Text(key),
        Text(text::name(peer))
    )?;
    writeln!(page, "<p class=\"quote\">{}</p>", Text(peer.explanation()))?;
    let fix = peer.fix();
    if !fix.is_empty() {
        writeln!(page, "<p>{}</p>", Text(fix))?;
    }
    writeln!(
        page,
        "<p><button type=\"button\" class=\"copy\" hidden>Copy the sentence</button></p>\n<ul>"
    )?;
    writeln!(
        page,
        "<li>first seen {}</li>",
        Text(clock_seen_from(peer.first_seen(), diagnosis.taken))
    )?;
    if let Some(owner) = figures.owner.as_deref().filter(|_| peer.id.program.is_none()) {
        writeln!(page, "<li class=\"owner\">process {}</li>", Text(process(owner)))?;
    }
    let of_peer = |change: &&Change| matches!(&change.what, What::Verdict { peer: id, .. } if *id == peer.id);
    let told: Vec<&Change> = diagnosis
        .changes
        .iter()
        .rev()
        .filter(of_peer)
        .take(MAX_OF_PEER)
        .collect();
    for change in told.into_iter().rev() {
        line(page, change, diagnosis)?;
    }
    writeln!(
        page,
        "<li>last seen {}</li>",
        Text(clock_seen_from(peer.last_seen(), diagnosis.taken))
    )?;
    writeln!(
        page,
        "</ul></details></td><td class=\"{class}\">{verdict}</td>{}</tr>",
        Cells(
            &PEERS,
            [
                figures.open_now.to_string(),
                figures.opens.to_string(),
                figures.closes.to_string(),
                requests.unwrap_or_else(|| "–".to_owned()),
                format!("{:.2}", peer.finding.confidence),
            ]
        )
    )
}

/// A process, and what it belongs to as far as that is known.
fn process(process: &Process) -> String {
    let workload = process.workload.as_deref();
    let parts = [
        Some(words::process(process)),
        workload.and_then(|of| Some(format!("unit {}", of.unit.as_ref()?))),
        workload.and_then(|of| Some(format!("container {}", of.short_container()?))),
        workload.and_then(|of| Some(format!("pod {}", of.pod.as_ref()?))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn changes(page: &mut String, diagnosis: &Diagnosis) -> fmt::Result {
    if diagnosis.changes.is_empty() {
        return Ok(());
    }
    writeln!(page, "<section><h2>What changed, the latest first</h2>\n<ul>")?;
    for change in diagnosis.changes.iter().rev().take(MAX_CHANGES) {
        line(page, change, diagnosis)?;
    }
    writeln!(page, "</ul></section>")
}

fn line(page: &mut String, change: &Change, diagnosis: &Diagnosis) -> fmt::Result {
    let (_, words, _) = change_in_words(&change.what, &diagnosis.options.names);
    writeln!(
        page,
        "<li>{} {}</li>",
        Text(clock_seen_from(change.at, diagnosis.taken)),
        Text(words)
    )
}

#[cfg(test)]
mod tests;

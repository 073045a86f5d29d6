//! How it was counted: the window, what was traced, what was lost, what it rests on, and what cannot be seen.

use maud::{Markup, html};

use super::{MAX_PEERS, Material, short, words};
use crate::{
    diagnosis::{
        Diagnosis, Expect,
        words::{duration, number},
    },
    report::{Origin, clock_seen_from, day_and_clock, text},
};

/// Maximum number of files and notes listed.
const MAX_LISTED: usize = 60;

/// What no figure of a report can say.
const UNSEEN: [&str; 5] = [
    "What is inside the connections. A report says that there was a request, not which one. HTTP/2 \
     inside TLS shows only the lengths of its records, so the number of its requests is a bound.",
    "Who is behind an address. A NAT, a proxy or a carrier looks like one client with many \
     connections: `--expect-peer` says so.",
    "That a path has just died under a held request. It looks like any held request until something \
     is sent in vain.",
    "Who opened connections that are older than the tracer, and how old they are. They are marked, \
     and their age is a lower bound.",
    "What happened before tracing began, and in network namespaces that could not be listed. Nothing \
     outside of the window accuses anybody.",
];

pub(super) fn section(diagnosis: &Diagnosis, origin: &Origin, material: &Material) -> Markup {
    let totals = diagnosis.accounting.totals;
    let changed = text::changed_thresholds(diagnosis);
    let lost = text::lost(&diagnosis.losses);
    let said = said(diagnosis);
    html! {
        dl {
            dt { "Judged" }
            dd {
                (duration(diagnosis.window_ns())) " from " (day_and_clock(diagnosis.window_start)) " to "
                (clock_seen_from(diagnosis.taken, diagnosis.window_start)) ", of "
                (duration(diagnosis.run_ns())) " traced since " (day_and_clock(diagnosis.started))
            }
            dt { "Where" }
            dd {
                "Host " (short(&origin.host)) ", kernel " (short(&origin.kernel)) "; report by tcpreuse "
                (env!("CARGO_PKG_VERSION"))
            }
            @for (name, value) in &material.basis.facts {
                dt { (name) }
                dd { (short(value)) }
            }
            dt { "Accounting" }
            dd {
                (number(totals.seeded)) " already open + " (number(totals.opened)) " opened − " (number(totals.closed))
                " closed = " (number(diagnosis.accounting.open_now)) " open at the end; "
                @match diagnosis.accounting.drift {
                    Some(0) => "the kernel's list of sockets agrees (drift 0)",
                    Some(distance) => span class="bad" { (text::drift(distance)) },
                    None => "not checked against the kernel's list of sockets",
                }
            }
            dt { "Lost" }
            dd {
                @if lost.is_empty() { "Nothing was lost or left out" }
                @else { span class="bad" { (lost.join("; ")) } }
            }
            dt { "Compared with" }
            dd { @for line in text::expectations(diagnosis) { (line) ". " } }
            dt { "Options" }
            dd { @if said.is_empty() { "None given" } @else { (short(&said.join(", "))) } }
            dt { "Thresholds" }
            dd {
                @if changed.is_empty() { "All at their defaults" } @else { (changed.join(", ")) }
            }
            @if !material.basis.notes.is_empty() {
                dt { "Notes" }
                @for note in material.basis.notes.iter().take(MAX_LISTED) { dd { (short(note)) } }
            }
        }
        @if !material.basis.files.is_empty() {
            h3 { "The evidence" }
            p {
                "The directory can be checked with " code { "tcpreuse verify" } ", and these digests compared."
            }
            div class="scroll" {
                table {
                    thead {
                        tr {
                            th scope="col" { "File" }
                            th scope="col" class="n" { "Bytes" }
                            th scope="col" { "SHA-256" }
                        }
                    }
                    tbody {
                        @for file in material.basis.files.iter().take(MAX_LISTED) {
                            tr {
                                td { (short(&file.name)) }
                                td class="n" { (number(file.bytes)) }
                                td { code { (short(&file.sha256)) } }
                            }
                        }
                    }
                }
            }
        }
        h3 { "What cannot be seen" }
        ul { @for text in UNSEEN { li { (words(text)) } } }
    }
}

/// The options a verdict depends on.
fn said(diagnosis: &Diagnosis) -> Vec<String> {
    let options = &diagnosis.options;
    let mut said = Vec::new();
    if let Expect::Connections(n) = options.expect {
        said.push(format!("--expect {n}"));
    }
    let peers = options.expect_peers.iter().take(MAX_PEERS);
    said.extend(peers.map(|peer| format!("--expect-peer {}={}", peer.network, peer.connections)));
    let times = [
        ("--keepalive-timeout", options.keepalive_ns),
        ("--hold", options.hold_ns),
    ];
    said.extend(
        times
            .iter()
            .filter_map(|(flag, ns)| Some(format!("{flag} {}", duration((*ns)?)))),
    );
    said.extend(options.max_workers.map(|n| format!("--max-workers {n}")));
    said
}

//! The diagnosis as text: the answer first, what was lost last, 80 columns.

use std::io::{self, Write};

use super::{Origin, sanitise};
use crate::{
    diagnosis::{
        Answer, Diagnosis, Judged,
        rules::words::{count, duration},
    },
    model::accounting::Losses,
};

const WIDTH: usize = 80;

/// Accused peers shown with their figures; a line says how many more there are.
const MAX_ACCUSED: usize = 20;

/// Other peers shown, a line each.
const MAX_OTHERS: usize = 15;

/// How the text may look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Use terminal colours.
    pub color: bool,
}

/// Writes the report.
///
/// # Errors
/// When `to` cannot be written.
pub fn write(to: &mut dyn Write, diagnosis: &Diagnosis, origin: &Origin, style: Style) -> io::Result<()> {
    let paint = Paint(style.color);
    writeln!(to, "{}", paint.bold(&wrap(&headline(diagnosis), 0)))?;
    writeln!(to)?;
    listeners(to, diagnosis)?;
    causes(to, diagnosis, &paint)?;
    peers(to, diagnosis, &paint)?;
    fine_print(to, diagnosis, origin, &paint)
}

fn headline(diagnosis: &Diagnosis) -> String {
    let peers = diagnosis.peers.len() as u64;
    let window = duration(diagnosis.window_ns());
    match diagnosis.answer {
        Answer::Yes => format!(
            "YES: {} of {} not reuse connections ({} in {window}, {} held now).",
            diagnosis.accused(),
            count(peers, "peer does", "peers do"),
            count(diagnosis.accounting.totals.opened, "open", "opens"),
            diagnosis.accounting.open_now,
        ),
        Answer::No => format!(
            "NO: no peer opens new connections instead of reusing its own ({} watched for {window}).",
            count(peers, "peer", "peers"),
        ),
        Answer::InsufficientData if peers == 0 => format!(
            "NOTHING TO JUDGE: no connection passed the filters in {window}. \
             Check --port and --direction, or trace for longer.",
        ),
        Answer::InsufficientData => format!(
            "NOT ENOUGH DATA: none of {} showed a pattern in {window}. Trace for longer with --duration.",
            count(peers, "peer", "peers"),
        ),
    }
}

fn listeners(to: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    for now in diagnosis
        .listeners
        .iter()
        .filter(|now| now.held > 0 || now.accept_queue > 0)
    {
        let workers = now
            .max_workers
            .map(|max| format!(" of {max} workers"))
            .unwrap_or_default();
        writeln!(
            to,
            "port {}: {} held{workers}, {} in CLOSE_WAIT, {} never accepted, accept queue {} of {}",
            now.port, now.held, now.close_wait, now.never_accepted, now.accept_queue, now.accept_queue_limit,
        )?;
    }
    writeln!(
        to,
        "open connections: {} at the start, {} now",
        diagnosis.surge.from, diagnosis.surge.to
    )?;
    let expected = &diagnosis.expected;
    let origin = match expected.learned_from {
        Some(0) => "assumed; --expect sets it".to_owned(),
        Some(peers) => format!("learned from {}", count(peers as u64, "peer", "peers")),
        None => "as given".to_owned(),
    };
    writeln!(to, "expected per peer: {} ({origin})", expected.connections)?;
    writeln!(to)
}

fn causes(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    if diagnosis.causes.is_empty() {
        return Ok(());
    }
    writeln!(to, "{}", paint.bold("Causes"))?;
    for cause in &diagnosis.causes {
        let held = count(cause.held, "connection held", "connections held");
        let peers = count(cause.peers, "peer", "peers");
        writeln!(
            to,
            "  {}  {peers}, {held}",
            paint.bad(&format!("{:<18}", cause.verdict.id()))
        )?;
        writeln!(to, "{}", wrap(&format!("change: {}", cause.fix), 4))?;
    }
    writeln!(to)
}

fn peers(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    let (accused, others): (Vec<&Judged>, Vec<&Judged>) = diagnosis
        .peers
        .iter()
        .partition(|peer| peer.finding.verdict.accuses());
    if !accused.is_empty() {
        writeln!(to, "{}", paint.bold("Peers that do not reuse, worst first"))?;
        for peer in accused.iter().take(MAX_ACCUSED) {
            one_accused(to, peer, paint)?;
        }
        and_more(to, accused.len(), MAX_ACCUSED)?;
        writeln!(to)?;
    }
    if !others.is_empty() {
        writeln!(to, "{}", paint.bold("Other peers"))?;
        for peer in others.iter().take(MAX_OTHERS) {
            let figures = &peer.figures;
            let opens = count(figures.opens, "open", "opens");
            writeln!(
                to,
                "  {:<18}  {:<32}  {opens}, {} held",
                peer.finding.verdict.id(),
                name(peer),
                figures.open_now
            )?;
        }
        and_more(to, others.len(), MAX_OTHERS)?;
        writeln!(to)?;
    }
    Ok(())
}

fn and_more(to: &mut dyn Write, all: usize, shown: usize) -> io::Result<()> {
    let hidden = all.saturating_sub(shown) as u64;
    if hidden == 0 {
        return Ok(());
    }
    writeln!(
        to,
        "  … and {}; --format json lists all",
        count(hidden, "more", "more")
    )
}

fn one_accused(to: &mut dyn Write, peer: &Judged, paint: &Paint) -> io::Result<()> {
    let finding = &peer.finding;
    let verdict = paint.bad(&format!("{:<18}", finding.verdict.id()));
    writeln!(
        to,
        "  {verdict}  {:<32}  confidence {:.2}",
        name(peer),
        finding.confidence
    )?;
    for also in &finding.also {
        writeln!(to, "    also: {also}")?;
    }
    writeln!(to, "{}", wrap(&finding.explanation, 4))
}

/// Who connects to which port of whom.
fn name(peer: &Judged) -> String {
    match peer.id.local_port() {
        Some(port) => format!("{} → :{port}", peer.id.name()),
        None => format!(":{} of {}", peer.id.port, peer.id.name()),
    }
}

fn fine_print(to: &mut dyn Write, diagnosis: &Diagnosis, origin: &Origin, paint: &Paint) -> io::Result<()> {
    let (accounting, totals) = (&diagnosis.accounting, diagnosis.accounting.totals);
    let drift = match accounting.drift {
        Some(0) => "as many as the kernel's socket list shows".to_owned(),
        Some(drift) => paint.bad(&format!("{drift} more than the kernel's socket list explains")),
        None => "not checked against the kernel's socket list".to_owned(),
    };
    writeln!(
        to,
        "{} found open + {} opened - {} closed = {} open now,\n{drift}",
        totals.seeded, totals.opened, totals.closed, accounting.open_now
    )?;
    let lost = lost(&diagnosis.losses);
    if lost.is_empty() {
        writeln!(to, "nothing was lost or left out")?;
    } else {
        writeln!(
            to,
            "{}",
            paint.bad(&wrap(&format!("lost: {}", lost.join("; ")), 0))
        )?;
    }
    writeln!(
        to,
        "host {}, kernel {}, tcpreuse {}",
        sanitise(&origin.host),
        sanitise(&origin.kernel),
        env!("CARGO_PKG_VERSION")
    )
}

/// Each loss that is not zero, in words.
pub fn lost(losses: &Losses) -> Vec<String> {
    let at_least = if losses.peers_dropped_unlisted > 0 {
        "at least "
    } else {
        ""
    };
    [
        (
            losses.peers_dropped,
            format!(
                "{at_least}{} peers found the peer table full (raise --max-peers)",
                losses.peers_dropped
            ),
        ),
        (
            losses.connections_unattributed,
            format!(
                "{} connections are in the totals but of no listed peer",
                losses.connections_unattributed
            ),
        ),
        (
            losses.connections_dropped,
            format!(
                "{} connections were not counted for lack of room (raise --max-connections)",
                losses.connections_dropped
            ),
        ),
        (
            losses.records_lost,
            format!("{} records of ended connections", losses.records_lost),
        ),
        (
            losses.programs_skipped,
            format!(
                "{} state changes the kernel did not show",
                losses.programs_skipped
            ),
        ),
        (
            losses.namespaces_skipped,
            format!(
                "{} network namespaces could not be listed",
                losses.namespaces_skipped
            ),
        ),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(_, text)| text)
    .collect()
}

/// Breaks a sentence into lines of at most [`WIDTH`] columns, each indented.
fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column == 0 || column + 1 + length > WIDTH {
            if column > 0 {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Terminal colours, or none.
struct Paint(bool);

impl Paint {
    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn bad(&self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        diagnosis::{Options, diagnose},
        model::{
            accounting::{Accounting, Totals},
            durations::Durations,
            peer::{Counters, Direction, PeerId},
            sample::{Moment, Peer, Sample},
            socket::{Connection, Listener, Since, Sockets, State},
        },
    };

    const S: u64 = 1_000_000_000;

    pub(crate) fn origin() -> Origin {
        Origin {
            host: "web1".to_owned(),
            kernel: "6.12.0".to_owned(),
        }
    }

    fn durations(ns: u64, n: u32) -> Durations {
        let mut durations = Durations {
            sum_ns: ns * u64::from(n),
            max_ns: ns,
            ..Durations::default()
        };
        durations.buckets[tracer_ebpf::buckets::time_bucket(ns) as usize] = n;
        durations
    }

    fn peer(slot: u32, last: u8, counters: Counters) -> Peer {
        let network = ipnet::IpNet::new(std::net::Ipv4Addr::new(192, 0, 2, last).into(), 32).unwrap();
        let id = PeerId {
            netns: 4_026_531_840,
            direction: Direction::Inbound,
            port: 8081,
            network,
        };
        Peer { id, slot, counters }
    }

    fn connection(slot: u32, last: u8, port: u16, state: State, opened_ns: u64) -> Connection {
        Connection {
            slot: Some(slot),
            netns: 4_026_531_840,
            direction: Direction::Inbound,
            local: ([192, 0, 2, 1].into(), 8081),
            remote: ([192, 0, 2, last].into(), port),
            state,
            since: Since::Opened(opened_ns),
            close_wait_since_ns: (state == State::CloseWait).then_some(opened_ns + S),
            has_file: true,
            orphan: false,
            unread: 0,
            idle_ns: S / 10,
            bytes_received: 100,
            bytes_sent: 200,
            data_segs_in: 9,
            data_segs_out: 9,
            retransmits: 0,
            held: 0,
            owner: None,
        }
    }

    /// One peer of each verdict.
    pub(crate) fn sample() -> Sample {
        let mut fresh = Counters {
            open_peak: 1,
            lifetime: durations(S / 10, 40),
            idle: durations(0, 40),
            gap: durations(S, 39),
            ..Counters::default()
        };
        fresh.opens_by_held[0] = 40;
        fresh.closes.remote_fin = 40;
        fresh.turns_bound_sum = 40;
        let mut piling = Counters {
            open_now: 9,
            open_peak: 9,
            ..Counters::default()
        };
        piling.opens_by_held[..9].fill(1);
        let mut leak = Counters {
            open_now: 4,
            open_peak: 4,
            close_wait_entered: 4,
            close_wait_now: 4,
            ..Counters::default()
        };
        leak.opens_by_held[..4].fill(1);
        let good = Counters {
            open_now: 1,
            open_peak: 1,
            seeded: 1,
            ..Counters::default()
        };
        let mut quiet = Counters {
            open_peak: 1,
            ..Counters::default()
        };
        quiet.opens_by_held[0] = 1;
        quiet.closes.local_rst = 1;
        let mut connections: Vec<Connection> = (0..9)
            .map(|i| connection(2, 12, 40_000 + i, State::Established, u64::from(i) * S + 100 * S))
            .collect();
        connections.extend(
            (0..4).map(|i| connection(3, 13, 40_000 + i, State::CloseWait, u64::from(i) * S + 100 * S)),
        );
        connections.push(connection(4, 14, 40_000, State::Established, 100 * S));
        let peers = vec![
            peer(1, 11, fresh),
            peer(2, 12, piling),
            peer(3, 13, leak),
            peer(4, 14, good),
            peer(5, 15, quiet),
        ];
        Sample {
            started: Moment {
                monotonic_ns: 100 * S,
                utc_ns: 1_767_225_600_000_000_000,
            },
            taken: Moment {
                monotonic_ns: 160 * S,
                utc_ns: 1_767_225_660_000_000_000,
            },
            peers,
            unattributed: Counters::default(),
            sockets: Sockets {
                connections,
                listeners: vec![Listener {
                    netns: 4_026_531_840,
                    address: [0, 0, 0, 0].into(),
                    port: 8081,
                    accept_queue: 0,
                    accept_queue_limit: 511,
                }],
                namespaces: vec![4_026_531_840],
                namespaces_skipped: 0,
            },
            losses: Losses::default(),
            accounting: Accounting {
                totals: Totals {
                    seeded: 1,
                    opened: 54,
                    closed: 41,
                },
                open_now: 14,
                drift: Some(0),
            },
        }
    }

    pub(crate) fn example() -> Diagnosis {
        diagnose(&sample(), &Options::default())
    }

    fn text(diagnosis: &Diagnosis) -> String {
        let mut out = Vec::new();
        write(&mut out, diagnosis, &origin(), Style::default()).unwrap();
        String::from_utf8(out)
            .unwrap()
            .replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }

    #[test]
    fn one_peer_of_each_verdict() {
        insta::assert_snapshot!(text(&example()));
    }

    #[test]
    fn nothing_seen() {
        let mut empty = sample();
        empty.peers.clear();
        empty.sockets = Sockets::default();
        empty.accounting = Accounting {
            drift: Some(0),
            ..Accounting::default()
        };
        insta::assert_snapshot!(text(&diagnose(&empty, &Options::default())));
    }

    #[test]
    fn losses_and_drift_are_shown() {
        let mut lossy = sample();
        lossy.losses = Losses {
            peers_dropped: 96,
            connections_unattributed: 400,
            programs_skipped: 2,
            ..Losses::default()
        };
        lossy.accounting.drift = Some(-2);
        let text = text(&diagnose(&lossy, &Options::default()));
        insta::assert_snapshot!(
            text.lines()
                .rev()
                .take(6)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
                .join("\n")
        );
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        for line in text(&example()).lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }

    #[test]
    fn the_same_evidence_gives_the_same_text() {
        assert_eq!(text(&example()), text(&example()));
    }
}

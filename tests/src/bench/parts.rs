//! The parts of a benchmark run, and how much each measures.

use std::{path::PathBuf, thread, time::Duration};

use super::{
    agent, crowd,
    machine::Machine,
    overhead::{self, Plan},
    reads,
    report::Report,
    scale::{
        attach, hosts, peers, recordings,
        reports::{self, hour},
        sockets, view,
    },
    served,
    subject::Stage,
};
use crate::namespace::Namespace;

/// A part of a benchmark run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The cost of tracing, compared with other tools.
    Overhead,
    /// The cost of reads.
    Reads,
    /// State changes while many connections are held.
    Crowd,
    /// The speed of a real server.
    Served,
    /// The agent under scrapes.
    Serve,
    /// A sample and its diagnosis with many peers.
    Peers,
    /// The list of many sockets.
    Sockets,
    /// The diagnosis of a recording, and what a busy day leaves on disk.
    Recordings,
    /// The HTML report of a long recording.
    Report,
    /// The diagnosis of many hosts together.
    Hosts,
    /// The diagnosis of a recording of 2 GB, and steps back in its replay.
    Long,
    /// The time until tracing begins.
    Attach,
    /// The live view.
    View,
}

impl Part {
    /// All parts, in the order in which they run.
    pub const ALL: [Self; 13] = [
        Self::Overhead,
        Self::Reads,
        Self::Crowd,
        Self::Served,
        Self::Serve,
        Self::Attach,
        Self::Peers,
        Self::Sockets,
        Self::Recordings,
        Self::Report,
        Self::Hosts,
        Self::Long,
        Self::View,
    ];

    /// The part's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overhead => "overhead",
            Self::Reads => "reads",
            Self::Crowd => "crowd",
            Self::Served => "served",
            Self::Serve => "serve",
            Self::Peers => "peers",
            Self::Sockets => "sockets",
            Self::Recordings => "recordings",
            Self::Report => "report",
            Self::Hosts => "hosts",
            Self::Long => "long",
            Self::Attach => "attach",
            Self::View => "view",
        }
    }

    /// The part with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// How much to measure.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Rounds of the parts that measure tracing itself.
    pub rounds: u32,
    /// Clients in those that measure state changes and reads.
    pub peers: u32,
    /// Reduces everything to fit into a minute, which leaves most budgets unmeasured.
    pub quick: bool,
    /// Path of the object with the empty program.
    pub empty: Option<PathBuf>,
    /// Folder for recordings; must exist.
    pub scratch: PathBuf,
}

/// Runs these parts one after another, each in its own thread and network namespace. `say` is called with
/// progress messages.
///
/// # Panics
/// If not root, or if tracing is not possible.
pub fn run(parts: &[Part], extent: &Extent, say: &(impl Fn(&str) + Sync)) -> Report {
    let mut report = Report::new(Machine::this());
    for part in Part::ALL.into_iter().filter(|part| parts.contains(part)) {
        say(part.name());
        thread::scope(|scope| {
            let work = || one(part, extent, &mut report, say);
            let running = scope.spawn(work);
            running
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }
    report
}

fn one(part: Part, extent: &Extent, report: &mut Report, say: &impl Fn(&str)) {
    let quick = extent.quick;
    let plan = Plan {
        rounds: extent.rounds,
        peers: extent.peers,
        slice: Duration::from_millis(if quick { 200 } else { 1000 }),
    };
    let stage = |namespace: &Namespace, port| Stage {
        netns: namespace.inode,
        port,
        empty: extent.empty.clone(),
        scratch: extent.scratch.clone(),
    };
    match part {
        Part::Overhead => report.overhead = Some(overhead::measure(plan, stage, say)),
        Part::Reads => report.reads = Some(reads::measure(plan, stage, say)),
        Part::Crowd => report.crowd = Some(crowd::measure(plan, stage, say)),
        Part::Served => report.served = Some(served::measure(plan, stage, say)),
        Part::Serve => {
            let (peers, seconds) = if quick { (500, 3) } else { (16_384, 30) };
            let stay = Duration::from_secs(seconds);
            report.scrapes = Some(agent::measure(peers, stay, &extent.scratch));
        }
        Part::Attach => report.start = Some(attach::measure(if quick { 3 } else { 9 })),
        Part::Peers => {
            let sizes: &[u32] = if quick {
                &[100, 1000]
            } else {
                &[100, 1000, 10_000, 100_000]
            };
            for &size in sizes {
                say(&format!("peers: {size}"));
                report.peers.push(peers::measure(size));
            }
        }
        Part::Sockets => {
            let sizes: &[u32] = if quick { &[1000] } else { &[1000, 10_000, 100_000] };
            for &size in sizes {
                say(&format!("sockets: {size}"));
                report.sockets.push(sockets::measure(size));
            }
        }
        Part::Recordings => {
            let connections = if quick { 5000 } else { 250_000 };
            report.recorded = Some(recordings::measure(connections, &extent.scratch));
            let (peers, moving) = if quick { (16, 2) } else { (16_384, 200) };
            report.day = Some(recordings::day(peers, moving, &extent.scratch));
        }
        Part::Report => {
            let (peers, intervals) = if quick { (500, 60) } else { (10_000, 720) };
            report.reported = Some(reports::measure(peers, hour::HOUR, intervals, &extent.scratch));
        }
        Part::Hosts => {
            let (hosts, peers) = if quick { (5, 500) } else { (100, 10_000) };
            report.joined = Some(hosts::measure(hosts, peers, &extent.scratch));
        }
        Part::Long => {
            // At an interval of a second this is 2 GB.
            let (peers, seconds) = if quick {
                (500, 60)
            } else {
                (16_384, hour::HOUR * 3 / 2)
            };
            report.long = Some(reports::measure(peers, seconds, seconds, &extent.scratch));
        }
        Part::View => report.view = Some(view::measure(if quick { 500 } else { 10_000 })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_name_of_its_own() {
        for part in Part::ALL {
            assert_eq!(Part::named(part.name()), Some(part));
        }
        assert_eq!(Part::named("everything"), None);
    }
}

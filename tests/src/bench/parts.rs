//! The parts of a benchmark run, and how much each measures.

use std::{path::PathBuf, thread, time::Duration};

use super::{
    machine::Machine,
    overhead::{self, Plan},
    report::Report,
    scale::{attach, peers, recordings, sockets, view},
    subject::Stage,
};

/// A part of a benchmark run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The cost of tracing, compared with other tools.
    Overhead,
    /// A sample and its diagnosis with many peers.
    Peers,
    /// The list of many sockets.
    Sockets,
    /// The diagnosis of a recording.
    Recordings,
    /// The time until tracing begins.
    Attach,
    /// The live view.
    View,
}

impl Part {
    /// All parts, in the order in which they run.
    pub const ALL: [Self; 6] = [
        Self::Overhead,
        Self::Attach,
        Self::Peers,
        Self::Sockets,
        Self::Recordings,
        Self::View,
    ];

    /// The part's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overhead => "overhead",
            Self::Peers => "peers",
            Self::Sockets => "sockets",
            Self::Recordings => "recordings",
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
    /// Rounds of the overhead part.
    pub rounds: u32,
    /// Clients in the overhead part.
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
    match part {
        Part::Overhead => {
            let plan = Plan {
                rounds: extent.rounds,
                peers: extent.peers,
                slice: Duration::from_millis(if quick { 200 } else { 1000 }),
            };
            report.overhead = Some(overhead::measure(
                plan,
                |namespace, port| Stage {
                    netns: namespace.inode,
                    port,
                    empty: extent.empty.clone(),
                    scratch: extent.scratch.clone(),
                },
                say,
            ));
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

//! Samples the resource use of processes from outside.

use std::time::Instant;

use procfs::process::Process;

use super::outcome::{Range, Usage};

/// One reading of one process.
#[derive(Clone, Copy, Debug)]
struct Look {
    anonymous_kib: u64,
    descriptors: u64,
    threads: u64,
    cpu_ticks: u64,
}

/// The processes being watched.
pub(crate) struct Watch {
    of: Vec<Watched>,
    begun: Instant,
}

struct Watched {
    name: &'static str,
    process: Process,
    looks: Vec<Look>,
    ticks_before: u64,
}

impl Watched {
    fn look(&self) -> Look {
        let looked = || -> procfs::ProcResult<Look> {
            let (status, stat) = (self.process.status()?, self.process.stat()?);
            Ok(Look {
                anonymous_kib: status.rssanon.unwrap_or(0),
                descriptors: self.process.fd_count()? as u64,
                threads: status.threads,
                cpu_ticks: stat.utime + stat.stime,
            })
        };
        looked().unwrap_or_else(|error| panic!("{} cannot be looked at: {error}", self.name))
    }
}

impl Watch {
    pub(crate) fn of(processes: &[(&'static str, u32)]) -> Self {
        let watched = |(name, pid): &(&'static str, u32)| {
            let pid = i32::try_from(*pid).expect("a process number");
            let mut watched = Watched {
                name,
                process: Process::new(pid).expect("a running process"),
                looks: Vec::new(),
                ticks_before: 0,
            };
            watched.ticks_before = watched.look().cpu_ticks;
            watched
        };
        Self {
            of: processes.iter().map(watched).collect(),
            begun: Instant::now(),
        }
    }

    /// Takes a reading of every process.
    pub(crate) fn look(&mut self) {
        for watched in &mut self.of {
            watched.looks.push(watched.look());
        }
    }

    /// The resource use of each process: the first third of the readings against the last.
    pub(crate) fn finish(self) -> Vec<Usage> {
        let seconds = self.begun.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "clock ticks of a process")]
        let share = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64 / seconds;
        self.of
            .into_iter()
            .map(|watched| {
                let third = watched.looks.len() / 3;
                let first = &watched.looks[..third];
                let last = &watched.looks[watched.looks.len() - third..];
                let both = |of: fn(&Look) -> u64| [first, last].map(|looks| Range::of(looks.iter().map(of)));
                let [memory_before, memory_after] = both(|look| look.anonymous_kib);
                let [descriptors_before, descriptors_after] = both(|look| look.descriptors);
                let [threads_before, threads_after] = both(|look| look.threads);
                let ticks = watched.looks.last().map_or(0, |look| look.cpu_ticks);
                Usage {
                    name: watched.name,
                    anonymous_kib: (memory_before, memory_after),
                    descriptors: (descriptors_before, descriptors_after),
                    threads: (threads_before, threads_after),
                    cpu: share(ticks.saturating_sub(watched.ticks_before)),
                }
            })
            .collect()
    }
}

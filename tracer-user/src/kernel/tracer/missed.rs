//! What the programs missed or could not count.

use std::{
    fs,
    os::fd::{AsFd, AsRawFd},
};

use aya::programs::Program;
use tracer_ebpf::{
    abi::losses::Losses as Sum,
    hooks::{END, Hook, READ, SEED, STATE},
};

use super::Tracer;
use crate::{
    kernel::{TraceError, decode, sockets},
    model::accounting::{Losses, Nested},
};
impl Tracer {
    /// Searches the live sockets for state changes for which the kernel skipped the program, if it has since
    /// the last call. Such a change also shows at the connection's next one, but for a held connection that
    /// may take long.
    ///
    /// # Errors
    /// If the sockets cannot be walked.
    pub fn make_up_for_misses(&mut self) -> Result<(), TraceError> {
        let skipped = self.skipped(&STATE);
        if skipped == self.made_up_for && !self.misses_on_purpose {
            return Ok(());
        }
        self.made_up_for = skipped;
        let only = self.filter.netns;
        sockets::walk(self.iterator(SEED)?, only).map(drop)
    }

    /// The losses so far, except those that only a walk over the sockets shows: namespaces skipped, names
    /// forgotten, and whether nested runs were a loss.
    ///
    /// # Errors
    /// If the map cannot be read.
    pub fn losses(&self) -> Result<Losses, TraceError> {
        let sum = self.sum_of_losses()?;
        Ok(Losses {
            peers_dropped: sum.peers_dropped,
            peers_dropped_unlisted: sum.peers_dropped_unlisted,
            connections_unattributed: sum.connections_unattributed,
            connections_dropped: sum.connections_dropped.saturating_sub(self.counted_after_all),
            records_lost: sum.ring_full + if self.keeps_records { self.swept } else { 0 },
            records_raced: sum.ring_raced,
            nested: Nested {
                first: self.skipped(&STATE),
                second: self.skipped(&END),
                rescued: sum.rescued + self.swept,
            },
            reads_skipped: self.skipped(&READ),
            listeners_forgotten: sum.listeners_forgotten,
            ..Losses::default()
        })
    }

    /// The loss counters of all CPUs, added up.
    pub(in crate::kernel) fn sum_of_losses(&self) -> Result<Sum, TraceError> {
        let per_cpu = self.losses.get(&0, 0).map_err(|error| TraceError::Read {
            what: "the loss counters",
            reason: error.to_string(),
        })?;
        Ok(decode::losses(per_cpu.iter().copied()))
    }

    /// How often the kernel skipped the program of a hook because it was already running. Of several
    /// programs, the lowest number: no more changes were missed by all.
    fn skipped(&self, hook: &Hook) -> u64 {
        let skipped = |name| match self.ebpf.program(name) {
            Some(Program::BtfTracePoint(program)) => program
                .fd()
                .ok()
                .map(|fd| recursion_misses(fd.as_fd().as_raw_fd())),
            _ => None,
        };
        hook.programs(true).filter_map(skipped).min().unwrap_or(0)
    }
}

/// How often the kernel skipped a program because it was already running on that CPU. aya does not expose the
/// counter; the kernel also prints it for each open program.
fn recursion_misses(fd: i32) -> u64 {
    fs::read_to_string(format!("/proc/self/fdinfo/{fd}"))
        .ok()
        .and_then(|info| {
            let line = info
                .lines()
                .find_map(|line| line.strip_prefix("recursion_misses:"))?;
            line.trim().parse().ok()
        })
        .unwrap_or(0)
}

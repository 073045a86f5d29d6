//! What this process uses, by the names that all exporters give it.

use std::fmt;

use procfs::{
    CurrentSI, KernelStats, ProcError, ProcResult,
    process::{LimitValue, Process},
};
use prometheus_client::registry::Unit;

use super::series::{ALONE, Families};

/// What this process uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessFigures {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    started_seconds: f64,
    open_files: u64,
    max_files: Option<u64>,
    threads: i64,
}

impl ProcessFigures {
    /// Reads them from `/proc`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read() -> ProcResult<Self> {
        let process = Process::myself()?;
        let stat = process.stat()?;
        #[expect(clippy::cast_precision_loss, reason = "ticks of a process and of an uptime")]
        let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
        let boot = KernelStats::current()?.btime as f64;
        let open_files = process.fd_count()?;
        Ok(Self {
            cpu_seconds: seconds(stat.utime + stat.stime),
            resident_bytes: stat.rss * procfs::page_size(),
            virtual_bytes: stat.vsize,
            started_seconds: boot + seconds(stat.starttime),
            open_files: u64::try_from(open_files)
                .map_err(|_| ProcError::Other("too many files".to_owned()))?,
            max_files: match process.limits()?.max_open_files.soft_limit {
                LimitValue::Value(limit) => Some(limit),
                LimitValue::Unlimited => None,
            },
            threads: stat.num_threads,
        })
    }

    pub(super) fn encode(&self, out: &mut Families<'_>) -> fmt::Result {
        out.counters(
            "process_cpu",
            Some(Unit::Seconds),
            "CPU time that tcpreuse used, user and system.",
            [(ALONE, self.cpu_seconds)],
        )?;
        out.gauges(
            "process_open_fds",
            None,
            "Files that tcpreuse has open.",
            [(ALONE, self.open_files)],
        )?;
        out.gauges(
            "process_max_fds",
            None,
            "How many files tcpreuse may have open.",
            self.max_files.map(|limit| (ALONE, limit)),
        )?;
        out.gauges(
            "process_resident_memory",
            Some(Unit::Bytes),
            "Memory of tcpreuse that is in RAM, without its maps in the kernel.",
            [(ALONE, self.resident_bytes)],
        )?;
        out.gauges(
            "process_virtual_memory",
            Some(Unit::Bytes),
            "Address space of tcpreuse.",
            [(ALONE, self.virtual_bytes)],
        )?;
        out.gauges(
            "process_start_time",
            Some(Unit::Seconds),
            "When tcpreuse was started, since 1970.",
            [(ALONE, self.started_seconds)],
        )?;
        out.gauges(
            "process_threads",
            None,
            "Threads of tcpreuse.",
            [(ALONE, self.threads)],
        )
    }
}

//! The machine that the measurements were made on.

use std::{fs, process::Command};

use serde::Serialize;

/// The machine, the program, and when.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// CPU model.
    pub cpu: String,
    /// Number of CPUs.
    pub cpus: usize,
    /// Kernel release.
    pub kernel: String,
    /// Date in UTC.
    pub date: String,
    /// Commit of the sources, with a `+` if they were modified; `None` if unknown.
    pub commit: Option<String>,
    /// Load average over the minute before the start; `None` if unknown.
    pub load: Option<f64>,
}

impl Machine {
    /// This machine and the current date.
    pub fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: model(&cpuinfo).unwrap_or("unknown").to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            date: said("date", &["--utc", "+%Y-%m-%d"]).unwrap_or_default(),
            commit: commit(),
            load: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|load| load.split(' ').next()?.parse().ok()),
        }
    }

    /// Whether other processes compete for the CPUs. Absolute speeds mean little then; ratios do not suffer
    /// as much.
    pub fn is_busy(&self) -> bool {
        let cpus = u32::try_from(self.cpus).unwrap_or(u32::MAX);
        self.load.is_some_and(|load| load > f64::from(cpus) / 4.0)
    }

    /// Describes the machine in one line.
    pub fn in_words(&self) -> String {
        let commit = self.commit.as_deref().unwrap_or("unknown");
        let load = self
            .load
            .map_or_else(String::new, |load| format!(", load {load:.1} at the start"));
        format!(
            "{} × {}, Linux {}{load}; {}, commit {commit}",
            self.cpus, self.cpu, self.kernel, self.date
        )
    }
}

fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

fn commit() -> Option<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    // git refuses to read sources owned by another user, which is the usual case when run as root.
    let git = |arguments: &[&str]| {
        let mut all = vec!["-c", "safe.directory=*", "-C", root];
        all.extend(arguments);
        said("git", &all)
    };
    let hash = git(&["rev-parse", "--short=12", "HEAD"]).filter(|hash| !hash.is_empty())?;
    // This page may differ: a run with `--readme` writes its tables into it.
    let changed = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":!docs/src/benchmarks.md",
    ])?;
    Some(if changed.is_empty() { hash } else { hash + "+" })
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_the_first_cpus() {
        assert_eq!(
            model("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: x\n"),
            Some("AMD EPYC")
        );
        assert_eq!(model("CPU implementer : 0x41"), None);
    }
}

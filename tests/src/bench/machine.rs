//! What it was measured on.

use std::{fs, process::Command};

use serde::Serialize;

/// The machine, the program, and when.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The CPU's model.
    pub cpu: String,
    /// How many of them.
    pub cpus: usize,
    /// The kernel's release.
    pub kernel: String,
    /// The day, UTC.
    pub date: String,
    /// The commit of the sources, with `+` when they differ from it; `None`: not known.
    pub commit: Option<String>,
    /// How many processes wanted a CPU in the minute before, on average; `None`: not known.
    pub load: Option<f64>,
}

impl Machine {
    /// This one, now.
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

    /// Whether others wanted its CPUs too: then speeds that are not compared with one another say little.
    pub fn is_busy(&self) -> bool {
        let cpus = u32::try_from(self.cpus).unwrap_or(u32::MAX);
        self.load.is_some_and(|load| load > f64::from(cpus) / 4.0)
    }

    /// In one line.
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
    // Root may not own the sources, which git then wants to be told is fine.
    let git = |arguments: &[&str]| {
        let mut all = vec!["-c", "safe.directory=*", "-C", root];
        all.extend(arguments);
        said("git", &all)
    };
    let hash = git(&["rev-parse", "--short=12", "HEAD"]).filter(|hash| !hash.is_empty())?;
    // What a run writes into the README does not change what is measured.
    let changed = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":!README.md",
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

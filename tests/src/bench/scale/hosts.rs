//! Many hosts with the same clients, joined and judged.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use procfs::process::Process;

use super::reports::hour;
use crate::{bench::math::number, program::binary};

/// Intervals of the recording, of which only the last state is kept.
const INTERVALS: u32 = 30;

/// How often the memory is looked at. The kernel keeps the largest value itself.
const LOOKS: Duration = Duration::from_millis(10);

/// Files of a recording that suffice for a diagnosis.
const MANIFEST: &str = "manifest.json";
const STATE: &str = "state.json";

/// Hosts that were joined, and what it took.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Number of hosts.
    pub hosts: u32,
    /// Clients, the same ones on each.
    pub peers: u32,
    /// Time of `tcpreuse diagnose`, s.
    pub seconds: f64,
    /// The most memory that it had, KiB.
    pub memory_kb: u64,
}

impl Joined {
    /// The most memory that it had, MB.
    pub fn memory_mb(&self) -> f64 {
        number(self.memory_kb) * 1024.0 / 1e6
    }
}

/// Makes a recording with this many peers, takes it for that of each of so many hosts, and joins them.
///
/// # Errors
/// If it cannot be recorded or diagnosed.
pub fn measure(hosts: u32, peers: u32, scratch: &Path) -> Result<Joined, String> {
    let (one, all) = (scratch.join("one"), scratch.join("hosts"));
    hour::record(peers, hour::HOUR, INTERVALS, &one)?;
    let measured = copy(hosts, &one, &all).and_then(|()| join(&all));
    for folder in [one, all] {
        let _ = fs::remove_dir_all(folder);
    }
    let (seconds, memory_kb) = measured.map_err(|error| error.to_string())?;
    Ok(Joined {
        hosts,
        peers,
        seconds,
        memory_kb,
    })
}

/// The state is the same file for all hosts: it is read as often as if there were several, without room for
/// them.
fn copy(hosts: u32, one: &Path, all: &Path) -> io::Result<()> {
    let manifest = fs::read_to_string(one.join(MANIFEST))?;
    for host in 0..hosts {
        let name = format!("web{host:03}");
        let folder = all.join(&name);
        fs::create_dir_all(&folder)?;
        fs::write(
            folder.join(MANIFEST),
            manifest.replace(&format!("\"{}\"", hour::HOST), &format!("\"{name}\"")),
        )?;
        fs::hard_link(one.join(STATE), folder.join(STATE))?;
    }
    Ok(())
}

/// The time of the diagnosis, s, and its memory, KiB.
fn join(all: &Path) -> io::Result<(f64, u64)> {
    let begun = Instant::now();
    let mut program = Command::new(binary())
        .args(["diagnose", "--from"])
        .arg(all.join("*"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = program.id().cast_signed();
    let mut memory_kb = 0;
    let status = loop {
        if let Some(status) = program.try_wait()? {
            break status;
        }
        let now = Process::new(pid).and_then(|process| process.status());
        memory_kb = memory_kb.max(now.ok().and_then(|status| status.vmhwm).unwrap_or(0));
        thread::sleep(LOOKS);
    };
    match status.code() {
        // Something is wrong with clients, as it is meant to be.
        Some(0 | 1) => Ok((begun.elapsed().as_secs_f64(), memory_kb)),
        _ => Err(io::Error::other(format!("diagnose: {status}"))),
    }
}

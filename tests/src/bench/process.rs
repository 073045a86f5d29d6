//! CPU time and memory of a process.

use std::{fs, time::Duration};

/// Memory of a process, KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Anonymous memory: heap and stacks.
    pub anonymous: u64,
    /// All resident memory.
    pub resident: u64,
    /// The resident part that is mapped BPF maps, which is kernel memory.
    pub mapped: u64,
}

impl Memory {
    /// Resident memory without mapped BPF maps, KiB.
    pub fn user(self) -> u64 {
        self.resident.saturating_sub(self.mapped)
    }

    /// Memory of a process; `None` if it has ended.
    pub fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let mapped = fs::read_to_string(format!("/proc/{pid}/smaps")).ok()?;
        Some(Self {
            anonymous: kib(&status, "RssAnon:")?,
            resident: kib(&status, "VmRSS:")?,
            mapped: mapped_maps(&mapped),
        })
    }
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Resident KiB of all BPF map mappings in the contents of `/proc/PID/smaps`.
fn mapped_maps(smaps: &str) -> u64 {
    let mut inside = false;
    let mut sum = 0;
    for line in smaps.lines() {
        let first = line.split(' ').next().unwrap_or_default();
        if first.contains('-') && !first.ends_with(':') {
            inside = line.ends_with("bpf-map");
        } else if inside && let Some(resident) = kib(line, "Rss:") {
            sum += resident;
        }
    }
    sum
}

/// CPU time used by a process so far, including its ended threads, in seconds with a resolution of 10 ms.
/// `None` if the process has ended.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    seconds(&stat)
}

/// CPU time used by the thread of this name so far; `None` if there is none.
pub fn thread_cpu(pid: u32, name: &str) -> Option<Duration> {
    let mut tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    tasks.find_map(|task| {
        let read = |file| fs::read_to_string(task.path().join(file)).ok();
        (read("comm")?.trim_end() == name).then_some(())?;
        let ns = read("schedstat")?.split(' ').next()?.parse().ok()?;
        Some(Duration::from_nanos(ns))
    })
}

fn seconds(stat: &str) -> Option<f64> {
    // The process name before this can contain any character, `)` included.
    let (_, fields) = stat.rsplit_once(") ")?;
    // `utime` and `stime`, in ticks of 10 ms.
    let mut ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u32>);
    let (user, kernel) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some(f64::from(user + kernel) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_maps_are_not_the_users_memory() {
        let smaps = "7f00-7f10 r--s 00000000 00:0f 9  anon_inode:bpf-map\nSize:   900 kB\nRss:     800 kB\n\
            7f10-7f20 rw-p 00000000 00:00 0\nSize:   70 kB\nRss:     60 kB\n";
        assert_eq!(mapped_maps(smaps), 800);
        let memory = Memory {
            anonymous: 60,
            resident: 900,
            mapped: 800,
        };
        assert_eq!(memory.user(), 100);
    }

    #[test]
    fn time_is_found_behind_any_name() {
        let stat = "7 (a ) 9) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0";
        assert_eq!(seconds(stat), Some(2.0));
        assert_eq!(seconds("7"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.anonymous > 0 && memory.resident >= memory.anonymous);
    }
}

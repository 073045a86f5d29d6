//! How many files a process has open, and how many it may have.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// The open files of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// How many; `None`: not permitted to say.
    pub open: Option<u64>,
    /// How many there may be; `None`: without limit, or not permitted to say.
    pub limit: Option<u64>,
}

/// Those of the process with this thread group id.
pub fn files(pid: u32) -> Files {
    let process = format!("/proc/{pid}");
    let process = Path::new(&process);
    Files {
        open: open(&process.join("fd")),
        limit: fs::read_to_string(process.join("limits"))
            .ok()
            .and_then(|limits| limit(&limits)),
    }
}

/// Kernels from 6.2 on say it as the size of the directory, without permission to look into it; in others
/// they are counted.
fn open(directory: &Path) -> Option<u64> {
    match fs::metadata(directory).ok()?.size() {
        0 => Some(fs::read_dir(directory).ok()?.count() as u64),
        open => Some(open),
    }
}

/// The soft limit, which is the first number of its line.
fn limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_opened_count() {
        let before = files(std::process::id());
        let more: Vec<fs::File> = (0..50).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let after = files(std::process::id());
        // Other tests open and close some meanwhile.
        assert!(
            after.open.unwrap() + 25 >= before.open.unwrap() + 50,
            "{before:?}, {after:?}"
        );
        drop(more);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        assert_eq!(after.limit, limit);
    }

    #[test]
    fn a_process_that_is_not_there_says_nothing() {
        let nothing = Files {
            open: None,
            limit: None,
        };
        assert_eq!(files(u32::MAX), nothing);
    }

    #[test]
    fn limits() {
        let of = |line: &str| limit(&format!("Limit  Soft Limit  Hard Limit  Units\n{line}\n"));
        assert_eq!(
            of("Max open files            1024                 524288               files"),
            Some(1024)
        );
        assert_eq!(
            of("Max open files            unlimited            unlimited            files"),
            None
        );
        assert_eq!(
            of("Max pending signals       7                    7                    signals"),
            None
        );
        assert_eq!(limit(""), None);
    }
}

//! Reads information on one process from `/proc`.

use std::{fs, iter, os::fd::AsFd, sync::LazyLock};

use hashbrown::HashMap;
use rustix::{
    fs::{CWD, Mode, OFlags, openat, stat},
    io::{Errno, read},
    path::Arg,
};

use crate::{
    model::{owner::Process, workload::Workload},
    text::sanitise,
};

/// Length of a name, bytes: the kernel's `TASK_COMM_LEN` without its NUL.
const COMM: usize = 15;

/// Inode number of the initial PID namespace: the kernel's `PROC_PID_INIT_INO`.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Only a chain in which a pid was reused while it was read has more ancestors than this.
const GENERATIONS: usize = 256;

/// The process with this thread group id; `None` if it has ended or is hidden.
///
/// The pids reported by the BPF programs are those of the initial PID namespace. In another one they refer to
/// no process, or to a wrong one.
pub fn process(pid: u32) -> Option<Process> {
    let comm = comm(CWD, format!("/proc/{pid}/comm")).ok()?;
    Some(Process {
        pid,
        comm,
        workload: None,
    })
}

/// What the process with this number in `/proc` belongs to.
pub fn workload(pid: u32) -> Workload {
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup"));
    cgroup.map_or_else(|_| Workload::default(), |text| Workload::of_file(&text))
}

/// Whether the process with this thread group id, in the initial PID namespace, has ended. In another one, or
/// if `/proc` does not show every process, this is unknown and the answer is no.
pub fn has_ended(pid: u32) -> bool {
    static SEES_ALL: LazyLock<bool> = LazyLock::new(|| in_initial_pid_namespace() && stat("/proc/1").is_ok());
    *SEES_ALL && stat(format!("/proc/{pid}")).is_err_and(|errno| errno == Errno::NOENT)
}

/// Whether process numbers here are those that the BPF programs report.
pub(super) fn in_initial_pid_namespace() -> bool {
    stat("/proc/self/ns/pid").is_ok_and(|namespace| namespace.st_ino == INITIAL_PID_NAMESPACE)
}

/// Reads a `comm` file. In `stat` and `status` the name would have to be separated from the brackets and
/// escapes around it.
pub(super) fn comm(dir: impl AsFd, path: impl Arg) -> Result<String, Errno> {
    let file = openat(dir, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut name = [0; COMM + 1];
    let length = read(&file, &mut name)?;
    Ok(printable(name.get(..length).unwrap_or_default()))
}

/// A name without the newline that the kernel appends. Kernel threads can have longer names than processes;
/// the excess is cut.
fn printable(comm: &[u8]) -> String {
    let name = comm.strip_suffix(b"\n").unwrap_or(comm);
    let name = name.get(..COMM).unwrap_or(name);
    sanitise(&String::from_utf8_lossy(name))
}

/// The parents of processes, each read once.
#[derive(Default)]
pub(super) struct Parents(HashMap<u32, Option<u32>>);

impl Parents {
    /// The most distant ancestor of `pid` among these processes, which are in ascending order, or else `pid`.
    pub(super) fn eldest(&mut self, among: &[u32], pid: u32) -> u32 {
        iter::successors(Some(pid), |pid| self.of(*pid))
            .take(GENERATIONS)
            .filter(|ancestor| among.binary_search(ancestor).is_ok())
            .last()
            .unwrap_or(pid)
    }

    fn of(&mut self, pid: u32) -> Option<u32> {
        *self
            .0
            .entry(pid)
            .or_insert_with(|| parent(&fs::read(format!("/proc/{pid}/status")).ok()?))
    }
}

/// The parent in a `status` file. The name above it is hostile text, but the kernel escapes its newlines.
fn parent(status: &[u8]) -> Option<u32> {
    let field = status
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"PPid:"))?;
    let parent = str::from_utf8(field).ok()?.trim().parse().ok()?;
    (parent != 0).then_some(parent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustix::thread::set_name;

    use super::*;

    #[test]
    fn a_process_that_is_not_there() {
        assert_eq!(process(u32::MAX), None);
        assert_eq!(has_ended(u32::MAX), in_initial_pid_namespace());
        assert!(!has_ended(std::process::id()));
    }

    #[test]
    fn a_hostile_name_is_harmless() {
        let name = std::thread::spawn(|| {
            set_name(c"\x1b[2Ja\n) R 1\xff\\e").unwrap();
            comm(CWD, "/proc/thread-self/comm").unwrap()
        });
        assert_eq!(name.join().unwrap(), "[2Ja) R 1\u{fffd}\\e");
    }

    #[test]
    fn names_are_cut_where_the_kernel_cuts_them() {
        assert_eq!(printable(b"kworker/u256:12-events_unbound\n"), "kworker/u256:12");
        assert_eq!(printable("fifteen bytes: \u{202e}".as_bytes()), "fifteen bytes: ");
        assert_eq!(printable(b"\n\n"), "");
    }

    #[test]
    fn parents() {
        assert_eq!(parent(b"Name:\tPPid:\\nPPid:\t7\nPid:\t5\nPPid:\t3\n"), Some(3));
        assert_eq!(parent(b"Name:\tinit\nPid:\t1\nPPid:\t0\n"), None);
        assert_eq!(parent(b"PPid:\t\xff\n"), None);
        assert_eq!(parent(b""), None);
    }

    #[test]
    fn the_eldest_is_found_through_processes_that_are_not_among_them() {
        // 9 started a shell, 40, which started 2 and 3 after pids had wrapped around.
        let tree = || {
            Parents(HashMap::from([
                (2, Some(40)),
                (3, Some(40)),
                (40, Some(9)),
                (9, None),
            ]))
        };
        assert_eq!(tree().eldest(&[2, 3, 9], 2), 9);
        assert_eq!(tree().eldest(&[2, 3], 2), 2);
        let ring = || Parents(HashMap::from([(5, Some(6)), (6, Some(5))]));
        assert!([5, 6].contains(&ring().eldest(&[5, 6], 5)));
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_printable_name(bytes: Vec<u8>) {
            let name = printable(&bytes);
            prop_assert!(name.chars().count() <= COMM);
            prop_assert_eq!(sanitise(&name), name);
        }

        #[test]
        fn any_status_is_read(status: Vec<u8>) {
            let _ = parent(&status);
        }
    }
}

//! The search through `/proc/*/fd`.
//!
//! Everything is opened relative to the directory of its process: that is faster than full paths, and such a
//! directory remains that of one process even if its pid is reused.

use std::{
    ffi::CStr,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use hashbrown::{HashMap, HashSet};
use rustix::{
    fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw},
    io::Errno,
    path::{Arg, DecInt},
};

use super::process::{Parents, comm, in_initial_pid_namespace};
use crate::model::owner::{Owner, Process, Reason};

/// Maximum length of the link of a socket: `socket:[` + 20 digits + `]`. Longer ones are cut off.
const LINK: usize = 29;

/// The limits of a search. One that reaches a limit may also miss some of the holders that share a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// Maximum number of open files to look at, over all processes.
    pub max_files: usize,
    /// Maximum duration.
    pub budget: Duration,
    /// Whether to find all holders of each socket. If not, the first is assumed to be the only one, and the
    /// search ends once each socket has one.
    pub sharing: bool,
}

impl Default for Search {
    /// A million files or one second, whichever comes first.
    fn default() -> Self {
        Self {
            max_files: 1_000_000,
            budget: Duration::from_secs(1),
            sharing: true,
        }
    }
}

/// Finds the holders of the sockets with these inode numbers, or the reason for each one not found.
///
/// The files of a process are those of its main thread or, if that has ended, of another one; files private
/// to a thread (`unshare(CLONE_FILES)`) are not found.
pub fn find(wanted: &HashSet<u64>, search: &Search) -> HashMap<u64, Owner> {
    find_among(wanted, search, &HashSet::new())
}

fn find_among(wanted: &HashSet<u64>, search: &Search, among: &HashSet<u32>) -> HashMap<u64, Owner> {
    let mut walk = Walk {
        wanted,
        search,
        among,
        started: Instant::now(),
        looked_at: 0,
        holders: HashMap::with_capacity(wanted.len()),
        comms: HashMap::new(),
        not_found: Reason::Gone,
    };
    if !wanted.is_empty() {
        walk.everywhere();
    }
    walk.answers()
}

/// The processes that hold these sockets, by the numbers that the BPF programs use; none if `/proc` has other
/// numbers. Looks only at those in `among`, or at all if that is empty.
pub(in crate::kernel) fn holders(wanted: &HashSet<u64>, among: &HashSet<u32>) -> Vec<(u64, u32)> {
    if wanted.is_empty() || !in_initial_pid_namespace() {
        return Vec::new();
    }
    let found = find_among(wanted, &Search::default(), among).into_iter();
    found
        .filter_map(|(inode, owner)| Some((inode, owner.process()?.pid)))
        .collect()
}

/// Why looking through one process, or all of them, ends early.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// The process has ended.
    Vanished,
    /// Its files cannot be read.
    Unreadable,
    /// The search has reached a limit.
    Limit,
    /// Each socket has an owner.
    Satisfied,
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::SRCH => Self::Vanished,
            _ => Self::Unreadable,
        }
    }
}

struct Walk<'a> {
    wanted: &'a HashSet<u64>,
    search: &'a Search,
    /// The processes to look at; empty means all.
    among: &'a HashSet<u32>,
    started: Instant,
    looked_at: usize,
    /// By inode number: pids in ascending order, without repetition.
    holders: HashMap<u64, Vec<u32>>,
    comms: HashMap<u32, String>,
    /// The reason given for an inode without a holder.
    not_found: Reason,
}

impl Walk<'_> {
    fn everywhere(&mut self) {
        if !in_initial_pid_namespace() {
            self.not_found = Reason::OtherPidNamespace;
        }
        let Ok((proc, mut pids)) = processes() else {
            self.not_found = Reason::NotPermitted;
            return;
        };
        // Process 1 always exists. If mounted with hidepid, /proc hides the processes of others.
        if pids.first() != Some(&1) {
            self.not_found = Reason::NotPermitted;
        }
        let is_meant = |pid: &u32| self.among.is_empty() || self.among.contains(pid);
        pids.retain(is_meant);
        for pid in pids {
            match self.process(proc.as_fd(), pid) {
                Ok(()) | Err(Stop::Vanished) => {}
                Err(Stop::Unreadable) => self.not_found = Reason::NotPermitted,
                Err(Stop::Limit) => {
                    self.not_found = Reason::TooManyFiles;
                    return;
                }
                Err(Stop::Satisfied) => return,
            }
        }
    }

    fn process(&mut self, proc: BorrowedFd<'_>, pid: u32) -> Result<(), Stop> {
        self.go_on()?;
        let process = directory(proc, DecInt::new(pid))?;
        if self.files(pid, &process, &directory(&process, c"fd")?)? > 0 {
            return Ok(());
        }
        // A main thread that has ended shows no files; other threads still do.
        let tasks = directory(&process, c"task")?;
        for tid in numbers(&tasks)?.into_iter().filter(|tid| *tid != pid) {
            let files = directory(&tasks, DecInt::new(tid)).and_then(|task| directory(task, c"fd"));
            match files.and_then(|files| self.files(pid, &process, &files)) {
                Ok(0) | Err(Stop::Vanished) => {}
                Ok(_) => break,
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// Looks at all files in an `fd` directory and returns their number.
    fn files(&mut self, pid: u32, process: &OwnedFd, files: &OwnedFd) -> Result<usize, Stop> {
        let before = self.looked_at;
        each_number(files, |fd| {
            self.go_on()?;
            self.looked_at += 1;
            let mut link = [0; LINK];
            let length = match readlinkat_raw(files, DecInt::new(fd), &mut link) {
                Ok(length) => length,
                // Closed in the meantime, or a path too long to be shown, which is not a socket.
                Err(Errno::NOENT | Errno::SRCH | Errno::NAMETOOLONG) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            };
            match link.get(..length).and_then(socket_inode) {
                Some(inode) if self.wanted.contains(&inode) => self.hold(pid, process, inode),
                _ => Ok(()),
            }
        })?;
        Ok(self.looked_at - before)
    }

    fn hold(&mut self, pid: u32, process: &OwnedFd, inode: u64) -> Result<(), Stop> {
        if !self.comms.contains_key(&pid) {
            self.comms.insert(pid, comm(process, c"comm")?);
        }
        let holders = self.holders.entry(inode).or_default();
        // The same process may have it open twice.
        if holders.last() != Some(&pid) && (self.search.sharing || holders.is_empty()) {
            holders.push(pid);
        }
        Ok(())
    }

    /// Called before each process and each file.
    fn go_on(&self) -> Result<(), Stop> {
        if !self.search.sharing && self.holders.len() == self.wanted.len() {
            Err(Stop::Satisfied)
        } else if self.looked_at >= self.search.max_files || self.started.elapsed() >= self.search.budget {
            Err(Stop::Limit)
        } else {
            Ok(())
        }
    }

    fn answers(mut self) -> HashMap<u64, Owner> {
        let mut parents = Parents::default();
        self.wanted
            .iter()
            .map(|inode| {
                let holders = self.holders.remove(inode).unwrap_or_default();
                (*inode, self.owner(&holders, &mut parents))
            })
            .collect()
    }

    fn owner(&self, holders: &[u32], parents: &mut Parents) -> Owner {
        let named = |pid: u32| Process {
            pid,
            comm: self.comms.get(&pid).cloned().unwrap_or_default(),
            // Asked for when it is shown: the same process may hold thousands of sockets.
            workload: None,
        };
        match holders {
            [] => Owner::Unknown(self.not_found),
            [only] => Owner::Process(named(*only)),
            [lowest, ..] => Owner::Shared {
                first: named(parents.eldest(holders, *lowest)),
                holders: u32::try_from(holders.len()).unwrap_or(u32::MAX),
            },
        }
    }
}

/// The inode number in a link such as `socket:[123]`.
fn socket_inode(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

fn directory(at: impl AsFd, path: impl Arg) -> Result<OwnedFd, Stop> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(at, path, flags, Mode::empty())?)
}

/// `/proc` and the processes in it, in ascending order.
fn processes() -> Result<(OwnedFd, Vec<u32>), Stop> {
    let proc = directory(CWD, c"/proc")?;
    let mut pids = numbers(&proc)?;
    pids.sort_unstable();
    Ok((proc, pids))
}

fn numbers(dir: &OwnedFd) -> Result<Vec<u32>, Stop> {
    let mut numbers = Vec::new();
    each_number(dir, |number| {
        numbers.push(number);
        Ok(())
    })?;
    Ok(numbers)
}

fn number(name: &CStr) -> Option<u32> {
    name.to_str().ok()?.parse().ok()
}

/// Visits the names in a directory that are numbers.
fn each_number(dir: &OwnedFd, mut visit: impl FnMut(u32) -> Result<(), Stop>) -> Result<(), Stop> {
    let mut buffer = [MaybeUninit::uninit(); 16 << 10];
    let mut entries = RawDir::new(dir, &mut buffer);
    while let Some(entry) = entries.next() {
        if let Some(number) = number(entry?.file_name()) {
            visit(number)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links() {
        assert_eq!(socket_inode(b"socket:[123]"), Some(123));
        assert_eq!(socket_inode(b"socket:[18446744073709551615]"), Some(u64::MAX));
        for other in [
            "socket:[18446744073709551616]",
            "socket:[]",
            "socket:[+1]",
            "socket:[1",
            "socket:[1] (deleted)",
            "pipe:[123]",
            "/tmp/socket:[123]",
            "",
        ] {
            assert_eq!(socket_inode(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_longest_link_of_a_socket_fits() {
        assert_eq!(format!("socket:[{}]", u64::MAX).len(), LINK);
    }

    proptest! {
        #[test]
        fn every_inode_is_read_back(inode: u64) {
            prop_assert_eq!(socket_inode(format!("socket:[{inode}]").as_bytes()), Some(inode));
        }

        #[test]
        fn any_link_is_read(bytes: Vec<u8>) {
            prop_assert_eq!(socket_inode(&bytes), None);
            let _ = socket_inode(&[b"socket:[", bytes.as_slice(), b"]"].concat());
        }
    }
}

//! The search through `/proc/*/fd`.
//!
//! Everything is opened relative to the directory of its process: that is faster than whole paths,
//! and such a directory stays that of one process even if its pid is given to another.

use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use hashbrown::{HashMap, HashSet};
use rustix::{
    fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw, stat},
    io::Errno,
    path::{Arg, DecInt},
};

use super::{Owner, Process, Reason};
use crate::report::sanitise;

/// Bytes of a process's name: the kernel's `TASK_COMM_LEN` without its NUL.
const COMM: usize = 15;

/// Longest link that can be one of a socket: `socket:[` + 20 digits + `]`. Longer ones come cut off.
const LINK: usize = 29;

/// Inode number of the initial PID namespace: the kernel's `PROC_PID_INIT_INO`.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// More ancestors than this only has a chain in which a pid was given away while it was read.
const GENERATIONS: usize = 256;

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// Open files to look at, of all processes together.
    pub max_files: usize,
    /// Time to take.
    pub budget: Duration,
    /// Find all holders of each socket. Otherwise the first is taken for the only one, and the
    /// search ends once each socket has one.
    pub sharing: bool,
}

impl Default for Search {
    /// A million files or a quarter of a second, whichever comes first.
    fn default() -> Self {
        Self {
            max_files: 1_000_000,
            budget: Duration::from_millis(250),
            sharing: true,
        }
    }
}

/// Finds who holds the sockets with these inode numbers, and says of each that is not found why.
///
/// The files of a process are those of its main thread or, when that has ended, of another one;
/// files that a thread has for itself (`unshare(CLONE_FILES)`) are not found.
pub fn find(wanted: &HashSet<u64>, search: &Search) -> HashMap<u64, Owner> {
    let mut walk = Walk {
        wanted,
        search,
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

/// Why looking through one process, or all of them, ends early.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// The process has ended.
    Vanished,
    /// Its files cannot be read.
    Unreadable,
    /// The search has come to its limit.
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
    started: Instant,
    looked_at: usize,
    /// By inode number, in ascending order of pids and each once.
    holders: HashMap<u64, Vec<u32>>,
    comms: HashMap<u32, String>,
    /// What an inode that nobody holds will be told.
    not_found: Reason,
}

impl Walk<'_> {
    fn everywhere(&mut self) {
        if !in_initial_pid_namespace() {
            self.not_found = Reason::OtherPidNamespace;
        }
        let mut pids = Vec::new();
        let listed = directory(CWD, c"/proc").and_then(|proc| {
            each_number(&proc, |pid| {
                pids.push(pid);
                Ok(())
            })?;
            Ok(proc)
        });
        pids.sort_unstable();
        // Process 1 is always there. Mounted with hidepid, /proc does not show us those of others.
        if pids.first() != Some(&1) {
            self.not_found = Reason::NotPermitted;
        }
        let Ok(proc) = listed else { return };
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
        if self.files(pid, &process, directory(&process, c"fd")?)? > 0 {
            return Ok(());
        }
        // A main thread that has ended shows no files; those of the others are still there.
        let mut threads = Vec::new();
        let tasks = directory(&process, c"task")?;
        each_number(&tasks, |tid| {
            threads.push(tid);
            Ok(())
        })?;
        threads.retain(|tid| *tid != pid);
        for tid in threads {
            let files = directory(&tasks, DecInt::new(tid)).and_then(|task| directory(task, c"fd"));
            match files {
                Ok(files) if self.files(pid, &process, files)? > 0 => return Ok(()),
                Ok(_) | Err(Stop::Vanished) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// Looks at all files in a `fd` directory and returns how many there are.
    fn files(&mut self, pid: u32, process: &OwnedFd, files: OwnedFd) -> Result<usize, Stop> {
        let before = self.looked_at;
        each_number(&files, |fd| {
            self.go_on()?;
            self.looked_at += 1;
            let mut link = [0; LINK];
            let length = match readlinkat_raw(&files, DecInt::new(fd), &mut link).map_err(Stop::from) {
                Ok(length) => length,
                // Only the file, or we shall learn with the next one.
                Err(Stop::Vanished) => return Ok(()),
                Err(stop) => return Err(stop),
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

    /// Asked before each process and each file.
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
        };
        match holders {
            [] => Owner::Unknown(self.not_found),
            [only] => Owner::Process(named(*only)),
            [lowest, ..] => Owner::Shared {
                first: named(parents.first_of(holders, *lowest)),
                holders: u32::try_from(holders.len()).unwrap_or(u32::MAX),
            },
        }
    }
}

/// Parents of processes, each read once.
#[derive(Default)]
struct Parents(HashMap<u32, Option<u32>>);

impl Parents {
    /// The most distant ancestor of a holder that holds it too, or that holder. Pids wrap around,
    /// so a parent may have a higher one than its children.
    fn first_of(&mut self, holders: &[u32], lowest: u32) -> u32 {
        let ancestors = std::iter::successors(Some(lowest), |pid| self.parent(*pid)).take(GENERATIONS);
        ancestors
            .filter(|pid| holders.binary_search(pid).is_ok())
            .last()
            .unwrap_or(lowest)
    }

    fn parent(&mut self, pid: u32) -> Option<u32> {
        *self.0.entry(pid).or_insert_with(|| {
            let status = std::fs::read(format!("/proc/{pid}/status")).ok()?;
            parent_in(&status)
        })
    }
}

/// The parent in a `status` file. The name in it is hostile text, but the kernel escapes newlines.
fn parent_in(status: &[u8]) -> Option<u32> {
    let line = status
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"PPid:"))?;
    let parent = str::from_utf8(line).ok()?.trim().parse().ok()?;
    (parent != 0).then_some(parent)
}

/// The inode number in a link such as `socket:[123]`.
fn socket_inode(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// Reads a `comm` file. In `stat` and `status` the name would have to be told from its brackets
/// and escapes.
pub(super) fn comm(dir: impl AsFd, path: impl Arg) -> Result<String, Errno> {
    let file = openat(dir, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut name = [0; COMM + 1];
    let length = rustix::io::read(&file, &mut name)?;
    Ok(printable(name.get(..length).unwrap_or_default()))
}

/// A name as `comm` shows it, with the newline the kernel adds. What kernel threads have beyond the
/// length of a name is left out.
fn printable(comm: &[u8]) -> String {
    let name = comm.strip_suffix(b"\n").unwrap_or(comm);
    let name = name.get(..COMM).unwrap_or(name);
    sanitise(&String::from_utf8_lossy(name))
}

fn in_initial_pid_namespace() -> bool {
    stat("/proc/self/ns/pid").is_ok_and(|namespace| namespace.st_ino == INITIAL_PID_NAMESPACE)
}

fn directory(at: impl AsFd, path: impl Arg) -> Result<OwnedFd, Stop> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(at, path, flags, Mode::empty())?)
}

/// Visits the names in a directory that are numbers.
fn each_number(dir: &OwnedFd, mut visit: impl FnMut(u32) -> Result<(), Stop>) -> Result<(), Stop> {
    let mut buffer = [MaybeUninit::uninit(); 16 << 10];
    let mut entries = RawDir::new(dir, &mut buffer);
    while let Some(entry) = entries.next() {
        let number = entry?.file_name().to_str().ok().and_then(|name| name.parse().ok());
        if let Some(number) = number {
            visit(number)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

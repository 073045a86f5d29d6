//! Finds the process that holds a socket, by the inode number of the socket's file.
//!
//! The kernel's socket list gives the inode number, but only `/proc` shows which processes have that file
//! open. One search ([`find`]) answers for any number of sockets, and [`Owners`] keeps the answers from one
//! interval to the next.

mod files;
mod process;
mod search;

use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet, hash_map::Entry};

pub use files::files;
pub use process::{has_ended, process, workload};
pub(super) use search::holders;
pub use search::{Search, find};

use crate::model::owner::{Owner, Reason};

/// Sockets not found before cause another search only after this many times the pace of [`Owners::refresh`]:
/// some, such as those held by io_uring, are never found.
const PATIENCE: u64 = 10;

/// A search that takes longer than this is followed by a rest of [`RESTS`] times its duration, so that a host
/// with very many open files is not kept busy by searches.
const LONG: Duration = Duration::from_millis(250);

/// See [`LONG`].
const RESTS: u32 = 20;

/// What is known about the owners of the sockets wanted now.
#[derive(Debug, Default)]
pub struct Owners {
    search: Search,
    known: HashMap<u64, Owner>,
    searched_ns: Option<u64>,
    /// How long to wait after a long search before the next.
    rest_ns: u64,
}

impl Owners {
    /// Nothing is known yet.
    pub fn new(search: Search) -> Self {
        Self {
            search,
            ..Self::default()
        }
    }

    /// Forgets sockets no longer wanted, and searches if a wanted socket has no owner yet, but only `pace_ns`
    /// or more after the last search, and later if that took long. Times are monotonic, ns.
    ///
    /// A search renews all answers. If it does not find a socket again, the owner found before is kept: the
    /// last holder is the best answer for a socket that is just being closed.
    pub fn refresh(&mut self, wanted: &HashSet<u64>, now_ns: u64, pace_ns: u64) {
        self.known.retain(|inode, _| wanted.contains(inode));
        let wait_ns = if self.known.len() < wanted.len() {
            pace_ns
        } else if self.known.values().any(|owner| owner.process().is_none()) {
            pace_ns.saturating_mul(PATIENCE)
        } else {
            return;
        };
        if self
            .searched_ns
            .is_some_and(|then| now_ns.saturating_sub(then) < wait_ns.max(self.rest_ns))
        {
            return;
        }
        self.searched_ns = Some(now_ns);
        let begun = Instant::now();
        let found = find(wanted, &self.search);
        let took = begun.elapsed();
        self.rest_ns = if took > LONG {
            u64::try_from((took * RESTS).as_nanos()).unwrap_or(u64::MAX)
        } else {
            0
        };
        for (inode, owner) in found {
            match self.known.entry(inode) {
                Entry::Occupied(known) if owner.process().is_none() && known.get().process().is_some() => {}
                entry => {
                    entry.insert(owner);
                }
            }
        }
    }

    /// The holder of the socket with this inode number; a socket without one has no file.
    pub fn of(&self, inode: Option<u64>) -> &Owner {
        static NO_FILE: Owner = Owner::Unknown(Reason::NoFile);
        static NOT_YET: Owner = Owner::Unknown(Reason::NotYet);
        inode.map_or(&NO_FILE, |inode| self.known.get(&inode).unwrap_or(&NOT_YET))
    }
}

#[cfg(test)]
mod tests;

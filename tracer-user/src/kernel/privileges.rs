//! Gives up what tracing needs no more once it has begun.
//!
//! The programs are attached and the maps open; what is left to do runs on hostile input. No Landlock:
//! a process in a Landlock domain may not look at the open files of others, which is how owners
//! are found.

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};
use rustix::thread::set_no_new_privs;

/// What a thread does from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads what the programs count, and walks sockets and processes.
    Tracing,
    /// Shows it, and writes files where the user stands.
    Showing,
}

/// What showing needs: a folder of the user who called sudo is not root's.
const SHOWING: [Capability; 1] = [Capability::CAP_DAC_OVERRIDE];

/// What tracing needs while it goes on.
const TRACING: [Capability; 6] = [
    // Reading maps and starting the socket iterators.
    Capability::CAP_BPF,
    Capability::CAP_PERFMON,
    Capability::CAP_NET_ADMIN,
    // Entering the network namespaces of others to walk their sockets.
    Capability::CAP_SYS_ADMIN,
    // Whose sockets they are: /proc/PID/fd of other users' processes.
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_DAC_READ_SEARCH,
];

/// Why privileges could not be given up.
#[derive(Debug, thiserror::Error)]
#[error("privileges could not be given up ({reason}); tracing goes on with all of them")]
pub struct StillPrivileged {
    reason: String,
}

impl From<CapsError> for StillPrivileged {
    fn from(error: CapsError) -> Self {
        Self {
            reason: error.to_string(),
        }
    }
}

impl From<rustix::io::Errno> for StillPrivileged {
    fn from(error: rustix::io::Errno) -> Self {
        Self {
            reason: error.to_string(),
        }
    }
}

/// Leaves the calling thread, and those it starts from then on, with the capabilities that its role
/// needs and no way to get others. Threads that are there already keep theirs.
///
/// # Errors
/// When the kernel refuses; nothing depends on it.
pub fn give_up(role: Role) -> Result<(), StillPrivileged> {
    set_no_new_privs(true)?;
    let wanted: CapsHashSet = match role {
        Role::Tracing => TRACING.into_iter().collect(),
        Role::Showing => SHOWING.into_iter().collect(),
    };
    let permitted = caps::read(None, CapSet::Permitted)?;
    // Only a process that may change its bounding set has one worth changing.
    if permitted.contains(&Capability::CAP_SETPCAP) {
        for capability in caps::all().difference(&wanted) {
            if caps::has_cap(None, CapSet::Bounding, *capability)? {
                caps::drop(None, CapSet::Bounding, *capability)?;
            }
        }
    }
    let kept: CapsHashSet = permitted.intersection(&wanted).copied().collect();
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    Ok(())
}

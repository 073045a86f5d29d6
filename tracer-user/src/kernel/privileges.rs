//! Gives up what a thread needs no more: capabilities, system calls, files.
//!
//! What is left to do once the programs are attached and the maps open runs on hostile input, and so
//! does reading somebody's recording. Each thread keeps what its [`Role`] needs. A tracing thread is in
//! no Landlock domain, since a process in one may not look at the open files of others, which is how
//! owners are found.

mod files;
mod needs;
mod syscalls;
mod user;

use std::path::PathBuf;

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};
use rustix::thread::set_no_new_privs;

pub use self::{
    needs::{NEEDS, held, lacking},
    user::{User, become_user},
};

/// What a thread does from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads what the programs count, and walks sockets and processes.
    Tracing,
    /// Shows it, and writes files where the user stands.
    Showing {
        /// Where it writes.
        writes: PathBuf,
    },
    /// Reads recordings and prints.
    Reading {
        /// They, and what else it reads.
        files: Vec<PathBuf>,
    },
}

impl Role {
    fn capabilities(&self) -> CapsHashSet {
        match self {
            Self::Tracing => NEEDS.iter().map(|need| need.capability).collect(),
            // A folder of the user who called sudo is not root's.
            Self::Showing { .. } => [Capability::CAP_DAC_OVERRIDE].into(),
            Self::Reading { .. } => [Capability::CAP_DAC_READ_SEARCH].into(),
        }
    }
}

/// Why privileges could not be given up.
#[derive(Debug, thiserror::Error)]
#[error("privileges could not be given up ({reason}); it goes on with them")]
pub struct StillPrivileged {
    reason: String,
}

macro_rules! is_the_reason {
    ($($error:ty),*) => {$(
        impl From<$error> for StillPrivileged {
            fn from(error: $error) -> Self {
                Self { reason: error.to_string() }
            }
        }
    )*};
}

is_the_reason!(
    CapsError,
    rustix::io::Errno,
    landlock::RulesetError,
    seccompiler::Error,
    seccompiler::BackendError
);

/// Leaves the calling thread, and those it starts from then on, with what its role needs and no way
/// to get more. Threads that are there already keep what they have.
///
/// # Errors
/// When the kernel refuses; nothing depends on it. A kernel without Landlock is no error.
pub fn give_up(role: &Role) -> Result<(), StillPrivileged> {
    set_no_new_privs(true)?;
    keep(&role.capabilities())?;
    files::restrict(role)?;
    syscalls::refuse(role)
}

/// Gives up all other capabilities.
fn keep(wanted: &CapsHashSet) -> Result<(), StillPrivileged> {
    leave_bounds(wanted)?;
    let permitted = caps::read(None, CapSet::Permitted)?;
    let kept: CapsHashSet = permitted.intersection(wanted).copied().collect();
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    Ok(())
}

/// Without CAP_SETPCAP the bounding set cannot be changed, and does not matter.
fn leave_bounds(wanted: &CapsHashSet) -> Result<(), StillPrivileged> {
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::all().difference(wanted) {
            if caps::has_cap(None, CapSet::Bounding, *capability)? {
                caps::drop(None, CapSet::Bounding, *capability)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! Drops what a thread no longer needs: capabilities, system calls, files.
//!
//! Once the programs are attached and the maps open, the rest of the work handles hostile input, and so does
//! reading a recording from elsewhere. Each thread keeps only what its [`Role`] needs. A tracing thread has
//! no Landlock domain, since a process in one may not inspect the open files of others, which is how owners
//! are found.

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

/// The work of a thread from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads the programs' counts, and walks sockets and processes.
    Tracing,
    /// Displays them, and writes files in the current directory and that of the settings.
    Showing {
        /// The directories it writes to.
        writes: Vec<PathBuf>,
    },
    /// Answers requests, and reads what this process uses.
    Serving,
    /// Reads recordings and prints.
    Reading {
        /// The recordings and other files it reads.
        files: Vec<PathBuf>,
    },
    /// Reads recordings, and writes them to files in another format.
    Exporting {
        /// The recordings.
        files: Vec<PathBuf>,
        /// The directory it writes to.
        writes: PathBuf,
    },
}

impl Role {
    fn capabilities(&self) -> CapsHashSet {
        match self {
            Self::Tracing => NEEDS.iter().map(|need| need.capability).collect(),
            Self::Serving => CapsHashSet::new(),
            // The directory of a user who called sudo does not belong to root.
            Self::Showing { .. } | Self::Exporting { .. } => [Capability::CAP_DAC_OVERRIDE].into(),
            Self::Reading { .. } => [Capability::CAP_DAC_READ_SEARCH].into(),
        }
    }
}

/// Why privileges could not be dropped.
#[derive(Debug, thiserror::Error)]
#[error("privileges could not be dropped ({reason}); continuing with them")]
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

/// Restricts the calling thread, and those it starts from then on, to what its role needs, with no way to get
/// more. Existing threads keep what they have.
///
/// # Errors
/// If the kernel refuses; nothing depends on it. A kernel without Landlock is not an error.
pub fn give_up(role: &Role) -> Result<(), StillPrivileged> {
    set_no_new_privs(true)?;
    keep(&role.capabilities())?;
    files::restrict(role)?;
    syscalls::refuse(role)
}

/// Drops all other capabilities.
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

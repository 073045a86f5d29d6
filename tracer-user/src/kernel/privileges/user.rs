//! Switches to another user without losing what tracing needs.

use rustix::{
    process::{Gid, Uid, getegid, geteuid},
    thread::{set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use super::{NEEDS, StillPrivileged, keep, leave_bounds};

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Makes the calling thread, and those it starts from then on, run as that user, with only the capabilities
/// that tracing needs. Files it creates belong to the user, and can only be created where the user may. Meant
/// for a process with a single thread.
///
/// # Errors
/// If the kernel refuses; then the process should end.
pub fn become_user(user: User) -> Result<(), StillPrivileged> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    if geteuid() == uid && getegid() == gid {
        return Ok(());
    }
    let wanted = NEEDS.iter().map(|need| need.capability).collect();
    leave_bounds(&wanted)?;
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    set_keep_capabilities(false)?;
    keep(&wanted)
}

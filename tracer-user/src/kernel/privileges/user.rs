//! Becoming another user without losing what tracing needs.

use rustix::{
    process::{Gid, Uid, getegid, geteuid},
    thread::{set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use super::{NEEDS, StillPrivileged, keep, leave_bounds};

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Makes the calling thread, and those it starts from then on, that user with the capabilities that
/// tracing needs and no others. Whatever it creates belongs to the user, and it can be created only
/// where the user may create it. Meant for the only thread of a process.
///
/// # Errors
/// When the kernel refuses; the process had better end then.
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

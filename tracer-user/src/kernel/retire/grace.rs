//! Waiting until no program is running that was running before.

/// Returns when every program that was running has ended; `false` at once if this kernel cannot tell.
///
/// Programs run inside a section of the kernel's read-copy-update, and this call waits until all sections have
/// ended that had begun: `membarrier(2)` for all processes, without the flag for the fast kind that does not wait.
pub(super) fn pass() -> bool {
    /// `MEMBARRIER_CMD_GLOBAL`.
    const GLOBAL: libc::c_int = 1;
    const NO_FLAGS: libc::c_int = 0;
    // SAFETY: takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, GLOBAL, NO_FLAGS, 0) == 0 }
}

//! Waiting until no program is running that was running before.

use std::sync::LazyLock;

/// Returns when every program that was running has ended; `false` at once if this kernel cannot tell.
///
/// The programs that look for slots run with preemption disabled, within a section of the kernel's
/// read-copy-update, and this call waits until all sections have ended that had begun: `membarrier(2)` for
/// all processes, without the flag for the fast kind that does not wait. With a single CPU online it returns
/// at once, and rightly so: while a program runs there, no process does. Only a real-time kernel may let
/// processes interrupt programs, so there it is not relied upon. The programs of iterators run while this
/// thread reads, and at no other time.
pub(super) fn pass() -> bool {
    /// `MEMBARRIER_CMD_GLOBAL`. Kernels with `nohz_full` refuse it.
    const GLOBAL: libc::c_int = 1;
    const NO_FLAGS: libc::c_int = 0;
    static IS_REAL_TIME: LazyLock<bool> = LazyLock::new(|| {
        let uname = rustix::system::uname();
        is_real_time(&uname.version().to_string_lossy())
    });
    if *IS_REAL_TIME {
        return false;
    }
    // SAFETY: takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, GLOBAL, NO_FLAGS, 0) == 0 }
}

/// Whether a kernel's version, as `uname -v` prints it, is that of a real-time one.
fn is_real_time(version: &str) -> bool {
    version
        .split([' ', '_'])
        .zip(version.split([' ', '_']).skip(1))
        .any(|pair| pair == ("PREEMPT", "RT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_kernels_are_told_by_their_version() {
        assert!(is_real_time("#1 SMP PREEMPT_RT Debian 6.12.9-1 (2025-01-10)"));
        assert!(is_real_time("#1 SMP PREEMPT RT Mon Jan 6 12:00:00 UTC 2025"));
        assert!(!is_real_time(
            "#1 SMP PREEMPT_DYNAMIC Debian 6.12.9-1 (2025-01-10)"
        ));
        assert!(!is_real_time("#1 SMP Debian 6.1.94-1"));
    }
}

//! System calls that are refused from now on, with seccomp.
//!
//! A list of refused calls, not of allowed ones: a library or kernel that starts to use other calls must not
//! break the tracer. They fail with EPERM. On x86-64 a kernel with the x32 ABI has a second number for each,
//! which is not checked; distributions disable that ABI.

use libc::{EPERM, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use super::{Role, StillPrivileged};

/// Calls no thread of ours makes: those that run programs, inspect processes, change the system or its
/// mounts, and those often used to attack the kernel.
const NEVER: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_mknodat,
    // With CAP_DAC_READ_SEARCH, a way out of a container.
    libc::SYS_open_by_handle_at,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_fanotify_init,
    libc::SYS_syslog,
];

/// Calls that exist only on this architecture.
#[cfg(target_arch = "x86_64")]
const NEVER_HERE: &[c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kexec_file_load,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const NEVER_HERE: &[c_long] = &[];

/// Calls only a tracing thread makes.
const TRACING_ONLY: &[c_long] = &[libc::SYS_bpf, libc::SYS_setns];

/// The commands of bpf(2) that load new programs, or attach them to anything but an iterator:
/// `BPF_PROG_LOAD`, `BPF_PROG_ATTACH`, `BPF_RAW_TRACEPOINT_OPEN`, `BPF_BTF_LOAD`. `BPF_OBJ_PIN` would let
/// them outlast us.
const BPF_BEGINNINGS: [u64; 5] = [5, 6, 8, 17, 18];

/// Refuses them to the calling thread and those it starts from then on.
pub(super) fn refuse(role: &Role) -> Result<(), StillPrivileged> {
    Ok(apply_filter(&filter(role)?)?)
}

fn filter(role: &Role) -> Result<BpfProgram, StillPrivileged> {
    let whole = |calls: &[c_long]| -> Vec<(i64, Vec<SeccompRule>)> {
        calls.iter().map(|call| (*call, Vec::new())).collect()
    };
    let mut rules = [whole(NEVER), whole(NEVER_HERE)].concat();
    match role {
        Role::Tracing => rules.push((libc::SYS_bpf, beginnings()?)),
        Role::Showing { .. } | Role::Serving | Role::Reading { .. } | Role::Exporting { .. } => {
            rules.extend(whole(TRACING_ONLY));
        }
    }
    let refused = SeccompAction::Errno(EPERM.unsigned_abs());
    let here = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules.into_iter().collect(), SeccompAction::Allow, refused, here)?;
    Ok(filter.try_into()?)
}

fn beginnings() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    BPF_BEGINNINGS
        .iter()
        .map(|command| {
            let is_it = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *command)?;
            SeccompRule::new(vec![is_it])
        })
        .collect()
}

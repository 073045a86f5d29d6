//! The process that a program runs in.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_get_current_task_btf};
use tracer_ebpf::abi::comm::Comm;

use crate::{
    maps::{COMMS, HOLDERS, NOTED, Noted, only_here},
    sock::{Sock, has, load},
};

/// The current process's thread group id. Its name is written to [`COMMS`]. Only valid where the kernel runs
/// on behalf of that process.
#[inline(always)]
pub(crate) fn current() -> u32 {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if let Some(comm) = comm()
        && is_news(Noted {
            comm,
            pid: u64::from(pid),
        })
    {
        let known = COMMS.get_ptr(pid);
        // SAFETY: tested. A name torn by another CPU's update has just changed, and is written again.
        let same = known.is_some_and(|known| unsafe { known.read_volatile() } == comm);
        if !same {
            // Without room the name is lost, and user space looks in /proc.
            let _ = COMMS.insert(pid, comm, 0);
        }
    }
    pid
}

/// [`current`] apart from a program whose common ways should be short.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_current() -> u32 {
    current()
}

/// The process that holds a socket, if user space has found it; 0: unknown. Nothing in the socket names the
/// process that connected it, and the seeding walk runs in the tracer.
#[inline(always)]
pub(crate) fn found(sk: Sock) -> u32 {
    match HOLDERS.get_ptr(sk.inode()) {
        // SAFETY: tested.
        Some(pid) => unsafe { pid.read_volatile() },
        None => 0,
    }
}

/// Whether this is another process than the last one on this CPU, or has another name. It is the last one
/// from now on. The process that has just connected or read tends to do so again.
#[inline(always)]
fn is_news(now: Noted) -> bool {
    let Some(last) = only_here(&NOTED) else {
        return true;
    };
    // Nothing tears it: only programs that run on behalf of a process come here, and those do not interrupt
    // each other.
    let news = last.load() != now;
    if news {
        last.store(now);
    }
    news
}

/// The name of the current process, which is that of its first thread.
#[inline(always)]
fn comm() -> Option<Comm> {
    if !has!(task_struct.group_leader) || !has!(task_struct.comm) {
        return None;
    }
    // SAFETY: the helper only gives a pointer that the verifier trusts.
    let task: *const u8 = unsafe { bpf_get_current_task_btf() }.cast_const().cast();
    let leader = load!(task => task_struct.group_leader: ptr or 0);
    if leader.is_null() {
        return None;
    }
    Some(Comm {
        words: [
            load!(leader => task_struct.comm[0]: u64 or 0),
            load!(leader => task_struct.comm[1]: u64 or 0),
        ],
    })
}

//! The process that a program runs in.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_get_current_task_btf};
use tracer_ebpf::abi::comm::Comm;

use crate::{
    maps::{COMMS, HOLDERS, NOTED, Noted, has},
    sock::{Sock, load, load_pointer},
};

/// The current process's thread group id; its name is noted beside. Only to be asked where the
/// kernel runs on behalf of that process.
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
        // SAFETY: tested. A name torn by another CPU's update is one that has just changed.
        let same = known.is_some_and(|known| unsafe { known.read_volatile() } == comm);
        if !same {
            // A full table costs a name, which user space then asks /proc for.
            let _ = COMMS.insert(pid, comm, 0);
        }
    }
    pid
}

/// The process that holds a socket, if user space has found it; 0: not known. Nothing in the socket tells who connected
/// it, and the walk over the sockets runs in the tracer.
#[inline(always)]
pub(crate) fn found(sk: Sock) -> u32 {
    match HOLDERS.get_ptr(sk.inode()) {
        // SAFETY: tested.
        Some(pid) => unsafe { pid.read_volatile() },
        None => 0,
    }
}

/// Whether it is another process than the one this CPU noted last, or has another name; that one is
/// noted now. Processes that connect or read tend to do it again.
#[inline(always)]
fn is_news(now: Noted) -> bool {
    let Some(last) = NOTED.get_ptr_mut(0) else {
        return true;
    };
    // SAFETY: tested. Only programs that run on behalf of a process come here, and those do not
    // interrupt each other.
    unsafe {
        let news = last.read() != now;
        if news {
            last.write(now);
        }
        news
    }
}

/// The name of the current process, which is that of its first thread.
#[inline(always)]
fn comm() -> Option<Comm> {
    if !has!(group_leader) || !has!(task_comm) {
        return None;
    }
    // SAFETY: the helper only gives a pointer that the verifier trusts.
    let task: *const u8 = unsafe { bpf_get_current_task_btf() }.cast_const().cast();
    let leader = load_pointer!(task, group_leader);
    if leader.is_null() {
        return None;
    }
    Some(Comm {
        words: [load!(leader, task_comm: u64), load!(leader, task_comm + 8: u64)],
    })
}

//! The registers with which the current thread has entered the kernel: which system call it makes, and with
//! what. Each machine keeps them in a way of its own, and numbers its system calls in one.

use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs};

use crate::sock::load;
#[cfg(not(bpf_target_arch = "x86_64"))]
use crate::sock::offset;

/// Numbers of the system calls that read (`arch/x86/entry/syscalls/syscall_64.tbl`). No system call of 32
/// bits that reads has one of them.
#[cfg(bpf_target_arch = "x86_64")]
pub(crate) mod call {
    pub(crate) const READ: u64 = 0;
    pub(crate) const READV: u64 = 19;
    pub(crate) const RECVFROM: u64 = 45;
    pub(crate) const RECVMSG: u64 = 47;
}

/// Numbers of the system calls that read (`include/uapi/asm-generic/unistd.h`). No system call of 32 bits
/// that reads has one of them.
#[cfg(not(bpf_target_arch = "x86_64"))]
pub(crate) mod call {
    pub(crate) const READ: u64 = 63;
    pub(crate) const READV: u64 = 65;
    pub(crate) const RECVFROM: u64 = 207;
    pub(crate) const RECVMSG: u64 = 212;
}

/// A `struct pt_regs`.
#[derive(Clone, Copy)]
pub(crate) struct Registers(*const u8);

impl Registers {
    /// Those of the current thread.
    #[inline(always)]
    pub(crate) fn of_current() -> Self {
        // SAFETY: the helpers only give pointers that the verifier trusts.
        Self(unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) as *const u8 })
    }
}

#[cfg(bpf_target_arch = "x86_64")]
impl Registers {
    /// The number of the system call.
    #[inline(always)]
    pub(crate) fn number(self) -> u64 {
        load!(self.0 => pt_regs.orig_ax: u64 or 0)
    }

    /// Its second argument.
    #[inline(always)]
    pub(crate) fn second(self) -> u64 {
        load!(self.0 => pt_regs.si: u64 or 0)
    }

    /// Its third argument.
    #[inline(always)]
    pub(crate) fn third(self) -> u64 {
        load!(self.0 => pt_regs.dx: u64 or 0)
    }
}

/// On arm64. The loader leaves the look at what is read out on any other machine.
#[cfg(not(bpf_target_arch = "x86_64"))]
impl Registers {
    /// The number of the system call. Not the register that it came in, which is another one for programs of
    /// 32 bits.
    #[inline(always)]
    pub(crate) fn number(self) -> u64 {
        u64::from(load!(self.0 => pt_regs.syscallno: u32 or 0))
    }

    /// Its second argument.
    #[inline(always)]
    pub(crate) fn second(self) -> u64 {
        self.argument(1)
    }

    /// Its third argument.
    #[inline(always)]
    pub(crate) fn third(self) -> u64 {
        self.argument(2)
    }

    #[inline(always)]
    fn argument(self, number: usize) -> u64 {
        let arguments = self.0.wrapping_add(offset!(pt_regs.regs) as usize).cast::<u64>();
        // SAFETY: the verifier has checked this very load, or the program would not run.
        unsafe { arguments.wrapping_add(number).read() }
    }
}

//! Programs to measure against: one that does nothing shows what calling any program costs, and one that does
//! nothing but look at what a process has read shows what any look costs on this machine. Only
//! `cargo xtask bench` loads them; the tracer does not embed them. Built for the BPF target only, as
//! `main.rs`.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod bare;

#[cfg(target_arch = "bpf")]
use aya_ebpf::{
    helpers::generated::{bpf_get_current_task_btf, bpf_probe_read_user_str, bpf_task_pt_regs},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};

/// Returns at once.
#[cfg(target_arch = "bpf")]
#[btf_tracepoint]
pub(crate) fn empty(_: BtfTracePointContext) -> i32 {
    0
}

/// Which word of a `struct pt_regs` has the second argument of a system call: the buffer of `read` and `recv`.
#[cfg(bpf_target_arch = "x86_64")]
const SECOND: usize = 13;
#[cfg(all(target_arch = "bpf", not(bpf_target_arch = "x86_64")))]
const SECOND: usize = 1;

/// Bytes that are copied.
#[cfg(target_arch = "bpf")]
const COPIED: u32 = u64::BITS / 8;

/// Copies eight bytes from the reader's buffer in the cheapest way there is, as the tracer does, and drops
/// them.
#[cfg(target_arch = "bpf")]
#[btf_tracepoint]
pub(crate) fn look(_: BtfTracePointContext) -> i32 {
    let mut first = 0_u64;
    // SAFETY: the helpers only give pointers that the verifier trusts, and copy no more bytes than there is
    // room for.
    let copied = unsafe {
        let registers = bpf_task_pt_regs(bpf_get_current_task_btf()) as *const u64;
        let buffer = registers.add(SECOND).read();
        bpf_probe_read_user_str((&raw mut first).cast(), COPIED, buffer as *const _)
    };
    i32::from(copied > 0 && first == 0)
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}

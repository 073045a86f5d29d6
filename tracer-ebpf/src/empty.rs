//! A program on `tp_btf/inet_sock_set_state` that does nothing, to measure what calling any program costs.
//! Only `cargo xtask bench` loads it; the tracer does not embed it. Built for the BPF target only, as
//! `main.rs`.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod bare;

#[cfg(target_arch = "bpf")]
use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

/// Returns at once.
#[cfg(target_arch = "bpf")]
#[btf_tracepoint]
pub(crate) fn empty(_: BtfTracePointContext) -> i32 {
    0
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}

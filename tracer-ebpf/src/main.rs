//! The BPF programs. Built for the BPF target only; on any other target this is an empty program,
//! so that the workspace checks and lints without a BPF toolchain.
//!
//! Modules: `programs` has the entry points, one file per kernel hook. `filters` decides which connections
//! are traced, `count`, `turns`, `idle` and `leave` update the counters, `record` writes a record of each ended connection
//! into the `ring`. `unseen` makes up for an end that was missed. `conns` remembers the connections,
//! `listeners` the listening addresses. `peers` finds a peer's slot, `owner` names the running process,
//! `sock` reads kernel sockets, `clock` gives the time. `maps` declares all maps and globals, `atomic` wraps
//! the atomic instructions. The glossary in ARCHITECTURE.md explains place, slot, cell, turn, seeded and
//! rescued.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(
    target_arch = "bpf",
    feature(core_intrinsics, asm_experimental_arch),
    expect(
        internal_features,
        reason = "BPF has no other way to an atomic add that drops its result"
    ),
    expect(
        clippy::cast_possible_truncation,
        reason = "states, errors and jiffies are wider in the kernel than their values; a checked cast could panic"
    )
)]

#[cfg(target_arch = "bpf")]
mod atomic;
#[cfg(target_arch = "bpf")]
mod bare;
#[cfg(target_arch = "bpf")]
mod clock;
#[cfg(target_arch = "bpf")]
mod close;
#[cfg(target_arch = "bpf")]
mod conns;
#[cfg(target_arch = "bpf")]
mod count;
#[cfg(target_arch = "bpf")]
mod durations;
#[cfg(target_arch = "bpf")]
mod filters;
#[cfg(target_arch = "bpf")]
mod idle;
#[cfg(target_arch = "bpf")]
mod late;
#[cfg(target_arch = "bpf")]
mod leave;
#[cfg(target_arch = "bpf")]
mod listeners;
#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod owner;
#[cfg(target_arch = "bpf")]
mod packet;
#[cfg(target_arch = "bpf")]
mod peek;
#[cfg(target_arch = "bpf")]
mod peers;
#[cfg(target_arch = "bpf")]
mod programs;
#[cfg(target_arch = "bpf")]
mod record;
#[cfg(target_arch = "bpf")]
mod registers;
#[cfg(target_arch = "bpf")]
mod ring;
#[cfg(target_arch = "bpf")]
mod sock;
#[cfg(target_arch = "bpf")]
mod turns;
#[cfg(target_arch = "bpf")]
mod unseen;

#[cfg(not(target_arch = "bpf"))]
fn main() {}

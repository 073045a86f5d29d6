//! The entry points, one file per kernel hook. [`tracer_ebpf::hooks`] lists them.

mod ends;
mod iter_tcp;
mod reads;
mod refusals;
mod resets;
mod set_state;

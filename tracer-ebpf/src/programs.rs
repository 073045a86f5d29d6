//! The entry points, one file a kernel hook.

mod ends;
mod iter_tcp;
mod reads;
mod resets;
mod set_state;

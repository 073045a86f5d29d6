//! The entry points, one file a kernel hook.

mod iter_tcp;
mod resets;
mod set_state;

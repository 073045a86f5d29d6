//! Names of processes.

use super::pod;

/// A process's name as the kernel keeps it: at most 15 bytes, then zeros. Hostile text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Comm {
    /// The 16 bytes, in memory order.
    pub words: [u64; 2],
}

pod!(Comm);

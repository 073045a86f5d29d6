//! The commands, one a file.

pub(crate) mod bench;
pub(crate) mod build;
mod debian;
pub(crate) mod dist;
pub(crate) mod docs;
pub(crate) mod fleet;
pub(crate) mod fuzz;
pub(crate) mod kernels;
pub(crate) mod lint;
mod machine;
mod page;
pub(crate) mod picture;
pub(crate) mod sanitize;
pub(crate) mod setup;
mod tally;
pub(crate) mod test;

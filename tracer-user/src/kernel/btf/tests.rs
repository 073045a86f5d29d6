//! Tests of the BTF reader, with blobs made by [`builder`], damaged ones, and the running kernel's.

mod builder;
mod damaged;
mod header;
mod kernel;
mod members;
mod names;

use super::{Btf, BtfError, Defect, Member, VMLINUX};

/// The defect of a blob that does not parse, or of a query that fails.
fn defect<T: std::fmt::Debug>(result: Result<T, BtfError>) -> Defect {
    match result {
        Err(BtfError::Malformed { defect, .. }) => defect,
        other => panic!("expected malformed BTF, got {other:?}"),
    }
}

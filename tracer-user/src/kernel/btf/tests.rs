//! Tests of the BTF reader: on blobs made by [`builder`], on damaged ones, and on the running kernel's.

mod builder;
mod damaged;
mod header;
mod kernel;
mod members;
mod names;

use super::{Btf, BtfError, Defect, Member, VMLINUX, format::Order};

/// The defect in a blob that does not parse, or behind a question that has no answer.
fn defect<T: std::fmt::Debug>(result: Result<T, BtfError>) -> Defect {
    match result {
        Err(BtfError::Malformed { defect, .. }) => defect,
        other => panic!("expected malformed BTF, got {other:?}"),
    }
}

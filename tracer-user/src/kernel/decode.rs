//! Converts the programs' bytes to their structs, and those to the model's values ([`meaning`]). The structs
//! are the programs' own, so that no list of their fields can differ from them.

use zerocopy::FromBytes;

pub(super) use meaning::{Socket, comm, ended, losses, peer_id, socket};

mod meaning;

/// Bytes with unexpected contents.
#[derive(Debug, thiserror::Error)]
#[error("a {what} has {expected} bytes, got {got}")]
pub(super) struct DecodeError {
    what: &'static str,
    expected: usize,
    got: usize,
}

/// Reads one struct, which must be all of the bytes.
pub(super) fn read<T: FromBytes>(bytes: &[u8]) -> Result<T, DecodeError> {
    T::read_from_bytes(bytes).map_err(|_| DecodeError {
        what: short_name(std::any::type_name::<T>()),
        expected: size_of::<T>(),
        got: bytes.len(),
    })
}

/// The last part of a type's path.
fn short_name(path: &'static str) -> &'static str {
    path.rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests;

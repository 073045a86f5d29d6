//! What clients speak, one dialect a file: as much of each as a poll needs.

pub(super) mod http1;
pub(super) mod http2;
pub(super) mod mqtt;
pub(super) mod postgresql;
pub(super) mod redis;

use std::io::{Error, ErrorKind};

/// The error for a reply that a poll does not expect.
fn unexpected(reply: &[u8]) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        String::from_utf8_lossy(reply).into_owned(),
    )
}

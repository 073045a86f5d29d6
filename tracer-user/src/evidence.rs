//! The evidence directory: `record` writes it, and this module reads it back.
//!
//! The CSV files grow by one block per interval. When a block is complete, `intervals.jsonl` gets a line with
//! the length and digest of each file, so that the files of a killed recorder can be checked and read up to
//! the last interval. `manifest.json` describes the whole and is only ever replaced.

pub mod at;
mod block;
mod cells;
mod dir;
mod error;
pub mod export;
pub(crate) mod extract;
pub mod flight;
#[cfg(feature = "testing")]
pub mod fuzzing;
pub mod join;
pub mod journal;
pub mod load;
pub mod manifest;
pub mod merge;
pub(crate) mod read;
pub(crate) mod rebuild;
pub mod recording;
pub mod rows;
mod segments;
pub mod select;
pub mod service;
pub mod state;
#[cfg(test)]
pub(crate) mod testing;
pub mod verify;
pub mod writer;

pub use self::{dir::Folder, error::EvidenceError};

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";

/// Name of the last complete sample.
pub const STATE: &str = "state.json";

/// Name of what the state differs from [`STATE`], compressed, while a recording runs.
pub const DELTA: &str = "state.delta";

/// Name of the diagnosis at stop.
pub const DIAGNOSIS: &str = "diagnosis.json";

/// Name of the journal, without extension.
pub const JOURNAL: &str = "intervals";

/// Maximum length of a row, bytes: 27 numbers and a process name take some 400.
pub(crate) const MAX_ROW: usize = 64 << 10;

/// Maximum number of peers kept apart while reading. The rest are combined and counted as such. Each takes
/// about a KiB.
pub(crate) use crate::model::sample::MAX_READ_PEERS as MAX_PEERS;

//! The evidence directory: what `record` writes, and everything that reads it again.
//!
//! Three CSV files grow a block per interval; `intervals.jsonl` gets a line when a block is whole,
//! with the length and digest of each file, so that what a killed recorder leaves can be checked
//! and read up to its last interval. `manifest.json` describes the whole and is only ever replaced.

pub mod at;
mod block;
mod cells;
mod dir;
mod error;
#[cfg(feature = "testing")]
pub mod fuzzing;
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
pub mod state;
#[cfg(test)]
pub(crate) mod testing;
pub mod verify;

pub use self::{dir::Folder, error::EvidenceError};

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";

/// Name of the last complete sample.
pub const STATE: &str = "state.json";

/// Name of the diagnosis at stop.
pub const DIAGNOSIS: &str = "diagnosis.json";

/// Name of the journal without its ending.
pub const JOURNAL: &str = "intervals";

/// A row is never longer than this, bytes: 27 numbers and a process name have some 400.
pub(crate) const MAX_ROW: usize = 64 << 10;

/// Peers that a reading keeps apart; the rest is taken together, and counted as such. Each takes
/// about a KiB.
pub(crate) const MAX_PEERS: usize = 1 << 18;

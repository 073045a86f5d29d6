//! The live view: a screen that follows a feed of samples and answers keys at once.
//!
//! `keeper` turns samples into snapshots in the feed's thread, `app` is the state and what actions do
//! to it, `panes` draws it, `run` is the loop that owns it. Neither live nor recorded samples are
//! known here: that is the feed's.

pub mod answer;
pub mod app;
pub mod batch;
pub mod columns;
#[cfg(test)]
pub(crate) mod example;
pub mod export;
pub mod feed;
pub mod filter;
pub mod fit;
pub mod format;
pub mod input;
pub mod keeper;
pub mod keys;
pub mod layout;
pub mod lists;
pub mod names;
pub mod pace;
pub mod panes;
pub mod pen;
pub mod picture;
pub mod playback;
pub mod row;
pub mod run;
pub mod signals;
pub mod snapshot;
pub mod terminal;
pub mod theme;
pub mod timeline;

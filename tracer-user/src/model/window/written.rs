//! A window as it stands in a file.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::{Boundary, Seen, Window, layout};
use crate::model::{figure::Table, peer::Counters};

/// The same as it stands in a file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Written {
    length_ns: Option<u64>,
    is_cut: bool,
    /// Which figures the counters of the marks are.
    figures: Option<Vec<String>>,
    boundaries: Vec<Boundary>,
    seen: Vec<Seen>,
}

impl From<Written> for Window {
    fn from(mut written: Written) -> Self {
        let figures = written.figures.unwrap_or_else(layout::unnamed);
        if figures != layout::names() {
            for boundary in &mut written.boundaries {
                boundary.arrange(&figures);
            }
        }
        Self {
            length_ns: written.length_ns,
            is_cut: written.is_cut,
            boundaries: written.boundaries.into_iter().map(Arc::new).collect(),
            seen: written.seen,
            generations: Vec::new(),
            levels: None,
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Borrowed<'a> {
            length_ns: Option<u64>,
            is_cut: bool,
            figures: &'a [&'a str],
            boundaries: Vec<&'a Boundary>,
            seen: &'a [Seen],
        }
        let borrowed = Borrowed {
            length_ns: self.length_ns,
            is_cut: self.is_cut,
            figures: Counters::NAMES,
            boundaries: self.boundaries.iter().map(Arc::as_ref).collect(),
            seen: &self.seen,
        };
        borrowed.serialize(to)
    }
}

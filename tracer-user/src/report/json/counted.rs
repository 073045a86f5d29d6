//! Figures that are in the JSON because their tables say so.

use serde::{Serialize, Serializer};

use crate::model::{figure::Table, sample::Known};

/// The figures of a table that are shown as they were counted, by their names.
pub(super) struct Counted<'a, T: Table> {
    pub(super) figures: &'a T::Shown,
    /// The number of figures, the first ones, that have a place of their own.
    pub(super) placed: usize,
    pub(super) known: Known,
}

impl<T: Table> Serialize for Counted<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shown = T::shown().skip(self.placed);
        to.collect_map(shown.map(|shown| (shown.name, shown.written(self.figures, self.known))))
    }
}

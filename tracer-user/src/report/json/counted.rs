//! Figures whose tables put them into the JSON.

use serde::{Serialize, Serializer};

use crate::model::{figure::Table, sample::Known};

/// The figures of a table shown as counted, by name.
pub(super) struct Counted<'a, T: Table> {
    pub(super) figures: &'a T::Shown,
    /// How many of the first ones have a fixed position, and are left out.
    pub(super) placed: usize,
    pub(super) known: Known,
}

impl<T: Table> Serialize for Counted<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shown = T::shown().skip(self.placed);
        to.collect_map(shown.map(|shown| (shown.name, shown.written(self.figures, self.known))))
    }
}

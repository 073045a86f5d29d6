//! Figures that are in the JSON because their tables say so.

use serde::{Serialize, Serializer};

use crate::{
    diagnosis::Figures,
    model::{
        backlog::{self, Backlog},
        counters,
    },
};

/// The figures that are shown as they were counted, by their names.
pub(super) struct Counted<'a>(pub(super) &'a Figures);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(figures) = self;
        to.collect_map(counters::shown().map(|(figure, shown)| {
            let value = shown.value(&figures.counted, figures.known);
            (shown.name, value.map(|value| figure.unit.written(value)))
        }))
    }
}

/// The figures of a listener that have no place of their own, by their names.
pub(super) struct Others<'a>(pub(super) &'a Backlog);

impl Serialize for Others<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(backlog::others().map(|figure| (figure.name, (figure.get)(self.0))))
    }
}

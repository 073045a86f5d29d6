//! Figures whose tables put them into the JSON.

use serde::{Serialize, Serializer};

use crate::{
    diagnosis::Figures,
    model::{
        backlog::{self, Backlog},
        counters,
    },
};

/// The figures shown as counted, by name.
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

/// The other figures of a listener, by name.
pub(super) struct Others<'a>(pub(super) &'a Backlog);

impl Serialize for Others<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(backlog::others().map(|figure| (figure.name, (figure.get)(self.0))))
    }
}

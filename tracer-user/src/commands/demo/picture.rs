//! The live view of the demo as text, for the README.

use std::sync::Arc;

use crate::{
    diagnosis::Options,
    model::sample::Sample,
    report::Origin,
    view::{
        app::{App, Look, Sort, default_columns},
        keeper::{Batch, Keeper, Prefixes},
        panes,
        snapshot::Snapshot,
        theme::{Glyphs, Theme},
    },
};

/// A screen that is not displayed.
pub(super) struct Picture {
    size: (u16, u16),
    keeper: Keeper,
    latest: Option<Snapshot>,
}

impl Picture {
    /// A screen of this size in columns and rows.
    pub(super) fn new(size: (u16, u16)) -> Self {
        Self {
            size,
            keeper: Keeper::new(Prefixes { v4: 32, v6: 128 }, None),
            latest: None,
        }
    }

    /// Takes in a sample.
    pub(super) fn add(&mut self, sample: Sample, options: &Options) {
        self.latest = Some(self.keeper.add(Batch {
            sample,
            ended: Vec::new(),
            options: options.clone(),
            notes: Vec::new(),
            replayed: None,
        }));
    }

    /// The contents of the screen.
    pub(super) fn text(self, filters: String) -> String {
        let Some(latest) = self.latest else {
            return String::new();
        };
        let look = Look {
            columns: default_columns(),
            sort: Sort::default(),
            theme: Theme { color: false },
            glyphs: Glyphs::UNICODE,
            host: Origin::this_machine().host,
            filters,
        };
        let (columns, rows) = self.size;
        panes::picture(&mut App::new(look, Arc::new(latest)), columns, rows)
    }
}

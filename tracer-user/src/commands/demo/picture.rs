//! Pictures of the demo for the documentation: the live view and the page of `serve`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    diagnosis::{Diagnosis, Options},
    model::sample::Sample,
    report::{Origin, openmetrics::Counted},
    serve::{
        self,
        latest::{Course, Latest},
    },
    view::{
        app::{App, Look, Sort, default_columns},
        keeper::{Batch, Keeper, Prefixes},
        panes, picture,
        snapshot::Snapshot,
        theme::{Glyphs, Theme},
    },
};

/// A screen that is not displayed.
pub(super) struct Picture {
    size: (u16, u16),
    keeper: Keeper,
    latest: Option<Snapshot>,
    course: Course,
}

impl Picture {
    /// A screen of this size in columns and rows.
    pub(super) fn new(size: (u16, u16)) -> Self {
        Self {
            size,
            keeper: Keeper::new(Prefixes { v4: 32, v6: 128 }, None),
            latest: None,
            course: Course::default(),
        }
    }

    /// Takes in a sample.
    pub(super) fn add(&mut self, sample: Sample, options: &Options) {
        self.course.add(&sample);
        self.latest = Some(self.keeper.add(Batch {
            sample,
            ended: Vec::new(),
            options: options.clone(),
            notes: Vec::new(),
            replayed: None,
        }));
    }

    /// The contents of the screen as text.
    pub(super) fn text(&self, filters: &str) -> String {
        let (columns, rows) = self.size;
        let app = self.app(filters, false);
        app.map_or_else(String::new, |mut app| panes::picture(&mut app, columns, rows))
    }

    /// The same in colours, as SVG.
    pub(super) fn svg(&self, filters: &str) -> String {
        let (columns, rows) = self.size;
        let app = self.app(filters, true);
        app.map_or_else(String::new, |mut app| picture::svg(&mut app, columns, rows))
    }

    /// The page of `serve`, as SVG.
    pub(super) fn page(&self, diagnosis: &Diagnosis) -> String {
        serve::picture(&Latest {
            number: 1,
            at: Instant::now(),
            took: Duration::ZERO,
            diagnosis: Arc::new(diagnosis.clone()),
            counted: Arc::new(Counted::default()),
            course: self.course.points(),
            origin: Arc::new(Origin::this_machine()),
        })
    }

    fn app(&self, filters: &str, color: bool) -> Option<App> {
        let look = Look {
            columns: default_columns(),
            sort: Sort::default(),
            theme: Theme { color },
            glyphs: Glyphs::UNICODE,
            host: Origin::this_machine().host,
            filters: filters.to_owned(),
        };
        Some(App::new(look, Arc::new(self.latest.clone()?)))
    }
}

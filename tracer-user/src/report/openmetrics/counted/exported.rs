//! Which figures are metrics.

use crate::model::{
    figure::{Figure, Table},
    peer::Counters,
    sample::Known,
};

/// A figure of [`Counters`] that is a metric.
pub(in crate::report::openmetrics) struct Exported {
    /// Its name in the table of figures.
    pub(in crate::report::openmetrics) figure: &'static str,
    /// Its name as a metric, without what its kind and unit add.
    pub(in crate::report::openmetrics) name: &'static str,
    /// What it says.
    pub(in crate::report::openmetrics) help: &'static str,
    /// What makes series of its numbers.
    pub(in crate::report::openmetrics) shape: Shape,
    /// Whether this kernel gives it.
    pub(in crate::report::openmetrics) known: fn(Known) -> bool,
}

impl Exported {
    /// Its line in the table of figures, which a test makes sure of.
    pub(super) fn figure(&self) -> Option<&'static Figure<Counters>> {
        Counters::FIGURES.iter().find(|one| one.name == self.figure)
    }
}

/// What a figure's numbers are.
pub(in crate::report::openmetrics) enum Shape {
    /// One number.
    Count,
    /// One number, of failed connects.
    Failures,
    /// A number for each reason of a close.
    Reasons,
    /// Buckets and a sum.
    Durations,
}

/// All of them.
pub(in crate::report::openmetrics) const EXPORTED: &[Exported] = &[
    Exported {
        figure: "opens_by_held",
        name: "tcpreuse_connections_opened",
        help: "Connections opened since tracing began.",
        shape: Shape::Count,
        known: |_| true,
    },
    Exported {
        figure: "closes",
        name: "tcpreuse_connections_closed",
        help: "Connections that ended since tracing began, by what ended them first.",
        shape: Shape::Reasons,
        known: |_| true,
    },
    Exported {
        figure: "failed",
        name: "tcpreuse_connects_failed",
        help: "Connects of this host that failed. They never opened a connection.",
        shape: Shape::Failures,
        known: |_| true,
    },
    Exported {
        figure: "turns",
        name: "tcpreuse_requests",
        help: "Requests on connections that were opened since tracing began.",
        shape: Shape::Count,
        known: |known| known.turns,
    },
    Exported {
        figure: "late_requests",
        name: "tcpreuse_late_requests",
        help: "Requests that came after this host had closed the connection. Their clients see a reset.",
        shape: Shape::Count,
        known: |known| known.late_requests,
    },
    Exported {
        figure: "lifetime",
        name: "tcpreuse_connection_duration",
        help: "How long ended connections were open, of those opened since tracing began.",
        shape: Shape::Durations,
        known: |_| true,
    },
    Exported {
        figure: "idle",
        name: "tcpreuse_idle_before_close",
        help: "Time from the last data to the first FIN or RST.",
        shape: Shape::Durations,
        known: |known| known.idle,
    },
    Exported {
        figure: "hold",
        name: "tcpreuse_hold",
        help: "Time from a request to its answer.",
        shape: Shape::Durations,
        known: |known| known.turns,
    },
];

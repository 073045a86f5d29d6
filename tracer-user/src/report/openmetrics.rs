//! A diagnosis as metrics, for Prometheus and what understands its formats.
//!
//! Counters run since tracing began, gauges tell the present. Every label comes from a bounded set: a service
//! with a series of its own is one of the first [`counted::MAX_SERVICES`], only accused peers have one, and
//! what these bounds hide is counted.

mod counted;
mod failures;
mod families;
mod process;
mod series;

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{self, DescriptorEncoder},
    registry::Registry,
};

pub use self::{counted::Counted, process::ProcessFigures};
use crate::diagnosis::Diagnosis;

/// How many accused peers have a series of their own, unless told otherwise.
pub const MAX_METRICS_PEERS: usize = 50;

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The older text format of Prometheus, which textfile collectors read.
    Prometheus,
}

impl Style {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => encoding::prometheus_text::CONTENT_TYPE,
        }
    }
}

/// Everything that metrics are made of at one moment.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// What was counted since tracing began.
    pub counted: Arc<Counted>,
    /// The newest diagnosis.
    pub diagnosis: Arc<Diagnosis>,
    /// How many accused peers have a series of their own.
    pub max_peers: usize,
    /// How long the newest sample took.
    pub sample_took: Option<Duration>,
    /// What this process uses.
    pub process: Option<ProcessFigures>,
}

impl Metrics {
    /// Writes them.
    ///
    /// # Errors
    /// Never with a `String` or anything else that takes all text.
    pub fn write(self, style: Style, to: &mut impl fmt::Write) -> fmt::Result {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        match style {
            Style::OpenMetrics => encoding::text::encode(to, &registry),
            Style::Prometheus => encoding::prometheus_text::encode(to, &registry),
        }
    }
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        families::encode(self, &mut series::Families::new(encoder))
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! Families of series, as the encoder wants them.

use std::fmt;

use prometheus_client::{
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet,
    },
    metrics::MetricType,
    registry::Unit,
};

/// A series without labels.
pub(super) const ALONE: [(&str, &str); 0] = [];

/// A histogram: the upper limit of each bucket with the number of values in it, the number of all, and their
/// sum.
pub(super) struct Histogram {
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) count: u64,
    pub(super) sum: f64,
}

/// Writes one family after another.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

impl<'a> Families<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A family of gauges.
    pub(super) fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        self.each(name, unit, help, MetricType::Gauge, series, |mut one, value| {
            one.encode_gauge(&value)
        })
    }

    /// A family of counters, whose names get `_total`.
    pub(super) fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        self.each(name, unit, help, MetricType::Counter, series, |mut one, value| {
            one.encode_counter::<NoLabelSet, V, f64>(&value, None)
        })
    }

    /// A family of histograms of durations, whose names get `_seconds`.
    pub(super) fn durations<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, Histogram)>,
    ) -> fmt::Result {
        let unit = Some(Unit::Seconds);
        self.each(
            name,
            unit,
            help,
            MetricType::Histogram,
            series,
            |mut one, value| one.encode_histogram::<NoLabelSet>(value.sum, value.count, &value.buckets, None),
        )
    }

    /// What never changes, as labels. The name gets `_info`.
    pub(super) fn info(&mut self, name: &str, help: &str, labels: &impl EncodeLabelSet) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Info)?
            .encode_info(labels)
    }

    fn each<L: EncodeLabelSet, V>(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        kind: MetricType,
        series: impl IntoIterator<Item = (L, V)>,
        write: impl Fn(MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (labels, value) in series {
            write(family.encode_family(&labels)?, value)?;
        }
        Ok(())
    }
}

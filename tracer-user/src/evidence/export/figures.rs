//! The columns of a peer's figures, which follow from their table, beside those that `peers.csv` has.

use super::table::{Named, Table, Type};
use crate::{
    evidence::{
        cells::{Cell, CellType},
        rows::Kind,
    },
    model::{
        figure::{Figure, Table as _, Value},
        peer::Counters,
    },
};

/// Figures that no row of a recording shows. They are known at its end only, from its last state.
pub(super) const NOT_IN_ROWS: &[&str] = &[
    "hold",
    "pause",
    "held_ms",
    "busy_ms",
    "reckoned_ms",
    "requests_bounded",
    "protocol",
    "late_read_max_ns",
    "rtt_us",
    "rtt_min_us",
];

/// A part of a figure, which is a column.
enum Part<'a> {
    Number(Option<u64>),
    Buckets(&'a [u32]),
}

/// Passes on the parts of a figure with what follows its name.
fn parts(value: Value<'_>, mut each: impl FnMut(&'static str, Part<'_>)) {
    match value {
        Value::Number(number) => each("", Part::Number(number)),
        // `peers.csv` has them, reason by reason.
        Value::Closes(_) => {}
        Value::Held(held) => each("", Part::Buckets(&held.all())),
        Value::Turns(turns) => {
            each("_sum", Part::Number(Some(turns.sum)));
            each("_max", Part::Number(Some(turns.max)));
            each("_buckets", Part::Buckets(&turns.buckets.all()));
        }
        Value::Durations(durations) => {
            let shortest = (durations.count() > 0).then_some(durations.min_ns);
            each("_sum_ns", Part::Number(Some(durations.sum_ns)));
            each("_max_ns", Part::Number(Some(durations.max_ns)));
            each("_min_ns", Part::Number(shortest));
            each("_buckets", Part::Buckets(&durations.buckets.all()));
        }
    }
}

/// The figures that `peers.csv` does not have.
fn others() -> impl Iterator<Item = &'static Figure<Counters>> {
    let known = Kind::Peers.columns();
    Counters::FIGURES
        .iter()
        .filter(|figure| !known.contains(&figure.name))
}

/// Their columns.
pub(super) fn columns() -> Vec<Named> {
    let mut columns = Vec::new();
    let none = Counters::default();
    for figure in others() {
        parts((figure.get)(&none), |end, part| {
            let kind = match part {
                Part::Number(_) => Type::Like(CellType::Number),
                Part::Buckets(_) => Type::Numbers,
            };
            columns.push((format!("{}{end}", figure.name), kind));
        });
    }
    columns
}

/// Adds them to a row: as the rows so far show them, and as the last state does.
pub(super) fn put(shown: Option<&Counters>, exact: Option<&Counters>, to: &mut Table) {
    let none = Counters::default();
    for figure in others() {
        let from = match NOT_IN_ROWS.contains(&figure.name) {
            true => exact,
            false => shown,
        };
        parts((figure.get)(from.unwrap_or(&none)), |_, part| match part {
            Part::Number(number) => {
                let number = from.and(number);
                to.put(number.map_or(Cell::Unknown, Cell::Number));
            }
            Part::Buckets(buckets) => to.put_numbers(from.map(|_| buckets)),
        });
    }
}

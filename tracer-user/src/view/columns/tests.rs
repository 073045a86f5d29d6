//! What the table of columns guarantees.

use std::cmp::Ordering;

use hashbrown::HashSet;

use super::*;
use crate::view::{example, fit, theme::Glyphs};

fn all() -> Vec<Column> {
    COLUMNS.iter().map(|spec| spec.column).collect()
}

fn names(width: u16) -> Vec<&'static str> {
    place(&all(), width)
        .iter()
        .map(|(column, _)| column.spec().name)
        .collect()
}

#[test]
fn every_column_is_there_once_and_has_its_own_name_and_place_in_the_order() {
    let of = |key: fn(&Spec) -> String| COLUMNS.iter().map(key).collect::<HashSet<_>>().len();
    assert_eq!(of(|spec| spec.name.to_owned()), COLUMNS.len());
    assert_eq!(of(|spec| format!("{:?}", spec.column)), COLUMNS.len());
    let dropped: Vec<u8> = COLUMNS
        .iter()
        .map(|spec| spec.drop)
        .filter(|drop| *drop > 0)
        .collect();
    assert_eq!(dropped.iter().collect::<HashSet<_>>().len(), dropped.len());
    for spec in &COLUMNS {
        for name in [spec.name, spec.title, &spec.title.to_lowercase()] {
            assert_eq!(Column::named(name), Some(spec.column), "{name}");
        }
        assert!(
            fit::width(spec.title) <= usize::from(spec.width),
            "{}",
            spec.title
        );
    }
}

#[test]
fn columns_go_in_a_fixed_order_when_there_is_less_room() {
    assert_eq!(
        names(60),
        ["peer", "verdict", "opens_per_s", "open_now", "close_wait_now"]
    );
    assert_eq!(
        names(240),
        all().iter().map(|column| column.spec().name).collect::<Vec<_>>()
    );
    for width in 1..250 {
        let (less, more) = (names(width), names(width + 1));
        assert!(less.iter().all(|name| more.contains(name)), "at {width}");
    }
}

#[test]
fn values_fit_their_columns() {
    let snapshot = example::snapshot();
    for row in &snapshot.rows {
        for spec in COLUMNS.iter().filter(|spec| spec.stretch == 0) {
            let text = spec.column.value(row).text(&Glyphs::UNICODE);
            assert!(
                fit::width(&text) <= usize::from(spec.width),
                "{text} in {}",
                spec.name
            );
        }
    }
}

#[test]
fn unknown_is_a_dash_and_less_than_all() {
    let mut known = example::snapshot().rows.remove(0);
    (known.idle_ns, known.received, known.opens_per_s) = (Some(0), Some(0), Some(0.0));
    let mut row = known.clone();
    (row.idle_ns, row.received, row.opens_per_s) = (None, None, None);
    for column in [Column::Idle, Column::Received, Column::Rate] {
        assert_eq!(column.value(&row).text(&Glyphs::ASCII), "-");
        assert_eq!(
            column.value(&row).compare(&column.value(&known)),
            Ordering::Less,
            "{column:?}"
        );
    }
}

#[test]
fn every_column_sorts_by_its_own_value() {
    let rows = example::snapshot().rows;
    for spec in &COLUMNS {
        let mut sorted: Vec<_> = rows.iter().map(spec.value).collect();
        sorted.sort_by(Value::compare);
        let mut back = sorted.clone();
        back.reverse();
        back.sort_by(Value::compare);
        let keys = |values: &[Value<'_>]| values.iter().map(Value::number).collect::<Vec<_>>();
        assert_eq!(keys(&sorted), keys(&back), "{}", spec.name);
        let words =
            |value: &Value<'_>| matches!(value, Value::Peer(..) | Value::Verdict(..) | Value::Words(_));
        assert!(
            spec.kind == Kind::Words || !sorted.iter().any(words),
            "{} is of the kind of its values",
            spec.name
        );
    }
}

/// For connections that were in CLOSE_WAIT before tracing, only a lower bound is known.
#[test]
fn an_age_from_before_the_tracer_is_marked() {
    let mut row = example::snapshot().rows.remove(0);
    (row.close_wait, row.oldest_ns) = (1, Some(8_000_000_000));
    for (is_bound, text) in [(true, ">8.0s"), (false, "8.0s")] {
        row.oldest_is_bound = is_bound;
        assert_eq!(Column::Oldest.value(&row).text(&Glyphs::ASCII), text);
    }
}

#[test]
fn most_closes_decide_who_closed() {
    let mut closes = Closes::default();
    assert_eq!(closed_by(&closes), None);
    closes.remote_fin = 3;
    closes.timeout = 1;
    assert_eq!(closed_by(&closes).unwrap(), "remote FIN 75%");
}

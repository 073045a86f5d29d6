//! What the table of columns promises.

use hashbrown::HashSet;

use super::*;
use crate::view::{example, fit};

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
        assert_eq!(Column::named(spec.name), Some(spec.column));
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
        names(200),
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
            let text = spec.column.text(row, &Glyphs::UNICODE);
            assert!(
                fit::width(&text) <= usize::from(spec.width),
                "{text} in {}",
                spec.name
            );
        }
    }
}

#[test]
fn unknown_is_a_dash_for_people_and_empty_for_programs() {
    let mut row = example::snapshot().rows.remove(0);
    (row.idle_ns, row.received, row.opens_per_s) = (None, None, None);
    for column in [Column::Idle, Column::Received, Column::Rate] {
        assert_eq!(column.text(&row, &Glyphs::ASCII), "-");
        assert_eq!(column.csv(&row), "");
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

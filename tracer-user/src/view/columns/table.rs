//! The columns in display order. Everything about a column, its value included, is in its entry.

use std::borrow::Cow;

use super::{Column, Kind, Spec, Value, closed_by};
use crate::{
    model::workload::Workload,
    view::{
        fit::visible,
        row::{Row, Trend},
    },
};

/// Common defaults of columns with words; a column overrides what differs.
const WORDS: Spec = Spec {
    column: Column::Peer,
    name: "",
    title: "",
    width: 0,
    stretch: 0,
    kind: Kind::Words,
    drop: 0,
    value: |_| Value::Words(None),
    help: "",
};

const NUMBER: Spec = Spec {
    kind: Kind::Number,
    ..WORDS
};

const TIME: Spec = Spec {
    kind: Kind::Time,
    ..WORDS
};

const BYTES: Spec = Spec {
    kind: Kind::Bytes,
    ..WORDS
};

/// The mark after a verdict.
fn mark(row: &Row) -> &'static str {
    match (row.more_verdicts, row.recovered) {
        (true, _) => "+",
        (false, true) => " (mended)",
        (false, false) => "",
    }
}

/// A name from outside.
fn shown(name: &str) -> Cow<'_, str> {
    Cow::Owned(visible(name))
}

/// All columns in display order.
pub static COLUMNS: [Spec; 23] = [
    Spec {
        column: Column::Peer,
        name: "peer",
        title: "PEER",
        width: 18,
        stretch: 21,
        value: |row| Value::Peer(row.id, row.peers),
        help: "remote address, or network when grouped",
        ..WORDS
    },
    Spec {
        column: Column::Name,
        name: "name",
        title: "NAME",
        width: 12,
        stretch: 12,
        drop: 4,
        value: |row| Value::Words(row.name.as_deref().map(Cow::Borrowed)),
        help: "your name for it (--name); not shown while nothing has one",
        ..WORDS
    },
    Spec {
        column: Column::Port,
        name: "port",
        title: "PORT",
        width: 6,
        drop: 5,
        value: |row| Value::Port(row.id),
        help: "the service's port; > before it when this host connects",
        ..WORDS
    },
    Spec {
        column: Column::Verdict,
        name: "verdict",
        title: "VERDICT",
        width: 20,
        value: |row| Value::Verdict(row.verdict, mark(row)),
        help: "what is going on; + if there is more than one cause",
        ..WORDS
    },
    Spec {
        column: Column::Confidence,
        name: "confidence",
        title: "CONF",
        width: 4,
        drop: 17,
        value: |row| Value::Share(row.confidence),
        help: "confidence in the verdict, 0 to 1",
        ..NUMBER
    },
    Spec {
        column: Column::Opens,
        name: "opens",
        title: "OPENS",
        width: 6,
        drop: 3,
        value: |row| Value::Count(Some(row.opens)),
        help: "connections opened while traced",
        ..NUMBER
    },
    Spec {
        column: Column::Rate,
        name: "opens_per_s",
        title: "OPEN/S",
        width: 6,
        drop: 2,
        value: |row| Value::PerSecond(row.opens_per_s),
        help: "connections opened per second, over the last few seconds",
        ..NUMBER
    },
    Spec {
        column: Column::Open,
        name: "open_now",
        title: "OPEN",
        width: 5,
        value: |row| Value::Count(Some(row.open_now)),
        help: "connections open now",
        ..NUMBER
    },
    Spec {
        column: Column::Trend,
        name: "trend",
        title: "TREND",
        width: Trend::POINTS,
        drop: 8,
        kind: Kind::Chart,
        value: |row| Value::Trend(row.trend),
        help: "connections open over the window; sorts by growth",
        ..WORDS
    },
    Spec {
        column: Column::Peak,
        name: "open_peak",
        title: "PEAK",
        width: 5,
        drop: 11,
        value: |row| Value::Count(row.open_peak),
        help: "most connections open at once",
        ..NUMBER
    },
    Spec {
        column: Column::Overlaps,
        name: "overlaps",
        title: "OVERLAP",
        width: 7,
        drop: 10,
        value: |row| Value::Count(Some(row.overlaps)),
        help: "opens while it already held as many as it needs",
        ..NUMBER
    },
    Spec {
        column: Column::Closes,
        name: "closes",
        title: "CLOSES",
        width: 6,
        drop: 12,
        value: |row| Value::Count(Some(row.closes.total())),
        help: "connections ended while traced",
        ..NUMBER
    },
    Spec {
        column: Column::ClosedBy,
        name: "closed_by",
        title: "CLOSED BY",
        width: 15,
        drop: 9,
        value: |row| Value::Words(closed_by(&row.closes).map(Cow::Owned)),
        help: "which side ended most of them, how, and their share",
        ..WORDS
    },
    Spec {
        column: Column::CloseWait,
        name: "close_wait_now",
        title: "CLWAIT",
        width: 6,
        drop: 1,
        value: |row| Value::Count(Some(row.close_wait)),
        help: "connections in CLOSE_WAIT now",
        ..NUMBER
    },
    Spec {
        column: Column::Oldest,
        name: "close_wait_oldest_ms",
        title: "OLDEST",
        width: 7,
        drop: 6,
        value: |row| match row.close_wait {
            0 => Value::Nothing,
            _ => Value::Age(row.oldest_ns, row.oldest_is_bound),
        },
        help: "how long the oldest has been in CLOSE_WAIT; >: at least",
        ..TIME
    },
    Spec {
        column: Column::Idle,
        name: "idle_before_close_ms",
        title: "IDLE",
        width: 7,
        drop: 13,
        value: |row| Value::Age(row.idle_ns, false),
        help: "idle time before close, median",
        ..TIME
    },
    Spec {
        column: Column::Turns,
        name: "turns_per_connection",
        title: "TURNS",
        width: 5,
        drop: 7,
        value: |row| Value::Turns(row.turns, row.turns_counted),
        help: "request turns per connection, median",
        ..NUMBER
    },
    Spec {
        column: Column::Received,
        name: "bytes_received",
        title: "RECV",
        width: 6,
        drop: 15,
        value: |row| Value::Bytes(row.received),
        help: "payload received",
        ..BYTES
    },
    Spec {
        column: Column::Sent,
        name: "bytes_sent",
        title: "SENT",
        width: 6,
        drop: 16,
        value: |row| Value::Bytes(row.sent),
        help: "payload sent",
        ..BYTES
    },
    Spec {
        column: Column::Last,
        name: "last",
        title: "LAST",
        width: 6,
        drop: 18,
        value: |row| Value::Age(Some(row.last_ns), false),
        help: "how long ago it was last active",
        ..TIME
    },
    Spec {
        column: Column::Owner,
        name: "owner",
        title: "OWNER",
        width: 14,
        stretch: 16,
        drop: 14,
        value: |row| Value::Words(Some(Cow::Borrowed(&row.owner))),
        help: "process of this host most involved with it",
        ..WORDS
    },
    Spec {
        column: Column::Unit,
        name: "unit",
        title: "UNIT",
        width: 14,
        stretch: 16,
        drop: 19,
        value: |row| Value::Words(row.workload().and_then(|of| of.unit.as_deref()).map(shown)),
        help: "its systemd service or scope",
        ..WORDS
    },
    Spec {
        column: Column::Container,
        name: "container",
        title: "CONTAINER",
        width: 12,
        drop: 20,
        value: |row| Value::Words(row.workload().and_then(Workload::short_container).map(shown)),
        help: "its container; a filter also finds the pod's UID",
        ..WORDS
    },
];

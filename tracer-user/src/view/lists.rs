//! The columns of the lists beside the peers: titles, widths and sort keys.

use std::{cmp::Reverse, net::IpAddr, sync::LazyLock};

use super::{
    fit::Align,
    layout::Need,
    snapshot::{Event, Socket},
};
use crate::{
    diagnosis::{Cause, ListenerNow},
    model::{
        backlog::{Backlog, PLACED},
        figure::{Shown, Table},
        protocol::Protocol,
        sample::Moment,
    },
};

/// What a value sorts by; unknown sorts first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A number.
    Number(Option<i128>),
    /// An address with its port; IPv4 before IPv6.
    End(IpAddr, u16),
    /// Words.
    Text(String),
}

/// A column of a list of `T`.
#[derive(Debug)]
pub struct ListColumn<T: 'static> {
    /// Its title on the screen.
    pub title: &'static str,
    /// How its values are aligned.
    pub align: Align,
    /// The room it needs.
    pub need: Need,
    /// Its sort key.
    pub key: SortsBy<T>,
}

/// The sort key of a column.
#[derive(Debug)]
pub enum SortsBy<T: 'static> {
    /// A property of an item at a moment.
    Item(fn(&T, Moment) -> Key),
    /// A figure of a listener.
    Figure(fn(&T) -> &Backlog, &'static Shown<Backlog>),
}

impl<T> SortsBy<T> {
    /// The sort key of an item.
    pub fn of(&self, item: &T, now: Moment) -> Key {
        match self {
            Self::Item(key) => key(item, now),
            Self::Figure(backlog, shown) => maybe((shown.get)(backlog(item))),
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSort {
    /// The index of the column to sort by; `None` keeps the list's own order.
    pub column: Option<usize>,
    /// Whether the order is reversed.
    pub reversed: bool,
}

/// A column of words, which may use more room.
const fn words<T>(
    title: &'static str,
    (width, stretch, drop): (u16, u16, u8),
    key: fn(&T, Moment) -> Key,
) -> ListColumn<T> {
    ListColumn {
        title,
        align: Align::Left,
        need: Need { width, stretch, drop },
        key: SortsBy::Item(key),
    }
}

/// A column of numbers, the greatest first.
const fn number<T>(title: &'static str, width: u16, drop: u8, key: fn(&T, Moment) -> Key) -> ListColumn<T> {
    ListColumn {
        title,
        align: Align::Right,
        need: Need {
            width,
            stretch: 0,
            drop,
        },
        key: SortsBy::Item(key),
    }
}

impl<T> ListColumn<T> {
    /// Whether sorting by it starts with the greatest value.
    pub fn greatest_first(&self) -> bool {
        self.align == Align::Right
    }
}

fn n(value: impl Into<i128>) -> Key {
    Key::Number(Some(value.into()))
}

fn maybe(value: Option<u64>) -> Key {
    Key::Number(value.map(i128::from))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "thousandths of what is shown, to sort by"
)]
fn thousandths(value: Option<f64>) -> Key {
    Key::Number(value.map(|value| (value * 1000.0) as i128))
}

fn text(text: impl Into<String>) -> Key {
    Key::Text(text.into())
}

/// Of the causes.
pub static CAUSES: [ListColumn<Cause>; 7] = [
    words("CAUSE", (20, 0, 0), |cause, _| text(cause.verdict.id())),
    number("PEERS", 6, 0, |cause, _| n(cause.peers)),
    number("HELD", 6, 0, |cause, _| n(cause.held)),
    number("HELD%", 6, 0, |cause, _| thousandths(Some(cause.share_of_held))),
    number("OPENS", 6, 3, |cause, _| n(cause.opens)),
    number("OPENS%", 6, 2, |cause, _| thousandths(Some(cause.share_of_opens))),
    words("CHANGE", (10, 400, 1), |cause, _| text(cause.fix.clone())),
];

/// Of the listeners.
pub static LISTENERS: LazyLock<Vec<ListColumn<ListenerNow>>> = LazyLock::new(|| {
    let mut columns = Vec::from(PLACED_OF_LISTENERS);
    columns.extend(Backlog::shown().skip(PLACED).map(|shown| ListColumn {
        title: shown.label,
        align: Align::Right,
        need: Need {
            width: 6,
            stretch: 0,
            // Dropped before all others.
            drop: 7,
        },
        key: SortsBy::Figure(|now: &ListenerNow| &now.backlog, shown),
    }));
    columns
});

/// The columns with a fixed position.
const PLACED_OF_LISTENERS: [ListColumn<ListenerNow>; 10] = [
    number("PORT", 5, 0, |now, _| n(now.port)),
    number("HELD", 6, 0, |now, _| n(now.held)),
    number("CLWAIT", 6, 0, |now, _| n(now.close_wait)),
    number("NOTACC", 6, 1, |now, _| n(now.never_accepted)),
    words("QUEUE", (10, 0, 0), |now, _| n(now.backlog.accept_queue)),
    number("PEAK", 5, 4, |now, _| n(now.accept_queue_peak)),
    number("GROWTH/S", 8, 3, |now, _| thousandths(now.per_second)),
    words("WORKERS", (11, 0, 2), |now, _| {
        maybe(now.busy_workers.map(u64::from))
    }),
    words("NONE LEFT IN", (12, 0, 5), |now, _| {
        thousandths(now.exhausted_in_s)
    }),
    words("OWNER", (14, 40, 6), |now, _| {
        text(now.owner.process().map_or("", |owner| owner.comm.as_str()))
    }),
];

/// Of the live connections.
pub static CONNECTIONS: [ListColumn<Socket>; 12] = [
    words("STATE", (11, 0, 0), |socket, _| {
        text(socket.connection.state.name())
    }),
    number("FOR", 7, 0, |socket, now| maybe(socket.close_wait_ns(now))),
    number("AGE", 8, 0, |socket, now| {
        maybe(socket.age(now).map(|(ns, _)| ns))
    }),
    words("REMOTE", (21, 26, 0), |socket, _| end(socket.connection.remote)),
    words("LOCAL", (20, 26, 5), |socket, _| end(socket.connection.local)),
    number("REQS", 5, 4, |socket, _| n(socket.connection.turns)),
    words("PROTOCOL", (10, 0, 9), |socket, _| {
        text(socket.connection.protocol.map_or("", Protocol::name))
    }),
    number("IDLE", 7, 2, |socket, _| n(socket.connection.idle_ns)),
    number("RECV", 6, 7, |socket, _| n(socket.connection.bytes_received)),
    number("SENT", 6, 8, |socket, _| n(socket.connection.bytes_sent)),
    words("VERDICT", (19, 0, 3), |socket, _| {
        text(socket.peer.map_or("", |(_, verdict)| verdict.id()))
    }),
    words("OWNER", (14, 16, 6), |socket, _| {
        text(socket.owner.as_ref().map_or("", |owner| owner.comm.as_str()))
    }),
];

/// Of the log.
pub static LOG: [ListColumn<Event>; 2] = [
    words("TIME", (12, 0, 0), |event, _| Key::Number(Some(event.at.utc_ns))),
    words("WHAT", (20, 400, 0), |event, _| text(event.text.as_str())),
];

/// Addresses in numerical order, IPv4 first, then by port.
fn end((address, port): (IpAddr, u16)) -> Key {
    Key::End(address, port)
}

/// The indexes of a list's items in this order. Equal items keep their order.
pub fn order<'a, T: 'static>(
    items: impl Iterator<Item = (usize, &'a T)>,
    columns: &[ListColumn<T>],
    sort: ListSort,
    now: Moment,
) -> Vec<usize> {
    let mut items: Vec<(usize, &T)> = items.collect();
    if let Some(column) = sort.column.and_then(|number| columns.get(number)) {
        if column.greatest_first() {
            items.sort_by_cached_key(|(_, item)| Reverse(column.key.of(item, now)));
        } else {
            items.sort_by_cached_key(|(_, item)| column.key.of(item, now));
        }
    }
    let mut places: Vec<usize> = items.into_iter().map(|(place, _)| place).collect();
    if sort.reversed {
        places.reverse();
    }
    places
}

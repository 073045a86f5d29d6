//! The filter typed on the screen.
//!
//! `a b` admits what both words match, `a or b` (or a lone `|`) what either matches. A word is an address, a
//! network, or part of a name (the user's or a looked-up one), verdict, state or process. A field in front
//! restricts it: `verdict:piling` for a part, `verdict=piling-up` for the whole, and `open>10`, `idle<=5s` or
//! `recv>=1M` for numbers. `piling|early` matches either part, and `!` before a word negates it.
//!
//! Fields are the columns of the peers, by name or title, and the state of connections. A connection is
//! compared by its own figure if it has one, else by its peer's, so a filter means the same in both lists.

mod parse;

use std::borrow::Cow;

use ipnet::IpNet;

use super::{
    columns::{Column, Value},
    row::{Row, States},
    snapshot::Socket,
    theme::Glyphs,
};
use crate::model::{
    peer::{Direction, PeerId},
    workload::Workload,
};

/// What a word is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// Name, verdict, state or process.
    Any,
    /// A column of the peers.
    Column(Column),
    /// States of live connections.
    State,
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Than {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// One thing to match.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// A whole address or network.
    Network(IpNet),
    /// A part of the words, as normalised by [`parse::plain`].
    Part(Field, String),
    /// The whole of the words.
    Whole(Field, String),
    /// A number (durations in ns), and how it was written.
    Number(Column, Than, f64, String),
}

/// One word, with alternatives of which any may match.
#[derive(Clone, Debug, PartialEq)]
struct Word {
    tests: Vec<Test>,
    negated: bool,
}

/// A filter; the empty one admits everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// At least one of these must match in all of its words.
    alternatives: Vec<Vec<Word>>,
}

/// What a filter is applied to.
struct Subject<'a> {
    id: Option<PeerId>,
    address: IpNet,
    host: Option<&'a str>,
    states: States,
    row: Option<&'a Row>,
    socket: Option<&'a Socket>,
}

impl Filter {
    /// Whether it admits everything.
    pub fn is_empty(&self) -> bool {
        self.alternatives.is_empty()
    }

    /// Whether it has no alternatives, so that further words narrow it.
    pub fn is_one(&self) -> bool {
        self.alternatives.len() == 1
    }

    /// Whether it admits a peer. `host` is the peer's name, if known.
    pub fn admits(&self, row: &Row, host: Option<&str>) -> bool {
        self.is_empty()
            || self.passes(&Subject {
                id: Some(row.id),
                address: row.id.network,
                host,
                states: row.states,
                row: Some(row),
                socket: None,
            })
    }

    /// Whether it admits a live connection. `row` is its peer's.
    pub fn admits_socket(&self, socket: &Socket, row: Option<&Row>, host: Option<&str>) -> bool {
        if self.is_empty() {
            return true;
        }
        let mut states = States::default();
        states.add(&socket.connection);
        self.passes(&Subject {
            id: socket.peer.map(|(id, _)| id),
            address: socket.connection.remote.0.into(),
            host,
            states,
            row,
            socket: Some(socket),
        })
    }

    fn passes(&self, subject: &Subject<'_>) -> bool {
        let all = |words: &Vec<Word>| words.iter().all(|word| word.matches(subject));
        self.alternatives.iter().any(all)
    }
}

impl Word {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        self.tests.iter().any(|test| test.holds(subject)) != self.negated
    }
}

impl Test {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Network(network) => {
                let overlaps = |id: PeerId| network.contains(&id.network) || id.network.contains(network);
                network.contains(&subject.address) || subject.id.is_some_and(overlaps)
            }
            Self::Part(field, part) => subject.words(*field, &|words| words.contains(part.as_str())),
            Self::Whole(field, whole) => subject.words(*field, &|words| words == whole),
            Self::Number(column, than, wanted, written) => {
                let Some(value) = subject.value(*column) else {
                    return false;
                };
                let Some(number) = value.number() else {
                    return false;
                };
                match than {
                    Than::Less => number < *wanted,
                    Than::AtMost => number <= *wanted,
                    // Also compares the text, since values are shown rounded.
                    Than::Equal => number == *wanted || value.text(&Glyphs::ASCII) == *written,
                    Than::AtLeast => number >= *wanted,
                    Than::More => number > *wanted,
                }
            }
        }
    }
}

impl Subject<'_> {
    /// Whether any words of a field satisfy `wanted`.
    fn words(&self, field: Field, wanted: &dyn Fn(&str) -> bool) -> bool {
        let is = |words: &str| wanted(&parse::plain(words));
        match field {
            Field::Any => [Column::Peer, Column::Name, Column::Verdict, Column::Owner]
                .map(Field::Column)
                .into_iter()
                .chain([Field::State])
                .any(|field| self.words(field, wanted)),
            Field::State => self.states.names().any(is),
            Field::Column(Column::Peer) => {
                let name = match (self.socket, self.id) {
                    (None, Some(id)) => id.name(),
                    _ => self.address.addr().to_string(),
                };
                is(&name) || self.host.is_some_and(is)
            }
            // A connection's peer may no longer be listed.
            Field::Column(Column::Name) => {
                let row = self.row.and_then(|row| row.name.as_deref());
                row.is_some_and(is) || self.host.is_some_and(is)
            }
            // Whole identifiers, of which the column shows the beginning.
            Field::Column(Column::Container) => self
                .workload()
                .is_some_and(|of| [&of.container, &of.pod].into_iter().flatten().any(|id| is(id))),
            Field::Column(column) => match self.value(column) {
                Some(Value::Verdict(verdict, _)) => is(verdict.id()),
                Some(value) => is(&value.text(&Glyphs::ASCII)),
                None => false,
            },
        }
    }

    /// A figure: the connection's own if it has one, else its peer's.
    fn value(&self, column: Column) -> Option<Value<'_>> {
        let Some(socket) = self.socket else {
            return self.row.map(|row| column.value(row));
        };
        let connection = &socket.connection;
        Some(match column {
            // The service's port, whichever side that is on.
            Column::Port => match (self.id, connection.direction) {
                (Some(id), _) => Value::Port(id),
                (None, Direction::Inbound) => Value::Count(Some(connection.local.1.into())),
                (None, Direction::Outbound) => Value::Count(Some(connection.remote.1.into())),
            },
            Column::Idle => Value::Age(Some(connection.idle_ns), false),
            Column::Turns => Value::Count(Some(connection.turns.into())),
            Column::Received => Value::Bytes(Some(connection.bytes_received)),
            Column::Sent => Value::Bytes(Some(connection.bytes_sent)),
            Column::Verdict => Value::Verdict(socket.peer?.1, ""),
            Column::Owner => Value::Words(Some(Cow::Borrowed(&socket.owner.as_ref()?.comm))),
            Column::Unit => Value::Words(self.workload()?.unit.as_deref().map(Cow::Borrowed)),
            column => column.value(self.row?),
        })
    }

    /// What the process belongs to: the connection's own, else its peer's.
    fn workload(&self) -> Option<&Workload> {
        match self.socket {
            Some(socket) => socket.owner.as_ref()?.workload.as_deref(),
            None => self.row?.workload(),
        }
    }
}

#[cfg(test)]
mod tests;

//! Declares the columns of a row in one list, from which the struct, the header, writing and reading are
//! derived.

mod several;

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use crate::{
    evidence::cells::{Cell, CellType, Fields},
    model::{
        ended::LastState,
        interface::Interface,
        peer::{CloseReason, Closer, Direction},
        protocol::Protocol,
        socket::State,
    },
};

pub(super) use self::several::{ByReason, Id, Local, Network, Owner, Remote, Shown};

pub(super) type Put<'a> = &'a mut dyn FnMut(Cell<'_>);
pub(super) type Read<T> = Result<T, String>;

/// How values of a type are represented in one or several columns.
pub(super) trait Column<T> {
    /// The names, if they are not just that of the field.
    const NAMES: Option<&'static [&'static str]> = None;

    /// What their cells are.
    const TYPES: &'static [CellType];

    fn put(value: &T, put: Put<'_>);

    fn read(fields: &mut Fields<'_>) -> Read<T>;
}

/// Declares a row: its struct, and how it is written and read. Older recordings may lack the fields after
/// `added`.
macro_rules! row {
    (
        $(#[$about:meta])*
        $row:ident of $kind:expr;
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty as $column:ident,)+
        $(added: $($(#[doc = $added_doc:literal])+ $added:ident: $added_type:ty as $added_column:ident,)+)?
        $(then $complete:expr)?
    ) => {
        $(#[$about])*
        pub struct $row {
            $($(#[doc = $doc])+ pub $field: $type,)+
            $($($(#[doc = $added_doc])+ pub $added: $added_type,)+)?
        }

        impl $crate::evidence::rows::Row for $row {
            const KIND: $crate::evidence::rows::Kind = $kind;

            const COLUMNS: &'static [&'static str] = {
                const NAMES: &[&[&str]] = &[
                    $($crate::evidence::rows::columns::names::<$type, $column>(&[stringify!($field)]),)+
                    $($($crate::evidence::rows::columns::names::<$added_type, $added_column>(
                        &[stringify!($added)],
                    ),)+)?
                ];
                &$crate::evidence::rows::columns::joined::<
                    _,
                    { $crate::evidence::rows::columns::count(NAMES) },
                >(NAMES, "")
            };

            const TYPES: &'static [$crate::evidence::cells::CellType] = {
                const TYPES: &[&[$crate::evidence::cells::CellType]] = &[
                    $(<$column as $crate::evidence::rows::columns::Column<$type>>::TYPES,)+
                    $($(<$added_column as $crate::evidence::rows::columns::Column<$added_type>>::TYPES,)+)?
                ];
                const FIRST: $crate::evidence::cells::CellType = $crate::evidence::cells::CellType::Text;
                &$crate::evidence::rows::columns::joined::<
                    _,
                    { $crate::evidence::rows::columns::count(TYPES) },
                >(TYPES, FIRST)
            };

            const ADDED: usize = $crate::evidence::rows::columns::count::<&str>(&[
                $($($crate::evidence::rows::columns::names::<$added_type, $added_column>(
                    &[stringify!($added)],
                ),)+)?
            ]);

            #[cfg(test)]
            const ABOUT: &'static [(&'static [&'static str], &'static [&'static str])] = &[
                $((
                    $crate::evidence::rows::columns::names::<$type, $column>(&[stringify!($field)]),
                    &[$($doc),+],
                ),)+
                $($((
                    $crate::evidence::rows::columns::names::<$added_type, $added_column>(
                        &[stringify!($added)],
                    ),
                    &[$($added_doc),+],
                ),)+)?
            ];

            fn cells(&self, put: &mut dyn FnMut($crate::evidence::cells::Cell<'_>)) {
                use $crate::evidence::rows::columns::Column;
                $($column::put(&self.$field, put);)+
                $($($added_column::put(&self.$added, put);)+)?
            }

            fn read(fields: &mut $crate::evidence::cells::Fields<'_>) -> Result<Self, String> {
                use $crate::evidence::rows::columns::Column;
                let row = Self {
                    $($field: $column::read(fields)?,)+
                    $($($added: if fields.is_more() {
                        $added_column::read(fields)?
                    } else {
                        Default::default()
                    },)+)?
                };
                $(let row = $complete(row);)?
                Ok(row)
            }
        }
    };
}
pub(super) use row;

/// The names of a field's columns.
pub(super) const fn names<T, C: Column<T>>(field: &'static [&'static str]) -> &'static [&'static str] {
    match C::NAMES {
        Some(names) => names,
        None => field,
    }
}

/// Number of columns.
pub(super) const fn count<T>(mut names: &[&[T]]) -> usize {
    let mut n = 0;
    while let [first, rest @ ..] = names {
        n += first.len();
        names = rest;
    }
    n
}

/// The names or types of all columns, concatenated; `any` is one of them.
pub(super) const fn joined<T: Copy, const N: usize>(mut names: &[&[T]], any: T) -> [T; N] {
    let mut all = [any; N];
    let mut left: &mut [T] = &mut all;
    while let [first, rest @ ..] = names {
        let (here, after) = left.split_at_mut(first.len());
        here.copy_from_slice(first);
        (left, names) = (after, rest);
    }
    all
}

/// A column of one cell, which may be empty for an unknown value.
macro_rules! maybe {
    ($column:ident, $type:ty, $kind:ident, $cell:expr, $read:ident) => {
        impl Column<Option<$type>> for $column {
            const TYPES: &'static [CellType] = &[CellType::$kind];

            fn put(value: &Option<$type>, put: Put<'_>) {
                put(value.as_ref().map_or(Cell::Unknown, $cell));
            }

            fn read(fields: &mut Fields<'_>) -> Read<Option<$type>> {
                fields.$read()
            }
        }
    };
}

/// The same, where an empty cell is an error or stands for a value.
macro_rules! always {
    ($column:ident, $type:ty, needed) => {
        always!($column, $type, |fields: &Fields<'_>, read| fields
            .needed(read));
    };
    ($column:ident, $type:ty, or $empty:expr) => {
        always!($column, $type, |_: &Fields<'_>, read: Option<$type>| Ok(
            read.unwrap_or($empty)
        ));
    };
    ($column:ident, $type:ty, $known:expr) => {
        impl Column<$type> for $column {
            const TYPES: &'static [CellType] = <Self as Column<Option<$type>>>::TYPES;

            fn put(value: &$type, put: Put<'_>) {
                Self::put(&Some(*value), put);
            }

            fn read(fields: &mut Fields<'_>) -> Read<$type> {
                let read: Option<$type> = Self::read(fields)?;
                $known(fields, read)
            }
        }
    };
}

/// A moment, UTC, ns.
pub(super) struct Time;
maybe!(Time, i128, Time, |ns| Cell::Time(*ns), time);
always!(Time, i128, needed);

/// A count. An empty cell that should not be empty counts as 0.
pub(super) struct Count;
maybe!(Count, u64, Number, |n| Cell::Number(*n), count);
always!(Count, u64, or 0);

/// Bytes.
pub(super) struct Bytes;
maybe!(Bytes, u64, Number, |n| Cell::Number(*n), bytes);

/// A time in milliseconds.
pub(super) struct Ms;
maybe!(Ms, u64, Number, |n| Cell::Number(*n), ms);

/// A number that is not a count.
pub(super) struct Number;
maybe!(Number, u16, Number, |n| Cell::Number(u64::from(*n)), number);
maybe!(Number, u32, Number, |n| Cell::Number(u64::from(*n)), number);
maybe!(
    Number,
    Interface,
    Number,
    |interface| Cell::Number(u64::from(interface.index())),
    number
);
always!(Number, u16, needed);
always!(Number, u32, or 0);

/// `true` or `false`.
pub(super) struct Flag;
maybe!(Flag, bool, Flag, |flag| Cell::Flag(*flag), flag);
always!(Flag, bool, or false);

/// An address.
pub(super) struct Address;
maybe!(
    Address,
    IpAddr,
    Address,
    |address| Cell::Address(*address),
    address
);
always!(Address, IpAddr, needed);

/// A fraction of 1, in thousandths.
pub(super) struct Share;
maybe!(Share, u16, Share, |share| Cell::Share(*share), share);

/// Text from outside.
pub(super) struct Outside;

impl Column<Option<String>> for Outside {
    const TYPES: &'static [CellType] = &[CellType::Text];

    fn put(value: &Option<String>, put: Put<'_>) {
        put(value.as_deref().map_or(Cell::Unknown, Cell::Outside));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Option<String>> {
        Ok(fields.outside()?.filter(|text| !text.is_empty()).map(Into::into))
    }
}

impl Column<Option<Arc<str>>> for Outside {
    const TYPES: &'static [CellType] = &[CellType::Text];

    fn put(value: &Option<Arc<str>>, put: Put<'_>) {
        put(value.as_deref().map_or(Cell::Unknown, Cell::Outside));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Option<Arc<str>>> {
        Ok(fields.outside()?.filter(|text| !text.is_empty()).map(Into::into))
    }
}

impl Column<Cow<'static, str>> for Outside {
    const TYPES: &'static [CellType] = &[CellType::Text];

    fn put(value: &Cow<'static, str>, put: Put<'_>) {
        put(Cell::Outside(value));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Cow<'static, str>> {
        Ok(fields.outside()?.unwrap_or_default().into_owned().into())
    }
}

/// One of a few words.
pub(super) struct Word;

/// Values and their words.
trait Words: Copy + PartialEq + 'static {
    const WORDS: &'static [(Self, &'static str)];

    fn word(self) -> Cell<'static> {
        word_of(self)
    }

    fn of_word(text: &str) -> Option<Self> {
        of_word(text)
    }
}

fn word_of<T: Words>(value: T) -> Cell<'static> {
    let found = T::WORDS.iter().find(|(known, _)| *known == value);
    found.map_or(Cell::Unknown, |(_, word)| Cell::Word(word))
}

fn of_word<T: Words>(text: &str) -> Option<T> {
    let found = T::WORDS.iter().find(|(_, word)| *word == text);
    found.map(|(value, _)| *value)
}

impl<T: Words> Column<Option<T>> for Word {
    const TYPES: &'static [CellType] = &[CellType::Text];

    fn put(value: &Option<T>, put: Put<'_>) {
        put(value.map_or(Cell::Unknown, T::word));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Option<T>> {
        fields.word(T::of_word)
    }
}

always!(Word, Direction, needed);
always!(Word, Closer, or Closer::None);
always!(Word, LastState, or LastState::Unknown);

impl Words for Direction {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Inbound, "inbound"), (Self::Outbound, "outbound")];
}

impl Words for Closer {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Local, "local"),
        (Self::Remote, "remote"),
        (Self::Network, "network"),
        (Self::None, "none"),
    ];
}

impl Words for Protocol {
    /// Each has a name already.
    const WORDS: &'static [(Self, &'static str)] = &[];

    fn word(self) -> Cell<'static> {
        Cell::Word(self.name())
    }

    fn of_word(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

impl Words for LastState {
    /// States that [`State`] does not contain.
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::SynSent, "SYN_SENT"), (Self::SynRecv, "SYN_RECV")];

    fn word(self) -> Cell<'static> {
        match self {
            Self::Open(state) => Cell::Word(state.name()),
            other => word_of(other),
        }
    }

    fn of_word(text: &str) -> Option<Self> {
        let state = State::ALL.into_iter().find(|state| state.name() == text);
        state.map(Self::Open).or_else(|| of_word(text))
    }
}

/// The reason a connection ended; `open` if it has not.
pub(super) struct Reason;

/// Including the word for an open connection.
const REASONS: [(Option<CloseReason>, &str); 7] = [
    (Some(CloseReason::LocalFin), "local_fin"),
    (Some(CloseReason::RemoteFin), "remote_fin"),
    (Some(CloseReason::LocalRst), "local_rst"),
    (Some(CloseReason::RemoteRst), "remote_rst"),
    (Some(CloseReason::Timeout), "timeout"),
    (Some(CloseReason::ConnectFailed), "connect_failed"),
    (None, "open"),
];

impl Column<Option<CloseReason>> for Reason {
    const TYPES: &'static [CellType] = &[CellType::Text];

    fn put(value: &Option<CloseReason>, put: Put<'_>) {
        let found = REASONS.iter().find(|(reason, _)| reason == value);
        put(found.map_or(Cell::Unknown, |(_, word)| Cell::Word(word)));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Option<CloseReason>> {
        let read = fields.word(|text| {
            let found = REASONS.iter().find(|(_, word)| *word == text);
            found.map(|(reason, _)| *reason)
        })?;
        fields.needed(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_word_of_its_own() {
        for (reason, word) in REASONS {
            let record = csv::ByteRecord::from(vec![word]);
            let read = Reason::read(&mut Fields::new(&record, &["close_reason"]));
            assert_eq!(read, Ok(reason));
        }
        for state in State::ALL {
            assert_eq!(LastState::of_word(state.name()), Some(LastState::Open(state)));
        }
    }
}

//! How the columns of a row are declared: one list, from which the struct, the header, writing and reading follow.

use std::{borrow::Cow, net::IpAddr};

use ipnet::IpNet;

use crate::{
    evidence::cells::{Cell, Fields},
    model::{
        ended::LastState,
        owner::Process,
        peer::{CloseReason, Closer, Closes, Direction, PeerId},
        socket::State,
    },
};

pub(super) type Put<'a> = &'a mut dyn FnMut(Cell<'_>);
pub(super) type Read<T> = Result<T, String>;

/// How values of a type stand in a column, or in several.
pub(super) trait Column<T> {
    /// The names, where they are not that of the field alone.
    const NAMES: Option<&'static [&'static str]> = None;

    fn put(value: &T, put: Put<'_>);

    fn read(fields: &mut Fields<'_>) -> Read<T>;
}

/// Declares a row: its struct, and how it is written and read. The fields after `added` may be missing in older
/// recordings.
macro_rules! row {
    (
        $(#[$about:meta])*
        $row:ident of $kind:expr;
        $($(#[$doc:meta])+ $field:ident: $type:ty as $column:ident,)+
        $(added: $($(#[$added_doc:meta])+ $added:ident: $added_type:ty as $added_column:ident,)+)?
        $(then $complete:expr)?
    ) => {
        $(#[$about])*
        pub struct $row {
            $($(#[$doc])+ pub $field: $type,)+
            $($($(#[$added_doc])+ pub $added: $added_type,)+)?
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
                &$crate::evidence::rows::columns::joined::<{ $crate::evidence::rows::columns::count(NAMES) }>(NAMES)
            };

            const ADDED: usize = $crate::evidence::rows::columns::count(&[
                $($($crate::evidence::rows::columns::names::<$added_type, $added_column>(
                    &[stringify!($added)],
                ),)+)?
            ]);

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

/// How many names there are.
pub(super) const fn count(mut names: &[&[&str]]) -> usize {
    let mut n = 0;
    while let [first, rest @ ..] = names {
        n += first.len();
        names = rest;
    }
    n
}

/// All names one after the other.
pub(super) const fn joined<const N: usize>(mut names: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let mut left: &mut [&str] = &mut all;
    while let [first, rest @ ..] = names {
        let (here, after) = left.split_at_mut(first.len());
        here.copy_from_slice(first);
        (left, names) = (after, rest);
    }
    all
}

/// A column of one cell, which may be empty: an unknown value.
macro_rules! maybe {
    ($column:ident, $type:ty, $cell:expr, $read:ident) => {
        impl Column<Option<$type>> for $column {
            fn put(value: &Option<$type>, put: Put<'_>) {
                put(value.as_ref().map_or(Cell::Unknown, $cell));
            }

            fn read(fields: &mut Fields<'_>) -> Read<Option<$type>> {
                fields.$read()
            }
        }
    };
}

/// The same where an empty cell is an error, or stands for a value.
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
maybe!(Time, i128, |ns| Cell::Time(*ns), time);
always!(Time, i128, needed);

/// A count; 0 where a cell that is always there is empty.
pub(super) struct Count;
maybe!(Count, u64, |n| Cell::Number(*n), count);
always!(Count, u64, or 0);

/// Bytes.
pub(super) struct Bytes;
maybe!(Bytes, u64, |n| Cell::Number(*n), bytes);

/// A time in milliseconds.
pub(super) struct Ms;
maybe!(Ms, u64, |n| Cell::Number(*n), ms);

/// A number that is no count.
pub(super) struct Number;
maybe!(Number, u16, |n| Cell::Number(u64::from(*n)), number);
maybe!(Number, u32, |n| Cell::Number(u64::from(*n)), number);
always!(Number, u16, needed);
always!(Number, u32, or 0);

/// `true` or `false`.
pub(super) struct Flag;
maybe!(Flag, bool, |flag| Cell::Flag(*flag), flag);
always!(Flag, bool, or false);

/// An address.
pub(super) struct Address;
maybe!(Address, IpAddr, |address| Cell::Address(*address), address);
always!(Address, IpAddr, needed);

/// A number from 0 to 1, in thousandths.
pub(super) struct Share;
maybe!(Share, u16, |share| Cell::Share(*share), share);

/// Text from outside.
pub(super) struct Outside;

impl Column<Option<String>> for Outside {
    fn put(value: &Option<String>, put: Put<'_>) {
        put(value.as_deref().map_or(Cell::Unknown, Cell::Outside));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Option<String>> {
        Ok(fields.outside()?.filter(|text| !text.is_empty()).map(Into::into))
    }
}

impl Column<Cow<'static, str>> for Outside {
    fn put(value: &Cow<'static, str>, put: Put<'_>) {
        put(Cell::Outside(value));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Cow<'static, str>> {
        Ok(fields.outside()?.unwrap_or_default().into_owned().into())
    }
}

/// One of a few words.
pub(super) struct Word;

/// Values and the words for them.
trait Words: Copy + PartialEq + 'static {
    const WORDS: &'static [(Self, &'static str)];

    fn word(self) -> Cell<'static> {
        let found = Self::WORDS.iter().find(|(value, _)| *value == self);
        found.map_or(Cell::Unknown, |(_, word)| Cell::Word(word))
    }

    fn of_word(text: &str) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(_, word)| *word == text);
        found.map(|(value, _)| *value)
    }
}

impl<T: Words> Column<Option<T>> for Word {
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

impl Words for LastState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::SynSent, "SYN_SENT"),
        (Self::SynRecv, "SYN_RECV"),
        (Self::Open(State::Established), State::Established.name()),
        (Self::Open(State::FinWait1), State::FinWait1.name()),
        (Self::Open(State::FinWait2), State::FinWait2.name()),
        (Self::Open(State::CloseWait), State::CloseWait.name()),
        (Self::Open(State::LastAck), State::LastAck.name()),
        (Self::Open(State::Closing), State::Closing.name()),
    ];
}

/// What ended a connection; `open` for none.
pub(super) struct Reason;

/// With the word for a connection that is open.
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

/// One end of a connection.
macro_rules! end {
    ($(#[$doc:meta])* $column:ident: $names:expr) => {
        $(#[$doc])*
        pub(super) struct $column;

        impl Column<(IpAddr, u16)> for $column {
            const NAMES: Option<&'static [&'static str]> = Some(&$names);

            fn put((address, port): &(IpAddr, u16), put: Put<'_>) {
                Address::put(address, put);
                Number::put(port, put);
            }

            fn read(fields: &mut Fields<'_>) -> Read<(IpAddr, u16)> {
                Ok((Address::read(fields)?, Number::read(fields)?))
            }
        }
    };
}

end! {
    /// The local end.
    Local: ["local_addr", "local_port"]
}
end! {
    /// The remote end.
    Remote: ["remote_addr", "remote_port"]
}

/// Ended connections, a column for each reason.
pub(super) struct ByReason;

impl Column<Closes> for ByReason {
    const NAMES: Option<&'static [&'static str]> = Some(&[
        "closes_local_fin",
        "closes_remote_fin",
        "closes_local_rst",
        "closes_remote_rst",
        "closes_timeout",
    ]);

    fn put(closes: &Closes, put: Put<'_>) {
        for n in closes.each() {
            Count::put(&n, put);
        }
    }

    fn read(fields: &mut Fields<'_>) -> Read<Closes> {
        Ok(Closes {
            local_fin: Count::read(fields)?,
            remote_fin: Count::read(fields)?,
            local_rst: Count::read(fields)?,
            remote_rst: Count::read(fields)?,
            timeout: Count::read(fields)?,
        })
    }
}

/// A process.
pub(super) struct Owner;

impl Column<Option<Process>> for Owner {
    const NAMES: Option<&'static [&'static str]> = Some(&["owner_pid", "owner_comm"]);

    fn put(owner: &Option<Process>, put: Put<'_>) {
        Number::put(&owner.as_ref().map(|owner| owner.pid), put);
        put(owner
            .as_ref()
            .map_or(Cell::Unknown, |owner| Cell::Outside(&owner.comm)));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Option<Process>> {
        let pid: Option<u32> = Number::read(fields)?;
        let comm = fields.outside()?.unwrap_or_default().into_owned();
        Ok(pid.map(|pid| Process { pid, comm }))
    }
}

/// An address or a network.
pub(super) struct Network;

impl Column<Option<IpNet>> for Network {
    fn put(network: &Option<IpNet>, put: Put<'_>) {
        match network {
            Some(network) => put(Cell::Plain(&network_name(network))),
            None => put(Cell::Unknown),
        }
    }

    fn read(fields: &mut Fields<'_>) -> Read<Option<IpNet>> {
        fields.word(|text| read_name(text).map(|(network, _)| network))
    }
}

/// What identifies a peer, but for the process. `local_port` of an outbound one is empty, since it is another one each
/// time; the service's port then stands behind the address in `peer`.
pub(super) struct Id;

impl Column<PeerId> for Id {
    const NAMES: Option<&'static [&'static str]> = Some(&["direction", "netns", "local_port", "peer"]);

    fn put(id: &PeerId, put: Put<'_>) {
        Word::put(&id.direction, put);
        Number::put(&id.netns, put);
        Number::put(&id.local_port(), put);
        put(Cell::Plain(&name(id)));
    }

    fn read(fields: &mut Fields<'_>) -> Read<PeerId> {
        let direction = Word::read(fields)?;
        let netns = Number::read(fields)?;
        let local_port: Option<u16> = Number::read(fields)?;
        let named = fields.word(read_name)?;
        let (network, remote_port) = fields.needed(named)?;
        Ok(PeerId {
            netns,
            direction,
            port: local_port.or(remote_port).unwrap_or(0),
            network,
            process: None,
            program: None,
        })
    }
}

/// The peer as it stands in the file; an outbound one with the port it is reached at.
fn name(id: &PeerId) -> String {
    match id.direction {
        Direction::Inbound => id.name(),
        Direction::Outbound => id.endpoint(),
    }
}

/// An address, or a network with its prefix length.
fn network_name(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// `192.0.2.7`, `192.0.2.0/24`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::/64]:443`.
fn read_name(text: &str) -> Option<(IpNet, Option<u16>)> {
    let network = |text: &str| -> Option<IpNet> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.ok().or_else(|| text.parse().ok())
    };
    if let Some(whole) = network(text) {
        return Some((whole, None));
    }
    let (host, port) = text.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    Some((network(host)?, Some(port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_peers_come_back() {
        for network in ["192.0.2.7/32", "192.0.2.0/24", "2001:db8::1/128", "2001:db8::/64"] {
            for direction in [Direction::Inbound, Direction::Outbound] {
                let id = PeerId {
                    netns: 1,
                    direction,
                    port: 443,
                    network: network.parse().unwrap(),
                    process: None,
                    program: None,
                };
                let (read, port) = read_name(&name(&id)).unwrap();
                assert_eq!((read, port), (id.network, id.remote_port()), "{}", name(&id));
            }
        }
        assert_eq!(read_name("host"), None);
        assert_eq!(read_name("[::1]:http"), None);
    }

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

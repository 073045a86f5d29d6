//! Values that take several columns, and addresses with their attributes.

use std::{marker::PhantomData, net::IpAddr};

use ipnet::IpNet;

use super::{Address, Column, Count, Number, Put, Read, Word};
use crate::{
    evidence::cells::{Cell, CellType, Fields},
    model::{
        figure::Table,
        owner::Process,
        peer::{Closes, Direction, PeerId},
        sample::Known,
    },
};

/// One end of a connection.
macro_rules! end {
    ($(#[$doc:meta])* $column:ident: $names:expr) => {
        $(#[$doc])*
        pub(in crate::evidence::rows) struct $column;

        impl Column<(IpAddr, u16)> for $column {
            const NAMES: Option<&'static [&'static str]> = Some(&$names);
            const TYPES: &'static [CellType] = &[CellType::Address, CellType::Number];

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

/// Ended connections, one column per reason.
pub(in crate::evidence::rows) struct ByReason;

impl Column<Closes> for ByReason {
    const NAMES: Option<&'static [&'static str]> = Some(&[
        "closes_local_fin",
        "closes_remote_fin",
        "closes_local_rst",
        "closes_remote_rst",
        "closes_timeout",
    ]);
    const TYPES: &'static [CellType] = &[CellType::Number; 5];

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

/// `N` of the figures of a table shown as counted, after the first `SKIP`.
pub(in crate::evidence::rows) struct Shown<T, const SKIP: usize>(PhantomData<T>);

impl<T: Table, const SKIP: usize, const N: usize> Column<[Option<u64>; N]> for Shown<T, SKIP> {
    const NAMES: Option<&'static [&'static str]> = Some(T::SHOWN.split_at(SKIP).1.split_at(N).0);
    const TYPES: &'static [CellType] = &[CellType::Number; N];

    fn put(values: &[Option<u64>; N], put: Put<'_>) {
        for value in values {
            Count::put(value, put);
        }
    }

    fn read(fields: &mut Fields<'_>) -> Read<[Option<u64>; N]> {
        let mut values = [None; N];
        for value in &mut values {
            // Older recordings have fewer.
            if fields.is_more() {
                *value = Count::read(fields)?;
            }
        }
        Ok(values)
    }
}

impl<T: Table, const SKIP: usize> Shown<T, SKIP> {
    /// The values for these columns.
    pub(in crate::evidence::rows) fn of<const N: usize>(
        figures: &T::Shown,
        known: Known,
    ) -> [Option<u64>; N] {
        let mut values = [None; N];
        for (value, shown) in values.iter_mut().zip(T::shown().skip(SKIP)) {
            *value = shown.written(figures, known);
        }
        values
    }

    /// Sets the figures to the values of these columns.
    pub(in crate::evidence::rows) fn set(values: &[Option<u64>], figures: &mut T) {
        for (value, shown) in values.iter().zip(T::shown().skip(SKIP)) {
            if let Some(value) = value {
                (shown.set)(figures, Some(shown.unit.read(*value)));
            }
        }
    }
}

/// A process.
pub(in crate::evidence::rows) struct Owner;

impl Column<Option<Process>> for Owner {
    const NAMES: Option<&'static [&'static str]> = Some(&["owner_pid", "owner_comm"]);
    const TYPES: &'static [CellType] = &[CellType::Number, CellType::Text];

    fn put(owner: &Option<Process>, put: Put<'_>) {
        Number::put(&owner.as_ref().map(|owner| owner.pid), put);
        put(owner
            .as_ref()
            .map_or(Cell::Unknown, |owner| Cell::Outside(&owner.comm)));
    }

    fn read(fields: &mut Fields<'_>) -> Read<Option<Process>> {
        let pid: Option<u32> = Number::read(fields)?;
        let comm = fields.outside()?.unwrap_or_default().into_owned();
        Ok(pid.map(|pid| Process {
            pid,
            comm,
            workload: None,
        }))
    }
}

/// An address or a network.
pub(in crate::evidence::rows) struct Network;

impl Column<Option<IpNet>> for Network {
    const TYPES: &'static [CellType] = &[CellType::Text];

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

/// What identifies a peer, except its process and interface. For an outbound peer `local_port` is empty,
/// since it changes each time; the service's port follows the address in `peer`.
pub(in crate::evidence::rows) struct Id;

impl Column<PeerId> for Id {
    const NAMES: Option<&'static [&'static str]> = Some(&["direction", "netns", "local_port", "peer"]);
    const TYPES: &'static [CellType] = &[CellType::Text, CellType::Number, CellType::Number, CellType::Text];

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
            interface: None,
            process: None,
            program: None,
        })
    }
}

/// The peer as written in the file; for an outbound one, with the service's port.
fn name(id: &PeerId) -> String {
    match id.direction {
        Direction::Inbound => id.address(),
        Direction::Outbound => PeerId {
            interface: None,
            ..*id
        }
        .endpoint(),
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
                    interface: None,
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
}

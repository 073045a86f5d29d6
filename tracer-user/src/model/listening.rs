//! What listeners hold.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{
    backlog::Backlog,
    figure::Table,
    history::PortKey,
    owner::Owner,
    peer::Direction,
    socket::{Connection, Listener, Since, Sockets, State},
};

/// What one or several listening sockets hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// Connections open.
    pub held: u64,
    /// Of these, in CLOSE_WAIT.
    pub close_wait: u64,
    /// Of these, not yet accepted by any process.
    pub never_accepted: u64,
    /// When the first of those came, monotonic, ns.
    pub waiting_since_ns: Option<u64>,
    /// Connections that occupy a worker of a server that gives each one for as long as it is open: accepted,
    /// and not closed by the server yet.
    pub occupied: u64,
    /// What the kernel says of them.
    pub backlog: Backlog,
    /// Who listens.
    pub owner: Owner,
}

impl Holding {
    fn add_listener(&mut self, listener: &Listener) {
        self.backlog.each_absorb(&listener.backlog);
        if self.owner.process().is_none() {
            self.owner = listener.owner.clone();
        }
    }

    fn add(&mut self, connection: &Connection) {
        let accepted =
            connection.has_file && matches!(connection.state, State::Established | State::CloseWait);
        self.held += 1;
        self.close_wait += u64::from(connection.state == State::CloseWait);
        self.occupied += u64::from(accepted);
        if connection.never_accepted() {
            self.never_accepted += 1;
            if let Since::Opened(at) | Since::Seeded(at) = connection.since {
                let since = self.waiting_since_ns.get_or_insert(at);
                *since = at.min(*since);
            }
        }
    }
}

/// By port: several sockets on it (one per address, or `SO_REUSEPORT`) are taken together.
pub fn by_port(sockets: &Sockets) -> BTreeMap<PortKey, Holding> {
    let port = |listener: &Listener| (listener.netns, listener.port);
    by(sockets, port, |_, connection| inbound_port(connection))
}

/// By address and port. A connection is held by the listener on its own address before those on all.
pub fn by_address(sockets: &Sockets) -> BTreeMap<(u32, u16, IpAddr), Holding> {
    let any4: IpAddr = Ipv4Addr::UNSPECIFIED.into();
    let any6: IpAddr = Ipv6Addr::UNSPECIFIED.into();
    let address = |listener: &Listener| (listener.netns, listener.port, listener.address);
    by(sockets, address, |found, connection| {
        let (netns, port) = inbound_port(connection)?;
        [connection.local.0, any4, any6]
            .into_iter()
            .filter(|address| *address != any4 || connection.local.0.is_ipv4())
            .map(|address| (netns, port, address))
            .find(|key| found.contains_key(key))
    })
}

fn by<K: Ord>(
    sockets: &Sockets,
    key: impl Fn(&Listener) -> K,
    holder: impl Fn(&BTreeMap<K, Holding>, &Connection) -> Option<K>,
) -> BTreeMap<K, Holding> {
    let mut found = BTreeMap::new();
    for listener in &sockets.listeners {
        let empty = || Holding {
            held: 0,
            close_wait: 0,
            never_accepted: 0,
            waiting_since_ns: None,
            occupied: 0,
            backlog: Backlog::default(),
            owner: listener.owner.clone(),
        };
        found
            .entry(key(listener))
            .or_insert_with(empty)
            .add_listener(listener);
    }
    for connection in &sockets.connections {
        if let Some(holding) = holder(&found, connection).and_then(|key| found.get_mut(&key)) {
            holding.add(connection);
        }
    }
    found
}

/// The listening port a connection came in on.
fn inbound_port(connection: &Connection) -> Option<PortKey> {
    (connection.direction == Direction::Inbound).then_some((connection.netns, connection.local.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::owner::Reason;

    fn listener(address: &str, accept_queue: u64) -> Listener {
        Listener {
            netns: 1,
            address: address.parse().unwrap(),
            port: 443,
            backlog: Backlog {
                accept_queue,
                accept_queue_limit: 10,
                ..Backlog::default()
            },
            inode: None,
            owner: Owner::Unknown(Reason::NotPermitted),
        }
    }

    fn connection(local: &str, since: u64, has_file: bool) -> Connection {
        Connection {
            local: (local.parse().unwrap(), 443),
            since: Since::Opened(since),
            has_file,
            ..Connection::unknown(1, Direction::Inbound)
        }
    }

    fn sockets() -> Sockets {
        let outbound = Connection {
            direction: Direction::Outbound,
            ..connection("192.0.2.1", 1, true)
        };
        Sockets {
            listeners: vec![listener("192.0.2.1", 2), listener("::", 1)],
            connections: vec![
                connection("192.0.2.1", 7, false),
                connection("192.0.2.1", 5, false),
                connection("192.0.2.2", 3, true),
                connection("2001:db8::1", 3, true),
                outbound,
            ],
            ..Sockets::default()
        }
    }

    #[test]
    fn a_port_holds_what_all_its_sockets_do() {
        let ports = by_port(&sockets());
        let port = &ports[&(1, 443)];
        assert_eq!(
            (ports.len(), port.held, port.occupied, port.never_accepted),
            (1, 4, 2, 2)
        );
        assert_eq!(
            (port.backlog.accept_queue, port.backlog.accept_queue_limit),
            (3, 20)
        );
        assert_eq!(port.waiting_since_ns, Some(5));
    }

    #[test]
    fn a_listener_on_the_own_address_comes_before_those_on_all() {
        let addresses = by_address(&sockets());
        let held: Vec<(IpAddr, u64)> = addresses
            .iter()
            .map(|((_, _, address), holding)| (*address, holding.held))
            .collect();
        let [own, all] = ["192.0.2.1", "::"].map(|address| address.parse().unwrap());
        assert_eq!(held, [(own, 2), (all, 2)]);
    }
}

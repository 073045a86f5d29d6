//! A fleet: web servers on several hosts behind a balancer, each recorded by itself, and clients of known
//! behaviour that keep a log. What is said of the clients over all hosts must be what they say themselves,
//! whichever program adds it up.

mod clients;
pub mod engines;
mod host;
mod network;
pub mod rows;
pub mod scale;
pub mod spark;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::clients::{Kind, Logged};
use self::{clients::Clients, host::Host, network::Network};

/// The service that the hosts provide together.
pub const SERVICE: &str = "shop";

/// A fleet that has been recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The clients' kinds.
    pub kinds: Vec<Kind>,
    /// Their log.
    pub log: BTreeMap<IpAddr, Logged>,
    /// The hosts' names, and where their recordings are.
    pub hosts: Vec<(String, PathBuf)>,
}

/// Lets this many hosts work for `time`, and records each into a directory of its own below `folder`. The
/// calling thread moves to other network namespaces.
///
/// # Panics
/// If something cannot be started, or a client fails.
pub fn record(hosts: u8, time: Duration, folder: &Path) -> Recorded {
    let kinds = clients::kinds(time, hosts);
    let network = Network::new(hosts);
    let in_turn = clients::numbered(&kinds).filter(|(_, (_, kind))| kind.in_turn);
    let machines = (1..).zip(&network.hosts);
    let at_work: Vec<Host> = machines
        .map(|(number, machine)| Host::start(number, machine, folder))
        .collect();
    let balancer = network.balance(folder, in_turn.map(|(n, _)| n));
    network.clients.enter();
    let clients = Clients::start(&kinds, time);
    let log = clients.finish(time);
    // The clients hold their connections until the recorders have ended.
    let hosts = at_work.into_iter().map(Host::finish).collect();
    drop((clients, balancer));
    Recorded { kinds, log, hosts }
}

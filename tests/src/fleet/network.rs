//! The machines of a fleet: a network namespace for each host, one for the balancer and one for all clients.

use std::{net::Ipv4Addr, path::Path};

use crate::{
    namespace::{Namespace, Resident},
    servers::{self, Server, command},
};

/// Where the web servers of all hosts and the balancer listen.
pub(super) const PORT: u16 = 8080;

/// Where the balancer listens besides, so that it is known when it is ready.
const READY: u16 = 8081;

/// Networks that are set apart for tests between devices: one for the clients, one for the hosts.
const FRONT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const CLIENTS: Ipv4Addr = Ipv4Addr::new(198, 18, 16, 0);

/// A machine: its namespace, and the process that keeps it.
pub(super) struct Machine {
    pub(super) namespace: Namespace,
    resident: Resident,
}

impl Machine {
    /// Makes one. The calling thread is in it then.
    fn new() -> Self {
        let namespace = Namespace::new();
        let resident = namespace.resident();
        Self { namespace, resident }
    }

    /// Moves the calling thread to it. What it starts from then on runs there.
    pub(super) fn enter(&self) {
        self.resident.enter();
    }
}

/// All machines, and the wires between them.
pub(super) struct Network {
    pub(super) clients: Machine,
    pub(super) balancer: Machine,
    pub(super) hosts: Vec<Machine>,
}

impl Network {
    /// Makes this many hosts.
    pub(super) fn new(hosts: u8) -> Self {
        let clients = Machine::new();
        let hosts: Vec<Machine> = (0..hosts).map(|_| Machine::new()).collect();
        let balancer = Machine::new();
        let run = |line: &str| balancer.namespace.run(line);
        run(&wire("front", &clients));
        run(&format!("ip address add {FRONT}/16 dev front"));
        // Answers to a client's address come back here and not to the client: the balancer's own connections
        // to the hosts are in the clients' names.
        run("ip route add local default dev lo table 100");
        for (number, host) in (1..).zip(&hosts) {
            let name = format!("web{number}");
            run(&wire(&name, host));
            run(&format!("ip address add {}/24 dev {name}", gateway(number)));
            run(&format!("ip rule add iif {name} lookup 100"));
            host.enter();
            host.namespace
                .run(&format!("ip address add {}/24 dev eth0", web(number)));
            host.namespace.run("ip link set eth0 up");
            host.namespace
                .run(&format!("ip route add default via {}", gateway(number)));
            balancer.enter();
        }
        clients.enter();
        clients.namespace.run("ip address add 198.18.0.2/16 dev eth0");
        clients.namespace.run("ip link set eth0 up");
        clients
            .namespace
            .run(&format!("ip route add local {CLIENTS}/20 dev lo"));
        Self {
            clients,
            balancer,
            hosts,
        }
    }

    /// Starts HAProxy, which gives one connection after the other to one host after the other. For each of
    /// the clients `in_turn` it goes round the hosts apart from all others, so that it is known which get how
    /// many of theirs.
    pub(super) fn balance(&self, folder: &Path, in_turn: impl Iterator<Item = u16>) -> Server {
        let hosts = self.hosts.len();
        let backend = |name: &str, first: usize| {
            let mut text =
                format!("backend {name}\n  balance roundrobin\n  source 0.0.0.0 usesrc clientip\n");
            for number in (0..hosts).map(|n| (first + n) % hosts + 1) {
                let number = u8::try_from(number).expect("a number of a host");
                text.push_str(&format!("  server web{number} {}:{PORT}\n", web(number)));
            }
            text
        };
        let mut config = format!(
            "global\n  maxconn 4000\n
defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n
frontend ready\n  bind 127.0.0.1:{READY}\n
frontend web\n  bind {FRONT}:{PORT}\n  use_backend of-%[src]\n  default_backend all\n
{}",
            backend("all", 0)
        );
        for n in in_turn {
            config.push_str(&backend(&format!("of-{}", client(n)), usize::from(n)));
        }
        self.balancer.enter();
        let mut haproxy = command("haproxy");
        haproxy.args(["-db", "-f", &servers::write(folder, "haproxy.cfg", &config)]);
        Server::start(haproxy, READY)
    }
}

/// Where clients connect to.
pub(super) fn front() -> (Ipv4Addr, u16) {
    (FRONT, PORT)
}

/// The address of a client.
pub(super) fn client(n: u16) -> Ipv4Addr {
    // The first is the network's own.
    Ipv4Addr::from_bits(CLIENTS.to_bits() + 1 + u32::from(n))
}

/// The address of a host, which are counted from 1.
fn web(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 19, number, 2)
}

/// The balancer's address on a host's network.
fn gateway(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 19, number, 1)
}

/// The command for a wire that is `name` here and `eth0` there.
fn wire(name: &str, there: &Machine) -> String {
    let pid = there.resident.pid();
    format!("ip link add {name} up type veth peer name eth0 netns {pid}")
}

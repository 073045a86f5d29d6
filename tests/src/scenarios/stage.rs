//! The running servers and clients of one scenario, in their own network namespace and runtime.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tcpreuse::testing::demo::{LongPollServer, ServerConfig};
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::sleep,
};

use super::{
    Group, Scenario, Server,
    client::{Client, Tally},
    connection::Way,
    door::Door,
    own::{Manner, Own},
};
use crate::{
    apache::Apache,
    namespace::Namespace,
    servers::{self, Certificate, folder},
    traffic::source,
};

/// The clients of a group start at random times within this period.
const BEGIN_WITHIN: Duration = Duration::from_millis(300);

/// Connection limit of the upstream and the leaking server; more than any scenario needs.
const MOST_CONNECTIONS: usize = 4096;

/// The work done by the clients of a group, as counted by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Connects that succeeded.
    pub opened: u64,
    /// Polls answered.
    pub polls: u64,
    /// Connects and polls that failed unintentionally.
    pub failed: u64,
}

/// The addresses of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) client: IpAddr,
    /// The address at which it reaches the server.
    pub(super) server: IpAddr,
}

/// Everything that runs. Dropping it ends the clients first, then Apache, then the rest.
pub(super) struct Stage {
    clients: JoinSet<()>,
    tallies: Vec<Arc<Tally>>,
    apache: Option<Apache>,
    address: SocketAddr,
    runtime: Option<Runtime>,
    own: Option<Own>,
    certificate: Certificate,
    _installed: Vec<servers::Server>,
    _folders: Vec<TempDir>,
    /// Serves until it is dropped.
    _upstream: LongPollServer,
}

impl Stage {
    /// Starts the servers in the calling thread's network namespace.
    pub(super) fn set(scenario: &Scenario, namespace: &Namespace) -> Self {
        for (name, value) in scenario.sysctls {
            namespace.sysctl(name, value);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let config = ServerConfig {
            max_connections: MOST_CONNECTIONS,
            ..ServerConfig::default()
        };
        let inside = runtime.enter();
        let upstream = LongPollServer::start(config).expect("the upstream");
        let manner = match scenario.server {
            Server::Own(manner) => Some(manner),
            Server::Installed(_) => Some(Manner::default()),
            _ => None,
        };
        let own = manner.map(|manner| Own::start(manner).expect("a server of our own"));
        drop(inside);
        let secrets = folder();
        let certificate = Certificate::new(secrets.path());
        let mut folders = vec![secrets];
        let mut installed = Vec::new();
        let (apache, address) = match &scenario.server {
            Server::Apache(knobs) => {
                let apache = Apache::start(knobs, upstream.local_addr(), &certificate);
                let address = apache.address();
                (Some(apache), address)
            }
            Server::Leaky => (None, upstream.local_addr()),
            Server::Own(_) => (None, Own::address()),
            Server::Installed(several) => {
                for one in *several {
                    let folder = folder();
                    installed.push(one.start(folder.path(), &certificate));
                    folders.push(folder);
                }
                (None, Own::address())
            }
        };
        Self {
            clients: JoinSet::new(),
            tallies: Vec::new(),
            apache,
            address,
            runtime: Some(runtime),
            own,
            certificate,
            _installed: installed,
            _folders: folders,
            _upstream: upstream,
        }
    }

    /// The ports that clients connect to.
    pub(super) fn ports(&self, scenario: &Scenario) -> Vec<u16> {
        let ports: BTreeSet<u16> = scenario
            .groups
            .iter()
            .map(|group| self.door(group).port)
            .collect();
        ports.into_iter().collect()
    }

    fn door(&self, group: &Group) -> Door {
        group.door.unwrap_or(Door::http(self.address.port()))
    }

    /// Starts the clients; returns the addresses of each group, in the order of the groups.
    pub(super) fn begin(&mut self, scenario: &Scenario) -> Vec<Vec<Addresses>> {
        let runtime = self.runtime.as_ref().expect("a runtime until the end");
        let _inside = runtime.enter();
        let both = scenario.traces_both_ends();
        let mut next = 0;
        let mut all = Vec::new();
        for group in &scenario.groups {
            let tally = Arc::new(Tally::default());
            self.tallies.push(Arc::clone(&tally));
            let mut of_group = Vec::new();
            let door = self.door(group);
            // Clients of a group resume each other's TLS sessions.
            let tls = door.connector(&self.certificate.der);
            for n in next..next + group.clients {
                let addresses = Addresses {
                    client: source(n),
                    // In the client's view the server's address is the peer, so each client uses a different
                    // one.
                    server: if both { server(n) } else { self.address.ip() },
                };
                of_group.push(addresses);
                let way = Way {
                    address: SocketAddr::new(addresses.server, door.port),
                    door,
                    tls: tls.clone(),
                };
                let mut client = Client::new(addresses.client, way, Arc::clone(&tally), u64::from(n) + 1);
                let Group { behaviour, after, .. } = group.clone();
                self.clients.spawn(async move {
                    sleep(after).await;
                    client.wait_within(BEGIN_WITHIN).await;
                    let _: Infallible = client.run(behaviour).await;
                });
            }
            next += group.clients;
            all.push(of_group);
        }
        all
    }

    /// Ends the server with all its connections and starts it again.
    pub(super) fn restart(&mut self) {
        let runtime = self.runtime.as_ref().expect("a runtime until the end");
        let _inside = runtime.enter();
        let own = self.own.as_mut().expect("only our own server restarts");
        own.restart();
    }

    /// The work done by each group so far.
    pub(super) fn done(&self) -> Vec<Done> {
        let read = |tally: &Arc<Tally>| Done {
            opened: tally.opened.load(Ordering::Relaxed),
            polls: tally.polls.load(Ordering::Relaxed),
            failed: tally.failed.load(Ordering::Relaxed),
        };
        self.tallies.iter().map(read).collect()
    }

    /// Apache's log, for failure messages.
    pub(super) fn log(&self) -> String {
        self.apache.as_ref().map(Apache::log).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.clients.abort_all();
        self.apache = None;
        self.own = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}

/// The `n`-th loopback address for a server that listens on all addresses, below those of the clients.
fn server(n: u16) -> IpAddr {
    let high = u8::try_from(n / 200).expect("few clients that are seen from both ends");
    let low = u8::try_from(n % 200).expect("less than 200");
    IpAddr::V4(Ipv4Addr::new(127, 0, 1 + high, 1 + low))
}

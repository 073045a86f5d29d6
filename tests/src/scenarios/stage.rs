//! The servers and the clients of one scenario at work, in a network namespace and a runtime.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tcpreuse::demo::{LongPollServer, ServerConfig};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::sleep,
};

use super::{
    Group, Scenario, Server,
    client::{Client, Tally},
};
use crate::{apache::Apache, namespace::Namespace, traffic::source};

/// Clients of a group begin within this time, at odds with each other.
const BEGIN_WITHIN: Duration = Duration::from_millis(300);

/// Connections the upstream and the leaking server take: more than any scenario has.
const MOST_CONNECTIONS: usize = 4096;

/// What the clients of a group did together, by their own count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Connects that succeeded.
    pub opened: u64,
    /// Polls that were answered.
    pub polls: u64,
    /// Connects and polls that failed without being meant to.
    pub failed: u64,
}

/// Everything that runs. Dropping it ends it all: clients first, then Apache, then the rest.
pub(super) struct Stage {
    clients: JoinSet<()>,
    tallies: Vec<Arc<Tally>>,
    apache: Option<Apache>,
    address: SocketAddr,
    runtime: Option<Runtime>,
    /// Serves for as long as it is here.
    _upstream: LongPollServer,
}

impl Stage {
    /// Sets up the servers in the calling thread's namespace.
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
        drop(inside);
        let (apache, address) = match &scenario.server {
            Server::Apache(knobs) => {
                let apache = Apache::start(knobs, upstream.local_addr());
                let address = apache.address();
                (Some(apache), address)
            }
            Server::Leaky => (None, upstream.local_addr()),
        };
        Self {
            clients: JoinSet::new(),
            tallies: Vec::new(),
            apache,
            address,
            runtime: Some(runtime),
            _upstream: upstream,
        }
    }

    /// Where clients connect to.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends the clients out. Each group gets its addresses, in the order of the groups.
    pub(super) fn begin(&mut self, groups: &[Group]) -> Vec<Vec<IpAddr>> {
        let runtime = self.runtime.as_ref().expect("a runtime until the end");
        let _inside = runtime.enter();
        let mut next = 0;
        let mut addresses = Vec::new();
        for group in groups {
            let tally = Arc::new(Tally::default());
            self.tallies.push(Arc::clone(&tally));
            let mut sources = Vec::new();
            for n in next..next + group.clients {
                let mut client = Client::new(source(n), self.address, Arc::clone(&tally), u64::from(n) + 1);
                sources.push(source(n));
                let Group { behaviour, after, .. } = *group;
                self.clients.spawn(async move {
                    sleep(after).await;
                    client.wait_within(BEGIN_WITHIN).await;
                    let _: Infallible = client.run(behaviour).await;
                });
            }
            next += group.clients;
            addresses.push(sources);
        }
        addresses
    }

    /// What each group has done so far.
    pub(super) fn done(&self) -> Vec<Done> {
        let read = |tally: &Arc<Tally>| Done {
            opened: tally.opened.load(Ordering::Relaxed),
            polls: tally.polls.load(Ordering::Relaxed),
            failed: tally.failed.load(Ordering::Relaxed),
        };
        self.tallies.iter().map(read).collect()
    }

    /// What Apache has said, for when something is odd.
    pub(super) fn log(&self) -> String {
        self.apache.as_ref().map(Apache::log).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.clients.abort_all();
        self.apache = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}

//! The demo's clients as a group: starting, stopping, counting and releasing them. Which clients take part is
//! in `cast`, and what a single one does in `worker`.
//!
//! A group goes through three states, the first two of which are types. While [`Running`] it works. While
//! [`Held`] nothing is opened or closed, so that a last look at the sockets can be compared with the tallies.
//! Then it is dropped, with all its connections.

use std::net::SocketAddr;

use tokio::{sync::watch, task::JoinSet};

use super::{
    cast::Client,
    worker::{Connection, Work, Worker},
};

/// What one client did by its own count, for comparison with the kernel's count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The client.
    pub client: Client,
    /// Successful connects.
    pub opened: u64,
    /// Connections it closed. The server's end may still be open.
    pub closed: u64,
    /// Connections it still holds: `opened - closed`.
    pub open_now: u64,
    /// Answered polls.
    pub polls: u64,
    /// Failed connects and polls. The reasons are logged.
    pub failed: u64,
}

/// Clients at work. Dropping it stops them and closes their connections.
#[derive(Debug)]
#[must_use = "the clients end when this is dropped"]
pub struct Running {
    stop: watch::Sender<bool>,
    workers: JoinSet<(Client, Work)>,
}

impl Running {
    /// Starts the clients against a server.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(clients: impl IntoIterator<Item = Client>, server: SocketAddr) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut workers = JoinSet::new();
        for client in clients {
            let worker = Worker::new(client, server, stopped.clone());
            workers.spawn(async move { (client, worker.run().await) });
        }
        Self { stop, workers }
    }

    /// Stops the clients and returns once the last poll in flight is answered. Nothing is opened or closed
    /// after that. Takes up to [`LONGEST_HOLD`](super::behaviour::LONGEST_HOLD), plus five seconds if the
    /// server is dead.
    pub async fn hold(self) -> Held {
        self.stop.send_replace(true);
        let (mut tallies, mut connections) = (Vec::new(), Vec::new());
        for (client, work) in self.workers.join_all().await {
            tallies.push(Tally {
                client,
                opened: work.opened,
                closed: work.closed,
                open_now: work.held.len() as u64,
                polls: work.polls,
                failed: work.failed,
            });
            connections.extend(work.held);
        }
        tallies.sort_by_key(|tally| (tally.client.behaviour, tally.client.source));
        Held { tallies, connections }
    }
}

/// Stopped clients with the connections they had.
#[derive(Debug)]
#[must_use = "the connections close when this is dropped"]
pub struct Held {
    tallies: Vec<Tally>,
    connections: Vec<Connection>,
}

impl Held {
    /// The final counts, one per client, ordered by behaviour and address.
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Closes the connections, as dropping does.
    pub fn release(self) {
        drop(self.connections);
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use procfs::net::TcpState::{CloseWait, Established, TimeWait};
    use tokio::{runtime::Handle, time::sleep};

    use super::*;
    use crate::demo::{
        behaviour::Behaviour,
        server::{LongPollServer, ServerConfig},
        testing::{eventually, sockets},
    };

    /// One client of each kind, at addresses no other test uses.
    fn one_of_each(net: u8) -> Vec<Client> {
        (1..)
            .zip(Behaviour::ALL)
            .map(|(n, behaviour)| Client {
                source: Ipv4Addr::new(127, 20, net, n),
                behaviour,
            })
            .collect()
    }

    /// Sockets of one client at its own end and at the server's, from the kernel's list.
    ///
    /// TIME_WAIT is left out: its sockets share a table of the whole host, which an earlier load test can
    /// fill, and the kernel then drops them.
    fn kernels(client: Client, server: SocketAddr) -> [usize; 3] {
        let own = |state| {
            sockets(|entry| {
                let ends = (entry.local_address.ip(), entry.remote_address);
                ends == (client.source.into(), server) && entry.state == state
            })
        };
        let servers = |state| {
            sockets(|entry| {
                let ends = (entry.local_address, entry.remote_address.ip());
                ends == (server, client.source.into()) && entry.state == state
            })
        };
        [own(Established), servers(Established), servers(CloseWait)]
    }

    #[tokio::test]
    async fn tallies_agree_with_the_kernel_and_nothing_is_left_behind() {
        let server = LongPollServer::start(ServerConfig::default()).unwrap();
        let address = server.local_addr();
        let clients = Running::start(one_of_each(1), address);
        sleep(Duration::from_secs(2)).await;
        let held = clients.hold().await;
        let tallies = held.tallies().to_vec();

        for tally in &tallies {
            let Tally {
                client,
                opened,
                closed,
                open_now,
                polls,
                failed,
            } = *tally;
            assert_eq!((opened - closed, failed), (open_now, 0), "{tally:?}");
            // The numbers depend on the machine; how they relate does not.
            let expected = match client.behaviour {
                Behaviour::Reusing => opened == 1 && open_now == 1 && polls >= 1,
                Behaviour::FreshPerRequest => opened >= 1 && open_now == 0 && polls == opened,
                Behaviour::PilingUp => opened >= 1 && open_now == opened && polls >= opened,
                Behaviour::CloseWaitLeak => opened >= 1 && open_now == 0 && polls == opened,
                Behaviour::TooQuiet => opened == 1 && open_now == 0 && polls == 1,
            };
            assert!(expected, "{tally:?}");
            let leaks = client.behaviour == Behaviour::CloseWaitLeak;
            let ours =
                [open_now, open_now, if leaks { opened } else { 0 }].map(|n| usize::try_from(n).unwrap());
            eventually("the kernel's count", || kernels(client, address) == ours).await;
        }

        sleep(Duration::from_millis(500)).await;
        assert_eq!(held.tallies(), tallies, "nothing moves while held");
        held.release();
        server.shutdown().await;
        eventually("the last socket to close", || {
            sockets(|entry| {
                (entry.local_address == address || entry.remote_address == address) && entry.state != TimeWait
            }) == 0
        })
        .await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }

    #[tokio::test]
    async fn a_dead_server_is_told_in_the_tallies() {
        let server = LongPollServer::start(ServerConfig::default()).unwrap();
        let address = server.local_addr();
        server.shutdown().await;
        let clients = Running::start(one_of_each(2), address);
        sleep(Duration::from_secs(2)).await;
        for tally in clients.hold().await.tallies() {
            assert!(tally.failed > 0, "{tally:?}");
            assert_eq!((tally.opened, tally.closed, tally.polls), (0, 0, 0));
        }
    }

    #[tokio::test]
    async fn dropping_the_clients_ends_them() {
        let server = LongPollServer::start(ServerConfig::default()).unwrap();
        let clients = Running::start(one_of_each(3), server.local_addr());
        sleep(Duration::from_millis(1500)).await;
        drop(clients);
        server.shutdown().await;
        eventually("the tasks to end", || {
            Handle::current().metrics().num_alive_tasks() == 0
        })
        .await;
    }
}

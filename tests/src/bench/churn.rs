//! Connections from this process to itself, as fast as one thread can make them, so that the kernel's TCP
//! state changes are a large part of the work.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddrV4},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    thread::{CpuSet, sched_setaffinity},
    time::{ClockId, clock_gettime},
};
use socket2::{Domain, SockAddr, Socket, Type};

use super::math::number;
use crate::namespace::Namespace;

/// Number of connections between two readings of the clock, which take time too.
const CONNECTIONS_PER_LOOK: u32 = 32;

/// The clients' ports. They can overlap the ephemeral range because nothing else runs in the namespace.
const FIRST_PORT: u32 = 10_000;
const PORTS: u32 = 50_000;

/// Upper limit for clients with distinct addresses.
pub const MAX_PEERS: u32 = 1 << 20;

/// A listener, and clients that connect to it.
///
/// Each connection is opened and accepted, then closed by the client and finally by the server. Loopback
/// delivers synchronously, so all of this happens in the calling thread. The two ends together make ten state
/// changes.
#[derive(Debug)]
pub struct Churn {
    listener: Socket,
    server: SockAddr,
    port: u16,
    /// Number of connections made so far, from which the next client port follows, so that no port is used
    /// twice in a row.
    made: u32,
}

/// The amount of work done.
#[derive(Clone, Copy, Debug)]
pub struct Churned {
    /// Connections opened and closed.
    pub connections: u64,
    /// Elapsed time.
    pub elapsed: Duration,
    /// CPU time of the thread.
    pub cpu: Duration,
}

impl Churned {
    /// Connections per second.
    pub fn per_second(self) -> f64 {
        number(self.connections) / self.elapsed.as_secs_f64()
    }

    /// Connections per second of CPU time.
    pub fn per_cpu_second(self) -> f64 {
        number(self.connections) / self.cpu.as_secs_f64()
    }
}

/// CPU time used by this thread so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a time after the beginning")
}

/// The address of client `number`; there are [`MAX_PEERS`] of them.
pub fn client(number: u32) -> Ipv4Addr {
    // 127.0/16 is left to servers. Loopback has no broadcast addresses to avoid.
    Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + (1 << 16) + number % MAX_PEERS)
}

/// Why client and server cannot have a CPU each.
pub const TWO_CPUS: &str = "needs two CPUs";

/// Whether client and server can have a CPU each.
pub fn has_two_cpus() -> bool {
    thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1)
}

/// Does some work in a thread that stays on one CPU, as do the processes that it starts.
///
/// # Panics
/// If there is no such CPU, or if the work fails.
pub fn on_cpu<T: Send>(cpu: usize, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let working = scope.spawn(|| {
            let mut only = CpuSet::new();
            only.set(cpu);
            sched_setaffinity(None, &only).unwrap_or_else(|error| panic!("CPU {cpu}: {error}"));
            work()
        });
        working
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Accepts connections, and closes each when its client has, until a client says something.
fn serve(listener: &Socket) {
    let mut is_last = false;
    while !is_last {
        let (mut accepted, _) = listener.accept().expect("a client");
        is_last = accepted.read(&mut [0]).is_ok_and(|read| read > 0);
    }
}

/// A client that has connected from a port.
fn connected(server: &SockAddr, peer: u32, port: u32) -> Socket {
    let port = u16::try_from(port).expect("a port");
    let end = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    end.bind(&SocketAddrV4::new(client(peer), port).into())
        .unwrap_or_else(|error| panic!("bind to {}:{port}: {error}", client(peer)));
    end.connect(server).expect("a connection");
    end
}

impl Churn {
    /// Listens in a namespace created for this purpose. It turns TIME_WAIT off there, so that ports can be
    /// reused at once.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn new(namespace: &Namespace) -> Self {
        namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "0");
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener
            .bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())
            .expect("a port");
        listener.listen(128).expect("listen");
        let server = listener.local_addr().expect("the listener's address");
        let port = server.as_socket_ipv4().expect("an IPv4 address").port();
        Self {
            listener,
            server,
            port,
            made: 0,
        }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connects a client from its first port; returns the client's end and the server's end.
    ///
    /// # Panics
    /// If it cannot connect.
    pub fn open(&mut self, peer: u32) -> (Socket, Socket) {
        self.pair(peer, FIRST_PORT)
    }

    /// Connects a client from a port; returns the client's end and the server's end.
    fn pair(&mut self, peer: u32, port: u32) -> (Socket, Socket) {
        let end = connected(&self.server, peer, port);
        let (accepted, _) = self.listener.accept().expect("a client");
        (end, accepted)
    }

    /// Opens a connection, makes one turn and leaves the connection open; returns the client's end and the
    /// server's end. Call it once for each client.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn turn(&mut self, peer: u32) -> (Socket, Socket) {
        let (mut end, mut accepted) = self.open(peer);
        let mut byte = [b'x'];
        end.write_all(&byte).expect("a request sent");
        accepted.read_exact(&mut byte).expect("a request");
        accepted.write_all(&byte).expect("an answer sent");
        end.read_exact(&mut byte).expect("an answer");
        (end, accepted)
    }

    /// Opens and closes connections of `peers` clients in rotation for `time` or slightly longer.
    pub fn run(&mut self, time: Duration, peers: u32) -> Churned {
        self.until(peers, |_, begun| begun.elapsed() >= time)
    }

    /// The same with the server in a thread of its own, client and server each on its own CPU. A client waits
    /// until the server has closed too.
    ///
    /// # Panics
    /// If a connection cannot be made.
    pub fn run_apart(&mut self, time: Duration, peers: u32) -> Churned {
        let listener = self.listener.try_clone().expect("the listener");
        thread::scope(|scope| {
            scope.spawn(|| on_cpu(1, || serve(&listener)));
            on_cpu(0, || {
                let (begun, used) = (Instant::now(), cpu_time());
                let mut connections = 0;
                let mut is_last = false;
                while !is_last {
                    is_last = begun.elapsed() >= time;
                    let (peer, port) = self.next(peers);
                    let mut end = connected(&self.server, peer, port);
                    if is_last {
                        end.write_all(b"x").expect("a word sent");
                    }
                    let _ = end.shutdown(Shutdown::Write);
                    let _ = end.read(&mut [0]);
                    connections += 1;
                }
                Churned {
                    connections,
                    elapsed: begun.elapsed(),
                    cpu: cpu_time().saturating_sub(used),
                }
            })
        })
    }

    /// Client and port of the next connection.
    fn next(&mut self, peers: u32) -> (u32, u32) {
        let (round, peer) = (self.made / peers, self.made % peers);
        self.made = self.made.wrapping_add(1);
        (peer, FIRST_PORT + round % PORTS)
    }

    /// Opens and closes connections of `peers` clients in rotation until `is_enough` returns true. It is
    /// called with the number of connections so far and the start time.
    ///
    /// # Panics
    /// If a connection cannot be made.
    pub fn until(&mut self, peers: u32, is_enough: impl Fn(u64, Instant) -> bool) -> Churned {
        let (begun, used) = (Instant::now(), cpu_time());
        let mut connections = 0;
        while !is_enough(connections, begun) {
            for _ in 0..CONNECTIONS_PER_LOOK {
                let (peer, port) = self.next(peers);
                let (end, accepted) = self.pair(peer, port);
                drop(end);
                drop(accepted);
            }
            connections += u64::from(CONNECTIONS_PER_LOOK);
        }
        Churned {
            connections,
            elapsed: begun.elapsed(),
            cpu: cpu_time().saturating_sub(used),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_an_address_of_its_own() {
        assert_eq!(client(0), Ipv4Addr::new(127, 1, 0, 1));
        assert_eq!(client(99_999), Ipv4Addr::new(127, 2, 134, 160));
        assert!(client(MAX_PEERS - 1).is_loopback());
        assert_ne!(client(MAX_PEERS - 1), client(0));
    }
}

//! Connections to itself as fast as one thread can make them: a state change of the kernel's is then a
//! large part of all that happens.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, SockAddr, Socket, Type};

use super::math::number;
use crate::namespace::Namespace;

/// Looking at the clock takes time too.
const CONNECTIONS_PER_LOOK: u32 = 32;

/// The clients' ports: those the kernel would not choose for others, if there were others.
const FIRST_PORT: u32 = 10_000;
const PORTS: u32 = 50_000;

/// The most clients with an address each.
pub const MAX_PEERS: u32 = 1 << 20;

/// A listener, and clients that connect to it.
///
/// A connection is opened, accepted, and closed by the client and then by the server. Loopback delivers
/// at once, so all of this happens in the calling thread, and both ends together change their state ten
/// times.
#[derive(Debug)]
pub struct Churn {
    listener: Socket,
    server: SockAddr,
    port: u16,
    /// Connections of all time, so that no client uses a port twice in a row.
    made: u32,
}

/// What was done.
#[derive(Clone, Copy, Debug)]
pub struct Churned {
    /// Connections, opened and closed.
    pub connections: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// How much time of the CPU.
    pub cpu: Duration,
}

impl Churned {
    /// Connections per second.
    pub fn per_second(self) -> f64 {
        number(self.connections) / self.elapsed.as_secs_f64()
    }

    /// Connections per second of the CPU's time.
    pub fn per_cpu_second(self) -> f64 {
        number(self.connections) / self.cpu.as_secs_f64()
    }
}

/// Time of the CPU that this thread has used so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a time after the beginning")
}

/// The address of a client, one of [`MAX_PEERS`].
pub fn client(number: u32) -> Ipv4Addr {
    // 127.0 is left to servers; there are no broadcast addresses on loopback.
    Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + (1 << 16) + number % MAX_PEERS)
}

impl Churn {
    /// Listens in a namespace made for it, which it sets up: a closed connection leaves nothing behind
    /// that would keep its ports.
    ///
    /// # Panics
    /// When it cannot listen.
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

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection of a client from a port: its end and the server's.
    fn pair(&mut self, peer: u32, port: u32) -> (Socket, Socket) {
        let port = u16::try_from(port).expect("a port");
        let end = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        end.bind(&SocketAddrV4::new(client(peer), port).into())
            .unwrap_or_else(|error| panic!("bind to {}:{port}: {error}", client(peer)));
        end.connect(&self.server).expect("a connection");
        let (accepted, _) = self.listener.accept().expect("a client");
        (end, accepted)
    }

    /// Opens a connection with one request and its answer, and leaves it open: the client's end and the
    /// server's. Once for each client.
    ///
    /// # Panics
    /// When the answer does not come.
    pub fn turn(&mut self, peer: u32) -> (Socket, Socket) {
        let (mut end, mut accepted) = self.pair(peer, FIRST_PORT);
        let mut byte = [b'x'];
        end.write_all(&byte).expect("a request sent");
        accepted.read_exact(&mut byte).expect("a request");
        accepted.write_all(&byte).expect("an answer sent");
        end.read_exact(&mut byte).expect("an answer");
        (end, accepted)
    }

    /// Opens and closes connections of so many clients in turn for a while, which it exceeds slightly.
    pub fn run(&mut self, time: Duration, peers: u32) -> Churned {
        self.until(peers, |_, begun| begun.elapsed() >= time)
    }

    /// Opens and closes connections of so many clients in turn until it is enough of them, or of time.
    ///
    /// # Panics
    /// When there are none to be had.
    pub fn until(&mut self, peers: u32, is_enough: impl Fn(u64, Instant) -> bool) -> Churned {
        let (begun, used) = (Instant::now(), cpu_time());
        let mut connections = 0;
        while !is_enough(connections, begun) {
            for _ in 0..CONNECTIONS_PER_LOOK {
                let (round, peer) = (self.made / peers, self.made % peers);
                self.made = self.made.wrapping_add(1);
                let (end, accepted) = self.pair(peer, FIRST_PORT + round % PORTS);
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

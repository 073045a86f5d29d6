//! Opens connections in batches as fast as one client process can, and ends each batch in another way:
//! `tcpreuse-storm SECONDS`. Two server processes accept them.
//!
//! Prints its port, waits for a line, storms, prints `WAY CONNECTIONS` for each way to end, waits for another
//! line, and ends.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "test support: stdout is the protocol with the test, and a failure must end the process"
)]

use std::{
    io::{Read, Write, stdin},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};
use tcpreuse_tests::traffic::{abort, connect, source};

/// Connections opened one after the other before the first of them ends.
const BATCH: u16 = 48;

/// Addresses of the clients.
const ADDRESSES: u16 = 100;

/// Processes that accept.
const SERVERS: usize = 2;

/// How the connections of a batch end. The reset comes twice in a round.
const ROUND: [Way; 4] = [Way::ServerFin, Way::ClientReset, Way::ClientFin, Way::ClientReset];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The server closes after one byte.
    ServerFin,
    /// The client resets.
    ClientReset,
    /// The client closes.
    ClientFin,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::ServerFin => "server_fin",
            Self::ClientReset => "client_reset",
            Self::ClientFin => "client_fin",
        }
    }

    fn end(self, mut batch: Vec<TcpStream>) {
        match self {
            Self::ServerFin => {
                for stream in &mut batch {
                    stream.write_all(b"x").expect("a byte sent");
                }
                for mut stream in batch {
                    assert_eq!(stream.read(&mut [0]).expect("the server's FIN"), 0);
                }
            }
            Self::ClientReset => batch.into_iter().for_each(abort),
            Self::ClientFin => drop(batch),
        }
    }
}

/// Accepts from the listener on its stdin and closes each connection after a byte, a FIN or a RST.
fn serve() {
    let listener = stdin().as_fd().try_clone_to_owned().expect("a listener");
    for stream in TcpListener::from(listener).incoming() {
        let _ = stream.expect("a client").read(&mut [0]);
    }
}

/// A process of this program that serves; killed on drop.
struct Server(Child);

impl Server {
    fn start(listener: &TcpListener) -> Self {
        let listener = OwnedFd::from(listener.try_clone().expect("a copy"));
        let mut command = Command::new(std::env::current_exe().expect("the own path"));
        Self(
            command
                .arg("serve")
                .stdin(Stdio::from(listener))
                .spawn()
                .expect("a server"),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Listens with room for all that the servers have not accepted yet.
fn listen() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&address.into()).expect("a port");
    socket.listen(4096).expect("listen");
    socket.into()
}

fn main() {
    let word = std::env::args().nth(1).expect("a number of seconds");
    if word == "serve" {
        return serve();
    }
    let seconds = word.parse().expect("a number of seconds");
    let listener = listen();
    let address = listener.local_addr().expect("an address");
    let servers: Vec<Server> = (0..SERVERS).map(|_| Server::start(&listener)).collect();
    println!("{}", address.port());
    stdin().read_line(&mut String::new()).expect("a line");
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut clients = (0..ADDRESSES).cycle();
    let mut rounds = 0_u64;
    while Instant::now() < end {
        for way in ROUND {
            let batch = clients
                .by_ref()
                .take(BATCH.into())
                .map(|client| connect(source(client), address).expect("a connection"))
                .collect();
            way.end(batch);
        }
        rounds += 1;
    }
    for way in [Way::ServerFin, Way::ClientReset, Way::ClientFin] {
        let times = ROUND.iter().filter(|other| **other == way).count();
        println!("{} {}", way.name(), rounds * u64::from(BATCH) * times as u64);
    }
    stdin().read_line(&mut String::new()).expect("a line, or the end");
    drop(servers);
}

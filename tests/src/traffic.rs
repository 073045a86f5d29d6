//! Real TCP traffic of known amount.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockAddr, SockAddrStorage, SockRef, Socket, Type};

use crate::pace::patience;

/// Time limit for a single step of any test, on a real CPU.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers every byte with a byte, and closes when the client does. Runs until the test process ends.
#[derive(Debug)]
pub struct EchoServer {
    /// The address it listens on.
    pub address: SocketAddr,
}

impl EchoServer {
    /// Listens on the address; the system chooses the port if it is 0. A server on `[::]` accepts IPv4
    /// clients too.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(address: impl Into<SocketAddr>) -> Self {
        let address = address.into();
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("SO_REUSEADDR");
        if address.is_ipv6() {
            socket.set_only_v6(false).expect("a dual-stack socket");
        }
        socket
            .bind(&address.into())
            .unwrap_or_else(|error| panic!("bind to {address}: {error}"));
        socket.listen(4096).expect("listen");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("the listener's address");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                thread::Builder::new()
                    .stack_size(64 << 10)
                    .spawn(move || echo(stream))
                    .expect("a thread");
            }
        });
        Self { address }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

fn echo(mut stream: TcpStream) {
    let mut byte = [0];
    while let Ok(1) = stream.read(&mut byte) {
        if stream.write_all(&byte).is_err() {
            return;
        }
    }
}

/// Connects from the given source address.
///
/// # Errors
/// If the connect fails.
///
/// # Panics
/// If the source address cannot be used.
pub fn connect(source: IpAddr, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).expect("a socket");

    socket
        .bind(&SocketAddr::new(source, 0).into())
        .unwrap_or_else(|error| panic!("bind to {source}: {error}"));
    socket.connect(&server.into())?;
    socket.set_read_timeout(Some(patience(PATIENCE)))?;
    Ok(socket.into())
}

/// Sends a request of one byte and reads the answer: one turn.
///
/// # Panics
/// If there is no answer.
pub fn turn(stream: &mut TcpStream) {
    let mut byte = [b'x'];
    stream.write_all(&byte).expect("a request sent");
    stream.read_exact(&mut byte).expect("an answer");
}

/// Connects, makes one turn, closes, and waits until the server has closed too.
///
/// # Panics
/// If any of these steps fails.
pub fn visit(source: IpAddr, server: SocketAddr) {
    let mut stream = connect(source, server).unwrap_or_else(|error| panic!("{source} to {server}: {error}"));
    turn(&mut stream);
    stream.shutdown(std::net::Shutdown::Write).expect("a FIN sent");
    assert_eq!(stream.read(&mut [0]).expect("the server's FIN"), 0);
}

/// Lets this process have as many open files as it may.
///
/// # Panics
/// If the limit cannot be raised.
pub fn allow_many_files() {
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    setrlimit(Resource::Nofile, limit).expect("more open files");
}

/// The `n`-th of many distinct loopback addresses, `n` below 60,000.
pub fn source(n: u16) -> IpAddr {
    let [high, low] = n.to_be_bytes();
    // 0 and 255 are unusual as the last byte of a host's address; 127.0/16 is left to servers.
    IpAddr::V4(Ipv4Addr::new(127, 1 + high, low / 200, 1 + low % 200))
}

/// Connects and accepts; returns the client's end and the server's end.
///
/// # Panics
/// If either fails.
pub fn pair(source: IpAddr, server: SocketAddr, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = connect(source, server).unwrap_or_else(|error| panic!("{source} to {server}: {error}"));
    let (accepted, _) = listener.accept().expect("a connection to accept");
    accepted
        .set_read_timeout(Some(patience(PATIENCE)))
        .expect("a time limit");
    (client, accepted)
}

/// Closes with an RST, by means of `SO_LINGER` with a timeout of 0.
///
/// # Panics
/// If the option cannot be set.
pub fn abort(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER");
}

/// Dissolves the socket's connection by connecting to `AF_UNSPEC`.
///
/// # Panics
/// If the kernel refuses.
pub fn disconnect(socket: &Socket) {
    // SAFETY: a zeroed address is a valid `sockaddr` of family `AF_UNSPEC`, and 16 is its length.
    let nothing = unsafe { SockAddr::new(SockAddrStorage::zeroed(), 16) };
    socket.connect(&nothing).expect("a connection dissolved");
}

/// A TCP socket as the kernel lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Local port.
    pub local_port: u16,
    /// Remote port.
    pub remote_port: u16,
    /// The kernel's number for its state.
    pub state: u8,
    /// Bytes received but not yet read.
    pub unread: u32,
}

/// The connections in the calling thread's namespace, including half-open ones but not those in TIME_WAIT.
///
/// # Panics
/// If `/proc` is not mounted.
pub fn connections() -> Vec<Listed> {
    const LISTEN: u8 = 10;
    /// Start of the timer column for a socket in TIME_WAIT.
    const TIME_WAIT_TIMER: &str = "03:";
    let number = |digits: &str| u32::from_str_radix(digits, 16).expect("a hexadecimal number");
    let port = |address: &str| {
        let (_, port) = address.rsplit_once(':').expect("an address and a port");
        u16::try_from(number(port)).expect("a port")
    };
    let mut all = Vec::new();
    for file in ["tcp", "tcp6"] {
        let listed = fs::read_to_string(format!("/proc/thread-self/net/{file}")).expect("the socket list");
        for line in listed.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let socket = Listed {
                local_port: port(fields[1]),
                remote_port: port(fields[2]),
                state: u8::from_str_radix(fields[3], 16).expect("a state"),
                unread: number(fields[4].rsplit_once(':').expect("two queues").1),
            };
            if socket.state != LISTEN && !fields[5].starts_with(TIME_WAIT_TIMER) {
                all.push(socket);
            }
        }
    }
    all
}

/// A protocol counter of the calling thread's namespace, as `nstat` shows it.
///
/// # Panics
/// If this kernel does not have it.
pub fn protocol_counter(name: &str) -> u64 {
    let listed = fs::read_to_string("/proc/thread-self/net/netstat").expect("the protocol counters");
    let lines: Vec<&str> = listed.lines().collect();
    lines
        .chunks(2)
        .flat_map(|pair| pair[0].split_whitespace().zip(pair[1].split_whitespace()))
        .find(|(found, _)| *found == name)
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or_else(|| panic!("no counter {name}"))
}

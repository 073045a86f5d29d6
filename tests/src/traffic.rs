//! Real TCP traffic whose numbers are known.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, Type};

use crate::pace::patience;

/// No step of any test takes longer, on a real CPU.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers every byte with a byte, closes when the client does. Lives until the test ends.
#[derive(Debug)]
pub struct EchoServer {
    /// Where it listens.
    pub address: SocketAddr,
}

impl EchoServer {
    /// Listens on the address, with a port of the system's choice when the port is 0. On `[::]`
    /// it takes IPv4 clients too.
    ///
    /// # Panics
    /// When it cannot listen.
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

/// Connects from an address of the test's choice.
///
/// # Errors
/// What the connect ends with.
///
/// # Panics
/// When the source address cannot be used.
pub fn connect(source: IpAddr, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).expect("a socket");

    socket
        .bind(&SocketAddr::new(source, 0).into())
        .unwrap_or_else(|error| panic!("bind to {source}: {error}"));
    socket.connect(&server.into())?;
    socket.set_read_timeout(Some(patience(PATIENCE)))?;
    Ok(socket.into())
}

/// One request of one byte and its answer.
///
/// # Panics
/// When there is no answer.
pub fn turn(stream: &mut TcpStream) {
    let mut byte = [b'x'];
    stream.write_all(&byte).expect("a request sent");
    stream.read_exact(&mut byte).expect("an answer");
}

/// Connects, makes one turn, closes, and waits until the server has closed too.
///
/// # Panics
/// When any of it fails.
pub fn visit(source: IpAddr, server: SocketAddr) {
    let mut stream = connect(source, server).unwrap_or_else(|error| panic!("{source} to {server}: {error}"));
    turn(&mut stream);
    stream.shutdown(std::net::Shutdown::Write).expect("a FIN sent");
    assert_eq!(stream.read(&mut [0]).expect("the server's FIN"), 0);
}

/// The `n`-th of many distinct loopback addresses, `n` below 60,000.
pub fn source(n: u16) -> IpAddr {
    let [high, low] = n.to_be_bytes();
    // 0 and 255 as the last number would be odd for a host; 127.0 is left to servers.
    IpAddr::V4(Ipv4Addr::new(127, 1 + high, low / 200, 1 + low % 200))
}

/// Connects and accepts: the client's end and the server's.
///
/// # Panics
/// When either fails.
pub fn pair(source: IpAddr, server: SocketAddr, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = connect(source, server).unwrap_or_else(|error| panic!("{source} to {server}: {error}"));
    let (accepted, _) = listener.accept().expect("a connection to accept");
    accepted
        .set_read_timeout(Some(patience(PATIENCE)))
        .expect("a time limit");
    (client, accepted)
}

/// Closes with a RST, as `SO_LINGER` with no time does.
///
/// # Panics
/// When the socket does not take the option.
pub fn abort(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER");
}

/// A TCP socket as the kernel lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Local port.
    pub local_port: u16,
    /// Remote port.
    pub remote_port: u16,
    /// The kernel's number of its state.
    pub state: u8,
    /// Bytes that have arrived and wait to be read.
    pub unread: u32,
}

/// The connections in the calling thread's namespace, half-open ones included, TIME_WAIT not.
///
/// # Panics
/// Without `/proc`.
pub fn connections() -> Vec<Listed> {
    const LISTEN: u8 = 10;
    /// What the timer column says of a socket that is only waited for.
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

/// A counter of the calling thread's namespace, as `nstat` shows it.
///
/// # Panics
/// When this kernel does not have it.
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

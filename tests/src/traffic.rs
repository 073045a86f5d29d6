//! Real TCP traffic whose numbers are known.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

/// No step of any test takes longer.
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
    socket.set_read_timeout(Some(PATIENCE))?;
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

//! Clients of four kinds that run until the test ends.

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tcpreuse_tests::traffic::{EchoServer, connect, source, turn, visit};

/// Running clients, stopped on drop.
pub(super) struct Clients {
    stop: Arc<AtomicBool>,
    pub(super) port: u16,
}

impl Clients {
    /// `source(0)` and `source(4)` keep their connections, `source(1)` opens one for each request,
    /// `source(2)` opens more and more and uses them all, and the server never closes those of `source(3)`.
    pub(super) fn start() -> Self {
        let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
        let stop = Arc::new(AtomicBool::new(false));
        let run = |pause_ms: u64, mut step: Box<dyn FnMut() + Send>| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    step();
                    thread::sleep(Duration::from_millis(pause_ms));
                }
            });
        };
        let address = server.address;
        for n in [0, 4] {
            let mut kept = connect(source(n), address).unwrap();
            run(50, Box::new(move || turn(&mut kept)));
        }
        run(40, Box::new(move || visit(source(1), address)));
        let mut pile: Vec<TcpStream> = Vec::new();
        run(
            150,
            Box::new(move || {
                if pile.len() < 100 {
                    pile.push(connect(source(2), address).unwrap());
                }
                pile.iter_mut().for_each(turn);
            }),
        );
        let (leaking, mut leaked) = leaking_server();
        run(
            300,
            Box::new(move || {
                if leaked.len() < 60 {
                    leak(leaking, &mut leaked);
                }
            }),
        );
        Self {
            stop,
            port: server.port(),
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

type Leaked = (TcpListener, Vec<TcpStream>);

/// A server that never closes.
fn leaking_server() -> (SocketAddr, Kept) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    (listener.local_addr().unwrap(), Kept((listener, Vec::new())))
}

struct Kept(Leaked);

impl Kept {
    fn len(&self) -> usize {
        self.0.1.len()
    }
}

fn leak(address: SocketAddr, kept: &mut Kept) {
    drop(connect(source(3), address).unwrap());
    let (mut stream, _) = kept.0.0.accept().unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    kept.0.1.push(stream);
}

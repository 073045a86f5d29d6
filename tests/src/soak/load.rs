//! Traffic that runs until it is stopped, and counts what it does.

use std::{
    collections::VecDeque,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{CARELESS, CLIENTS};
use crate::{
    random::Random,
    traffic::{EchoServer, abort, connect, source, turn, visit},
};

/// Initial visits of each client. There are enough of them to fill everything bounded, such as the view's
/// list of ended connections, before growth is measured.
const FIRST_VISITS: u16 = 12;

/// Number of client threads.
const WORKERS: u64 = 4;

/// Interval between two actions of a worker; together the workers make some 300 actions a second.
const PACE: Duration = Duration::from_millis(13);

/// Number of clients active at a time. Over time every client is active.
const ABOUT: u64 = 150;

/// Upper limit for the connections that a worker keeps open.
const KEPT: usize = 60;

/// How long the careless server leaves a connection in CLOSE_WAIT.
const LINGERING: Duration = Duration::from_secs(4);

/// The servers and the threads that act as their clients.
pub(super) struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    echo: SocketAddr,
    careless: SocketAddr,
    opened: AtomicU64,
    acts: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    /// Starts the servers.
    pub(super) fn prepare() -> Self {
        let shared = Arc::new(Shared {
            echo: EchoServer::start((Ipv4Addr::LOCALHOST, 0)).address,
            careless: careless(),
            opened: AtomicU64::new(0),
            acts: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        Self {
            shared,
            workers: Vec::new(),
        }
    }

    /// The ports of the servers, for `--port`.
    pub(super) fn ports(&self) -> String {
        format!("{},{}", self.shared.echo.port(), self.shared.careless.port())
    }

    /// Lets every client connect once, then starts the changing traffic.
    pub(super) fn begin(&mut self) {
        for _ in 0..FIRST_VISITS {
            for client in 0..CLIENTS {
                visit(source(client), self.shared.echo);
            }
        }
        for client in 0..CARELESS {
            drop(connect(source(client), self.shared.careless).expect("a connection"));
        }
        let opened = u64::from(FIRST_VISITS * CLIENTS + CARELESS);
        self.shared.opened.fetch_add(opened, Ordering::Relaxed);
        for worker in 0..WORKERS {
            let shared = Arc::clone(&self.shared);
            self.workers.push(thread::spawn(move || {
                Worker {
                    shared,
                    random: Random::new(worker + 1),
                    kept: VecDeque::new(),
                }
                .work();
            }));
        }
    }

    /// Stops the traffic, waits until the servers have closed too, and returns the number of connections
    /// opened.
    pub(super) fn end(self) -> u64 {
        self.shared.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.join().expect("a worker without a surprise");
        }
        thread::sleep(LINGERING + Duration::from_secs(1));
        self.shared.opened.load(Ordering::Relaxed)
    }
}

/// A server that closes its end long after the client's FIN.
fn careless() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("its address");
    let (to, from) = std::sync::mpsc::channel::<(Instant, TcpStream)>();
    thread::spawn(move || {
        for (came, stream) in from {
            thread::sleep((came + LINGERING).saturating_duration_since(Instant::now()));
            drop(stream);
        }
    });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if to.send((Instant::now(), stream)).is_err() {
                return;
            }
        }
    });
    address
}

struct Worker {
    shared: Arc<Shared>,
    random: Random,
    kept: VecDeque<TcpStream>,
}

impl Worker {
    fn work(mut self) {
        let mut next = Instant::now();
        while !self.shared.stop.load(Ordering::Relaxed) {
            self.act();
            next += PACE;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Does one random thing that clients do.
    fn act(&mut self) {
        match self.random.below(10) {
            0..=3 => {
                let client = self.client();
                visit(source(client), self.shared.echo);
                self.count();
            }
            4 | 5 => self.keep(),
            6 | 7 => {
                if let Some(mut stream) = self.kept.pop_front() {
                    turn(&mut stream);
                    self.kept.push_back(stream);
                }
            }
            8 => drop(self.kept.pop_front()),
            _ if self.random.below(3) == 0 => {
                let client = self.client() % CARELESS;
                drop(connect(source(client), self.shared.careless).expect("a connection"));
                self.count();
            }
            _ => {
                if let Some(stream) = self.kept.pop_front() {
                    abort(stream);
                }
            }
        }
    }

    /// Opens a connection to keep, and closes the oldest if there are too many.
    fn keep(&mut self) {
        let client = self.client();
        let mut stream = connect(source(client), self.shared.echo).expect("a connection");
        self.count();
        turn(&mut stream);
        self.kept.push_back(stream);
        if self.kept.len() > KEPT
            && let Some(mut oldest) = self.kept.pop_front()
        {
            oldest.shutdown(std::net::Shutdown::Write).expect("a FIN sent");
            assert_eq!(oldest.read(&mut [0]).expect("the server's FIN"), 0);
        }
    }

    fn count(&self) {
        self.shared.opened.fetch_add(1, Ordering::Relaxed);
    }

    fn client(&mut self) -> u16 {
        let from = self.shared.acts.fetch_add(1, Ordering::Relaxed);
        let client = (from + self.random.below(ABOUT)) % u64::from(CLIENTS);
        u16::try_from(client).expect("fewer clients than that")
    }
}
